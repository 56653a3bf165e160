//! What the way to a mail server is opened with.

use std::time::Duration;

use amtsbote_model::{MailAddress, Secret};

/// Everything that decides how letters are handed over.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's name, as in its certificate.
    pub server: String,
    /// Its port; the usual one of `security` if `None`.
    pub port: Option<u16>,
    /// Whether and when TLS begins.
    pub security: Security,
    /// Certificates (PEM) of authorities that are trusted besides the system's.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// Name and password, where the server asks for them.
    pub login: Option<Login>,
    /// From whom.
    pub from: MailAddress,
    /// How we greet.
    pub hello_name: String,
    /// Time for one letter, from connecting to the server's word.
    pub limit: Duration,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// With the first byte (port 465).
    Tls,
    /// After a plain greeting, and never without (port 587).
    StartTls,
    /// Never: letters and password can be read and changed on the way. For a server on this machine and tests (port 25).
    DangerNone,
}

/// Who we are to the server.
#[derive(Debug, Clone)]
pub struct Login {
    /// Name.
    pub user: String,
    /// Password.
    pub password: Secret,
}

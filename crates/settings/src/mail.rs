//! The mail server for reminders.

use std::path::PathBuf;

use amtsbote_model::MailAddress;
use serde::Deserialize;

use crate::{SettingsFault, fault};

/// `[gateway.mail]`; without it reminders are told to the log only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The mail server's name, as in its certificate.
    pub server: String,
    /// Its port; without it 465 for `tls`, 587 for `starttls`, 25 for `danger-none`.
    pub port: Option<u16>,
    /// `tls` from the first byte, `starttls` and never without, or `danger-none` for a server on this machine.
    pub security: Security,
    /// PEM file with further trusted roots.
    pub ca_file: Option<PathBuf>,
    /// Name for the server, if it asks for one.
    pub user: Option<String>,
    /// File with its password.
    pub password_file: Option<PathBuf>,
    /// The address reminders come from.
    pub from: String,
    /// How we greet the server; the host of `base_url` if left out.
    pub hello_name: Option<String>,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// With the first byte.
    Tls,
    /// After a plain greeting, and never without.
    #[serde(rename = "starttls")]
    StartTls,
    /// Never.
    DangerNone,
}

impl Mail {
    pub(crate) fn check(&self, faults: &mut Vec<SettingsFault>) {
        let mut complain = |key: &str, what: &str| {
            faults.push(fault(&format!("gateway.mail.{key}"), what));
        };
        if self.server.is_empty() {
            complain("server", "is empty: write the mail server's name");
        }
        if self.from.parse::<MailAddress>().is_err() {
            complain(
                "from",
                "not a mail address of the plain form name@host.example",
            );
        }
        if self.user.is_some() != self.password_file.is_some() {
            complain("user", "give both user and password_file, or neither");
        }
        if self.security == Security::DangerNone && self.user.is_some() {
            complain("security", "a password is not sent without TLS");
        }
    }
}

//! What a way out is opened with.

use std::time::Duration;

use amtsbote_model::Secret;

use crate::Cidr;

/// Everything that decides how calls are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Certificates (PEM) of authorities that are trusted besides the system's.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// Our certificate, where the peer asks for one.
    pub identity: Option<Identity>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Whom we may talk to.
    pub reach: Reach,
    /// Whether calls without TLS are made.
    pub plain_http: PlainHttp,
    /// `User-Agent`; FIT-Connect refuses calls without one.
    pub user_agent: String,
}

impl Settings {
    /// For peers of the operator's choice: TLS only, the system's roots, default limits.
    pub fn trusted(user_agent: impl Into<String>) -> Self {
        Self {
            extra_roots_pem: None,
            identity: None,
            timeouts: Timeouts::default(),
            reach: Reach::Trusted,
            plain_http: PlainHttp::Refused,
            user_agent: user_agent.into(),
        }
    }

    /// For URLs that others chose: TLS only, public addresses only (and those of `allow`), default limits.
    pub fn public(user_agent: impl Into<String>, allow: Vec<Cidr>) -> Self {
        Self {
            reach: Reach::Public { allow },
            ..Self::trusted(user_agent)
        }
    }
}

/// A client certificate with its key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The chain, leaf first (PEM).
    pub chain_pem: Vec<u8>,
    /// The private key (PEM: PKCS#8, PKCS#1 or SEC1).
    pub key_pem: Secret,
}

/// Whom calls may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Peers from the operator's settings: any address.
    Trusted,
    /// Peers that others named: `https` only, and only addresses of the public internet or of `allow`. Names are
    /// resolved, the addresses checked, and the connection goes to exactly the checked ones.
    Public {
        /// Networks that are allowed although they are not public.
        allow: Vec<Cidr>,
    },
}

/// Whether `http://` is called at all. [`Reach::Public`] never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// `https` only.
    Refused,
    /// Also `http`: tokens and ids can be read and changed on the way. For loopback and tests.
    DangerAllowed,
}

/// Limits of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, with TLS.
    pub connect: Duration,
    /// For a whole call with a bounded body, from the first to the last byte.
    pub total: Duration,
    /// For silence while a stream goes up or comes down.
    pub idle: Duration,
    /// For a whole streamed transfer, however lively.
    pub transfer: Duration,
}

impl Default for Timeouts {
    /// 5 s, 30 s, 30 s, 1 h: 500 MB (the largest attachment) need 1.2 Mbit/s.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            transfer: Duration::from_hours(1),
        }
    }
}

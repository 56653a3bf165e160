//! The way to the mail server.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio::time::timeout;

use crate::letter::mailbox;
use crate::{Letter, Security, Settings};

const SUBMISSIONS: u16 = 465;
const SUBMISSION: u16 = 587;
const SMTP: u16 = 25;

/// The way to one mail server. Opening it connects to nobody.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    limit: Duration,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").finish_non_exhaustive()
    }
}

/// Why the way was not opened: a fault of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// The sender's address is not one the library takes.
    #[error("the sender's address cannot be used")]
    From,
    /// The extra roots hold no usable certificate.
    #[error("the file of trusted authorities holds no usable certificate in PEM form")]
    Roots,
    /// TLS could not be set up.
    #[error("TLS could not be set up; is the server's name a host name?")]
    Tls,
}

/// Why the server does not have the letter, without its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// The server refuses this letter for good, with this status.
    #[error("the mail server refuses the letter for good ({0})")]
    Never(u16),
    /// The letter cannot be written down as mail.
    #[error("the letter cannot be written down as mail")]
    Unwritable,
    /// The server does not take it now, with this status.
    #[error("the mail server does not take the letter now ({0})")]
    NotNow(u16),
    /// No trusted connection.
    #[error("no trusted TLS connection to the mail server")]
    Tls,
    /// No answer in time.
    #[error("the mail server did not answer in time")]
    TimedOut,
    /// No connection, or it broke. Whether the server has the letter is unknown if it broke at the end.
    #[error("the mail server cannot be reached, or the connection broke")]
    Broken,
}

impl Undelivered {
    /// Whether trying again is pointless.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Never(_) | Self::Unwritable => true,
            Self::NotNow(_) | Self::Tls | Self::TimedOut | Self::Broken => false,
        }
    }
}

impl Smtp {
    /// Opens the way.
    pub fn open(settings: &Settings) -> Result<Self, NotOpened> {
        let (usual, tls) = match settings.security {
            Security::Tls => (SUBMISSIONS, Tls::Wrapper(parameters(settings)?)),
            Security::StartTls => (SUBMISSION, Tls::Required(parameters(settings)?)),
            Security::DangerNone => (SMTP, Tls::None),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.server)
            .port(settings.port.unwrap_or(usual))
            .tls(tls)
            .hello_name(ClientId::Domain(settings.hello_name.clone()))
            .timeout(Some(settings.limit));
        if let Some(login) = &settings.login {
            let password = login.password.reveal().to_owned();
            builder = builder.credentials(Credentials::new(login.user.clone(), password));
        }
        Ok(Self {
            transport: builder.build(),
            from: mailbox(&settings.from).ok_or(NotOpened::From)?,
            limit: settings.limit,
        })
    }

    /// Hands the letter over: `Ok` when the server has taken it.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<(), Undelivered> {
        let message = letter.message(&self.from).ok_or(Undelivered::Unwritable)?;
        match timeout(self.limit, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judged(&error)),
            Err(_) => Err(Undelivered::TimedOut),
        }
    }
}

fn parameters(settings: &Settings) -> Result<TlsParameters, NotOpened> {
    let mut builder = TlsParameters::builder(settings.server.clone());
    if let Some(pem) = &settings.extra_roots_pem {
        let roots = Certificate::from_pem(pem).map_err(|_| NotOpened::Roots)?;
        builder = builder.add_root_certificate(roots);
    }
    builder.build_rustls().map_err(|_| NotOpened::Tls)
}

/// No such mailbox, not here, no such name: these will be the same tomorrow. A refused login or a full mailbox will not.
fn judged(error: &lettre::transport::smtp::Error) -> Undelivered {
    if let Some(status) = error.status() {
        let status = u16::from(status);
        return match status {
            550 | 551 | 553 => Undelivered::Never(status),
            _ => Undelivered::NotNow(status),
        };
    }
    if error.is_timeout() {
        Undelivered::TimedOut
    } else if error.is_tls() {
        Undelivered::Tls
    } else {
        Undelivered::Broken
    }
}

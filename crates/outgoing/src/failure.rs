//! What can go wrong with a call, without its URL, headers or body.

use std::error::Error;
use std::io;

/// Why a way out was not opened. All are faults of the settings.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    /// The extra roots hold no usable certificate.
    #[error("the file of trusted authorities holds no usable certificate in PEM form")]
    Roots,
    /// There is nobody to trust.
    #[error(
        "no trusted authority is known; install the system's certificates or name a file of authorities"
    )]
    NoRoots,
    /// The client certificate or its key is not usable.
    #[error(
        "the client certificate and its key cannot be used; expected PEM, leaf first, with the matching key"
    )]
    Identity,
    /// The user agent is empty or not a header value.
    #[error("the user agent must be visible ASCII text, not empty")]
    UserAgent,
    /// The TLS library refused the profile.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
    /// The HTTP library refused to start.
    #[error("the HTTP client could not be set up")]
    Http(#[source] reqwest::Error),
}

/// Why a call has no answer. `host` is name and port, nothing more of the URL.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No connection: name unknown, port closed, network away.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// Where to.
        host: String,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// A limit of [`crate::Timeouts`] ran out.
    #[error("{host} did not answer in time")]
    TimedOut {
        /// Where to.
        host: String,
    },
    /// The guard does not let this call out.
    #[error("the call is not allowed")]
    RefusedTarget(#[source] Refusal),
    /// TLS failed: certificate, name, version.
    #[error(
        "no trusted TLS connection to {host}; check its certificate and the authorities we trust"
    )]
    Tls {
        /// Where to.
        host: String,
        /// What TLS said.
        #[source]
        source: rustls::Error,
    },
    /// The answer is longer than the caller takes.
    #[error("{host} answered more than {max_bytes} bytes")]
    TooLarge {
        /// Who.
        host: String,
        /// The bound, in bytes.
        max_bytes: u64,
    },
    /// The connection broke after the call was (perhaps partly) sent, or the peer does not speak HTTP.
    /// **Whether the call had its effect is unknown.**
    #[error("the connection to {host} broke")]
    Broken {
        /// Who.
        host: String,
        /// What the library said.
        #[source]
        source: Cause,
    },
    /// The stream to be uploaded ended with an error of ours.
    #[error("the stream to upload could not be read")]
    Source(#[source] io::Error),
    /// The call itself cannot be written as HTTP: a header or the body.
    #[error("the call could not be put together")]
    Unsendable,
}

/// A cause without its URL.
#[derive(Debug)]
pub struct Cause(reqwest::Error);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // reqwest's own text is a category ("error sending request"); the chain below has the system's words.
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Why the guard refused a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither `https` nor allowed `http`.
    #[error("only https may be called")]
    Scheme,
    /// Name or password in the URL.
    #[error("the URL must not hold a user name or password")]
    Credentials,
    /// No host.
    #[error("the URL names no host")]
    Host,
    /// The host is, or resolves to, an address inside a house.
    #[error(
        "the host lies in a private or special network; allow the network in the settings if this is meant"
    )]
    PrivateAddress,
}

impl Failure {
    /// Whether the call certainly had no effect at the peer.
    pub const fn is_before_sending(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::RefusedTarget(_)
            | Self::Tls { .. }
            | Self::Unsendable => true,
            Self::TimedOut { .. }
            | Self::TooLarge { .. }
            | Self::Broken { .. }
            | Self::Source(_) => false,
        }
    }

    pub(crate) fn of(error: reqwest::Error, host: String) -> Self {
        let error = error.without_url();
        if let Some(refusal) = find::<Refusal>(&error) {
            return Self::RefusedTarget(*refusal);
        }
        if let Some(source) = find::<crate::upload::Unread>(&error) {
            return Self::Source(io::Error::from(source.0));
        }
        if let Some(tls) = find::<rustls::Error>(&error) {
            return Self::Tls {
                host,
                source: tls.clone(),
            };
        }
        if error.is_timeout() {
            return Self::TimedOut { host };
        }
        if error.is_builder() {
            return Self::Unsendable;
        }
        let source = Cause(error);
        if source.0.is_connect() {
            Self::Unreachable { host, source }
        } else {
            Self::Broken { host, source }
        }
    }
}

/// Chains are short; the bound keeps a cyclic one from holding us.
const CHAIN_MAX: usize = 32;

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    for _ in 0..CHAIN_MAX {
        let current = next?;
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        // `io::Error::source` skips the error it wraps.
        let wrapped = current
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => current.source(),
        };
    }
    None
}

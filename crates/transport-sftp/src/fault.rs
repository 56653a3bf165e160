//! Whose fault it is. Texts name the step and the kind of error, never a file of the parcel and never the server's own
//! words, which may quote one.

use amtsbote_adapter::Fault;
use russh_sftp::client::error::Error;
use russh_sftp::protocol::StatusCode;

/// A step on the server that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The server answered with a status.
    #[error("could not {step}: {status}")]
    Status {
        step: &'static str,
        status: StatusCode,
    },
    /// No answer, or none that can be understood.
    #[error("could not {step}: {what}")]
    Connection {
        step: &'static str,
        what: &'static str,
    },
    /// The name is taken.
    #[error("the name is taken")]
    NameTaken,
    /// Somebody damaged the ledger.
    #[error("a note of the ledger cannot be read")]
    NoteUnreadable,
    /// The fault of reading the parcel, or of the connection's beginning.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Names the step an error came up in.
pub(crate) trait AtStep<T> {
    fn at(self, step: &'static str) -> Result<T, Failure>;
}

impl<T> AtStep<T> for Result<T, Error> {
    fn at(self, step: &'static str) -> Result<T, Failure> {
        self.map_err(|error| match error {
            Error::Status(status) => Failure::Status {
                step,
                status: status.status_code,
            },
            Error::Timeout => Failure::Connection {
                step,
                what: "the server was silent",
            },
            Error::IO(_) => Failure::Connection {
                step,
                what: "the connection broke",
            },
            Error::Limited(_) | Error::UnexpectedPacket | Error::UnexpectedBehavior(_) => {
                Failure::Connection {
                    step,
                    what: "the connection broke or the server does not keep to the protocol",
                }
            }
        })
    }
}

impl Failure {
    /// Whether what was asked for is not there.
    pub(crate) fn is_not_there(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: StatusCode::NoSuchFile,
                ..
            }
        )
    }

    /// Whether the server said no without saying why: also what SFTP says for *is there already*.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: StatusCode::Failure,
                ..
            }
        )
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Status { step, status } => of_status(step, status),
            Failure::Connection { step, what } => unavailable(&format!("could not {step}: {what}")),
            Failure::NameTaken => misconfigured(
                "a file or folder with the parcel's name is there, but the ledger (.amtsbote-done) does not know the parcel; look at it, then move it away",
            ),
            Failure::NoteUnreadable => misconfigured(
                "a note in the ledger (.amtsbote-done) cannot be read, so nobody knows whether its parcel was brought; look for the parcel, then remove the note only if it was not brought",
            ),
            Failure::Fault(fault) => fault,
        }
    }
}

fn of_status(step: &str, status: StatusCode) -> Fault {
    match status {
        StatusCode::NoSuchFile => misconfigured(&format!(
            "could not {step}: no such folder on the server; create it or correct path"
        )),
        StatusCode::PermissionDenied => misconfigured(&format!(
            "could not {step}: permission denied; give the account the right to write there"
        )),
        StatusCode::BadMessage => misconfigured(&format!(
            "could not {step}: the server calls the request malformed (a name too long for it?)"
        )),
        StatusCode::OpUnsupported => {
            misconfigured(&format!("could not {step}: the server cannot do this"))
        }
        // Servers say `Failure` for a full disk, a quota, a share that is away: it may pass by itself.
        StatusCode::Failure
        | StatusCode::NoConnection
        | StatusCode::ConnectionLost
        | StatusCode::Ok
        | StatusCode::Eof => unavailable(&format!(
            "could not {step}: the server reports a failure (a full disk, a quota or a lock, for example)"
        )),
    }
}

pub(crate) fn unavailable(reason: &str) -> Fault {
    Fault::Unavailable {
        reason: reason.to_owned(),
        retry_after: None,
    }
}

pub(crate) fn misconfigured(what: &str) -> Fault {
    Fault::Misconfigured {
        what: what.to_owned(),
    }
}

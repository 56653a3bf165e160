//! Whose fault it is. Texts name the step and the kind of error, never a file of the parcel and never the server's own
//! words, which may quote one.

use amtsbote_adapter::{Fault, Step};
use russh_sftp::client::error::Error;
use russh_sftp::protocol::StatusCode;

/// A step on the server that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The server answered with a status.
    #[error("could not {step}: {status}")]
    Status { step: Step, status: StatusCode },
    /// No answer, or none that can be understood.
    #[error("could not {step}: {}", what.1)]
    Connection {
        step: Step,
        /// German and English.
        what: (&'static str, &'static str),
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
    fn at(self, step: Step) -> Result<T, Failure>;
}

impl<T> AtStep<T> for Result<T, Error> {
    fn at(self, step: Step) -> Result<T, Failure> {
        self.map_err(|error| match error {
            Error::Status(status) => Failure::Status {
                step,
                status: status.status_code,
            },
            Error::Timeout => Failure::Connection {
                step,
                what: ("der Server schwieg", "the server was silent"),
            },
            Error::IO(_) => Failure::Connection {
                step,
                what: ("die Verbindung brach ab", "the connection broke"),
            },
            Error::Limited(_) | Error::UnexpectedPacket | Error::UnexpectedBehavior(_) => {
                Failure::Connection {
                    step,
                    what: (
                        "die Verbindung brach ab, oder der Server hält sich nicht an das Protokoll",
                        "the connection broke or the server does not keep to the protocol",
                    ),
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
            Failure::Connection { step, what } => step.unavailable(what.0, what.1),
            Failure::NameTaken => Fault::misconfigured(
                "eine Datei oder ein Ordner mit dem Namen der Sendung ist da, aber das Übergabebuch (.amtsbote-done) kennt die Sendung nicht; ansehen, dann wegräumen",
                "a file or folder with the parcel's name is there, but the ledger (.amtsbote-done) does not know the parcel; look at it, then move it away",
            ),
            Failure::NoteUnreadable => Fault::misconfigured(
                "ein Eintrag im Übergabebuch (.amtsbote-done) ist nicht lesbar, darum weiß niemand, ob seine Sendung übergeben wurde; die Sendung suchen und den Eintrag nur entfernen, wenn sie nicht übergeben wurde",
                "a note in the ledger (.amtsbote-done) cannot be read, so nobody knows whether its parcel was brought; look for the parcel, then remove the note only if it was not brought",
            ),
            Failure::Fault(fault) => fault,
        }
    }
}

fn of_status(step: Step, status: StatusCode) -> Fault {
    match status {
        StatusCode::NoSuchFile => step.misconfigured(
            "diesen Ordner gibt es auf dem Server nicht; ihn anlegen oder path berichtigen",
            "no such folder on the server; create it or correct path",
        ),
        StatusCode::PermissionDenied => step.misconfigured(
            "keine Berechtigung; dem Konto das Recht geben, dort zu schreiben",
            "permission denied; give the account the right to write there",
        ),
        StatusCode::BadMessage => step.misconfigured(
            "der Server hält die Anfrage für fehlerhaft (ein Name, der ihm zu lang ist?)",
            "the server calls the request malformed (a name too long for it?)",
        ),
        StatusCode::OpUnsupported => {
            step.misconfigured("der Server kann das nicht", "the server cannot do this")
        }
        // Servers say `Failure` for a full disk, a quota, a share that is away: it may pass by itself.
        StatusCode::Failure
        | StatusCode::NoConnection
        | StatusCode::ConnectionLost
        | StatusCode::Ok
        | StatusCode::Eof => step.unavailable(
            "der Server meldet einen Fehler (eine volle Platte, ein Kontingent oder eine Sperre, zum Beispiel)",
            "the server reports a failure (a full disk, a quota or a lock, for example)",
        ),
    }
}

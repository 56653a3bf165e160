//! Whose fault an error of the file system is. Texts name the step, never a file of the parcel.

use std::io::{Error, ErrorKind};

use amtsbote_adapter::{Fault, Step};
use amtsbote_problem::io::in_german;

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The file system said no.
    #[error("could not {step}")]
    Io {
        step: Step,
        #[source]
        source: Error,
    },
    /// Another try is under way.
    #[error("another try with this parcel is under way")]
    Held,
    /// The name is taken.
    #[error("the name is taken")]
    NameTaken,
    /// Two file systems.
    #[error("the work folder is on another file system")]
    OtherFileSystem,
}

/// Names the step an error came up in.
pub(crate) trait AtStep<T> {
    fn at(self, step: Step) -> Result<T, Failure>;
}

impl<T, E: Into<Error>> AtStep<T> for Result<T, E> {
    fn at(self, step: Step) -> Result<T, Failure> {
        self.map_err(|error| Failure::Io {
            step,
            source: error.into(),
        })
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Io { step, source } => io(step, &source),
            Failure::Held => Fault::unavailable(
                "ein anderer Versuch mit dieser Sendung ist im Gange",
                "another try with this parcel is under way",
            ),
            Failure::NameTaken => Fault::misconfigured(
                "eine Datei oder ein Ordner mit dem Namen der Sendung ist da, aber das Übergabebuch (.amtsbote-done) kennt die Sendung nicht; ansehen, dann wegräumen",
                "a file or folder with the parcel's name is there, but the ledger (.amtsbote-done) does not know the parcel; look at it, then move it away",
            ),
            Failure::OtherFileSystem => Fault::misconfigured(
                "path und work_path liegen auf verschiedenen Dateisystemen, so kann eine Sendung nicht auf einmal sichtbar werden; work_path neben path wählen",
                "path and work_path are on different file systems, so a parcel can't become visible at once; choose a work_path beside path",
            ),
        }
    }
}

fn io(step: Step, error: &Error) -> Fault {
    // The kind's text is the operating system's word for the error, without any path.
    let kind = error.kind();
    let german = in_german(kind);
    // Only what a person has to correct; all else (no space, stale mount, interrupted share) may pass by itself.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a foreign enum that may grow"
    )]
    match kind {
        ErrorKind::NotFound => step.misconfigured(
            format_args!("{german}; den Ordner anlegen oder path berichtigen"),
            format_args!("{kind}; create the folder or correct path"),
        ),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => step.misconfigured(
            format_args!("{german}; dem Konto des Dienstes das Recht geben, dort zu schreiben"),
            format_args!("{kind}; give the service's account the right to write there"),
        ),
        ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput
        | ErrorKind::AlreadyExists
        | ErrorKind::CrossesDevices
        | ErrorKind::Unsupported => step.misconfigured(german, kind),
        _ => step.unavailable(german, kind),
    }
}

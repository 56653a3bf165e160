//! Whose fault an error of the file system is. Texts name the step, never a file of the parcel.

use std::io::{Error, ErrorKind};

use amtsbote_adapter::Fault;

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The file system said no.
    #[error("could not {step}")]
    Io {
        step: &'static str,
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
    fn at(self, step: &'static str) -> Result<T, Failure>;
}

impl<T, E: Into<Error>> AtStep<T> for Result<T, E> {
    fn at(self, step: &'static str) -> Result<T, Failure> {
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
            Failure::Held => unavailable("another try with this parcel is under way"),
            Failure::NameTaken => misconfigured(
                "a file or folder with the parcel's name is there, but the ledger (.amtsbote-done) does not know the parcel; look at it, then move it away",
            ),
            Failure::OtherFileSystem => misconfigured(
                "path and work_path are on different file systems, so a parcel can't become visible at once; choose a work_path beside path",
            ),
        }
    }
}

fn io(step: &'static str, error: &Error) -> Fault {
    // The kind's text is the operating system's word for the error, without any path.
    let kind = error.kind();
    // Only what a person has to correct; all else (no space, stale mount, interrupted share) may pass by itself.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a foreign enum that may grow"
    )]
    match kind {
        ErrorKind::NotFound => misconfigured(&format!(
            "could not {step}: {kind}; create the folder or correct path"
        )),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => misconfigured(&format!(
            "could not {step}: {kind}; give the service's account the right to write there"
        )),
        ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput
        | ErrorKind::AlreadyExists
        | ErrorKind::CrossesDevices
        | ErrorKind::Unsupported => misconfigured(&format!("could not {step}: {kind}")),
        _ => unavailable(&format!("could not {step}: {kind}")),
    }
}

pub(crate) fn unavailable(reason: &str) -> Fault {
    Fault::Unavailable {
        reason: reason.to_owned(),
        retry_after: None,
    }
}

fn misconfigured(what: &str) -> Fault {
    Fault::Misconfigured {
        what: what.to_owned(),
    }
}

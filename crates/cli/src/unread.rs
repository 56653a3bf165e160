//! Faults of files, of databases, of ways and of the delivery service in the user's language.

mod stores;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use amtsbote_adapter::Fault as WayFault;
use amtsbote_client::{Fault, Silence};
use amtsbote_outgoing::{Failure, NotOpened, Refusal};

use crate::talk::Talk;

/// What could not be done with a file or folder; why is its source.
#[derive(Debug)]
pub(crate) struct Unread {
    what: What,
    path: PathBuf,
    source: io::Error,
}

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Open,
    Read,
    List,
    Look,
}

impl Unread {
    /// For `map_err`.
    pub(crate) fn at(what: What, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self {
            what,
            path: path.to_owned(),
            source,
        }
    }

    fn german(&self) -> String {
        let path = self.path.display();
        match self.what {
            What::Open => format!("{path} lässt sich nicht öffnen"),
            What::Read => format!("{path} lässt sich nicht lesen"),
            What::List => format!("der Ordner {path} lässt sich nicht lesen"),
            What::Look => format!("{path} lässt sich nicht ansehen"),
        }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.what {
            What::Open => write!(f, "cannot open {path}"),
            What::Read => write!(f, "cannot read {path}"),
            What::List => write!(f, "cannot read the folder {path}"),
            What::Look => write!(f, "cannot look at {path}"),
        }
    }
}

impl Error for Unread {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// The error and what caused it, in the user's language as far as it is known in it.
pub(crate) fn told(error: &anyhow::Error, talk: Talk) -> String {
    let causes: Vec<String> = error.chain().map(|cause| one(cause, talk)).collect();
    causes.join(": ")
}

/// One error without what caused it, in the user's language as far as it is known in it.
pub(crate) fn one(error: &(dyn Error + 'static), talk: Talk) -> String {
    let german = (talk.pick("de", "en") == "de").then(|| german(error));
    german.flatten().unwrap_or_else(|| error.to_string())
}

fn german(error: &(dyn Error + 'static)) -> Option<String> {
    let unread = error.downcast_ref::<Unread>().map(Unread::german);
    let way = || Some(error.downcast_ref::<WayFault>()?.told().de);
    let fault = || error.downcast_ref::<Fault>().map(of_service);
    let silence = || Some(of_silence(error.downcast_ref::<Silence>()?));
    let failure = || Some(error.downcast_ref::<Failure>()?.told().de);
    let refusal = || Some(error.downcast_ref::<Refusal>()?.told().de);
    let closed = || Some(error.downcast_ref::<NotOpened>()?.told().de);
    let io = || error.downcast_ref::<io::Error>().and_then(of_io);
    let toml = || error.downcast_ref::<toml::de::Error>().map(of_toml);
    let ours = unread.or_else(way).or_else(fault).or_else(silence);
    ours.or_else(failure)
        .or_else(refusal)
        .or_else(closed)
        .or_else(|| stores::german(error))
        .or_else(io)
        .or_else(toml)
}

fn of_service(fault: &Fault) -> String {
    match fault {
        Fault::Unavailable { .. } => {
            "der Zustelldienst ist gerade nicht erreichbar; später noch einmal versuchen".to_owned()
        }
        Fault::Refused { status, code, .. } => {
            let code = code.as_ref().map(|code| format!(" ({code})"));
            let code = code.unwrap_or_default();
            format!("der Zustelldienst lehnt ab: Status {status}{code}")
        }
        Fault::NotFound => "der Zustelldienst kennt es nicht".to_owned(),
        Fault::Malformed { what } => {
            format!("der Zustelldienst gab eine unbrauchbare Antwort; erwartet: {what}")
        }
        Fault::Misconfigured(_) => {
            "nichts gesendet; die Adresse des Zustelldienstes in den Einstellungen prüfen"
                .to_owned()
        }
        Fault::OwnEnd(_) => "die eigene Seite der Übertragung brach ab".to_owned(),
    }
}

fn of_silence(silence: &Silence) -> String {
    match silence {
        Silence::Connection(failure) => failure.told().de,
        Silence::Status(status) => format!("Status {status}"),
        Silence::StaleToken => "das Zugangstoken wurde nicht mehr angenommen".to_owned(),
    }
}

fn of_toml(error: &toml::de::Error) -> String {
    amtsbote_problem::toml::german(&error.to_string())
}

fn of_io(error: &io::Error) -> Option<String> {
    // Only what the system says: an error with words of its own keeps them.
    error.raw_os_error()?;
    amtsbote_problem::io::german(error.kind()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::{Form, Tongue};

    #[test]
    fn a_file_that_is_not_there_is_told_in_the_users_language() {
        let path = Path::new("/nowhere/a.json");
        let error = crate::folder::read_file(path).unwrap_err();
        let say = |tongue| told(&error, Talk::new(tongue, Form::Text));
        assert_eq!(
            say(Tongue::De),
            "/nowhere/a.json lässt sich nicht öffnen: das gibt es nicht"
        );
        assert_eq!(
            say(Tongue::En),
            "cannot open /nowhere/a.json: No such file or directory (os error 2)"
        );
        let error = crate::folder::read(Path::new("/nowhere")).unwrap_err();
        let german = told(&error, Talk::new(Tongue::De, Form::Text));
        assert_eq!(
            german,
            "der Ordner /nowhere lässt sich nicht lesen: das gibt es nicht"
        );
    }
}

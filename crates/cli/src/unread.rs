//! Faults of files and of the delivery service in the user's language.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use amtsbote_client::Fault;

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
    let one = |cause: &(dyn Error + 'static)| {
        let german = || {
            let unread = cause.downcast_ref::<Unread>().map(Unread::german);
            let fault = || cause.downcast_ref::<Fault>().map(of_service);
            let io = || cause.downcast_ref::<io::Error>().and_then(of_io);
            let toml = || cause.downcast_ref::<toml::de::Error>().map(of_toml);
            unread.or_else(fault).or_else(io).or_else(toml)
        };
        let german = (talk.pick("de", "en") == "de").then(german).flatten();
        german.unwrap_or_else(|| cause.to_string())
    };
    let causes: Vec<String> = error.chain().map(one).collect();
    causes.join(": ")
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

fn of_toml(error: &toml::de::Error) -> String {
    amtsbote_problem::toml::german(&error.to_string())
}

fn of_io(error: &io::Error) -> Option<String> {
    // Only what the system says: an error with words of its own keeps them.
    error.raw_os_error()?;
    let text = if error.kind() == io::ErrorKind::NotFound {
        "das gibt es nicht"
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "keine Berechtigung"
    } else if error.kind() == io::ErrorKind::IsADirectory {
        "das ist ein Ordner"
    } else if error.kind() == io::ErrorKind::NotADirectory {
        "das ist kein Ordner"
    } else if error.kind() == io::ErrorKind::StorageFull {
        "kein Platz mehr"
    } else if error.kind() == io::ErrorKind::QuotaExceeded {
        "das Speicherkontingent ist aufgebraucht"
    } else if error.kind() == io::ErrorKind::AlreadyExists {
        "das gibt es schon"
    } else {
        return None;
    };
    Some(text.to_owned())
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

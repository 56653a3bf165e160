//! What goes wrong on a way, told in two languages.

use std::fmt;
use std::time::Duration;

use amtsbote_problem::{Bilingual, Finding};

/// Why a parcel was not handed over or an answer not taken: whose fault it is, and what next. `Display` is for logs, [`Fault::told`] for
/// people.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The other side cannot be reached or is busy: try again.
    #[error("the way is unavailable: {}", reason.en)]
    Unavailable {
        /// What failed; nothing personal.
        reason: Bilingual,
        /// When to try again, if the other side said.
        retry_after: Option<Duration>,
    },
    /// The other side refuses this parcel for good.
    #[error("the parcel is refused with {} findings", findings.len())]
    Rejected {
        /// Why.
        findings: Vec<Finding>,
    },
    /// Our settings for the other side are wrong: a person must act.
    #[error("the way is misconfigured: {}", what.en)]
    Misconfigured {
        /// What to correct.
        what: Bilingual,
    },
}

impl Fault {
    /// Unavailable, and the other side did not say until when.
    pub fn unavailable(de: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: Bilingual::new(de, en),
            retry_after: None,
        }
    }

    /// Misconfigured: the texts tell what to correct.
    pub fn misconfigured(de: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Misconfigured {
            what: Bilingual::new(de, en),
        }
    }

    /// Well if nothing is wrong; else misconfigured, with all of it at once.
    pub fn check(wrong: &[Bilingual]) -> Result<(), Self> {
        if wrong.is_empty() {
            return Ok(());
        }
        let joined = |text: fn(&Bilingual) -> &str| {
            let texts: Vec<&str> = wrong.iter().map(text).collect();
            texts.join("; ")
        };
        Err(Self::misconfigured(
            joined(|one| &one.de),
            joined(|one| &one.en),
        ))
    }

    /// In the words for an operator.
    pub fn told(&self) -> Bilingual {
        let de = match self {
            Self::Unavailable { reason, .. } => {
                format!("der Weg ist nicht erreichbar: {}", reason.de)
            }
            Self::Rejected { findings } => {
                format!(
                    "die Sendung wird mit {} Befunden abgewiesen",
                    findings.len()
                )
            }
            Self::Misconfigured { what } => {
                format!("der Weg ist falsch eingestellt: {}", what.de)
            }
        };
        Bilingual::new(de, self.to_string())
    }
}

/// A step on a way, to tell at which one something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    de: &'static str,
    en: &'static str,
}

impl Step {
    /// German as it stands behind *beim* (`Öffnen des Ordners`), English as it stands behind *could not* (`open the folder`).
    pub const fn new(de: &'static str, en: &'static str) -> Self {
        Self { de, en }
    }

    /// It failed, may pass by itself, and this is why.
    pub fn unavailable(self, de: impl fmt::Display, en: impl fmt::Display) -> Fault {
        let (de, en) = self.failed(&de, &en);
        Fault::unavailable(de, en)
    }

    /// It failed, and this is why and what to correct.
    pub fn misconfigured(self, de: impl fmt::Display, en: impl fmt::Display) -> Fault {
        let (de, en) = self.failed(&de, &en);
        Fault::misconfigured(de, en)
    }

    fn failed(self, de: &dyn fmt::Display, en: &dyn fmt::Display) -> (String, String) {
        (
            format!("Fehler beim {}: {de}", self.de),
            format!("could not {}: {en}", self.en),
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fault: &Fault, de: &str, en: &str) {
        assert_eq!(fault.told(), Bilingual::new(de, en));
        assert_eq!(fault.to_string(), en);
    }

    #[test]
    fn a_fault_is_told_in_two_languages_and_logged_in_english() {
        const OPEN: Step = Step::new("Öffnen des Ordners", "open the folder");
        check(
            &OPEN.misconfigured("das gibt es nicht", "not found"),
            "der Weg ist falsch eingestellt: Fehler beim Öffnen des Ordners: das gibt es nicht",
            "the way is misconfigured: could not open the folder: not found",
        );
        check(
            &OPEN.unavailable("kein Platz mehr", "no space"),
            "der Weg ist nicht erreichbar: Fehler beim Öffnen des Ordners: kein Platz mehr",
            "the way is unavailable: could not open the folder: no space",
        );
        let findings = Vec::new();
        check(
            &Fault::Rejected { findings },
            "die Sendung wird mit 0 Befunden abgewiesen",
            "the parcel is refused with 0 findings",
        );
    }

    #[test]
    fn everything_that_is_wrong_with_settings_is_told_at_once() {
        assert_eq!(Fault::check(&[]), Ok(()));
        let wrong = [Bilingual::new("eins", "one"), Bilingual::new("zwei", "two")];
        let told = Fault::check(&wrong).unwrap_err();
        assert_eq!(told, Fault::misconfigured("eins; zwei", "one; two"));
    }
}

//! Findings: what is wrong, where, by which rule, and what to do about it.

use serde::{Deserialize, Serialize};

use crate::Language;

/// A text for people, German and English.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bilingual {
    /// German.
    pub de: String,
    /// English.
    pub en: String,
}

impl Bilingual {
    /// From two texts.
    pub fn new(de: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            de: de.into(),
            en: en.into(),
        }
    }

    /// The text in one of the languages.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::German => &self.de,
            Language::English => &self.en,
        }
    }
}

/// Whose it is to mend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Whose {
    /// Of who sends: the application is refused, and sent again with another value.
    #[default]
    Sender,
    /// Of who receives: a mapping package or the settings of a destination. Nobody is refused for it; the application waits.
    Receiver,
}

/// One thing that is wrong. Never carries the offending value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Where: a JSON pointer (RFC 6901) into the document, an `XPath`-like place for XML, or a header or claim name.
    pub at: String,
    /// Which rule: the JSON Schema keyword, `din-91379`, `xsd`, a claim rule …; stable, for programs.
    pub rule: String,
    /// Whose it is to mend. Says what we do; not for those who read findings elsewhere.
    #[serde(skip)]
    pub whose: Whose,
    /// The field's name for people, where the schema gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Bilingual>,
    /// The part of the form, by its label: what the schema has at its first level. Missing for the form as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Bilingual>,
    /// The place in words: `Antragsteller 2 › Geburtsdatum`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Bilingual>,
    /// What is wrong.
    pub detail: Bilingual,
    /// The shape of what was given: its kind, length and classes of characters, never the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Bilingual>,
    /// What is allowed there, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Bilingual>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Bilingual>,
    /// The allowed values, where they are a short list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

/// All findings of one check.
pub type Findings = Vec<Finding>;

impl Finding {
    /// A finding with place, rule and text.
    pub fn new(at: impl Into<String>, rule: impl Into<String>, detail: Bilingual) -> Self {
        Self {
            at: at.into(),
            rule: rule.into(),
            whose: Whose::Sender,
            label: None,
            group: None,
            place: None,
            detail,
            given: None,
            expected: None,
            hint: None,
            allowed: Vec::new(),
        }
    }

    /// With the field's name for people.
    #[must_use]
    pub fn label(mut self, label: Bilingual) -> Self {
        self.label = Some(label);
        self
    }

    /// For who receives to mend.
    #[must_use]
    pub fn of_receiver(mut self) -> Self {
        self.whose = Whose::Receiver;
        self
    }

    /// With advice.
    #[must_use]
    pub fn hint(mut self, hint: Bilingual) -> Self {
        self.hint = Some(hint);
        self
    }

    /// With the allowed values.
    #[must_use]
    pub fn allowed(mut self, allowed: Vec<String>) -> Self {
        self.allowed = allowed;
        self
    }
}

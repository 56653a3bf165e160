//! The problem types of the public delivery service that clients know by name, and a tolerant reader of problems.

use serde_json::Value;

/// The prefix of FITKO's problem types. Problems of our own have URIs of their own.
pub const PREFIX: &str = "https://schema.fitko.de/fit-connect/submission-api/problems/";

/// A problem type that clients look for by its URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemType {
    /// There is no such submission.
    SubmissionNotFound,
    /// There is no such destination.
    DestinationNotFound,
    /// The destination is not active.
    DestinationStateInvalid,
}

impl ProblemType {
    /// All of them.
    pub const ALL: [Self; 3] = [
        Self::SubmissionNotFound,
        Self::DestinationNotFound,
        Self::DestinationStateInvalid,
    ];

    /// The last part of the URI.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::SubmissionNotFound => "submission-not-found",
            Self::DestinationNotFound => "destination-not-found",
            Self::DestinationStateInvalid => "destination-state-invalid",
        }
    }

    /// The URI.
    pub fn uri(self) -> String {
        format!("{PREFIX}{}", self.slug())
    }

    /// Which type the URI names, if one of these.
    pub fn from_uri(uri: &str) -> Option<Self> {
        let slug = uri.strip_prefix(PREFIX)?;
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }
}

/// A problem as some service answered it (RFC 9457): every member may be missing, others are ignored.
/// Texts are cut at [`ForeignProblem::MAX_TEXT`] characters; they come from elsewhere and are for logs of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForeignProblem {
    /// The type URI.
    pub kind: Option<String>,
    /// Short name.
    pub title: Option<String>,
    /// What is specific.
    pub detail: Option<String>,
    /// This occurrence.
    pub instance: Option<String>,
}

impl ForeignProblem {
    /// Longest text that is kept, in characters.
    pub const MAX_TEXT: usize = 500;

    /// From an answer; whatever cannot be read is left out.
    pub fn parse(bytes: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let text = |name: &str| {
            let text = body.get(name)?.as_str()?;
            Some(text.chars().take(Self::MAX_TEXT).collect())
        };
        Self {
            kind: text("type"),
            title: text("title"),
            detail: text("detail"),
            instance: text("instance"),
        }
    }

    /// The type, if it is one known by name.
    pub fn problem_type(&self) -> Option<ProblemType> {
        ProblemType::from_uri(self.kind.as_deref()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_back_from_their_uris() {
        for kind in ProblemType::ALL {
            assert_eq!(ProblemType::from_uri(&kind.uri()), Some(kind));
        }
        assert_eq!(ProblemType::from_uri("about:blank"), None);
    }

    #[test]
    fn any_answer_can_be_read_as_a_problem() {
        assert_eq!(ForeignProblem::parse(b"<html>"), ForeignProblem::default());
        assert_eq!(ForeignProblem::parse(b"[1]"), ForeignProblem::default());
        let read = ForeignProblem::parse(
            br#"{"type":"https://schema.fitko.de/fit-connect/submission-api/problems/destination-not-found","title":7,"detail":"x"}"#,
        );
        assert_eq!(read.problem_type(), Some(ProblemType::DestinationNotFound));
        assert_eq!((read.title, read.detail.as_deref()), (None, Some("x")));
        let long = format!(r#"{{"title":"{}"}}"#, "ä".repeat(900));
        let title = ForeignProblem::parse(long.as_bytes()).title.unwrap();
        assert_eq!(title.chars().count(), ForeignProblem::MAX_TEXT);
    }
}

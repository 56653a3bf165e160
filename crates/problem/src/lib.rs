//! The catalogue of everything we answer that is not success (RFC 9457), and the [`Finding`]s inside.
//!
//! ```text
//!  domain error ──one match at the boundary──► Problem { code, detail, findings } ──► body on the wire
//!                                                 └── Code::entry() = title, status, whose turn, hint (de/en)
//! ```
//!
//! The only crate besides `gateway` that knows HTTP statuses. `docs/problems/` is generated from
//! [`Code::entry`]. Never put a value of a submission, a secret or a personal name into any field here.
//!
//! Start reading at [`Code::entry`] in `catalogue.rs`.

mod body;
mod catalogue;
mod finding;
pub mod io;
pub mod page;
pub mod report;
pub mod toml;

use std::time::Duration;

pub use body::{Body, Language};
pub use catalogue::{Code, Entry, Turn};
pub use finding::{Bilingual, Finding, Findings, Whose};

/// One answer that is not success: an entry of the catalogue with what is specific to this case.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Which entry.
    pub code: Code,
    /// What is specific to this case; lower case, no full stop, no content of a submission.
    pub detail: Option<String>,
    /// All findings at once.
    pub findings: Vec<Finding>,
    /// When to come back (`Retry-After`), for problems that pass.
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// The entry alone.
    pub const fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            findings: Vec::new(),
            retry_after: None,
        }
    }

    /// With specifics.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With all findings.
    #[must_use]
    pub fn findings(mut self, findings: Vec<Finding>) -> Self {
        self.findings = findings;
        self
    }

    /// With the time to wait.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

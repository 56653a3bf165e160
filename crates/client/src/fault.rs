//! Whose fault it is, and what next.

use std::io;
use std::time::Duration;

use amtsbote_fit_connect::problem_types::ForeignProblem;
use amtsbote_outgoing::Failure;
use amtsbote_problem::{Finding, Findings};
use reqwest::StatusCode;
use serde::Deserialize;

/// Why a call has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The service cannot be had now: try again later, not before `retry_after` if it says so (at most a day).
    #[error("the delivery service is not available now; try again later")]
    Unavailable {
        /// The service's own wish.
        retry_after: Option<Duration>,
        /// What happened.
        #[source]
        silence: Silence,
    },
    /// The service says no, and will say it again.
    #[error("the delivery service refuses with status {status}{}", code.as_ref().map(|c| format!(" ({c})")).unwrap_or_default())]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The last part of the problem's `type`, or the `error` of a token endpoint.
        code: Option<String>,
        /// What else the answer holds.
        answered: Box<Answered>,
    },
    /// What was asked for does not exist (any more), or is not for us.
    #[error("the delivery service does not know it")]
    NotFound,
    /// The answer is not what the protocol says.
    #[error("the delivery service gave an unusable answer: {what}")]
    Malformed {
        /// What was expected.
        what: &'static str,
    },
    /// Our own settings keep the call from being made.
    #[error("the call was not made; check the address of the delivery service in the settings")]
    Misconfigured(#[source] Failure),
    /// Our own stream, up or down, failed.
    #[error("our own end of the transfer failed")]
    OwnEnd(#[source] io::Error),
}

/// How the service was not there.
#[derive(Debug, thiserror::Error)]
pub enum Silence {
    /// No answer, or half of one. Whether the call had its effect is unknown unless
    /// [`Failure::is_before_sending`] says so.
    #[error(transparent)]
    Connection(Failure),
    /// It answered that it cannot now.
    #[error("status {0}")]
    Status(u16),
    /// It no longer took the token while a stream went up; the next try fetches a new one.
    #[error("the access token was no longer taken")]
    StaleToken,
}

impl Silence {
    /// Whether it may be a fault with what was asked for, and not with the service: it answered 500, or its answer broke off.
    pub fn may_be_of_one(&self) -> bool {
        match self {
            Self::Status(status) => *status == 500,
            Self::Connection(failure) => matches!(failure, Failure::Broken { .. }),
            Self::StaleToken => false,
        }
    }
}

/// What a refusal says besides its status: texts of another house, for the operator, cut to 500 characters each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answered {
    /// The problem (RFC 9457).
    pub problem: ForeignProblem,
    /// The findings of our own intake.
    pub findings: Findings,
}

/// Findings read from an answer, at most.
const FINDINGS_MAX: usize = 200;
/// A problem code, at most.
const CODE_MAX_CHARS: usize = 64;

#[derive(Deserialize)]
struct RawFindings {
    findings: Vec<Finding>,
}

impl Fault {
    pub(crate) const fn malformed(what: &'static str) -> Self {
        Self::Malformed { what }
    }

    /// From a status that is not success, with its body.
    pub(crate) fn of_status(
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Self {
        let busy = matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error();
        // The public service also says 413 for "too many at once".
        let later = status == StatusCode::PAYLOAD_TOO_LARGE && retry_after.is_some();
        if busy || later {
            return Self::Unavailable {
                retry_after,
                silence: Silence::Status(status.as_u16()),
            };
        }
        if status == StatusCode::NOT_FOUND {
            return Self::NotFound;
        }
        let problem = ForeignProblem::parse(body);
        let code = problem.kind.as_deref().and_then(code_of);
        let mut findings = serde_json::from_slice::<RawFindings>(body)
            .map(|raw| raw.findings)
            .unwrap_or_default();
        findings.truncate(FINDINGS_MAX);
        Self::Refused {
            status: status.as_u16(),
            code,
            answered: Box::new(Answered { problem, findings }),
        }
    }
}

/// The last part of a problem type's URI, if it looks like a code.
fn code_of(kind: &str) -> Option<String> {
    let code = kind.trim_end_matches('/').rsplit(['/', '#', ':']).next()?;
    let fits = (1..=CODE_MAX_CHARS).contains(&code.len())
        && code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    fits.then(|| code.to_owned())
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::RefusedTarget(_) | Failure::Unsendable => Self::Misconfigured(failure),
            Failure::TooLarge { .. } => Self::malformed("it is longer than allowed"),
            Failure::Source(error) => Self::OwnEnd(error),
            Failure::Unreachable { .. }
            | Failure::TimedOut { .. }
            | Failure::Tls { .. }
            | Failure::Broken { .. } => Self::Unavailable {
                retry_after: None,
                silence: Silence::Connection(failure),
            },
        }
    }
}

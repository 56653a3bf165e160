//! The API versions and every fact in which they differ.

use std::fmt;
use std::str::FromStr;

use crate::event::SchemaRule;

/// A version of the FIT-Connect API, the first segment of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiVersion {
    /// Submission API 1.x (`/v1`).
    V1,
    /// Submission API 2.x (`/v2`).
    V2,
}

/// What a delivery service answers to a complete submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubmitStatus {
    /// 202, Submission API 1.1.3.
    Accepted,
    /// 200, as the live service does under v2.
    Ok,
}

impl SubmitStatus {
    /// The HTTP status.
    pub const fn code(self) -> u16 {
        match self {
            Self::Accepted => 202,
            Self::Ok => 200,
        }
    }
}

impl ApiVersion {
    /// Both, oldest first.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The path segment, without slashes.
    pub const fn segment(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// The answer to `PUT submissions/{submissionId}`. Clients accept any 2xx.
    pub const fn submit_status(self) -> SubmitStatus {
        match self {
            Self::V1 => SubmitStatus::Accepted,
            Self::V2 => SubmitStatus::Ok,
        }
    }

    /// Whether JWEs may be compressed (`zip: DEF`). The ban under v2 is reported by clients, not by a document.
    pub const fn allows_zip(self) -> bool {
        matches!(self, Self::V1)
    }

    /// Whether `encryptedData` must be there on submit.
    pub const fn requires_data(self) -> bool {
        matches!(self, Self::V2)
    }

    /// Whether the JWE header `cty` of metadata and data is checked.
    pub const fn enforces_cty(self) -> bool {
        matches!(self, Self::V2)
    }

    /// The member that names the service of a submission.
    pub const fn service_member(self) -> &'static str {
        match self {
            Self::V1 => "serviceType",
            Self::V2 => "publicService",
        }
    }

    /// The member that lists the services of a destination.
    pub const fn services_member(self) -> &'static str {
        match self {
            Self::V1 => "services",
            Self::V2 => "publicServices",
        }
    }

    /// Whether callbacks carry the deprecated `submissionIds` beside `submissions`.
    pub const fn repeats_submission_ids(self) -> bool {
        matches!(self, Self::V1)
    }

    /// Whether a subscriber may pass a submission on (`forward-submission`).
    pub const fn allows_forwarding(self) -> bool {
        matches!(self, Self::V1)
    }

    /// Which `$schema` an event token from outside may name.
    pub const fn schema_rule(self) -> SchemaRule {
        match self {
            Self::V1 => SchemaRule::OptionalAny,
            Self::V2 => SchemaRule::RequiredCurrent,
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::V1 => Self::V2,
            Self::V2 => Self::V1,
        }
    }
}

/// The text names no API version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an API version: expected v1 or v2")]
pub struct UnknownVersion;

impl FromStr for ApiVersion {
    type Err = UnknownVersion;

    fn from_str(segment: &str) -> Result<Self, UnknownVersion> {
        Self::ALL
            .into_iter()
            .find(|version| version.segment() == segment)
            .ok_or(UnknownVersion)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.segment())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_read_back() {
        for version in ApiVersion::ALL {
            assert_eq!(version.segment().parse(), Ok(version));
        }
        assert_eq!("v3".parse::<ApiVersion>(), Err(UnknownVersion));
    }

    #[test]
    fn a_complete_submission_is_202_under_v1_and_200_under_v2() {
        assert_eq!(ApiVersion::V1.submit_status().code(), 202);
        assert_eq!(ApiVersion::V2.submit_status().code(), 200);
    }
}

//! Why tries fail.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a try failed, in a closed set: one place counts them, one incident groups them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The delivery service does not answer, or says "later".
    ServiceUnavailable,
    /// The delivery service refuses us (credentials, rights).
    ServiceRefused,
    /// The delivery service has a fault with this one submission (500, or an answer that breaks off), and answers otherwise.
    ServiceFaulty,
    /// The procedure's way in does not answer.
    ProcedureUnavailable,
    /// The procedure's way in refuses us (credentials, path, rights).
    ProcedureMisconfigured,
    /// Our own mapping package or schema does not fit.
    PackageFaulty,
    /// The worker died with the delivery in its hands.
    Silence,
    /// Our own store or signer failed.
    Internal,
    /// A person took it aside.
    Operator,
}

impl Cause {
    /// Whether trying again and again will not help. Who is merely away is waited for, however long it takes: the
    /// deadlines at the gateway decide then, not the number of tries.
    pub const fn needs_a_person(self) -> bool {
        match self {
            Self::ServiceUnavailable | Self::ProcedureUnavailable => false,
            Self::ServiceRefused
            | Self::ServiceFaulty
            | Self::ProcedureMisconfigured
            | Self::PackageFaulty
            | Self::Silence
            | Self::Internal
            | Self::Operator => true,
        }
    }
}

impl Cause {
    /// Whether other settings, rights or packages may help: such deliveries go on when the agent starts anew.
    pub const fn may_be_mended_by_settings(self) -> bool {
        match self {
            Self::ServiceRefused | Self::ProcedureMisconfigured | Self::PackageFaulty => true,
            Self::ServiceUnavailable
            | Self::ServiceFaulty
            | Self::ProcedureUnavailable
            | Self::Silence
            | Self::Internal
            | Self::Operator => false,
        }
    }
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 9] = [
        Self::ServiceUnavailable,
        Self::ServiceRefused,
        Self::ServiceFaulty,
        Self::ProcedureUnavailable,
        Self::ProcedureMisconfigured,
        Self::PackageFaulty,
        Self::Silence,
        Self::Internal,
        Self::Operator,
    ];

    /// The cause of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// The stable name, as stored and counted.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceUnavailable => "service-unavailable",
            Self::ServiceRefused => "service-refused",
            Self::ServiceFaulty => "service-faulty",
            Self::ProcedureUnavailable => "procedure-unavailable",
            Self::ProcedureMisconfigured => "procedure-misconfigured",
            Self::PackageFaulty => "package-faulty",
            Self::Silence => "silence",
            Self::Internal => "internal",
            Self::Operator => "operator",
        }
    }
}

/// One failed try: the cause, and how long the other side asked us to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// The other side's `Retry-After`, before clamping.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// The worker died with the delivery in its hands.
    pub const SILENCE: Self = Self {
        cause: Cause::Silence,
        retry_after: None,
    };
}

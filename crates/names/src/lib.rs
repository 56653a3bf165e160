//! Every name under which this program can be watched: metrics, spans and the fields of log lines.
//!
//! ```text
//!  gateway, agent, adapters ──use──► names ──listed in──► docs/operate/telemetry.md, dashboards
//! ```
//!
//! Metric names are `amtsbote_<noun>_<what>_<unit>[_total]`; labels come from closed sets (adapter, outcome, problem
//! code), never from ids, names or text. Nothing here may carry content.
//!
//! Start reading at [`field`].

/// Fields of log lines, `noun.property`, the same everywhere.
pub mod field {
    /// The request id, from client to receipt.
    pub const REQUEST_ID: &str = "request.id";
    /// A submission.
    pub const SUBMISSION_ID: &str = "submission.id";
    /// A case.
    pub const CASE_ID: &str = "case.id";
    /// A destination.
    pub const DESTINATION_ID: &str = "destination.id";
    /// A code of the problem catalogue.
    pub const PROBLEM_CODE: &str = "problem.code";
}

/// Spans.
pub mod span {
    /// One claimed delivery at the agent.
    pub const AGENT_DELIVER: &str = "agent.deliver";
}

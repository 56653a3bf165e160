//! Every name under which this program can be watched: the fields of log lines; spans and metrics once there are some.
//!
//! ```text
//!  gateway, agent, stores ──write──► fields ──compared by `cargo xtask tidy` with──► names ──► docs/operate/telemetry.md
//! ```
//!
//! The macros of `tracing` take names as they stand, so a constant cannot be handed in: `cargo xtask tidy` reads the
//! sources instead, and knows no name that is not here and none here that nobody uses. Metric names will be
//! `amtsbote_<noun>_<what>_<unit>[_total]`; labels from closed sets (adapter, outcome, problem code), never ids, names or
//! text. Nothing here may carry content.
//!
//! Start reading at [`field`].

pub mod fail_points;

/// Fields of log lines, `noun.property`, the same everywhere.
pub mod field {
    /// How many sealed attachments a sweep deleted.
    pub const BLOB_COUNT: &str = "blob.count";
    /// A case.
    pub const CASE_ID: &str = "case.id";
    /// What lies under an error of the other side.
    pub const CAUSE: &str = "cause";
    /// Why a try of a delivery failed, from a closed set.
    pub const DELIVERY_CAUSE: &str = "delivery.cause";
    /// A destination.
    pub const DESTINATION_ID: &str = "destination.id";
    /// How long a request took, milliseconds.
    pub const DURATION_MS: &str = "duration_ms";
    /// The error with its causes; never content.
    pub const ERROR: &str = "error";
    /// Method of a request.
    pub const HTTP_METHOD: &str = "http.method";
    /// Route of a request, as a pattern without its values.
    pub const HTTP_ROUTE: &str = "http.route";
    /// Status of an answer.
    pub const HTTP_STATUS: &str = "http.status";
    /// How many deliveries are stuck in an incident.
    pub const INCIDENT_COUNT: &str = "incident.count";
    /// An incident, by its number.
    pub const INCIDENT_NUMBER: &str = "incident.number";
    /// How many entries the lineage of a translation has.
    pub const LINEAGE_COUNT: &str = "lineage.count";
    /// How many inputs no output used.
    pub const LOSSES_COUNT: &str = "losses.count";
    /// A mapping package.
    pub const PACKAGE_NAME: &str = "package.name";
    /// Its version.
    pub const PACKAGE_VERSION: &str = "package.version";
    /// A code of the problem catalogue.
    pub const PROBLEM_CODE: &str = "problem.code";
    /// The part of a submission that a reject event's problem is about.
    pub const PROBLEM_INSTANCE: &str = "problem.instance";
    /// The type of a reject event's problem.
    pub const PROBLEM_KIND: &str = "problem.kind";
    /// What the database said; never content.
    pub const REASON: &str = "reason";
    /// What kind of stored record is damaged.
    pub const RECORD_KIND: &str = "record.kind";
    /// A reply.
    pub const REPLY_ID: &str = "reply.id";
    /// The request id, from client to receipt.
    pub const REQUEST_ID: &str = "request.id";
    /// An answer of a procedure, by its name at the way in; never a file name.
    pub const RETURN_ID: &str = "return.id";
    /// The schema a submission's data claims.
    pub const SCHEMA_URI: &str = "schema.uri";
    /// A service, by its key.
    pub const SERVICE_ID: &str = "service.id";
    /// A submission or a reply.
    pub const SUBJECT_ID: &str = "subject.id";
    /// A submission.
    pub const SUBMISSION_ID: &str = "submission.id";
    /// What one of several agents does for all, by its name.
    pub const TURN_NAME: &str = "turn.name";
    /// An uplink, by its name in the settings.
    pub const UPLINK_NAME: &str = "uplink.name";
    /// An agent's process, as leases know it.
    pub const WORKER_ID: &str = "worker.id";
}

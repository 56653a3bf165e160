//! The bodies of the FIT-Connect protocol, API v1 and v2: parse and print, nothing else.
//!
//! ```text
//!  bytes ──parse(…)──► body types ──body(…)──► serde_json::Value ──► bytes
//!            │
//!            └──► Findings: everything that is wrong, at once, never with the value
//!
//!  version ── the facts in which v1 and v2 differ
//!  token ─ routing ─ destination ─ submission ─ jwe_header ─ event ─ callback ─ metadata ─ problem_types
//! ```
//!
//! Pure: no I/O, no cryptography, no clock, no randomness. Signatures, keys and the protection of content are the
//! business of `jose`; HTTP is that of `gateway` and `client`. A type that holds something personal or secret
//! never prints it, and no finding repeats what was sent.
//!
//! Input is bounded by the caller (body limits); nesting is bounded by `serde_json` (128 levels), the number of
//! findings by this crate (see [`MAX_FINDINGS`]).
//!
//! Sources: *Submission API* 1.1.3 and *Routing API* 2.0.0 (`OpenAPI`), metadata schemas 1.0.0 and 2.1.0, SET payload
//! 1.2.2, and the public documentation at <https://docs.fitko.de/fit-connect/>. There is no public `OpenAPI` of
//! API v2: what is said of it here is what clients of the live service report. Documentation marks as *unconfirmed*
//! what could not be read in a public source.
//!
//! Start reading at [`version`], then [`submission`], [`reply`] and [`event`].

pub mod callback;
pub mod case;
pub mod destination;
pub mod event;
mod fields;
pub mod intake;
pub mod jwe_header;
pub mod metadata;
pub mod paging;
pub mod problem_types;
pub mod reply;
pub mod routing;
pub mod submission;
pub mod token;
pub mod version;

pub use fields::MAX_FINDINGS;
pub use paging::{Page, Paging};
pub use version::ApiVersion;

//! Backup and restore: a folder of copies, sums and a manifest.
//!
//! ```text
//!  manifest.json      written last: moment, version, what there is, the sum of SHA256SUMS
//!  SHA256SUMS         one line per file below, as `sha256sum -c` reads it
//!  gateway/gateway.db, gateway/uplink.db, agent/<service>/agent.db
//!  gateway/gateway.tables, gateway/uplink.tables, agent/agents.tables     where they are on PostgreSQL
//!  blobs/3f/3f…       attachments, sealed as they are
//! ```
//!
//! All databases are looked at from the same moment (within milliseconds), the agent's first: what it knows of, the
//! gateway's copy knows, too. Attachments are copied after that; one that was erased meanwhile makes it look anew.
//!
//! Start reading at [`take()`], then [`put_back()`].

mod bucket;
mod files;
mod filling;
mod look;
mod manifest;
mod place;
mod put_back;
mod take;

pub(crate) use bucket::Bucket;
pub(crate) use files::sum;
pub(crate) use manifest::Manifest;
pub(crate) use place::{blobs, places};
pub(crate) use put_back::put_back;
pub(crate) use take::take;

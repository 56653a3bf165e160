//! The words of the domain: identifiers, regions, services, destinations, and the state machines
//! (a *submission* and a *reply* at the gateway, a *relay* through an uplink, a *delivery* at the agent).
//!
//! ```text
//!  ids ── region ── service ── destination ── submission (gateway's life cycle)
//!                                        ├─── reply      (the way back)
//!                                        ├─── relay      (uplink's life cycle)
//!                                        └─── delivery   (agent's life cycle)
//! ```
//!
//! Pure: no I/O, no clock, no randomness. Time comes in as [`Timestamp`]; shells ask a [`Clock`].
//! Never put wire formats here (they live in `fit-connect`) nor anything that knows HTTP.
//!
//! Start reading at [`submission`], then [`reply`] and [`delivery`].

pub mod clock;
pub mod delivery;
pub mod destination;
mod guarded;
pub mod ids;
pub mod incident;
mod mail_address;
pub mod region;
pub mod relay;
pub mod reply;
pub mod service;
mod subject;
pub mod submission;

pub use clock::{Clock, Timestamp};
pub use destination::{
    Callback, ContactInformation, Destination, DestinationStatus, ServiceOffer, SubmissionSchema,
};
pub use guarded::{Personal, Secret};
pub use ids::{
    AttachmentId, CaseId, ClientId, DestinationId, EventId, MalformedId, ParcelId, ReplyId,
    SubmissionId, WorkerId,
};
pub use mail_address::{MailAddress, MalformedMailAddress};
pub use region::{Ars, MalformedRegion, Region};
pub use service::{MalformedService, ServiceId};
pub use subject::Subject;

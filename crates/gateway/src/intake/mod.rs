//! The intake: takes a plain submission, checks it, seals it for its destination, and stores it in one transaction.
//!
//! ```text
//!  body ─► budget (room?) ─► Reading ─► route (whose?) ─► check (all findings) ─► seal (JWEs) ─► accept (one Batch) ─► receipt
//!                            └────────────── examine ──────────────┘
//! ```
//!
//! The plaintext lives in this request's memory only; what reaches store, blobs and logs is ciphertext and ids. Parsing,
//! checking and sealing run on the crypto pool. From `accept` on the work is finished even if the sender hangs up.

mod accept;
mod budget;
mod check;
mod examine;
mod preflight;
mod repeat;
mod reply;
mod route;
mod seal;

pub(crate) use accept::{Accepted, Order, accept};
pub(crate) use budget::{Budget, Room};
pub use preflight::preflight;

pub(crate) use examine::{Examined, examine};
pub(crate) use repeat::{Repeat, answered_before};

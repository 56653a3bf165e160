//! The intake: takes a plain submission, checks it, seals it for its destination, and stores it in one transaction.
//!
//! ```text
//!  body ─► IntakeRequest ─► route (whose?) ─► check (all findings) ─► seal (JWEs) ─► accept (one Batch) ─► receipt
//! ```
//!
//! The plaintext lives in this request's memory only; what reaches store, blobs and logs is ciphertext and ids.

mod accept;
mod check;
mod route;
mod seal;

pub(crate) use accept::{Accepted, Repeat, accept, answered_before};
pub(crate) use check::{Checked, check};
pub(crate) use route::{Routed, route};

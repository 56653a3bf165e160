//! The receipt file: everything that shows what became of a case, in one JSON file that is checked without any network.
//!
//! ```text
//!  gather (client over HTTP │ operator's database) ─► ReceiptFile ─► check(trust, head) ─► Statement │ findings
//! ```
//!
//! What a [`Statement`] says stands under a signature or a hash that leads to one: nothing of the file that anybody could have
//! written is repeated in it. The format is `docs/spec/receipt-file.md`; `check` is pure.

mod chain;
mod check;
mod form;
mod gather;
mod levels;
mod statement;
mod trust;

#[cfg(test)]
mod tests;

pub(crate) use check::check;
pub(crate) use form::{FORMAT, HEAD_FORMAT, HeadFile, ReceiptFile, SealedBlock};
pub(crate) use gather::{ClientSource, Source, StoreSource, gather};
pub(crate) use statement::Statement;
pub(crate) use trust::{Role, Trust, Vouched};

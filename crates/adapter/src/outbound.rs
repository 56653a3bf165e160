//! Ways out: transports that put a parcel where the procedure takes it.

use std::time::Duration;

use amtsbote_model::Personal;

use crate::placement::Names;
use crate::{Fault, Parcel, Reply};

/// A transport. One call is one try.
pub trait Outbound: Send + Sync {
    /// Hands the parcel over. A parcel whose id was handed over before has no second effect and gives a receipt again.
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>>;

    /// Whether a parcel could be handed over now, without any effect at the procedure.
    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>>;

    /// How documents have to call the parcel's files: by their paths, unless this way names the files otherwise.
    fn names(&self) -> Names {
        Names::default()
    }
}

/// Proof that the procedure's way in has the parcel, durable on its side as far as the way can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Where it is, for the operator: a path or message id, nothing personal.
    pub place: String,
    /// Whether this call brought it.
    pub arrival: Arrival,
    /// The procedure's file number (*Aktenzeichen*), if it answered with one at once.
    pub file_number: Option<Personal<String>>,
}

/// Whether a parcel is new to the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// This call brought it.
    New,
    /// It was there already, whole.
    Repeated,
}

//! What an operator's work needs of a blob store: the sweep, and moving from one to another.

use amtsbote_model::Timestamp;

use crate::{BlobId, BlobWriter, Blobs, Error, Reply};

/// A blob store that tells how old its blobs are, and takes them in under the names they had elsewhere.
pub trait Shelf: Blobs {
    /// Blobs kept before the moment given, by the clock of the store, in any order.
    fn kept_before(&self, moment: Timestamp) -> Reply<'_, Result<Vec<BlobId>, Error>>;

    /// As [`Blobs::begin`], for a blob that has a name already. Kept twice, it is there once, as it was kept last.
    fn begin_as(&self, id: BlobId) -> Reply<'_, Result<Box<dyn BlobWriter>, Error>>;
}

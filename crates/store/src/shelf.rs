//! What an operator's work needs of a blob store: moving from one to another, and the sweep, which deletes what nothing refers to.

use amtsbote_model::Timestamp;

use crate::{BlobId, BlobWriter, Blobs, Error, Reply};

/// A blob store that tells how old its blobs are, and takes them in under the names they had elsewhere.
pub trait Shelf: Blobs {
    /// Blobs kept before the moment given, by the clock of the store, in any order.
    fn kept_before(&self, moment: Timestamp) -> Reply<'_, Result<Vec<BlobId>, Error>>;

    /// As [`Blobs::begin`], for a blob that has a name already. Kept twice, it is there once, as it was kept last.
    fn begin_as(&self, id: BlobId) -> Reply<'_, Result<Box<dyn BlobWriter>, Error>>;
}

/// The rows that name blobs.
pub trait References: Send + Sync {
    /// Those of the blobs that no attachment refers to, in the order given.
    fn unreferenced(&self, blobs: Vec<BlobId>) -> Reply<'_, Result<Vec<BlobId>, Error>>;
}

/// Blobs asked about at a time.
const STEP: usize = 500;

/// Deletes the blobs kept before the moment given that no attachment refers to: left by senders that broke off, and replaced
/// attachments. How many.
///
/// A blob is kept before the batch that refers to it is committed: the moment must lie longer ago than any request takes, an
/// hour at least.
pub async fn sweep(
    references: &(impl References + ?Sized),
    blobs: &(impl Shelf + ?Sized),
    kept_before: Timestamp,
) -> Result<u64, Error> {
    let old = blobs.kept_before(kept_before).await?;
    let mut deleted = 0;
    for step in old.chunks(STEP) {
        for blob in references.unreferenced(step.to_vec()).await? {
            blobs.delete(&blob).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

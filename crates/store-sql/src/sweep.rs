//! Deletes blobs that no submission refers to: left by senders that broke off, and replaced attachments.

use amtsbote_model::Timestamp;
use amtsbote_store::{Error, Shelf};

use crate::SqliteStore;

const STEP: usize = 500;

/// Deletes the blobs kept before the moment given that no attachment refers to; how many.
///
/// A blob is kept before the batch that refers to it is committed: the moment must lie longer ago than any request
/// takes, an hour at least.
pub async fn sweep(
    store: &SqliteStore,
    blobs: &(impl Shelf + ?Sized),
    kept_before: Timestamp,
) -> Result<u64, Error> {
    let old = blobs.kept_before(kept_before).await?;
    let mut deleted = 0;
    for step in old.chunks(STEP) {
        for blob in store.unreferenced(step.to_vec()).await? {
            blobs.delete(&blob).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

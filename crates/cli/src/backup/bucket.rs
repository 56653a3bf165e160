//! Attachments that lie in an object store: fetched into the files they would be in a folder, and brought back.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use amtsbote_settings::Settings;
use amtsbote_store::blob_sum::{BlobSum, SUM_BYTES, has_sum};
use amtsbote_store::blobs::PIECE_MAX_BYTES;
use amtsbote_store::{BlobId, Error as StoreError, Shelf};
use amtsbote_store_sql::BlobState;
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::files::{Sum, hex};
use crate::blobs;

/// The bucket of the settings.
#[derive(Clone)]
pub(crate) struct Bucket(Arc<dyn Shelf>);

impl Bucket {
    /// `None`: the attachments lie in a folder.
    pub(crate) fn of(settings: &Settings) -> Result<Option<Self>> {
        let gateway = settings.gateway.as_ref();
        let Some(gateway) = gateway.filter(|gateway| blobs::are_in_bucket(gateway)) else {
            return Ok(None);
        };
        Ok(Some(Self(wait(blobs::open(gateway))?)))
    }

    /// Copies a blob into a file, with its sum behind it; `None` if it is not there.
    pub(crate) fn fetch(&self, id: &BlobId, to: &Path) -> Result<Option<Sum>> {
        let context = || format!("cannot write {}", to.display());
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(to).with_context(context)?;
        let sum = wait(self.pass(id, &mut file))?;
        if sum.is_some() {
            file.sync_all().with_context(context)?;
        } else {
            std::fs::remove_file(to).with_context(context)?;
        }
        Ok(sum)
    }

    /// What a folder's file of this blob would hold.
    pub(crate) fn sum(&self, id: &BlobId) -> Result<Option<Sum>> {
        wait(self.pass(id, &mut io::sink()))
    }

    /// Reads a blob to its end. `size_bytes` is how long it must be.
    pub(crate) fn check(&self, id: &BlobId, size_bytes: u64) -> Result<BlobState> {
        wait(async {
            let mut reader = match self.0.open(id).await {
                Ok(Some(reader)) => reader,
                Ok(None) => return Ok(BlobState::Gone),
                Err(StoreError::Unreadable { .. }) => return Ok(BlobState::Altered),
                Err(error) => return Err(error.into()),
            };
            if reader.size_bytes() != size_bytes {
                return Ok(BlobState::Altered);
            }
            loop {
                match reader.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) if has_sum(id) => return Ok(BlobState::Whole),
                    Ok(None) => return Ok(BlobState::WithoutSum),
                    Err(StoreError::Unreadable { .. }) => return Ok(BlobState::Altered),
                    Err(error) => return Err(error.into()),
                }
            }
        })
    }

    pub(crate) fn list(&self) -> Result<Vec<BlobId>> {
        wait(async { Ok(self.0.list().await?) })
    }

    /// Brings a blob back from its file.
    pub(crate) fn put(&self, id: &BlobId, copy: &Path) -> Result<()> {
        let context = || format!("cannot read {}", copy.display());
        let file = File::open(copy).with_context(context)?;
        let length = file.metadata().with_context(context)?.len();
        let behind = if has_sum(id) { SUM_BYTES } else { 0 };
        ensure!(length >= behind, "{} is too short", copy.display());
        // The store puts the sum behind the content itself.
        let mut content = file.take(length - behind);
        wait(async {
            let mut writer = self.0.begin_as(id.clone()).await?;
            let mut piece = vec![0; PIECE_MAX_BYTES];
            loop {
                let read = content.read(&mut piece).with_context(context)?;
                if read == 0 {
                    break;
                }
                let piece = bytes::Bytes::copy_from_slice(&piece[..read]);
                writer.write(piece).await?;
            }
            writer.keep().await?;
            Ok(())
        })
    }

    async fn pass(&self, id: &BlobId, to: &mut impl Write) -> Result<Option<Sum>> {
        let Some(mut reader) = self.0.open(id).await? else {
            return Ok(None);
        };
        let (mut hash, mut own, mut size_bytes) = (Sha256::new(), BlobSum::begin(id), 0_u64);
        while let Some(piece) = reader.next().await? {
            own.push(&piece);
            hash.update(&piece);
            to.write_all(&piece).context("cannot write the copy")?;
            size_bytes += u64::try_from(piece.len()).unwrap_or(0);
        }
        if has_sum(id) {
            let behind = own.bytes();
            hash.update(behind);
            to.write_all(&behind).context("cannot write the copy")?;
            size_bytes += SUM_BYTES;
        }
        let sha256 = hex(&hash.finalize());
        Ok(Some(Sum { sha256, size_bytes }))
    }
}

/// Backup and restore are one thing after the other; only buckets and servers are asked across the network.
pub(super) fn wait<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(call))
}

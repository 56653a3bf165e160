//! Attachments: spooled as ciphertext, checked in a first pass that throws the plaintext away, opened again while they
//! are handed over. So plaintext is released only after tag and hash were found right, and memory stays flat.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use amtsbote_adapter::{
    Algorithm, AttachmentReader, AttachmentSource, Fault as WayFault, OpenedAttachment, Reply,
    Summing,
};
use amtsbote_client::Fault;
use amtsbote_fit_connect::event::{AuthenticationTags, Part, Violation};
use amtsbote_fit_connect::metadata::{AttachmentDescription, Metadata};
use amtsbote_jose::{NotOpened, OpenReader, PrivateKey, Sha256Stream, Sha512Stream};
use amtsbote_model::AttachmentId;
use amtsbote_model::delivery::Cause;
use amtsbote_store::blobs::PIECE_MAX_BYTES;
use amtsbote_store::{BlobId, BlobReader, Blobs, DeliveryRow};
use bytes::Bytes;

use crate::Served;
use crate::delivery::Stopped;
use crate::opening::shared_keys;
use crate::work::{Inner, log_store};

/// Packed content may grow a thousandfold, so it is opened in small slices.
const SLICE_BYTES: usize = 16 * 1024;

/// Ciphertext of one submission, at most (FIT-Connect: 2 GB).
const SPOOLED_MAX_BYTES: u64 = 3_000_000_000;
/// More than an authentication tag has: 22 characters (RFC 7518 §5.3).
const TAIL_BYTES: usize = 64;

/// The attachments of one submission, checked, with their ciphertext in the spool.
#[derive(Default)]
pub(crate) struct Spooled {
    attachments: Vec<OpenedAttachment>,
}

impl Spooled {
    pub(crate) fn attachments(&self) -> &[OpenedAttachment] {
        &self.attachments
    }

    /// Whether all of them have these checksums.
    pub(crate) fn has(&self, algorithms: &[Algorithm]) -> bool {
        let mut all = self.attachments.iter();
        all.all(|one| one.old_sums.has(algorithms))
    }
}

/// What one try put into the spool. Outlives the try, so that it can be cleared also after a time-out or a panic.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Vec<BlobId>>);

impl Shelf {
    fn put(&self, blob: BlobId) {
        self.blobs().push(blob);
    }

    pub(crate) async fn clear(&self, spool: &dyn Blobs) {
        let blobs = std::mem::take(&mut *self.blobs());
        for blob in &blobs {
            if let Err(error) = spool.delete(blob).await {
                log_store(&error);
            }
        }
    }

    fn blobs(&self) -> MutexGuard<'_, Vec<BlobId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way of one submission's attachments into the spool.
struct Spooling<'a> {
    row: &'a DeliveryRow,
    served: &'a Served,
    tags: &'a AuthenticationTags,
    shelf: &'a Shelf,
    /// Checksums that the package asks for besides.
    old: Vec<Algorithm>,
    left: u64,
}

impl Inner {
    pub(crate) async fn spool(
        &self,
        row: &DeliveryRow,
        (served, shelf): (&Served, &Shelf),
        (metadata, tags): (&Metadata, &AuthenticationTags),
        old: Vec<Algorithm>,
    ) -> Result<Spooled, Stopped> {
        let mut spooling = Spooling {
            row,
            served,
            tags,
            shelf,
            old,
            left: SPOOLED_MAX_BYTES,
        };
        let mut attachments = Vec::new();
        for described in &metadata.content_structure.attachments {
            attachments.push(self.spool_one(&mut spooling, described).await?);
        }
        Ok(Spooled { attachments })
    }

    async fn spool_one(
        &self,
        spooling: &mut Spooling<'_>,
        described: &AttachmentDescription,
    ) -> Result<OpenedAttachment, Stopped> {
        let ids = match described.fragments.as_slice() {
            [] => vec![described.attachment_id],
            fragments => fragments.to_vec(),
        };
        let (mut hash, mut sha256) = (Sha512Stream::new(), Sha256Stream::new());
        let mut old = Summing::new(&spooling.old);
        let mut size_bytes = 0_u64;
        let mut own = Vec::with_capacity(ids.len());
        for id in ids {
            let blob = self.download(spooling, id).await?;
            let mut pass = self.plaintext(&blob, spooling.served).await?;
            while let Some(piece) = pass.next_plain().await.map_err(|error| broken(error, id))? {
                size_bytes += piece.len() as u64;
                hash.push(&piece);
                sha256.push(&piece);
                old.push(&piece);
            }
            own.push(blob);
        }
        if hash.finish_hex() != described.hash.hex() {
            let part = Part::Attachment(described.attachment_id);
            return Err(Stopped::refused(
                Violation::HashMismatch,
                part,
                "SHA-512 weicht ab",
            ));
        }
        Ok(OpenedAttachment {
            id: described.attachment_id,
            filename: described.filename.clone(),
            description: described.description.clone(),
            media_type: described.mime_type.clone(),
            purpose: described.purpose.name().to_owned(),
            sha512: described.hash.hex().to_owned(),
            sha256: sha256.finish_hex(),
            old_sums: old.finish(),
            path: None,
            source: Arc::new(Source {
                spool: self.parts.spool.clone(),
                blobs: own,
                keys: shared_keys(spooling.served),
                size_bytes,
                max_bytes: self.parts.policy.attachment_max_bytes,
            }),
        })
    }

    /// Takes the ciphertext down, and holds its tag against the event log before anything is opened.
    async fn download(
        &self,
        spooling: &mut Spooling<'_>,
        id: AttachmentId,
    ) -> Result<BlobId, Stopped> {
        let part = Part::Attachment(id);
        let missing = || Stopped::refused(Violation::MissingAttachment, part, "Anlage fehlt");
        let tag = spooling.tags.attachments.get(&id).ok_or_else(missing)?;
        let submission = spooling.row.submission_id;
        let mut stream = match self.parts.subscriber.download(submission, id).await {
            Ok(stream) => stream,
            Err(Fault::NotFound) => return Err(missing()),
            Err(fault) => return Err(fault.into()),
        };
        let mut writer = self.parts.spool.begin().await?;
        let mut tail = Tail::default();
        while let Some(piece) = stream.next().await? {
            let left = spooling.left.checked_sub(piece.len() as u64);
            let too_large = || Stopped::refused(Violation::TechnicalError, part, "zu groß");
            spooling.left = left.ok_or_else(too_large)?;
            tail.push(&piece);
            writer.write(piece).await?;
        }
        if tail.tag() != tag.as_bytes() {
            let detail = "Tag weicht vom Ereignisprotokoll ab";
            return Err(Stopped::refused(
                Violation::IncorrectAuthenticationTag,
                part,
                detail,
            ));
        }
        let blob = writer.keep().await?.id;
        spooling.shelf.put(blob.clone());
        Ok(blob)
    }

    async fn plaintext(&self, blob: &BlobId, served: &Served) -> Result<Plaintext, Stopped> {
        let reader = self
            .parts
            .spool
            .open(blob)
            .await?
            .ok_or(Stopped::failed(Cause::Internal))?;
        let (keys, max) = (shared_keys(served), self.parts.policy.attachment_max_bytes);
        Ok(Plaintext::new(reader, &keys, max))
    }
}

/// The end of a stream.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, piece: &[u8]) {
        let end = &piece[piece.len().saturating_sub(TAIL_BYTES)..];
        self.0.extend_from_slice(end);
        self.0.drain(..self.0.len().saturating_sub(TAIL_BYTES));
    }

    /// The last part of a compact JWE (RFC 7516 §7.1).
    fn tag(&self) -> &[u8] {
        self.0
            .rsplit(|byte| *byte == b'.')
            .next()
            .unwrap_or(&self.0)
    }
}

fn broken(error: Unreadable, id: AttachmentId) -> Stopped {
    match error {
        Unreadable::Spool(error) => error.into(),
        Unreadable::Jwe(error) => Stopped::refused(
            Violation::EncryptionIssue,
            Part::Attachment(id),
            error.to_string(),
        ),
        Unreadable::Gone | Unreadable::CutOff => Stopped::failed(Cause::Internal),
    }
}

/// Why a spooled attachment gives no plaintext.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("the spool cannot be read")]
    Spool(#[source] amtsbote_store::Error),
    #[error("it cannot be opened")]
    Jwe(#[source] NotOpened),
    #[error("it is not in the spool any more")]
    Gone,
    #[error("an earlier read was cut off or failed")]
    CutOff,
}

/// Opens one spooled ciphertext piece by piece, off the async workers. Memory: one piece of the spool, and what 16 KiB
/// of it unpack to.
struct Plaintext {
    reader: Box<dyn BlobReader>,
    opener: Opener,
    /// Read, not opened yet.
    sealed: Bytes,
    /// Opened, not handed out yet.
    plain: Bytes,
}

enum Opener {
    Ready(Box<OpenReader>),
    /// Out at a worker thread. If it stays there, the read was cut off: never take that for the end.
    Lent,
    /// The end was reached and found authentic.
    Proven,
}

impl Plaintext {
    fn new(reader: Box<dyn BlobReader>, keys: &[PrivateKey], max_bytes: u64) -> Self {
        let opener = OpenReader::new(keys, reader.size_bytes(), max_bytes);
        Self {
            reader,
            opener: Opener::Ready(Box::new(opener)),
            sealed: Bytes::new(),
            plain: Bytes::new(),
        }
    }

    /// The next plaintext, at most 256 KiB; `None` after the end was found authentic.
    async fn next_plain(&mut self) -> Result<Option<Bytes>, Unreadable> {
        while self.plain.is_empty() {
            if matches!(self.opener, Opener::Proven) {
                return Ok(None);
            }
            self.open_more().await?;
        }
        let length = self.plain.len().min(PIECE_MAX_BYTES);
        Ok(Some(self.plain.split_to(length)))
    }

    async fn open_more(&mut self) -> Result<(), Unreadable> {
        if self.sealed.is_empty() {
            let piece = self.reader.next().await.map_err(Unreadable::Spool)?;
            self.sealed = piece.unwrap_or_default();
        }
        let Opener::Ready(mut opener) = std::mem::replace(&mut self.opener, Opener::Lent) else {
            return Err(Unreadable::CutOff);
        };
        let mut sealed = std::mem::take(&mut self.sealed);
        let (next, sealed, plain) = offload(move || {
            let mut plain = Vec::new();
            if sealed.is_empty() {
                opener.finish(&mut plain)?;
                return Ok((Opener::Proven, sealed, plain));
            }
            while !sealed.is_empty() && plain.len() < PIECE_MAX_BYTES {
                let slice = sealed.split_to(sealed.len().min(SLICE_BYTES));
                opener.push(&slice, &mut plain)?;
            }
            Ok((Opener::Ready(opener), sealed, plain))
        })
        .await?;
        self.opener = next;
        self.sealed = sealed;
        self.plain = plain.into();
        Ok(())
    }
}

async fn offload<T, F>(work: F) -> Result<T, Unreadable>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, NotOpened> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Unreadable::CutOff)?
        .map_err(Unreadable::Jwe)
}

/// A checked attachment, as often as a transport wants it.
struct Source {
    spool: Arc<dyn Blobs>,
    blobs: Vec<BlobId>,
    keys: Arc<[PrivateKey]>,
    size_bytes: u64,
    max_bytes: u64,
}

impl AttachmentSource for Source {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn open(&self) -> Reply<'_, Result<Box<dyn AttachmentReader>, WayFault>> {
        let mut left = self.blobs.clone();
        left.reverse();
        let reader: Box<dyn AttachmentReader> = Box::new(Reader {
            spool: self.spool.clone(),
            keys: self.keys.clone(),
            max_bytes: self.max_bytes,
            left,
            current: None,
        });
        Box::pin(std::future::ready(Ok(reader)))
    }
}

struct Reader {
    spool: Arc<dyn Blobs>,
    keys: Arc<[PrivateKey]>,
    max_bytes: u64,
    left: Vec<BlobId>,
    current: Option<Plaintext>,
}

impl AttachmentReader for Reader {
    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, WayFault>> {
        Box::pin(self.piece())
    }
}

impl Reader {
    async fn piece(&mut self) -> Result<Option<Bytes>, WayFault> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some(piece) = current
                    .next_plain()
                    .await
                    .map_err(|error| unreadable(&error))?
                {
                    return Ok(Some(piece));
                }
                self.current = None;
            }
            // Taken off the list only once it is open: being cut off here must not skip it.
            let Some(blob) = self.left.last() else {
                return Ok(None);
            };
            let opened = self.spool.open(blob).await;
            let reader = opened
                .map_err(Unreadable::Spool)
                .and_then(|reader| reader.ok_or(Unreadable::Gone));
            let reader = reader.map_err(|error| unreadable(&error))?;
            self.left.pop();
            self.current = Some(Plaintext::new(reader, &self.keys, self.max_bytes));
        }
    }
}

// It was readable a moment ago: our own disk is failing, nothing is wrong with the procedure or the parcel.
fn unreadable(error: &Unreadable) -> WayFault {
    tracing::error!(error = %error, "a spooled attachment cannot be read again: {error}");
    WayFault::unavailable(
        "eine zwischengespeicherte Anlage lässt sich nicht noch einmal lesen",
        "a spooled attachment cannot be read again",
    )
}

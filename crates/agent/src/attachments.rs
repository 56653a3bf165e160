//! Attachments: spooled as ciphertext, checked in a first pass that throws the plaintext away, opened again while they
//! are handed over. So plaintext is released only after tag and hash were found right, and memory stays flat.

use std::sync::Arc;

use amtsbote_adapter::{
    AttachmentReader, AttachmentSource, Fault as WayFault, OpenedAttachment, Reply,
};
use amtsbote_fit_connect::event::{AuthenticationTags, Part, Violation};
use amtsbote_fit_connect::metadata::{AttachmentDescription, Metadata};
use amtsbote_jose::{Envelope, NotOpened, OpenReader, PrivateKey, Sha512Stream};
use amtsbote_model::AttachmentId;
use amtsbote_model::delivery::Cause;
use amtsbote_store::{BlobId, BlobReader, Blobs, DeliveryRow};
use bytes::Bytes;

use crate::Served;
use crate::delivery::Stopped;
use crate::opening::shared_keys;
use crate::work::{Inner, log_store};

/// Packed content may grow a thousandfold, so it is opened in small slices.
const SLICE_BYTES: usize = 16 * 1024;

/// The attachments of one submission, checked, with their ciphertext in the spool.
pub(crate) struct Spooled {
    attachments: Vec<OpenedAttachment>,
    blobs: Vec<BlobId>,
}

impl Spooled {
    pub(crate) fn attachments(&self) -> &[OpenedAttachment] {
        &self.attachments
    }

    pub(crate) async fn discard(self, spool: &dyn Blobs) {
        for blob in &self.blobs {
            if let Err(error) = spool.delete(blob).await {
                log_store(&error);
            }
        }
    }
}

impl Inner {
    pub(crate) async fn spool(
        &self,
        row: &DeliveryRow,
        served: &Served,
        (metadata, tags): (&Metadata, &AuthenticationTags),
    ) -> Result<Spooled, Stopped> {
        let mut spooled = Spooled {
            attachments: Vec::new(),
            blobs: Vec::new(),
        };
        for described in &metadata.content_structure.attachments {
            match self
                .spool_one(row, served, (described, tags), &mut spooled.blobs)
                .await
            {
                Ok(opened) => spooled.attachments.push(opened),
                Err(stopped) => {
                    spooled.discard(self.parts.spool.as_ref()).await;
                    return Err(stopped);
                }
            }
        }
        Ok(spooled)
    }

    async fn spool_one(
        &self,
        row: &DeliveryRow,
        served: &Served,
        (described, tags): (&AttachmentDescription, &AuthenticationTags),
        blobs: &mut Vec<BlobId>,
    ) -> Result<OpenedAttachment, Stopped> {
        let part = Part::Attachment(described.attachment_id);
        let ids = match described.fragments.as_slice() {
            [] => vec![described.attachment_id],
            fragments => fragments.to_vec(),
        };
        let mut hash = Sha512Stream::new();
        let mut size_bytes = 0_u64;
        let mut own = Vec::with_capacity(ids.len());
        for id in ids {
            let missing = || {
                Stopped::refused(
                    Violation::MissingAttachment,
                    Part::Attachment(id),
                    "Anlage fehlt",
                )
            };
            let tag = tags.attachments.get(&id).ok_or_else(missing)?;
            let blob = self.download(row, id).await?;
            blobs.push(blob.clone());
            let mut pass = self.plaintext(&blob, served).await?;
            while let Some(piece) = pass
                .next_plain()
                .await
                .map_err(|error| broken(&error, id))?
            {
                size_bytes += piece.len() as u64;
                hash.push(&piece);
            }
            if pass.tag() != Some(tag.as_str()) {
                let detail = "Tag weicht vom Ereignisprotokoll ab";
                return Err(Stopped::refused(
                    Violation::IncorrectAuthenticationTag,
                    Part::Attachment(id),
                    detail,
                ));
            }
            own.push(blob);
        }
        if hash.finish_hex() != described.hash.hex() {
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
            source: Arc::new(Source {
                spool: self.parts.spool.clone(),
                blobs: own,
                keys: shared_keys(served),
                size_bytes,
                max_bytes: self.parts.policy.attachment_max_bytes,
            }),
        })
    }

    async fn download(&self, row: &DeliveryRow, id: AttachmentId) -> Result<BlobId, Stopped> {
        let mut stream = self
            .parts
            .subscriber
            .download(row.submission_id, id)
            .await?;
        let mut writer = self.parts.spool.begin().await?;
        while let Some(piece) = stream.next().await? {
            writer.write(piece).await?;
        }
        Ok(writer.keep().await?.id)
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

fn broken(error: &Unreadable, id: AttachmentId) -> Stopped {
    match error {
        Unreadable::Spool(error) => {
            log_store(error);
            Stopped::failed(Cause::Internal)
        }
        Unreadable::Jwe(error) => Stopped::refused(
            Violation::EncryptionIssue,
            Part::Attachment(id),
            error.to_string(),
        ),
        Unreadable::Computation => Stopped::failed(Cause::Internal),
    }
}

/// Why a spooled attachment gives no plaintext.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("the spool cannot be read")]
    Spool(#[source] amtsbote_store::Error),
    #[error("it cannot be opened")]
    Jwe(#[source] NotOpened),
    #[error("the computation did not end")]
    Computation,
}

/// Opens one spooled ciphertext piece by piece, off the async workers.
struct Plaintext {
    reader: Box<dyn BlobReader>,
    opener: Option<OpenReader>,
    envelope: Option<Envelope>,
}

impl Plaintext {
    fn new(reader: Box<dyn BlobReader>, keys: &[PrivateKey], max_bytes: u64) -> Self {
        let opener = OpenReader::new(keys, reader.size_bytes(), max_bytes);
        Self {
            reader,
            opener: Some(opener),
            envelope: None,
        }
    }

    /// The tag, once the end was reached and found authentic.
    fn tag(&self) -> Option<&str> {
        self.envelope
            .as_ref()
            .map(|envelope| envelope.tag().as_str())
    }

    async fn next_plain(&mut self) -> Result<Option<Bytes>, Unreadable> {
        while let Some(opener) = self.opener.take() {
            let Some(piece) = self.reader.next().await.map_err(Unreadable::Spool)? else {
                let (envelope, out) = offload(move || {
                    let mut out = Vec::new();
                    opener.finish(&mut out).map(|envelope| (envelope, out))
                })
                .await?;
                self.envelope = Some(envelope);
                return Ok((!out.is_empty()).then(|| Bytes::from(out)));
            };
            let (opener, out) = offload(move || {
                let (mut opener, mut out) = (opener, Vec::new());
                for slice in piece.chunks(SLICE_BYTES) {
                    opener.push(slice, &mut out)?;
                }
                Ok((opener, out))
            })
            .await?;
            self.opener = Some(opener);
            if !out.is_empty() {
                return Ok(Some(Bytes::from(out)));
            }
        }
        Ok(None)
    }
}

async fn offload<T, F>(work: F) -> Result<T, Unreadable>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, NotOpened> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Unreadable::Computation)?
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
            let Some(blob) = self.left.pop() else {
                return Ok(None);
            };
            let opened = self
                .spool
                .open(&blob)
                .await
                .map_err(|error| unreadable(&Unreadable::Spool(error)))?;
            let reader = opened.ok_or_else(|| unreadable(&Unreadable::Computation))?;
            self.current = Some(Plaintext::new(reader, &self.keys, self.max_bytes));
        }
    }
}

// It was readable a moment ago: our own disk is failing, nothing is wrong with the procedure or the parcel.
fn unreadable(error: &Unreadable) -> WayFault {
    tracing::error!(error = %error, "a spooled attachment cannot be read again: {error}");
    WayFault::Unavailable {
        reason: "a spooled attachment cannot be read again".to_owned(),
        retry_after: None,
    }
}

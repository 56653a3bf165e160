//! What is in a reply, before it is sealed and after it was opened. Pure: no network.
//!
//! ```text
//!  ReplyContent ──seal(key from replyChannel.fitConnect)──► SealedReply ──► announce, upload, submit
//!  Reply + tags of the verified log ──open(own key)──► OpenedReply
//! ```
//!
//! Made for notices: attachments are held in memory here. Large ones are sealed and opened as streams with `jose`.

use std::collections::BTreeMap;

use amtsbote_fit_connect::event::AuthenticationTags;
use amtsbote_fit_connect::metadata::{
    AttachmentDescription, ContentStructure, DataDescription, Metadata, Purpose, ReplyChannel,
    Sha512,
};
use amtsbote_fit_connect::reply::Reply;
use amtsbote_fit_connect::submission::{CompactJwe, SubmitSubmission};
use amtsbote_jose::{Jwe, KeyUse, PrivateKey, PublicKey, X5c, open, seal, sha512_hex};
use amtsbote_model::{AttachmentId, Personal, SubmissionSchema};

/// An attachment of a reply, in clear.
#[derive(Debug, Clone)]
pub struct ReplyAttachment {
    /// Its id, made by who sends.
    pub id: AttachmentId,
    /// What it is.
    pub mime_type: String,
    /// The name it is shown under.
    pub filename: Option<Personal<String>>,
    /// The file.
    pub content: Personal<Vec<u8>>,
}

/// A reply, in clear.
#[derive(Debug, Clone)]
pub struct ReplyContent {
    /// The data, exactly as it will be sealed and hashed.
    pub data: Personal<Vec<u8>>,
    /// The schema of the data: one of the `processStandards` that the submission named.
    pub schema: SubmissionSchema,
    /// Attachments.
    pub attachments: Vec<ReplyAttachment>,
}

/// A reply ready to be sent.
#[derive(Debug)]
pub struct SealedReply {
    /// The body of the submit.
    pub body: SubmitSubmission,
    /// To be announced and uploaded before.
    pub attachments: Vec<(AttachmentId, CompactJwe)>,
}

/// Why a reply could not be sealed. Nothing in it is content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// The submission asked for no reply through FIT-Connect.
    #[error("the submission names no FIT-Connect reply channel")]
    NoChannel,
    /// The key in the submission's metadata breaks the key policy.
    #[error("the key for replies breaks the policy for keys")]
    Key,
    /// Sealing failed.
    #[error("a part could not be sealed")]
    Seal,
}

/// Why a reply could not be opened. Nothing in it is content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// A part differs from what the log says was sent.
    #[error("{0} is not what the log says was sent")]
    Tag(&'static str),
    /// No key opens it.
    #[error("{0} cannot be opened")]
    Sealed(&'static str),
    /// The metadata cannot be read.
    #[error("the metadata breaks its schema")]
    Metadata,
    /// What was opened has another hash than the metadata says.
    #[error("{0} has another hash than the metadata says")]
    Hash(&'static str),
    /// The attachments are not those of the metadata.
    #[error("the attachments are not those the metadata describes")]
    Attachments,
}

/// A reply, opened and found consistent, in memory only.
#[derive(Debug)]
pub struct OpenedReply {
    /// Its metadata.
    pub metadata: Metadata,
    /// The data, if there is some.
    pub data: Option<Personal<Vec<u8>>>,
}

/// The key that replies to the submission with this metadata are sealed for.
pub fn reply_key(metadata: &Metadata) -> Result<PublicKey, NotSealed> {
    match &metadata.reply_channel {
        Some(ReplyChannel::FitConnect {
            encryption_public_key,
            ..
        }) => PublicKey::from_json(encryption_public_key, KeyUse::Encryption, X5c::Optional)
            .map_err(|_| NotSealed::Key),
        Some(
            ReplyChannel::EMail { .. }
            | ReplyChannel::DeMail { .. }
            | ReplyChannel::Fink { .. }
            | ReplyChannel::Elster { .. }
            | ReplyChannel::IdBundDeMailbox { .. },
        )
        | None => Err(NotSealed::NoChannel),
    }
}

impl ReplyContent {
    /// Seals everything for `key`, with metadata of version 2.1.0. Takes its time: an RSA operation for each part.
    pub fn seal(&self, key: &PublicKey) -> Result<SealedReply, NotSealed> {
        let sealed = |plain: &[u8], cty: &str| {
            let text = seal(plain, key, cty).map_err(|_| NotSealed::Seal)?;
            CompactJwe::try_from(text).map_err(|_| NotSealed::Seal)
        };
        let mut attachments = Vec::with_capacity(self.attachments.len());
        for attachment in &self.attachments {
            let jwe = sealed(attachment.content.reveal(), &attachment.mime_type)?;
            attachments.push((attachment.id, jwe));
        }
        let metadata = self.metadata()?.to_bytes();
        Ok(SealedReply {
            body: SubmitSubmission {
                encrypted_metadata: sealed(metadata.reveal(), "application/json")?,
                encrypted_data: Some(sealed(self.data.reveal(), &self.schema.mime_type)?),
            },
            attachments,
        })
    }

    fn metadata(&self) -> Result<Metadata, NotSealed> {
        let mut attachments = Vec::with_capacity(self.attachments.len());
        for attachment in &self.attachments {
            attachments.push(AttachmentDescription {
                attachment_id: attachment.id,
                hash: hash(attachment.content.reveal())?,
                purpose: Purpose::Attachment,
                mime_type: attachment.mime_type.clone(),
                filename: attachment.filename.clone(),
                description: None,
                fragments: Vec::new(),
            });
        }
        Ok(Metadata::new(ContentStructure {
            data: Some(DataDescription {
                hash: hash(self.data.reveal())?,
                submission_schema: self.schema.clone(),
            }),
            attachments,
        }))
    }
}

fn hash(bytes: &[u8]) -> Result<Sha512, NotSealed> {
    sha512_hex(bytes).parse().map_err(|_| NotSealed::Seal)
}

/// Opens metadata and data of a reply: tags against the verified log, then the seal, then hashes. `max_bytes` bounds what a
/// packed part may become.
pub fn open_reply(
    reply: &Reply,
    tags: &AuthenticationTags,
    keys: &[PrivateKey],
    max_bytes: u64,
) -> Result<OpenedReply, NotOpened> {
    let opened = |jwe: &CompactJwe, tag: Option<&str>, what: &'static str| {
        if jwe.tag() != tag {
            return Err(NotOpened::Tag(what));
        }
        let parsed = Jwe::parse(jwe.as_str(), jwe.as_str().len() as u64)
            .map_err(|_| NotOpened::Sealed(what))?;
        open(&parsed, keys, max_bytes).map_err(|_| NotOpened::Sealed(what))
    };
    let metadata = opened(&reply.encrypted_metadata, Some(&tags.metadata), "metadata")?;
    let metadata = Metadata::parse(&metadata).map_err(|_| NotOpened::Metadata)?;
    check_attachments(reply, &metadata, &tags.attachments)?;
    let data = match (&reply.encrypted_data, &metadata.content_structure.data) {
        (Some(sealed), Some(described)) => {
            let bytes = opened(sealed, tags.data.as_deref(), "data")?;
            if sha512_hex(&bytes) != described.hash.hex() {
                return Err(NotOpened::Hash("data"));
            }
            Some(Personal::new(bytes.to_vec()))
        }
        (None, None) if tags.data.is_none() => None,
        (Some(_) | None, Some(_) | None) => return Err(NotOpened::Metadata),
    };
    Ok(OpenedReply { metadata, data })
}

/// Log, answer and metadata name the same attachments.
fn check_attachments(
    reply: &Reply,
    metadata: &Metadata,
    tags: &BTreeMap<AttachmentId, String>,
) -> Result<(), NotOpened> {
    let sorted = |ids: &mut dyn Iterator<Item = AttachmentId>| {
        let mut ids: Vec<_> = ids.collect();
        ids.sort();
        ids
    };
    let in_log: Vec<_> = tags.keys().copied().collect();
    let answered = sorted(&mut reply.reduced.attachments.iter().copied());
    let described = &metadata.content_structure.attachments;
    let described = sorted(&mut described.iter().flat_map(|described| {
        let whole = described
            .fragments
            .is_empty()
            .then_some(described.attachment_id);
        described.fragments.iter().copied().chain(whole)
    }));
    if answered == in_log && described == in_log {
        Ok(())
    } else {
        Err(NotOpened::Attachments)
    }
}

impl OpenedReply {
    /// Opens one attachment, unless it was split: its tag against the log, the seal, its hash.
    pub fn open_attachment(
        &self,
        (id, sealed): (AttachmentId, &CompactJwe),
        tags: &AuthenticationTags,
        keys: &[PrivateKey],
        max_bytes: u64,
    ) -> Result<Personal<Vec<u8>>, NotOpened> {
        let what = "an attachment";
        let described = &self.metadata.content_structure.attachments;
        let described = described
            .iter()
            .find(|described| described.attachment_id == id && described.fragments.is_empty())
            .ok_or(NotOpened::Attachments)?;
        if sealed.tag() != tags.attachments.get(&id).map(String::as_str) {
            return Err(NotOpened::Tag(what));
        }
        let jwe = Jwe::parse(sealed.as_str(), sealed.as_str().len() as u64)
            .map_err(|_| NotOpened::Sealed(what))?;
        let bytes = open(&jwe, keys, max_bytes).map_err(|_| NotOpened::Sealed(what))?;
        if sha512_hex(&bytes) == described.hash.hex() {
            Ok(Personal::new(bytes.to_vec()))
        } else {
            Err(NotOpened::Hash(what))
        }
    }
}

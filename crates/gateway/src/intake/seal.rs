//! From checked content to JWEs: metadata, data and each attachment on its own, for the destination's key.

use amtsbote_fit_connect::metadata::{
    AdditionalReferenceInfo, AttachmentDescription, ContentStructure, DataDescription, Metadata,
    Sha512,
};
use amtsbote_jose::{KeyUse, NotSealed, PublicKey, SealWriter, X5c, seal, sha512_hex};
use amtsbote_model::{AttachmentId, Destination, Personal};
use amtsbote_problem::Code;
use amtsbote_store::{Attachment, Content};
use bytes::Bytes;

use super::Examined;
use super::route::Sealing;
use crate::Context;
use crate::answer::Refused;

/// The sealed submission; its attachments are durable blobs already.
pub(crate) struct Sealed {
    pub(crate) content: Content,
    /// In the order of the request.
    pub(crate) announced: Vec<AttachmentId>,
}

/// Seals everything. What was kept as a blob stands in `kept`, also if it fails half-way.
pub(crate) async fn seal_all(
    context: &Context,
    examined: &mut Examined,
    kept: &mut Vec<Attachment>,
) -> Result<Sealed, Refused> {
    let key = match &examined.sealing {
        Sealing::Ours => encryption_key(context, &examined.destination).await?,
        Sealing::Foreign(key) => PublicKey::clone(key),
    };
    let contents = std::mem::take(&mut examined.attachments);
    let mut described = Vec::with_capacity(contents.len());
    for (bytes, inline) in contents.into_iter().zip(&examined.request.attachments) {
        let job = (key.clone(), inline.mime_type.clone());
        let sealed = context
            .crypto()
            .run(move || seal_attachment(&bytes, &job))
            .await??;
        let hash = sealed.hash.clone();
        let attachment = keep(context, sealed).await?;
        described.push(AttachmentDescription {
            attachment_id: attachment.id,
            hash,
            purpose: inline.purpose,
            mime_type: inline.mime_type.clone(),
            filename: Some(inline.filename.clone()),
            description: inline.description.clone(),
            fragments: Vec::new(),
        });
        kept.push(attachment);
    }
    let announced = described.iter().map(|one| one.attachment_id).collect();
    kept.sort_by_key(|attachment| attachment.id);
    let data = examined.request.data.clone();
    let metadata = metadata(examined, described);
    let content = context
        .crypto()
        .run(move || seal_content(&metadata, &data, &key))
        .await??;
    Ok(Sealed { content, announced })
}

async fn encryption_key(
    context: &Context,
    destination: &Destination,
) -> Result<PublicKey, Refused> {
    let keys = context.store().keys(destination.id).await?;
    let record = keys.iter().find(|key| key.kid == destination.encryption_kid).ok_or_else(|| {
        tracing::error!(destination.id = %destination.id, "the destination's encryption key is not stored");
        Refused::from(Code::Internal)
    })?;
    PublicKey::parse(&record.jwk, KeyUse::Encryption, X5c::Optional).map_err(|error| {
        tracing::error!(destination.id = %destination.id, error = %error, "a stored key is refused: {error}");
        Code::Internal.into()
    })
}

fn hash(bytes: &[u8]) -> Sha512 {
    sha512_hex(bytes)
        .parse()
        .expect("a SHA-512 in hex is a SHA-512 in hex")
}

fn metadata(examined: &Examined, attachments: Vec<AttachmentDescription>) -> Metadata {
    let request = &examined.request;
    let mut metadata = Metadata::new(ContentStructure {
        data: Some(DataDescription {
            // At most 8 MiB: too little to be worth a turn of its own on the pool.
            hash: hash(request.data.reveal().as_bytes()),
            submission_schema: examined.matter.schema.clone(),
        }),
        attachments,
    });
    metadata.reply_channel.clone_from(&request.reply_channel);
    let reference = request.sender_reference.clone();
    metadata.additional_reference_info = reference.map(|reference| AdditionalReferenceInfo {
        sender_reference: Some(reference),
        application_date: None,
        id_bund_de_application_id: None,
        agrees_to_digital_notice: None,
    });
    metadata
}

fn not_sealed(error: NotSealed) -> Refused {
    tracing::error!(error = %error, "a part could not be sealed: {error}");
    Code::Internal.into()
}

fn seal_content(
    metadata: &Metadata,
    data: &Personal<String>,
    key: &PublicKey,
) -> Result<Content, Refused> {
    let sealed = |plain: &[u8], cty: &str| seal(plain, key, cty).map_err(not_sealed);
    let data_type = metadata.content_structure.data.as_ref();
    let data_type = data_type.map_or("application/json", |data| {
        data.submission_schema.mime_type.as_str()
    });
    Ok(Content {
        metadata: sealed(metadata.to_bytes().reveal(), "application/json")?,
        data: Some(sealed(data.reveal().as_bytes(), data_type)?),
    })
}

/// A sealed attachment, in memory.
struct SealedAttachment {
    text: String,
    tag: String,
    hash: Sha512,
}

fn seal_attachment(
    bytes: &Personal<Bytes>,
    (key, media_type): &(PublicKey, String),
) -> Result<SealedAttachment, Refused> {
    let plain = bytes.reveal();
    let mut text = String::with_capacity(plain.len() * 4 / 3 + 2048);
    let mut writer = SealWriter::new(key, media_type).map_err(not_sealed)?;
    writer.push(plain, &mut text).map_err(not_sealed)?;
    let tag = writer.finish(&mut text).map_err(not_sealed)?;
    let tag = tag.to_string();
    Ok(SealedAttachment {
        text,
        tag,
        hash: hash(plain),
    })
}

async fn keep(context: &Context, sealed: SealedAttachment) -> Result<Attachment, Refused> {
    let mut writer = context.blobs().begin().await?;
    writer.write(Bytes::from(sealed.text)).await?;
    let kept = writer.keep().await?;
    Ok(Attachment {
        id: AttachmentId::from_uuid(context.new_uuid()),
        blob: kept.id,
        size_bytes: kept.size_bytes,
        tag: sealed.tag,
    })
}

//! From checked content to JWEs: metadata, data and each attachment on its own, for the destination's key.

use amtsbote_fit_connect::intake::IntakeRequest;
use amtsbote_fit_connect::metadata::{
    AdditionalReferenceInfo, AttachmentDescription, ContentStructure, DataDescription, Metadata,
    Sha512,
};
use amtsbote_jose::{KeyUse, PublicKey, SealWriter, X5c, seal, sha512_hex};
use amtsbote_model::{AttachmentId, Destination, Personal, SubmissionSchema};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::{Attachment, Content};
use amtsbote_validate::service::Service;
use bytes::Bytes;

use super::Checked;
use crate::Context;
use crate::answer::Refused;

/// The sealed submission; its attachments are durable blobs already.
pub(crate) struct Sealed {
    pub(crate) content: Content,
    pub(crate) announced: Vec<AttachmentId>,
    pub(crate) attachments: Vec<Attachment>,
}

/// What sealing needs.
pub(crate) struct Plain<'a> {
    pub(crate) request: &'a IntakeRequest,
    pub(crate) checked: Checked,
    pub(crate) service: &'a Service,
    pub(crate) destination: &'a Destination,
}

/// Seals everything. If it fails half-way, kept blobs belong to no row and are swept.
pub(crate) async fn seal_all(context: &Context, plain: Plain<'_>) -> Result<Sealed, Refused> {
    let key = encryption_key(context, plain.destination).await?;
    let announced: Vec<AttachmentId> = plain
        .checked
        .attachments
        .iter()
        .map(|_| AttachmentId::from_uuid(context.new_uuid()))
        .collect();
    let metadata = describe(&plain, &announced)?;
    let mut attachments = Vec::with_capacity(announced.len());
    let parts = announced
        .iter()
        .zip(plain.checked.attachments)
        .zip(&plain.request.attachments);
    for ((id, bytes), described) in parts {
        attachments
            .push(seal_attachment(context, &key, (*id, described.mime_type.clone()), bytes).await?);
    }
    attachments.sort_by_key(|attachment| attachment.id);
    let data = plain.request.data.clone();
    let content = context
        .crypto()
        .run(move || seal_content(&metadata, &data, &key))
        .await??;
    Ok(Sealed {
        content,
        announced,
        attachments,
    })
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
        Problem::new(Code::KeyUnsuitable).into()
    })
}

fn hash(bytes: &[u8]) -> Sha512 {
    sha512_hex(bytes)
        .parse()
        .expect("a SHA-512 in hex is a SHA-512 in hex")
}

fn describe(plain: &Plain<'_>, announced: &[AttachmentId]) -> Result<Personal<Vec<u8>>, Refused> {
    let request = plain.request;
    let parts = announced
        .iter()
        .zip(&plain.checked.attachments)
        .zip(&request.attachments);
    let attachments = parts.map(|((id, bytes), described)| AttachmentDescription {
        attachment_id: *id,
        hash: hash(bytes.reveal()),
        purpose: described.purpose,
        mime_type: described.mime_type.clone(),
        filename: Some(described.filename.clone()),
        description: described.description.clone(),
        fragments: Vec::new(),
    });
    let schema = SubmissionSchema {
        schema_uri: plain.service.schema_uri().to_owned(),
        mime_type: plain.service.mime_type().to_owned(),
    };
    let mut metadata = Metadata::new(ContentStructure {
        data: Some(DataDescription {
            hash: hash(request.data.reveal().as_bytes()),
            submission_schema: schema,
        }),
        attachments: attachments.collect(),
    });
    metadata.reply_channel.clone_from(&request.reply_channel);
    metadata.additional_reference_info =
        request
            .sender_reference
            .clone()
            .map(|reference| AdditionalReferenceInfo {
                sender_reference: Some(reference),
                application_date: None,
                id_bund_de_application_id: None,
                agrees_to_digital_notice: None,
            });
    let accepted = &plain.destination.metadata_versions;
    if !accepted.iter().any(|version| version == "2.1.0") {
        let detail = "the destination does not take metadata 2.1.0";
        return Err(Problem::new(Code::SchemaNotOffered).detail(detail).into());
    }
    Ok(metadata.to_bytes())
}

fn seal_content(
    metadata: &Personal<Vec<u8>>,
    data: &Personal<String>,
    key: &PublicKey,
) -> Result<Content, Refused> {
    let failed = |error: amtsbote_jose::NotSealed| {
        tracing::error!(error = %error, "a submission could not be sealed: {error}");
        Refused::from(Code::Internal)
    };
    Ok(Content {
        metadata: seal(metadata.reveal(), key, "application/json").map_err(failed)?,
        data: Some(seal(data.reveal().as_bytes(), key, "application/json").map_err(failed)?),
    })
}

async fn seal_attachment(
    context: &Context,
    key: &PublicKey,
    (id, media_type): (AttachmentId, String),
    bytes: Personal<Bytes>,
) -> Result<Attachment, Refused> {
    let key = key.clone();
    let sealed = context.crypto().run(move || {
        let mut text = String::with_capacity(bytes.reveal().len() * 4 / 3 + 2048);
        let mut writer = SealWriter::new(&key, &media_type)?;
        writer.push(bytes.reveal(), &mut text)?;
        let tag = writer.finish(&mut text)?;
        Ok::<_, amtsbote_jose::NotSealed>((text, tag.to_string()))
    });
    let (text, tag) = sealed.await?.map_err(|error| {
        tracing::error!(error = %error, "an attachment could not be sealed: {error}");
        Refused::from(Code::Internal)
    })?;
    let mut writer = context.blobs().begin().await?;
    writer.write(Bytes::from(text)).await?;
    let kept = writer.keep().await?;
    Ok(Attachment {
        id,
        blob: kept.id,
        size_bytes: kept.size_bytes,
        tag,
    })
}

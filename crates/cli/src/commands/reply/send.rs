//! Sends a reply into the case of a submission, sealed for the key that the submission names.

use std::path::Path;

use amtsbote_client::{
    NotSealed, ReplyAttachment, ReplyContent, SealedReply, Subscriber, reply_key,
};
use amtsbote_fit_connect::metadata::{Metadata, ReplyChannel};
use amtsbote_fit_connect::reply::{CreateReply, ReplyRef};
use amtsbote_jose::{Jwe, KeyUse, open};
use amtsbote_model::{AttachmentId, CaseId, Personal, SubmissionSchema};
use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use uuid::Uuid;

use crate::access::{self, Side};
use crate::args::SendReply;
use crate::folder;
use crate::identity;
use crate::talk::{Form, Talk};

const METADATA_MAX_BYTES: u64 = 20_000_000;

pub(super) async fn run(args: &SendReply, talk: Talk) -> Result<()> {
    let subscriber = Subscriber::new(access::session(&args.access, Side::Subscriber)?);
    let (case_id, metadata) = metadata(&subscriber, args, talk).await?;
    let unsealed = |error: NotSealed| refused(&error, talk);
    let key = reply_key(&metadata).map_err(unsealed)?;
    let sealed = content(args, &metadata, talk)?
        .seal(&key)
        .map_err(unsealed)?;
    let ids = sent(&subscriber, case_id, sealed)
        .await
        .map_err(|fault| access::explain(fault, talk))?;
    if talk.form() == Form::Json {
        talk.json(&json!(ids))?;
        return Ok(());
    }
    let case = talk.pick("Vorgang", "case");
    talk.data(format_args!("{}  {case} {}", ids.reply_id, ids.case_id))?;
    Ok(())
}

/// The submission's metadata, if they are what its sender sealed: the key for the reply stands in them.
async fn metadata(
    subscriber: &Subscriber,
    args: &SendReply,
    talk: Talk,
) -> Result<(CaseId, Metadata)> {
    let explained = |fault| access::explain(fault, talk);
    let load = |path: &std::path::PathBuf| identity::load(path, KeyUse::Encryption);
    let keys: Vec<_> = args.keys.iter().map(load).collect::<Result<_>>()?;
    let submission = subscriber.fetch(args.submission).await.map_err(explained)?;
    let ids = submission.reduced.ids;
    let log = subscriber.session().verified_log(ids).await;
    let log = log.map_err(explained)?.map_err(|findings| {
        talk.findings(&findings);
        talk.error(
            "das Ereignisprotokoll der Einreichung ist nicht zu glauben",
            "the event log of the submission is not to be believed",
        )
    })?;
    let sealed = &submission.encrypted_metadata;
    if sealed.tag() != log.tags().map(|tags| tags.metadata.as_str()) {
        return Err(talk.error(
            "die Metadaten der Einreichung sind nicht die, die laut Protokoll gesendet wurden",
            "the submission's metadata are not what the log says was sent",
        ));
    }
    let metadata = Jwe::parse(sealed.as_str(), sealed.as_str().len() as u64)
        .ok()
        .and_then(|jwe| open(&jwe, &keys, METADATA_MAX_BYTES).ok())
        .and_then(|bytes| Metadata::parse(&bytes).ok());
    let metadata = metadata.ok_or_else(|| {
        talk.error(
            "die Metadaten der Einreichung lassen sich nicht öffnen; --key mit dem Entschlüsselungsschlüssel des Zustellpunkts angeben",
            "the submission's metadata cannot be opened; give --key with the decryption key of the destination",
        )
    })?;
    Ok((ids.case_id, metadata))
}

fn content(args: &SendReply, metadata: &Metadata, talk: Talk) -> Result<ReplyContent> {
    let schema_uri = match (&args.schema_uri, &metadata.reply_channel) {
        (Some(uri), _) => Some(uri.clone()),
        (
            None,
            Some(ReplyChannel::FitConnect {
                process_standards, ..
            }),
        ) => process_standards.first().cloned(),
        (None, Some(_) | None) => None,
    };
    let schema_uri = schema_uri.ok_or_else(|| refused(&NotSealed::NoChannel, talk))?;
    let attachments = args.attachments.iter().map(|path| attachment(path));
    Ok(ReplyContent {
        data: Personal::new(folder::read_file(&args.data)?),
        schema: SubmissionSchema {
            schema_uri,
            mime_type: match ending(&args.data) {
                Some("xml") => "application/xml".to_owned(),
                Some(_) | None => "application/json".to_owned(),
            },
        },
        attachments: attachments.collect::<Result<_>>()?,
    })
}

fn ending(path: &Path) -> Option<&str> {
    path.extension().and_then(std::ffi::OsStr::to_str)
}

fn attachment(path: &Path) -> Result<ReplyAttachment> {
    let name = path.file_name().and_then(std::ffi::OsStr::to_str);
    let name = name.with_context(|| format!("{} has no name in UTF-8", path.display()))?;
    let mime_type = match ending(path) {
        Some("pdf") => "application/pdf",
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("png") => "image/png",
        Some("txt") => "text/plain",
        Some(_) | None => "application/octet-stream",
    };
    Ok(ReplyAttachment {
        id: AttachmentId::from_uuid(Uuid::new_v4()),
        mime_type: mime_type.to_owned(),
        filename: Some(Personal::new(name.to_owned())),
        content: Personal::new(folder::read_file(path)?),
    })
}

/// Dying in between leaves an announced reply, which the service deletes after a day; running it again sends another one.
async fn sent(
    subscriber: &Subscriber,
    case_id: CaseId,
    sealed: SealedReply,
) -> Result<ReplyRef, amtsbote_client::Fault> {
    let announcement = CreateReply {
        case_id,
        destination_id: None,
        announced_attachments: sealed.attachments.iter().map(|(id, _)| *id).collect(),
    };
    let ids = subscriber.announce_reply(&announcement).await?;
    for (id, jwe) in sealed.attachments {
        let bytes = Bytes::from(jwe.as_str().to_owned());
        let length = bytes.len() as u64;
        let pieces = stream::iter([Ok(bytes)]);
        subscriber
            .upload_to_reply(ids.reply_id, id, pieces, Some(length))
            .await?;
    }
    subscriber.submit_reply(ids.reply_id, &sealed.body).await?;
    Ok(ids)
}

fn refused(error: &NotSealed, talk: Talk) -> anyhow::Error {
    let german = match error {
        NotSealed::NoChannel => {
            "die Einreichung nennt keinen FIT-Connect-Rückkanal; auf dem Weg antworten, den sie nennt"
        }
        NotSealed::Key => "der Schlüssel für Antworten verletzt die Schlüsselvorgaben",
        NotSealed::Seal => "ein Teil ließ sich nicht verschlüsseln",
    };
    let hint = match error {
        NotSealed::NoChannel => "; answer on the way it names",
        NotSealed::Key | NotSealed::Seal => "",
    };
    talk.error(german, format_args!("{error}{hint}"))
}

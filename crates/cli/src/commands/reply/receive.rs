//! Fetches a reply, verifies it by the event log and opens it. Content leaves memory for the folder the user names, and only so.

use std::borrow::Cow;
use std::path::Path;

use amtsbote_adapter::{AttachmentNames, Letters, Numbering};
use amtsbote_client::{Fault, NotOpened, OpenedReply, Sender, VerifiedLog, open_reply};
use amtsbote_fit_connect::event::AuthenticationTags;
use amtsbote_fit_connect::metadata::AttachmentDescription;
use amtsbote_fit_connect::reply::Reply;
use amtsbote_fit_connect::submission::CompactJwe;
use amtsbote_jose::{KeyUse, PrivateKey};
use amtsbote_model::{AttachmentId, DestinationId, Personal, ReplyId};
use amtsbote_problem::Finding;
use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Answer, sender, told};
use crate::access;
use crate::args::OpenReply;
use crate::folder::{self, Readers};
use crate::identity;
use crate::talk::{Form, Talk};

/// Names of ours, which no attachment gets.
const DATA: [&str; 3] = ["data.json", "data.xml", "data.bin"];
const METADATA: &str = "metadata.json";
/// Which attachment is which file.
const LIST: &str = "attachments.json";

/// What one part may be, sealed or packed. Everything is held in memory here.
const PART_MAX_BYTES: usize = 200_000_000;

/// A reply of which everything was verified and opened.
struct Whole {
    reply: Reply,
    tags: AuthenticationTags,
    opened: OpenedReply,
    attachments: Vec<(AttachmentId, Personal<Vec<u8>>)>,
}

pub(super) async fn fetch(args: &OpenReply, out: Option<&Path>, talk: Talk) -> Result<()> {
    let sender = sender(&args.access)?;
    let whole = whole(&sender, args, talk).await?;
    if let Some(folder) = out {
        keep(&whole, folder)?;
    }
    if talk.form() == Form::Json {
        let files: Vec<_> = shown(&whole).into_iter().map(|(name, _)| name).collect();
        talk.json(&json!({
            "replyId": args.id,
            "caseId": whole.reply.reduced.ids.case_id,
            "attachments": whole.reply.reduced.attachments,
            "verified": true,
            "out": out,
            "files": if out.is_some() { files } else { Vec::new() },
        }))?;
        return Ok(());
    }
    let verified = talk.pick("geprüft und geöffnet", "verified and opened");
    talk.data(format_args!("{}  {verified}", args.id))?;
    let case = talk.pick("Vorgang", "case");
    talk.data(format_args!("  {case} {}", whole.reply.reduced.ids.case_id))?;
    match out {
        Some(folder) => {
            for (name, bytes) in shown(&whole) {
                let path = folder.join(name);
                talk.data(format_args!("  {} ({bytes} bytes)", path.display()))?;
            }
            let count = whole.attachments.len();
            let word = talk.pick(
                "Anlagen unter ihren Namen; welche Datei welche ist, steht in attachments.json",
                "attachments under their names; attachments.json says which file is which",
            );
            if count > 0 {
                talk.data(format_args!("  {count} {word}"))?;
            }
        }
        None => talk.say(talk.pick(
            "nichts geschrieben; mit --out ORDNER werden Daten und Anlagen abgelegt",
            "nothing was written; --out DIR leaves data and attachments there",
        )),
    }
    Ok(())
}

/// Who accepts says what it received: so everything is opened first.
pub(super) async fn accept(args: &OpenReply, talk: Talk) -> Result<()> {
    let sender = sender(&args.access)?;
    let whole = whole(&sender, args, talk).await?;
    let answered = sender
        .accept_reply(args.id, &whole.tags)
        .await
        .map_err(|fault| access::explain(fault, talk))?;
    told(args.id, answered, Answer::Accepted, talk)
}

async fn whole(sender: &Sender, args: &OpenReply, talk: Talk) -> Result<Whole> {
    let keys = keys(args)?;
    let explained = |fault| access::explain(fault, talk);
    let reply = sender.fetch_reply(args.id).await.map_err(explained)?;
    let log = verified(sender, &reply, args, talk).await?;
    let tags = log.tags().cloned().ok_or_else(|| {
        talk.error(
            "das Ereignisprotokoll nennt keine Prüfwerte der Antwort",
            "the event log names no tags of the reply",
        )
    })?;
    let unopened = |error: NotOpened| refused(&error, talk);
    let max = PART_MAX_BYTES as u64;
    let opened = open_reply(&reply, &tags, &keys, max).map_err(unopened)?;
    let mut attachments = Vec::new();
    for id in reply.reduced.attachments.iter().copied() {
        if is_piece(&opened, id) {
            return Err(talk.error(
                format_args!("die Anlage {id} ist in Fragmente geteilt; dieser Befehl setzt sie nicht zusammen"),
                format_args!("attachment {id} is split into fragments; this command does not join them"),
            ));
        }
        let sealed = download(sender, (&reply, id), talk).await?;
        let content = opened
            .open_attachment((id, &sealed), &tags, &keys, max)
            .map_err(unopened)?;
        attachments.push((id, content));
    }
    Ok(Whole {
        reply,
        tags,
        opened,
        attachments,
    })
}

/// The data of a reply to one of our submissions, verified and opened; `None` if it cannot be fetched (any more).
pub(crate) async fn data(
    sender: &Sender,
    (id, destination): (ReplyId, DestinationId),
    keys: &[PrivateKey],
    talk: Talk,
) -> Result<Option<Personal<Vec<u8>>>> {
    let reply = match sender.fetch_reply(id).await {
        Ok(reply) => reply,
        Err(Fault::NotFound) => return Ok(None),
        Err(fault) => return Err(access::explain(fault, talk)),
    };
    let session = sender.session();
    let log = session.verified_reply_log(reply.reduced.ids, destination);
    let log = log.await.map_err(|fault| access::explain(fault, talk))?;
    let log = log.map_err(|findings| unbelievable(&findings, talk))?;
    let Some(tags) = log.tags() else {
        return Ok(None);
    };
    let opened = open_reply(&reply, tags, keys, PART_MAX_BYTES as u64);
    Ok(opened.map_err(|error| refused(&error, talk))?.data)
}

fn keys(args: &OpenReply) -> Result<Vec<PrivateKey>> {
    let load = |path: &std::path::PathBuf| identity::load(path, KeyUse::Encryption);
    args.keys.iter().map(load).collect()
}

async fn verified(
    sender: &Sender,
    reply: &Reply,
    args: &OpenReply,
    talk: Talk,
) -> Result<VerifiedLog> {
    let session = sender.session();
    let explained = |fault| access::explain(fault, talk);
    let ids = reply.reduced.ids;
    let destination = if let Some(id) = args.destination {
        id
    } else {
        let case = session.case(ids.case_id).await.map_err(explained)?;
        case.ids.destination_id
    };
    let log = session.verified_reply_log(ids, destination).await;
    let log = log.map_err(explained)?;
    log.map_err(|findings| unbelievable(&findings, talk))
}

fn unbelievable(findings: &[Finding], talk: Talk) -> anyhow::Error {
    talk.findings(findings);
    talk.error(
        "das Ereignisprotokoll ist nicht zu glauben: nicht annehmen, den Betrieb des Zustelldienstes fragen",
        "the event log is not to be believed: do not accept, ask who runs the delivery service",
    )
}

fn is_piece(opened: &OpenedReply, id: AttachmentId) -> bool {
    let described = &opened.metadata.content_structure.attachments;
    described.iter().any(|one| {
        one.fragments.contains(&id) || (one.attachment_id == id && !one.fragments.is_empty())
    })
}

async fn download(
    sender: &Sender,
    (reply, id): (&Reply, AttachmentId),
    talk: Talk,
) -> Result<CompactJwe> {
    let explained = |fault| access::explain(fault, talk);
    let reply = reply.reduced.ids.reply_id;
    let mut stream = sender
        .download_of_reply(reply, id)
        .await
        .map_err(explained)?;
    let mut sealed = Vec::new();
    while let Some(piece) = stream.next().await.map_err(explained)? {
        if sealed.len() + piece.len() > PART_MAX_BYTES {
            return Err(talk.error(
                format_args!("die Anlage {id} ist größer, als dieser Befehl im Speicher hält"),
                format_args!("attachment {id} is larger than what this command holds in memory"),
            ));
        }
        sealed.extend_from_slice(&piece);
    }
    let text = String::from_utf8(sealed).ok();
    text.and_then(|text| CompactJwe::try_from(text).ok())
        .ok_or_else(|| refused(&NotOpened::Sealed("an attachment"), talk))
}

/// What is wrong, without anything of the content.
fn refused(error: &NotOpened, talk: Talk) -> anyhow::Error {
    let german = match error {
        NotOpened::Tag(_) => "ein Teil ist nicht der, der laut Protokoll gesendet wurde",
        NotOpened::Sealed(_) => {
            "ein Teil lässt sich mit diesem Schlüssel nicht öffnen; --key mit dem Schlüssel angeben, den die Einreichung für Antworten nannte"
        }
        NotOpened::Metadata => "die Metadaten verletzen ihr Schema",
        NotOpened::Hash(_) => "ein Teil hat einen anderen Hashwert, als die Metadaten sagen",
        NotOpened::Attachments => "die Anlagen sind nicht die, die die Metadaten beschreiben",
    };
    let hint = match error {
        NotOpened::Sealed(_) => "; give --key with the key that the submission named for replies",
        NotOpened::Tag(_) | NotOpened::Metadata | NotOpened::Hash(_) | NotOpened::Attachments => {
            "; `reply reject` says so to who sent it"
        }
    };
    talk.error(german, format_args!("{error}{hint}"))
}

/// Data and attachments, and [`LIST`], which says which attachment is which file. Attachments have the names they were given, made
/// safe and unlike each other and unlike ours.
fn files(whole: &Whole) -> Vec<(String, Cow<'_, [u8]>)> {
    let mut files = Vec::new();
    let structure = &whole.opened.metadata.content_structure;
    if let (Some(data), Some(described)) = (&whole.opened.data, &structure.data) {
        let ending = ending(&described.submission_schema.mime_type);
        let bytes = Cow::Borrowed(data.reveal().as_slice());
        files.push((format!("data.{ending}"), bytes));
    }
    let count = whole.attachments.len();
    let mut names = AttachmentNames::new(Letters::Keep, Numbering::Duplicates, count);
    for ours in DATA.into_iter().chain([METADATA, LIST]) {
        names.next(0, Some(ours), "application/json");
    }
    let mut list = Vec::new();
    for (nr, (id, content)) in whole.attachments.iter().enumerate() {
        let is_this = |one: &&AttachmentDescription| one.attachment_id == *id;
        let described = structure.attachments.iter().find(is_this);
        let given = described.and_then(|one| one.filename.as_ref());
        let given = given.map(|name| name.reveal().as_str());
        let mime_type = described.map_or("", |one| one.mime_type.as_str());
        let name = names.next(nr + 1, given, mime_type);
        list.push(json!({ "id": id, "file": name, "mimeType": mime_type }));
        files.push((name, Cow::Borrowed(content.reveal().as_slice())));
    }
    if !list.is_empty() {
        let list = format!("{:#}\n", Value::from(list)).into_bytes();
        files.push((LIST.to_owned(), Cow::Owned(list)));
    }
    files
}

/// Names of ours: those of attachments are content and stand in no output.
fn shown(whole: &Whole) -> Vec<(String, usize)> {
    let files = files(whole).into_iter();
    let files = files.map(|(name, bytes)| (name, bytes.len()));
    let is_ours = |(name, _): &(String, usize)| name == LIST || DATA.contains(&name.as_str());
    files.filter(is_ours).collect()
}

fn ending(mime_type: &str) -> &'static str {
    match mime_type {
        "application/json" => "json",
        "application/xml" | "text/xml" => "xml",
        "application/pdf" => "pdf",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "text/plain" => "txt",
        _ => "bin",
    }
}

/// For the owner alone.
fn keep(whole: &Whole, folder: &Path) -> Result<()> {
    let metadata = whole.opened.metadata.to_bytes();
    let written =
        |name: &str, bytes: &[u8]| folder::write(&folder.join(name), bytes, Readers::Owner);
    written(METADATA, metadata.reveal()).context("the metadata could not be written")?;
    for (name, bytes) in files(whole) {
        written(&name, &bytes)?;
    }
    Ok(())
}

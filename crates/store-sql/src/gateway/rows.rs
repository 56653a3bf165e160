//! Single records, read.

use amtsbote_model::submission::Issuer;
use amtsbote_model::{
    AttachmentId, Callback, CaseId, ClientId, DestinationId, EventId, ReplyId, Secret, Subject,
    SubmissionId, Timestamp,
};
use amtsbote_store::{
    Attachment, BlobId, Content, Event, Notice, NoticeId, Remembered, Submission,
};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use uuid::Uuid;

use super::apply::bytes;
use crate::columns::{
    self, id, malformed, moment, moment_if_any, parsed, parsed_if_any, unaltered, unsigned,
};

pub(super) fn submission(
    database: &Connection,
    wanted: SubmissionId,
) -> Result<Option<Submission>> {
    let sql = "SELECT id, case_id, destination_id, sender, service, service_name, region, state, announced,
            callback_url, callback_secret, created_at, submitted_at
        FROM submissions WHERE id = ?1";
    let mut statement = database.prepare_cached(sql)?;
    let found = statement.query_row([bytes(wanted.uuid())], bare_submission);
    let Some(mut submission) = found.optional()? else {
        return Ok(None);
    };
    submission.attachments = attachments(database, wanted.into())?;
    Ok(Some(submission))
}

fn bare_submission(row: &Row<'_>) -> Result<Submission> {
    Ok(Submission {
        id: id(row, "id", SubmissionId::from_uuid)?,
        case_id: id(row, "case_id", CaseId::from_uuid)?,
        destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        sender: parsed(row, "sender")?,
        service: parsed(row, "service")?,
        service_name: row.get("service_name")?,
        region: parsed_if_any(row, "region")?,
        state: parsed(row, "state")?,
        announced: announced(row)?,
        attachments: Vec::new(),
        callback: callback(row)?,
        created_at: moment(row, "created_at")?,
        submitted_at: moment_if_any(row, "submitted_at")?,
    })
}

pub(super) fn announced(row: &Row<'_>) -> Result<Vec<AttachmentId>> {
    let joined: Vec<u8> = row.get("announced")?;
    let (ids, rest) = joined.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(malformed());
    }
    let wrap = |id: &[u8; 16]| AttachmentId::from_uuid(Uuid::from_bytes(*id));
    Ok(ids.iter().map(wrap).collect())
}

fn callback(row: &Row<'_>) -> Result<Option<Callback>> {
    let url: Option<String> = row.get("callback_url")?;
    let secret: Option<String> = row.get("callback_secret")?;
    Ok(url.zip(secret).map(|(url, secret)| Callback {
        url,
        secret: Secret::new(secret),
    }))
}

/// In the order of their ids.
pub(super) fn attachments(database: &Connection, of: Subject) -> Result<Vec<Attachment>> {
    let sql = "SELECT id, blob, size_bytes, tag FROM attachments WHERE subject_id = ?1 ORDER BY id";
    let mut statement = database.prepare_cached(sql)?;
    let rows = statement.query_map([bytes(of.uuid())], |row| {
        Ok(Attachment {
            id: id(row, "id", AttachmentId::from_uuid)?,
            blob: parsed(row, "blob")?,
            size_bytes: unsigned(row, "size_bytes")?,
            tag: row.get("tag")?,
        })
    })?;
    rows.collect()
}

pub(super) fn blob_is_referred_to(database: &Connection, blob: &BlobId) -> Result<bool> {
    let sql = "SELECT 1 FROM attachments WHERE blob = ?1";
    let found: Option<i64> = columns::first(database, sql, [blob.as_str()])?;
    Ok(found.is_some())
}

pub(super) fn content(database: &Connection, of: Subject) -> Result<Option<Content>> {
    let sql =
        "SELECT metadata, data, sum IS row_sum('contents', data, metadata, subject_id) AS is_right
        FROM contents WHERE subject_id = ?1";
    let mut statement = database.prepare_cached(sql)?;
    let found = statement.query_row([bytes(of.uuid())], |row| {
        unaltered(row)?;
        Ok(Content {
            metadata: row.get("metadata")?,
            data: row.get("data")?,
        })
    });
    found.optional()
}

/// The stable name, as stored.
pub(super) const fn subject_name(subject: Subject) -> &'static str {
    match subject {
        Subject::Submission(_) => SubmissionId::PREFIX,
        Subject::Reply(_) => ReplyId::PREFIX,
    }
}

fn subject(row: &Row<'_>) -> Result<Subject> {
    let kind: String = row.get("subject")?;
    match kind.as_str() {
        SubmissionId::PREFIX => id(row, "subject_id", SubmissionId::from_uuid).map(Into::into),
        ReplyId::PREFIX => id(row, "subject_id", ReplyId::from_uuid).map(Into::into),
        _ => Err(malformed()),
    }
}

/// The stable name, as stored.
pub(super) const fn issuer_name(issuer: Issuer) -> &'static str {
    match issuer {
        Issuer::Service => "service",
        Issuer::Subscriber => "subscriber",
    }
}

pub(crate) fn event(row: &Row<'_>) -> Result<Event> {
    unaltered(row)?;
    let name: String = row.get("issuer")?;
    let issuer = Issuer::ALL
        .into_iter()
        .find(|issuer| issuer_name(*issuer) == name);
    Ok(Event {
        id: id(row, "id", EventId::from_uuid)?,
        case_id: id(row, "case_id", CaseId::from_uuid)?,
        subject: subject(row)?,
        name: row.get("name")?,
        issuer: issuer.ok_or_else(malformed)?,
        at: moment(row, "at")?,
        token: row.get("token")?,
    })
}

pub(super) fn remembered(
    database: &Connection,
    client: ClientId,
    key: String,
) -> Result<Option<Remembered>> {
    let sql = "SELECT fingerprint, answer, at FROM remembered WHERE client = ?1 AND key = ?2";
    let mut statement = database.prepare_cached(sql)?;
    let found = statement.query_row(params![client.as_str(), key], |row| {
        Ok((
            row.get("fingerprint")?,
            row.get("answer")?,
            moment(row, "at")?,
        ))
    });
    let answer = |(fingerprint, answer, at)| Remembered {
        client,
        key,
        fingerprint,
        answer,
        at,
    };
    Ok(found.optional()?.map(answer))
}

pub(super) fn due(database: &Connection, now: Timestamp, max: u32) -> Result<Vec<Notice>> {
    let sql =
        "SELECT id, subject, subject_id, url, secret, body, made_at, tries, due_at FROM outbox
        WHERE due_at <= ?1 ORDER BY due_at, number LIMIT ?2";
    let mut statement = database.prepare_cached(sql)?;
    let rows = statement.query_map(params![now.as_millis(), max], |row| {
        Ok(Notice {
            id: NoticeId(id(row, "id", EventId::from_uuid)?),
            subject: subject(row)?,
            url: row.get("url")?,
            secret: Secret::new(row.get("secret")?),
            body: row.get("body")?,
            made_at: moment(row, "made_at")?,
            tries: unsigned(row, "tries")?,
            due_at: moment(row, "due_at")?,
        })
    })?;
    rows.collect()
}

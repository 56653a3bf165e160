//! Cases and replies: read and announced. What replies share with submissions is in `apply` and `rows`.

use amtsbote_model::{CaseId, DestinationId, ReplyId, Timestamp};
use amtsbote_store::{Case, Conflict, ReplyRecord};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::apply::{Step, bytes, joined, put_attachment, state_of};
use super::rows;
use crate::columns::{execute, id, moment, moment_if_any, parsed};

/// What [`read_case`] reads.
pub(super) const CASE_COLUMNS: &str = "id, destination_id, sender, opened_at";

pub(super) fn case(database: &Connection, wanted: CaseId) -> Result<Option<Case>> {
    let sql = "SELECT id, destination_id, sender, opened_at FROM cases WHERE id = ?1";
    let mut statement = database.prepare_cached(sql)?;
    let found = statement.query_row([bytes(wanted.uuid())], read_case);
    found.optional()
}

pub(super) fn read_case(row: &Row<'_>) -> Result<Case> {
    Ok(Case {
        id: id(row, "id", CaseId::from_uuid)?,
        destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        sender: parsed(row, "sender")?,
        opened_at: moment(row, "opened_at")?,
    })
}

pub(super) fn reply(database: &Connection, wanted: ReplyId) -> Result<Option<ReplyRecord>> {
    let sql =
        "SELECT id, case_id, destination_id, receiver, state, announced, created_at, submitted_at
        FROM replies WHERE id = ?1";
    let mut statement = database.prepare_cached(sql)?;
    let found = statement.query_row([bytes(wanted.uuid())], bare_reply);
    let Some(mut reply) = found.optional()? else {
        return Ok(None);
    };
    reply.attachments = rows::attachments(database, wanted.into())?;
    Ok(Some(reply))
}

fn bare_reply(row: &Row<'_>) -> Result<ReplyRecord> {
    Ok(ReplyRecord {
        id: id(row, "id", ReplyId::from_uuid)?,
        case_id: id(row, "case_id", CaseId::from_uuid)?,
        destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        receiver: parsed(row, "receiver")?,
        state: parsed(row, "state")?,
        announced: rows::announced(row)?,
        attachments: Vec::new(),
        created_at: moment(row, "created_at")?,
        submitted_at: moment_if_any(row, "submitted_at")?,
    })
}

pub(super) fn announce(database: &Connection, reply: &ReplyRecord) -> Result<Step> {
    if state_of(database, reply.id.into())?.is_some() {
        return Ok(Err(Conflict::Exists));
    }
    let fits = case(database, reply.case_id)?.is_some_and(|case| {
        case.destination_id == reply.destination_id && case.sender == reply.receiver
    });
    if !fits {
        return Ok(Err(Conflict::CaseMismatch));
    }
    let since = reply.submitted_at.unwrap_or(reply.created_at);
    execute(
        database,
        "INSERT INTO replies (id, case_id, destination_id, receiver, state, since, announced, created_at, submitted_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            bytes(reply.id.uuid()),
            bytes(reply.case_id.uuid()),
            bytes(reply.destination_id.uuid()),
            reply.receiver.as_str(),
            reply.state.name(),
            since.as_millis(),
            joined(&reply.announced),
            reply.created_at.as_millis(),
            reply.submitted_at.map(Timestamp::as_millis),
        ],
    )?;
    for attachment in &reply.attachments {
        put_attachment(database, reply.id.into(), attachment)?;
    }
    Ok(Ok(()))
}

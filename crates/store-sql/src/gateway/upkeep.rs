//! Upkeep as SQL: reminders, mails, and what goes because its time has come.

use amtsbote_model::submission::State;
use amtsbote_model::{CaseId, DestinationId, EventId, SubmissionId, Timestamp};
use amtsbote_store::{Conflict, Mail, MailId, Upkeep};
use rusqlite::{Connection, Result, params};

use super::apply::{Step, bytes, insert, state_of};
use crate::columns::{execute, first, id, moment, parsed, unsigned};

const DEADLINES: &str = "deadlines";

pub(super) fn apply(database: &Connection, upkeep: Upkeep) -> Result<Step> {
    match upkeep {
        Upkeep::Remind { submission_id, nth } => return remind(database, submission_id, nth),
        Upkeep::Post(mail) => return post(database, &mail),
        Upkeep::DropCase { id, before } => return drop_case(database, id, before),
        Upkeep::PostponeMail {
            id,
            was_due_at,
            tries,
            due_at,
        } => {
            let postponed = execute(
                database,
                "UPDATE mails SET tries = ?2, due_at = ?3 WHERE id = ?1 AND due_at = ?4",
                params![
                    bytes(id.0.uuid()),
                    tries,
                    due_at.as_millis(),
                    was_due_at.as_millis()
                ],
            )?;
            if postponed == 0 {
                return Ok(Err(Conflict::DueMoved));
            }
            postponed
        }
        Upkeep::DropMail(id) => execute(
            database,
            "DELETE FROM mails WHERE id = ?1",
            [bytes(id.0.uuid())],
        )?,
        Upkeep::Forget { before, max } => execute(
            database,
            "DELETE FROM remembered WHERE (client, key) IN
                 (SELECT client, key FROM remembered WHERE at < ?1 ORDER BY at LIMIT ?2)",
            params![before.as_millis(), max],
        )?,
        Upkeep::Round { at } => execute(
            database,
            "INSERT INTO marks (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET at = ?2",
            params![DEADLINES, at.as_millis()],
        )?,
    };
    Ok(Ok(()))
}

fn remind(database: &Connection, id: SubmissionId, nth: u32) -> Result<Step> {
    match state_of(database, id.into())? {
        Some(State::Submitted) => {}
        Some(state) => return Ok(Err(Conflict::StateMoved(state))),
        None => return Ok(Err(Conflict::SubjectUnknown)),
    }
    let changed = execute(
        database,
        "UPDATE submissions SET reminded = ?2 WHERE id = ?1 AND reminded < ?2",
        params![bytes(id.uuid()), nth],
    )?;
    Ok(if changed == 1 {
        Ok(())
    } else {
        Err(Conflict::Exists)
    })
}

fn post(database: &Connection, mail: &Mail) -> Result<Step> {
    insert(
        database,
        "INSERT INTO mails (id, destination_id, recipient, subject, body, made_at, tries, due_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        params![
            bytes(mail.id.0.uuid()),
            bytes(mail.destination_id.uuid()),
            mail.to.reveal(),
            mail.subject,
            mail.text,
            mail.made_at.as_millis(),
            mail.tries,
            mail.due_at.as_millis(),
        ],
    )
}

/// All of a case that has sealed parts.
macro_rules! subjects {
    () => {
        "(SELECT id FROM submissions WHERE case_id = ?1 UNION ALL SELECT id FROM replies WHERE case_id = ?1)"
    };
}

fn drop_case(database: &Connection, dropped: CaseId, before: Timestamp) -> Result<Step> {
    let case = bytes(dropped.uuid());
    let quiet: Option<bool> = first(
        database,
        "SELECT last_at < ?2
             AND NOT EXISTS (SELECT 1 FROM submissions WHERE case_id = ?1 AND state <> 'deleted')
             AND NOT EXISTS (SELECT 1 FROM replies WHERE case_id = ?1 AND state <> 'deleted')
         FROM cases WHERE id = ?1",
        params![case, before.as_millis()],
    )?;
    match quiet {
        None => return Ok(Ok(())),
        Some(false) => return Ok(Err(Conflict::InUse)),
        Some(true) => {}
    }
    for sql in [
        concat!("DELETE FROM outbox WHERE subject_id IN ", subjects!()),
        concat!("DELETE FROM attachments WHERE subject_id IN ", subjects!()),
        concat!("DELETE FROM contents WHERE subject_id IN ", subjects!()),
        "DELETE FROM events WHERE case_id = ?1",
        "DELETE FROM submissions WHERE case_id = ?1",
        "DELETE FROM replies WHERE case_id = ?1",
        "DELETE FROM cases WHERE id = ?1",
    ] {
        execute(database, sql, [case])?;
    }
    Ok(Ok(()))
}

pub(super) const QUIET_CASES: &str = "SELECT id FROM cases WHERE last_at < ?1
    AND NOT EXISTS (SELECT 1 FROM submissions WHERE case_id = cases.id AND state <> 'deleted')
    AND NOT EXISTS (SELECT 1 FROM replies WHERE case_id = cases.id AND state <> 'deleted')
    ORDER BY last_at, id LIMIT ?2";

pub(super) fn quiet_cases(
    database: &Connection,
    before: Timestamp,
    max: u32,
) -> Result<Vec<CaseId>> {
    let mut statement = database.prepare_cached(QUIET_CASES)?;
    let rows = statement.query_map(params![before.as_millis(), max], |row| {
        id(row, "id", CaseId::from_uuid)
    })?;
    rows.collect()
}

pub(super) fn last_round(database: &Connection) -> Result<Option<Timestamp>> {
    let sql = "SELECT at FROM marks WHERE name = ?1";
    let at: Option<i64> = first(database, sql, [DEADLINES])?;
    Ok(at.map(Timestamp::from_millis))
}

pub(super) fn due_mails(database: &Connection, now: Timestamp, max: u32) -> Result<Vec<Mail>> {
    let sql =
        "SELECT id, destination_id, recipient, subject, body, made_at, tries, due_at FROM mails
        WHERE due_at <= ?1 ORDER BY due_at, number LIMIT ?2";
    let mut statement = database.prepare_cached(sql)?;
    let rows = statement.query_map(params![now.as_millis(), max], |row| {
        Ok(Mail {
            id: MailId(id(row, "id", EventId::from_uuid)?),
            destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
            to: parsed(row, "recipient")?,
            subject: row.get("subject")?,
            text: row.get("body")?,
            made_at: moment(row, "made_at")?,
            tries: unsigned(row, "tries")?,
            due_at: moment(row, "due_at")?,
        })
    })?;
    rows.collect()
}

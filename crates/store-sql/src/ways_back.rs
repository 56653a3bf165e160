//! Ways back in the agent's database.

use std::result::Result as Outer;

use amtsbote_model::{CaseId, DestinationId, ReplyId, SubmissionId, Timestamp};
use amtsbote_store::{
    AnswerMove, AnswerRow, AnswerState, CLOSED, Error, Failing, NewAnswer, Reply, Swapped, WayBack,
    WaysBack,
};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use crate::SqliteDeliveries;
use crate::columns::{execute, id, malformed, moment, moment_if_any, signed, unsigned};
use crate::deliveries::Write;

const KIND: &str = "way back";
const ANSWER: &str = "SELECT key, submission_id, what, sealed, state, reply_id, tries, at, revision, cause, failing_since
     FROM answers WHERE";
const WAY: &str =
    "SELECT submission_id, case_id, destination_id, package, channel, noted_at FROM ways_back";

pub(crate) enum BackWrite {
    Note(Box<WayBack>, Vec<String>),
    Keep(NewAnswer),
    Move {
        key: String,
        revision: u64,
        to: AnswerMove,
    },
}

impl BackWrite {
    pub(crate) fn run(self, database: &Connection) -> Result<Swapped> {
        match self {
            Self::Note(way, names) => note(database, &way, &names)?,
            Self::Keep(answer) => keep(database, &answer)?,
            Self::Move { key, revision, to } => {
                if move_to(database, &key, revision, to)? == 0 {
                    return Ok(Swapped::Stale);
                }
            }
        }
        Ok(Swapped::Done)
    }
}

fn note(database: &Connection, way: &WayBack, names: &[String]) -> Result<()> {
    let submission = way.submission_id.uuid().into_bytes();
    execute(
        database,
        "INSERT INTO ways_back (submission_id, case_id, destination_id, package, channel, noted_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        params![
            submission,
            way.case_id.uuid().into_bytes(),
            way.destination_id.uuid().into_bytes(),
            way.package,
            way.channel,
            way.at.as_millis(),
        ],
    )?;
    for name in names {
        execute(
            database,
            "INSERT INTO way_names (name, submission_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![name, submission],
        )?;
    }
    Ok(())
}

fn keep(database: &Connection, answer: &NewAnswer) -> Result<()> {
    let state = match answer.sealed {
        Some(_) => AnswerState::Sealed,
        None => AnswerState::Kept,
    };
    execute(
        database,
        "INSERT INTO answers (key, submission_id, what, sealed, state, tries, due_at, at, revision)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, 1) ON CONFLICT DO NOTHING",
        params![
            answer.key,
            answer.submission_id.uuid().into_bytes(),
            answer.what,
            answer.sealed,
            state.name(),
            state.is_due().then(|| answer.at.as_millis()),
            answer.at.as_millis(),
        ],
    )
    .map(|_| ())
}

pub(crate) fn move_to(
    database: &Connection,
    key: &str,
    revision: u64,
    to: AnswerMove,
) -> Result<usize> {
    execute(
        database,
        "UPDATE answers SET state = ?3, reply_id = ?4, tries = ?5, due_at = ?6, at = ?7, cause = ?8, failing_since = ?9,
             sealed = CASE WHEN ?10 THEN NULL ELSE sealed END, revision = revision + 1
         WHERE key = ?1 AND revision = ?2",
        params![
            key,
            signed(revision),
            to.state.name(),
            to.state.reply_id().map(|id| id.uuid().into_bytes()),
            to.tries,
            to.state.is_due().then(|| to.at.as_millis()),
            to.at.as_millis(),
            to.failing.map(|failing| failing.cause.name()),
            to.failing.map(|failing| failing.since.as_millis()),
            to.state.is_final(),
        ],
    )
}

fn read_answer(row: &Row<'_>) -> Result<AnswerRow> {
    let reply_id: Option<[u8; 16]> = row.get("reply_id")?;
    let reply_id = reply_id.map(|bytes| ReplyId::from_uuid(uuid::Uuid::from_bytes(bytes)));
    let state: String = row.get("state")?;
    let state = match (state.as_str(), reply_id) {
        ("sealed", None) => AnswerState::Sealed,
        ("announced", Some(id)) => AnswerState::Announced(id),
        ("sent", Some(id)) => AnswerState::Sent(id),
        ("kept", None) => AnswerState::Kept,
        ("parked", id) => AnswerState::Parked(id),
        _ => return Err(malformed()),
    };
    Ok(AnswerRow {
        key: row.get("key")?,
        submission_id: id(row, "submission_id", SubmissionId::from_uuid)?,
        what: row.get("what")?,
        sealed: row.get("sealed")?,
        state,
        tries: unsigned(row, "tries")?,
        failing: failing(row)?,
        at: moment(row, "at")?,
        revision: unsigned(row, "revision")?,
    })
}

fn failing(row: &Row<'_>) -> Result<Option<Failing>> {
    let cause: Option<String> = row.get("cause")?;
    let since = moment_if_any(row, "failing_since")?;
    match (cause, since) {
        (Some(cause), Some(since)) => {
            let cause = serde_json::from_value(cause.into()).map_err(|_| malformed())?;
            Ok(Some(Failing { cause, since }))
        }
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(malformed()),
    }
}

fn read_way(row: &Row<'_>) -> Result<WayBack> {
    Ok(WayBack {
        submission_id: id(row, "submission_id", SubmissionId::from_uuid)?,
        case_id: id(row, "case_id", CaseId::from_uuid)?,
        destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        package: row.get("package")?,
        channel: row.get("channel")?,
        at: moment(row, "noted_at")?,
    })
}

pub(crate) fn answers(
    database: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<AnswerRow>> {
    let mut statement = database.prepare_cached(&format!("{ANSWER} {condition}"))?;
    let rows = statement.query_map(values, read_answer)?;
    rows.collect()
}

fn submissions_named(database: &Connection, names: &[String]) -> Result<Vec<[u8; 16]>> {
    let mut statement =
        database.prepare_cached("SELECT submission_id FROM way_names WHERE name = ?1")?;
    let mut found = Vec::new();
    for name in names {
        let rows = statement.query_map([name], |row| row.get(0))?;
        for row in rows {
            found.push(row?);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn way(database: &Connection, submission: [u8; 16]) -> Result<Option<WayBack>> {
    let mut statement = database.prepare_cached(&format!("{WAY} WHERE submission_id = ?1"))?;
    statement.query_row([submission], read_way).optional()
}

impl WaysBack for SqliteDeliveries {
    fn note_way(&self, way: WayBack, names: Vec<String>) -> Reply<'_, Outer<(), Error>> {
        Box::pin(async move {
            let write = BackWrite::Note(Box::new(way), names);
            self.writer.submit(Write::Back(write)).await.map(|_| ())
        })
    }

    fn ways(
        &self,
        destination_id: DestinationId,
        names: Vec<String>,
        max: u32,
    ) -> Reply<'_, Outer<Vec<WayBack>, Error>> {
        Box::pin(self.readers.read(KIND, move |database| {
            let mut found = Vec::new();
            for submission in submissions_named(database, &names)? {
                if found.len() >= usize::try_from(max).unwrap_or(usize::MAX) {
                    break;
                }
                let way = way(database, submission)?;
                found.extend(way.filter(|way| way.destination_id == destination_id));
            }
            Ok(found)
        }))
    }

    fn open_ways(
        &self,
        destination_id: DestinationId,
        (after, since): (Option<SubmissionId>, Timestamp),
        max: u32,
    ) -> Reply<'_, Outer<Vec<WayBack>, Error>> {
        Box::pin(self.readers.read(KIND, move |database| {
            let mut statement = database.prepare_cached(&format!(
                "{WAY} WHERE submission_id > ?1 AND destination_id = ?2 AND noted_at >= ?3 AND NOT EXISTS
                     (SELECT 1 FROM way_names WHERE name = ?4 AND way_names.submission_id = ways_back.submission_id)
                 ORDER BY submission_id LIMIT ?5"
            ))?;
            // Nothing is smaller than no bytes at all.
            let after = after.map_or(Vec::new(), |after| after.uuid().into_bytes().to_vec());
            let of = params![
                after,
                destination_id.uuid().into_bytes(),
                since.as_millis(),
                CLOSED,
                max
            ];
            let rows = statement.query_map(of, read_way)?;
            rows.collect()
        }))
    }

    fn way(&self, submission_id: SubmissionId) -> Reply<'_, Outer<Option<WayBack>, Error>> {
        Box::pin(self.readers.read(KIND, move |database| {
            way(database, submission_id.uuid().into_bytes())
        }))
    }

    fn keep_answer(&self, answer: NewAnswer) -> Reply<'_, Outer<(), Error>> {
        Box::pin(async move {
            let write = Write::Back(BackWrite::Keep(answer));
            self.writer.submit(write).await.map(|_| ())
        })
    }

    fn due_answers(&self, now: Timestamp, max: u32) -> Reply<'_, Outer<Vec<AnswerRow>, Error>> {
        Box::pin(self.readers.read(KIND, move |database| {
            let condition = "due_at <= ?1 ORDER BY due_at, key LIMIT ?2";
            answers(database, condition, params![now.as_millis(), max])
        }))
    }

    fn move_answer(
        &self,
        key: String,
        revision: u64,
        to: AnswerMove,
    ) -> Reply<'_, Outer<Swapped, Error>> {
        Box::pin(async move {
            let write = Write::Back(BackWrite::Move { key, revision, to });
            Ok(self.writer.submit(write).await?.swapped())
        })
    }

    fn answers(&self, submission_id: SubmissionId) -> Reply<'_, Outer<Vec<AnswerRow>, Error>> {
        Box::pin(self.readers.read(KIND, move |database| {
            let of = params![submission_id.uuid().into_bytes()];
            answers(database, "submission_id = ?1 ORDER BY key", of)
        }))
    }
}

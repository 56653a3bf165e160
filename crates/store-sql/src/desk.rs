//! The operator's desk in the agent's database.

use std::result::Result as Outer;

use amtsbote_model::SubmissionId;
use amtsbote_model::delivery::Delivery;
use amtsbote_store::{
    AnswerMove, AnswerRow, DeliveryRow, Desk, Error, Intervention, Reply, Swapped,
};
use rusqlite::{Connection, Result, Row, params};

use crate::SqliteDeliveries;
use crate::columns::{execute, id, moment};
use crate::deliveries::{self, Write};
use crate::ways_back;

const KIND: &str = "intervention";

/// A change by hand, and what is noted of it.
pub(crate) enum DeskWrite {
    Delivery(u64, Delivery, Intervention),
    Answer(u64, AnswerMove, Intervention),
}

impl DeskWrite {
    pub(crate) fn run(self, database: &Connection) -> Result<Swapped> {
        let (changed, note) = match self {
            Self::Delivery(revision, delivery, note) => {
                let id = note.submission_id;
                let changed = deliveries::swap(database, id, revision, &delivery)?;
                (changed == Swapped::Done, note)
            }
            Self::Answer(revision, to, note) => {
                let key = note.answer.as_deref().unwrap_or_default();
                let changed = ways_back::move_to(database, key, revision, to)?;
                (changed == 1, note)
            }
        };
        if !changed {
            return Ok(Swapped::Stale);
        }
        write(database, &note)?;
        Ok(Swapped::Done)
    }
}

fn write(database: &Connection, note: &Intervention) -> Result<()> {
    execute(
        database,
        "INSERT INTO interventions (at, who, command, reason, submission_id, answer, before, after)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            note.at.as_millis(),
            note.who,
            note.command,
            note.reason,
            note.submission_id.uuid().into_bytes(),
            note.answer,
            note.before,
            note.after,
        ],
    )
    .map(|_| ())
}

fn read(row: &Row<'_>) -> Result<Intervention> {
    Ok(Intervention {
        at: moment(row, "at")?,
        who: row.get("who")?,
        command: row.get("command")?,
        reason: row.get("reason")?,
        submission_id: id(row, "submission_id", SubmissionId::from_uuid)?,
        answer: row.get("answer")?,
        before: row.get("before")?,
        after: row.get("after")?,
    })
}

impl Desk for SqliteDeliveries {
    fn open_deliveries(&self, max: u32) -> Reply<'_, Outer<Vec<DeliveryRow>, Error>> {
        Box::pin(self.readers.read("delivery", move |database| {
            let condition = "state IN ('waiting', 'leased', 'decided', 'parked')
                 ORDER BY noted_at, submission_id LIMIT ?1";
            deliveries::select(database, condition, [max])
        }))
    }

    fn stuck_answers(&self, max: u32) -> Reply<'_, Outer<Vec<AnswerRow>, Error>> {
        Box::pin(self.readers.read("reply", move |database| {
            let condition =
                "sealed IS NOT NULL AND (state = 'parked' OR tries > 0) ORDER BY key LIMIT ?1";
            ways_back::answers(database, condition, [max])
        }))
    }

    fn change_delivery(
        &self,
        revision: u64,
        delivery: Delivery,
        note: Intervention,
    ) -> Reply<'_, Outer<Swapped, Error>> {
        let write = DeskWrite::Delivery(revision, delivery, note);
        Box::pin(async move {
            let write = Write::ByHand(Box::new(write));
            Ok(self.writer.submit(write).await?.swapped())
        })
    }

    fn change_answer(
        &self,
        revision: u64,
        to: AnswerMove,
        note: Intervention,
    ) -> Reply<'_, Outer<Swapped, Error>> {
        let write = DeskWrite::Answer(revision, to, note);
        Box::pin(async move {
            let write = Write::ByHand(Box::new(write));
            Ok(self.writer.submit(write).await?.swapped())
        })
    }

    fn interventions(
        &self,
        of: Option<SubmissionId>,
        max: u32,
    ) -> Reply<'_, Outer<Vec<Intervention>, Error>> {
        Box::pin(self.readers.read(KIND, move |database| {
            let condition = match of {
                Some(_) => "WHERE submission_id = ?2",
                None => "WHERE ?2 IS NULL",
            };
            let sql = format!(
                "SELECT at, who, command, reason, submission_id, answer, before, after
                 FROM interventions {condition} ORDER BY number DESC LIMIT ?1"
            );
            let mut statement = database.prepare_cached(&sql)?;
            let of = of.map(|id| id.uuid().into_bytes());
            let rows = statement.query_map(params![max, of], read)?;
            rows.collect()
        }))
    }
}

//! Claims and renewals of the agent's deliveries, inside the writer's transaction.

use amtsbote_model::{DestinationId, SubmissionId, Timestamp, WorkerId};
use amtsbote_store::{Candidates, Claim, Claimed, DeliveryRow, Order, Share};
use rusqlite::{Connection, Result, params};

use crate::columns::{execute, first};
use crate::deliveries::{select, set};

pub(crate) fn claim(database: &Connection, claim: &Claim) -> Result<Claimed> {
    let shares = claim.shares.iter();
    let candidates: Result<_> = shares
        .map(|share| candidates(database, claim, share))
        .collect();
    let chosen = claim.choose(candidates?);
    for row in chosen.rows.iter().chain(&chosen.parked) {
        // Nobody else writes: the row is as it was read.
        let before = (row.submission_id, row.revision - 1);
        set(database, "?4", before, &row.delivery)?;
    }
    for (destination, full_at) in &chosen.paces {
        let values = params![destination.uuid().into_bytes(), full_at.as_millis()];
        execute(database, SET_PACE, values)?;
    }
    Ok(chosen)
}

pub(crate) fn renew(
    database: &Connection,
    by: WorkerId,
    ids: &[SubmissionId],
    until: Timestamp,
) -> Result<Vec<SubmissionId>> {
    let mut lost = Vec::new();
    for id in ids {
        let renewed = execute(
            database,
            "UPDATE deliveries SET due_at = ?3 WHERE submission_id = ?1 AND held_by = ?2",
            params![
                id.uuid().into_bytes(),
                by.uuid().into_bytes(),
                until.as_millis()
            ],
        )?;
        if renewed == 0 {
            lost.push(*id);
        }
    }
    Ok(lost)
}

/// Of one destination. Each list is the beginning of one range of the index `deliveries_due_at`: its cost does not grow with
/// what is stored.
struct Found<'a> {
    database: &'a Connection,
    destination: DestinationId,
    now: Timestamp,
}

fn candidates(database: &Connection, claim: &Claim, share: &Share) -> Result<Candidates> {
    let here = Found {
        database,
        destination: share.destination_id,
        now: claim.around.now,
    };
    let decided = here.due("decided", Suspect::No, share.posts)?;
    let mut found = Candidates {
        decided,
        ..Candidates::default()
    };
    if share.limit == 0 || share.hand_overs == 0 {
        return Ok(found);
    }
    found.held = here.held()?;
    if share.rate.is_some() {
        found.full_at = here.full_at()?;
    }
    match share.order {
        Order::Due => {
            found.waiting = here.due("waiting", Suspect::No, share.hand_overs)?;
            if claim.suspects > 0 {
                found.suspects = here.due("waiting", Suspect::Yes, claim.suspects)?;
                for suspect in [Suspect::No, Suspect::Yes] {
                    let ended = here.due("leased", suspect, claim.suspects)?;
                    found.suspects.extend(ended);
                }
            }
        }
        Order::Noted => {
            let next = here.next_noted()?;
            let next = next.filter(|row| row.delivery.due_at() <= Some(here.now));
            match next {
                Some(row) if row.delivery.is_held() || row.delivery.is_suspect() => {
                    found.suspects.push(row);
                }
                Some(row) => found.waiting.push(row),
                None => {}
            }
        }
    }
    Ok(found)
}

#[derive(Clone, Copy)]
enum Suspect {
    No,
    Yes,
}

pub(crate) const DUE: &str = "destination_id = ?1 AND state = ?2 AND suspect = ?3 AND due_at <= ?4
     ORDER BY due_at, submission_id LIMIT ?5";
pub(crate) const HELD: &str =
    "SELECT count(*) FROM deliveries WHERE destination_id = ?1 AND state = 'leased'
     AND suspect IN (0, 1) AND due_at > ?2";
pub(crate) const NEXT_NOTED: &str = "destination_id = ?1 AND state IN ('waiting', 'leased')
     ORDER BY noted_at, submission_id LIMIT 1";

const SET_PACE: &str = "INSERT INTO paces (destination_id, full_at) VALUES (?1, ?2)
     ON CONFLICT (destination_id) DO UPDATE SET full_at = excluded.full_at";
const PACE: &str = "SELECT full_at FROM paces WHERE destination_id = ?1";

impl Found<'_> {
    fn due(&self, state: &str, suspect: Suspect, max: u32) -> Result<Vec<DeliveryRow>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let values = params![
            self.destination.uuid().into_bytes(),
            state,
            matches!(suspect, Suspect::Yes),
            self.now.as_millis(),
            max
        ];
        select(self.database, DUE, values)
    }

    fn held(&self) -> Result<u32> {
        let destination = self.destination.uuid().into_bytes();
        let held = params![destination, self.now.as_millis()];
        Ok(first(self.database, HELD, held)?.unwrap_or_default())
    }

    fn full_at(&self) -> Result<Option<Timestamp>> {
        let destination = params![self.destination.uuid().into_bytes()];
        let full_at: Option<i64> = first(self.database, PACE, destination)?;
        Ok(full_at.map(Timestamp::from_millis))
    }

    fn next_noted(&self) -> Result<Option<DeliveryRow>> {
        let destination = params![self.destination.uuid().into_bytes()];
        Ok(select(self.database, NEXT_NOTED, destination)?.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteDeliveries;

    #[test]
    fn each_question_of_a_claim_is_one_range_of_an_index() {
        let folder = tempfile::tempdir().unwrap();
        drop(SqliteDeliveries::open(folder.path()).unwrap());
        let database = Connection::open(folder.path().join("agent.db")).unwrap();
        let rows = |condition| format!("SELECT body FROM deliveries WHERE {condition}");
        for (sql, index) in [
            (rows(DUE), "deliveries_due_at"),
            (HELD.to_owned(), "deliveries_due_at"),
            (rows(NEXT_NOTED), "deliveries_as_noted"),
            (
                crate::deliveries::LAST_NOTED.to_owned(),
                "deliveries_as_noted",
            ),
            (crate::deliveries::TALLY.to_owned(), "deliveries_open"),
        ] {
            let sql = (1..=5).fold(sql, |sql, at| sql.replace(&format!("?{at}"), "1"));
            let mut plan = database
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .unwrap();
            let steps = plan.query_map([], |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.map(Result::unwrap).collect();
            let plan = steps.join("; ");
            assert!(plan.contains(index), "{sql}: {plan}");
            // Nothing is sorted or gathered aside.
            assert!(!plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        }
    }
}

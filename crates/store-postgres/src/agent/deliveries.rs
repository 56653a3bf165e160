//! Deliveries of several agents.

use std::collections::{HashMap, HashSet};

use amtsbote_model::delivery::Delivery;
use amtsbote_model::{DestinationId, SubmissionId, Timestamp, WorkerId};
use amtsbote_store::{
    Claim, Claimed, Deliveries, DeliveryRow, Error, NewDelivery, Reply, Sharing, Swapped, Tally,
};

use deadpool_postgres::ClientWrapper;
use uuid::Uuid;

use super::rows::{self, DELIVERY, Read, Statements, execute, json};
use super::{PostgresDeliveries, claims, run};

const KIND: &str = "delivery";

const TALLY: &str =
    "SELECT destination_id, state, cause, count(*) AS count, min(noted_at) AS oldest,
     min(failing_since) AS first_seen, max(failed_at) AS last_seen
     FROM deliveries WHERE service = $1 AND state <> 'done'
     GROUP BY destination_id, state, cause ORDER BY destination_id, state, cause NULLS FIRST";

/// The place of the last that is open, of each destination.
const LAST_NOTED: &str =
    "SELECT destination_id, (SELECT noted_at FROM deliveries d WHERE d.service = $1
         AND d.destination_id = a.destination_id AND d.state IN ('waiting', 'leased')
         ORDER BY noted_at DESC, submission_id DESC LIMIT 1) AS last
     FROM unnest($2::uuid[]) AS a (destination_id)";

async fn note(client: &mut ClientWrapper, service: &str, new: Vec<NewDelivery>) -> Read<()> {
    if new.is_empty() {
        return Ok(());
    }
    let all: Vec<Uuid> = new.iter().map(|one| one.destination_id.uuid()).collect();
    // Several agents note at once: each place is after those that are there, whatever the clocks say.
    let transaction = client.transaction().await?;
    claims::lock(&transaction, service, all.iter().copied()).await?;
    let mut last: HashMap<Uuid, i64> = HashMap::new();
    for row in rows::rows(&transaction, LAST_NOTED, &[&service, &all]).await? {
        let noted: Option<i64> = row.try_get("last")?;
        last.extend(noted.map(|noted| (row.get("destination_id"), noted)));
    }
    let known =
        "SELECT submission_id FROM deliveries WHERE service = $1 AND submission_id = ANY ($2)";
    let ids: Vec<Uuid> = new.iter().map(|one| one.submission_id.uuid()).collect();
    let known = rows::rows(&transaction, known, &[&service, &ids]).await?;
    let mut known: HashSet<_> = rows::all(&known, rows::submission_id)?
        .into_iter()
        .collect();
    for one in new {
        if !known.insert(one.submission_id) {
            continue;
        }
        let destination = one.destination_id.uuid();
        let at = one.at.as_millis();
        let place = last.get(&destination);
        let place = place.map_or(at, |last| at.max(last.saturating_add(1)));
        last.insert(destination, place);
        insert(&transaction, service, (&one, place)).await?;
    }
    Ok(transaction.commit().await?)
}

async fn insert(
    client: &impl Statements,
    service: &str,
    (new, place): (&NewDelivery, i64),
) -> Read<()> {
    let sql = "INSERT INTO deliveries (service, submission_id, case_id, destination_id, noted_at, state, due_at, body, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1) ON CONFLICT DO NOTHING";
    let delivery = Delivery::due(new.at);
    let values: rows::Values<'_> = &[
        &service,
        &new.submission_id.uuid(),
        &new.case_id.uuid(),
        &new.destination_id.uuid(),
        &place,
        &delivery.name(),
        &delivery.due_at().map(Timestamp::as_millis),
        &json(&delivery)?,
    ];
    execute(client, sql, values).await.map(|_| ())
}

pub(super) async fn swap(
    client: &impl Statements,
    service: &str,
    (id, revision): (SubmissionId, u64),
    delivery: &Delivery,
) -> Read<Swapped> {
    // No row has a revision that PostgreSQL cannot count to.
    let Ok(revision) = i64::try_from(revision) else {
        return Ok(Swapped::Stale);
    };
    // While the holder stays the same, its lease is never shortened: what it read may be older than its renewal.
    let sql = "UPDATE deliveries SET state = $4, due_at = CASE WHEN held_by = $6 THEN greatest(due_at, $5) ELSE $5 END,
             held_by = $6, suspect = $7, cause = $8, failing_since = $9, failed_at = $10, body = $11, revision = revision + 1
         WHERE service = $1 AND submission_id = $2 AND revision = $3";
    let trouble = delivery.trouble();
    let values: rows::Values<'_> = &[
        &service,
        &id.uuid(),
        &revision,
        &delivery.name(),
        &delivery.due_at().map(Timestamp::as_millis),
        &delivery.held_by().map(WorkerId::uuid),
        &delivery.is_suspect(),
        &trouble.map(|trouble| trouble.cause.name()),
        &trouble.map(|trouble| trouble.since.as_millis()),
        &trouble.map(|trouble| trouble.last.as_millis()),
        &json(delivery)?,
    ];
    Ok(match execute(client, sql, values).await? {
        0 => Swapped::Stale,
        _ => Swapped::Done,
    })
}

pub(super) async fn select(
    client: &impl Statements,
    condition: &str,
    values: rows::Values<'_>,
) -> Read<Vec<DeliveryRow>> {
    let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE service = $1 AND {condition}");
    rows::all(&rows::rows(client, &sql, values).await?, rows::delivery)
}

async fn tally(client: &impl Statements, service: &str) -> Read<Vec<Tally>> {
    rows::all(&rows::rows(client, TALLY, &[&service]).await?, rows::tally)
}

impl Deliveries for PostgresDeliveries {
    fn sharing(&self) -> Sharing {
        Sharing::Shared
    }

    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, Result<(), Error>> {
        run!(self, KIND, connection => note(connection, &self.service, new))
    }

    fn claim(&self, claim: Claim) -> Reply<'_, Result<Claimed, Error>> {
        run!(self, KIND, connection => claims::claim(connection, &self.service, &claim))
    }

    fn renew(
        &self,
        by: WorkerId,
        ids: Vec<SubmissionId>,
        until: Timestamp,
    ) -> Reply<'_, Result<Vec<SubmissionId>, Error>> {
        run!(self, KIND, connection => claims::renew(&**connection, &self.service, (by, ids), until))
    }

    fn swap(
        &self,
        submission_id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Reply<'_, Result<Swapped, Error>> {
        let at = (submission_id, revision);
        run!(self, KIND, connection => swap(&**connection, &self.service, at, &delivery))
    }

    fn find(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<DeliveryRow>, Error>> {
        run!(self, KIND, connection => async {
            let values: rows::Values<'_> = &[&&*self.service, &submission_id.uuid()];
            let mut found = select(&**connection, "submission_id = $2", values).await?;
            Ok(found.pop())
        })
    }

    fn in_state<'a>(
        &'a self,
        name: &'a str,
        max: u32,
    ) -> Reply<'a, Result<Vec<DeliveryRow>, Error>> {
        run!(self, KIND, connection => async {
            let condition = "state = $2 ORDER BY noted_at, submission_id LIMIT $3";
            let values: rows::Values<'_> = &[&&*self.service, &name, &i64::from(max)];
            select(&**connection, condition, values).await
        })
    }

    fn postponed(
        &self,
        destination_id: DestinationId,
        now: Timestamp,
        max: u32,
    ) -> Reply<'_, Result<Vec<DeliveryRow>, Error>> {
        run!(self, KIND, connection => async {
            let mut found = Vec::new();
            for state in ["decided", "waiting"] {
                let condition = "destination_id = $2 AND state = $3 AND suspect = false AND due_at > $4 AND held_by IS NULL
                     ORDER BY due_at, submission_id LIMIT $5";
                let values: rows::Values<'_> = &[
                    &&*self.service, &destination_id.uuid(), &state, &now.as_millis(), &i64::from(max),
                ];
                found.extend(select(&**connection, condition, values).await?);
            }
            Ok(found)
        })
    }

    fn tally(&self) -> Reply<'_, Result<Vec<Tally>, Error>> {
        run!(self, KIND, connection => tally(&**connection, &self.service))
    }
}

//! Claims and renewals.
//!
//! ```text
//!  anything due? ── no ─► done, without a lock
//!       │ yes: at these destinations
//!       ▼
//!  BEGIN ─► lock those destinations, in one order everywhere ─► look ─► choose ─► take, SKIP LOCKED, each at its revision ─► COMMIT
//! ```
//!
//! How many of a destination are in hand grows by claims only, and claims at one destination wait for each other: so its limit
//! and its order hold however many agents claim. Rows that a swap or a renewal is just changing are passed over, not waited for.

use std::collections::{BTreeSet, HashSet};

use amtsbote_model::{SubmissionId, Timestamp, WorkerId};
use amtsbote_store::{Candidates, Claim, Claimed, DeliveryRow, Order, Share};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{self, Read, Statements, json, signed};
use crate::fault::{Cause, Fault};

/// A claim that got in another transaction's way is tried so often.
const TRIES_MAX: usize = 3;

/// Takes the arrays of [`Asked`] as `$1` to `$7`.
macro_rules! asked {
    ($select:literal) => {
        concat!(
            "WITH asked AS (SELECT * FROM unnest($2::uuid[], $3::int8[], $4::int8[], $5::bool[])
                 WITH ORDINALITY AS a (destination, posts, hand_overs, strict, number)) ",
            $select
        )
    };
}

/// What [`DUE`] and [`CANDIDATES`] are asked with.
macro_rules! asking {
    ($asked:ident, $service:ident, $claim:ident) => {
        &[
            &$service,
            &$asked.destinations,
            &$asked.posts,
            &$asked.hand_overs,
            &$asked.strict,
            &$claim.around.now.as_millis(),
            &i64::from($claim.suspects),
        ]
    };
}

/// Which destinations have anything due. Cheap: no lock, and each question is the beginning of one range of an index.
const DUE: &str = asked!(
    "SELECT a.destination FROM asked a WHERE
     (a.posts > 0 AND (SELECT d.due_at FROM deliveries d WHERE d.service = $1 AND d.destination_id = a.destination
         AND d.state = 'decided' AND d.suspect = false AND d.due_at IS NOT NULL ORDER BY d.due_at, d.submission_id LIMIT 1) <= $6)
     OR (a.hand_overs > 0 AND (SELECT d.due_at FROM deliveries d WHERE d.service = $1 AND d.destination_id = a.destination
         AND d.state = 'waiting' AND d.suspect = false AND d.due_at IS NOT NULL ORDER BY d.due_at, d.submission_id LIMIT 1) <= $6)
     OR (a.hand_overs > 0 AND ($7::int8 > 0 OR a.strict) AND ((SELECT d.due_at FROM deliveries d WHERE d.service = $1 AND d.destination_id = a.destination
         AND d.state = 'waiting' AND d.suspect = true AND d.due_at IS NOT NULL ORDER BY d.due_at, d.submission_id LIMIT 1) <= $6
         OR (SELECT d.due_at FROM deliveries d WHERE d.service = $1 AND d.destination_id = a.destination
         AND d.state = 'leased' AND d.suspect = false AND d.due_at IS NOT NULL ORDER BY d.due_at, d.submission_id LIMIT 1) <= $6
         OR (SELECT d.due_at FROM deliveries d WHERE d.service = $1 AND d.destination_id = a.destination
         AND d.state = 'leased' AND d.suspect = true AND d.due_at IS NOT NULL ORDER BY d.due_at, d.submission_id LIMIT 1) <= $6))"
);

/// Two claims that look at one destination wait for each other until the first has committed.
const LOCK: &str = "SELECT pg_advisory_xact_lock(key) FROM unnest($1::int8[]) AS key";

/// How many are in hand at each destination, and its pace.
const HELD: &str = "SELECT a.number, (SELECT count(*) FROM deliveries d WHERE d.service = $1 AND d.destination_id = a.destination
         AND d.state = 'leased' AND d.suspect IN (false, true) AND d.due_at > $3) AS held,
         (SELECT full_at FROM paces p WHERE p.service = $1 AND p.destination_id = a.destination) AS full_at
     FROM unnest($2::uuid[]) WITH ORDINALITY AS a (destination, number)";

/// What each destination has due; `list` says where it belongs in [`Candidates`].
const CANDIDATES: &str = asked!(
    "SELECT a.number, 'decided' AS list, d.* FROM asked a CROSS JOIN LATERAL (
         SELECT submission_id, case_id, destination_id, noted_at, due_at, body, revision FROM deliveries
         WHERE service = $1 AND destination_id = a.destination AND state = 'decided' AND suspect = false AND due_at <= $6
         ORDER BY due_at, submission_id LIMIT a.posts) d
     UNION ALL SELECT a.number, 'waiting', d.* FROM asked a CROSS JOIN LATERAL (
         SELECT submission_id, case_id, destination_id, noted_at, due_at, body, revision FROM deliveries
         WHERE service = $1 AND destination_id = a.destination AND state = 'waiting' AND suspect = false AND due_at <= $6
         ORDER BY due_at, submission_id LIMIT a.hand_overs) d WHERE NOT a.strict
     UNION ALL SELECT a.number, 'suspect', d.* FROM asked a CROSS JOIN LATERAL (
         SELECT submission_id, case_id, destination_id, noted_at, due_at, body, revision FROM deliveries
         WHERE service = $1 AND destination_id = a.destination AND state = 'waiting' AND suspect = true AND due_at <= $6
         ORDER BY due_at, submission_id LIMIT $7::int8) d WHERE NOT a.strict AND a.hand_overs > 0
     UNION ALL SELECT a.number, 'suspect', d.* FROM asked a CROSS JOIN LATERAL (
         SELECT submission_id, case_id, destination_id, noted_at, due_at, body, revision FROM deliveries
         WHERE service = $1 AND destination_id = a.destination AND state = 'leased' AND suspect = false AND due_at <= $6
         ORDER BY due_at, submission_id LIMIT $7::int8) d WHERE NOT a.strict AND a.hand_overs > 0
     UNION ALL SELECT a.number, 'suspect', d.* FROM asked a CROSS JOIN LATERAL (
         SELECT submission_id, case_id, destination_id, noted_at, due_at, body, revision FROM deliveries
         WHERE service = $1 AND destination_id = a.destination AND state = 'leased' AND suspect = true AND due_at <= $6
         ORDER BY due_at, submission_id LIMIT $7::int8) d WHERE NOT a.strict AND a.hand_overs > 0
     UNION ALL SELECT a.number, 'next', d.* FROM asked a CROSS JOIN LATERAL (
         SELECT submission_id, case_id, destination_id, noted_at, due_at, body, revision FROM deliveries
         WHERE service = $1 AND destination_id = a.destination AND state IN ('waiting', 'leased')
         ORDER BY noted_at, submission_id LIMIT 1) d WHERE a.strict AND a.hand_overs > 0"
);

/// Takes rows as they were chosen. One that was changed meanwhile, or is just being changed, or whose holder has renewed its
/// lease after all, is left out.
const TAKE: &str = "WITH free AS (
         SELECT d.submission_id, d.revision FROM deliveries d
         WHERE d.service = $1 AND d.submission_id = ANY ($2) AND d.due_at <= $12
         ORDER BY d.submission_id FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE deliveries d SET state = new.state, due_at = new.due_at, held_by = new.held_by, suspect = new.suspect,
         cause = new.cause, failing_since = new.failing_since, failed_at = new.failed_at, body = new.body,
         revision = d.revision + 1
     FROM unnest($2::uuid[], $3::int8[], $4::text[], $5::int8[], $6::uuid[], $7::bool[], $8::text[], $9::int8[], $10::int8[],
             $11::text[])
         AS new (id, revision, state, due_at, held_by, suspect, cause, failing_since, failed_at, body), free
     WHERE d.service = $1 AND d.submission_id = new.id AND free.submission_id = new.id
         AND free.revision = new.revision AND d.revision = new.revision
     RETURNING d.submission_id";

const RENEW: &str = "UPDATE deliveries SET due_at = $4
     WHERE service = $1 AND submission_id = ANY ($2) AND held_by = $3 RETURNING submission_id";

pub(super) async fn claim(
    client: &mut ClientWrapper,
    service: &str,
    claim: &Claim,
) -> Read<Claimed> {
    let mut tried = 1;
    loop {
        match attempt(client, service, claim).await {
            Err(fault) if fault.cause() == Cause::Contention && tried < TRIES_MAX => tried += 1,
            settled => return settled,
        }
    }
}

async fn attempt(client: &mut ClientWrapper, service: &str, claim: &Claim) -> Read<Claimed> {
    let asked = Asked::of(claim.shares.iter());
    let due = rows::rows(client, DUE, asking!(asked, service, claim)).await?;
    let due: HashSet<Uuid> = rows::all(&due, |row| Ok(row.try_get("destination")?))?
        .into_iter()
        .collect();
    if due.is_empty() || claim.max == 0 {
        return Ok(Claimed::default());
    }
    let here = |share: &&Share| due.contains(&share.destination_id.uuid());
    let claim = Claim {
        shares: claim.shares.iter().filter(here).copied().collect(),
        ..claim.clone()
    };
    // Dropped half-way, it is taken back before the connection is used again.
    let transaction = client.transaction().await?;
    lock(&transaction, service, due.iter().copied()).await?;
    // Begun after the locks were there, so that what the last claim has written is seen.
    let candidates = candidates(&transaction, service, &claim).await?;
    let mut chosen = claim.choose(candidates);
    let taken = take(&transaction, service, (&claim, &chosen)).await?;
    // Counts what was chosen and not taken, too: never too many.
    keep_paces(&transaction, service, &chosen).await?;
    transaction.commit().await?;
    chosen.rows.retain(|row| taken.contains(&row.submission_id));
    chosen
        .parked
        .retain(|row| taken.contains(&row.submission_id));
    Ok(chosen)
}

/// Until the transaction ends, nobody else claims or notes at these destinations.
pub(super) async fn lock(
    client: &impl Statements,
    service: &str,
    destinations: impl Iterator<Item = Uuid>,
) -> Read<()> {
    let keys: BTreeSet<i64> = destinations.map(|id| lock_key(service, id)).collect();
    let keys: Vec<i64> = keys.into_iter().collect();
    rows::rows(client, LOCK, &[&keys]).await.map(|_| ())
}

/// One lock per destination. Two that share a number wait for each other without need, nothing worse.
fn lock_key(service: &str, destination: Uuid) -> i64 {
    let (first, _) = Uuid::new_v5(&destination, service.as_bytes()).as_u64_pair();
    i64::from_be_bytes(first.to_be_bytes())
}

/// The shares as arrays.
struct Asked {
    destinations: Vec<Uuid>,
    posts: Vec<i64>,
    hand_overs: Vec<i64>,
    strict: Vec<bool>,
}

impl Asked {
    fn of<'a>(shares: impl Iterator<Item = &'a Share>) -> Self {
        let mut asked = Self {
            destinations: Vec::new(),
            posts: Vec::new(),
            hand_overs: Vec::new(),
            strict: Vec::new(),
        };
        for share in shares {
            asked.destinations.push(share.destination_id.uuid());
            asked.posts.push(share.posts.into());
            let hand_overs = if share.limit == 0 {
                0
            } else {
                share.hand_overs
            };
            asked.hand_overs.push(hand_overs.into());
            asked.strict.push(share.order == Order::Noted);
        }
        asked
    }
}

async fn candidates(
    client: &impl Statements,
    service: &str,
    claim: &Claim,
) -> Read<Vec<Candidates>> {
    let mut all = vec![Candidates::default(); claim.shares.len()];
    let asked = Asked::of(claim.shares.iter());
    let now = claim.around.now.as_millis();
    for row in rows::rows(client, HELD, &[&service, &asked.destinations, &now]).await? {
        let held: i64 = row.try_get("held")?;
        let full_at: Option<i64> = row.try_get("full_at")?;
        let found = numbered(&mut all, &row)?;
        found.held = u32::try_from(held).unwrap_or(u32::MAX);
        found.full_at = full_at.map(Timestamp::from_millis);
    }
    for row in rows::rows(client, CANDIDATES, asking!(asked, service, claim)).await? {
        let (found, one) = (numbered(&mut all, &row)?, rows::delivery(&row)?);
        let is_due = one.delivery.due_at() <= Some(claim.around.now);
        let is_suspect = one.delivery.is_held() || one.delivery.is_suspect();
        match row.try_get("list")? {
            "decided" => found.decided.push(one),
            "waiting" => found.waiting.push(one),
            "suspect" => found.suspects.push(one),
            // In strict order: the first one, or nothing.
            _ if !is_due => {}
            _ if is_suspect => found.suspects.push(one),
            _ => found.waiting.push(one),
        }
    }
    Ok(all)
}

/// The share that a row is about: `number` counts from 1.
fn numbered<'a>(all: &'a mut [Candidates], row: &Row) -> Read<&'a mut Candidates> {
    let number: i64 = row.try_get("number")?;
    let at = usize::try_from(number - 1).map_err(|_| Fault::Malformed)?;
    all.get_mut(at).ok_or(Fault::Malformed)
}

fn column<T>(new: &[&DeliveryRow], of: impl Fn(&DeliveryRow) -> T) -> Vec<T> {
    new.iter().map(|row| of(row)).collect()
}

/// Which of the chosen ones are taken.
async fn take(
    client: &impl Statements,
    service: &str,
    (claim, chosen): (&Claim, &Claimed),
) -> Read<HashSet<SubmissionId>> {
    let new: Vec<&DeliveryRow> = chosen.rows.iter().chain(&chosen.parked).collect();
    if new.is_empty() {
        return Ok(HashSet::new());
    }
    let bodies: Read<Vec<_>> = new.iter().map(|row| json(&row.delivery)).collect();
    let trouble = |row: &DeliveryRow| row.delivery.trouble();
    let values: rows::Values<'_> = &[
        &service,
        &column(&new, |row| row.submission_id.uuid()),
        &column(&new, |row| signed(row.revision - 1)),
        &column(&new, |row| row.delivery.name()),
        &column(&new, |row| row.delivery.due_at().map(Timestamp::as_millis)),
        &column(&new, |row| row.delivery.held_by().map(WorkerId::uuid)),
        &column(&new, |row| row.delivery.is_suspect()),
        &column(&new, |row| trouble(row).map(|trouble| trouble.cause.name())),
        &column(&new, |row| {
            trouble(row).map(|trouble| trouble.since.as_millis())
        }),
        &column(&new, |row| {
            trouble(row).map(|trouble| trouble.last.as_millis())
        }),
        &bodies?,
        &claim.around.now.as_millis(),
    ];
    let taken = rows::rows(client, TAKE, values).await?;
    Ok(rows::all(&taken, rows::submission_id)?
        .into_iter()
        .collect())
}

async fn keep_paces(client: &impl Statements, service: &str, chosen: &Claimed) -> Read<()> {
    let paces = chosen.paces.iter();
    let (destinations, moments): (Vec<Uuid>, Vec<i64>) = paces
        .map(|(destination, full_at)| (destination.uuid(), full_at.as_millis()))
        .unzip();
    if destinations.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO paces (service, destination_id, full_at)
         SELECT $1, destination, full_at FROM unnest($2::uuid[], $3::int8[]) AS new (destination, full_at)
         ON CONFLICT (service, destination_id) DO UPDATE SET full_at = excluded.full_at";
    let values: rows::Values<'_> = &[&service, &destinations, &moments];
    rows::execute(client, sql, values).await.map(|_| ())
}

pub(super) async fn renew(
    client: &impl Statements,
    service: &str,
    (by, ids): (WorkerId, Vec<SubmissionId>),
    until: Timestamp,
) -> Read<Vec<SubmissionId>> {
    let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let values: rows::Values<'_> = &[&service, &uuids, &by.uuid(), &until.as_millis()];
    let renewed = rows::rows(client, RENEW, values).await?;
    let renewed: HashSet<SubmissionId> = rows::all(&renewed, rows::submission_id)?
        .into_iter()
        .collect();
    Ok(ids.into_iter().filter(|id| !renewed.contains(id)).collect())
}

#[cfg(test)]
mod tests {
    use amtsbote_testkit::postgres::Server;

    use super::*;
    use crate::{Encryption, PostgresDeliveries, Target};

    /// With many rows that are over, and many that wait for their next try.
    #[tokio::test]
    async fn each_question_of_a_claim_is_a_range_of_an_index() {
        let Some(server) = Server::shared() else {
            return;
        };
        let url = server.database();
        let target = Target::parse(&url, Encryption::Required).unwrap();
        drop(PostgresDeliveries::open(&target, "bund").await.unwrap());
        let ask = |sql: &str, types: &str, values: &str| {
            server.sql(
                &url,
                &format!(
                    "SET search_path = amtsbote_agent; SET plan_cache_mode = force_generic_plan;
                     PREPARE asked ({types}) AS {sql}; EXPLAIN EXECUTE asked ({values})"
                ),
            )
        };
        server.sql(
            &url,
            "SET search_path = amtsbote_agent;
             INSERT INTO deliveries (service, submission_id, case_id, destination_id, noted_at, state, due_at, body, revision)
             SELECT 'bund', gen_random_uuid(), gen_random_uuid(),
                 ('00000000-0000-0000-0000-0000000000' || lpad((n % 30)::text, 2, '0'))::uuid, n,
                 CASE WHEN n % 300 < 30 THEN 'waiting' ELSE 'done' END, CASE WHEN n % 300 < 30 THEN n END, '{}', 1
             FROM generate_series(1, 9000) AS n;
             ANALYZE deliveries",
        );
        let one = "'{00000000-0000-0000-0000-000000000001}'";
        let asked = (
            "text, uuid[], int8[], int8[], bool[], int8, int8",
            format!("'bund', {one}, '{{9}}', '{{9}}', '{{f}}', 5, 1"),
        );
        for (sql, (types, values), indexes) in [
            (DUE, asked.clone(), &["deliveries_due_at"][..]),
            (
                CANDIDATES,
                asked,
                &["deliveries_due_at", "deliveries_as_noted"],
            ),
            (
                HELD,
                ("text, uuid[], int8", format!("'bund', {one}, 5")),
                &["deliveries_due_at"],
            ),
        ] {
            let plan = ask(sql, types, &values);
            assert!(!plan.contains("Seq Scan on deliveries"), "{plan}");
            for index in indexes {
                assert!(plan.contains(index), "{plan}");
            }
        }
    }
}

//! The chain: blocks over the event log.
//!
//! Several processes write events, so numbers become visible out of their order. What is not sealed yet is therefore noted in a
//! table of its own, in the transaction that writes the event. Within a case the order is the numbers' order, since whoever
//! appends holds the case's row.

use std::collections::{HashMap, VecDeque};

use amtsbote_model::{CaseId, EventId};
use amtsbote_store::Event;
use amtsbote_store::chain::{Block, Hash, Leaf, Proof};
use deadpool::managed::Object;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::changes::signed;
use super::rows::{self, Read, event, first, id, moment, unsigned};
use crate::database::{COMMIT_MAX, Connection};
use crate::fault::Fault;

const BLOCK: &str = "SELECT number, previous, first, count, root, at, signature FROM blocks";
const EVENT: &str = "SELECT number, id, case_id, subject, subject_id, name, issuer, at, token,
        is_whole('events', sum, to_jsonb(events)) AS is_whole
    FROM unsealed JOIN events USING (number)";
/// One sealer at a time; readers are let in. The `COMMIT` must not be cut short by a time limit.
const BEGIN: &str =
    "BEGIN; SET LOCAL statement_timeout = 0; LOCK TABLE blocks IN SHARE ROW EXCLUSIVE MODE";

pub(super) fn block_of(row: &Row) -> Read<Block> {
    Ok(Block {
        number: unsigned(row, "number")?,
        previous: hash(row, "previous")?,
        first: unsigned(row, "first")?,
        count: unsigned(row, "count")?,
        root: hash(row, "root")?,
        at: moment(row, "at")?,
        signature: row.try_get("signature")?,
    })
}

fn hash(row: &Row, column: &str) -> Read<Hash> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| Fault::Malformed)
}

/// From the columns `event_id`, `leaf_case`, `leaf_at` and `digest`.
pub(super) fn leaf_of(row: &Row) -> Read<Leaf> {
    Ok(Leaf {
        event_id: id(row, "event_id", EventId::from_uuid)?,
        case_id: id(row, "leaf_case", CaseId::from_uuid)?,
        at: moment(row, "leaf_at")?,
        digest: hash(row, "digest")?,
    })
}

pub(super) async fn head(client: &ClientWrapper) -> Read<Option<Block>> {
    let sql = format!("{BLOCK} ORDER BY number DESC LIMIT 1");
    first(client, &sql, &[])
        .await?
        .as_ref()
        .map(block_of)
        .transpose()
}

pub(super) async fn block(client: &ClientWrapper, number: u64) -> Read<Option<Block>> {
    let sql = format!("{BLOCK} WHERE number = $1");
    let found = first(client, &sql, &[&signed(number)]).await?;
    found.as_ref().map(block_of).transpose()
}

pub(super) async fn unsealed(client: &ClientWrapper, max: u32) -> Read<Vec<Event>> {
    let sql = format!("{EVENT} ORDER BY number LIMIT $1");
    let found = rows::rows(client, &sql, &[&i64::from(max)]).await?;
    found.iter().map(event).collect()
}

pub(super) async fn proof_of(client: &ClientWrapper, event: EventId) -> Read<Option<Proof>> {
    let sql = "SELECT position FROM leaves WHERE event_id = $1";
    let Some(row) = first(client, sql, &[&event.uuid()]).await? else {
        return Ok(None);
    };
    let at: i64 = row.try_get("position")?;
    let sql = format!("{BLOCK} WHERE first <= $1 ORDER BY first DESC LIMIT 1");
    let Some(row) = first(client, &sql, &[&at]).await? else {
        return Ok(None);
    };
    let block = block_of(&row)?;
    let leaves = leaves_of(client, &block).await?;
    let position = leaves.iter().position(|leaf| leaf.event_id == event);
    Ok(position.map(|position| Proof {
        leaf: leaves[position],
        position,
        leaves: leaves.iter().map(Leaf::hash).collect(),
        block,
    }))
}

async fn leaves_of(client: &ClientWrapper, block: &Block) -> Read<Vec<Leaf>> {
    let sql = "SELECT event_id, case_id AS leaf_case, at AS leaf_at, digest FROM leaves
        WHERE position >= $1 AND position < $2 ORDER BY position";
    let end = signed(block.first.saturating_add(block.count));
    let found = rows::rows(client, sql, &[&signed(block.first), &end]).await?;
    found.iter().map(leaf_of).collect()
}

/// A connection on which something went wrong, or nothing was heard, is not given back: without it, the server takes back what is open.
pub(super) async fn seal(connection: Connection, block: Block, leaves: Vec<Leaf>) -> Read<bool> {
    let sealing = async {
        let sealed = sealed(&connection, &block, &leaves).await?;
        let end = if sealed { "COMMIT" } else { "ROLLBACK" };
        connection.batch_execute(end).await?;
        Ok(sealed)
    };
    let done = match tokio::time::timeout(COMMIT_MAX, sealing).await {
        Ok(done) => done,
        Err(_) => Err(Fault::Silence),
    };
    if done.is_err() {
        drop(Object::take(connection));
    }
    done
}

async fn sealed(client: &ClientWrapper, block: &Block, leaves: &[Leaf]) -> Read<bool> {
    client.batch_execute(BEGIN).await?;
    if !block.follows(head(client).await?.as_ref()) {
        return Ok(false);
    }
    let Some(numbers) = numbers_of(client, leaves).await? else {
        return Ok(false);
    };
    let sql = "INSERT INTO blocks (number, previous, first, count, root, at, signature)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let statement = client.prepare_cached(sql).await?;
    client
        .execute(
            &statement,
            &[
                &signed(block.number),
                &&block.previous[..],
                &signed(block.first),
                &signed(block.count),
                &&block.root[..],
                &block.at.as_millis(),
                &block.signature,
            ],
        )
        .await?;
    add_leaves(client, block, (leaves, &numbers)).await?;
    let statement = client
        .prepare_cached("DELETE FROM unsealed WHERE number = ANY ($1)")
        .await?;
    client.execute(&statement, &[&numbers]).await?;
    Ok(true)
}

async fn add_leaves(
    client: &ClientWrapper,
    block: &Block,
    (leaves, numbers): (&[Leaf], &[i64]),
) -> Read<()> {
    let sql = "INSERT INTO leaves (position, event_number, event_id, case_id, at, digest)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bytea[])";
    let statement = client.prepare_cached(sql).await?;
    let positions: Vec<i64> = (block.first..).take(leaves.len()).map(signed).collect();
    let ids: Vec<Uuid> = leaves.iter().map(|leaf| leaf.event_id.uuid()).collect();
    let cases: Vec<Uuid> = leaves.iter().map(|leaf| leaf.case_id.uuid()).collect();
    let moments: Vec<i64> = leaves.iter().map(|leaf| leaf.at.as_millis()).collect();
    let digests: Vec<&[u8]> = leaves.iter().map(|leaf| &leaf.digest[..]).collect();
    client
        .execute(
            &statement,
            &[&positions, &numbers, &ids, &cases, &moments, &digests],
        )
        .await?;
    Ok(())
}

/// The numbers of the leaves' events; `None` if they are not, case by case, the next ones to be sealed.
async fn numbers_of(client: &ClientWrapper, leaves: &[Leaf]) -> Read<Option<Vec<i64>>> {
    let mut cases: Vec<Uuid> = leaves.iter().map(|leaf| leaf.case_id.uuid()).collect();
    cases.sort();
    cases.dedup();
    let sql = format!("{EVENT} WHERE case_id = ANY ($1) ORDER BY number");
    let mut next: HashMap<CaseId, VecDeque<(i64, Leaf)>> = HashMap::new();
    for row in rows::rows(client, &sql, &[&cases]).await? {
        let leaf = Leaf::of(&event(&row)?);
        let number: i64 = row.try_get("number")?;
        next.entry(leaf.case_id)
            .or_default()
            .push_back((number, leaf));
    }
    let mut numbers = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        match next.get_mut(&leaf.case_id).and_then(VecDeque::pop_front) {
            Some((number, found)) if found == *leaf => numbers.push(number),
            Some(_) | None => return Ok(None),
        }
    }
    Ok(Some(numbers))
}

//! The chain as SQL.

use amtsbote_model::{CaseId, EventId};
use amtsbote_store::chain::{Block, Leaf, Proof};
use amtsbote_store::{Conflict, Event};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use super::apply::{Step, bytes};
use super::rows;
use crate::columns::{execute, first, id, moment, signed, unsigned};

/// The event whose leaf is the newest. Numbers grow in the order of writing and are never used twice.
const LAST: &str = "SELECT event_number FROM leaves ORDER BY position DESC LIMIT 1";
pub(super) const NEXT: &str = "SELECT number, id, case_id, subject, subject_id, name, issuer, at, token,
        sum IS row_sum('events', at, case_id, id, issuer, name, number, subject, subject_id, token) AS is_right
    FROM events WHERE number > ?1 ORDER BY number LIMIT ?2";
const BLOCK: &str = "SELECT number, previous, first, count, root, at, signature FROM blocks";

fn next(database: &Connection, max: u64) -> Result<Vec<(i64, Event)>> {
    let last: Option<i64> = first(database, LAST, [])?;
    let mut statement = database.prepare_cached(NEXT)?;
    let rows = statement.query_map(params![last.unwrap_or(0), signed(max)], |row| {
        Ok((row.get("number")?, rows::event(row)?))
    })?;
    rows.collect()
}

pub(super) fn unsealed(database: &Connection, max: u32) -> Result<Vec<Event>> {
    let next = next(database, max.into())?;
    Ok(next.into_iter().map(|(_, event)| event).collect())
}

pub(crate) fn block_of(row: &Row<'_>) -> Result<Block> {
    Ok(Block {
        number: counted(row, "number")?,
        previous: row.get("previous")?,
        first: counted(row, "first")?,
        count: counted(row, "count")?,
        root: row.get("root")?,
        at: moment(row, "at")?,
        signature: row.get("signature")?,
    })
}

fn counted(row: &Row<'_>, column: &str) -> Result<u64> {
    unsigned(row, column)
}

/// From the columns `event_id`, `leaf_case`, `leaf_at` and `digest`.
pub(crate) fn leaf_of(row: &Row<'_>) -> Result<Leaf> {
    Ok(Leaf {
        event_id: id(row, "event_id", EventId::from_uuid)?,
        case_id: id(row, "leaf_case", CaseId::from_uuid)?,
        at: moment(row, "leaf_at")?,
        digest: row.get("digest")?,
    })
}

pub(super) fn head(database: &Connection) -> Result<Option<Block>> {
    let sql = format!("{BLOCK} ORDER BY number DESC LIMIT 1");
    let mut statement = database.prepare_cached(&sql)?;
    statement.query_row([], block_of).optional()
}

pub(super) fn block(database: &Connection, number: u64) -> Result<Option<Block>> {
    let sql = format!("{BLOCK} WHERE number = ?1");
    let mut statement = database.prepare_cached(&sql)?;
    statement.query_row([signed(number)], block_of).optional()
}

pub(super) fn proof_of(database: &Connection, event: EventId) -> Result<Option<Proof>> {
    let sql = "SELECT position FROM leaves WHERE event_id = ?1";
    let Some(at) = first::<i64>(database, sql, [bytes(event.uuid())])? else {
        return Ok(None);
    };
    let sql = format!("{BLOCK} WHERE first <= ?1 ORDER BY first DESC LIMIT 1");
    let mut statement = database.prepare_cached(&sql)?;
    let Some(block) = statement.query_row([at], block_of).optional()? else {
        return Ok(None);
    };
    let sql = "SELECT event_id, case_id AS leaf_case, at AS leaf_at, digest FROM leaves
        WHERE position >= ?1 AND position < ?2 ORDER BY position";
    let mut statement = database.prepare_cached(sql)?;
    let range = [
        signed(block.first),
        signed(block.first.saturating_add(block.count)),
    ];
    let leaves = statement
        .query_map(range, leaf_of)?
        .collect::<Result<Vec<_>>>()?;
    let position = leaves.iter().position(|leaf| leaf.event_id == event);
    Ok(position.map(|position| Proof {
        leaf: leaves[position],
        position,
        leaves: leaves.iter().map(Leaf::hash).collect(),
        block,
    }))
}

pub(super) fn seal(database: &Connection, block: &Block, leaves: &[Leaf]) -> Result<Step> {
    let next = next(database, block.count)?;
    let are_next = next.len() == leaves.len()
        && next
            .iter()
            .zip(leaves)
            .all(|((_, event), leaf)| Leaf::of(event) == *leaf);
    if !are_next || !block.follows(head(database)?.as_ref()) {
        return Ok(Err(Conflict::Exists));
    }
    execute(
        database,
        "INSERT INTO blocks (number, previous, first, count, root, at, signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            signed(block.number),
            block.previous,
            signed(block.first),
            signed(block.count),
            block.root,
            block.at.as_millis(),
            block.signature,
        ],
    )?;
    for ((position, leaf), (number, _)) in (block.first..).zip(leaves).zip(&next) {
        execute(
            database,
            "INSERT INTO leaves (position, event_number, event_id, case_id, at, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                signed(position),
                number,
                bytes(leaf.event_id.uuid()),
                bytes(leaf.case_id.uuid()),
                leaf.at.as_millis(),
                leaf.digest,
            ],
        )?;
    }
    Ok(Ok(()))
}

//! Computes the log's chain anew: `amtsbote verify`. Reads only.

use std::path::Path;

use amtsbote_model::Timestamp;
use amtsbote_store::chain::{Block, ChainChecked, Contradiction, Hash, Leaf, root};
use rusqlite::{Connection, Result, Row};

use crate::gateway::{block_of, event_of, leaf_of};
use crate::{Database, Snapshot, SnapshotError};

/// Checks the chain of the gateway's database in the folder; `None` if there is no database. Logs whose last event is not older than
/// `kept_since` must be there. `is_signed` judges the signature of a block.
pub fn check_chain(
    folder: &Path,
    kept_since: Timestamp,
    is_signed: &mut dyn FnMut(&Block) -> bool,
) -> std::result::Result<Option<ChainChecked>, SnapshotError> {
    let Some(snapshot) = Snapshot::take(Database::Gateway, folder)? else {
        return Ok(None);
    };
    let path = Database::Gateway.schema().file(folder);
    match check(snapshot.connection(), kept_since, is_signed) {
        Ok(checked) => Ok(Some(checked)),
        Err(source) if crate::examine::is_damage(&source) => Ok(Some(ChainChecked {
            contradictions: vec![Contradiction::Unreadable(crate::columns::sqlite_reason(
                &source,
            ))],
            ..ChainChecked::default()
        })),
        Err(source) => Err(SnapshotError::Database { path, source }),
    }
}

fn check(
    database: &Connection,
    kept_since: Timestamp,
    is_signed: &mut dyn FnMut(&Block) -> bool,
) -> Result<ChainChecked> {
    let mut checked = ChainChecked::default();
    let sql =
        "SELECT number, previous, first, count, root, at, signature FROM blocks ORDER BY number";
    let mut blocks = database.prepare(sql)?;
    // By position; the event by its id, which has an index.
    let sql = "SELECT position, event_number, event_id, leaves.case_id AS leaf_case, leaves.at AS leaf_at, digest,
            events.number AS number, events.id AS id, events.case_id AS case_id, subject, subject_id, name, issuer,
            events.at AS at, token, true AS is_right
        FROM leaves LEFT JOIN events ON events.id = leaves.event_id
        WHERE position >= ?1 AND position < ?2 ORDER BY position";
    let mut leaves = database.prepare(sql)?;
    let mut head: Option<Block> = None;
    let mut last_event = 0;
    for block in blocks.query_map([], block_of)? {
        let block = block?;
        checked.blocks += 1;
        let mut hashes: Vec<Hash> = Vec::new();
        let end = block.first.saturating_add(block.count);
        let range = [block.first, end].map(crate::columns::signed);
        let mut rows = leaves.query(range)?;
        while let Some(row) = rows.next()? {
            checked.leaves += 1;
            let leaf = leaf_of(row)?;
            hashes.push(leaf.hash());
            check_leaf(
                database,
                row,
                (leaf, kept_since, &mut last_event),
                &mut checked,
            )?;
        }
        let count = u64::try_from(hashes.len()).unwrap_or(u64::MAX);
        if !block.follows(head.as_ref()) || count != block.count || root(&hashes) != block.root {
            checked
                .contradictions
                .push(Contradiction::Block(block.number));
        }
        if !is_signed(&block) {
            checked
                .contradictions
                .push(Contradiction::Signature(block.number));
        }
        head = Some(block);
    }
    check_rest(database, head.as_ref(), last_event, &mut checked)?;
    Ok(checked)
}

fn check_leaf(
    database: &Connection,
    row: &Row<'_>,
    (leaf, kept_since, last_event): (Leaf, Timestamp, &mut i64),
    checked: &mut ChainChecked,
) -> Result<()> {
    let sealed_as: i64 = row.get("event_number")?;
    let name = leaf.event_id.to_string();
    let found: Option<i64> = row.get("number")?;
    let Some(found) = found else {
        if has_expired(database, &leaf, kept_since)? {
            checked.expired += 1;
        } else {
            checked.contradictions.push(Contradiction::Removed(name));
        }
        *last_event = sealed_as;
        return Ok(());
    };
    // What does not even read is not what was sealed.
    if !event_of(row).is_ok_and(|event| Leaf::of(&event) == leaf) {
        checked
            .contradictions
            .push(Contradiction::Edited(name.clone()));
    }
    if found != sealed_as || sealed_as <= *last_event {
        checked.contradictions.push(Contradiction::Moved(name));
    }
    *last_event = sealed_as;
    Ok(())
}

/// Whether nothing of its case is there any more, and all that was sealed of it is old enough. Case and time are under the hash.
fn has_expired(database: &Connection, leaf: &Leaf, kept_since: Timestamp) -> Result<bool> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM cases WHERE id = ?1) AND NOT EXISTS (SELECT 1 FROM events WHERE case_id = ?1)
        AND (SELECT max(at) FROM leaves WHERE case_id = ?1) < ?2";
    let case = leaf.case_id.uuid();
    let parameters = rusqlite::params![case.as_bytes(), kept_since.as_millis()];
    database
        .prepare_cached(sql)?
        .query_row(parameters, |row| row.get(0))
}

fn check_rest(
    database: &Connection,
    head: Option<&Block>,
    last_event: i64,
    checked: &mut ChainChecked,
) -> Result<()> {
    let end = head.map_or(0, |head| head.first.saturating_add(head.count));
    let sql = "SELECT count(*) FROM leaves WHERE position >= ?1";
    let behind: i64 = database.query_row(sql, [crate::columns::signed(end)], |row| row.get(0))?;
    if behind > 0 {
        checked
            .contradictions
            .push(Contradiction::Leaves(u64::try_from(behind).unwrap_or(0)));
    }
    let sql = "SELECT id FROM events WHERE number <= ?1
        AND NOT EXISTS (SELECT 1 FROM leaves WHERE event_id = events.id)";
    let mut statement = database.prepare(sql)?;
    let inserted = statement.query_map([last_event], |row| {
        crate::columns::id(row, "id", amtsbote_model::EventId::from_uuid)
    })?;
    for event in inserted {
        checked
            .contradictions
            .push(Contradiction::Inserted(event?.to_string()));
    }
    Ok(())
}

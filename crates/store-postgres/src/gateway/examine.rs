//! Looks at everything anew: `amtsbote verify`. One snapshot, reads only.
//!
//! Each row's sum, that nothing refers to what is not there, and the log's chain. Indexes are the server's to check (`data_checksums`,
//! `pg_amcheck`).

use amtsbote_model::{EventId, Timestamp};
use amtsbote_store::Error;
use amtsbote_store::chain::{Block, ChainChecked, Contradiction, Hash, Leaf, root};
use deadpool::managed::Object;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use super::PostgresStore;
use super::chain::{block_of, leaf_of};
use super::changes::signed;
use super::rows::{self, Read, event, id, unsigned};
use crate::database::{SNAPSHOT, settled};
use crate::fault::Fault;
use crate::migrations::GATEWAY;
use crate::sums::{self, RowsExamined};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// The rows.
    pub rows: RowsExamined,
    /// Attachments: name of the blob, and its length.
    pub blobs: Vec<(String, u64)>,
    /// What is missing, and of which subject.
    pub missing: Vec<(&'static str, String)>,
    /// The log's chain.
    pub chain: ChainChecked,
    /// Whether the server finds pages that are not as they were written.
    pub has_checksums: bool,
}

/// What must be there beside a row; the rest is held by the server's own references.
const REFERENCES: [(&str, &str); 7] = [
    (
        "the sealed parts of a submission",
        "SELECT id::text FROM submissions WHERE state IN ('submitted', 'forwarded')
            AND NOT EXISTS (SELECT 1 FROM contents WHERE subject_id = submissions.id)",
    ),
    (
        "the sealed parts of a reply",
        "SELECT id::text FROM replies WHERE state IN ('submitted', 'forwarded')
            AND NOT EXISTS (SELECT 1 FROM contents WHERE subject_id = replies.id)",
    ),
    (
        "attachments of a submission",
        "SELECT id::text FROM submissions WHERE state IN ('submitted', 'forwarded')
            AND cardinality(announced) <> (SELECT count(*) FROM attachments WHERE subject_id = submissions.id)",
    ),
    (
        "attachments of a reply",
        "SELECT id::text FROM replies WHERE state IN ('submitted', 'forwarded')
            AND cardinality(announced) <> (SELECT count(*) FROM attachments WHERE subject_id = replies.id)",
    ),
    (
        "the events of a submission",
        "SELECT id::text FROM submissions WHERE NOT EXISTS (SELECT 1 FROM events WHERE subject_id = submissions.id)",
    ),
    (
        "the case of events",
        "SELECT DISTINCT case_id::text FROM events WHERE NOT EXISTS (SELECT 1 FROM cases WHERE id = case_id)",
    ),
    (
        "the submission or reply of an attachment",
        "SELECT subject_id::text FROM attachments WHERE NOT EXISTS (SELECT 1 FROM submissions WHERE id = subject_id)
            AND NOT EXISTS (SELECT 1 FROM replies WHERE id = subject_id)",
    ),
];

impl PostgresStore {
    /// Examines all of it. Logs whose last event is not older than `kept_since` must be there. `is_signed` judges the signature of
    /// a block.
    pub async fn examine(
        &self,
        kept_since: Timestamp,
        is_signed: &mut dyn FnMut(&Block) -> bool,
    ) -> Result<Examined, Error> {
        let connection = self.database.reader().await?;
        let examining = examine(&connection, kept_since, is_signed);
        let examined = self.database.while_it_answers(examining).await;
        // Its transaction is open.
        drop(Object::take(connection));
        examined.map_err(|fault| fault.about("row"))
    }

    /// The blobs that attachments name now.
    pub async fn named_blobs(&self) -> Result<Vec<String>, Error> {
        let connection = self.database.reader().await?;
        let named = self.database.while_it_answers(blobs(&connection)).await;
        let named = settled(Ok(named), connection, "attachment")?;
        Ok(named.into_iter().map(|(id, _)| id).collect())
    }
}

async fn examine(
    client: &ClientWrapper,
    kept_since: Timestamp,
    is_signed: &mut dyn FnMut(&Block) -> bool,
) -> Read<Examined> {
    client.batch_execute(SNAPSHOT).await?;
    let mut examined = Examined {
        rows: sums::examine(client, &GATEWAY).await?,
        ..Examined::default()
    };
    if !examined.rows.unreadable.is_empty() {
        // The rest reads the same tables.
        return Ok(examined);
    }
    for (what, sql) in REFERENCES {
        for row in client.query(sql, &[]).await? {
            examined.missing.push((what, row.try_get(0)?));
        }
    }
    examined.blobs = blobs(client).await?;
    let row = client
        .query_one("SELECT current_setting('data_checksums') = 'on'", &[])
        .await?;
    examined.has_checksums = row.try_get(0)?;
    examined.chain = check_chain(client, kept_since, is_signed).await?;
    Ok(examined)
}

async fn blobs(client: &ClientWrapper) -> Read<Vec<(String, u64)>> {
    let found = client
        .query(
            "SELECT blob, size_bytes FROM attachments ORDER BY blob",
            &[],
        )
        .await?;
    let read = |row: &Row| Ok((row.try_get("blob")?, unsigned(row, "size_bytes")?));
    found.iter().map(read).collect()
}

async fn check_chain(
    client: &ClientWrapper,
    kept_since: Timestamp,
    is_signed: &mut dyn FnMut(&Block) -> bool,
) -> Read<ChainChecked> {
    let mut checked = ChainChecked::default();
    let mut head: Option<Block> = None;
    loop {
        let sql = "SELECT number, previous, first, count, root, at, signature FROM blocks WHERE number > $1 ORDER BY number LIMIT 1000";
        let after = signed(head.as_ref().map_or(0, |head| head.number));
        let blocks = rows::rows(client, sql, &[&after]).await?;
        if blocks.is_empty() {
            break;
        }
        for row in &blocks {
            let block = block_of(row)?;
            checked.blocks += 1;
            let hashes = check_leaves(client, &block, (kept_since, &mut checked)).await?;
            let count = u64::try_from(hashes.len()).unwrap_or(u64::MAX);
            if !block.follows(head.as_ref()) || count != block.count || root(&hashes) != block.root
            {
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
    }
    check_rest(client, head.as_ref(), &mut checked).await?;
    Ok(checked)
}

async fn check_leaves(
    client: &ClientWrapper,
    block: &Block,
    (kept_since, checked): (Timestamp, &mut ChainChecked),
) -> Read<Vec<Hash>> {
    let sql = "SELECT event_number, event_id, leaves.case_id AS leaf_case, leaves.at AS leaf_at, digest,
            events.number AS number, events.id AS id, events.case_id AS case_id, subject, subject_id, name, issuer,
            events.at AS at, token, true AS is_whole
        FROM leaves LEFT JOIN events ON events.id = leaves.event_id
        WHERE position >= $1 AND position < $2 ORDER BY position";
    let end = signed(block.first.saturating_add(block.count));
    let mut hashes = Vec::new();
    for row in rows::rows(client, sql, &[&signed(block.first), &end]).await? {
        checked.leaves += 1;
        let leaf = leaf_of(&row)?;
        hashes.push(leaf.hash());
        let sealed_as: i64 = row.try_get("event_number")?;
        let found: Option<i64> = row.try_get("number")?;
        let name = leaf.event_id.to_string();
        match found {
            None if has_expired(client, &leaf, kept_since).await? => checked.expired += 1,
            None => checked.contradictions.push(Contradiction::Removed(name)),
            Some(found) => {
                // What does not even read is not what was sealed.
                if !event(&row).is_ok_and(|event| Leaf::of(&event) == leaf) {
                    checked
                        .contradictions
                        .push(Contradiction::Edited(name.clone()));
                }
                if found != sealed_as {
                    checked.contradictions.push(Contradiction::Moved(name));
                }
            }
        }
    }
    Ok(hashes)
}

/// Whether nothing of its case is there any more, and all that was sealed of it is old enough. Case and time are under the hash.
async fn has_expired(client: &ClientWrapper, leaf: &Leaf, kept_since: Timestamp) -> Read<bool> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM cases WHERE id = $1) AND NOT EXISTS (SELECT 1 FROM events WHERE case_id = $1)
        AND (SELECT max(at) FROM leaves WHERE case_id = $1) < $2";
    let found = rows::first(
        client,
        sql,
        &[&leaf.case_id.uuid(), &kept_since.as_millis()],
    )
    .await?;
    Ok(found.ok_or(Fault::Malformed)?.try_get(0)?)
}

/// Within a case events are sealed in the order of their numbers, and whatever is not sealed is noted as such and comes behind.
const MOVED: &str = "SELECT event_id AS id FROM (
        SELECT event_id, event_number, lag(event_number) OVER (PARTITION BY case_id ORDER BY position) AS before FROM leaves
    ) AS ordered WHERE before >= event_number";
const INSERTED: &str = "SELECT id FROM events WHERE NOT EXISTS (SELECT 1 FROM leaves WHERE event_id = events.id)
    AND (NOT EXISTS (SELECT 1 FROM unsealed WHERE unsealed.number = events.number)
        OR EXISTS (SELECT 1 FROM leaves WHERE leaves.case_id = events.case_id AND event_number > events.number))";

async fn check_rest(
    client: &ClientWrapper,
    head: Option<&Block>,
    checked: &mut ChainChecked,
) -> Read<()> {
    let end = signed(head.map_or(0, |head| head.first.saturating_add(head.count)));
    let sql = "SELECT count(*) AS count FROM leaves WHERE position >= $1";
    let row = rows::first(client, sql, &[&end]).await?;
    let behind: u64 = unsigned(&row.ok_or(Fault::Malformed)?, "count")?;
    if behind > 0 {
        checked.contradictions.push(Contradiction::Leaves(behind));
    }
    for (sql, what) in [
        (MOVED, Contradiction::Moved as fn(String) -> Contradiction),
        (INSERTED, Contradiction::Inserted),
    ] {
        for row in client.query(sql, &[]).await? {
            let event = id(&row, "id", EventId::from_uuid)?;
            checked.contradictions.push(what(event.to_string()));
        }
    }
    Ok(())
}

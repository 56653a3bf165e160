//! The gateway's rows as values: from one kind of store to another.
//!
//! ```text
//!  source ──rows, by key──► Cell ──take──► target, one transaction ──rows, by key──► compared cell by cell ──► finish
//! ```
//!
//! A store knows its own tables; here is what they have in common. Holds secrets of callbacks and sealed parts: prints nothing.

use std::fmt;

use crate::{Error, Reply};

/// One value of a row. Ids are their 16 bytes, lists of ids one after the other.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Numbers, and moments in milliseconds.
    Number(i64),
    /// Text.
    Text(String),
    /// Ids, hashes.
    Bytes(Vec<u8>),
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cell")
    }
}

/// The values of a row, in the order of its table's columns.
pub type Row = Vec<Cell>;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// Text without NUL.
    Text,
    /// Text of a sender's, with any character.
    AnyText,
    /// An id.
    Id,
    /// Ids.
    Ids,
    /// Bytes.
    Bytes,
}

/// A table that all stores have.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [(&'static str, Kind)],
    /// The columns that order its rows, by their places.
    pub order: &'static [usize],
    /// A column with numbers of the store's own: only their order within `order` counts.
    pub own: Option<usize>,
    /// Rows of one page, at most: a row may have megabytes.
    pub page: u32,
}

impl Table {
    /// The values that order a row.
    pub fn key(&self, row: &Row) -> Row {
        let at = |place: &usize| row.get(*place).cloned();
        self.order.iter().filter_map(at).collect()
    }

    /// Whether two rows are the same, whatever numbers their stores gave them.
    pub fn is_same(&self, one: &Row, other: &Row) -> bool {
        let cells = one.iter().zip(other).enumerate();
        let mut others = cells.filter(|(place, _)| Some(*place) != self.own);
        one.len() == other.len() && others.all(|(_, (one, other))| one == other)
    }
}

const PAGE: u32 = 500;

macro_rules! tables {
    ($($name:literal by $order:expr, own $own:expr, page $page:expr => { $($column:literal $kind:ident),+ })+) => {
        /// All of them, in the order in which they may be written.
        pub const TABLES: &[Table] = &[$(Table {
            name: $name,
            columns: &[$(($column, Kind::$kind)),+],
            order: &$order,
            own: $own,
            page: $page,
        }),+];
    };
}

tables! {
    "destinations" by [0], own None, page PAGE => {
        "id" Id, "owner" Text, "status" Text, "created_at" Number, "body" Text
    }
    "offers" by [0, 1], own None, page PAGE => { "service" Text, "destination_id" Id }
    "keys" by [0], own None, page PAGE => {
        "number" Number, "destination_id" Id, "kid" Text, "jwk" Text, "added_at" Number
    }
    "cases" by [0], own None, page PAGE => {
        "id" Id, "destination_id" Id, "sender" Text, "opened_at" Number, "last_at" Number
    }
    "submissions" by [0], own None, page PAGE => {
        "id" Id, "case_id" Id, "destination_id" Id, "sender" Text, "service" Text, "service_name" AnyText, "region" Text,
        "state" Text, "since" Number, "reminded" Number, "announced" Ids, "callback_url" Text, "callback_secret" Text,
        "created_at" Number, "submitted_at" Number
    }
    "replies" by [0], own None, page PAGE => {
        "id" Id, "case_id" Id, "destination_id" Id, "receiver" Text, "state" Text, "since" Number, "announced" Ids,
        "created_at" Number, "submitted_at" Number
    }
    "attachments" by [0, 1], own None, page PAGE => {
        "subject_id" Id, "id" Id, "blob" Text, "size_bytes" Number, "tag" Text
    }
    "contents" by [0], own None, page 4 => { "subject_id" Id, "metadata" Text, "data" Text }
    "events" by [2, 0], own Some(0), page PAGE => {
        "number" Number, "id" Id, "case_id" Id, "subject" Text, "subject_id" Id, "name" Text, "issuer" Text, "at" Number,
        "token" Text
    }
    "remembered" by [0, 1], own None, page PAGE => {
        "client" Text, "key" Text, "fingerprint" Text, "answer" Text, "at" Number
    }
    "outbox" by [0], own None, page PAGE => {
        "number" Number, "id" Id, "subject" Text, "subject_id" Id, "url" Text, "secret" Text, "body" Text, "made_at" Number,
        "tries" Number, "due_at" Number
    }
    "mails" by [0], own None, page PAGE => {
        "number" Number, "id" Id, "destination_id" Id, "recipient" Text, "subject" AnyText, "body" AnyText, "made_at" Number,
        "tries" Number, "due_at" Number
    }
    "marks" by [0], own None, page PAGE => { "name" Text, "at" Number }
    "blocks" by [0], own None, page PAGE => {
        "number" Number, "previous" Bytes, "first" Number, "count" Number, "root" Bytes, "at" Number, "signature" Text
    }
    "leaves" by [0], own Some(1), page PAGE => {
        "position" Number, "event_number" Number, "event_id" Id, "case_id" Id, "at" Number, "digest" Bytes
    }
}

/// One side of a transfer. Nobody else uses the store meanwhile.
pub trait Transfer: Send {
    /// The rows that follow the key given (the first ones without), in order, at most a page.
    fn rows<'a>(
        &'a mut self,
        table: &'static Table,
        after: Option<Row>,
    ) -> Reply<'a, Result<Vec<Row>, Error>>;

    /// Takes rows in. Nobody sees them before [`Transfer::finish`].
    fn take<'a>(
        &'a mut self,
        table: &'static Table,
        rows: Vec<Row>,
    ) -> Reply<'a, Result<(), Error>>;

    /// All that was taken in becomes durable, or nothing.
    fn finish(self: Box<Self>) -> Reply<'static, Result<(), Error>>;
}

/// How many rows a table has, and that they are the same on both sides.
pub async fn compare(
    table: &'static Table,
    source: &mut dyn Transfer,
    target: &mut dyn Transfer,
) -> Result<u64, Error> {
    let mut keys = (None, None);
    let mut count = 0;
    loop {
        let ours = source.rows(table, keys.0.take()).await?;
        let theirs = target.rows(table, keys.1.take()).await?;
        let same = ours.iter().zip(&theirs).all(|(a, b)| table.is_same(a, b));
        if !same || ours.len() != theirs.len() {
            return Err(Error::Unreadable {
                kind: table.name,
                reason: "the copy is not what was copied".into(),
            });
        }
        let (Some(one), Some(other)) = (ours.last(), theirs.last()) else {
            return Ok(count);
        };
        count += u64::try_from(ours.len()).unwrap_or(u64::MAX);
        keys = (Some(table.key(one)), Some(table.key(other)));
    }
}

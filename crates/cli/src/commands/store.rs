//! `amtsbote store move --settings OLD --to NEW`: rows and attachments of a stopped gateway into another kind of store.
//!
//! ```text
//!  old store ──attachments──► new place, each read back and compared
//!            ──rows─────────► new database, one transaction, compared cell by cell ──► durable
//! ```
//!
//! Dying anywhere before the end leaves a database that is empty or cannot be opened, and attachments that the next move finds and
//! looks at again. The old store is left as it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use amtsbote_problem::Language;
use amtsbote_settings as settings;
use amtsbote_store::transfer::{Cell, Row, TABLES, Table, Transfer, compare};
use amtsbote_store::{BlobId, Shelf};
use amtsbote_store_postgres::PostgresTransfer;
use amtsbote_store_sql::{Database, Restoring, SqliteTransfer};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{serve, settings as file};
use crate::args::{MoveStore, SettingsFile, Store};
use crate::talk::{Form, Talk};
use crate::{blobs, database, folder};

pub(crate) async fn run(args: &Store, talk: Talk) -> Result<()> {
    match args {
        Store::Move(args) => move_store(args, talk).await,
    }
}

/// What was moved.
#[derive(Default)]
struct Moved {
    rows: BTreeMap<&'static str, u64>,
    attachments: u64,
    bytes: u64,
    /// Of these: there already, from a move that did not end.
    found: u64,
}

async fn move_store(args: &MoveStore, talk: Talk) -> Result<()> {
    let from = gateway(&args.file.settings, talk)?;
    let to = gateway(&args.to, talk)?;
    let mut source = source(&from).await?;
    let shelf = blobs::open(&from).await?;
    let moved = if args.dry_run {
        look(&mut *source, talk).await?
    } else {
        let target = Target::open(&to).await?;
        into((&mut *source, shelf), target, &to, talk).await?
    };
    talk.progress_done();
    tell(&moved, args, talk)
}

fn gateway(path: &Path, talk: Talk) -> Result<settings::Gateway> {
    let file = SettingsFile {
        settings: path.to_owned(),
    };
    let settings = serve::based(file::load(&file, talk)?, path);
    let gateway = settings.gateway;
    let gateway = gateway.with_context(|| format!("{} has no [gateway]", path.display()))?;
    if !gateway.uplinks.is_empty() {
        bail!(talk.error(
            "der Zustand von Uplinks lässt sich nicht umziehen: erst alles zu Ende bringen lassen, dann [[gateway.uplink]] herausnehmen",
            "the state of uplinks cannot be moved: first let everything on its way come to its end, then take [[gateway.uplink]] out",
        ));
    }
    Ok(gateway)
}

async fn source(gateway: &settings::Gateway) -> Result<Box<dyn Transfer>> {
    Ok(match gateway.database.as_ref().filter(|d| d.is_shared()) {
        Some(server) => Box::new(PostgresTransfer::source(&database::target(server)?).await?),
        None => Box::new(
            SqliteTransfer::open(&gateway.data_dir)
                .context("the gateway's database cannot be opened; is it stopped?")?,
        ),
    })
}

/// Where rows are taken in.
struct Target {
    rows: Box<dyn Transfer>,
    file: Option<NewFile>,
}

/// A database that is made beside its place, and put there when it is whole.
struct NewFile {
    beside: PathBuf,
    place: Restoring,
}

impl Target {
    async fn open(gateway: &settings::Gateway) -> Result<Self> {
        if let Some(server) = gateway.database.as_ref().filter(|d| d.is_shared()) {
            let rows = PostgresTransfer::target(&database::target(server)?).await?;
            let rows = Box::new(rows);
            return Ok(Self { rows, file: None });
        }
        folder::make(&gateway.data_dir)?;
        let place = Restoring::claim(Database::Gateway, &gateway.data_dir)?;
        // From here on no gateway begins an empty store where half of one lies.
        place.begin()?;
        let beside = gateway.data_dir.join("moving");
        if beside.exists() {
            // Of a move that did not end.
            std::fs::remove_dir_all(&beside)
                .with_context(|| format!("cannot remove {}", beside.display()))?;
        }
        let rows = Box::new(SqliteTransfer::create(&beside)?);
        let file = Some(NewFile { beside, place });
        Ok(Self { rows, file })
    }

    /// Makes it durable, and lets it be opened.
    async fn finish(self) -> Result<()> {
        self.rows.finish().await?;
        let Some(NewFile { beside, place }) = self.file else {
            return Ok(());
        };
        let made = beside.join(Database::Gateway.file_name());
        let placed = place.place(&made)?;
        let sums = (crate::backup::sum(&made)?, crate::backup::sum(placed)?);
        ensure!(
            sums.0 == sums.1,
            "{} was not written as it should be: check the disk",
            placed.display()
        );
        place.finish()?;
        std::fs::remove_dir_all(&beside)
            .with_context(|| format!("cannot remove {}", beside.display()))
    }
}

/// The rows of a table, page by page.
async fn next(
    source: &mut dyn Transfer,
    table: &'static Table,
    last: &mut Option<Row>,
) -> Result<Vec<Row>> {
    let rows = source.rows(table, last.take()).await?;
    *last = rows.last().map(|row| table.key(row));
    Ok(rows)
}

/// Counts only.
async fn look(source: &mut dyn Transfer, talk: Talk) -> Result<Moved> {
    let mut moved = Moved::default();
    for table in TABLES {
        talk.progress(table.name);
        let (mut last, count) = (None, moved.rows.entry(table.name).or_default());
        loop {
            let rows = next(source, table, &mut last).await?;
            if rows.is_empty() {
                break;
            }
            *count += u64::try_from(rows.len()).unwrap_or(0);
            for (_, size_bytes) in attachments(table, &rows) {
                moved.attachments += 1;
                moved.bytes += size_bytes;
            }
        }
    }
    Ok(moved)
}

async fn into(
    (source, shelf): (&mut dyn Transfer, Arc<dyn Shelf>),
    mut target: Target,
    to: &settings::Gateway,
    talk: Talk,
) -> Result<Moved> {
    let mut moved = Moved::default();
    let new_shelf = blobs::open(to).await.context(
        "the new place of attachments cannot be opened; the old and the new one must not be the same folder",
    )?;
    let mut strangers: std::collections::BTreeSet<BlobId> =
        new_shelf.list().await?.into_iter().collect();
    for table in TABLES {
        let mut last = None;
        loop {
            let rows = next(source, table, &mut last).await?;
            if rows.is_empty() {
                break;
            }
            for (id, size_bytes) in attachments(table, &rows) {
                let id: BlobId = id.parse().context("an attachment has no usable name")?;
                talk.progress(&format!("{} {id}", table.name));
                let was_there = strangers.remove(&id);
                // One that is there already was brought by a move that did not end: it is compared only.
                let copy = (!was_there).then_some(&*new_shelf);
                bring(&*shelf, &*new_shelf, (&id, size_bytes), copy)
                    .await
                    .with_context(|| format!("the attachment {id} was not moved"))?;
                moved.attachments += 1;
                moved.bytes += size_bytes;
                moved.found += u64::from(was_there);
            }
            talk.progress(table.name);
            target.rows.take(table, rows).await?;
        }
    }
    if let Some(stranger) = strangers.first() {
        bail!(
            "the new place of attachments holds {} that the old store does not know, the first is {stranger}: give the move an empty one",
            strangers.len()
        );
    }
    for table in TABLES {
        talk.progress(table.name);
        let count = compare(table, source, &mut *target.rows).await?;
        moved.rows.insert(table.name, count);
    }
    target.finish().await?;
    Ok(moved)
}

/// Names and sizes, if it is the table of attachments.
fn attachments(table: &Table, rows: &[Row]) -> Vec<(String, u64)> {
    if table.name != "attachments" {
        return Vec::new();
    }
    let at = |name| table.columns.iter().position(|(column, _)| *column == name);
    let (Some(blob), Some(size)) = (at("blob"), at("size_bytes")) else {
        return Vec::new();
    };
    let read = |row: &Row| match (row.get(blob), row.get(size)) {
        (Some(Cell::Text(blob)), Some(Cell::Number(size))) => {
            Some((blob.clone(), u64::try_from(*size).unwrap_or(0)))
        }
        _ => None,
    };
    rows.iter().filter_map(read).collect()
}

/// Copies an attachment if somebody is to take it, and reads it back.
async fn bring(
    from: &dyn Shelf,
    to: &dyn Shelf,
    (id, size_bytes): (&BlobId, u64),
    copy: Option<&dyn Shelf>,
) -> Result<()> {
    let ours = sum(from, id, size_bytes, copy).await?;
    let theirs = sum(to, id, size_bytes, None).await?;
    ensure!(ours == theirs, "it was not read back as it was written");
    Ok(())
}

/// The hash of an attachment, which is copied on the way if somebody takes it.
async fn sum(
    shelf: &dyn Shelf,
    id: &BlobId,
    size_bytes: u64,
    copy: Option<&dyn Shelf>,
) -> Result<[u8; 32]> {
    let reader = shelf.open(id).await?;
    let mut reader = reader.context("it is not there: run `amtsbote verify`")?;
    ensure!(reader.size_bytes() == size_bytes, "it has another length");
    let mut writer = match copy {
        Some(to) => Some(to.begin_as(id.clone()).await?),
        None => None,
    };
    let mut hash = Sha256::new();
    while let Some(piece) = reader.next().await? {
        hash.update(&piece);
        if let Some(writer) = &mut writer {
            writer.write(piece).await?;
        }
    }
    if let Some(writer) = writer {
        writer.keep().await?;
    }
    Ok(hash.finalize().into())
}

fn tell(moved: &Moved, args: &MoveStore, talk: Talk) -> Result<()> {
    let rows: u64 = moved.rows.values().sum();
    let Moved {
        attachments,
        bytes,
        found,
        ..
    } = moved;
    if talk.form() == Form::Json {
        talk.json(&json!({
            "dryRun": args.dry_run,
            "rows": moved.rows,
            "attachments": attachments,
            "attachmentBytes": bytes,
            "attachmentsFound": found,
        }))?;
        return Ok(());
    }
    let done = match (args.dry_run, talk.language()) {
        (true, Language::German) => "zu bewegen, das Ziel wurde nicht angesehen:",
        (true, Language::English) => "to be moved, the target was not looked at:",
        (false, Language::German) => "bewegt und verglichen:",
        (false, Language::English) => "moved and compared:",
    };
    talk.data(format_args!(
        "{done} {rows} {}, {attachments} {}, {bytes} Bytes",
        talk.pick("Zeilen", "rows"),
        talk.pick("Anlagen", "attachments")
    ))?;
    if !args.dry_run {
        talk.say(talk.pick(
            "Ab jetzt nur noch mit den neuen Einstellungen starten: liefe auch der alte Bestand, geschähe manches doppelt. Er ist unverändert; wegräumen, wenn der neue läuft und gesichert ist.",
            "From now on start with the new settings only: if the old store ran as well, things would happen twice. It is unchanged; clear it away when the new one runs and is backed up.",
        ));
    }
    Ok(())
}

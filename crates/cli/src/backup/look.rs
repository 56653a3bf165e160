//! A database at one moment: a file of ours, or tables on a server.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use amtsbote_store::BlobId;
use amtsbote_store_postgres::{Copied, PostgresSnapshot};
use amtsbote_store_sql::{Content, Database, Snapshot, content};
use anyhow::{Context, Result};

use super::bucket::wait;
use super::files;
use super::place::{Place, ServerPlace, Source};
use crate::database;
use crate::talk::Talk;

/// What a copy holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) version: u64,
    /// By table.
    pub(super) rows: BTreeMap<String, u64>,
}

impl From<Content> for Held {
    fn from(content: Content) -> Self {
        Self {
            version: content.version,
            rows: content.tables.into_iter().collect(),
        }
    }
}

impl From<Copied> for Held {
    fn from(copied: Copied) -> Self {
        let Copied { version, rows } = copied;
        Self { version, rows }
    }
}

/// As long as it is held, it shows the same rows.
pub(super) struct Look {
    source: Source,
    held: Moment,
}

enum Moment {
    File(Database, Snapshot),
    Server(Box<PostgresSnapshot>),
}

impl Look {
    /// `None`: there is nothing.
    pub(super) fn take(source: Source) -> Result<Option<Self>> {
        let held = match &source {
            Source::File(Place {
                database, folder, ..
            }) => {
                Snapshot::take(*database, folder)?.map(|snapshot| Moment::File(*database, snapshot))
            }
            Source::Server(ServerPlace {
                tables, database, ..
            }) => wait(async {
                let target = database::target(database)?;
                Ok(PostgresSnapshot::take(&target, *tables).await?)
            })?
            .map(|snapshot| Moment::Server(Box::new(snapshot))),
        };
        Ok(held.map(|held| Self { source, held }))
    }

    pub(super) const fn source(&self) -> &Source {
        &self.source
    }

    /// Writes it into a new file; durable when it returns. `step` hears how far it is.
    pub(super) fn copy(
        &self,
        into: &Path,
        talk: Talk,
        mut step: impl FnMut(String) + Send,
    ) -> Result<Held> {
        match &self.held {
            Moment::File(database, snapshot) => {
                let word = talk.pick("Seiten", "pages");
                snapshot.copy(into, |done, all| step(format!("{done}/{all} {word}")))?;
                Ok(content(*database, into)?.into())
            }
            Moment::Server(snapshot) => {
                let context = || format!("cannot write {}", into.display());
                let mut options = OpenOptions::new();
                let options = options.write(true).create_new(true).mode(0o600);
                let mut file = BufWriter::new(options.open(into).with_context(context)?);
                let mut said = 0;
                let copied = wait(async {
                    let copying = snapshot.copy(&mut file, |table, bytes| {
                        let megabytes = bytes / 1_000_000;
                        // Of each row, there would be more progress than copy.
                        if megabytes != said {
                            said = megabytes;
                            step(format!("{table} {megabytes} MB"));
                        }
                    });
                    Ok(copying.await?)
                })?;
                let file = file
                    .into_inner()
                    .map_err(std::io::IntoInnerError::into_error)
                    .with_context(context)?;
                file.sync_all().with_context(context)?;
                files::sync(into.parent().unwrap_or(Path::new(".")))?;
                Ok(copied.into())
            }
        }
    }

    /// The blobs that a gateway's attachments name.
    pub(super) fn named(&self) -> Result<Vec<BlobId>> {
        match &self.held {
            Moment::File(_, snapshot) => Ok(snapshot.named()?),
            Moment::Server(snapshot) => wait(async { Ok(snapshot.named().await?) }),
        }
    }
}

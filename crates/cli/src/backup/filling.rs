//! A place that is filled from a copy: a folder for a file of ours, or a database on a server.

use std::fs::File;
use std::path::Path;

use amtsbote_settings::Settings;
use amtsbote_store_postgres::{PostgresRestoring, Tables};
use amtsbote_store_sql::{Restoring, content};
use anyhow::{Context, Result, ensure};

use super::bucket::wait;
use super::files;
use super::look::Held;
use super::manifest::DatabaseCopy;
use super::place::{Place, ServerPlace, Source};
use crate::talk::Talk;
use crate::{database, membership};

/// It is ours until the end, and nobody opens half of it.
pub(super) enum Filling {
    File(Place, Restoring),
    Server(ServerPlace, Box<PostgresRestoring>),
}

impl Filling {
    /// Holds the place; refuses an occupied one.
    pub(super) fn claim(source: &Source) -> Result<Self> {
        match source {
            Source::File(place) => {
                let restoring = Restoring::claim(place.database, &place.folder)?;
                Ok(Self::File(place.clone(), restoring))
            }
            Source::Server(place) => wait(async {
                let target = database::target(&place.database)?;
                let restoring = PostgresRestoring::claim(&target, place.tables).await?;
                Ok(Self::Server(place.clone(), Box::new(restoring)))
            }),
        }
    }

    /// Whether attachments of this backup may be there already: of one that did not come to its end.
    pub(super) fn may_be_repeat(&self) -> bool {
        match self {
            Self::File(_, restoring) => restoring.is_repeat(),
            // There are no tables, so nothing is known of any attachments.
            Self::Server(place, _) => place.tables == Tables::Gateway,
        }
    }

    /// From here on, a folder with half of it does not open.
    pub(super) fn begin(&self) -> Result<()> {
        match self {
            Self::File(_, restoring) => Ok(restoring.begin()?),
            Self::Server(..) => Ok(()),
        }
    }

    /// Writes what the copy holds, and looks whether all of it is there. Attachments have been brought before.
    pub(super) fn place(
        &self,
        (from, copy): (&Path, &DatabaseCopy),
        settings: &Settings,
        talk: Talk,
    ) -> Result<()> {
        match self {
            Self::File(place, restoring) => {
                let path = restoring.place(from)?;
                let found = files::sum(path)?;
                ensure!(
                    found.sha256 == copy.sha256,
                    "{} was not written as it should be: check the disk",
                    path.display()
                );
                copy.check(&content(place.database, path)?.into())
            }
            Self::Server(place, restoring) => {
                let file = File::open(from);
                let file = file.with_context(|| format!("cannot read {}", from.display()))?;
                let mut said = 0;
                let copied = wait(async {
                    let taking = restoring.take(file, |table, bytes| {
                        let megabytes = bytes / 1_000_000;
                        if megabytes != said {
                            said = megabytes;
                            talk.progress(&format!("{}: {table} {megabytes} MB", copy.file));
                        }
                    });
                    Ok(taking.await?)
                })?;
                talk.progress_done();
                copy.check(&Held::from(copied))?;
                match &settings.gateway {
                    Some(gateway) if place.tables == Tables::Gateway => {
                        let shelf = membership::shelf(gateway)?;
                        wait(async { Ok(restoring.with_attachments_in(&shelf).await?) })
                    }
                    Some(_) | None => Ok(()),
                }
            }
        }
    }

    /// Durable, and open to whoever comes.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::File(_, restoring) => Ok(restoring.finish()?),
            Self::Server(_, restoring) => wait(async { Ok(restoring.finish().await?) }),
        }
    }
}

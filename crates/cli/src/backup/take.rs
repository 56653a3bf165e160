//! Takes a backup of a system that runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use amtsbote_model::Clock as _;
use amtsbote_settings::Settings;
use amtsbote_store::BlobId;
use amtsbote_store_sql::FolderBlobs;
use anyhow::{Context, Result, bail, ensure};

use super::bucket::Bucket;
use super::files;
use super::look::Look;
use super::manifest::{Attachments, DatabaseCopy, Manifest, Sums};
use super::place::{self, Source};
use crate::clock::SystemClock;
use crate::talk::Talk;

/// How often databases are looked at anew because attachments were erased meanwhile.
const LOOKS_MAX: usize = 5;

/// A backup that is being taken.
struct Taking<'a> {
    settings: &'a Settings,
    dir: &'a Path,
    sums: Sums,
    bucket: Option<Bucket>,
    /// What the gateway's copy names; `None`: there is none.
    named: Option<Vec<BlobId>>,
    talk: Talk,
}

/// Copies everything into `dir`. Paths in the settings are absolute by now.
pub(crate) fn take(
    settings: &Settings,
    besides: Vec<PathBuf>,
    dir: &Path,
    talk: Talk,
) -> Result<Manifest> {
    if !files::is_vacant(dir)? {
        bail!(
            "{} is not empty: give each backup a folder of its own",
            dir.display()
        );
    }
    files::make(dir)?;
    let mut taking = Taking {
        settings,
        dir,
        sums: Sums::default(),
        bucket: Bucket::of(settings)?,
        named: None,
        talk,
    };
    let mut look = 1;
    loop {
        let moment = SystemClock.now().to_rfc3339();
        let databases = taking.databases()?;
        let attachments = taking.attachments()?;
        let erased = attachments.erased_meanwhile.len();
        if erased == 0 || look == LOOKS_MAX {
            let manifest = Manifest {
                databases,
                attachments,
                ..Manifest::new(moment, besides)
            };
            return manifest.seal(dir, &taking.sums);
        }
        talk.say(format_args!(
            "{erased} {}",
            talk.pick(
                "Anlagen wurden inzwischen gelöscht; die Datenbanken werden noch einmal gesichert",
                "attachments were erased meanwhile; the databases are copied once more"
            )
        ));
        look += 1;
    }
}

impl Taking<'_> {
    fn databases(&mut self) -> Result<Vec<DatabaseCopy>> {
        // All of them are looked at before the first is copied, which may take minutes.
        let mut looks = Vec::new();
        for source in place::sources(self.settings)? {
            looks.extend(Look::take(source)?);
        }
        ensure!(
            !looks.is_empty(),
            "there is no database where the settings say: nothing to back up"
        );
        self.named = None;
        looks.iter().map(|look| self.database(look)).collect()
    }

    fn database(&mut self, look: &Look) -> Result<DatabaseCopy> {
        let copy = look.source().copy();
        let path = self.dir.join(copy);
        place::make_for(&path)?;
        if path.exists() {
            fs::remove_file(&path).with_context(|| format!("cannot replace {}", path.display()))?;
        }
        let talk = self.talk;
        let held = look.copy(&path, talk, |done| {
            talk.progress(&format!("{copy}: {done}"));
        })?;
        talk.progress_done();
        if look.source().is_gateway() {
            self.named = Some(look.named()?);
        }
        let sum = files::sum(&path)?;
        self.sums.note(copy.to_owned(), &sum);
        Ok(DatabaseCopy {
            file: copy.to_owned(),
            sha256: sum.sha256,
            size_bytes: sum.size_bytes,
            schema_version: held.version,
            rows: held.rows,
        })
    }

    /// Copies what the copied database names and is not copied yet; takes away what it no longer names.
    fn attachments(&mut self) -> Result<Attachments> {
        let mut found = Attachments::default();
        let Some(folder) = place::blobs(self.settings) else {
            return Ok(found);
        };
        let Some(named) = self.named.clone() else {
            return Ok(found);
        };
        let mut absent = Vec::new();
        for (at, id) in named.iter().enumerate() {
            match self.attachment(&folder, id)? {
                Some(size_bytes) => {
                    found.count += 1;
                    found.size_bytes += size_bytes;
                }
                None => absent.push(id),
            }
            let word = self.talk.pick("Anlagen", "attachments");
            self.talk
                .progress(&format!("{}/{} {word}", at + 1, named.len()));
        }
        self.talk.progress_done();
        self.drop_unnamed(&named)?;
        self.sync_shelves()?;
        if !absent.is_empty() {
            // Nothing is a loss that the database in use does not name any more.
            let live = self.live_names()?;
            for id in absent {
                let list = if live.contains(id) {
                    &mut found.missing
                } else {
                    &mut found.erased_meanwhile
                };
                list.push(id.to_string());
            }
        }
        Ok(found)
    }

    fn attachment(&mut self, folder: &Path, id: &BlobId) -> Result<Option<u64>> {
        let copy = place::blob_copy(id.as_str());
        let to = self.dir.join(&copy);
        if self.sums.has(&copy) {
            let length = fs::metadata(&to)
                .with_context(|| format!("cannot read {}", to.display()))?
                .len();
            return Ok(Some(length));
        }
        // Only names that a folder of attachments could have given: they become names of files.
        let Some(from) = FolderBlobs::file(folder, id) else {
            return Ok(None);
        };
        place::make_for(&to)?;
        let copied = match &self.bucket {
            Some(bucket) => bucket.fetch(id, &to)?,
            None => files::copy(&from, &to)?,
        };
        let Some(sum) = copied else {
            return Ok(None);
        };
        self.sums.note(copy, &sum);
        Ok(Some(sum.size_bytes))
    }

    fn drop_unnamed(&mut self, named: &[BlobId]) -> Result<()> {
        let named: BTreeSet<&BlobId> = named.iter().collect();
        let unnamed: Vec<String> = self
            .sums
            .iter()
            .filter(|(copy, _)| place::blob_id(copy).is_some_and(|id| !named.contains(&id)))
            .map(|(copy, _)| copy.to_owned())
            .collect();
        for copy in unnamed {
            let path = self.dir.join(&copy);
            fs::remove_file(&path).with_context(|| format!("cannot delete {}", path.display()))?;
            self.sums.forget(&copy);
        }
        Ok(())
    }

    fn sync_shelves(&self) -> Result<()> {
        let folder = self.dir.join("blobs");
        if folder.exists() {
            for shelf in crate::folder::folders(&folder)? {
                files::sync(&shelf)?;
            }
            files::sync(&folder)?;
        }
        files::sync(self.dir)
    }

    /// What the gateway's database in use names by now.
    fn live_names(&self) -> Result<BTreeSet<BlobId>> {
        let gateway = place::sources(self.settings)?
            .into_iter()
            .find(Source::is_gateway);
        let look = gateway.map(Look::take).transpose()?.flatten();
        let named = look.map(|look| look.named()).transpose()?;
        Ok(named.unwrap_or_default().into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_store::laws::samples::{announced_one, attachment, done, of};
    use amtsbote_store::{Attachment, Blobs as _, Change};
    use amtsbote_store_sql::SqliteStore;

    use super::*;
    use crate::talk::{Form, Tongue};

    fn settings(folder: &Path) -> Settings {
        let text = format!(
            "[gateway]\nbase_url = \"https://amtsbote.example\"\nlisten = \"127.0.0.1:0\"\ndata_dir = {folder:?}\n\
             keys_dir = \"keys\"\nschemas_dir = \"schemas\"\n"
        );
        Settings::parse(&text).unwrap()
    }

    async fn kept(blobs: &FolderBlobs, store: &SqliteStore, number: u32) -> BlobId {
        let mut writer = blobs.begin().await.unwrap();
        writer.write("ciphertext".into()).await.unwrap();
        let blob = writer.keep().await.unwrap().id;
        let attachment = Attachment {
            blob: blob.clone(),
            ..attachment(number, 1)
        };
        let subject = of(1);
        let attach = Change::Attach {
            subject,
            attachment,
        };
        done(store, vec![attach]).await;
        blob
    }

    #[tokio::test]
    async fn what_was_erased_meanwhile_is_told_apart_from_what_is_missing() {
        let (home, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = home.path().to_owned();
        let settings = settings(&folder);
        let store = SqliteStore::open(&folder).unwrap();
        let blobs = FolderBlobs::open(&folder.join("blobs")).unwrap();
        announced_one(&store).await;
        let (first, second) = (kept(&blobs, &store, 1).await, kept(&blobs, &store, 2).await);
        let mut taking = Taking {
            settings: &settings,
            dir: target.path(),
            sums: Sums::default(),
            bucket: None,
            named: None,
            talk: Talk::new(Tongue::En, Form::Text),
        };

        // Between database and attachments: the first one is replaced, the second one is lost.
        taking.databases().unwrap();
        let third = kept(&blobs, &store, 1).await;
        blobs.delete(&first).await.unwrap();
        std::fs::remove_file(FolderBlobs::file(&folder.join("blobs"), &second).unwrap()).unwrap();
        let found = taking.attachments().unwrap();
        assert_eq!(found.erased_meanwhile, [first.to_string()]);
        assert_eq!(found.missing, [second.to_string()]);
        assert_eq!(found.count, 0);

        // The next look sees what is named now, and a whole backup ends with it.
        let whole = target.path().join("whole");
        let talk = Talk::new(Tongue::En, Form::Text);
        let manifest = take(&settings, vec![], &whole, talk).unwrap();
        let attachments = manifest.attachments;
        assert_eq!(attachments.erased_meanwhile, [] as [String; 0]);
        assert_eq!(attachments.missing, [second.to_string()]);
        assert_eq!((attachments.count, attachments.size_bytes > 0), (1, true));
        assert!(whole.join(place::blob_copy(third.as_str())).exists());
    }

    #[tokio::test]
    async fn copies_of_an_earlier_look_that_nothing_names_any_more_are_taken_away() {
        let (home, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = home.path().to_owned();
        let settings = settings(&folder);
        let store = SqliteStore::open(&folder).unwrap();
        let blobs = FolderBlobs::open(&folder.join("blobs")).unwrap();
        announced_one(&store).await;
        let first = kept(&blobs, &store, 1).await;
        let mut taking = Taking {
            settings: &settings,
            dir: target.path(),
            sums: Sums::default(),
            bucket: None,
            named: None,
            talk: Talk::new(Tongue::En, Form::Text),
        };
        taking.databases().unwrap();
        assert_eq!(taking.attachments().unwrap().count, 1);
        let second = kept(&blobs, &store, 1).await;
        taking.databases().unwrap();
        assert_eq!(taking.attachments().unwrap().count, 1);
        let copy = |id: &BlobId| target.path().join(place::blob_copy(id.as_str()));
        assert!(!copy(&first).exists());
        assert!(copy(&second).exists());
    }
}

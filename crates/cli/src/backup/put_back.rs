//! Puts a backup back: all is checked before anything is written, and once more where it has been written to.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use amtsbote_settings::Settings;
use amtsbote_store::BlobId;
use amtsbote_store_sql::{FolderBlobs, OpenError, content};
use anyhow::{Context, Result, bail, ensure};

use super::bucket::Bucket;
use super::files;
use super::filling::Filling;
use super::manifest::{DatabaseCopy, Manifest, Sums};
use super::place::{self, Source};
use crate::talk::Talk;

/// Restores `dir` to where the settings say, which must be empty. Paths in the settings are absolute by now.
pub(crate) fn put_back(settings: &Settings, dir: &Path, talk: Talk) -> Result<Manifest> {
    let (manifest, sums) = Manifest::open(dir)?;
    let places = fitting(settings, &manifest)?;
    check_known(&manifest, &sums)?;
    check_files(dir, &sums, talk)?;
    for (source, copy) in &places {
        // What a file of tables holds shows when it is taken in, before it is kept.
        if let Source::File(place) = source {
            copy.check(&content(place.database, &dir.join(&copy.file))?.into())?;
        }
    }
    let bucket = Bucket::of(settings)?;
    // All is claimed before the first byte is written: an occupied folder stops it while nothing has changed.
    let filling = places
        .iter()
        .map(|(source, _)| Filling::claim(source))
        .collect::<Result<Vec<_>>>()?;
    let own = filling.iter().any(Filling::may_be_repeat).then_some(&sums);
    check_vacant(bucket.as_ref(), place::blobs(settings).as_deref(), own)?;
    for filling in &filling {
        filling.begin()?;
    }
    put_blobs((settings, bucket.as_ref()), dir, &sums, talk)?;
    for ((_, copy), filling) in places.iter().zip(&filling) {
        filling.place((&dir.join(&copy.file), copy), settings, talk)?;
    }
    // Dying between two of them leaves an agent without its gateway or a folder without its server, never half of one: the next try says which.
    for filling in filling {
        filling.finish()?;
    }
    Ok(manifest)
}

/// The settings' place for each database of the backup.
fn fitting<'m>(
    settings: &Settings,
    manifest: &'m Manifest,
) -> Result<Vec<(Source, &'m DatabaseCopy)>> {
    let places = place::sources(settings)?;
    manifest
        .databases
        .iter()
        .map(|copy| {
            let place = places.iter().find(|place| place.copy() == copy.file);
            let place = place.with_context(|| {
                format!(
                    "the backup holds {}, and the settings have no place for it: restore with the settings it was made with",
                    copy.file
                )
            })?;
            Ok((place.clone(), copy))
        })
        .collect()
}

/// The list of sums has the databases and attachments, and nothing else.
fn check_known(manifest: &Manifest, sums: &Sums) -> Result<()> {
    let databases: BTreeMap<&str, &str> = manifest
        .databases
        .iter()
        .map(|copy| (copy.file.as_str(), copy.sha256.as_str()))
        .collect();
    for (file, sha256) in &databases {
        ensure!(
            sums.of(file) == Some(sha256),
            "manifest and sums contradict each other about {file}"
        );
    }
    let others = sums
        .iter()
        .filter(|(copy, _)| !databases.contains_key(copy));
    let mut attachments = 0;
    for (copy, _) in others {
        ensure!(
            place::blob_id(copy).is_some(),
            "the sums name {copy:?}, which is nothing that a backup holds"
        );
        attachments += 1;
    }
    ensure!(
        attachments == manifest.attachments.count,
        "the manifest counts {} attachments, the sums {attachments}",
        manifest.attachments.count
    );
    Ok(())
}

fn check_files(dir: &Path, sums: &Sums, talk: Talk) -> Result<()> {
    let mut faults = Vec::new();
    for (at, (copy, sha256)) in sums.iter().enumerate() {
        let path = dir.join(copy);
        if !path.exists() {
            faults.push(format!("{copy} {}", talk.pick("fehlt", "is missing")));
        } else if files::sum(&path)?.sha256 != sha256 {
            let what = talk.pick(
                "wurde verändert oder ist beschädigt",
                "was changed or is damaged",
            );
            faults.push(format!("{copy} {what}"));
        }
        let word = talk.pick("Dateien geprüft", "files checked");
        talk.progress(&format!("{}/{} {word}", at + 1, sums.len()));
    }
    talk.progress_done();
    if faults.is_empty() {
        return Ok(());
    }
    for fault in &faults {
        talk.say(format_args!("  ✗ {fault}"));
    }
    bail!(
        "{} of {} files of the backup are not what they were; nothing was restored",
        faults.len(),
        sums.len()
    );
}

fn put_blobs(
    (settings, bucket): (&Settings, Option<&Bucket>),
    dir: &Path,
    sums: &Sums,
    talk: Talk,
) -> Result<()> {
    let Some(folder) = place::blobs(settings) else {
        return Ok(());
    };
    let shelf = match bucket {
        Some(_) => None,
        None => Some(open_folder(&folder)?),
    };
    let copies: Vec<(BlobId, &str, &str)> = sums
        .iter()
        .filter_map(|(copy, sum)| Some((place::blob_id(copy)?, copy, sum)))
        .collect();
    for (at, (id, copy, sha256)) in copies.iter().enumerate() {
        let copy = dir.join(copy);
        match (bucket, &shelf) {
            (Some(bucket), _) => put_into_bucket(bucket, id, &copy, sha256)?,
            (None, Some(shelf)) => put_blob((shelf, &folder), id, &copy, sha256)?,
            (None, None) => {}
        }
        let word = talk.pick("Anlagen zurückgelegt", "attachments restored");
        talk.progress(&format!("{}/{} {word}", at + 1, copies.len()));
    }
    talk.progress_done();
    Ok(())
}

fn put_blob(
    (shelf, folder): (&FolderBlobs, &Path),
    id: &BlobId,
    copy: &Path,
    sha256: &str,
) -> Result<()> {
    let context = || {
        format!("the attachment {id} cannot be restored: check the disk, and that there is room")
    };
    let place = FolderBlobs::file(folder, id).with_context(context)?;
    File::open(copy)
        .and_then(|file| shelf.admit(id, file))
        .with_context(context)?;
    ensure!(
        files::sum(&place)?.sha256 == *sha256,
        "the attachment {id} was not written as it should be: check the disk"
    );
    Ok(())
}

fn put_into_bucket(bucket: &Bucket, id: &BlobId, copy: &Path, sha256: &str) -> Result<()> {
    bucket
        .put(id, copy)
        .with_context(|| format!("the attachment {id} cannot be restored"))?;
    let kept = bucket.sum(id)?;
    ensure!(
        kept.is_some_and(|kept| kept.sha256 == sha256),
        "the attachment {id} was not kept as it should be: check the object store"
    );
    Ok(())
}

fn open_folder(folder: &Path) -> Result<FolderBlobs> {
    FolderBlobs::open(folder).context("the folder of attachments cannot be opened")
}

/// Attachments of others are nothing to restore into. `own`: the backup's own may be there, of a try that did not come to its end.
fn check_vacant(bucket: Option<&Bucket>, blobs: Option<&Path>, own: Option<&Sums>) -> Result<()> {
    let is_own = |name: &str| own.is_some_and(|sums| sums.has(&place::blob_copy(name)));
    if let Some(bucket) = bucket {
        ensure!(
            bucket.list()?.iter().all(|id| is_own(id.as_str())),
            "the bucket has attachments under this prefix already: restore into an empty one"
        );
        return Ok(());
    }
    let Some(folder) = blobs.filter(|folder| folder.exists()) else {
        return Ok(());
    };
    for shelf in crate::folder::folders(folder)? {
        let names = files::names(&shelf)?;
        if !names.iter().all(|name| is_own(name)) {
            return Err(OpenError::Occupied { path: shelf }.into());
        }
    }
    Ok(())
}

//! Blobs as files: written beside, then renamed into place.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use amtsbote_model::Timestamp;
use amtsbote_store::blob_sum::{BlobSum, Checked, has_sum, summed_id};
use amtsbote_store::blobs::PIECE_MAX_BYTES;
use amtsbote_store::{BlobId, BlobReader, BlobWriter, Blobs, Error, KeptBlob, Reply, Shelf};
use bytes::Bytes;
use uuid::Uuid;

use crate::OpenError;
use crate::folder::{self, Lock};

/// Blobs in a folder: `tmp/<id>` while they are written, `<first two digits of id>/<id>` once they are kept.
pub struct FolderBlobs {
    pub(crate) places: Arc<Places>,
    _lock: Lock,
}

pub(crate) struct Places {
    pub(crate) folder: PathBuf,
}

impl Places {
    pub(crate) fn being_written(&self, id: &BlobId) -> PathBuf {
        self.folder.join("tmp").join(id.as_str())
    }

    pub(crate) fn shelf(&self, id: &BlobId) -> Option<PathBuf> {
        id.as_str().get(..2).map(|name| self.folder.join(name))
    }

    /// `None` for a name that was not made here.
    pub(crate) fn kept(&self, id: &BlobId) -> Option<PathBuf> {
        is_ours(id.as_str()).then(|| self.shelf(id).map(|shelf| shelf.join(id.as_str())))?
    }
}

/// Names of today end in `-s`: their files have a sum at the end.
fn is_ours(name: &str) -> bool {
    let digits = name.strip_suffix("-s").unwrap_or(name);
    digits.len() == 32
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl FolderBlobs {
    /// Opens the folder; makes what is missing, deletes what a killed process left half written, and holds the file
    /// `lock` in it. Give it a folder of its own, on the file system of the database.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        folder::prepare(folder)?;
        let lock = folder::lock(&folder.join("lock"))?;
        lay_out(folder).map_err(|source| OpenError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            places: Arc::new(Places {
                folder: folder.to_owned(),
            }),
            _lock: lock,
        })
    }
}

fn lay_out(folder: &Path) -> io::Result<()> {
    let tmp = folder.join("tmp");
    make(&tmp)?;
    for entry in fs::read_dir(&tmp)? {
        fs::remove_file(entry?.path())?;
    }
    for number in 0..=u8::MAX {
        make(&folder.join(format!("{number:02x}")))?;
    }
    folder::sync(folder)
}

fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        answer => answer,
    }
}

fn listed(
    places: &Places,
    is_wanted: impl Fn(&Path) -> io::Result<bool>,
) -> io::Result<Vec<BlobId>> {
    let mut ids = Vec::new();
    for number in 0..=u8::MAX {
        for entry in fs::read_dir(places.folder.join(format!("{number:02x}")))? {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_str().filter(|name| is_ours(name));
            let Some(Ok(id)) = id.map(str::parse::<BlobId>) else {
                continue;
            };
            match is_wanted(&entry.path()) {
                Ok(true) => ids.push(id),
                Ok(false) => {}
                // Deleted since the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(ids)
}

/// Runs file work where it may block.
async fn blocking<S, T>(
    subject: &Arc<S>,
    work: impl FnOnce(&S) -> io::Result<T> + Send + 'static,
) -> Result<T, Error>
where
    S: Send + Sync + 'static,
    T: Send + 'static,
{
    let subject = Arc::clone(subject);
    let job = tokio::task::spawn_blocking(move || work(&subject));
    job.await
        .map_err(|_| stopped())?
        .map_err(|error| unavailable(&error))
}

fn stopped() -> Error {
    Error::Unavailable {
        reason: "the file worker has stopped".into(),
        retry_after: None,
    }
}

fn unavailable(error: &io::Error) -> Error {
    let passes = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    );
    Error::Unavailable {
        reason: format!("blob folder: {}", error.kind()),
        retry_after: passes.then_some(Duration::from_secs(10)),
    }
}

impl Blobs for FolderBlobs {
    fn begin(&self) -> Reply<'_, Result<Box<dyn BlobWriter>, Error>> {
        self.begin_as(summed_id(Uuid::new_v4().into_bytes()))
    }

    fn open<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<Option<Box<dyn BlobReader>>, Error>> {
        Box::pin(async move {
            let Some(path) = self.places.kept(id) else {
                return Ok(None);
            };
            let open = move |_: &Places| match File::open(path) {
                Ok(file) => Ok(Some((file.metadata()?.len(), file))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            };
            let found = blocking(&self.places, open).await?;
            Ok(found.map(|(size_bytes, file)| {
                let stored = Reader {
                    file: Arc::new(file),
                    size_bytes,
                    rest_bytes: size_bytes,
                };
                Checked::of(id, Box::new(stored))
            }))
        })
    }

    fn delete<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<(), Error>> {
        Box::pin(async move {
            let (Some(path), Some(shelf)) = (self.places.kept(id), self.places.shelf(id)) else {
                return Ok(());
            };
            let delete = move |_: &Places| match fs::remove_file(path) {
                Ok(()) => folder::sync(&shelf),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            };
            blocking(&self.places, delete).await
        })
    }

    fn list(&self) -> Reply<'_, Result<Vec<BlobId>, Error>> {
        Box::pin(blocking(&self.places, |places| {
            listed(places, |_| Ok(true))
        }))
    }
}

impl Shelf for FolderBlobs {
    fn kept_before(&self, moment: Timestamp) -> Reply<'_, Result<Vec<BlobId>, Error>> {
        let millis = u64::try_from(moment.as_millis()).unwrap_or(0);
        let limit = UNIX_EPOCH + Duration::from_millis(millis);
        Box::pin(blocking(&self.places, move |places| {
            let is_older = |path: &Path| Ok(fs::metadata(path)?.modified()? < limit);
            listed(places, is_older)
        }))
    }

    fn begin_as(&self, id: BlobId) -> Reply<'_, Result<Box<dyn BlobWriter>, Error>> {
        Box::pin(async move {
            let path = self
                .places
                .kept(&id)
                .map(|_| self.places.being_written(&id));
            let begun = blocking(&self.places, move |_| {
                let path = path.ok_or(io::ErrorKind::InvalidInput)?;
                let mut options = OpenOptions::new();
                let file = options
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&path)?;
                Ok(Draft { path, file })
            });
            let draft = begun.await?;
            Ok(Box::new(Writer {
                sum: BlobSum::begin(&id),
                id,
                draft: Some(draft),
                pending: Vec::new(),
                size_bytes: 0,
                places: Arc::clone(&self.places),
            }) as Box<dyn BlobWriter>)
        })
    }
}

/// A file that is deleted unless it is kept.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing at this path any more.
        drop(fs::remove_file(&self.path));
    }
}

impl Draft {
    fn keep(&self, shelf: &Path, place: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        amtsbote_names::fail_point!(BlobSynced);
        fs::rename(&self.path, place)?;
        amtsbote_names::fail_point!(BlobMoved);
        let synced = folder::sync(shelf);
        if synced.is_err() {
            // Visible, but perhaps not after a power cut: then rather not at all.
            drop(fs::remove_file(place));
        }
        synced
    }
}

struct Writer {
    id: BlobId,
    /// `None` while it is being written to, and for good after a failed write.
    draft: Option<Draft>,
    pending: Vec<u8>,
    sum: BlobSum,
    size_bytes: u64,
    places: Arc<Places>,
}

impl Writer {
    async fn flush(&mut self) -> Result<(), Error> {
        let mut draft = self.draft.take().ok_or_else(broken)?;
        let pending = std::mem::take(&mut self.pending);
        let write = move |_: &Places| {
            draft.file.write_all(&pending)?;
            Ok((draft, pending))
        };
        let (draft, mut pending) = blocking(&self.places, write).await?;
        pending.clear();
        self.pending = pending;
        self.draft = Some(draft);
        Ok(())
    }
}

fn broken() -> Error {
    Error::Unavailable {
        reason: "an earlier write to this blob failed".into(),
        retry_after: None,
    }
}

impl BlobWriter for Writer {
    fn write(&mut self, piece: Bytes) -> Reply<'_, Result<(), Error>> {
        Box::pin(async move {
            if self.draft.is_none() {
                return Err(broken());
            }
            for part in piece.chunks(PIECE_MAX_BYTES) {
                self.sum.push(part);
                self.pending.extend_from_slice(part);
                self.size_bytes += u64::try_from(part.len()).unwrap_or(0);
                if self.pending.len() >= PIECE_MAX_BYTES {
                    self.flush().await?;
                }
            }
            Ok(())
        })
    }

    fn keep(mut self: Box<Self>) -> Reply<'static, Result<KeptBlob, Error>> {
        Box::pin(async move {
            if has_sum(&self.id) {
                let sum = self.sum.clone().bytes();
                self.pending.extend_from_slice(&sum);
            }
            self.flush().await?;
            amtsbote_names::fail_point!(BlobWritten);
            let draft = self.draft.take().ok_or_else(broken)?;
            let places = (self.places.shelf(&self.id), self.places.kept(&self.id));
            let (Some(shelf), Some(place)) = places else {
                return Err(broken());
            };
            let keep = move |_: &Places| draft.keep(&shelf, &place);
            blocking(&self.places, keep).await?;
            Ok(KeptBlob {
                id: self.id.clone(),
                size_bytes: self.size_bytes,
            })
        })
    }
}

struct Reader {
    file: Arc<File>,
    size_bytes: u64,
    rest_bytes: u64,
}

impl BlobReader for Reader {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            if self.rest_bytes == 0 {
                return Ok(None);
            }
            let length = usize::try_from(self.rest_bytes).unwrap_or(PIECE_MAX_BYTES);
            let mut piece = vec![0; length.min(PIECE_MAX_BYTES)];
            let read = move |mut file: &File| match file.read_exact(&mut piece) {
                Ok(()) => Ok(Some(piece)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
                Err(error) => Err(error),
            };
            let piece = blocking(&self.file, read)
                .await?
                .ok_or_else(|| Error::Unreadable {
                    kind: "blob",
                    reason: "the file is shorter than it was".into(),
                })?;
            self.rest_bytes -= u64::try_from(piece.len()).unwrap_or(self.rest_bytes);
            Ok(Some(Bytes::from(piece)))
        })
    }
}

//! What was settled, where the procedure does not remember it: small files named by ids, without content.
//!
//! ```text
//!  <work_path>/refused/<id of the return>   not given again; whoever put it right deletes the file
//!  <work_path>/kept/<submission>            hash of the last answer that was kept
//! ```

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use amtsbote_adapter::Fault;
use amtsbote_problem::io::in_german;

const REFUSED: &str = "refused";
const KEPT: &str = "kept";

/// A folder of our own. One process at a time writes it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger(PathBuf);

impl Ledger {
    /// Makes the folder if it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        for name in [REFUSED, KEPT] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path.join(name))
                .map_err(|error| {
                    let kind = error.kind();
                    Fault::misconfigured(
                        format!(
                            "work_path: {}; den Ordner und die Rechte prüfen",
                            in_german(kind)
                        ),
                        format!("work_path: {kind}; check the folder and the rights"),
                    )
                })?;
        }
        Ok(Self(path.to_owned()))
    }

    /// Ids that were refused.
    pub(crate) async fn refused(&self) -> Result<BTreeSet<String>, Fault> {
        let folder = self.0.join(REFUSED);
        blocking(move || {
            let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
            let names: io::Result<Vec<_>> = names.collect();
            let text = |name: std::ffi::OsString| name.into_string().ok();
            Ok(names?.into_iter().filter_map(text).collect())
        })
        .await
    }

    pub(crate) async fn refuse(&self, id: &str) -> Result<(), Fault> {
        self.write(REFUSED, id, "").await
    }

    /// The hash of what was kept last.
    pub(crate) async fn kept(&self, id: &str) -> Result<Option<String>, Fault> {
        let file = self.0.join(KEPT).join(id);
        blocking(move || match fs::read_to_string(file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    pub(crate) async fn keep(&self, id: &str, hash: &str) -> Result<(), Fault> {
        self.write(KEPT, id, hash).await
    }

    async fn write(&self, tray: &'static str, id: &str, text: &str) -> Result<(), Fault> {
        let folder = self.0.join(tray);
        let (aside, place) = (self.0.join(format!("{id}.new")), folder.join(id));
        let text = text.to_owned();
        // Dying before the rename leaves what was there before, and the answer is given once more.
        blocking(move || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(&aside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            amtsbote_names::fail_point!(AnswerNoteWritten);
            fs::rename(&aside, place)?;
            amtsbote_names::fail_point!(AnswerNoted);
            File::open(folder)?.sync_all()
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            let kind = error.kind();
            Err(Fault::unavailable(
                format!("work_path: {}", in_german(kind)),
                format!("work_path: {kind}"),
            ))
        }
        Err(_) => Err(Fault::unavailable(
            "work_path: der Versuch kam nicht zu Ende",
            "work_path: it was not tried to the end",
        )),
    }
}

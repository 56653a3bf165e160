//! A file of the message box as a stream.

use std::path::PathBuf;
use std::sync::Arc;

use amtsbote_adapter::{AttachmentReader, AttachmentSource, Fault, Reply};
use amtsbote_problem::io::in_german;
use bytes::{Bytes, BytesMut};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

const PIECE_BYTES: usize = 64 * 1024;

struct BoxedFile {
    path: PathBuf,
    size: u64,
}

/// A source over a file on disk.
pub(crate) fn file_source(path: PathBuf, size: u64) -> Arc<dyn AttachmentSource> {
    Arc::new(BoxedFile { path, size })
}

impl AttachmentSource for BoxedFile {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn open(&self) -> Reply<'_, Result<Box<dyn AttachmentReader>, Fault>> {
        Box::pin(async move {
            let file = File::open(&self.path)
                .await
                .map_err(|error| unread(&error))?;
            let reader: Box<dyn AttachmentReader> = Box::new(Opened(file));
            Ok(reader)
        })
    }
}

struct Opened(File);

impl AttachmentReader for Opened {
    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Fault>> {
        Box::pin(async move {
            let mut piece = BytesMut::with_capacity(PIECE_BYTES);
            let read = self
                .0
                .read_buf(&mut piece)
                .await
                .map_err(|error| unread(&error))?;
            Ok((read > 0).then(|| piece.freeze()))
        })
    }
}

fn unread(error: &std::io::Error) -> Fault {
    let kind = error.kind();
    Fault::unavailable(
        format!(
            "eine Datei des Postfachs ist nicht lesbar: {}",
            in_german(kind)
        ),
        format!("a file of the message box cannot be read: {kind}"),
    )
}

//! The server's files. The only module that speaks SFTP; everything it returns is bounded.

use std::sync::Arc;

use amtsbote_adapter::ParcelFile;
use amtsbote_adapter::Step;
use amtsbote_adapter::placement::FileMode;
use bytes::Bytes;
use futures_util::future::try_join_all;
use russh_sftp::client::error::Error;
use russh_sftp::client::{Config, RawSftpSession};
use russh_sftp::protocol::{FileAttributes, OpenFlags, Packet, Status, StatusCode};

use crate::fault::{AtStep as _, Failure};
use crate::session::Session;
use crate::settings::Settings;
use crate::steps;

/// What every server takes in one write (the protocol's draft promises 32768 with its frame).
const WRITE_BYTES: usize = 32_000;
/// What every server gives in one read.
const READ_BYTES: u32 = 32_000;
/// Entries of one of our folders that are looked at.
const LISTED_MAX: usize = 20_000;
const FSYNC: &str = "fsync@openssh.com";
const POSIX_RENAME: &str = "posix-rename@openssh.com";
const TYPE_OF_FILE: u32 = 0o170_000;
const SET_GROUP_ID: u32 = 0o2000;

/// An open session with the server's files.
pub(crate) struct Remote {
    // Before the connection, so that it is closed first.
    sftp: RawSftpSession,
    session: Session,
    fsync: Offered,
    posix_rename: Offered,
}

/// Whether the server said it can do something beyond the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offered {
    Yes,
    No,
}

/// An entry of a folder.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// When it was changed, by the server's clock, in seconds.
    pub(crate) changed: u32,
    pub(crate) size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    File,
    Other,
}

impl Kind {
    /// By the whole type: its single bits, which the library looks at, are shared between types.
    fn of(attrs: &FileAttributes) -> Self {
        match attrs.permissions.unwrap_or_default() & TYPE_OF_FILE {
            0o040_000 => Self::Folder,
            0o100_000 => Self::File,
            _ => Self::Other,
        }
    }
}

impl Remote {
    pub(crate) async fn connect(settings: &Arc<Settings>) -> Result<Self, Failure> {
        let session = Session::connect(settings).await?;
        let channel = session.sftp_channel().await?;
        let sftp = RawSftpSession::new_with_config(
            channel.into_stream(),
            Config {
                request_timeout_secs: 60,
                ..Config::default()
            },
        );
        let version = sftp.init().await.at(steps::BEGIN)?;
        let offered = |extension| {
            if version.extensions.contains_key(extension) {
                Offered::Yes
            } else {
                Offered::No
            }
        };
        let (fsync, posix_rename) = (offered(FSYNC), offered(POSIX_RENAME));
        Ok(Self {
            sftp,
            session,
            fsync,
            posix_rename,
        })
    }

    pub(crate) async fn close(self) {
        drop(self.sftp);
        self.session.close().await;
    }

    pub(crate) async fn is_there(&self, path: &str, step: Step) -> Result<bool, Failure> {
        match self.sftp.lstat(path).await.at(step) {
            Ok(_) => Ok(true),
            Err(failure) if failure.is_not_there() => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Whether `path` is a folder, or leads to one.
    pub(crate) async fn is_folder(&self, path: &str, step: Step) -> Result<bool, Failure> {
        Ok(self.sftp.stat(path).await.at(step)?.attrs.is_dir())
    }

    /// When `path` was changed, by the server's clock, in seconds; 0 if the server does not tell.
    pub(crate) async fn changed(&self, path: &str, step: Step) -> Result<u32, Failure> {
        let attrs = self.sftp.lstat(path).await.at(step)?.attrs;
        Ok(attrs.mtime.unwrap_or_default())
    }

    /// Makes a new folder; an error if the name is taken.
    pub(crate) async fn make_folder(
        &self,
        path: &str,
        mode: FileMode,
        step: Step,
    ) -> Result<(), Failure> {
        let plain = FileAttributes::default();
        self.sftp.mkdir(path, plain).await.at(step)?;
        if let FileMode::Bits(bits) = mode {
            // Keep what the parent hands down: with set-group-ID the procedure's group stays the owner.
            let made = self.sftp.lstat(path).await.at(step)?.attrs;
            let handed_down = made.permissions.unwrap_or_default() & SET_GROUP_ID;
            let rights = rights(bits | handed_down);
            self.sftp.setstat(path, rights).await.at(step)?;
        }
        Ok(())
    }

    /// A new file with the bytes of `content`, as durable as the server can make it.
    pub(crate) async fn write(
        &self,
        path: &str,
        mode: FileMode,
        content: Option<&ParcelFile>,
    ) -> Result<(), Failure> {
        const STEP: Step = steps::WRITE_PARCEL;
        let handle = self.create(path, mode, STEP).await?;
        let mut offset = 0;
        if let Some(content) = content {
            let mut reader = content.read();
            while let Some(bytes) = reader.next().await? {
                self.write_at(&handle, offset, &bytes, STEP).await?;
                offset += bytes.len() as u64;
            }
        }
        self.finish(handle, steps::SYNC_PARCEL).await
    }

    /// A new small file of ours.
    pub(crate) async fn write_note(
        &self,
        path: &str,
        text: &str,
        step: Step,
    ) -> Result<(), Failure> {
        let handle = self.create(path, FileMode::Bits(0o600), step).await?;
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.write_at(&handle, 0, &bytes, step).await?;
        self.finish(handle, step).await
    }

    async fn create(&self, path: &str, mode: FileMode, step: Step) -> Result<String, Failure> {
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUDE;
        let rights_now = match mode {
            FileMode::Bits(bits) => rights(bits),
            FileMode::Inherit => FileAttributes::default(),
        };
        let opened = self.sftp.open(path, flags, rights_now).await.at(step)?;
        if let FileMode::Bits(bits) = mode {
            // Again, because the rights at opening went through the server's umask.
            let set = self.sftp.fsetstat(&*opened.handle, rights(bits)).await;
            set.at(step)?;
        }
        Ok(opened.handle)
    }

    // At most one piece of a source (256 KiB) is under way at once.
    async fn write_at(
        &self,
        handle: &str,
        offset: u64,
        bytes: &Bytes,
        step: Step,
    ) -> Result<(), Failure> {
        let mut at = offset;
        let writes = bytes.chunks(WRITE_BYTES).map(|part| {
            let begin = at;
            at += part.len() as u64;
            self.sftp.write(handle, begin, part.to_vec())
        });
        try_join_all(writes).await.at(step).map(drop)
    }

    async fn finish(&self, handle: String, step: Step) -> Result<(), Failure> {
        if self.fsync == Offered::Yes {
            self.sftp.fsync(&*handle).await.at(step)?;
        }
        // The answer counts: some servers write, or run out of space, only now.
        self.sftp.close(handle).await.at(step).map(drop)
    }

    /// The beginning of a small file, or `None` if there is none.
    pub(crate) async fn read_note(
        &self,
        path: &str,
        max_bytes: u32,
        step: Step,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let plain = FileAttributes::default();
        let opened = match self.sftp.open(path, OpenFlags::READ, plain).await.at(step) {
            Err(failure) if failure.is_not_there() => return Ok(None),
            opened => opened?.handle,
        };
        let read = self.sftp.read(&*opened, 0, max_bytes).await;
        let bytes = match read {
            Ok(read) => read.data,
            Err(Error::Status(Status {
                status_code: StatusCode::Eof,
                ..
            })) => Vec::new(),
            Err(error) => return Err(error).at(step),
        };
        self.sftp.close(opened).await.at(step)?;
        Ok(Some(bytes))
    }

    /// Opens a file to read it piece by piece.
    pub(crate) async fn open(&self, path: &str, step: Step) -> Result<String, Failure> {
        let plain = FileAttributes::default();
        let opened = self
            .sftp
            .open(path, OpenFlags::READ, plain)
            .await
            .at(step)?;
        Ok(opened.handle)
    }

    /// What stands there, at most [`READ_BYTES`]; none at the end, and then the handle is closed.
    pub(crate) async fn read_at(
        &self,
        handle: &str,
        offset: u64,
        step: Step,
    ) -> Result<Option<Vec<u8>>, Failure> {
        match self.sftp.read(handle, offset, READ_BYTES).await {
            Ok(read) if !read.data.is_empty() => Ok(Some(read.data)),
            Ok(_)
            | Err(Error::Status(Status {
                status_code: StatusCode::Eof,
                ..
            })) => {
                self.sftp.close(handle).await.at(step)?;
                Ok(None)
            }
            Err(error) => Err(error).at(step),
        }
    }

    /// Renames at one stroke. Whether a file of that name is replaced is the server's choice: look first.
    pub(crate) async fn rename(&self, old: &str, new: &str, step: Step) -> Result<(), Failure> {
        if self.posix_rename == Offered::No {
            return self.rename_new(old, new, step).await;
        }
        let mut body = Vec::new();
        for text in [old, new] {
            let length = u32::try_from(text.len()).unwrap_or_default();
            body.extend_from_slice(&length.to_be_bytes());
            body.extend_from_slice(text.as_bytes());
        }
        let answer = self.sftp.extended(POSIX_RENAME, body).await.at(step)?;
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "a foreign enum; the protocol has one answer to this request"
        )]
        match answer {
            Packet::Status(status) if status.status_code == StatusCode::Ok => Ok(()),
            Packet::Status(status) => Err(Failure::Status {
                step,
                status: status.status_code,
            }),
            _ => Err(Failure::Connection {
                step,
                what: (
                    "der Server hält sich nicht an das Protokoll",
                    "the server does not keep to the protocol",
                ),
            }),
        }
    }

    /// Renames if the new name is free, else is refused: the protocol's own rename.
    pub(crate) async fn rename_new(&self, old: &str, new: &str, step: Step) -> Result<(), Failure> {
        self.sftp.rename(old, new).await.at(step).map(drop)
    }

    /// The entries of a folder of ours, without `.` and `..`, sorted by name.
    pub(crate) async fn list(&self, path: &str, step: Step) -> Result<Vec<Entry>, Failure> {
        let handle = self.sftp.opendir(path).await.at(step)?.handle;
        let mut entries = Vec::new();
        while entries.len() < LISTED_MAX {
            let some = match self.sftp.readdir(&*handle).await {
                Err(Error::Status(Status {
                    status_code: StatusCode::Eof,
                    ..
                })) => break,
                some => some.at(step)?,
            };
            entries.extend(some.files.into_iter().map(|file| Entry {
                kind: Kind::of(&file.attrs),
                changed: file.attrs.mtime.unwrap_or_default(),
                size: file.attrs.size.unwrap_or_default(),
                name: file.filename,
            }));
        }
        self.sftp.close(handle).await.at(step)?;
        // What a server may not call a name would lead elsewhere.
        entries
            .retain(|entry| !matches!(&*entry.name, "" | "." | "..") && !entry.name.contains('/'));
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    pub(crate) async fn remove_file(&self, path: &str, step: Step) -> Result<(), Failure> {
        gone(self.sftp.remove(path).await.at(step).map(drop))
    }

    pub(crate) async fn remove_folder(&self, path: &str, step: Step) -> Result<(), Failure> {
        gone(self.sftp.rmdir(path).await.at(step).map(drop))
    }

    /// Removes a folder of ours with all in it; at most `depth` levels, which is all a parcel can have.
    pub(crate) async fn remove_tree(
        &self,
        path: &str,
        depth: usize,
        step: Step,
    ) -> Result<(), Failure> {
        let entries = match self.list(path, step).await {
            Err(failure) if failure.is_not_there() => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let below = join(path, &entry.name);
            match (entry.kind, depth.checked_sub(1)) {
                (Kind::Folder, Some(depth)) => {
                    Box::pin(self.remove_tree(&below, depth, step)).await?;
                }
                (Kind::Folder, None) => {}
                (Kind::File | Kind::Other, _) => self.remove_file(&below, step).await?,
            }
        }
        self.remove_folder(path, step).await
    }
}

fn gone(outcome: Result<(), Failure>) -> Result<(), Failure> {
    match outcome {
        Err(failure) if failure.is_not_there() => Ok(()),
        outcome => outcome,
    }
}

fn rights(bits: u32) -> FileAttributes {
    FileAttributes {
        permissions: Some(bits),
        ..FileAttributes::default()
    }
}

/// A path below a folder.
pub(crate) fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

//! An open folder. Everything below it is reached through its descriptor, never through a symlink.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use amtsbote_adapter::placement::FileMode;
use rustix::fs::{self, Access, AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

// Trees of parcels are at most 8 deep (`ParcelPath`); what is deeper is none of ours.
const DEPTH_MAX: usize = 10;

/// An open folder.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// A symlink, a socket …
    Other,
}

/// What is told of a name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    pub(crate) inode: u64,
    pub(crate) size: u64,
    /// Nanoseconds since 1970.
    pub(crate) changed_ns: i128,
}

/// Whether a lock was got.
pub(crate) enum Lock {
    Held(File),
    Elsewhere,
}

impl Dir {
    /// The folder an administrator named; a symlink is followed here and nowhere else.
    pub(crate) fn named(path: &Path) -> io::Result<Self> {
        Ok(Self(fs::open(path, FOLDER, Mode::empty())?))
    }

    /// A folder in this one.
    pub(crate) fn dir(&self, name: &str) -> io::Result<Self> {
        Ok(Self(fs::openat(
            &self.0,
            name,
            FOLDER | OFlags::NOFOLLOW,
            Mode::empty(),
        )?))
    }

    /// As [`Self::made`]; its name is durable if it was made.
    pub(crate) fn made_durable(&self, name: &str, mode: FileMode) -> io::Result<Self> {
        let was_there = self.has(name)?;
        let dir = self.made(name, mode)?;
        if !was_there {
            self.sync()?;
        }
        Ok(dir)
    }

    /// A folder in this one, made if it is not there.
    pub(crate) fn made(&self, name: &str, mode: FileMode) -> io::Result<Self> {
        let made = match fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        let dir = self.dir(name)?;
        if let (true, FileMode::Bits(bits)) = (made, mode) {
            // Keep what the parent hands down: with set-group-ID the procedure's group stays the owner.
            let handed_down = Mode::from_raw_mode(fs::fstat(&dir.0)?.st_mode) & Mode::SGID;
            fs::fchmod(&dir.0, Mode::from_raw_mode(bits) | handed_down)?;
        }
        Ok(dir)
    }

    /// A new file; an error if the name is taken.
    pub(crate) fn new_file(&self, name: &str, mode: FileMode) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o666))?;
        if let FileMode::Bits(bits) = mode {
            fs::fchmod(&fd, Mode::from_raw_mode(bits))?;
        }
        Ok(File::from(fd))
    }

    /// The content of a small file of ours.
    pub(crate) fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(fs::openat(&self.0, name, flags, Mode::empty())?))
    }

    pub(crate) fn has(&self, name: &str) -> io::Result<bool> {
        match fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What is told of the name; none if there is none.
    pub(crate) fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
        let stat = match fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            outcome => outcome?,
        };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Kind::Other,
        };
        Ok(Some(Stat {
            kind,
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            changed_ns: i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
        }))
    }

    /// Renames without replacing. File systems that can't promise that (some network mounts) are asked first.
    pub(crate) fn rename(&self, name: &str, to: &Self, new: &str) -> io::Result<()> {
        match fs::renameat_with(&self.0, name, &to.0, new, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if !to.has(new)? => {
                Ok(fs::renameat(&self.0, name, &to.0, new)?)
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Err(Errno::EXIST.into()),
            outcome => Ok(outcome?),
        }
    }

    /// Makes the entries of this folder durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match fs::fsync(&self.0) {
            // Some network mounts have no fsync of folders: their server decides.
            Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    /// Names in this folder, sorted.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    pub(crate) fn remove_file(&self, name: &str) -> io::Result<()> {
        gone(fs::unlinkat(&self.0, name, AtFlags::empty()))
    }

    pub(crate) fn remove_dir(&self, name: &str) -> io::Result<()> {
        gone(fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR))
    }

    /// Removes a folder of ours with all in it.
    pub(crate) fn remove_tree(&self, name: &str) -> io::Result<()> {
        self.remove_below(name, DEPTH_MAX)
    }

    fn remove_below(&self, name: &str, depth: usize) -> io::Result<()> {
        if depth == 0 {
            return Err(io::Error::from(io::ErrorKind::DirectoryNotEmpty));
        }
        let dir = match self.dir(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        for entry in fs::Dir::read_from(&dir.0)? {
            let entry = entry?;
            let below: CString = entry.file_name().to_owned();
            if matches!(below.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = fs::statat(&dir.0, &below, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                dir.remove_below(&below.to_string_lossy(), depth - 1)?;
            } else {
                gone(fs::unlinkat(&dir.0, &below, AtFlags::empty()))?;
            }
        }
        self.remove_dir(name)
    }

    /// Locks the file `name` for as long as what comes back lives; a dead process holds no lock.
    pub(crate) fn lock(&self, name: &str) -> io::Result<Lock> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let fd = fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o600))?;
            match fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => return Ok(Lock::Elsewhere),
                outcome => outcome?,
            }
            // Its holder removed the file between our open and our lock: that lock guards nothing.
            if fs::fstat(&fd)?.st_nlink > 0 {
                return Ok(Lock::Held(File::from(fd)));
            }
        }
    }

    pub(crate) fn may_write(&self) -> io::Result<()> {
        Ok(fs::accessat(
            &self.0,
            ".",
            Access::WRITE_OK | Access::EXEC_OK,
            AtFlags::empty(),
        )?)
    }

    pub(crate) fn same_file_system(&self, other: &Self) -> io::Result<bool> {
        Ok(fs::fstat(&self.0)?.st_dev == fs::fstat(&other.0)?.st_dev)
    }
}

fn gone(outcome: rustix::io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(Errno::NOENT) => Ok(()),
        outcome => Ok(outcome?),
    }
}

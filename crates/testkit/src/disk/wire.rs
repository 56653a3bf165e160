//! The kernel's FUSE messages (`include/uapi/linux/fuse.h`, protocol 7.31): fields by their place, in the machine's byte order.

use std::time::Duration;

use super::node::{Ino, Node};

pub(super) const HEADER_IN_BYTES: usize = 40;
pub(super) const WRITE_MAX_BYTES: u32 = 1 << 20;
const WRITE_MAX_PAGES: u16 = 256;
const MAJOR: u32 = 7;
const MINOR: u32 = 31;
/// `FUSE_BIG_WRITES`, `FUSE_MAX_PAGES`.
const FLAGS: u32 = (1 << 5) | (1 << 22);
/// How long the kernel may keep what it was told: nobody else changes it.
const VALID_S: u64 = 3600;
const BLOCK_BYTES: u64 = 4096;

/// What the kernel asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Lookup,
    Forget,
    BatchForget,
    GetAttr,
    SetAttr,
    MkNod,
    MkDir,
    Unlink,
    RmDir,
    Rename,
    Rename2,
    Link,
    Open,
    Read,
    Write,
    StatFs,
    Release,
    Fsync,
    Flush,
    Init,
    OpenDir,
    ReadDir,
    ReleaseDir,
    FsyncDir,
    Create,
    Interrupt,
    Destroy,
    Other,
}

impl Call {
    fn of(number: u32) -> Self {
        match number {
            1 => Self::Lookup,
            2 => Self::Forget,
            3 => Self::GetAttr,
            4 => Self::SetAttr,
            8 => Self::MkNod,
            9 => Self::MkDir,
            10 => Self::Unlink,
            11 => Self::RmDir,
            12 => Self::Rename,
            13 => Self::Link,
            14 => Self::Open,
            15 => Self::Read,
            16 => Self::Write,
            17 => Self::StatFs,
            18 => Self::Release,
            20 => Self::Fsync,
            25 => Self::Flush,
            26 => Self::Init,
            27 => Self::OpenDir,
            28 => Self::ReadDir,
            29 => Self::ReleaseDir,
            30 => Self::FsyncDir,
            35 => Self::Create,
            36 => Self::Interrupt,
            38 => Self::Destroy,
            42 => Self::BatchForget,
            45 => Self::Rename2,
            _ => Self::Other,
        }
    }
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallKind {
    Look,
    /// It changes something, or makes it durable.
    Change,
    /// Nobody waits for an answer.
    Silent,
}

impl Call {
    pub(super) fn kind(self) -> CallKind {
        match self {
            Self::Forget | Self::BatchForget | Self::Interrupt => CallKind::Silent,
            Self::SetAttr
            | Self::MkNod
            | Self::MkDir
            | Self::Unlink
            | Self::RmDir
            | Self::Rename
            | Self::Rename2
            | Self::Link
            | Self::Write
            | Self::Fsync
            | Self::FsyncDir
            | Self::Create => CallKind::Change,
            Self::Lookup
            | Self::GetAttr
            | Self::Open
            | Self::Read
            | Self::StatFs
            | Self::Release
            | Self::Flush
            | Self::Init
            | Self::OpenDir
            | Self::ReadDir
            | Self::ReleaseDir
            | Self::Destroy
            | Self::Other => CallKind::Look,
        }
    }
}

/// One message from the kernel.
pub(super) struct Request<'a> {
    pub(super) call: Call,
    pub(super) unique: u64,
    pub(super) ino: Ino,
    pub(super) owner: (u32, u32),
    pub(super) body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let body = message.get(HEADER_IN_BYTES..)?;
        Some(Self {
            call: Call::of(number(message, 4)),
            unique: long(message, 8),
            ino: long(message, 16),
            owner: (number(message, 24), number(message, 28)),
            body,
        })
    }

    pub(super) fn number(&self, at: usize) -> u32 {
        number(self.body, at)
    }

    pub(super) fn long(&self, at: usize) -> u64 {
        long(self.body, at)
    }

    /// The names from a place on, each ended by a zero.
    pub(super) fn names(&self, at: usize) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let rest = self.body.get(at..).unwrap_or_default();
        rest.split(|byte| *byte == 0)
    }

    pub(super) fn name(&self, at: usize) -> &'a [u8] {
        self.names(at).next().unwrap_or_default()
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map_or(0, u32::from_ne_bytes)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    let eight = bytes
        .get(at..at + 8)
        .and_then(|eight| eight.try_into().ok());
    eight.map_or(0, u64::from_ne_bytes)
}

/// A message to the kernel.
#[derive(Default)]
pub(super) struct Body(pub(super) Vec<u8>);

impl Body {
    pub(super) fn number(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    pub(super) fn long(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    fn short(mut self, value: u16) -> Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    /// `fuse_entry_out`.
    pub(super) fn entry(self, ino: Ino, node: &Node) -> Self {
        let body = self.long(ino).long(0).long(VALID_S).long(VALID_S);
        body.number(0).number(0).attributes(ino, node)
    }

    /// `fuse_attr_out`.
    pub(super) fn answered_attributes(self, ino: Ino, node: &Node) -> Self {
        self.long(VALID_S).number(0).number(0).attributes(ino, node)
    }

    fn attributes(self, ino: Ino, node: &Node) -> Self {
        let (size, changed) = (node.size(), node.changed);
        let body = self.long(ino).long(size).long(size.div_ceil(512));
        let seconds = changed.as_secs();
        let body = body.long(seconds).long(seconds).long(seconds);
        let nanos = changed.subsec_nanos();
        let body = body.number(nanos).number(nanos).number(nanos);
        let body = body.number(node.type_and_mode()).number(node.links);
        let body = body.number(node.uid).number(node.gid).number(0);
        body.number(4096).number(0)
    }

    /// `fuse_open_out`.
    pub(super) fn opened(self, handle: u64) -> Self {
        self.long(handle).number(0).number(0)
    }

    /// `fuse_init_out`.
    pub(super) fn init(self, readahead: u32) -> Self {
        let body = self.number(MAJOR).number(MINOR).number(readahead);
        let body = body.number(FLAGS).short(64).short(48);
        let body = body.number(WRITE_MAX_BYTES).number(1);
        let body = body.short(WRITE_MAX_PAGES).short(0);
        (0..8).fold(body, |body, _| body.number(0))
    }

    /// `fuse_kstatfs`.
    pub(super) fn room(self, free_bytes: u64) -> Self {
        let blocks = free_bytes / BLOCK_BYTES;
        let body = self.long(blocks).long(blocks).long(blocks);
        let body = body.long(1 << 20).long(1 << 20);
        let body = body.number(4096).number(255).number(4096).number(0);
        (0..6).fold(body, |body, _| body.number(0))
    }

    /// `fuse_dirent`; how long it is in all is a multiple of eight.
    pub(super) fn listed(self, ino: Ino, next: u64, kind: u32, name: &[u8]) -> Self {
        let length = u32::try_from(name.len()).unwrap_or(0);
        let mut body = self.long(ino).long(next).number(length).number(kind);
        body.0.extend_from_slice(name);
        body.0.resize(body.0.len().next_multiple_of(8), 0);
        body
    }
}

/// What a `setattr` changes.
pub(super) struct SetAttr {
    pub(super) size: Option<u64>,
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) changed: Option<Duration>,
}

impl SetAttr {
    pub(super) fn of(request: &Request<'_>, now: Duration) -> Self {
        let valid = request.number(0);
        let is_set = |bit: u32| valid & bit != 0;
        let given = Duration::new(request.long(40), request.number(60));
        Self {
            mode: is_set(1).then(|| request.number(68)),
            uid: is_set(2).then(|| request.number(76)),
            gid: is_set(4).then(|| request.number(80)),
            size: is_set(8).then(|| request.long(16)),
            changed: is_set(32).then(|| if is_set(256) { now } else { given }),
        }
    }
}

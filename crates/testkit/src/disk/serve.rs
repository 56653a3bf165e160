//! Answers what the kernel asks.

use std::collections::BTreeMap;

use rustix::io::Errno;

use super::node::{File, Ino, Kind, Name, Node, now};
use super::platter::{Answer, Platter};
use super::wire::{Body, Call, CallKind, Request, SetAttr};

const RENAME_NOREPLACE: u32 = 1;
/// More than any test writes.
const FREE_BYTES: u64 = 1 << 40;

/// What is answered.
pub(super) enum Reply {
    Done(Body),
    Failed(Errno),
    /// The kernel waits for none.
    Nothing,
    /// It was not done: the power went.
    PowerOff,
}

/// A mounted platter, and the listings that are being read.
#[derive(Default)]
pub(super) struct Mounted {
    pub(super) platter: Platter,
    /// So many changes until the power goes.
    pub(super) changes_left: Option<u64>,
    listings: BTreeMap<u64, Vec<(Name, Ino, u32)>>,
    handles: u64,
}

impl Mounted {
    pub(super) fn new(platter: Platter) -> Self {
        Self {
            platter,
            ..Self::default()
        }
    }

    pub(super) fn answer(&mut self, request: &Request<'_>) -> Reply {
        match request.call.kind() {
            CallKind::Silent => {
                self.forget(request);
                return Reply::Nothing;
            }
            CallKind::Change => match &mut self.changes_left {
                Some(0) => return Reply::PowerOff,
                Some(left) => *left -= 1,
                None => {}
            },
            CallKind::Look => {}
        }
        match self.body(request) {
            Ok(body) => Reply::Done(body),
            Err(errno) => Reply::Failed(errno),
        }
    }

    fn forget(&mut self, request: &Request<'_>) {
        if request.call == Call::Forget {
            self.platter.forget(request.ino, request.long(0));
        }
        if request.call == Call::BatchForget {
            let count = usize::try_from(request.number(0)).unwrap_or(0);
            for at in (0..count).map(|one| 8 + one * 16) {
                self.platter.forget(request.long(at), request.long(at + 8));
            }
        }
    }

    fn body(&mut self, request: &Request<'_>) -> Answer<Body> {
        let (ino, body) = (request.ino, Body::default());
        match request.call {
            Call::Init => Ok(body.init(request.number(8))),
            Call::Lookup => {
                let found = self.platter.find(ino, request.name(0))?;
                self.entry(found)
            }
            Call::GetAttr => Ok(body.answered_attributes(ino, self.platter.node(ino)?)),
            Call::SetAttr => self.set_attributes(request),
            Call::MkNod => self.make(
                request,
                (request.number(0), 16),
                Kind::File(File::default()),
            ),
            Call::MkDir => self.make(
                request,
                (request.number(0), 8),
                Kind::Folder(BTreeMap::new()),
            ),
            Call::Create => {
                let file = Kind::File(File::default());
                let made = self.make(request, (request.number(4), 16), file)?;
                Ok(made.opened(0))
            }
            Call::Link => {
                let linked = request.long(0);
                self.platter.link(linked, ino, request.name(8))?;
                self.entry(linked)
            }
            Call::Unlink => self.platter.unlink(ino, request.name(0)).map(|()| body),
            Call::RmDir => {
                let removed = self.platter.remove_folder(ino, request.name(0));
                removed.map(|()| body)
            }
            Call::Rename => self.rename(request, 8, 0).map(|()| body),
            Call::Rename2 => self.rename(request, 16, request.number(8)).map(|()| body),
            Call::Open => self.platter.node(ino).map(|_| body.opened(0)),
            Call::Read => {
                let (at, length) = (place(request.long(8))?, place(request.number(16).into())?);
                Ok(Body(self.platter.read(ino, at, length)?.to_vec()))
            }
            Call::Write => {
                let bytes = request.body.get(40..).unwrap_or_default();
                self.platter.write(ino, place(request.long(8))?, bytes)?;
                Ok(body.number(request.number(16)).number(0))
            }
            Call::Fsync => self.platter.sync_file(ino).map(|()| body),
            Call::FsyncDir => self.platter.sync_folder(ino).map(|()| body),
            Call::OpenDir => self.open_folder(ino),
            Call::ReadDir => self.listed(request),
            Call::ReleaseDir => {
                self.listings.remove(&request.long(0));
                Ok(body)
            }
            Call::StatFs => Ok(body.room(FREE_BYTES)),
            Call::Release | Call::Flush | Call::Destroy => Ok(body),
            Call::Forget | Call::BatchForget | Call::Interrupt | Call::Other => Err(Errno::NOSYS),
        }
    }

    /// Tells of a node; the kernel knows it from now on.
    fn entry(&mut self, ino: Ino) -> Answer<Body> {
        let node = self.platter.node_mut(ino)?;
        node.lookups += 1;
        Ok(Body::default().entry(ino, node))
    }

    fn make(
        &mut self,
        request: &Request<'_>,
        (mode, name_at): (u32, usize),
        kind: Kind,
    ) -> Answer<Body> {
        let node = Node::new(kind, mode, request.owner);
        let made = self
            .platter
            .make(request.ino, request.name(name_at), node)?;
        self.entry(made)
    }

    fn set_attributes(&mut self, request: &Request<'_>) -> Answer<Body> {
        let (ino, wanted) = (request.ino, SetAttr::of(request, now()));
        if let Some(size) = wanted.size {
            self.platter.truncate(ino, place(size)?)?;
        }
        let node = self.platter.node_mut(ino)?;
        if let Some(mode) = wanted.mode {
            node.mode = mode & 0o7777;
        }
        node.uid = wanted.uid.unwrap_or(node.uid);
        node.gid = wanted.gid.unwrap_or(node.gid);
        node.changed = wanted.changed.unwrap_or(node.changed);
        Ok(Body::default().answered_attributes(ino, node))
    }

    fn rename(&mut self, request: &Request<'_>, names_at: usize, flags: u32) -> Answer<()> {
        if flags & !RENAME_NOREPLACE != 0 {
            return Err(Errno::INVAL);
        }
        let mut names = request.names(names_at);
        let (old, new) = (names.next(), names.next());
        let (Some(old), Some(new)) = (old, new) else {
            return Err(Errno::INVAL);
        };
        let to = (request.long(0), new);
        let replaces = flags & RENAME_NOREPLACE == 0;
        if replaces {
            self.platter.rename((request.ino, old), to)
        } else {
            self.platter.rename_aside((request.ino, old), to)
        }
    }

    /// A listing is made when it is opened, so that it does not change while it is read.
    fn open_folder(&mut self, ino: Ino) -> Answer<Body> {
        let entries = self.platter.entries(ino)?.iter();
        let listed = entries.filter_map(|(name, ino)| {
            let node = self.platter.node(*ino).ok()?;
            Some((name.clone(), *ino, node.type_and_mode() >> 12))
        });
        let listed = listed.collect();
        self.handles += 1;
        self.listings.insert(self.handles, listed);
        Ok(Body::default().opened(self.handles))
    }

    fn listed(&self, request: &Request<'_>) -> Answer<Body> {
        let listing = self.listings.get(&request.long(0)).ok_or(Errno::BADF)?;
        let (from, room) = (place(request.long(8))?, place(request.number(16).into())?);
        let mut body = Body::default();
        for (at, (name, ino, kind)) in listing.iter().enumerate().skip(from) {
            let before = body.0.len();
            body = body.listed(*ino, at as u64 + 1, *kind, name);
            if body.0.len() > room {
                body.0.truncate(before);
                break;
            }
        }
        Ok(body)
    }
}

fn place(value: u64) -> Answer<usize> {
    usize::try_from(value).map_err(|_| Errno::INVAL)
}

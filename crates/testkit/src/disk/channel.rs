//! Mounting, and the thread that answers.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::platter::Platter;
use super::serve::{Mounted, Reply};
use super::wire::{HEADER_IN_BYTES, Request, WRITE_MAX_BYTES};

const DEVICE: &str = "/dev/fuse";

/// Why there can be no such disk here.
#[derive(Debug)]
pub struct Unusable(String);

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

/// A mounted disk. Dropping it takes it away, whatever still uses it.
pub struct Disk {
    path: PathBuf,
    shared: Arc<Mutex<Power>>,
    thread: Option<JoinHandle<()>>,
}

enum Power {
    On(Mounted),
    /// Nothing is answered any more; what was on it, until somebody takes it.
    Off(Option<Platter>),
}

impl Power {
    fn turn_off(&mut self) {
        if let Self::On(mounted) = self {
            *self = Self::Off(Some(std::mem::take(&mut mounted.platter)));
        }
    }
}

impl Disk {
    /// Mounts it at an empty folder.
    pub fn mount(path: &Path, platter: Platter) -> Result<Self, Unusable> {
        let device = OpenOptions::new().read(true).write(true).open(DEVICE);
        let device = device.map_err(|error| Unusable(format!("{DEVICE}: {error}")))?;
        let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
        let options = format!(
            "fd={},rootmode=40000,user_id={},group_id={},max_read={WRITE_MAX_BYTES}",
            device.as_raw_fd(),
            uid.as_raw(),
            gid.as_raw()
        );
        let options = CString::new(options).map_err(|error| Unusable(error.to_string()))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount(
            "amtsbote-testkit",
            path,
            "fuse.testkit",
            flags,
            options.as_c_str(),
        )
        .map_err(|errno| Unusable(format!("mounting by FUSE: {errno}")))?;
        let shared = Arc::new(Mutex::new(Power::On(Mounted::new(platter))));
        let answering = Arc::clone(&shared);
        let thread = std::thread::spawn(move || answer(device, &answering));
        Ok(Self {
            path: path.to_owned(),
            shared,
            thread: Some(thread),
        })
    }

    /// Looks at what is on it, or changes how it behaves. Nothing if its power is off.
    pub fn with<T>(&self, look: impl FnOnce(&mut Platter) -> T) -> Option<T> {
        match &mut *locked(&self.shared) {
            Power::On(mounted) => Some(look(&mut mounted.platter)),
            Power::Off(_) => None,
        }
    }

    /// The power goes by itself instead of the call that changes or syncs something after so many others.
    pub fn power_off_after(&self, changes: u64) {
        if let Power::On(mounted) = &mut *locked(&self.shared) {
            mounted.changes_left = Some(changes);
        }
    }

    /// Whether the power went.
    pub fn is_off(&self) -> bool {
        matches!(&*locked(&self.shared), Power::Off(_))
    }

    /// The power goes, in the middle of whatever is going on: from here on no call comes back. The processes have to be killed and the
    /// disk dropped; then they end. Gives what was on it, the first time.
    #[must_use = "this is what the next disk begins with"]
    pub fn power_off(&self) -> Option<Platter> {
        let mut power = locked(&self.shared);
        power.turn_off();
        match &mut *power {
            Power::On(_) => None,
            Power::Off(left) => left.take(),
        }
    }
}

impl Disk {
    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What dropping does, for a place that is needed again.
    pub fn take_away(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        // Forced: calls that wait fail, so that killed processes can end; the thread's next read fails, so that it ends.
        let flags = UnmountFlags::FORCE | UnmountFlags::DETACH;
        if let Err(errno) = unmount(&self.path, flags) {
            report(&format!("{} stays mounted: {errno}", self.path.display()));
            return;
        }
        if thread.join().is_err() {
            report("the thread behind a disk panicked");
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.take_away();
    }
}

#[expect(clippy::print_stderr, reason = "a test's tool says what is wrong")]
fn report(text: &str) {
    eprintln!("{text}");
}

fn locked(power: &Mutex<Power>) -> MutexGuard<'_, Power> {
    power.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut device: File, power: &Mutex<Power>) {
    let room = usize::try_from(WRITE_MAX_BYTES).unwrap_or(0) + 4096;
    let mut message = vec![0; room + HEADER_IN_BYTES];
    loop {
        let read = match device.read(&mut message) {
            Ok(read) => read,
            Err(error) if is_passing(&error) => continue,
            // Unmounted.
            Err(_) => return,
        };
        let Some(request) = Request::parse(&message[..read]) else {
            continue;
        };
        // Answered under the lock: a call that has come back happened before the power went.
        let mut power = locked(power);
        if let Power::On(mounted) = &mut *power {
            match mounted.answer(&request) {
                Reply::PowerOff => power.turn_off(),
                reply @ (Reply::Done(_) | Reply::Failed(_) | Reply::Nothing) => {
                    send(&mut device, request.unique, reply);
                }
            }
        }
    }
}

/// The call was taken back before it was read, or the read was.
fn is_passing(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::NOENT | Errno::INTR | Errno::AGAIN))
}

fn send(device: &mut File, unique: u64, reply: Reply) {
    let (errno, body) = match reply {
        Reply::Done(body) => (0, body.0),
        Reply::Failed(errno) => (-errno.raw_os_error(), Vec::new()),
        Reply::Nothing | Reply::PowerOff => return,
    };
    let length = u32::try_from(16 + body.len()).unwrap_or(u32::MAX);
    let mut header = Vec::with_capacity(16);
    header.extend_from_slice(&length.to_ne_bytes());
    header.extend_from_slice(&errno.to_ne_bytes());
    header.extend_from_slice(&unique.to_ne_bytes());
    // Whoever asked may be gone: then there is nobody to tell.
    drop(device.write_vectored(&[IoSlice::new(&header), IoSlice::new(&body)]));
}

//! The stand: real processes of the program, on loopback, in folders of their own.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Whatever should happen soon has happened by then, or the test fails.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// Between two looks at something that is waited for.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// RSA keys cost seconds: one gateway's and one destination's set for the whole binary.
static KEYS: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let make = |what: &str| {
        let at = dir.path().join(what);
        let mut command = program(&["keys", "new", what, "--dir"]);
        command.arg(at).stdout(Stdio::null()).spawn().unwrap()
    };
    let (mut gateway, mut destination) = (make("gateway"), make("destination"));
    assert!(gateway.wait().unwrap().success() && destination.wait().unwrap().success());
    dir
});

/// The shared keys: `gateway/` and `destination/`.
pub(crate) fn keys() -> &'static Path {
    KEYS.path()
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program with arguments; nothing of this test's environment that would change what it does.
pub(crate) fn program(args: &[&str]) -> Command {
    program_at(&binary(), args)
}

/// The same of another build.
pub(crate) fn program_at(binary: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.args(args).stdin(Stdio::null());
    for name in [
        "LANG", "LOG", "SETTINGS", "SANDBOX", "SCHEMAS", "XSD_DIR", "URL",
    ] {
        command.env_remove(format!("AMTSBOTE_{name}"));
    }
    command
}

#[expect(
    clippy::disallowed_methods,
    reason = "the crash suite may run another build of the program"
)]
fn binary() -> PathBuf {
    let given = std::env::var_os("AMTSBOTE_PROGRAM");
    given.map_or_else(|| env!("CARGO_BIN_EXE_amtsbote").into(), PathBuf::from)
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Ended {
    Ended(program(args).output().unwrap())
}

/// What a finished run said.
pub(crate) struct Ended(Output);

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// It went well; what it said on stdout.
    #[track_caller]
    pub(crate) fn ok(&self) -> String {
        assert_eq!(self.code(), Some(0), "{}\n{}", self.stdout(), self.stderr());
        self.stdout()
    }

    /// It went well and said JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// It failed with code 1, and said all of `parts` on stderr.
    #[track_caller]
    pub(crate) fn failed(&self, parts: &[&str]) -> String {
        let said = self.stderr();
        assert_eq!(self.code(), Some(1), "{}\n{said}", self.stdout());
        for part in parts {
            assert!(said.contains(part), "{part:?} is missing in: {said}");
        }
        said
    }
}

/// A process that runs; killed when dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    talk: Arc<Mutex<Vec<u8>>>,
    listener: Option<JoinHandle<()>>,
}

impl Program {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let talk = Arc::new(Mutex::new(Vec::new()));
        let said = talk.clone();
        let listener = Some(std::thread::spawn(move || drain(stderr, &said)));
        Self {
            child,
            lines,
            talk,
            listener,
        }
    }

    /// Waits for the line that says it is ready.
    #[track_caller]
    pub(crate) fn ready(self) -> Self {
        self.line("ready:");
        self
    }

    /// Waits for a line of stdout with `part`.
    #[track_caller]
    pub(crate) fn line(&self, part: &str) -> String {
        let until = Instant::now() + SOON;
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) if line.contains(part) => return line,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("no {part:?} in time: {}", self.talk()),
                Err(RecvTimeoutError::Disconnected) => panic!("ended early: {}", self.talk()),
            }
        }
    }

    /// What it said on stderr so far.
    pub(crate) fn talk(&self) -> String {
        String::from_utf8_lossy(&self.talk.lock().unwrap()).into_owned()
    }

    /// What it says, also later.
    pub(crate) fn voice(&self) -> Arc<Mutex<Vec<u8>>> {
        self.talk.clone()
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Whether it ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGTERM; how it ended, within `limit`.
    #[track_caller]
    pub(crate) fn stop(mut self, limit: Duration) -> ExitStatus {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM).unwrap();
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < until,
                "still there after {limit:?}: {}",
                self.talk()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How it ended by itself, soon. All it said is in [`Program::talk`] then.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.ended_within(SOON)
    }

    /// The same, by then.
    #[track_caller]
    pub(crate) fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                if let Some(listener) = self.listener.take() {
                    listener.join().unwrap();
                }
                return status;
            }
            assert!(Instant::now() < until, "still running: {}", self.talk());
            std::thread::sleep(LOOK);
        }
    }

    /// A figure of `/proc/<pid>/status` in KiB: `VmHWM` is the most memory it ever held, `VmRSS` what it holds.
    pub(crate) fn memory_kib(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already; there is nothing more to do about it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn drain(mut from: impl Read, into: &Mutex<Vec<u8>>) {
    let mut piece = [0; 8192];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        into.lock().unwrap().extend_from_slice(&piece[..read]);
    }
}

/// A folder for one sandbox, with the shared keys in it.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        copy(keys(), &place.dir().join("keys"));
        place
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.0.path().join("sandbox")
    }

    pub(crate) fn text(&self) -> String {
        self.dir().to_str().unwrap().to_owned()
    }

    /// The command that starts a sandbox here.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = program(&["sandbox", "--dir", &self.text()]);
        command.args(args);
        command
    }

    /// A sandbox that runs here.
    #[track_caller]
    pub(crate) fn start(&self, args: &[&str]) -> Program {
        Program::start(self.command(args)).ready()
    }

    /// sandbox.json.
    pub(crate) fn facts(&self) -> Facts {
        Facts(
            serde_json::from_slice(&std::fs::read(self.dir().join("sandbox.json")).unwrap())
                .unwrap(),
        )
    }

    /// The path of sandbox.json.
    pub(crate) fn file(&self) -> String {
        self.dir().join("sandbox.json").to_str().unwrap().to_owned()
    }
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All files below a folder.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let (mut open, mut files) = (vec![dir.to_owned()], Vec::new());
    while let Some(dir) = open.pop() {
        // A file may go while we look: what is gone holds nothing.
        let Ok(listed) = std::fs::read_dir(&dir) else {
            continue;
        };
        for entry in listed.map_while(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

/// The content of a sandbox.json.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts(pub(crate) Value);

impl Facts {
    #[track_caller]
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap()
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        let base = self.text("/baseUrl");
        base.split_once("://").unwrap().1
    }
}

//! A real OpenSSH server on loopback: a listener that hands each connection to an `sshd -i` of its own, and can cut it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

/// Where a connection is cut, counted in what the client sends at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Never,
    /// What the client sends as the n-th never reaches the server.
    Before(usize),
    /// It reaches the server, whose answer is lost.
    After(usize),
}

/// The server, its keys, and a folder for the procedure.
pub(crate) struct Server {
    pub(crate) dir: TempDir,
    pub(crate) port: u16,
    pub(crate) user: String,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

struct State {
    cut: Mutex<Cut>,
    /// Whether the last cut came to pass.
    was_cut: AtomicBool,
    stopping: AtomicBool,
    config: PathBuf,
    connections: AtomicUsize,
    /// Longest file the server's processes may write: where it ends, they are told so as by a full disk.
    file_max_bytes: AtomicU64,
}

/// Whether `sshd` is there; in CI it has to be.
#[expect(clippy::disallowed_methods, reason = "CI is told by the environment")]
fn sshd_is_here() -> bool {
    let here = Path::new(SSHD).exists();
    assert!(
        here || std::env::var("CI").as_deref() != Ok("true"),
        "{SSHD} is not installed (openssh-server)"
    );
    if !here {
        let skipped = format!("skipped: {SSHD} is not installed (openssh-server)\n");
        std::io::stderr().write_all(skipped.as_bytes()).unwrap();
    }
    here
}

fn make_key(path: &Path, passphrase: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", passphrase, "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

impl Server {
    pub(crate) fn start() -> Option<Self> {
        if !sshd_is_here() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["in", "work"] {
            fs::create_dir(at(folder)).unwrap();
        }
        make_key(&at("host_key"), "");
        make_key(&at("other_host_key"), "");
        make_key(&at("client_key"), "a passphrase");
        make_key(&at("stranger_key"), "");
        fs::write(at("passphrase"), "a passphrase\n").unwrap();
        fs::write(at("password"), "surely-wrong\n").unwrap();
        fs::copy(at("client_key.pub"), at("authorized_keys")).unwrap();
        let config = format!(
            "HostKey {0}/host_key\nAuthorizedKeysFile {0}/authorized_keys\nStrictModes no\nUsePAM no\nPidFile none\n\
             PasswordAuthentication yes\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel QUIET\n\
             Subsystem sftp internal-sftp\n",
            dir.path().display()
        );
        fs::write(at("sshd_config"), config).unwrap();
        if rustix::process::geteuid().is_root() {
            // What the package's service makes when it starts.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            cut: Mutex::new(Cut::Never),
            was_cut: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            config: at("sshd_config"),
            connections: AtomicUsize::new(0),
            file_max_bytes: AtomicU64::new(u64::MAX),
        });
        let accepting = std::thread::spawn({
            let state = state.clone();
            move || accept(&listener, &state)
        });
        let whoami = Command::new("id").arg("-un").output().unwrap().stdout;
        Some(Self {
            dir,
            port,
            user: String::from_utf8(whoami).unwrap().trim().to_owned(),
            state,
            accepting: Some(accepting),
        })
    }

    /// From now on connections are cut there.
    pub(crate) fn cut(&self, cut: Cut) {
        *self.state.cut.lock().unwrap() = cut;
        self.state.was_cut.store(false, Ordering::SeqCst);
    }

    pub(crate) fn was_cut(&self) -> bool {
        self.state.was_cut.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn limit_file_bytes(&self, max: u64) {
        self.state.file_max_bytes.store(max, Ordering::SeqCst);
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("in")
    }

    pub(crate) fn public_key(&self, name: &str) -> String {
        let text = fs::read_to_string(self.dir.path().join(format!("{name}.pub"))).unwrap();
        let words: Vec<&str> = text.split_whitespace().take(2).collect();
        words.join(" ")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for connection in listener.incoming() {
        let Ok(client) = connection else { return };
        if state.stopping.load(Ordering::SeqCst) {
            return;
        }
        state.connections.fetch_add(1, Ordering::SeqCst);
        let cut = *state.cut.lock().unwrap();
        let (ours, servers) = match cut {
            Cut::Never => (None, client),
            Cut::Before(_) | Cut::After(_) => {
                let pair = TcpListener::bind("127.0.0.1:0").unwrap();
                let ours = TcpStream::connect(pair.local_addr().unwrap()).unwrap();
                (Some((client, ours)), pair.accept().unwrap().0)
            }
        };
        serve(state, servers);
        if let Some((client, server)) = ours {
            let state = state.clone();
            std::thread::spawn(move || pass(&client, &server, cut, &state));
        }
    }
}

/// A process per connection; it ends with its connection.
fn serve(state: &State, connection: TcpStream) {
    let out = connection.try_clone().unwrap();
    let mut command = match state.file_max_bytes.load(Ordering::SeqCst) {
        u64::MAX => Command::new(SSHD),
        max => {
            // Without the signal a write past the limit is an error (EFBIG), like one on a full disk.
            let mut shell = Command::new("sh");
            let script = format!("trap '' XFSZ; exec prlimit --fsize={max} {SSHD} \"$@\"");
            shell.args(["-c", &script, "sh"]);
            shell
        }
    };
    let mut child = command
        .arg("-i")
        .arg("-f")
        .arg(&state.config)
        .stdin(Stdio::from(OwnedFd::from(connection)))
        .stdout(Stdio::from(OwnedFd::from(out)))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::spawn(move || child.wait());
}

/// Passes bytes both ways until the cut.
fn pass(client: &TcpStream, server: &TcpStream, cut: Cut, state: &State) {
    let last = Arc::new(AtomicBool::new(false));
    let back = std::thread::spawn({
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let last = last.clone();
        move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                // After the cut the answer is awaited, then lost.
                if last.load(Ordering::SeqCst) || to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        }
    });
    let (mut from, mut to) = (client, server);
    let mut buffer = vec![0; 65_536];
    let mut count = 0;
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if cut == Cut::Before(count) {
            state.was_cut.store(true, Ordering::SeqCst);
            break;
        }
        if cut == Cut::After(count) {
            state.was_cut.store(true, Ordering::SeqCst);
            last.store(true, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
        count += 1;
        if last.load(Ordering::SeqCst) {
            let _ = back.join();
            return;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
    let _ = back.join();
}

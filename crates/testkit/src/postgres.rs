//! A private PostgreSQL server, made for a test and gone with it.
//!
//! As root the server runs as the user `postgres`, since it refuses to run as root. A server that outlives its test process is
//! ended by the kernel, its folder is swept by the next test process.
#![expect(
    clippy::missing_panics_doc,
    reason = "a test's tool: it panics when it does not work"
)]

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PREFIX: &str = "amtsbote-postgres-";
const USER: &str = "amtsbote";
const PASSWORD: &str = "only-for-tests";
const PATIENCE: Duration = Duration::from_mins(1);

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Clients are cut off, open transactions taken back, everything is written.
    Fast,
    /// As in a crash: the next start recovers from the log.
    Immediate,
}

/// A running server. Dropping it stops it and removes its folder.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    programs: PathBuf,
    account: Option<Account>,
    port: u16,
    running: Mutex<Option<JoinHandle<()>>>,
    made: AtomicU32,
}

#[derive(Debug, Clone, Copy)]
struct Account {
    uid: u32,
    gid: u32,
}

impl Server {
    /// A new server. `None` if PostgreSQL is not installed here: the reason is printed; with `CI=true` it is a failure.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            skip("PostgreSQL's server is not installed (Debian: postgresql)");
            return None;
        };
        sweep();
        let name = format!("{PREFIX}{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&name).tempdir();
        let folder = folder.expect("a temporary folder can be made");
        let account = account();
        if let Some(account) = account {
            let owner = (Some(account.uid), Some(account.gid));
            std::os::unix::fs::chown(folder.path(), owner.0, owner.1).expect("root may chown");
        }
        let server = Self {
            folder,
            programs,
            account,
            port: free_port(),
            running: Mutex::new(None),
            made: AtomicU32::new(0),
        };
        server.initialise();
        server.start_again();
        Some(server)
    }

    /// A streaming standby of this server, started; from now on this server confirms nothing that the standby has not on its disk.
    #[must_use]
    pub fn standby(&self) -> Self {
        let name = format!("{PREFIX}{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&name).tempdir();
        let folder = folder.expect("a temporary folder can be made");
        if let Some(account) = self.account {
            let owner = (Some(account.uid), Some(account.gid));
            std::os::unix::fs::chown(folder.path(), owner.0, owner.1).expect("root may chown");
        }
        let standby = Self {
            folder,
            programs: self.programs.clone(),
            account: self.account,
            port: free_port(),
            running: Mutex::new(None),
            made: AtomicU32::new(0),
        };
        let mut command = self.command("pg_basebackup");
        command
            .args([
                "-h",
                "127.0.0.1",
                "-U",
                USER,
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
                "-p",
            ])
            .arg(self.port.to_string())
            .arg("-D")
            .arg(standby.folder())
            .env("PGPASSWORD", PASSWORD);
        let output = command.output().expect("pg_basebackup runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "pg_basebackup: {error}");
        standby.start_again();
        self.set("synchronous_standby_names", "*");
        standby
    }

    /// Makes a standby a server that takes writes.
    pub fn promote(&self) {
        let mut command = self.command("pg_ctl");
        command
            .args(["promote", "-s", "-w", "-D"])
            .arg(self.folder());
        let status = command.status().expect("pg_ctl runs");
        assert!(status.success(), "pg_ctl promote: {status}");
    }

    /// One server for all tests of a process that do not stop it.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// A new, empty database: its URL, with the password.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.made.fetch_add(1, Ordering::Relaxed));
        self.run_sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The URL of a database by its name.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of its only user, a superuser.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Where its files are.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs SQL with `psql` in a database given by URL; what it prints, unaligned.
    pub fn sql(&self, url: &str, sql: &str) -> String {
        let (_, database) = url.rsplit_once('/').expect("a URL names its database");
        let database = database.split('?').next().unwrap_or_default();
        self.run_sql(database, sql)
    }

    /// Whether a database has any tables of ours.
    pub fn has_tables(&self, url: &str) -> bool {
        let sql = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname LIKE 'amtsbote%')";
        self.sql(url, sql) == "t"
    }

    /// A copy of a database in a new one, made by `pg_dump` and `pg_restore` as an operator would: its URL.
    pub fn dumped_and_restored(&self, url: &str) -> String {
        let copy = self.database();
        let file = self.folder.path().join(format!(
            "{}.dump",
            self.made.fetch_add(1, Ordering::Relaxed)
        ));
        let file = file.to_str().expect("a temporary folder's name is text");
        self.run_program("pg_dump", &["-d", url, "-Fc", "-f", file]);
        self.run_program("pg_restore", &["-d", &copy, "--exit-on-error", file]);
        copy
    }

    fn run_program(&self, name: &str, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join(name));
        let output = command.args(arguments).output().expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {error}");
    }

    fn run_sql(&self, database: &str, sql: &str) -> String {
        let mut command = Command::new(self.programs.join("psql"));
        command
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"])
            .args(["-U", USER, "-d", database, "-p"])
            .arg(self.port.to_string())
            .args(["-c", sql])
            .env("PGPASSWORD", PASSWORD);
        let output = command.output().expect("psql runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql: {error}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Takes connections of a network (CIDR) too, at all addresses. Restarts it.
    pub fn open_to(&self, network: &str) {
        let append = |file: &str, line: &str| {
            let path = self.folder().join(file);
            let text = std::fs::read_to_string(&path).expect("initdb wrote it");
            std::fs::write(&path, format!("{text}\n{line}\n")).expect("it can be written");
        };
        append("postgresql.conf", "listen_addresses = '*'");
        append(
            "pg_hba.conf",
            &format!("host all all {network} scram-sha-256"),
        );
        self.stop(Stop::Fast);
        self.start_again();
    }

    /// Changes a setting for all sessions to come, without a restart.
    pub fn set(&self, setting: &str, value: &str) {
        self.run_sql(
            "postgres",
            &format!("ALTER SYSTEM SET {setting} = '{value}'"),
        );
        self.run_sql("postgres", "SELECT pg_reload_conf()");
        let deadline = Instant::now() + PATIENCE;
        while self.run_sql("postgres", &format!("SHOW {setting}")) != value {
            assert!(Instant::now() < deadline, "{setting} is not taken");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it and waits for its end.
    pub fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        let mut command = self.command("pg_ctl");
        command.args(["stop", "-s", "-w", "-m", mode, "-D"]);
        let status = command.arg(self.folder()).status().expect("pg_ctl runs");
        assert!(status.success(), "pg_ctl stop: {status}");
        self.join();
    }

    fn join(&self) {
        let thread = self.running.lock().ok().and_then(|mut held| held.take());
        if let Some(thread) = thread {
            drop(thread.join());
        }
    }

    /// Starts it again after a stop, on the same port, and waits until it answers.
    pub fn start_again(&self) {
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log file");
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.folder())
            .args(["-p", &self.port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let (started, start) = mpsc::channel();
        // The kernel ends a child when the thread that made it ends, so that thread stays.
        let thread = std::thread::spawn(move || {
            let child = command.spawn();
            let is_started = child.is_ok();
            started.send(is_started).expect("somebody waits for it");
            if let Ok(mut child) = child {
                drop(child.wait());
            }
        });
        assert_eq!(start.recv(), Ok(true), "the server's program runs");
        *self.running.lock().expect("no test panicked with it") = Some(thread);
        self.await_ready();
    }

    fn await_ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        let port = self.port.to_string();
        loop {
            let mut command = Command::new(self.programs.join("pg_isready"));
            command.args(["-q", "-h", "127.0.0.1", "-p", &port]);
            if command.status().expect("pg_isready runs").success() {
                return;
            }
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "it does not answer: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn initialise(&self) {
        let password = self.folder.path().join("password");
        std::fs::write(&password, PASSWORD).expect("the folder is ours");
        if let Some(account) = self.account {
            std::os::unix::fs::chown(&password, Some(account.uid), Some(account.gid))
                .expect("root may chown");
        }
        let mut command = self.command("initdb");
        command
            .args(["--no-sync", "-E", "UTF8", "--locale=C.UTF-8"])
            .args(["-A", "scram-sha-256", "-U", USER, "--pwfile"])
            .arg(&password)
            .arg("-D")
            .arg(self.folder());
        let output = command.output().expect("initdb runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb: {error}");
        let settings = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n\
            max_connections = 200\nshared_buffers = '64MB'\nmax_prepared_transactions = 0\n";
        let extra = self.folder().join("amtsbote.conf");
        std::fs::write(&extra, settings).expect("the folder is ours");
        let main = self.folder().join("postgresql.conf");
        let text = std::fs::read_to_string(&main).expect("initdb wrote it");
        std::fs::write(&main, text + "\ninclude 'amtsbote.conf'\n").expect("it can be written");
        if let Some(account) = self.account {
            std::os::unix::fs::chown(&extra, Some(account.uid), Some(account.gid))
                .expect("root may chown");
        }
    }

    /// A program of the server, as the account it may run as, ended by the kernel with the thread that starts it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]);
        if let Some(account) = self.account {
            command.arg(format!("--reuid={}", account.uid));
            command.arg(format!("--regid={}", account.gid));
            command.arg("--clear-groups");
        }
        command.arg(self.programs.join(program));
        // Its own group: a Ctrl-C at the terminal is for the test, which then ends the server.
        command.process_group(0).current_dir("/");
        command.env("LC_ALL", "C.UTF-8");
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut command = self.command("pg_ctl");
        command
            .args(["stop", "-s", "-w", "-m", "immediate", "-D"])
            .stderr(Stdio::null());
        // It may be stopped already.
        drop(command.arg(self.folder()).status());
        self.join();
    }
}

/// The newest server's programs on this machine.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, programs)| programs.join("postgres").exists())
        .collect();
    found.sort();
    found.pop().map(|(_, programs)| programs)
}

/// The account `postgres`, if we are root.
fn account() -> Option<Account> {
    let uid = std::fs::metadata("/proc/self").ok()?.uid();
    if uid != 0 {
        return None;
    }
    let number = |flag| {
        let output = Command::new("id").args([flag, "postgres"]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    let (uid, gid) = number("-u").zip(number("-g")).expect("a user postgres");
    Some(Account { uid, gid })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// Removes folders of test processes that are gone.
fn sweep() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            // Another process may sweep it, too.
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

#[expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a skipped test says so, except in CI"
)]
fn skip(reason: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!is_ci, "{reason}");
    eprintln!("skipped: {reason}");
}

//! A real server: aiosmtpd, in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use amtsbote_mail::{Letter, Login, Security, Settings, Smtp, Undelivered};
use amtsbote_model::{MailAddress, Secret, Timestamp};
use tempfile::TempDir;

/// The server, and the certificate it shows.
struct Server {
    process: Child,
    lines: BufReader<ChildStdout>,
    port: u16,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A Python that has aiosmtpd: the system's own first, its packages are not seen by others.
fn python() -> Option<&'static str> {
    ["/usr/bin/python3", "python3"].into_iter().find(|python| {
        Command::new(python)
            .args(["-c", "import aiosmtpd"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

fn is_there() -> bool {
    if python().is_some() {
        return true;
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "python3-aiosmtpd is missing"
    );
    eprintln!("skipped: python3-aiosmtpd is not installed");
    false
}

fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (cert, key)
}

impl Server {
    fn start(mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = certificate(folder.path());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/server.py");
        let mut process = Command::new(python().expect("is_there was asked"))
            .arg(script)
            .arg(mode)
            .args([cert, key])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let port = first.trim().strip_prefix("port ").unwrap().parse().unwrap();
        Self {
            process,
            lines,
            port,
            folder,
        }
    }

    fn settings(&self, security: Security) -> Settings {
        let pem = std::fs::read(self.folder.path().join("cert.pem")).unwrap();
        Settings {
            server: "localhost".into(),
            port: Some(self.port),
            security,
            extra_roots_pem: Some(pem),
            login: (security != Security::DangerNone).then(|| login("correct horse")),
            from: "amtsbote@example.de".parse().unwrap(),
            hello_name: "amtsbote.example.de".into(),
            limit: Duration::from_secs(20),
        }
    }

    /// The next letter, as one line of JSON.
    fn taken(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }
}

fn login(password: &str) -> Login {
    Login {
        user: "amtsbote".into(),
        password: Secret::new(password.to_owned()),
    }
}

async fn send(settings: &Settings, to: &str) -> Result<(), Undelivered> {
    let to: MailAddress = to.parse().unwrap();
    let letter = Letter {
        id: "0190d0e0",
        to: &to,
        subject: "Wartende Einreichungen",
        text: "Grüße\n.\nEnde\n",
        at: Timestamp::from_seconds(1_795_420_800),
    };
    Smtp::open(settings).unwrap().send(&letter).await
}

#[tokio::test]
async fn a_letter_arrives_in_every_kind_of_security() {
    if !is_there() {
        return;
    }
    for (mode, security, tls) in [
        ("plain", Security::DangerNone, "\"tls\": false"),
        ("starttls", Security::StartTls, "\"tls\": true"),
        ("tls", Security::Tls, "\"login\": \"amtsbote\""),
    ] {
        let mut server = Server::start(mode);
        let sent = send(&server.settings(security), "bau@example.org").await;
        assert_eq!(sent, Ok(()), "{mode}");
        let taken = server.taken();
        for part in [
            tls,
            "\"from\": \"amtsbote@example.de\"",
            "\"to\": [\"bau@example.org\"]",
            "\"hello\": \"amtsbote.example.de\"",
            "Message-ID: <0190d0e0@example.de>",
            "Auto-Submitted: auto-generated",
            "Subject: Wartende Einreichungen",
        ] {
            assert!(taken.contains(part), "{mode}: {part} in {taken}");
        }
    }
}

#[tokio::test]
async fn what_the_server_says_decides_whether_it_is_tried_again() {
    if !is_there() {
        return;
    }
    let server = Server::start("plain");
    let settings = server.settings(Security::DangerNone);
    let nobody = send(&settings, "nobody@example.org").await;
    assert_eq!(nobody, Err(Undelivered::Never(550)));
    let full = send(&settings, "full@example.org").await;
    assert_eq!(full, Err(Undelivered::NotNow(452)));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_authority_are_not_the_letters_fault() {
    if !is_there() {
        return;
    }
    let server = Server::start("starttls");
    let mut settings = server.settings(Security::StartTls);
    settings.login = Some(login("wrong"));
    let refused = send(&settings, "bau@example.org").await;
    assert_eq!(refused, Err(Undelivered::NotNow(535)));

    let other = tempfile::tempdir().unwrap();
    let (cert, _) = certificate(other.path());
    settings.extra_roots_pem = Some(std::fs::read(cert).unwrap());
    let untrusted = send(&settings, "bau@example.org").await.unwrap_err();
    assert!(!untrusted.is_final());
    assert!(
        matches!(untrusted, Undelivered::Tls | Undelivered::Broken),
        "{untrusted:?}"
    );
}

#[tokio::test]
async fn a_server_without_tls_gets_nothing_if_tls_is_asked_for() {
    if !is_there() {
        return;
    }
    let server = Server::start("plain");
    for security in [Security::StartTls, Security::Tls] {
        let mut settings = server.settings(security);
        settings.limit = Duration::from_secs(3);
        let sent = send(&settings, "bau@example.org").await;
        assert!(sent.is_err_and(|why| !why.is_final()), "{security:?}");
    }
}

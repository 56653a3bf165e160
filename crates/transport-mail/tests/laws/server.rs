//! A real mail server on loopback (aiosmtpd in Python), whose mails are opened by OpenSSL's own command.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

const SCRIPT: &str = r#"
import asyncio, os, sys
from aiosmtpd.smtp import SMTP, AuthResult
folder, mode = sys.argv[1], sys.argv[2]
class Handler:
    count = 0
    async def handle_RCPT(self, server, session, envelope, address, options):
        if mode == "unknown": return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"
    async def handle_DATA(self, server, session, envelope):
        if mode == "later": return "451 4.3.0 come again"
        Handler.count += 1
        name = os.path.join(folder, "%d-%04d" % (os.getpid(), Handler.count))
        with open(name + ".part", "wb") as mail: mail.write(envelope.content)
        os.rename(name + ".part", name + ".eml")
        return "250 OK"
def check(server, session, envelope, mechanism, data):
    return AuthResult(success=(mode == "login" and data.login == b"amtsbote" and data.password == b"geheim"), handled=False)
async def main():
    make = lambda: SMTP(Handler(), hostname="localhost", data_size_limit=0, auth_require_tls=False,
        authenticator=check, auth_required=(mode in ("login", "stranger")), enable_SMTPUTF8=False)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"#;

/// A running mail server. Ends when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

/// The mailbox, the keys of its owner, and folders for servers and ledger.
pub(crate) struct Mailbox {
    pub(crate) dir: TempDir,
}

/// A Python that has aiosmtpd; in CI there has to be one.
#[expect(clippy::disallowed_methods, reason = "CI is told by the environment")]
fn python() -> Option<&'static str> {
    let has = |python: &&str| {
        let tried = Command::new(python)
            .args(["-c", "import aiosmtpd"])
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    };
    let found = ["/usr/bin/python3", "python3"].into_iter().find(has);
    let openssl = Command::new("openssl").arg("version").output().is_ok();
    assert!(
        (found.is_some() && openssl) || std::env::var("CI").as_deref() != Ok("true"),
        "python3-aiosmtpd or openssl is not installed"
    );
    if found.is_none() || !openssl {
        let told = b"skipped: python3-aiosmtpd or openssl is not installed\n";
        std::io::stderr().write_all(told).unwrap();
        return None;
    }
    found
}

fn openssl(arguments: &[&str], folder: &Path) -> Vec<u8> {
    let done = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    done.stdout
}

impl Mailbox {
    pub(crate) fn new() -> Option<Self> {
        python()?;
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("mails")).unwrap();
        fs::write(dir.path().join("password"), "geheim\n").unwrap();
        for (name, algorithm) in [("owner", "rsa:2048"), ("short", "rsa:1024")] {
            let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
            let subject = format!("/CN={name}");
            openssl(
                &[
                    "req",
                    "-x509",
                    "-newkey",
                    algorithm,
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    &subject,
                    "-keyout",
                    &key,
                    "-out",
                    &certificate,
                ],
                dir.path(),
            );
        }
        openssl(
            &[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=second",
                "-keyout",
                "second.key",
                "-out",
                "second.pem",
            ],
            dir.path(),
        );
        Some(Self { dir })
    }

    pub(crate) fn serve(&self, mode: &str) -> Server {
        let mut child = Command::new(python().unwrap())
            .args(["-c", SCRIPT])
            .arg(self.dir.path().join("mails"))
            .arg(mode)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        Server {
            child,
            port: line.trim().parse().unwrap(),
        }
    }

    /// The mails as they came, by name.
    pub(crate) fn mails(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path().join("mails")).unwrap();
        let mut mails: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        mails.sort();
        mails
    }

    /// The inner mail, opened by OpenSSL with the key of `owner`.
    pub(crate) fn opened(&self, mail: &Path, owner: &str) -> String {
        let (certificate, key) = (format!("{owner}.pem"), format!("{owner}.key"));
        let mail = mail.to_str().unwrap();
        let inner = openssl(
            &[
                "cms",
                "-decrypt",
                "-inform",
                "SMIME",
                "-in",
                mail,
                "-recip",
                &certificate,
                "-inkey",
                &key,
                "-binary",
            ],
            self.dir.path(),
        );
        String::from_utf8(inner).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! A real S3 server on loopback: `minio`, `versitygw` (both keep objects on disk and check signatures) or `moto_server` (in memory, checks
//! none), whichever is in the path. It ends with this process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use amtsbote_blobs_s3::{Addressing, S3Blobs, S3Settings};
use amtsbote_model::Secret;
use amtsbote_outgoing::{Outgoing, PlainHttp, Settings};
use amtsbote_store::{BlobId, Blobs as _};
use tempfile::TempDir;

const BUCKET: &str = "amtsbote";
const KEY: &str = "amtsbote-key";
pub(crate) const SECRET: &str = "amtsbote-secret-key-of-some-length";

static SERVER: LazyLock<Option<Server>> = LazyLock::new(Server::start);

pub(crate) struct Server {
    port: u16,
    kind: Kind,
    folder: TempDir,
    _shell: Child,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Minio,
    Versity,
    Moto,
}

#[expect(
    clippy::disallowed_methods,
    reason = "CI and the path are told by the environment; says why a test is skipped"
)]
fn program() -> Option<(PathBuf, Kind)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let known = [
        ("minio", Kind::Minio),
        ("versitygw", Kind::Versity),
        ("moto_server", Kind::Moto),
    ];
    let found = known.map(|(name, kind)| {
        let mut places = folders.iter().map(|folder| folder.join(name));
        Some((places.find(|place| place.is_file())?, kind))
    });
    let found = found.into_iter().flatten().next();
    if found.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "none of minio, versitygw, moto_server is here: see .ci/run"
        );
        eprintln!("skipped: none of minio, versitygw, moto_server is here");
    }
    found
}

impl Server {
    pub(crate) fn running() -> Option<&'static Self> {
        SERVER.as_ref()
    }

    fn start() -> Option<Self> {
        let (program, kind) = program()?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let root = folder.path().join("objects");
        std::fs::create_dir_all(root.join(BUCKET)).unwrap();
        let (program, root) = (program.to_str().unwrap(), root.to_str().unwrap());
        let port_text = port.to_string();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new("sh");
        // The server ends when our end of the pipe is closed, however this process ends.
        command.args([
            "-c",
            "\"$@\" </dev/null & read -r _; kill $!",
            "sh",
            program,
        ]);
        match kind {
            Kind::Minio => command
                .env("MINIO_ROOT_USER", KEY)
                .env("MINIO_ROOT_PASSWORD", SECRET)
                .args(["server", "--quiet", "--address", &address, root]),
            Kind::Versity => command.args([
                "--port", &address, "--access", KEY, "--secret", SECRET, "posix", root,
            ]),
            Kind::Moto => command.args(["-H", "127.0.0.1", "-p", &port_text]),
        };
        let shell = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_mins(1);
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < end, "the S3 server did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        if kind == Kind::Moto {
            plain_call(&address, "PUT", &format!("/{BUCKET}"));
        }
        Some(Self {
            port,
            kind,
            folder,
            _shell: shell,
        })
    }

    /// The lines of `[gateway.blobs]` for this server, with key files in `folder`.
    pub(crate) fn settings(&self, prefix: &str, folder: &Path) -> String {
        std::fs::write(folder.join("s3.id"), KEY).unwrap();
        std::fs::write(folder.join("s3.secret"), SECRET).unwrap();
        format!(
            "[gateway.blobs]\nkind = \"s3\"\nendpoint = \"http://127.0.0.1:{}\"\nbucket = \"{BUCKET}\"\nprefix = \"{prefix}\"\n\
             access_key_id_file = \"s3.id\"\nsecret_access_key_file = \"s3.secret\"\n\n",
            self.port
        )
    }

    pub(crate) const fn checks_keys(&self) -> bool {
        !matches!(self.kind, Kind::Moto)
    }

    pub(crate) const fn has_disk(&self) -> bool {
        !matches!(self.kind, Kind::Moto)
    }

    pub(crate) fn blobs(&self, prefix: &str) -> S3Blobs {
        S3Blobs::open(settings(self.port, BUCKET, prefix)).unwrap()
    }

    pub(crate) fn elsewhere(&self, bucket: &str) -> S3Blobs {
        S3Blobs::open(settings(self.port, bucket, "")).unwrap()
    }

    pub(crate) fn stranger(&self) -> S3Blobs {
        let settings = S3Settings {
            secret_access_key: Secret::new("another".into()),
            ..settings(self.port, BUCKET, "")
        };
        S3Blobs::open(settings).unwrap()
    }

    /// Unfinished uploads that the server holds.
    pub(crate) fn parts(&self) -> usize {
        let objects = self.folder.path().join("objects");
        match self.kind {
            Kind::Minio => {
                let of_names = folders_in(&objects.join(".minio.sys/multipart"));
                of_names.iter().map(|name| folders_in(name).len()).sum()
            }
            Kind::Versity => files_below(&objects),
            Kind::Moto => {
                let address = format!("127.0.0.1:{}", self.port);
                let listed = plain_call(&address, "GET", &format!("/{BUCKET}?uploads"));
                listed.matches("<UploadId>").count()
            }
        }
    }

    /// Puts the bytes of `from` where `to` is, behind the back of the blob store.
    pub(crate) async fn exchange(&self, prefix: &str, from: &BlobId, to: &BlobId) {
        let place = self.folder.path().join("objects").join(BUCKET).join(prefix);
        match self.kind {
            // An object is a folder there, with a sum of its own over what is in it.
            Kind::Minio => {
                let (from, to) = (place.join(from.as_str()), place.join(to.as_str()));
                std::fs::remove_dir_all(&to).unwrap();
                let copied = Command::new("cp").arg("-r").args([from, to]).status();
                assert!(copied.unwrap().success());
            }
            Kind::Versity => {
                let mut bytes = std::fs::read(place.join(to.as_str())).unwrap();
                bytes[4711] ^= 1;
                std::fs::write(place.join(to.as_str()), bytes).unwrap();
            }
            Kind::Moto => {
                let address = format!("127.0.0.1:{}", self.port);
                let target = format!("/{BUCKET}/{prefix}/{to}");
                let source = format!("x-amz-copy-source: /{BUCKET}/{prefix}/{from}\r\n");
                call(&address, "PUT", &target, &source);
            }
        }
        assert!(self.blobs(prefix).open(to).await.unwrap().is_some());
    }
}

fn settings(port: u16, bucket: &str, prefix: &str) -> S3Settings {
    let outward = Settings {
        plain_http: PlainHttp::DangerAllowed,
        ..Settings::trusted("amtsbote-test")
    };
    S3Settings {
        endpoint: format!("http://127.0.0.1:{port}").parse().unwrap(),
        bucket: bucket.into(),
        region: "us-east-1".into(),
        prefix: prefix.into(),
        addressing: Addressing::Path,
        access_key_id: KEY.into(),
        secret_access_key: Secret::new(SECRET.into()),
        outgoing: Outgoing::open(outward).unwrap(),
    }
}

/// Nobody listens there.
pub(crate) fn dead() -> S3Blobs {
    S3Blobs::open(settings(free_port(), BUCKET, "")).unwrap()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn files_below(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .map_while(Result::ok)
        .map(|entry| {
            if entry.path().to_str().unwrap().contains(".sgwtmp") && entry.path().is_file() {
                1
            } else {
                files_below(&entry.path())
            }
        })
        .sum()
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map_while(Result::ok).map(|entry| entry.path());
    paths.filter(|path| path.is_dir()).collect()
}

fn plain_call(address: &str, method: &str, target: &str) -> String {
    call(address, method, target, "")
}

/// A call without a signature, for the server that checks none.
fn call(address: &str, method: &str, target: &str, headers: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

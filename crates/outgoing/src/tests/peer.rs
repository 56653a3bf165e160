//! A peer that answers what its script says, byte for byte.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use crate::resolver::{Looked, Names};
use crate::{PlainHttp, Settings, Timeouts};

/// What a peer does after it has read a request's head.
#[derive(Clone, Copy)]
pub(crate) enum Script {
    /// Writes this and closes.
    Say(&'static str),
    /// Writes this and then neither writes nor closes.
    SayThenSilence(&'static str),
    /// Writes this, and closes without an answer once another request has come on the same connection.
    SayThenCloseOnTheNext(&'static str),
    /// Writes a chunk again and again, without end.
    Endless,
}

pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(play(stream, script, seen.clone()));
            }
        });
        Self {
            address,
            heads,
            task,
        }
    }

    pub(crate) fn url(&self) -> Url {
        format!("http://{}/path?token=geheim", self.address)
            .parse()
            .unwrap()
    }

    /// The heads of the requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

pub(crate) async fn play<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    script: Script,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let Some(head) = read_head(&mut stream).await else {
        return;
    };
    seen.lock().unwrap().push(head);
    match script {
        Script::Say(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Script::SayThenSilence(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            std::future::pending::<()>().await;
        }
        Script::SayThenCloseOnTheNext(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let next = read_head(&mut stream).await;
            seen.lock().unwrap().extend(next);
        }
        Script::Endless => {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                .await;
            while stream.write_all(b"4\r\nabcd\r\n").await.is_ok() {}
        }
    }
}

async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

pub(crate) fn plain() -> Settings {
    Settings {
        plain_http: PlainHttp::DangerAllowed,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(20),
            idle: Duration::from_secs(20),
            transfer: Duration::from_secs(20),
        },
        ..Settings::trusted("amtsbote-test")
    }
}

/// Gives one list of addresses after the other, the last one again and again.
pub(crate) struct ScriptedNames(pub(crate) Mutex<Vec<Vec<IpAddr>>>);

impl ScriptedNames {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().map(parse).collect())))
    }
}

impl Names for ScriptedNames {
    fn look_up(&self, _name: &str) -> Looked {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        };
        Box::pin(async move { Ok(answer) })
    }
}

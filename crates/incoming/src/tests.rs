use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{Bounds, Host, Listener};

const SOON: Duration = Duration::from_secs(20);
const BRIEF: Duration = Duration::from_millis(50);

/// Answers `/slow` when told to, `/large` with more than fits into sockets, everything else at once.
struct Desk {
    told: Semaphore,
}

impl Host for Desk {
    type Guest = ();
    type Body = Full<Bytes>;

    fn meet(&self, _: Option<&CertificateDer<'_>>) {}

    async fn answer(
        &self,
        _: Arc<()>,
        request: Request<Incoming>,
    ) -> Option<Response<Full<Bytes>>> {
        let body = match request.uri().path() {
            "/slow" => {
                self.told.acquire().await.unwrap().forget();
                Bytes::from_static(b"done")
            }
            "/large" => Bytes::from(vec![b'x'; 64 << 20]),
            "/none" => return None,
            _ => Bytes::from_static(b"here"),
        };
        Some(Response::new(Full::new(body)))
    }
}

struct Stage {
    address: SocketAddr,
    desk: Arc<Desk>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

async fn serve(bounds: Bounds) -> Stage {
    let desk = Arc::new(Desk {
        told: Semaphore::new(0),
    });
    let any = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(any, None, bounds).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let stopped = async move {
        let _ = stopped.await;
    };
    let running = tokio::spawn(listener.run(desk.clone(), stopped, || ()));
    Stage {
        address,
        desk,
        stop,
        running,
    }
}

async fn sent(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Until the peer closes.
async fn read(stream: &mut TcpStream, what: &str) -> String {
    let mut said = Vec::new();
    timeout(SOON, stream.read_to_end(&mut said))
        .await
        .expect(what)
        .ok();
    String::from_utf8_lossy(&said).into_owned()
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_connection_that_brings_no_request_is_closed() {
    let stage = serve(Bounds {
        header_read_max: BRIEF,
        ..Bounds::default()
    })
    .await;
    for part in ["", "GET", "GET / HTTP/1.1\r\nhost:", "PRI * HTTP/2.0\r\n"] {
        let mut stream = sent(stage.address, part.as_bytes()).await;
        read(&mut stream, part).await;
    }
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_however_often_it_answers_pings() {
    let stage = serve(Bounds {
        idle_max: BRIEF,
        ..Bounds::default()
    })
    .await;
    let mut kept = sent(stage.address, &get("/")).await;
    assert!(read(&mut kept, "HTTP/1").await.ends_with("here"));

    // HTTP/2: preface, empty settings, and GET / on stream 1 from the static table (RFC 7541, appendix A).
    let mut greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    greeting.extend_from_slice(b"\0\0\x06\x01\x05\0\0\0\x01\x82\x84\x86\x41\x01x");
    let mut kept = sent(stage.address, &greeting).await;
    let mut said = Vec::new();
    let talk = async {
        loop {
            let mut bytes = [0; 1024];
            match kept.read(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(count) => said.extend_from_slice(&bytes[..count]),
            }
            // A ping of our own, to seem alive; it may come too late.
            let _ = kept.write_all(b"\0\0\x08\x06\0\0\0\0\x0012345678").await;
        }
    };
    timeout(SOON, talk).await.expect("HTTP/2");
    assert!(said.windows(4).any(|window| window == b"here"));
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let bounds = Bounds {
        connections_max: 1,
        stall_max: BRIEF,
        ..Bounds::default()
    };
    let stage = serve(bounds).await;
    // Far more than the kernel holds for a peer that does not read.
    let greedy = sent(stage.address, &get("/large").repeat(3)).await;
    // The one slot is free again.
    let mut next = sent(
        stage.address,
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(read(&mut next, "the slot").await.ends_with("here"));
    drop(greedy);
}

#[tokio::test]
async fn who_has_no_answer_closes() {
    let stage = serve(Bounds::default()).await;
    let mut stream = sent(stage.address, &get("/none")).await;
    assert_eq!(read(&mut stream, "none").await, "");
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_although_the_times_are_over() {
    let stage = serve(Bounds {
        header_read_max: BRIEF,
        idle_max: BRIEF,
        stall_max: BRIEF,
        ..Bounds::default()
    })
    .await;
    let mut slow = sent(stage.address, &get("/slow")).await;
    // The silent one is closed by the same timer, so the slow one's has passed as well.
    let mut silent = sent(stage.address, b"").await;
    read(&mut silent, "silent").await;
    stage.stop.send(()).unwrap();
    stage.desk.told.add_permits(1);
    let said = read(&mut slow, "slow").await;
    assert!(said.ends_with("done"), "{said}");
    timeout(SOON, stage.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_waits_for_requests_and_not_for_connections() {
    let mut stage = serve(Bounds::default()).await;
    let silent = sent(stage.address, b"").await;
    let half = sent(stage.address, b"GET /slow HTTP/1.1\r\nhost:").await;
    let mut slow = sent(stage.address, &get("/slow")).await;
    // Connections are accepted in order: the others have been seen by then.
    let mut other = sent(stage.address, &get("/")).await;
    timeout(SOON, other.read(&mut [0; 8]))
        .await
        .unwrap()
        .unwrap();
    stage.stop.send(()).unwrap();
    timeout(Duration::from_millis(200), &mut stage.running)
        .await
        .expect_err("it left an open request");
    stage.desk.told.add_permits(1);
    let said = read(&mut slow, "slow").await;
    assert!(said.ends_with("done"), "{said}");
    // Well before the drain time, although half a header is still there.
    timeout(Duration::from_secs(5), stage.running)
        .await
        .unwrap()
        .unwrap();
    drop((silent, half));
}

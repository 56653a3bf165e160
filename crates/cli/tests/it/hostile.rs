//! Peers that are slow, greedy or broken: the gateway answers or hangs up, and stays there for the others.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stand::{Facts, LOOK, Place, Program, SOON};
use crate::wire;

/// The longest a good request may take beside the bad ones.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const MEMORY_MAX_KIB: u64 = 150 * 1024;

fn connect(facts: &Facts) -> TcpStream {
    let stream = TcpStream::connect(facts.address()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    stream
}

/// Whether a good request is answered well in time.
fn assert_responsive(facts: &Facts) {
    let began = Instant::now();
    let status = ask(facts, b"GET /submission-api/.well-known/jwks.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert_eq!(status, Some(200));
    assert!(began.elapsed() < ANSWER_MAX, "{:?}", began.elapsed());
}

/// Sends bytes; the status of the answer, or nothing if the other side hung up.
fn ask(facts: &Facts, bytes: &[u8]) -> Option<u16> {
    let mut stream = connect(facts);
    // The other side may hang up in the middle of it: then there may be an answer nevertheless.
    let _ = stream.write_all(bytes);
    status(&mut stream)
}

fn status(stream: &mut TcpStream) -> Option<u16> {
    let mut said = Vec::new();
    let mut piece = [0; 1024];
    while !said.windows(2).any(|window| window == b"\r\n") {
        match stream.read(&mut piece) {
            Ok(0) => return None,
            Ok(read) => said.extend_from_slice(&piece[..read]),
            Err(error) => {
                assert!(
                    error.kind() == io::ErrorKind::ConnectionReset,
                    "neither answered nor hung up: {error}"
                );
                return None;
            }
        }
    }
    let line = String::from_utf8_lossy(&said).into_owned();
    Some(line.split(' ').nth(1).unwrap().parse().unwrap())
}

fn sandbox(place: &Place) -> (Program, Facts) {
    let sandbox = place.start(&[]);
    (sandbox, place.facts())
}

#[test]
fn two_thousand_idle_connections_disturb_nobody() {
    // Both ends are on this machine, one in this process.
    let wish = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: wish.maximum,
        maximum: wish.maximum,
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let place = Place::new();
    let (sandbox, facts) = sandbox(&place);
    let before = sandbox.memory_kib("VmRSS");
    let mut idle: Vec<TcpStream> = (0..2_000).map(|_| connect(&facts)).collect();
    for (at, stream) in idle.iter_mut().enumerate() {
        // A quarter each: silent, half a line, half a header, one request and then nothing.
        let part: &[u8] = match at % 4 {
            0 => b"",
            1 => b"GET /",
            2 => b"GET / HTTP/1.1\r\nhost: x\r\nx-drip: ",
            _ => b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n",
        };
        stream.write_all(part).unwrap();
    }
    for _ in 0..10 {
        assert_responsive(&facts);
    }
    let after = sandbox.memory_kib("VmRSS");
    println!(
        "2000 idle connections: {} MiB, before {} MiB",
        after / 1024,
        before / 1024
    );
    assert!(after < MEMORY_MAX_KIB, "{after} KiB");
    drop(idle);
    assert_responsive(&facts);
}

/// What is sent, and the statuses it may get; `None`: the connection is closed.
type Case<'a> = (&'a str, Vec<u8>, &'a [Option<u16>]);

#[test]
fn oversized_and_broken_requests_are_refused() {
    let place = Place::new();
    let (sandbox, facts) = sandbox(&place);
    let long = "x".repeat(200_000);
    let many: Vec<String> = (0..500).map(|at| format!("x-{at}: y\r\n")).collect();
    let many = many.concat();
    let cases: [Case<'_>; 9] = [
        (
            "a header too long",
            format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n").into(),
            &[Some(431), None],
        ),
        (
            "a path too long",
            format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n").into(),
            &[Some(414), Some(431), None],
        ),
        (
            "too many headers",
            format!("GET / HTTP/1.1\r\n{many}\r\n").into(),
            &[Some(431), None],
        ),
        (
            "not HTTP",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
            &[Some(400), None],
        ),
        (
            "no such version",
            b"GET / HTTP/9.9\r\n\r\n".to_vec(),
            &[Some(400), Some(505), None],
        ),
        (
            "a negative length",
            post("content-length: -5\r\n", ""),
            &[Some(400), None],
        ),
        (
            "two lengths",
            post("content-length: 5\r\ncontent-length: 6\r\n", "hello!"),
            &[Some(400), None],
        ),
        (
            "length and chunks",
            post(
                "content-length: 5\r\ntransfer-encoding: identity, chunked, x\r\n",
                "hello",
            ),
            &[Some(400), None],
        ),
        (
            "chunks that are none",
            post("transfer-encoding: chunked\r\n", "zz\r\nhello\r\n0\r\n\r\n"),
            &[Some(400), None],
        ),
    ];
    for (what, bytes, expected) in cases {
        let status = ask(&facts, &bytes);
        assert!(expected.contains(&status), "{what}: {status:?}");
        assert_responsive(&facts);
    }
    assert!(sandbox.memory_kib("VmHWM") < MEMORY_MAX_KIB);
    assert!(!sandbox.talk().contains("panicked"), "{}", sandbox.talk());
}

fn post(headers: &str, body: &str) -> Vec<u8> {
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    format!("POST /token HTTP/1.1\r\nhost: x\r\n{form}{headers}\r\n{body}").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_past_its_limit_is_refused_before_it_is_sent() {
    let place = Place::new();
    let (sandbox, facts) = sandbox(&place);
    let token = wire::token(&reqwest::Client::new(), &facts, "sender")
        .await
        .unwrap();
    let bearer = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
    for path in ["/intake/v1/submissions", "/submission-api/v2/submissions"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\n{bearer}content-length: 9000000000\r\n\r\n"
        );
        assert_eq!(ask(&facts, head.as_bytes()), Some(413), "{path}");
    }
    assert_responsive(&facts);
    assert!(sandbox.memory_kib("VmHWM") < MEMORY_MAX_KIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_cut_at_its_limit() {
    let place = Place::new();
    let (sandbox, facts) = sandbox(&place);
    let token = wire::token(&reqwest::Client::new(), &facts, "sender")
        .await
        .unwrap();
    let head = format!(
        "POST /submission-api/v2/submissions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let mut stream = connect(&facts);
    stream.write_all(head.as_bytes()).unwrap();
    let piece = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    let mut sent = 0_usize;
    // It hangs up long before this.
    while sent < 500_000_000 && stream.write_all(&piece).is_ok() {
        sent += piece.len();
    }
    assert!(sent < 500_000_000);
    assert_responsive(&facts);
    assert!(sandbox.memory_kib("VmHWM") < MEMORY_MAX_KIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_without_being_asked_first() {
    let place = Place::new();
    let (_sandbox, facts) = sandbox(&place);
    let http = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let answer = http.get(facts.text("/jwksUrl")).send().await.unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    let keys: Value = answer.json().await.unwrap();
    assert!(keys["keys"].is_array());
    let token = wire::token(&http, &facts, "sender").await.unwrap();
    assert!(!token.is_empty());
}

#[test]
fn http_2_garbage_hurts_nobody() {
    let place = Place::new();
    let (sandbox, facts) = sandbox(&place);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 64],
        // A frame of 16 MB that never comes.
        &[0xff, 0xff, 0xff, 1, 4, 0, 0, 0, 1],
        // Headers that do not unpack.
        &[0, 0, 4, 1, 5, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff],
    ] {
        let mut stream = connect(&facts);
        let _ = stream.write_all(&[preface.as_slice(), &settings, garbage].concat());
        let mut said = Vec::new();
        // It says goodbye (GOAWAY) and hangs up.
        let _ = stream.read_to_end(&mut said);
        assert_responsive(&facts);
    }
    assert!(!sandbox.talk().contains("panicked"), "{}", sandbox.talk());
}

/// The limits of time are minutes; each is tested where the clock can be turned (gateway: `body`, `server`). Here: that a
/// slow body holds up nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_hold_up_nobody() {
    let place = Place::new();
    let (_sandbox, facts) = sandbox(&place);
    let token = wire::token(&reqwest::Client::new(), &facts, "sender")
        .await
        .unwrap();
    let head = format!(
        "POST /intake/v1/submissions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 100000\r\n\r\n{{"
    );
    let mut slow: Vec<TcpStream> = (0..200).map(|_| connect(&facts)).collect();
    for stream in &mut slow {
        stream.write_all(head.as_bytes()).unwrap();
    }
    for _ in 0..5 {
        for stream in &mut slow {
            stream.write_all(b" ").unwrap();
        }
        assert_responsive(&facts);
        tokio::time::sleep(LOOK).await;
    }
}

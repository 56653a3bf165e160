//! A gateway that cannot answer now lets the connection go, so that a balancer brings the next try to another one.

use amtsbote_gateway::{Door, Server, ServerSettings};
use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: gateway\r\n\r\n";

async fn behind(door: &Door) -> TcpStream {
    let any = ([127, 0, 0, 1], 0).into();
    let server = Server::bind(any, None, ServerSettings::default());
    let server = server.await.unwrap();
    let address = server.local_addr().unwrap();
    let router = door.router("https://example.org/problems/".to_owned());
    tokio::spawn(server.run(router, std::future::pending()));
    TcpStream::connect(address).await.unwrap()
}

/// What comes until then, or until the other side ends.
async fn answer(stream: &mut TcpStream, is_whole: impl Fn(&str) -> bool) -> String {
    let mut all = Vec::new();
    while !is_whole(&String::from_utf8_lossy(&all)) {
        if stream.read_buf(&mut all).await.unwrap() == 0 {
            break;
        }
    }
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn a_connection_ends_with_the_answer_that_says_later() {
    let mut stream = behind(&Door::default()).await;
    stream.write_all(ASK).await.unwrap();
    // Kept open, it would be waited for until it is idle for two minutes.
    let answer = answer(&mut stream, |_| false).await;
    let (head, _) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("connection: close"), "{head}");
}

#[tokio::test]
async fn every_other_answer_keeps_it() {
    let door = Door::default();
    door.open(Router::new().route("/", get(async || "well")));
    let mut stream = behind(&door).await;
    for _ in 0..2 {
        stream.write_all(ASK).await.unwrap();
        let answer = answer(&mut stream, |all| all.ends_with("well")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(!answer.contains("connection:"), "{answer}");
    }
}

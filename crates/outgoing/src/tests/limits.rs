//! Time and size.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::Method;
use tokio::net::TcpListener;

use super::peer::{Peer, Script, plain};
use crate::{Failure, Outgoing, Settings, Timeouts, read_bounded};

const SHORT: Duration = Duration::from_millis(50);

async fn get(outgoing: &Outgoing, peer: &Peer, max: usize) -> Result<Bytes, Failure> {
    let call = outgoing.request(Method::GET, peer.url())?;
    read_bounded(outgoing.send(call).await?, max).await
}

fn outgoing() -> Outgoing {
    Outgoing::open(plain()).unwrap()
}

fn impatient() -> Outgoing {
    let timeouts = Timeouts {
        total: SHORT,
        idle: SHORT,
        connect: SHORT,
        ..plain().timeouts
    };
    Outgoing::open(Settings {
        timeouts,
        ..plain()
    })
    .unwrap()
}

#[tokio::test]
async fn an_answer_within_the_bound_is_read_whole() {
    let peer = Peer::start(Script::Say(
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd",
    ))
    .await;
    assert_eq!(get(&outgoing(), &peer, 4).await.unwrap(), "abcd");
}

#[tokio::test]
async fn an_answer_that_announces_too_much_is_not_read() {
    let peer = Peer::start(Script::SayThenSilence(
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
    ))
    .await;
    let failure = get(&outgoing(), &peer, 4).await.unwrap_err();
    assert!(
        matches!(failure, Failure::TooLarge { max_bytes: 4, .. }),
        "{failure:?}"
    );
}

#[tokio::test]
async fn an_endless_answer_is_left_at_the_bound() {
    let peer = Peer::start(Script::Endless).await;
    let failure = get(&outgoing(), &peer, 1000).await.unwrap_err();
    assert!(
        matches!(
            failure,
            Failure::TooLarge {
                max_bytes: 1000,
                ..
            }
        ),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_silent_peer_ends_in_time() {
    for script in ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"] {
        let peer = Peer::start(Script::SayThenSilence(script)).await;
        let failure = get(&impatient(), &peer, 1000).await.unwrap_err();
        assert!(matches!(failure, Failure::TimedOut { .. }), "{failure:?}");
        assert!(!failure.is_before_sending());
    }
}

#[tokio::test]
async fn a_download_comes_in_pieces_and_ends_honestly() {
    let peer = Peer::start(Script::Say(
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd",
    ))
    .await;
    let outgoing = outgoing();
    let mut download = outgoing
        .send_stream(outgoing.stream_request(Method::GET, peer.url()).unwrap())
        .await
        .unwrap();
    assert_eq!(download.length(), Some(4));
    assert_eq!(download.next().await.unwrap().unwrap(), "abcd");
    assert_eq!(download.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_download_that_is_cut_off_is_not_taken_for_complete() {
    for script in [
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n",
    ] {
        let peer = Peer::start(Script::Say(script)).await;
        let outgoing = outgoing();
        let mut download = outgoing
            .send_stream(outgoing.stream_request(Method::GET, peer.url()).unwrap())
            .await
            .unwrap();
        assert_eq!(download.next().await.unwrap().unwrap(), "abcd");
        let failure = download.next().await.unwrap_err();
        assert!(matches!(failure, Failure::Broken { .. }), "{failure:?}");
    }
}

#[tokio::test]
async fn a_download_that_falls_silent_ends() {
    for script in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabcd"] {
        let peer = Peer::start(Script::SayThenSilence(script)).await;
        let outgoing = impatient();
        let failure = async {
            let mut download = outgoing
                .send_stream(outgoing.stream_request(Method::GET, peer.url())?)
                .await?;
            while download.next().await?.is_some() {}
            Ok::<(), Failure>(())
        };
        let failure = failure.await.unwrap_err();
        assert!(matches!(failure, Failure::TimedOut { .. }), "{failure:?}");
    }
}

#[tokio::test]
async fn an_upload_is_streamed_and_its_own_faults_are_told_apart() {
    let peer = Peer::start(Script::Say("HTTP/1.1 204 No Content\r\n\r\n")).await;
    let outgoing = outgoing();
    let pieces = stream::iter([Ok(Bytes::from("ab")), Ok(Bytes::from("cd"))]);
    let call = outgoing.stream_request(Method::PUT, peer.url()).unwrap();
    assert_eq!(
        outgoing.send_upload(call, pieces).await.unwrap().status(),
        204
    );

    let silent = Peer::start(Script::SayThenSilence("")).await;
    let broken = stream::iter([
        Ok(Bytes::from("ab")),
        Err(io::Error::from(io::ErrorKind::InvalidData)),
    ]);
    let call = outgoing.stream_request(Method::PUT, silent.url()).unwrap();
    let failure = outgoing.send_upload(call, broken).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::Source(e) if e.kind() == io::ErrorKind::InvalidData),
        "{failure:?}"
    );
}

#[tokio::test]
async fn an_upload_that_nobody_takes_ends() {
    let peer = Peer::start(Script::SayThenSilence("")).await;
    let outgoing = impatient();
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![0; 65_536])));
    let call = outgoing.stream_request(Method::PUT, peer.url()).unwrap();
    let failure = outgoing.send_upload(call, endless).await.unwrap_err();
    assert!(matches!(failure, Failure::TimedOut { .. }), "{failure:?}");
}

#[tokio::test]
async fn failures_tell_the_host_and_nothing_else_of_the_url() {
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}/path?token=geheim")
        .parse()
        .unwrap();
    let outgoing = outgoing();
    let failure = outgoing
        .send(outgoing.request(Method::GET, url).unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(failure, Failure::Unreachable { .. }),
        "{failure:?}"
    );
    assert_eq!(
        failure.to_string(),
        format!("127.0.0.1:{port} cannot be reached")
    );
    let mut texts = format!("{failure:?}");
    let mut next = std::error::Error::source(&failure);
    while let Some(cause) = next {
        texts += &cause.to_string();
        next = cause.source();
    }
    assert!(
        !texts.contains("geheim") && !texts.contains("path"),
        "{texts}"
    );
}

#[tokio::test]
async fn what_is_not_http_is_a_broken_connection() {
    let peer = Peer::start(Script::Say("SSH-2.0-x\r\n")).await;
    let failure = get(&outgoing(), &peer, 1000).await.unwrap_err();
    assert!(matches!(failure, Failure::Broken { .. }), "{failure:?}");
}

#[tokio::test]
async fn an_answer_that_comes_before_the_upload_is_over_counts() {
    let early = "HTTP/1.1 413 Content Too Large\r\nretry-after: 5\r\ncontent-length: 0\r\n\r\n";
    let peer = Peer::start(Script::SayThenSilence(early)).await;
    let outgoing = outgoing();
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![0; 65_536])));
    let call = outgoing.stream_request(Method::PUT, peer.url()).unwrap();
    let answer = outgoing.send_upload(call, endless).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (413, &"5".parse().unwrap())
    );
}

#[tokio::test]
async fn an_upload_shorter_than_announced_is_no_success() {
    let peer = Peer::start(Script::SayThenSilence("")).await;
    let outgoing = outgoing();
    let pieces = stream::iter([Ok(Bytes::from("ab"))]);
    let call = outgoing
        .stream_request(Method::PUT, peer.url())
        .unwrap()
        .header("content-length", 3);
    let failure = outgoing.send_upload(call, pieces).await.unwrap_err();
    assert!(matches!(failure, Failure::Broken { .. }), "{failure:?}");
}

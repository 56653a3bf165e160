//! Kept connections that break when they are used.

use bytes::Bytes;
use reqwest::Method;

use super::peer::{Peer, Script, plain};
use crate::{Failure, Outgoing, read_bounded};

const KEPT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd";

/// A way out with a kept connection that the peer closes on its next use.
async fn with_stale_connection(peer: &Peer) -> Outgoing {
    let outgoing = Outgoing::open(plain()).unwrap();
    let call = outgoing.request(Method::GET, peer.url()).unwrap();
    let answer = outgoing.send(call).await.unwrap();
    assert_eq!(read_bounded(answer, 4).await.unwrap(), "abcd");
    outgoing
}

#[tokio::test]
async fn a_repeatable_call_is_made_again_when_its_connection_broke() {
    let peer = Peer::start(Script::SayThenCloseOnTheNext(KEPT)).await;
    let outgoing = with_stale_connection(&peer).await;
    let call = outgoing.request(Method::POST, peer.url()).unwrap();
    let answer = outgoing.send_repeatable(call.body("x=1")).await.unwrap();
    assert_eq!(read_bounded(answer, 4).await.unwrap(), "abcd");
    assert_eq!(peer.heads().len(), 3);
}

#[tokio::test]
async fn any_other_call_is_made_once() {
    let peer = Peer::start(Script::SayThenCloseOnTheNext(KEPT)).await;
    let outgoing = with_stale_connection(&peer).await;
    let call = outgoing.request(Method::POST, peer.url()).unwrap();
    let failure = outgoing.send(call.body("x=1")).await.unwrap_err();
    assert!(matches!(failure, Failure::Broken { .. }), "{failure:?}");
    assert_eq!(peer.heads().len(), 2);
}

#[tokio::test]
async fn a_peer_that_closes_every_connection_is_asked_twice_and_no_more() {
    let peer = Peer::start(Script::Say("")).await;
    let outgoing = Outgoing::open(plain()).unwrap();
    let call = outgoing.request(Method::GET, peer.url()).unwrap();
    let failure = outgoing.send_repeatable(call).await.unwrap_err();
    assert!(matches!(failure, Failure::Broken { .. }), "{failure:?}");
    assert_eq!(peer.heads().len(), 2);
}

#[tokio::test]
async fn a_call_whose_body_is_a_stream_is_not_repeatable() {
    let peer = Peer::start(Script::Say(KEPT)).await;
    let outgoing = Outgoing::open(plain()).unwrap();
    let call = outgoing.request(Method::POST, peer.url()).unwrap();
    let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"x"))]);
    let call = call.body(reqwest::Body::wrap_stream(pieces));
    let failure = outgoing.send_repeatable(call).await.unwrap_err();
    assert!(matches!(failure, Failure::Unsendable), "{failure:?}");
    assert!(peer.heads().is_empty());
}

//! What is not let out.

use reqwest::Method;

use super::peer::{Peer, Script, ScriptedNames, plain};
use crate::{Failure, NotOpened, Outgoing, PlainHttp, Refusal, Settings, read_bounded};

fn check(settings: Settings, url: &str, expected: Result<(), Refusal>) {
    let outgoing = Outgoing::open(settings).unwrap();
    let answer = match outgoing.check(&url.parse().unwrap()) {
        Ok(()) => Ok(()),
        Err(Failure::RefusedTarget(refusal)) => Err(refusal),
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(answer, expected, "{url}");
}

fn public(allow: &[&str]) -> Settings {
    Settings::public(
        "amtsbote-test",
        allow.iter().map(|text| text.parse().unwrap()).collect(),
    )
}

#[test]
fn addresses_written_into_urls_are_judged_like_names() {
    let inside = Err(Refusal::PrivateAddress);
    for url in [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest",
        "https://192.168.0.1:8443/",
        "https://[fd00::1]/",
    ] {
        check(public(&[]), url, inside);
    }
    check(public(&[]), "https://8.8.8.8/", Ok(()));
    check(
        public(&["10.0.0.0/8"]),
        "https://[::ffff:10.0.0.1]/",
        Ok(()),
    );
    check(public(&["10.0.0.0/8"]), "https://127.0.0.1/", inside);
    check(Settings::trusted("t"), "https://10.0.0.1/", Ok(()));
}

#[test]
fn plain_http_needs_a_switch_and_is_never_public() {
    check(
        Settings::trusted("t"),
        "http://peer.example/",
        Err(Refusal::Scheme),
    );
    check(plain(), "http://peer.example/", Ok(()));
    check(plain(), "ftp://peer.example/", Err(Refusal::Scheme));
    let danger = Settings {
        plain_http: PlainHttp::DangerAllowed,
        ..public(&[])
    };
    check(danger, "http://peer.example/", Err(Refusal::Scheme));
}

#[test]
fn credentials_in_urls_are_refused() {
    check(
        Settings::trusted("t"),
        "https://user:secret@peer.example/",
        Err(Refusal::Credentials),
    );
    check(
        Settings::trusted("t"),
        "https://user@peer.example/",
        Err(Refusal::Credentials),
    );
}

#[test]
fn settings_that_cannot_work_are_refused_at_opening() {
    let no_agent = Settings::trusted("");
    assert!(matches!(
        Outgoing::open(no_agent),
        Err(NotOpened::UserAgent)
    ));
    let no_roots = Settings {
        extra_roots_pem: Some(b"nothing".to_vec()),
        ..plain()
    };
    assert!(matches!(Outgoing::open(no_roots), Err(NotOpened::Roots)));
}

#[tokio::test]
async fn a_name_that_leads_into_the_house_is_refused_before_connecting() {
    let peer = Peer::start(Script::Say("")).await;
    let url = format!("https://callback.example:{}/", peer.address.port());
    let names = ScriptedNames::new(&[&["127.0.0.1", "10.0.0.1", "::1"]]);
    let outgoing = Outgoing::open_with(public(&[]), names).unwrap();
    let call = outgoing
        .request(Method::POST, url.parse().unwrap())
        .unwrap();
    let failure = outgoing.send(call).await.unwrap_err();
    assert!(
        matches!(failure, Failure::RefusedTarget(Refusal::PrivateAddress)),
        "{failure:?}"
    );
    assert!(failure.is_before_sending());
}

#[tokio::test]
async fn a_name_that_turns_private_between_two_calls_is_refused_at_the_second() {
    let peer = Peer::start(Script::Say("")).await;
    let url = format!("https://callback.example:{}/", peer.address.port());
    let names = ScriptedNames::new(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let outgoing = Outgoing::open_with(public(&["127.0.0.2/32"]), names).unwrap();
    let mut failures = Vec::new();
    for _ in 0..2 {
        let call = outgoing
            .request(Method::POST, url.parse().unwrap())
            .unwrap();
        failures.push(outgoing.send(call).await.unwrap_err());
    }
    // The first is let out and fails only since nobody listens there.
    assert!(
        matches!(failures[0], Failure::Unreachable { .. }),
        "{:?}",
        failures[0]
    );
    assert!(
        matches!(failures[1], Failure::RefusedTarget(Refusal::PrivateAddress)),
        "{:?}",
        failures[1]
    );
}

#[tokio::test]
async fn only_the_admitted_addresses_of_a_name_are_connected_to() {
    let inside = Peer::start(Script::Say("")).await;
    let names = ScriptedNames::new(&[&["127.0.0.1", "127.0.0.3"]]);
    let outgoing = Outgoing::open_with(public(&["127.0.0.3/32"]), names).unwrap();
    let url = format!("https://callback.example:{}/", inside.address.port());
    let call = outgoing
        .request(Method::POST, url.parse().unwrap())
        .unwrap();
    let failure = outgoing.send(call).await.unwrap_err();
    assert!(
        matches!(failure, Failure::Unreachable { .. }),
        "{failure:?}"
    );
}

#[tokio::test]
async fn redirects_are_answers_and_not_followed() {
    let peer = Peer::start(Script::Say(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    ))
    .await;
    let outgoing = Outgoing::open(plain()).unwrap();
    let call = outgoing.request(Method::GET, peer.url()).unwrap();
    let answer = outgoing.send(call).await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(read_bounded(answer, 10).await.unwrap(), "");
    assert_eq!(peer.heads().len(), 1);
    assert!(
        peer.heads()[0]
            .to_ascii_lowercase()
            .contains("user-agent: amtsbote-test")
    );
}

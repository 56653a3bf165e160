//! `amtsbote sandbox`: what it promises to whoever points an SDK at it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use amtsbote_client::Sender;
use amtsbote_fit_connect::{ApiVersion, Paging};
use amtsbote_jose::{KeyUse, PrivateKey, PublicKey, X5c};
use serde_json::Value;

use crate::stand::{Facts, LOOK, Place, Program, SOON, copy, keys};
use crate::wire::{Application, SealedApplication, encryption_key, session, submit};

const STOP_MAX: Duration = Duration::from_secs(5);

fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn the_file_holds_exactly_what_is_promised() {
    let place = Place::new();
    let _sandbox = place.start(&[]);
    let Facts(facts) = place.facts();
    let expected = [
        "baseUrl",
        "caFile",
        "dataSchemaUri",
        "destinationApiUrl",
        "destinationId",
        "intakeUrl",
        "jwksUrl",
        "keys",
        "portalUrl",
        "receiver",
        "region",
        "routingApiUrl",
        "sender",
        "service",
        "submissionApiUrl",
        "subscriber",
        "tokenUrl",
    ];
    assert_eq!(members(&facts), expected);
    assert_eq!(members(&facts["sender"]), ["clientId", "clientSecret"]);
    assert_eq!(members(&facts["subscriber"]), ["clientId", "clientSecret"]);
    assert_eq!(
        members(&facts["keys"]),
        [
            "decryption",
            "encryptionPublic",
            "signaturePublic",
            "signing"
        ]
    );
    assert_eq!(facts["caFile"], Value::Null);
    let base = facts["baseUrl"].as_str().unwrap();
    assert!(base.starts_with("http://127.0.0.1:"));
    for (name, path) in [
        ("tokenUrl", "/token"),
        ("submissionApiUrl", "/submission-api"),
        ("destinationApiUrl", "/destination-api"),
        ("routingApiUrl", "/routing-api"),
        ("portalUrl", "/portal"),
        ("jwksUrl", "/submission-api/.well-known/jwks.json"),
        ("intakeUrl", "/intake"),
    ] {
        assert_eq!(facts[name], format!("{base}{path}"), "{name}");
    }
}

#[test]
fn the_key_files_are_the_destinations_keys() {
    let place = Place::new();
    let _sandbox = place.start(&[]);
    let facts = place.facts();
    let text = |name: &str| std::fs::read_to_string(facts.text(&format!("/keys/{name}"))).unwrap();
    let decryption =
        PrivateKey::parse(&text("decryption"), KeyUse::Encryption, X5c::Required).unwrap();
    let signing = PrivateKey::parse(&text("signing"), KeyUse::Signature, X5c::Required).unwrap();
    let encryption =
        PublicKey::parse(&text("encryptionPublic"), KeyUse::Encryption, X5c::Required).unwrap();
    let signature =
        PublicKey::parse(&text("signaturePublic"), KeyUse::Signature, X5c::Required).unwrap();
    assert_eq!(decryption.public().thumbprint(), encryption.thumbprint());
    assert_eq!(signing.public().thumbprint(), signature.thumbprint());
    assert!(!text("encryptionPublic").contains("\"d\""));
}

#[test]
fn the_ready_line_names_address_and_file_also_as_json() {
    let place = Place::new();
    let sandbox = Program::start(place.command(&[]));
    let line = sandbox.line("ready:");
    let facts = place.facts();
    assert_eq!(
        line,
        format!("ready: {} ({})", facts.text("/baseUrl"), place.file())
    );
    assert!(sandbox.stop(STOP_MAX).success());

    let sandbox = Program::start(place.command(&["--json"]));
    let line: Value = serde_json::from_str(&sandbox.line("ready")).unwrap();
    assert_eq!(line["ready"], true);
    assert_eq!(line["sandbox"], place.file());

    let german = Place::new();
    let sandbox = Program::start(german.command(&["--lang", "de"]));
    sandbox.line("bereit:");
}

#[test]
fn the_same_folder_gives_the_same_identity_and_port() {
    let place = Place::new();
    let sandbox = place.start(&[]);
    let first = place.facts();
    let kid = encryption_key(&first).kid().to_owned();
    assert!(sandbox.stop(STOP_MAX).success());
    let _again = place.start(&[]);
    assert_eq!(place.facts(), first);
    assert_eq!(encryption_key(&first).kid(), kid);
}

#[test]
fn the_port_is_the_one_asked_for() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    let place = Place::new();
    // Taken: somebody asked for it by number, so another one would be no answer.
    let mut taken = Program::start(place.command(&["--port", &port.to_string()]));
    assert_eq!(taken.ended().code(), Some(1));
    assert!(taken.talk().contains("another program"), "{}", taken.talk());
    drop(free);
    let _sandbox = place.start(&["--port", &port.to_string()]);
    assert_eq!(place.facts().address(), format!("127.0.0.1:{port}"));
}

#[test]
fn a_port_taken_meanwhile_gives_way_to_another() {
    let place = Place::new();
    assert!(place.start(&[]).stop(STOP_MAX).success());
    let before = place.facts();
    let _taken = std::net::TcpListener::bind(before.address()).unwrap();
    let _sandbox = place.start(&[]);
    let after = place.facts();
    assert_ne!(after.address(), before.address());
    assert_eq!(after.text("/destinationId"), before.text("/destinationId"));
}

#[test]
fn a_second_instance_on_the_folder_is_told_so() {
    let place = Place::new();
    let sandbox = place.start(&[]);
    let facts = place.facts();
    let mut second = Program::start(place.command(&[]));
    assert_eq!(second.ended().code(), Some(1));
    let said = second.talk();
    assert!(
        said.contains("running process") && said.contains("stop that one first"),
        "{said}"
    );
    // The first one is not disturbed, nor is its file.
    assert_eq!(place.facts(), facts);
    assert!(sandbox.stop(STOP_MAX).success());
}

#[test]
fn a_broken_identity_is_an_error_with_a_way_out() {
    for broken in ["", "{", "[]", "{\"sender_id\": 7}"] {
        let place = Place::new();
        std::fs::write(place.dir().join("identity.json"), broken).unwrap();
        let mut sandbox = Program::start(place.command(&[]));
        assert_eq!(sandbox.ended().code(), Some(1), "{broken:?}");
        let said = sandbox.talk();
        assert!(
            said.contains("identity.json") && said.contains("remove the folder"),
            "{said}"
        );
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn keys_may_be_brought_under_any_names() {
    let brought = tempfile::tempdir().unwrap();
    let own = keys().join("destination");
    std::fs::copy(own.join("decryption.jwk"), brought.path().join("one.json")).unwrap();
    std::fs::copy(own.join("signing.jwk"), brought.path().join("zwei.jwk")).unwrap();
    std::fs::write(brought.path().join("readme.txt"), "not a key").unwrap();
    let place = Place::new();
    std::fs::remove_dir_all(place.dir().join("keys/destination")).unwrap();
    let _sandbox = place.start(&["--keys", brought.path().to_str().unwrap()]);
    let text = std::fs::read_to_string(own.join("encryption-public.jwk")).unwrap();
    let expected = PublicKey::parse(&text, KeyUse::Encryption, X5c::Required).unwrap();
    assert_eq!(
        encryption_key(&place.facts()).thumbprint(),
        expected.thumbprint()
    );
}

#[test]
fn a_folder_without_both_keys_is_refused() {
    let brought = tempfile::tempdir().unwrap();
    let own = keys().join("destination/decryption.jwk");
    std::fs::copy(own, brought.path().join("one.jwk")).unwrap();
    let place = Place::new();
    let mut sandbox = Program::start(place.command(&["--keys", brought.path().to_str().unwrap()]));
    assert_eq!(sandbox.ended().code(), Some(1));
    assert!(sandbox.talk().contains("signing"), "{}", sandbox.talk());
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_served_to_who_trusts_the_ca_file_and_to_nobody_else() {
    let place = Place::new();
    let _sandbox = place.start(&["--tls"]);
    let mut facts = place.facts();
    assert!(facts.text("/baseUrl").starts_with("https://127.0.0.1:"));
    let sender = Sender::new(session(&facts, "sender", ApiVersion::V2));
    let application = Application::new("Musterfrau", vec![b"plan".to_vec()]);
    let sealed = SealedApplication::of(&application, &encryption_key(&facts));
    let ids = submit(&sender, &facts, &sealed).await.unwrap();
    assert!(sender.session().verified_log(ids).await.unwrap().is_ok());

    facts.0["caFile"] = Value::Null;
    session(&facts, "sender", ApiVersion::V2)
        .probe()
        .await
        .unwrap_err();
}

#[test]
fn it_stops_at_once_when_nothing_is_open() {
    let place = Place::new();
    assert!(place.start(&[]).stop(STOP_MAX).success());
    assert!(place.start(&["--with-agent"]).stop(STOP_MAX).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_in_time_with_a_long_poll_and_idle_connections_open() {
    let place = Place::new();
    let sandbox = place.start(&["--with-agent"]);
    let facts = place.facts();

    let silent = TcpStream::connect(facts.address()).unwrap();
    let mut idle = TcpStream::connect(facts.address()).unwrap();
    idle.write_all(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    idle.set_read_timeout(Some(SOON)).unwrap();
    assert!(idle.read(&mut [0; 1024]).unwrap() > 0);
    let mut half = TcpStream::connect(facts.address()).unwrap();
    half.write_all(b"GET /nothing HTTP/1.1\r\nhost:").unwrap();

    let subscriber =
        amtsbote_client::Subscriber::new(session(&facts, "subscriber", ApiVersion::V2));
    subscriber.session().probe().await.unwrap();
    let began = Instant::now();
    let poll = tokio::spawn(async move {
        subscriber
            .pickup(None, Paging::default(), Duration::from_secs(20))
            .await
    });
    // Nothing tells from outside that the poll has begun; its connection shows.
    while established(facts.address()) < 4 {
        assert!(began.elapsed() < SOON);
        tokio::time::sleep(LOOK).await;
    }
    let status = tokio::task::spawn_blocking(move || sandbox.stop(STOP_MAX))
        .await
        .unwrap();
    assert!(status.success());
    // Answered or cut, but not left hanging.
    tokio::time::timeout(STOP_MAX, poll)
        .await
        .unwrap()
        .unwrap()
        .ok();
    drop((silent, idle, half));
}

/// Connections to a loopback port, seen from this side of them (`/proc/net/tcp`, state 01).
fn established(address: &str) -> usize {
    let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    let remote = format!("0100007F:{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let open = |line: &&str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns.get(2) == Some(&remote.as_str()) && columns.get(3) == Some(&"01")
    };
    table.lines().filter(open).count()
}

#[test]
fn secrets_are_for_the_owners_eyes() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let fresh = tempfile::tempdir().unwrap();
    copy(keys(), &fresh.path().join("keys"));
    let _sandbox = place.start(&[]);
    for name in ["sandbox.json", "identity.json"] {
        let mode = std::fs::metadata(place.dir().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

//! A gateway whose rows are on a server: what goes wrong between its start's steps, and what does not go on there.

use std::fs::Permissions;
use std::io::{Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use amtsbote_model::relay::{Event, Failed};
use amtsbote_model::{EventId, Timestamp};
use amtsbote_store::{
    Batch, Committed, Ledger as _, Mail, MailId, NewRelay, Outbox as _, RelayRow, Relays as _,
    Upkeep,
};
use amtsbote_store_postgres::{Encryption, PostgresRelays, PostgresStore, Target};
use amtsbote_testkit::postgres::Server;
use amtsbote_testkit::tables::Count;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::serve::{House, free_port};
use crate::stand::{Ended, LOOK, Program, SOON, program, run};
use crate::uplink::certificates;

/// Between a gateway and its database: hangs up on whoever asks for the uplinks' tables, as long as it is told to.
struct Between {
    port: u16,
    refuses: Arc<AtomicBool>,
}

impl Between {
    fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let refuses = Arc::new(AtomicBool::new(true));
        let told = refuses.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let told = told.clone();
                thread::spawn(move || {
                    pass(from, to, |piece| {
                        let asked = piece.windows(15).any(|part| part == b"amtsbote_uplink");
                        asked && told.load(Ordering::SeqCst)
                    });
                });
                thread::spawn(move || pass(server, client, |_| false));
            }
        });
        Self { port, refuses }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, is_refused: impl Fn(&[u8]) -> bool) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if is_refused(&piece[..length]) || to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    // The other direction ends with it; it may have ended already.
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}

const UPLINK: &str = "[[gateway.uplink]]\nname = \"bund\"\nversion = \"v2\"\nsubmission_api_url = \"http://127.0.0.1:1/submission-api\"\n\
    token_url = \"http://127.0.0.1:1/token\"\nclient_id = \"portal\"\nclient_secret_file = \"clients/portal.secret\"\n\n";

#[test]
fn a_database_that_goes_away_between_the_gateways_tables_and_the_uplinks_is_waited_for() {
    let Some(server) = Server::shared() else {
        return;
    };
    let ((house, _), port) = (House::on(server), free_port());
    let between = Between::start(server.port());
    house.write_settings(port, UPLINK);
    let text = std::fs::read_to_string(house.settings()).unwrap();
    let (direct, through) = (
        format!(":{}/", server.port()),
        format!(":{}/", between.port),
    );
    assert!(text.contains(&direct), "{text}");
    std::fs::write(house.settings(), text.replace(&direct, &through)).unwrap();

    let settings = house.settings();
    let mut gateway = Program::start(program(&[
        "gateway",
        "--settings",
        settings.to_str().unwrap(),
    ]));
    let began = Instant::now();
    while !gateway.talk().contains("waiting for the uplinks' database") {
        assert!(!gateway.has_ended(), "{}", gateway.talk());
        assert!(began.elapsed() < SOON, "{}", gateway.talk());
        thread::sleep(LOOK);
    }
    between.refuses.store(false, Ordering::SeqCst);
    let gateway = gateway.ready();
    assert!(gateway.stop(Duration::from_secs(25)).success());
}

fn with(house: &House, command: &[&str]) -> Ended {
    let settings = house.settings();
    let settings = ["--settings", settings.to_str().unwrap()];
    run(&[&["--json"], command, &settings[..]].concat())
}

const EVER: Timestamp = Timestamp::from_millis(i64::MAX);
/// 2096
const LATE: Timestamp = Timestamp::from_millis(4_000_000_000_000);

/// A mail and a relay as they stand after tries that failed, due again in a hundred years.
async fn held(target: &Target, (destination, submission): (&str, &str)) {
    let (now, later) = (
        Timestamp::from_seconds(1_790_000_000),
        Timestamp::from_millis(4_900_000_000_000),
    );
    let store = PostgresStore::open(target).await.unwrap();
    let mail = Mail {
        id: MailId(EventId::from_uuid(Uuid::from_u128(1))),
        destination_id: destination.parse().unwrap(),
        to: "bauamt@example.org".parse().unwrap(),
        subject: "Erinnerung".to_owned(),
        text: "1 Einreichung".to_owned(),
        made_at: now,
        tries: 3,
        due_at: later,
    };
    let posted = store.commit(Batch::new().with(Upkeep::Post(mail).into()));
    assert_eq!(posted.await.unwrap(), Committed::Done);
    let relays = PostgresRelays::open(target).await.unwrap();
    let submission_id = submission.parse().unwrap();
    let new = NewRelay {
        submission_id,
        uplink: "bund".to_owned(),
        at: now,
    };
    relays.begin(new).await.unwrap();
    let row = relays.relay(submission_id).await.unwrap().unwrap();
    let failed = Event::Later {
        failure: Failed::Yes,
        at: later,
    };
    let relay = row.relay.clone().step(failed, now).unwrap();
    relays.swap(RelayRow { relay, ..row }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_go_on_is_an_incident_also_of_an_uplink_that_is_gone_from_the_settings() {
    let Some(server) = Server::shared() else {
        return;
    };
    let ((house, url), port) = (House::on(server), free_port());
    // No tables are made by looking.
    house.write_settings(port, "");
    assert_eq!(
        with(&house, &["incident", "list"]).json()["incidents"],
        json!([])
    );
    assert_eq!(server.count(&url, Count::Schemas), 0);

    let destination = house.prepared(port).await;
    let gateway = Program::start(house.command("gateway")).ready();
    let submission = house.send(port, "Hängt");
    assert!(gateway.stop(Duration::from_secs(25)).success());
    let target = Target::parse(&url, Encryption::Required).unwrap();
    held(&target, (&destination, &submission)).await;

    let list = with(&house, &["incident", "list"]).json();
    let found = list["incidents"].as_array().unwrap();
    let mut kinds: Vec<_> = found
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["mail", "uplink"], "{list:#}");
    for one in found {
        let number = one["number"].as_str().unwrap();
        let shown = with(&house, &["incident", "show", number]).json();
        assert!(shown["rows"][0]["tries"].as_u64().unwrap() > 0, "{shown:#}");
        with(&house, &["incident", "park", number]).failed(&[]);
        with(&house, &["incident", "retry", number, "--dry-run"]).ok();
        let changed = with(&house, &["incident", "retry", number, "--yes"]).json();
        assert_eq!(changed["rows"][0]["outcome"], "changed", "{changed:#}");
    }
    let audit = with(&house, &["incident", "audit"]).json();
    assert_eq!(
        audit["changes"].as_array().map(Vec::len),
        Some(2),
        "{audit:#}"
    );
    let store = PostgresStore::open(&target).await.unwrap();
    assert!(store.due_mails(EVER, 9).await.unwrap()[0].due_at < LATE);
    let relays = PostgresRelays::open(&target).await.unwrap();
    assert!(
        relays.due(EVER, 9).await.unwrap()[0]
            .relay
            .due_at()
            .unwrap()
            < LATE
    );

    // The uplinks' rows are verified with the gateway's.
    let verified = with(&house, &["verify"]).json();
    assert_eq!(
        (&verified["ok"], &verified["databases"]),
        (&json!(true), &json!(2)),
        "{verified}"
    );
    server.alter_relays(&url);
    let verified = with(&house, &["verify"]);
    assert_eq!(verified.code(), Some(1));
    let verified: Value = serde_json::from_str(&verified.stdout()).unwrap();
    assert_eq!(verified["findings"][0]["kind"], "row", "{verified:#}");
}

/// The server speaks TLS from now on, with a certificate of its own CA for this name.
fn encrypted(server: &Server, dir: &Path, name: &str) {
    certificates(dir, &[name]);
    let owner = std::fs::metadata(server.folder()).unwrap();
    for (from, to) in [("server.pem", "server.crt"), ("server.key", "server.key")] {
        let to = server.folder().join(to);
        std::fs::copy(dir.join(from), &to).unwrap();
        std::fs::set_permissions(&to, Permissions::from_mode(0o600)).unwrap();
        chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    server.set("ssl", "on");
}

#[test]
fn the_way_to_the_database_is_encrypted_and_its_server_must_prove_itself() {
    let Some(server) = Server::start() else {
        return;
    };
    let ((house, url), port) = (House::on(&server), free_port());
    let elsewhere = tempfile::tempdir().unwrap();
    certificates(elsewhere.path(), &["127.0.0.1"]);
    encrypted(&server, house.dir(), "127.0.0.1");
    house.write_settings(port, "");
    let text = std::fs::read_to_string(house.settings()).unwrap();
    let password = "password_file = \"database.password\"\n";
    let trusting = |ca: &Path| {
        let with_ca = format!("{password}ca_file = {ca:?}\n");
        assert!(text.contains(password));
        std::fs::write(house.settings(), text.replacen(password, &with_ca, 1)).unwrap();
        Program::start(house.command("gateway"))
    };
    let gateway = trusting(&house.dir().join("ca.pem")).ready();
    assert!(server.count(&url, Count::Encrypted) > 0);
    assert_eq!(server.count(&url, Count::Plain), 0);
    assert!(gateway.stop(Duration::from_secs(25)).success());

    // Another authority, and another name: a person has to change something, so nobody waits.
    let refused = |mut gateway: Program| {
        assert_eq!(gateway.ended().code(), Some(1));
        let said = gateway.talk();
        assert!(
            said.contains("no certificate that is trusted here"),
            "{said}"
        );
    };
    refused(trusting(&elsewhere.path().join("ca.pem")));
    encrypted(&server, house.dir(), "db.example.de");
    server.reload();
    refused(trusting(&house.dir().join("ca.pem")));
}

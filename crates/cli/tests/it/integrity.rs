//! What the disk has altered: never delivered, never a rejection for the applicant, found by `verify`, shown as an incident. And what
//! does not go on at the gateway itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use amtsbote_client::{Sender, Subscriber};
use amtsbote_fit_connect::{ApiVersion, Paging};
use amtsbote_model::relay::{Event, Failed};
use amtsbote_model::{Callback, EventId, Secret, SubmissionId, Timestamp};
use amtsbote_store::{
    Batch, Ledger as _, Mail, MailId, NewRelay, Outbox as _, RelayRow, Relays as _, Upkeep,
};
use amtsbote_store_sql::{SqliteRelays, SqliteStore};
use amtsbote_testkit::postgres::Server;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::receipts::gateway_key;
use crate::serve::{House, free_port};
use crate::stand::{Ended, LOOK, Place, Program, SOON, files_below, keys, root, run};
use crate::wire::{Application, SealedApplication, announcement, encryption_key, finish, session};

const EVER: Timestamp = Timestamp::from_millis(i64::MAX);

fn with(settings: &Path, command: &[&str]) -> Ended {
    let settings = ["--settings", settings.to_str().unwrap()];
    run(&[&["--json"], command, &settings[..]].concat())
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(LOOK);
    }
}

fn incidents(settings: &Path, kind: &str) -> Vec<Value> {
    let list = with(settings, &["incident", "list", "--kind", kind]).json();
    list["incidents"].as_array().unwrap().clone()
}

/// Flips one bit in the middle of a file.
fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// Flips one bit of a text that lies in a file once.
fn flip_in(path: &Path, text: &str) {
    let bytes = std::fs::read(path).unwrap();
    let found = text.as_bytes().windows(24).skip(200).find_map(|part| {
        let mut places = bytes.windows(24).enumerate().filter(|(_, at)| at == &part);
        let (at, _) = places.next()?;
        places.next().is_none().then_some(at)
    });
    flip(path, found.expect("the row is in the file") + 12);
}

/// A gateway that has two applications, an attachment of the first and a row of the second altered. `alter` changes one bit of a row
/// with that text.
async fn altered(house: &House, port: u16, alter: impl FnOnce(&str)) -> [String; 2] {
    let destination = house.prepared(port).await;
    let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
    house.write_settings(port, &house.agent_settings(port, &destination, &packages));
    let gateway = Program::start(house.command("gateway")).ready();
    let first = house.send(port, "Anlage");
    let mut blobs = files_below(&house.dir().join("gateway/blobs"));
    blobs.retain(|path| path.to_str().unwrap().ends_with("-s"));
    let second = house.send(port, "Zeile");
    let token = house.token(port, "fachamt").await;
    let url = format!("http://127.0.0.1:{port}/submission-api/v2/submissions/{second}");
    let client = reqwest::Client::new();
    let fetched = client.get(url).bearer_auth(token).send().await.unwrap();
    let fetched: Value = fetched.json().await.unwrap();
    sealed_whole(house);
    assert!(gateway.stop(SOON).success());

    let [blob] = &blobs[..] else {
        panic!("one attachment was expected: {blobs:?}")
    };
    flip(blob, 850);
    alter(fetched["encryptedData"].as_str().unwrap());
    [first, second]
}

/// Before anything is altered, `verify` finds nothing, and `--keys` tells by whom the blocks are signed.
fn sealed_whole(house: &House) {
    let settings = house.settings();
    let own = gateway_key(house.dir());
    let own = own.strip_prefix("service=").unwrap().to_owned();
    until("the log is sealed", || {
        let verified = with(&settings, &["verify", "--keys", &own]).json();
        assert_eq!(verified["ok"], true);
        verified["blocks"].as_u64().unwrap() > 0
    });
    let other = keys().join("destination/signature-public.jwk");
    let refused = with(&settings, &["verify", "--keys", other.to_str().unwrap()]);
    assert_eq!(refused.code(), Some(1));
    let refused: Value = serde_json::from_str(&refused.stdout()).unwrap();
    assert_eq!(refused["findings"][0]["kind"], "chain");
    assert_eq!(incidents(&settings, "integrity")[0]["cause"], "log-altered");
    with(&settings, &["verify"]).ok();
    assert_eq!(incidents(&settings, "integrity"), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_has_altered_waits_and_nobody_is_rejected() {
    let house = House::new();
    let database = house.dir().join("gateway/gateway.db");
    waits_and_is_found(&house, |text| flip_in(&database, text)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_what_was_altered_on_postgresql() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (house, url) = House::on(server);
    let alter = |text: &str| assert!(server.alter_data(&url, text));
    waits_and_is_found(&house, alter).await;
}

async fn waits_and_is_found(house: &House, alter: impl FnOnce(&str)) {
    let port = free_port();
    let [attachment, row] = altered(house, port, alter).await;
    let settings = house.settings();
    let serve = Program::start(house.command("serve")).ready();
    let token = house.token(port, "fachamt").await;
    let url = format!("http://127.0.0.1:{port}/submission-api/v2/submissions/{row}");
    let answer = reqwest::Client::new().get(url).bearer_auth(token).send();
    assert_eq!(answer.await.unwrap().status(), 500);

    // What is whole goes on beside them.
    let whole = house.send(port, "Ganz");
    house.accepted(port, &whole, &serve).await;
    until("both are an incident", || {
        let found = incidents(&settings, "delivery");
        found
            .iter()
            .filter_map(|one| one["count"].as_u64())
            .sum::<u64>()
            == 2
    });
    for id in [&attachment, &row] {
        let shown = with(&settings, &["incident", "show", id]).json();
        assert_eq!(shown["rows"][0]["cause"], "service-faulty", "{shown:#}");
        let status = house.as_portal(port, &["--json", "status", id]);
        assert_eq!(status["state"], "submitted", "{status:#}");
    }
    assert!(!serve.talk().contains("a panic"), "{}", serve.talk());

    findings_are_incidents_until_released(house, &settings);
}

fn findings_are_incidents_until_released(house: &House, settings: &Path) {
    let verified = with(settings, &["verify"]);
    assert_eq!(verified.code(), Some(1));
    let causes = || -> Vec<String> {
        let found = incidents(settings, "integrity");
        let mut causes: Vec<_> = found
            .iter()
            .map(|one| one["cause"].as_str().unwrap().to_owned())
            .collect();
        causes.sort();
        causes
    };
    assert_eq!(causes(), ["attachment-altered", "row-altered"]);
    let found = incidents(settings, "integrity");
    assert!(found.iter().all(|one| one["serious"] == true));
    let one = found
        .iter()
        .find(|one| one["cause"] == "row-altered")
        .unwrap();
    let number = one["number"].as_str().unwrap();
    let shown = with(settings, &["incident", "show", number]).json();
    assert!(
        shown["rows"][0]["what"]
            .as_str()
            .unwrap()
            .contains("contents"),
        "{shown:#}"
    );
    with(settings, &["incident", "retry", number]).failed(&[]);

    let planned = with(settings, &["incident", "release", number, "--dry-run"]).json();
    assert_eq!(planned["rows"][0]["outcome"], "planned");
    assert_eq!(causes().len(), 2);
    with(
        settings,
        &[
            "incident",
            "release",
            number,
            "--reason",
            "sender asked to send again",
        ],
    )
    .ok();
    assert_eq!(causes(), ["attachment-altered"]);
    assert_eq!(with(settings, &["--lang", "de", "verify"]).code(), Some(1));
    assert_eq!(
        causes(),
        ["attachment-altered"],
        "what is released stays so"
    );
    let audit = with(settings, &["incident", "audit"]).json();
    let note = &audit["changes"][0];
    assert_eq!(
        (&note["command"], &note["reason"]),
        (
            &json!("incident release"),
            &json!("sender asked to send again")
        )
    );
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = house.dir().join("gateway").join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(
        (mode("integrity.json"), mode("interventions.jsonl")),
        (0o600, 0o600)
    );
}

/// A sandbox's gateway as its operator's settings name it.
fn operated(place: &Place) -> PathBuf {
    let dir = place.dir();
    let text = format!(
        "[gateway]\nbase_url = \"http://127.0.0.1:1\"\nlisten = \"127.0.0.1:1\"\ndata_dir = {:?}\nkeys_dir = {:?}\nschemas_dir = {:?}\n",
        dir.join("gateway"),
        dir.join("keys/gateway"),
        root().join("schemas"),
    );
    let path = dir.join("operator.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// A submission whose sender wants to be told where nobody listens.
async fn unheard(place: &Place) -> SubmissionId {
    let facts = place.facts();
    let sender = Sender::new(session(&facts, "sender", ApiVersion::V2));
    let sealed = SealedApplication::of(
        &Application::new("Taub", Vec::new()),
        &encryption_key(&facts),
    );
    let mut announced = announcement(&facts, Vec::new());
    announced.callback = Some(Callback {
        url: format!("https://127.0.0.1:{}/callback", free_port()),
        secret: Secret::new("k".repeat(32)),
    });
    let ids = sender.announce(&announced).await.unwrap();
    finish(&sender, ids, &sealed).await.unwrap();
    // Now there is something to tell the sender.
    let subscriber = Subscriber::new(session(&facts, "subscriber", ApiVersion::V2));
    let listed = subscriber.pickup(None, Paging::default(), Duration::ZERO);
    assert_eq!(listed.await.unwrap().submissions.len(), 1);
    ids.submission_id
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_mails_and_uplinks_that_do_not_go_on_are_incidents() {
    let place = Place::new();
    let sandbox = place.start(&[]);
    let (settings, submission) = (operated(&place), unheard(&place).await);
    until("the callback is an incident", || {
        !incidents(&settings, "callback").is_empty()
    });
    assert!(sandbox.stop(SOON).success());
    hold_mail_and_relay(&place, submission).await;

    let list = with(&settings, &["incident", "list"]).json();
    let found = list["incidents"].as_array().unwrap();
    let mut kinds: Vec<_> = found
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["callback", "mail", "uplink"]);
    let destination = place.facts().text("/destinationId").to_owned();
    for one in found {
        assert_eq!(one["destinationId"], *destination);
        assert_ne!(one["deadline"], Value::Null);
        assert!(
            one["nextStep"]["de"]
                .as_str()
                .unwrap()
                .contains("incident retry")
        );
        let number = one["number"].as_str().unwrap();
        let shown = with(&settings, &["incident", "show", number]).json();
        assert!(shown["rows"][0]["tries"].as_u64().unwrap() > 0, "{shown:#}");
        with(&settings, &["incident", "park", number]).failed(&[]);
        with(&settings, &["incident", "retry", number, "--dry-run"]).ok();
        let changed = with(&settings, &["incident", "retry", number, "--yes"]).json();
        assert_eq!(changed["rows"][0]["outcome"], "changed", "{changed:#}");
    }
    let audit = with(&settings, &["incident", "audit"]).json();
    assert_eq!(audit["changes"].as_array().unwrap().len(), 3);
    let of = ["incident", "audit", "--submission", &submission.to_string()];
    assert_eq!(
        with(&settings, &of).json()["changes"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let home = place.dir().join("gateway");
    let (store, relays) = (
        SqliteStore::open(&home).unwrap(),
        SqliteRelays::open(&home).unwrap(),
    );
    let is_due = |at: Timestamp| at < Timestamp::from_millis(4_000_000_000_000);
    assert!(
        store
            .due(EVER, 9)
            .await
            .unwrap()
            .iter()
            .all(|one| is_due(one.due_at))
    );
    assert!(is_due(store.due_mails(EVER, 9).await.unwrap()[0].due_at));
    assert!(is_due(
        relays.due(EVER, 9).await.unwrap()[0]
            .relay
            .due_at()
            .unwrap()
    ));
}

/// As they stand after tries that failed, due again in a hundred years.
async fn hold_mail_and_relay(place: &Place, submission_id: SubmissionId) {
    let home = place.dir().join("gateway");
    let (now, later) = (
        Timestamp::from_seconds(1_790_000_000),
        Timestamp::from_millis(4_900_000_000_000),
    );
    let store = SqliteStore::open(&home).unwrap();
    let mail = Mail {
        id: MailId(EventId::from_uuid(Uuid::from_u128(1))),
        destination_id: place.facts().text("/destinationId").parse().unwrap(),
        to: "bauamt@example.org".parse().unwrap(),
        subject: "Erinnerung".to_owned(),
        text: "1 Einreichung".to_owned(),
        made_at: now,
        tries: 3,
        due_at: later,
    };
    store
        .commit(Batch::new().with(Upkeep::Post(mail).into()))
        .await
        .unwrap();
    let relays = SqliteRelays::open(&home).unwrap();
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

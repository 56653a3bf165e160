//! Rows that another hand, or the disk, has changed: found by `verify`, and never given away.

use std::path::PathBuf;

use amtsbote_model::Timestamp;
use amtsbote_model::submission::State;
use amtsbote_store::chain::Block;
use amtsbote_store::laws::samples::{
    announced_one, attachment, content, destination, done, event, found, id, key, mail, moved,
    notice, of, open_case, remembered, reply_announced, submission,
};
use amtsbote_store::transfer::{TABLES, Transfer};
use amtsbote_store::{
    Cases as _, Change, Content, Deliveries as _, Error, Ledger as _, LogOf, NewRelay, Order, Page,
    Relays as _, Upkeep,
};
use amtsbote_store_postgres::{
    Examined, PostgresDeliveries, PostgresRelays, PostgresStore, PostgresTransfer,
};
use amtsbote_testkit::postgres::{Server, Stop};
use uuid::Uuid;

use crate::benches::target;

const PAGE: Page = Page {
    offset: 0,
    limit: 100,
};

/// Something in each table, and more than one page of sealed parts.
async fn fill(store: &PostgresStore) {
    let changes = vec![
        found(destination(1)),
        open_case(2, 1),
        Change::PutKey {
            destination_id: id(1),
            key: key("kid", 5),
        },
        Change::Remember(remembered("key")),
        Change::Enqueue(notice(9, 30)),
        Upkeep::Post(mail(8, 30)).into(),
        reply_announced(7, 2, 1),
        Upkeep::Round {
            at: Timestamp::from_millis(5),
        }
        .into(),
    ];
    done(store, changes).await;
    for number in 10..30 {
        let changes = vec![
            Change::Announce(Box::new(submission(number, 2, 1))),
            Change::Fill {
                subject: of(number),
                content: Content {
                    metadata: format!("{number}{}", "m".repeat(700)),
                    data: Some(format!("{number}{}", content().metadata.repeat(40))),
                },
            },
            Change::Append(event(number + 100, 2, number)),
        ];
        done(store, changes).await;
    }
    let attach = Change::Attach {
        subject: of(10),
        attachment: attachment(1, 1),
    };
    done(store, vec![attach]).await;
    crate::examine::seal(store, 7).await;
}

async fn examined(store: &PostgresStore) -> Examined {
    let is_signed = &mut |_: &Block| true;
    store
        .examine(Timestamp::from_millis(0), is_signed)
        .await
        .unwrap()
}

fn sql(server: &Server, url: &str, sql: &str) -> String {
    server.sql(url, &format!("SET search_path = amtsbote_gateway; {sql}"))
}

fn is_kept_back<T: std::fmt::Debug>(read: &Result<T, Error>) -> bool {
    matches!(read, Err(Error::Unreadable { reason, .. }) if reason.contains("not those that were written"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_any_table_changed_by_another_hand_is_found() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let store = PostgresStore::open(&target(&url)).await.unwrap();
    fill(&store).await;
    let clean = examined(&store).await.rows;
    assert_eq!((&clean.altered, &clean.unreadable), (&vec![], &vec![]));
    assert_eq!(clean.without_sum, 0);
    assert!(clean.rows > 70, "{clean:?}");
    for (table, harm) in [
        ("destinations", "body = body || ' '"),
        ("offers", "service = service || 'x'"),
        ("keys", "jwk = jwk || ' '"),
        ("cases", "last_at = last_at + 1"),
        ("submissions", "state = 'accepted'"),
        ("replies", "receiver = 'other'"),
        ("attachments", "tag = tag || 'x'"),
        ("contents", "data = data || 'x'"),
        ("events", "token = token || 'x'"),
        ("remembered", "answer = answer || ' '"),
        ("outbox", "url = 'https://other.example.de/'"),
        ("mails", "recipient = 'other@example.org'"),
        ("marks", "at = at + 1"),
        ("blocks", "at = at + 1"),
        ("leaves", "at = at + 1"),
    ] {
        let place = sql(server, &url, &format!("SELECT min(ctid) FROM {table}"));
        let keep = sql(server, &url, &format!("SELECT max(ctid) FROM {table}"));
        assert_ne!(keep, "", "nothing is in {table}");
        sql(
            server,
            &url,
            &format!("UPDATE {table} SET {harm} WHERE ctid = '{place}'"),
        );
        let rows = examined(&store).await.rows;
        let tables: Vec<_> = rows.altered.iter().map(|(table, _)| *table).collect();
        assert!(tables.contains(&table), "{table}: {tables:?}");
    }
    // One each: what was wrong is still wrong, and nothing else has become so.
    assert_eq!(examined(&store).await.rows.altered.len(), 15);
    // Put in by another hand, it has no sum at all.
    sql(
        server,
        &url,
        "INSERT INTO marks (name, at) VALUES ('other', 1)",
    );
    assert_eq!(examined(&store).await.rows.altered.len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_parts_and_events_that_were_changed_are_not_given_away_nor_moved() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let store = PostgresStore::open(&target(&url)).await.unwrap();
    fill(&store).await;
    assert!(store.content(of(10)).await.unwrap().is_some());
    sql(
        server,
        &url,
        "UPDATE contents SET data = replace(data, '10', '1O') WHERE metadata LIKE '10%'",
    );
    let read = store.content(of(10)).await;
    assert!(is_kept_back(&read), "{read:?}");
    assert!(store.content(of(11)).await.unwrap().is_some());

    let log = LogOf::Subject(of(12));
    assert_eq!(store.events(log, PAGE).await.unwrap().entries.len(), 1);
    sql(
        server,
        &url,
        &format!(
            "UPDATE events SET name = name || 'x' WHERE subject_id = '{}'",
            of(12).uuid()
        ),
    );
    let read = store.events(log, PAGE).await;
    assert!(is_kept_back(&read), "{read:?}");
    assert_eq!(
        store
            .events(LogOf::Subject(of(13)), PAGE)
            .await
            .unwrap()
            .entries
            .len(),
        1
    );

    let mut moving = PostgresTransfer::source(&target(&url)).await.unwrap();
    let contents = TABLES
        .iter()
        .find(|table| table.name == "contents")
        .unwrap();
    let read = moving.rows(contents, None).await;
    assert!(is_kept_back(&read), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_changed_stays_wrong_whatever_is_updated_in_it() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let store = PostgresStore::open(&target(&url)).await.unwrap();
    announced_one(&store).await;
    sql(server, &url, "UPDATE submissions SET sender = 'other'");
    let before = examined(&store).await.rows.altered;
    assert_eq!(before.len(), 1, "{before:?}");
    done(
        &store,
        vec![moved(1, State::Created, State::Submitted, 2000)],
    )
    .await;
    assert_eq!(examined(&store).await.rows.altered, before);
}

/// A file of a table, and where a text stands in it.
fn place_of(server: &Server, url: &str, (table, text): (&str, &str)) -> (PathBuf, usize) {
    let path = sql(
        server,
        url,
        &format!("CHECKPOINT; SELECT pg_relation_filepath('{table}')"),
    );
    let path = server.folder().join(path);
    let bytes = std::fs::read(&path).unwrap();
    let mut places = bytes.windows(text.len()).enumerate();
    let (at, _) = places.find(|(_, part)| *part == text.as_bytes()).unwrap();
    (path, at)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_flipped_bit_in_a_page_is_found_and_not_given_away() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let store = PostgresStore::open(&target(&url)).await.unwrap();
    fill(&store).await;
    let (path, at) = place_of(
        &server,
        &url,
        ("contents", &format!("15{}", "m".repeat(700))),
    );
    drop(store);
    server.stop(Stop::Fast);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[at + 300] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    server.start_again();
    let store = PostgresStore::open(&target(&url)).await.unwrap();
    // Without page checksums the server knows nothing of it.
    let found = examined(&store).await;
    assert!(!found.has_checksums);
    assert_eq!(
        found.rows.altered,
        [("contents", of(15).uuid().to_string())]
    );
    assert!(is_kept_back(&store.content(of(15)).await));
    assert!(store.content(of(16)).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_its_server_refuses_is_unreadable_and_not_an_outage() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let store = PostgresStore::open(&target(&url)).await.unwrap();
    fill(&store).await;
    let (path, _) = place_of(
        &server,
        &url,
        ("contents", &format!("10{}", "m".repeat(700))),
    );
    drop(store);
    server.stop(Stop::Fast);
    let mut bytes = std::fs::read(&path).unwrap();
    // The header of the first page: where its free room begins and ends.
    bytes[12..16].fill(0xFF);
    std::fs::write(&path, bytes).unwrap();
    server.start_again();
    let store = PostgresStore::open(&target(&url)).await.unwrap();
    let read = store.content(of(10)).await;
    assert!(matches!(read, Err(Error::Unreadable { .. })), "{read:?}");
    // The rest of the gateway goes on.
    assert!(store.case(id(2)).await.unwrap().is_some());
    let found = examined(&store).await.rows;
    let tables: Vec<_> = found.unreadable.iter().map(|(table, _)| *table).collect();
    assert_eq!(tables, ["contents"], "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_agents_and_uplinks_keep_has_sums_too() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let agents = PostgresDeliveries::open(&target(&url), "bund")
        .await
        .unwrap();
    let of = crate::agents::destination(1);
    agents
        .note(
            (1..9)
                .map(|number| crate::agents::new(number, of))
                .collect(),
        )
        .await
        .unwrap();
    let share = crate::agents::share(of, Order::Due);
    let claim = crate::agents::claim(crate::agents::worker(1), (100, 200), vec![share]);
    assert_eq!(agents.claim(claim).await.unwrap().rows.len(), 3);
    let relays = PostgresRelays::open(&target(&url)).await.unwrap();
    let new = NewRelay {
        submission_id: id(3),
        uplink: "bund".into(),
        at: Timestamp::from_millis(4),
    };
    relays.begin(new).await.unwrap();
    let (clean, relayed) = (
        agents.examine().await.unwrap(),
        relays.examine().await.unwrap(),
    );
    assert_eq!((&clean.altered, clean.without_sum), (&vec![], 0));
    assert_eq!((&relayed.altered, relayed.rows), (&vec![], 1));
    assert!(clean.rows > 2, "{clean:?}");
    server.sql(&url, "UPDATE amtsbote_agent.deliveries SET body = replace(body, 'waiting', 'Waiting'); UPDATE amtsbote_uplink.relays SET uplink = 'x'");
    let (found, relayed) = (
        agents.examine().await.unwrap(),
        relays.examine().await.unwrap(),
    );
    assert!(
        found
            .altered
            .iter()
            .any(|(table, _)| *table == "deliveries"),
        "{found:?}"
    );
    assert_eq!(
        relayed.altered,
        [(
            "relays",
            id::<amtsbote_model::SubmissionId>(3).uuid().to_string()
        )]
    );
}

/// As an older version has left it: no sums anywhere.
fn older(server: &Server, url: &str) {
    let place = "FOREACH place IN ARRAY ARRAY['destinations', 'offers', 'keys', 'cases', 'submissions', 'replies', 'attachments', 'contents',
        'events', 'remembered', 'outbox', 'mails', 'marks', 'blocks', 'leaves'] LOOP";
    sql(
        server,
        url,
        &format!(
            "DO $$ DECLARE place text; BEGIN {place} EXECUTE format('ALTER TABLE %I DROP COLUMN sum; DROP TRIGGER keep_sum ON %I', place, place);
             END LOOP; END $$; DROP TABLE sums; DROP FUNCTION keep_sum; DROP FUNCTION row_sum; DROP FUNCTION is_whole;
             DELETE FROM migrations WHERE version = 3"
        ),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_older_version_get_their_sums_beside_it() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    // A store of before goes on all the while: its statements know nothing of sums.
    let old = PostgresStore::open(&target(&url)).await.unwrap();
    fill(&old).await;
    older(server, &url);
    let bare = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'sum' AND table_schema = 'amtsbote_gateway'";
    assert_eq!(server.sql(&url, bare), "0");
    let new = PostgresStore::open(&target(&url)).await.unwrap();
    done(
        &old,
        vec![moved(11, State::Created, State::Submitted, 2000)],
    )
    .await;
    done(&old, vec![Change::Append(event(300, 2, 11))]).await;
    assert!(new.content(of(10)).await.unwrap().is_some());
    let mut looks = 0;
    while sql(server, &url, "SELECT count(*) FROM sums") == "0" {
        assert!(looks < 300, "the rows have no sums yet");
        looks += 1;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let found = examined(&new).await.rows;
    assert_eq!((found.altered, found.without_sum), (vec![], 0));
    // From now on, none is as bad as a wrong one.
    sql(
        server,
        &url,
        "UPDATE contents SET sum = NULL WHERE metadata LIKE '10%'",
    );
    assert!(is_kept_back(&new.content(of(10)).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn until_all_have_sums_a_row_without_one_is_taken_as_it_is_and_counted() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let store = PostgresStore::open(&target(&url)).await.unwrap();
    fill(&store).await;
    sql(
        server,
        &url,
        "UPDATE contents SET sum = NULL; UPDATE cases SET last_at = 7; DELETE FROM sums",
    );
    assert!(store.content(of(10)).await.unwrap().is_some());
    let found = examined(&store).await.rows;
    assert_eq!(found.without_sum, 20);
    // What has a wrong one is found all the same.
    let case = id::<amtsbote_model::CaseId>(2).uuid();
    assert_eq!(found.altered, [("cases", Uuid::to_string(&case))]);
}

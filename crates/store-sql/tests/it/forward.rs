//! A database of version 1 is brought forward with all it holds.

use amtsbote_model::submission::State;
use amtsbote_store::laws::samples::{
    ALL, at, attachment, client, content, done, id, of, of_reply, reply_announced,
};
use amtsbote_store::{Case, CaseFilter, Cases, Change, Ledger, LogOf, Outbox};
use amtsbote_store_sql::SqliteStore;
use rusqlite::Connection;

/// Destination 1; case 1 of client 7 with submissions 1 (submitted, filled, attachment 1) and 2; two events, one notice.
const OLD: &str = "
INSERT INTO destinations VALUES (x'00000000000000000000000000000001', 'client-1', 'active', 1, '{}');
INSERT INTO cases VALUES (x'00000000000000000000000000000001', x'00000000000000000000000000000001', 500);
INSERT INTO submissions (id, case_id, destination_id, sender, service, state, since, announced, created_at, submitted_at)
    VALUES (x'00000000000000000000000000000001', x'00000000000000000000000000000001', x'00000000000000000000000000000001', 'client-7',
            'urn:de:fim:leika:leistung:99012008001000', 'submitted', 2000, x'00000000000000000000000000000001', 1000, 2000),
           (x'00000000000000000000000000000002', x'00000000000000000000000000000001', x'00000000000000000000000000000001', 'client-7',
            'urn:de:fim:leika:leistung:99012008001000', 'created', 3000, x'', 3000, NULL);
INSERT INTO attachments VALUES (x'00000000000000000000000000000001', x'00000000000000000000000000000001', 'blob-1', 5000000001, 'AAAAAAAAAAAAAAAAAAAAAA');
INSERT INTO contents VALUES (x'00000000000000000000000000000001', 'meta.iv..cipher.tag', 'data.iv..cipher.tag');
INSERT INTO events (id, case_id, submission_id, name, issuer, at, token)
    VALUES (x'00000000000000000000000000000009', x'00000000000000000000000000000001', x'00000000000000000000000000000001', 'create-submission', 'service', 1000, 'a.b.c'),
           (x'00000000000000000000000000000008', x'00000000000000000000000000000001', x'00000000000000000000000000000002', 'create-submission', 'service', 3000, 'a.b.c');
INSERT INTO outbox (id, submission_id, url, secret, body, tries, due_at)
    VALUES (x'00000000000000000000000000000007', x'00000000000000000000000000000001', 'https://callback.example/', 'secret', '{}', 2, 10);
INSERT INTO remembered VALUES ('client-7', 'key', 'fingerprint', 'answer', 1000);
PRAGMA application_id = 1096970055;
PRAGMA user_version = 1;
";

#[tokio::test]
async fn a_database_of_version_1_keeps_its_submissions_and_takes_replies() {
    let folder = tempfile::tempdir().unwrap();
    let old = Connection::open(folder.path().join("gateway.db")).unwrap();
    old.execute_batch(include_str!("../../src/schema/gateway-1.sql"))
        .unwrap();
    old.execute_batch(OLD).unwrap();
    drop(old);

    let store = SqliteStore::open(folder.path()).unwrap();
    let kept = store.submission(id(1)).await.unwrap().unwrap();
    assert_eq!(kept.state, State::Submitted);
    assert_eq!(kept.attachments, [attachment(1, 1)]);
    assert_eq!(store.content(of(1)).await.unwrap(), Some(content()));
    let log = store.events(LogOf::Case(id(1)), ALL).await.unwrap();
    let subjects: Vec<_> = log.entries.iter().map(|event| event.subject).collect();
    assert_eq!(subjects, [of(1), of(2)]);
    let repeated = store.remembered(&client(7), "key").await.unwrap();
    assert_eq!(repeated.unwrap().answer, "answer");
    let due = store.due(at(99), 10).await.unwrap();
    assert_eq!((due[0].subject, due[0].tries), (of(1), 2));

    // Who opened a case is who sent its first submission.
    let of_sender = CaseFilter {
        sender: Some(client(7)),
        destinations: vec![],
    };
    let cases = store.cases(&of_sender, ALL).await.unwrap().entries;
    let expected = Case {
        id: id(1),
        destination_id: id(1),
        sender: client(7),
        opened_at: amtsbote_model::Timestamp::from_millis(500),
    };
    assert_eq!(cases, [expected]);
    let fill = Change::Fill {
        subject: of_reply(5),
        content: content(),
    };
    done(&store, vec![reply_announced(5, 1, 1), fill]).await;
    assert!(store.reply(id(5)).await.unwrap().is_some());
}

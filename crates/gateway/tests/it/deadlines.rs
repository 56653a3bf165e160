//! Deadlines, with a clock turned by hand.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use amtsbote_gateway::{Deadlines, Doubt, Orphans, Retention, Round};
use amtsbote_model::{AttachmentId, Callback, ClientId, Clock, Secret, SubmissionId, Timestamp};
use amtsbote_store::{Batch, Change, Mail, Remembered, Reply};
use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench::{Bench, Ids, sealed};

const HOUR: Duration = Duration::from_hours(1);
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Each test over both stores.
macro_rules! over_both_stores {
    ($($test:ident),+ $(,)?) => {
        mod in_memory {$(
            #[tokio::test]
            async fn $test() {
                super::$test(crate::bench::Bench::new().await).await;
            }
        )+}
        mod on_disk {$(
            #[tokio::test]
            async fn $test() {
                super::$test(crate::bench::Bench::on_disk().await).await;
            }
        )+}
    };
}

over_both_stores!(
    what_is_not_submitted_within_a_day_goes_with_its_attachments,
    what_is_not_fetched_is_rejected_after_14_days_and_deleted_after_21,
    what_was_accepted_goes_after_a_week,
    a_round_does_so_much_and_the_next_one_the_rest,
    the_contact_is_reminded_after_3_and_9_days_by_one_mail_each,
    after_a_long_downtime_only_the_last_reminder_is_sent,
    who_cannot_be_written_to_is_not_reminded_and_nothing_else_changes,
    the_event_log_goes_730_days_after_the_last_event_and_frees_the_destination,
    answers_to_repeats_are_forgotten_after_30_days,
    a_clock_that_jumps_deletes_nothing_until_it_is_right_again,
    after_a_long_downtime_a_person_confirms_the_clock,
);

/// Tests turn the clock by weeks: their processes believe it.
fn trusting() -> Retention {
    let mut retention = Retention::default();
    retention.trust.downtime_max = Duration::from_hours(100 * 365 * 24);
    retention
}

/// A round of a process that has just begun: so every test is one of restarts, too.
async fn any_round(bench: &Bench) -> Round {
    let deadlines = Deadlines::new(bench.context.clone(), trusting()).mailing();
    deadlines.round().await.unwrap()
}

pub(crate) async fn round(bench: &Bench) -> (u64, u64) {
    let done = any_round(bench).await;
    assert_eq!((done.left, done.doubt), (0, None));
    (done.rejected, done.deleted)
}

async fn set_mail_address(bench: &Bench, address: &str) {
    bench
        .change_destination(|destination| destination.contact.email = Some(address.to_owned()))
        .await;
}

async fn mails(bench: &Bench) -> Vec<Mail> {
    bench.store.due_mails(bench.clock.now(), 100).await.unwrap()
}

async fn state(bench: &Bench, ids: &Ids) -> String {
    bench.stored(ids).await.state.name().to_owned()
}

async fn has_content(bench: &Bench, ids: &Ids) -> bool {
    bench
        .store
        .content(ids.submission.parse::<SubmissionId>().unwrap().into())
        .await
        .unwrap()
        .is_some()
}

async fn what_is_not_submitted_within_a_day_goes_with_its_attachments(bench: Bench) {
    let attachment = AttachmentId::from_uuid(Uuid::new_v4());
    let ids = bench.announce("v1", &[attachment]).await;
    bench
        .upload(&ids, attachment, sealed(b"x", "application/pdf"))
        .await
        .expect(204);
    bench.clock.turn(23 * HOUR);
    assert_eq!(round(&bench).await, (0, 0));
    assert_eq!(bench.blob_count().await, 1);
    bench.clock.turn(2 * HOUR);
    assert_eq!(round(&bench).await, (0, 1));
    assert_eq!(state(&bench, &ids).await, "deleted");
    assert_eq!(bench.blob_count().await, 0);
    assert_eq!(
        bench.log(&ids).await,
        ["create-submission", "delete-submission"]
    );
    bench.submit(&ids).await.refuses(422, "submission-closed");
    assert_eq!(round(&bench).await, (0, 0), "once is enough");
}

async fn what_is_not_fetched_is_rejected_after_14_days_and_deleted_after_21(bench: Bench) {
    let ids = bench
        .submitted("v2", &[AttachmentId::from_uuid(Uuid::new_v4())])
        .await;
    bench.clock.turn(14 * 24 * HOUR);
    assert_eq!(round(&bench).await, (0, 0));
    bench.clock.turn(HOUR);
    assert_eq!(round(&bench).await, (1, 0));
    assert_eq!(state(&bench, &ids).await, "rejected");
    assert!(
        has_content(&bench, &ids).await,
        "the content stays for another week"
    );
    let rejected = bench.claims_in_log(&ids).await.pop().unwrap();
    assert_eq!(
        rejected["iss"],
        "https://amtsbote.example.de/submission-api"
    );
    let problems = &rejected["events"]["https://schema.fitko.de/fit-connect/events/reject-submission"]
        ["problems"];
    assert_eq!(
        problems[0]["type"],
        "https://schema.fitko.de/fit-connect/events/problems/technical-error"
    );
    assert!(problems[0]["detail"].as_str().unwrap().contains("14 days"));

    bench.clock.turn(7 * 24 * HOUR + HOUR);
    assert_eq!(round(&bench).await, (0, 1));
    assert_eq!(state(&bench, &ids).await, "deleted");
    assert!(!has_content(&bench, &ids).await);
    assert_eq!(bench.blob_count().await, 0);
    let log = bench.log(&ids).await;
    assert_eq!(
        log,
        [
            "create-submission",
            "submit-submission",
            "reject-submission",
            "delete-submission"
        ]
    );
}

async fn what_was_accepted_goes_after_a_week(bench: Bench) {
    let ids = bench.submitted("v2", &[]).await;
    bench.clock.turn(13 * 24 * HOUR);
    bench.accept(&ids).await.expect(204);
    bench.clock.turn(7 * 24 * HOUR);
    assert_eq!(round(&bench).await, (0, 0));
    bench.clock.turn(HOUR);
    assert_eq!(round(&bench).await, (0, 1));
    assert!(!has_content(&bench, &ids).await);
    assert_eq!(bench.log(&ids).await.last().unwrap(), "delete-submission");
}

#[tokio::test]
async fn both_sides_are_told_of_what_the_service_does_by_itself() {
    let bench = Bench::new().await;
    bench
        .change_destination(|destination| {
            let url = "https://subscriber.example.org/cb".to_owned();
            destination.callback = Some(Callback {
                url,
                secret: Secret::new(SECRET.to_owned()),
            });
        })
        .await;
    let mut announcement = bench.announcement("v2", &[]);
    announcement["callback"] = json!({ "url": "https://sender.example.org/cb", "secret": SECRET });
    let mut announce = Vec::new();
    for _ in 0..2 {
        let answer = bench
            .post("/submission-api/v2/submissions")
            .by("sender")
            .json(&announcement)
            .await;
        let id = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        announce.push(Ids {
            version: "v2".into(),
            submission: id("submissionId"),
            case: id("caseId"),
        });
    }
    bench.submit(&announce[0]).await.expect(200);
    let events = async || {
        let of_events = |(url, body): (String, Value)| {
            let is_event = body["type"].as_str().unwrap().ends_with("/new-events");
            is_event.then(|| {
                (
                    url,
                    body["submissions"][0]["submissionId"]
                        .as_str()
                        .unwrap()
                        .to_owned(),
                )
            })
        };
        bench
            .notices()
            .await
            .into_iter()
            .filter_map(of_events)
            .collect::<Vec<_>>()
    };
    let [submitted, unsubmitted] = [0, 1].map(|at: usize| announce[at].submission.clone());
    bench.clock.turn(25 * HOUR);
    assert_eq!(round(&bench).await, (0, 1));
    let sender = |id: &String| ("https://sender.example.org/cb".to_owned(), id.clone());
    let subscriber = |id: &String| ("https://subscriber.example.org/cb".to_owned(), id.clone());
    assert_eq!(
        events().await,
        [sender(&unsubmitted)],
        "the subscriber never knew of it"
    );
    bench.clock.turn(14 * 24 * HOUR);
    assert_eq!(round(&bench).await, (1, 0));
    assert_eq!(
        events().await,
        [
            sender(&unsubmitted),
            sender(&submitted),
            subscriber(&submitted)
        ]
    );
}

#[tokio::test]
async fn more_than_one_slice_is_done_in_one_round() {
    let bench = Bench::new().await;
    for _ in 0..120 {
        bench.announce("v2", &[]).await;
    }
    bench.clock.turn(25 * HOUR);
    assert_eq!(round(&bench).await, (0, 120));
}

async fn a_round_does_so_much_and_the_next_one_the_rest(bench: Bench) {
    for _ in 0..7 {
        bench.announce("v2", &[]).await;
    }
    bench.clock.turn(25 * HOUR);
    let retention = Retention {
        per_round: 3,
        ..trusting()
    };
    let deadlines = Deadlines::new(bench.context.clone(), retention);
    for expected in [3, 3, 1, 0] {
        assert_eq!(deadlines.round().await.unwrap().deleted, expected);
    }
}

async fn the_contact_is_reminded_after_3_and_9_days_by_one_mail_each(bench: Bench) {
    set_mail_address(&bench, "bau@example.org").await;
    let first = bench.submitted("v1", &[]).await;
    let second = bench.submitted("v2", &[]).await;
    let accepted = bench.submitted("v2", &[]).await;
    bench.accept(&accepted).await.expect(204);
    bench.clock.turn(3 * 24 * HOUR);
    assert_eq!(any_round(&bench).await.reminded, 0);
    assert!(mails(&bench).await.is_empty());
    bench.clock.turn(HOUR);
    for expected in [2, 0, 0] {
        assert_eq!(any_round(&bench).await.reminded, expected);
    }
    let sent = mails(&bench).await;
    assert_eq!(sent.len(), 1, "one mail for both");
    let mail = &sent[0];
    assert_eq!(mail.to.reveal(), "bau@example.org");
    assert_eq!(mail.destination_id, bench.destination);
    assert!(mail.subject.contains("2 wartende"), "{}", mail.subject);
    for ids in [&first, &second] {
        assert!(mail.text.contains(&ids.submission), "{}", mail.text);
        let status = format!(
            "https://amtsbote.example.de/submission-api/v2/cases/{}/events",
            ids.case
        );
        assert!(mail.text.contains(&status), "{}", mail.text);
    }
    assert!(!mail.text.contains(&accepted.submission), "{}", mail.text);
    // The name of the service is the sender's words.
    assert!(!mail.text.contains("Führungszeugnis"), "{}", mail.text);
    assert!(mail.text.contains("2026-12-07 08:00 UTC"), "{}", mail.text);

    bench.accept(&first).await.expect(204);
    bench.clock.turn(6 * 24 * HOUR);
    for expected in [1, 0] {
        assert_eq!(any_round(&bench).await.reminded, expected);
    }
    let sent = mails(&bench).await;
    assert_eq!(sent.len(), 2);
    assert!(sent[1].text.contains(&second.submission));
    assert!(!sent[1].text.contains(&first.submission));
    bench.clock.turn(5 * 24 * HOUR);
    assert_eq!(round(&bench).await.0, 1, "and then it is rejected");
    assert_eq!(mails(&bench).await.len(), 2);
}

async fn after_a_long_downtime_only_the_last_reminder_is_sent(bench: Bench) {
    set_mail_address(&bench, "bau@example.org").await;
    bench.submitted("v2", &[]).await;
    bench.clock.turn(10 * 24 * HOUR);
    for expected in [1, 0] {
        assert_eq!(any_round(&bench).await.reminded, expected);
    }
    assert_eq!(mails(&bench).await.len(), 1);
}

async fn who_cannot_be_written_to_is_not_reminded_and_nothing_else_changes(bench: Bench) {
    for address in [
        "",
        "Bauamt",
        "bau@example.org\r\nBcc: everybody@example.org",
        "bau@example.org, other@example.org",
    ] {
        set_mail_address(&bench, address).await;
        let ids = bench.submitted("v2", &[]).await;
        bench.clock.turn(4 * 24 * HOUR);
        // Noted as if it were told: the log says it once.
        assert_eq!(any_round(&bench).await.reminded, 1);
        assert_eq!(any_round(&bench).await.reminded, 0);
        assert_eq!(mails(&bench).await, []);
        bench.accept(&ids).await.expect(204);
    }
    // Without a mail server it is the same.
    set_mail_address(&bench, "bau@example.org").await;
    bench.submitted("v2", &[]).await;
    bench.clock.turn(4 * 24 * HOUR);
    let silent = Deadlines::new(bench.context.clone(), trusting());
    assert_eq!(silent.round().await.unwrap().reminded, 1);
    assert_eq!(mails(&bench).await, []);
}

async fn the_event_log_goes_730_days_after_the_last_event_and_frees_the_destination(bench: Bench) {
    let ids = bench.submitted("v2", &[]).await;
    bench.accept(&ids).await.expect(204);
    bench.clock.turn(8 * 24 * HOUR);
    assert_eq!(round(&bench).await, (0, 1));
    let path = format!("/destination-api/v2/destinations/{}", bench.destination);
    let delete = async || {
        bench
            .ask(Method::DELETE, &path)
            .by("subscriber")
            .await
            .status
    };
    assert_ne!(delete().await, 204, "its submissions are still in the log");
    bench.clock.turn(730 * 24 * HOUR);
    assert_eq!(any_round(&bench).await.cases, 0);
    assert_eq!(bench.log(&ids).await.len(), 4);
    bench.clock.turn(HOUR);
    assert_eq!(any_round(&bench).await.cases, 1);
    assert_eq!(bench.log(&ids).await.len(), 0);
    bench
        .get(&ids.path())
        .by("subscriber")
        .await
        .refuses(404, "submission-not-found");
    assert_eq!(delete().await, 204);
}

async fn answers_to_repeats_are_forgotten_after_30_days(bench: Bench) {
    let client: ClientId = "sender".parse().unwrap();
    let answer = Remembered {
        client: client.clone(),
        key: "application-1".into(),
        fingerprint: "f".into(),
        answer: "{}".into(),
        at: bench.clock.now(),
    };
    let batch = Batch::new().with(Change::Remember(answer));
    bench.store.commit(batch).await.unwrap();
    for (turn, expected) in [(30 * 24 * HOUR, 1), (HOUR, 0)] {
        bench.clock.turn(turn);
        any_round(&bench).await;
        let found = bench.store.remembered(&client, "application-1").await;
        assert_eq!(found.unwrap().iter().count(), expected);
    }
}

async fn a_clock_that_jumps_deletes_nothing_until_it_is_right_again(bench: Bench) {
    const YEAR: Duration = Duration::from_hours(365 * 24);
    let ids = bench.submitted("v2", &[]).await;
    let running = Deadlines::new(bench.context.clone(), Retention::default()).mailing();
    assert_eq!(running.round().await.unwrap(), Round::default());
    bench.clock.turn(YEAR);
    let jumped = async || {
        let done = running.round().await.unwrap();
        let doubt = done.doubt.expect("the clock is not believed");
        // The steady clock went on for a moment.
        assert!(matches!(doubt, Doubt::Jumped(by) if by.abs_diff(YEAR) < HOUR));
        let nothing = Round {
            doubt: Some(doubt),
            ..Round::default()
        };
        assert_eq!(done, nothing);
    };
    for _ in 0..3 {
        jumped().await;
    }
    // A restart does not help: the last round is in the store.
    let restarted = Deadlines::new(bench.context.clone(), Retention::default());
    let doubt = restarted.round().await.unwrap().doubt;
    assert_eq!(doubt, Some(Doubt::FarFromLastRound(YEAR)));
    assert_eq!(state(&bench, &ids).await, "submitted");

    bench.clock.turn_back(2 * YEAR);
    jumped().await;
    bench.clock.turn(YEAR);
    assert_eq!(running.round().await.unwrap(), Round::default());
    assert_eq!(restarted.round().await.unwrap(), Round::default());
    assert!(has_content(&bench, &ids).await);
}

async fn after_a_long_downtime_a_person_confirms_the_clock(bench: Bench) {
    let ids = bench.submitted("v2", &[]).await;
    let start = async |confirmed| {
        let mut retention = Retention::default();
        retention.trust.confirmed = confirmed;
        let deadlines = Deadlines::new(bench.context.clone(), retention);
        deadlines.round().await.unwrap()
    };
    assert_eq!(start(None).await, Round::default());
    let before = bench.clock.now();
    bench.clock.turn(15 * 24 * HOUR);
    assert!(start(None).await.doubt.is_some());
    assert!(start(Some(before)).await.doubt.is_some());
    assert_eq!(state(&bench, &ids).await, "submitted");
    let now = bench.clock.now();
    assert_eq!(start(Some(now)).await.rejected, 1);
    // From then on it is not needed any more.
    assert_eq!(start(None).await, Round::default());
}

struct Broom(AtomicI64);

impl Orphans for Broom {
    fn sweep(&self, kept_before: Timestamp) -> Reply<'_, Result<u64, amtsbote_store::Error>> {
        self.0.store(kept_before.as_seconds(), Ordering::SeqCst);
        Box::pin(async { Ok(3) })
    }
}

#[tokio::test]
async fn orphaned_blobs_of_a_day_ago_are_swept() {
    let bench = Bench::new().await;
    let broom = Arc::new(Broom(AtomicI64::new(0)));
    let deadlines =
        Deadlines::new(bench.context.clone(), Retention::default()).sweeping(broom.clone());
    let done = deadlines.round().await.unwrap();
    assert_eq!(
        done,
        Round {
            orphans: 3,
            ..Round::default()
        }
    );
    assert_eq!(
        broom.0.load(Ordering::SeqCst),
        bench.clock.now().as_seconds() - 86_400
    );
}

/// How often the marks stand anywhere in the files below the folder.
fn traces(folder: &Path, marks: &[Vec<u8>]) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count += traces(&path, marks);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for mark in marks {
            count += bytes.windows(mark.len()).filter(|at| at == mark).count();
        }
    }
    count
}

/// Pieces of a sealed text: its ciphertext and its tag.
fn marks_of(jwe: &str) -> Vec<Vec<u8>> {
    let ciphertext = jwe.split('.').nth(3).unwrap().as_bytes();
    let pieces = ciphertext
        .chunks(3000)
        .map(|piece| &piece[..piece.len().min(32)]);
    let whole = pieces.filter(|piece| piece.len() == 32).map(<[u8]>::to_vec);
    whole.collect()
}

#[tokio::test]
async fn of_deleted_content_no_byte_is_left_in_any_file_and_later_of_the_log_neither() {
    let bench = Bench::on_disk().await;
    let folder = bench.folder.as_ref().unwrap().path();
    let mut marks = Vec::new();
    let attachment = AttachmentId::from_uuid(Uuid::new_v4());
    let ids = bench.announce("v2", &[attachment]).await;
    // The first one is replaced: it must go, too.
    for _ in 0..2 {
        let jwe = sealed(&vec![7; 20_000], "application/pdf");
        marks.extend(marks_of(&jwe));
        bench.upload(&ids, attachment, jwe).await.expect(204);
    }
    let (metadata, data) = (
        sealed(&vec![b' '; 30_000], "application/json"),
        sealed(&vec![b' '; 100_000], "application/json"),
    );
    marks.extend(marks_of(&metadata));
    marks.extend(marks_of(&data));
    let body = json!({ "encryptedMetadata": metadata, "encryptedData": data });
    bench
        .put(&ids.path())
        .by("sender")
        .json(&body)
        .await
        .expect(200);
    // Others before, between and after share its pages.
    for _ in 0..3 {
        bench.submitted("v2", &[]).await;
    }
    let before = traces(folder, &marks);
    assert!(before >= marks.len() / 2, "{before} of {}", marks.len());
    bench.accept(&ids).await.expect(204);
    bench.clock.turn(8 * 24 * HOUR);
    assert_eq!(round(&bench).await, (0, 1));
    written(&bench).await;
    assert_eq!(traces(folder, &marks), 0);

    let id = ids.submission.parse::<Uuid>().unwrap();
    let case = ids.case.parse::<Uuid>().unwrap();
    let signatures = bench.tokens_in_log(&ids).await;
    let mut marks = vec![id.as_bytes().to_vec(), case.as_bytes().to_vec()];
    marks.extend(
        signatures
            .iter()
            .map(|token| token.as_bytes()[token.len() - 64..].to_vec()),
    );
    assert!(traces(folder, &marks) > marks.len());
    bench.clock.turn(731 * 24 * HOUR);
    any_round(&bench).await;
    any_round(&bench).await;
    written(&bench).await;
    assert_eq!(traces(folder, &marks), 0);
}

/// The log of the database is emptied before the next batch is begun.
async fn written(bench: &Bench) {
    bench.store.commit(Batch::new()).await.unwrap();
}

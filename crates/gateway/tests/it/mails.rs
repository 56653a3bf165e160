//! The mail worker with a scripted postman.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use amtsbote_gateway::{MailPolicy, MailWorker, Postman, Undelivered};
use amtsbote_model::Clock;
use amtsbote_store::{Batch, Committed, Mail, MailId, Reply, Upkeep};
use tokio::sync::Notify;

use crate::bench::Bench;

/// Brings mails, or says why not.
#[derive(Default)]
struct Scripted {
    answers: Mutex<Vec<Result<(), Undelivered>>>,
    brought: Mutex<Vec<String>>,
}

impl Scripted {
    fn says(&self, answers: impl IntoIterator<Item = Result<(), Undelivered>>) {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        *self.answers.lock().unwrap() = answers;
    }

    /// What it was asked to bring since the last look.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.brought.lock().unwrap())
    }
}

impl Postman for Scripted {
    fn deliver<'a>(&'a self, mail: &'a Mail) -> Reply<'a, Result<(), Undelivered>> {
        self.brought.lock().unwrap().push(mail.subject.clone());
        let answer = self.answers.lock().unwrap().pop().unwrap_or(Ok(()));
        Box::pin(async { answer })
    }
}

fn later() -> Result<(), Undelivered> {
    Err(Undelivered::Later("busy".into()))
}

async fn post(bench: &Bench, subject: &str) {
    let mail = Mail {
        id: MailId(bench.context.new_event_id()),
        destination_id: bench.destination,
        to: "bau@example.org".parse().unwrap(),
        subject: subject.into(),
        text: "text".into(),
        made_at: bench.clock.now(),
        tries: 0,
        due_at: bench.clock.now(),
    };
    let batch = Batch::new().with(Upkeep::Post(mail).into());
    bench.store.commit(batch).await.unwrap();
}

async fn waiting(bench: &Bench) -> usize {
    let far = bench.clock.now().plus(Duration::from_hours(10_000));
    bench.store.due_mails(far, 100).await.unwrap().len()
}

async fn set_up() -> (Bench, Arc<Scripted>, MailWorker) {
    let bench = Bench::new().await;
    let postman = Arc::new(Scripted::default());
    let worker = MailWorker::new(
        bench.context.clone(),
        postman.clone(),
        MailPolicy::default(),
    );
    (bench, postman, worker)
}

#[tokio::test]
async fn what_the_server_takes_or_refuses_for_good_is_done() {
    let (bench, postman, worker) = set_up().await;
    post(&bench, "a").await;
    post(&bench, "b").await;
    postman.says([Ok(()), Err(Undelivered::Never("unknown".into()))]);
    worker.round().await.unwrap();
    assert_eq!(postman.asked(), ["a", "b"]);
    assert_eq!(waiting(&bench).await, 0);
    worker.round().await.unwrap();
    assert!(postman.asked().is_empty());
}

#[tokio::test]
async fn what_the_server_does_not_take_now_comes_again_for_four_days_and_is_given_up_then() {
    let (bench, postman, worker) = set_up().await;
    post(&bench, "a").await;
    let mut tries = 0;
    for _ in 0..4 * 12 {
        postman.says([later()]);
        worker.round().await.unwrap();
        tries += postman.asked().len();
        // Waits are at most two hours.
        bench.clock.turn(Duration::from_hours(2));
        assert_eq!(waiting(&bench).await, 1);
    }
    assert_eq!(tries, 48);
    postman.says([later()]);
    worker.round().await.unwrap();
    assert_eq!(waiting(&bench).await, 0);
}

#[tokio::test]
async fn a_mail_that_waits_holds_nobody_else_up() {
    let (bench, postman, worker) = set_up().await;
    post(&bench, "a").await;
    post(&bench, "b").await;
    postman.says([later()]);
    worker.round().await.unwrap();
    assert_eq!(postman.asked(), ["a"], "the server may be away");
    worker.round().await.unwrap();
    assert_eq!(postman.asked(), ["b"]);
    bench.clock.turn(Duration::from_mins(1));
    worker.round().await.unwrap();
    assert_eq!(postman.asked(), ["a"]);
    assert_eq!(waiting(&bench).await, 0);
}

#[tokio::test]
async fn two_workers_send_one_mail() {
    let (bench, postman, worker) = set_up().await;
    post(&bench, "a").await;
    let other = MailWorker::new(
        bench.context.clone(),
        postman.clone(),
        MailPolicy::default(),
    );
    worker.round().await.unwrap();
    other.round().await.unwrap();
    assert_eq!(postman.asked(), ["a"]);
}

/// Takes a mail, and stands still with it until it is told to go on.
#[derive(Default)]
struct Standing {
    has_it: Notify,
    goes_on: Notify,
}

impl Postman for Standing {
    fn deliver<'a>(&'a self, _mail: &'a Mail) -> Reply<'a, Result<(), Undelivered>> {
        Box::pin(async {
            self.has_it.notify_one();
            self.goes_on.notified().await;
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_mail_in_the_hands_of_one_that_stands_still_is_taken_over_when_its_claim_ends() {
    let (bench, postman, worker) = set_up().await;
    post(&bench, "a").await;
    let standing = Arc::new(Standing::default());
    let other = MailWorker::new(
        bench.context.clone(),
        standing.clone(),
        MailPolicy::default(),
    );
    let stands = tokio::spawn(async move { other.round().await });
    standing.has_it.notified().await;
    // Five minutes.
    for seconds in [0, 299] {
        bench.clock.turn(Duration::from_secs(seconds));
        worker.round().await.unwrap();
        assert!(postman.asked().is_empty(), "it is claimed");
    }
    bench.clock.turn(Duration::from_secs(1));
    worker.round().await.unwrap();
    assert_eq!(postman.asked(), ["a"]);
    assert_eq!(waiting(&bench).await, 0);
    // It wakes up, has sent it too (under the same Message-ID), and leaves nothing behind.
    standing.goes_on.notify_one();
    stands.await.unwrap().unwrap();
    assert_eq!(waiting(&bench).await, 0);
    worker.round().await.unwrap();
    assert!(postman.asked().is_empty());
}

#[tokio::test]
async fn one_that_stood_still_and_failed_does_not_bring_a_mail_back_that_another_has_sent() {
    let (bench, postman, worker) = set_up().await;
    post(&bench, "a").await;
    // Read as due, and then stood still until after the other one.
    let read = bench.store.due_mails(bench.clock.now(), 1).await.unwrap();
    worker.round().await.unwrap();
    assert_eq!(postman.asked(), ["a"]);
    let back = Upkeep::PostponeMail {
        id: read[0].id,
        was_due_at: read[0].due_at,
        tries: 1,
        due_at: bench.clock.now(),
    };
    let committed = bench.store.commit(Batch::new().with(back.into())).await;
    assert!(
        !matches!(committed.unwrap(), Committed::Done),
        "a mail that was sent is due again"
    );
    assert_eq!(waiting(&bench).await, 0);
}

//! Somebody else writes between a decision and its commit: the decision is made anew, or dropped.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use amtsbote_gateway::{Deadlines, Retention, Round};
use amtsbote_model::submission::State;
use amtsbote_model::{
    CaseId, ClientId, Clock, Destination, DestinationId, DestinationStatus, ReplyId, Subject,
    SubmissionId, Timestamp,
};
use amtsbote_store::{
    Batch, Case, CaseFilter, Cases, Change, Committed, Content, DestinationFilter, Directory,
    Error, Event, KeyRecord, Leases, Ledger, Listed, LogOf, Mail, MemoryStore, Notice, Outbox,
    Page, Remembered, Reply, ReplyFilter, ReplyRecord, ReplyRef, Submission, SubmissionFilter,
    SubmissionRef,
};
use axum::http::Method;
use serde_json::json;

use crate::bench::Bench;

/// A store with a rival who commits just before the next commit.
struct Contested {
    whole: Arc<MemoryStore>,
    rival: Arc<Mutex<Option<Batch>>>,
}

impl Ledger for Contested {
    fn commit(&self, batch: Batch) -> Reply<'_, Result<Committed, Error>> {
        let rival = self.rival.lock().unwrap().take();
        Box::pin(async move {
            if let Some(rival) = rival {
                assert_eq!(self.whole.commit(rival).await.unwrap(), Committed::Done);
            }
            self.whole.commit(batch).await
        })
    }

    fn submission(&self, id: SubmissionId) -> Reply<'_, Result<Option<Submission>, Error>> {
        self.whole.submission(id)
    }

    fn content(&self, of: Subject) -> Reply<'_, Result<Option<Content>, Error>> {
        self.whole.content(of)
    }

    fn submissions<'a>(
        &'a self,
        filter: &'a SubmissionFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<SubmissionRef>, Error>> {
        self.whole.submissions(filter, page)
    }

    fn events(&self, of: LogOf, page: Page) -> Reply<'_, Result<Listed<Event>, Error>> {
        self.whole.events(of, page)
    }

    fn remembered<'a>(
        &'a self,
        client: &'a ClientId,
        key: &'a str,
    ) -> Reply<'a, Result<Option<Remembered>, Error>> {
        self.whole.remembered(client, key)
    }

    fn quiet_cases(&self, before: Timestamp, max: u32) -> Reply<'_, Result<Vec<CaseId>, Error>> {
        self.whole.quiet_cases(before, max)
    }

    fn last_round(&self) -> Reply<'_, Result<Option<Timestamp>, Error>> {
        self.whole.last_round()
    }
}

impl Cases for Contested {
    fn case(&self, id: CaseId) -> Reply<'_, Result<Option<Case>, Error>> {
        self.whole.case(id)
    }

    fn cases<'a>(
        &'a self,
        filter: &'a CaseFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Case>, Error>> {
        self.whole.cases(filter, page)
    }

    fn reply(&self, id: ReplyId) -> Reply<'_, Result<Option<ReplyRecord>, Error>> {
        self.whole.reply(id)
    }

    fn replies<'a>(
        &'a self,
        filter: &'a ReplyFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<ReplyRef>, Error>> {
        self.whole.replies(filter, page)
    }
}

impl Directory for Contested {
    fn destination(&self, id: DestinationId) -> Reply<'_, Result<Option<Destination>, Error>> {
        self.whole.destination(id)
    }

    fn destinations<'a>(
        &'a self,
        filter: &'a DestinationFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Destination>, Error>> {
        self.whole.destinations(filter, page)
    }

    fn keys(&self, id: DestinationId) -> Reply<'_, Result<Vec<KeyRecord>, Error>> {
        self.whole.keys(id)
    }
}

impl Leases for Contested {
    fn hold<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Reply<'a, Result<bool, Error>> {
        self.whole.hold(name, owner, now, until)
    }

    fn leave<'a>(&'a self, name: &'a str, owner: &'a str) -> Reply<'a, Result<(), Error>> {
        self.whole.leave(name, owner)
    }
}

impl Outbox for Contested {
    fn due(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Notice>, Error>> {
        self.whole.due(now, max)
    }

    fn due_mails(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Mail>, Error>> {
        self.whole.due_mails(now, max)
    }
}

async fn bench() -> (Bench, Arc<Mutex<Option<Batch>>>) {
    let store = Arc::new(MemoryStore::new());
    let rival = Arc::new(Mutex::new(None));
    let contested = Contested {
        whole: store.clone(),
        rival: rival.clone(),
    };
    let bench = Bench::over(store, |parts| parts.store = Arc::new(contested)).await;
    (bench, rival)
}

/// The rival's version of the bench's destination.
async fn rival_version(bench: &Bench, change: impl FnOnce(&mut Destination)) -> Batch {
    let old = bench.store.destination(bench.destination).await.unwrap();
    let mut new = old.clone().unwrap();
    change(&mut new);
    Batch::new().with(Change::PutDestination {
        replaces: old.map(Box::new),
        destination: Box::new(new),
    })
}

async fn patch(bench: &Bench, body: &serde_json::Value) -> crate::bench::Answer {
    let path = format!("/destination-api/v1/destinations/{}", bench.destination);
    bench
        .ask(Method::PATCH, &path)
        .by("subscriber")
        .json(body)
        .await
}

#[tokio::test]
async fn two_patches_at_once_both_take_effect() {
    let (bench, rival) = bench().await;
    let theirs = rival_version(&bench, |destination| destination.name = "Kassel II".into()).await;
    *rival.lock().unwrap() = Some(theirs);
    let ours = patch(&bench, &json!({ "status": "inactive" })).await;
    ours.expect(200);
    assert_eq!(
        [&ours.json()["name"], &ours.json()["status"]],
        ["Kassel II", "inactive"]
    );
}

#[tokio::test]
async fn a_patch_is_judged_again_when_somebody_was_faster() {
    let (bench, rival) = bench().await;
    let gone = DestinationStatus::Decommissioned;
    let theirs = rival_version(&bench, |destination| destination.status = gone).await;
    *rival.lock().unwrap() = Some(theirs);
    let ours = patch(&bench, &json!({ "status": "inactive" })).await;
    ours.refuses(400, "destination-step-illegal");
}

#[tokio::test]
async fn a_submission_accepted_at_the_last_moment_is_not_rejected() {
    let (bench, rival) = bench().await;
    let ids = bench.submitted("v2", &[]).await;
    bench.clock.turn(Duration::from_hours(15 * 24));
    *rival.lock().unwrap() = Some(Batch::new().with(Change::Move {
        subject: ids.submission.parse::<SubmissionId>().unwrap().into(),
        from: State::Submitted,
        to: State::Accepted,
        at: bench.clock.now(),
    }));
    let deadlines = Deadlines::new(bench.context.clone(), Retention::default());
    let done = deadlines.round().await.unwrap();
    assert_eq!((done.rejected, done.deleted, done.left), (0, 0, 1));
    assert_eq!(bench.stored(&ids).await.state, State::Accepted);
    assert_eq!(
        bench.log(&ids).await,
        ["create-submission", "submit-submission"]
    );
    assert_eq!(deadlines.round().await.unwrap(), Round::default());
}

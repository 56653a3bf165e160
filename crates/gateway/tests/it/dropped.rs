//! A case that is dropped while its log is read.

use std::sync::{Arc, Mutex};

use amtsbote_model::submission::State;
use amtsbote_model::{CaseId, SubmissionId, Timestamp};
use amtsbote_store::{Batch, Change, Committed, Error, Ledger as _, MemoryStore, Reply, Upkeep};

use crate::bench::Bench;
use crate::tricked::{Trick, Tricked};

/// Drops this case before the next log is read.
#[derive(Default)]
struct Dropping(Arc<Mutex<Option<(SubmissionId, CaseId)>>>);

impl Trick for Dropping {
    fn commit<'a>(
        &'a self,
        whole: &'a MemoryStore,
        batch: Batch,
    ) -> Reply<'a, Result<Committed, Error>> {
        whole.commit(batch)
    }

    fn before_log<'a>(&'a self, whole: &'a MemoryStore) -> Reply<'a, Result<(), Error>> {
        let dropped = self.0.lock().unwrap().take();
        Box::pin(async move {
            let Some((submission, case)) = dropped else {
                return Ok(());
            };
            let batch = Batch::new()
                .with(Change::Move {
                    subject: submission.into(),
                    from: State::Created,
                    to: State::Deleted,
                    at: Timestamp::from_seconds(0),
                })
                .with(Change::Upkeep(Upkeep::DropCase {
                    id: case,
                    before: Timestamp::from_seconds(1 << 40),
                }));
            assert_eq!(whole.commit(batch).await?, Committed::Done);
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_log_that_goes_while_it_is_read_is_not_found() {
    let next = Arc::new(Mutex::new(None));
    let whole = Arc::new(MemoryStore::new());
    let store = Tricked {
        whole: whole.clone(),
        trick: Dropping(next.clone()),
    };
    let bench = Bench::over(whole, |parts| parts.store = Arc::new(store)).await;
    for (place, code) in [
        ("cases", "case-not-found"),
        ("submissions", "submission-not-found"),
    ] {
        let ids = bench.announce("v2", &[]).await;
        let (submission, case) = (&ids.submission, &ids.case);
        *next.lock().unwrap() = Some((submission.parse().unwrap(), case.parse().unwrap()));
        let id = if place == "cases" { case } else { submission };
        bench
            .get(&format!("/submission-api/v2/{place}/{id}/events"))
            .by("sender")
            .await
            .refuses(404, code);
    }
}

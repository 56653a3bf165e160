//! That a list was seen is noted in the log: once, and not while the process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use amtsbote_store::{Batch, Committed, Error, Ledger as _, MemoryStore, Reply};

use crate::bench::{Bench, Ids};
use crate::tricked::{Trick, Tricked};

const LIST: &str = "/submission-api/v2/submissions";
const NOTED: &str = "notify-submission";

/// Counts what is written.
struct Counting(Arc<AtomicUsize>);

impl Trick for Counting {
    fn commit<'a>(
        &'a self,
        whole: &'a MemoryStore,
        batch: Batch,
    ) -> Reply<'a, Result<Committed, Error>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        whole.commit(batch)
    }
}

/// A gateway, the store behind it, and how often it has written.
async fn gateway() -> (Bench, Arc<MemoryStore>) {
    let whole = Arc::new(MemoryStore::new());
    let bench = Bench::over(whole.clone(), |_| {}).await;
    (bench, whole)
}

/// The same gateway after a restart.
async fn again(bench: &Bench, whole: &Arc<MemoryStore>) -> (Bench, Arc<AtomicUsize>) {
    let tokens = bench.context.identity().tokens.clone();
    let written = Arc::new(AtomicUsize::new(0));
    let store = Tricked {
        whole: whole.clone(),
        trick: Counting(written.clone()),
    };
    let mut other = Bench::over(whole.clone(), |parts| {
        parts.identity.tokens = tokens;
        parts.store = Arc::new(store);
    })
    .await;
    other.destination = bench.destination;
    (other, written)
}

async fn list(bench: &Bench) {
    bench.get(LIST).by("subscriber").await.expect(200);
    bench.settled().await;
}

async fn is_noted(bench: &Bench, ids: &Ids) -> bool {
    bench.log(ids).await.iter().any(|name| name == NOTED)
}

#[tokio::test]
async fn while_the_process_ends_nothing_is_noted_and_the_next_one_does_it() {
    let (bench, whole) = gateway().await;
    let all = [
        bench.submitted("v2", &[]).await,
        bench.submitted("v2", &[]).await,
    ];
    bench.context.begin_stopping();
    list(&bench).await;
    for ids in &all {
        assert!(!is_noted(&bench, ids).await);
    }
    let (next, _) = again(&bench, &whole).await;
    list(&next).await;
    for ids in &all {
        assert!(is_noted(&next, ids).await);
    }
}

#[tokio::test]
async fn what_an_earlier_process_noted_is_not_written_again() {
    let (bench, whole) = gateway().await;
    let ids = bench.submitted("v2", &[]).await;
    list(&bench).await;
    assert!(is_noted(&bench, &ids).await);
    let (next, written) = again(&bench, &whole).await;
    written.store(0, Ordering::SeqCst);
    list(&next).await;
    assert_eq!(written.load(Ordering::SeqCst), 0);
}

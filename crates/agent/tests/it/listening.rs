//! The long-running agent: hears of news, stops in order, and does not spin.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use amtsbote_agent::{Agent, Parts};
use amtsbote_client::{Credentials, Service, Session, Subscriber};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_model::delivery::Delivery;
use amtsbote_model::{CaseId, Clock, DestinationId, Secret, SubmissionId, Timestamp, WorkerId};
use amtsbote_outgoing::{Outgoing, PlainHttp, Settings};
use amtsbote_store::{
    Claim, Claimed, Deliveries, DeliveryRow, Error, MemoryBlobs, MemoryDeliveries, NewDelivery,
    Reply, Sharing, Swapped, Tally,
};
use tokio::sync::Notify;

use crate::bench::{Bench, Draft, catalogue, new_uuid, parcel, policy, served};
use crate::procedure::Act;

#[tokio::test]
async fn it_hears_of_a_submission_and_finishes_what_is_in_hand_when_told_to_stop() {
    let bench = Bench::new().await;
    let (stop, word) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    bench.procedure.will([Act::Waits(word.clone())]);
    let agent = bench.agent();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { agent.run(stop.notified()).await }
    });
    let ids = bench.send(Draft::good()).await;
    bench.procedure.called.notified().await;
    stop.notify_one();
    // Told to stop in the middle of the hand-over.
    tokio::task::yield_now().await;
    word.notify_one();
    running.await.unwrap();
    bench.assert_finished(&ids).await;
}

#[tokio::test]
async fn a_silent_destination_does_not_hold_up_another() {
    let bench = Bench::new().await;
    let other = DestinationId::from_uuid(new_uuid());
    bench.put_destination(other).await;
    let mut parts = bench.parts();
    let silent: Arc<crate::procedure::Procedure> = Arc::default();
    silent.will(vec![Act::Silent; 20]);
    parts.destinations.push(served(other, silent));
    for _ in 0..6 {
        bench.send(Draft::good().to(other)).await;
    }
    let (stop, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    parts.observer = Some(Arc::new({
        let done = done.clone();
        move |_| done.notify_one()
    }));
    // Aborted at the end: what the silent one holds would have to be waited for.
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { Agent::new(parts).run(stop.notified()).await }
    });
    let ids = bench.send(Draft::good()).await;
    let patience = Duration::from_secs(20);
    let heard = tokio::time::timeout(patience, done.notified()).await;
    running.abort();
    assert!(heard.is_ok(), "the silent one holds up the other");
    assert!(bench.procedure.arrived(parcel(&ids)).is_some());
}

/// Finds what it has, and never keeps a change.
struct Stuck {
    inner: MemoryDeliveries,
    asked: AtomicUsize,
}

impl Deliveries for Stuck {
    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, Result<(), Error>> {
        self.inner.note(new)
    }

    fn sharing(&self) -> Sharing {
        self.inner.sharing()
    }

    fn claim(&self, _: Claim) -> Reply<'_, Result<Claimed, Error>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Err(Error::Unavailable {
            reason: "the disk is full".to_owned(),
            retry_after: None,
        })))
    }

    fn renew(
        &self,
        by: WorkerId,
        ids: Vec<SubmissionId>,
        until: Timestamp,
    ) -> Reply<'_, Result<Vec<SubmissionId>, Error>> {
        self.inner.renew(by, ids, until)
    }

    fn tally(&self) -> Reply<'_, Result<Vec<Tally>, Error>> {
        self.inner.tally()
    }

    fn swap(&self, _: SubmissionId, _: u64, _: Delivery) -> Reply<'_, Result<Swapped, Error>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Err(Error::Unavailable {
            reason: "the disk is full".to_owned(),
            retry_after: None,
        })))
    }

    fn find(&self, id: SubmissionId) -> Reply<'_, Result<Option<DeliveryRow>, Error>> {
        self.inner.find(id)
    }

    fn in_state<'a>(
        &'a self,
        name: &'a str,
        max: u32,
    ) -> Reply<'a, Result<Vec<DeliveryRow>, Error>> {
        self.inner.in_state(name, max)
    }

    fn postponed(
        &self,
        destination: DestinationId,
        now: Timestamp,
        max: u32,
    ) -> Reply<'_, Result<Vec<DeliveryRow>, Error>> {
        self.inner.postponed(destination, now, max)
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_795_420_800)
    }
}

/// A session with a service that is not there.
fn nobody(clock: Arc<dyn Clock>) -> Session {
    let settings = Settings {
        plain_http: PlainHttp::DangerAllowed,
        ..Settings::trusted("amtsbote-test")
    };
    let url = |path: &str| format!("http://127.0.0.1:1/{path}").parse().unwrap();
    let credentials = Credentials {
        client_id: "subscriber".parse().unwrap(),
        client_secret: Secret::new("s".to_owned()),
    };
    let service = Service::new(url("submission-api"), url("token"), ApiVersion::V2).unwrap();
    Session::new(
        Outgoing::open(settings).unwrap(),
        service,
        credentials,
        clock,
    )
}

#[tokio::test(start_paused = true)]
async fn a_store_that_keeps_nothing_is_not_asked_without_end() {
    crate::trace::begin();
    let stuck = Arc::new(Stuck {
        inner: MemoryDeliveries::new(),
        asked: AtomicUsize::new(0),
    });
    let destination = DestinationId::from_uuid(new_uuid());
    let new = NewDelivery {
        submission_id: SubmissionId::from_uuid(new_uuid()),
        case_id: CaseId::from_uuid(new_uuid()),
        destination_id: destination,
        at: Still.now(),
    };
    stuck.note(vec![new]).await.unwrap();
    let mut policy = policy();
    policy.pause = Duration::from_secs(2);
    let agent = Agent::new(Parts {
        subscriber: Subscriber::new(nobody(Arc::new(Still))),
        deliveries: stuck.clone(),
        ways_back: Arc::new(MemoryDeliveries::new()),
        leases: None,
        spool: Arc::new(MemoryBlobs::new()),
        clock: Arc::new(Still),
        services: catalogue(),
        destinations: vec![served(destination, Arc::default())],
        policy,
        observer: None,
    });
    agent.run(tokio::time::sleep(Duration::from_mins(2))).await;
    let asked = stuck.asked.load(Ordering::SeqCst);
    assert!(
        (10..=400).contains(&asked),
        "asked {asked} times in 2 minutes"
    );
}

//! Ready again within five seconds with 10,000 open submissions. They are written through the stores: with the rows and sizes of real ones, but
//! content that nobody can open. Long: only with `AMTSBOTE_LONG=1`; `AMTSBOTE_OPEN` says how many.

use std::time::Duration;

use amtsbote_model::submission::{Issuer, State};
use amtsbote_model::{CaseId, DestinationId, EventId, SubmissionId, Timestamp};
use amtsbote_store::{
    Batch, Case, Change, Committed, Content, Deliveries as _, Event, Ledger as _, NewDelivery,
    Submission,
};
use amtsbote_store_sql::{SqliteDeliveries, SqliteStore};
use futures_util::future::join_all;

use super::READY_MAX;
use super::peer::Peers;
use super::site::{Shape, Site};
use crate::stand::Program;
use crate::wire::SERVICE;

pub(super) const AT_ONCE: usize = 256;

#[expect(
    clippy::disallowed_methods,
    reason = "long runs are asked for by the environment"
)]
pub(super) fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether long runs are asked for; says so if not.
pub(super) fn long() -> bool {
    let is_long = told("AMTSBOTE_LONG").is_some();
    if !is_long {
        println!("NOT RUN: long; AMTSBOTE_LONG=1 runs it");
    }
    is_long
}

/// How many are open.
pub(super) fn open_count() -> usize {
    told("AMTSBOTE_OPEN").map_or(10_000, |text| text.parse().unwrap())
}

/// A submission as the stores have it.
pub(super) struct Open {
    state: State,
    id: SubmissionId,
    case_id: CaseId,
    destination_id: DestinationId,
    at: Timestamp,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time at which they were sent"
)]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_millis(i64::try_from(since.unwrap().as_millis()).unwrap())
}

fn fresh<T: std::str::FromStr<Err: std::fmt::Debug>>() -> T {
    let bytes: [u8; 16] = amtsbote_jose::random_bytes();
    format!("{:032x}", u128::from_be_bytes(bytes))
        .parse()
        .unwrap()
}

impl Open {
    /// A new one in that state.
    pub(super) fn new(state: State, destination_id: DestinationId) -> Self {
        Self {
            state,
            id: fresh(),
            case_id: fresh(),
            destination_id,
            at: now(),
        }
    }

    /// What the gateway's store has of it.
    pub(super) fn batch(&self) -> Batch {
        let submission = Submission {
            id: self.id,
            case_id: self.case_id,
            destination_id: self.destination_id,
            sender: "portal".parse().unwrap(),
            service: SERVICE.parse().unwrap(),
            service_name: None,
            region: None,
            state: self.state,
            announced: Vec::new(),
            attachments: Vec::new(),
            callback: None,
            created_at: self.at,
            submitted_at: Some(self.at),
        };
        let event = |name: &str| {
            Change::Append(Event {
                id: fresh::<EventId>(),
                case_id: self.case_id,
                subject: self.id.into(),
                name: name.to_owned(),
                issuer: Issuer::Service,
                at: self.at,
                token: "t".repeat(1_200),
            })
        };
        let batch = Batch::new()
            .with(Change::OpenCase(Case {
                id: self.case_id,
                destination_id: self.destination_id,
                sender: submission.sender.clone(),
                opened_at: self.at,
            }))
            .with(Change::Announce(Box::new(submission)))
            .with(Change::Fill {
                subject: self.id.into(),
                content: Content {
                    metadata: "m".repeat(3_000),
                    data: Some("d".repeat(3_000)),
                },
            })
            .with(event("create-submission"))
            .with(event("submit-submission"));
        if self.state == State::Accepted {
            batch.with(event("accept-submission"))
        } else {
            batch
        }
    }

    fn noted(&self) -> NewDelivery {
        NewDelivery {
            submission_id: self.id,
            case_id: self.case_id,
            destination_id: self.destination_id,
            at: self.at,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_ten_thousand_open_it_is_ready_in_time() {
    if !long() {
        return;
    }
    let count = open_count();
    for shape in [Shape::Serve, Shape::Apart] {
        let peers = Peers::start().await;
        let site = Site::new(shape, &peers).await;
        let mut running = site.run();
        let before = running.ready_max;
        running.kill_all(|| {});
        fill(&site, count).await;
        running.ready_max = Duration::ZERO;
        for _ in 0..4 {
            running.start_all();
            // In the middle of its work on them.
            tokio::time::sleep(Duration::from_secs(3)).await;
            running.kill_all(|| {});
        }
        running.start_all();
        let after = running.ready_max;
        running.again(0, Program::kill);
        println!(
            "{shape:?}: ready after {before:?} with none open, at most {after:?} with {count}"
        );
        assert!(after <= READY_MAX, "ready after {after:?}");
    }
}

async fn fill(site: &Site, count: usize) {
    let store = SqliteStore::open(&site.dir().join("gateway")).unwrap();
    let deliveries = SqliteDeliveries::open(&site.dir().join("agent/own")).unwrap();
    let destinations = [0, 1].map(|at| site.facts(at).text("/destinationId").parse().unwrap());
    let mut at = 0;
    while at < count {
        let open = (at..(at + AT_ONCE).min(count))
            .map(|number| Open::new(State::Submitted, destinations[number % 2]));
        let open: Vec<_> = open.collect();
        let committed = join_all(open.iter().map(|open| store.commit(open.batch()))).await;
        assert!(
            committed
                .into_iter()
                .all(|done| done.unwrap() == Committed::Done)
        );
        // Half of them the agent knows already.
        let noted = open.iter().step_by(2).map(Open::noted).collect();
        deliveries.note(noted).await.unwrap();
        at += AT_ONCE;
    }
}

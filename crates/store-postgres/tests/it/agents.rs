//! Agents of several processes race for the same deliveries.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amtsbote_model::delivery::{
    Cause, Circumstances, Delivery, Jitter, Lease, Past, RetryPolicy, Verdict,
};
use amtsbote_model::{CaseId, DestinationId, SubmissionId, Timestamp, WorkerId};
use amtsbote_store::{
    Claim, Claimed, Deliveries, DeliveryRow, Desk, Intervention, Leases, NewAnswer, NewDelivery,
    Order, Share, Swapped, WayBack, WaysBack,
};
use amtsbote_store_postgres::PostgresDeliveries;
use amtsbote_testkit::postgres::Server;
use uuid::Uuid;

use crate::benches::target;

const LIMIT: u32 = 5;

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn destination(number: u128) -> DestinationId {
    DestinationId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn submission(number: u128) -> SubmissionId {
    SubmissionId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn worker(number: u128) -> WorkerId {
    WorkerId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn new(number: u128, of: DestinationId) -> NewDelivery {
    NewDelivery {
        submission_id: submission(number),
        case_id: CaseId::from_uuid(Uuid::from_u128(number)),
        destination_id: of,
        at: at(i64::try_from(number).unwrap()),
    }
}

pub(crate) fn claim(by: WorkerId, (now, until): (i64, i64), shares: Vec<Share>) -> Claim {
    Claim {
        lease: Lease {
            by,
            until: at(until),
        },
        max: 4,
        suspects: 1,
        shares,
        around: Circumstances {
            policy: RetryPolicy {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(1),
                tries_max: 100,
            },
            jitter: Jitter::WHOLE,
            now: at(now),
        },
    }
}

pub(crate) fn share(of: DestinationId, order: Order) -> Share {
    Share {
        destination_id: of,
        limit: LIMIT,
        hand_overs: 3,
        posts: 3,
        order,
        rate: None,
    }
}

pub(crate) fn done() -> Delivery {
    Delivery::Done {
        verdict: Verdict::Accept,
        at: at(1),
        package: None,
    }
}

pub(crate) async fn two(url: &str) -> [PostgresDeliveries; 2] {
    [
        PostgresDeliveries::open(&target(url), "bund")
            .await
            .unwrap(),
        PostgresDeliveries::open(&target(url), "bund")
            .await
            .unwrap(),
    ]
}

/// What is in hand, as those see it who hold it.
#[derive(Default)]
struct Hands {
    held: Mutex<HashMap<DestinationId, HashSet<SubmissionId>>>,
    order: Mutex<HashMap<DestinationId, Vec<SubmissionId>>>,
    most: AtomicU64,
}

impl Hands {
    fn take(&self, row: &DeliveryRow, limit: u32) {
        let mut all = self.held.lock().unwrap();
        let held = all.entry(row.destination_id).or_default();
        assert!(held.insert(row.submission_id), "{row:?} is in two hands");
        let count = u64::try_from(held.len()).unwrap();
        assert!(
            count <= u64::from(limit),
            "{count} of {:?}",
            row.destination_id
        );
        self.most.fetch_max(count, Ordering::SeqCst);
        let mut order = self.order.lock().unwrap();
        order
            .entry(row.destination_id)
            .or_default()
            .push(row.submission_id);
    }

    fn give(&self, row: &DeliveryRow) {
        let mut all = self.held.lock().unwrap();
        all.get_mut(&row.destination_id)
            .unwrap()
            .remove(&row.submission_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_agents_keep_limit_and_order_and_take_each_row_once() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let stores = two(&url).await;
    let (free, strict) = (destination(1), destination(2));
    // Three listeners hear of them, in different orders, at the same time.
    let mut all: Vec<_> = (1..=150).map(|number| new(number, free)).collect();
    all.extend((201..=240).map(|number| new(number, strict)));
    let mut backwards = all.clone();
    backwards.reverse();
    let (a, b, c) = tokio::join!(
        stores[0].note(all.clone()),
        stores[1].note(backwards),
        stores[0].note(all)
    );
    a.and(b).and(c).unwrap();
    let hands = Arc::new(Hands::default());
    let left = Arc::new(AtomicU64::new(190));
    let racers = (0..8_u128).map(|number| {
        let store = stores[usize::from(number.is_multiple_of(2))].clone();
        let racer = Racer {
            store,
            by: worker(number),
            hands: hands.clone(),
            left: left.clone(),
        };
        tokio::spawn(racer.run((free, strict)))
    });
    for racer in racers.collect::<Vec<_>>() {
        racer.await.unwrap();
    }
    let order = std::mem::take(&mut *hands.order.lock().unwrap());
    let expected = 150 + 30;
    assert_eq!(
        order[&free].len(),
        expected,
        "each once, and every fifth twice"
    );
    let mut places = Vec::new();
    for number in 201..=240 {
        let row = stores[1].find(submission(number)).await.unwrap().unwrap();
        places.push((row.noted_at, row.submission_id));
    }
    places.sort_unstable();
    // Each has a place of its own, whoever noted it.
    assert!(places.windows(2).all(|two| two[0].0 < two[1].0));
    let expected: Vec<_> = places.into_iter().map(|(_, id)| id).collect();
    assert_eq!(order[&strict], expected, "in strict order");
    // The race was one.
    assert!(hands.most.load(Ordering::SeqCst) >= 2);
    assert_eq!(stores[0].tally().await.unwrap(), []);
}

struct Racer {
    store: PostgresDeliveries,
    by: WorkerId,
    hands: Arc<Hands>,
    left: Arc<AtomicU64>,
}

impl Racer {
    async fn run(self, (free, strict): (DestinationId, DestinationId)) {
        while self.left.load(Ordering::SeqCst) > 0 {
            let shares = vec![share(free, Order::Due), share(strict, Order::Noted)];
            let asked = claim(self.by, (1_000, 1_000_000), shares);
            let Claimed { rows, parked, .. } = self.store.claim(asked).await.unwrap();
            assert!(parked.is_empty());
            for row in &rows {
                let is_strict = row.destination_id == strict;
                self.hands.take(row, if is_strict { 1 } else { LIMIT });
            }
            let ids = rows.iter().map(|row| row.submission_id).collect();
            let lost = self.store.renew(self.by, ids, at(2_000_000)).await;
            assert_eq!(lost.unwrap(), []);
            for row in rows {
                tokio::time::sleep(Duration::from_millis(2)).await;
                self.finish(row, free).await;
            }
        }
    }

    /// Every fifth has to be tried twice.
    async fn finish(&self, row: DeliveryRow, free: DestinationId) {
        let is_fifth = row.submission_id.uuid().as_u128().is_multiple_of(5);
        let next = if is_fifth && row.destination_id == free && row.revision == 2 {
            Delivery::Waiting {
                at: at(500),
                past: Past::default(),
            }
        } else {
            self.left.fetch_sub(1, Ordering::SeqCst);
            done()
        };
        self.hands.give(&row);
        let swapped = self.store.swap(row.submission_id, row.revision, next).await;
        assert_eq!(swapped.unwrap(), Swapped::Done);
    }
}

/// Dead ones are taken over when their lease ends, by one; the dead one that wakes up can store nothing.
#[tokio::test(flavor = "multi_thread")]
async fn of_racing_heirs_each_row_gets_one_and_the_dead_holder_is_stale() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let stores = two(&url).await;
    let here = destination(1);
    stores[0]
        .note((1..=8).map(|number| new(number, here)).collect())
        .await
        .unwrap();
    let all = |by, now, until| Claim {
        max: 8,
        suspects: 8,
        shares: vec![Share {
            limit: 8,
            hand_overs: 8,
            ..share(here, Order::Due)
        }],
        ..claim(by, (now, until), Vec::new())
    };
    let dead = stores[0]
        .claim(all(worker(1), 100, 7_100))
        .await
        .unwrap()
        .rows;
    assert_eq!(dead.len(), 8);
    let early = stores[1]
        .claim(all(worker(2), 7_099, 14_000))
        .await
        .unwrap();
    assert_eq!(early, Claimed::default());
    let heirs = (2..=7_u128).map(|number| {
        let store = stores[usize::from(number.is_multiple_of(2))].clone();
        let asked = Claim {
            max: 3,
            ..all(worker(number), 7_100, 14_100)
        };
        tokio::spawn(async move { store.claim(asked).await.unwrap().rows })
    });
    let mut inherited = Vec::new();
    for heir in heirs.collect::<Vec<_>>() {
        inherited.extend(heir.await.unwrap());
    }
    let ids: HashSet<_> = inherited.iter().map(|row| row.submission_id).collect();
    assert_eq!((inherited.len(), ids.len()), (8, 8));
    let has_met_a_death = |row: &DeliveryRow| {
        let trouble = row.delivery.trouble();
        trouble.is_some_and(|trouble| trouble.cause == Cause::Silence)
    };
    assert!(inherited.iter().all(has_met_a_death));
    for row in &dead {
        let late = stores[0]
            .swap(row.submission_id, row.revision, done())
            .await;
        assert_eq!(late.unwrap(), Swapped::Stale);
    }
    let ids: Vec<_> = dead.iter().map(|row| row.submission_id).collect();
    let lost = stores[0].renew(worker(1), ids.clone(), at(99_000)).await;
    assert_eq!(lost.unwrap(), ids);
}

/// A holder that was slow and renews at the last moment, while others claim: it keeps the row, or has lost it; never both.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_renewal_and_a_claim_never_both_win() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let stores = two(&url).await;
    let here = destination(1);
    let (mut kept, mut taken) = (0, 0);
    for number in 1..=60 {
        stores[0].note(vec![new(number, here)]).await.unwrap();
        let first = claim(worker(1), (100, 200), vec![share(here, Order::Due)]);
        let row = stores[0].claim(first).await.unwrap().rows.pop().unwrap();
        let asked = claim(worker(2), (300, 900), vec![share(here, Order::Due)]);
        let ids = vec![row.submission_id];
        let (lost, claimed) = tokio::join!(
            stores[0].renew(worker(1), ids, at(800)),
            stores[1].claim(asked)
        );
        let (lost, claimed) = (lost.unwrap(), claimed.unwrap().rows);
        match (lost.is_empty(), claimed.is_empty()) {
            (true, true) => kept += 1,
            (false, false) => taken += 1,
            // Renewed first, and claimed after: only if the claim had not seen the renewal, which it must.
            (true, false) => {
                let again = stores[0]
                    .renew(worker(1), vec![row.submission_id], at(800))
                    .await;
                panic!("in two hands: {:?}", again.unwrap());
            }
            (false, true) => panic!("in no hand"),
        }
        let now = stores[0].find(row.submission_id).await.unwrap().unwrap();
        let end = stores[0]
            .swap(row.submission_id, now.revision, done())
            .await;
        assert_eq!(end.unwrap(), Swapped::Done);
    }
    assert_eq!(kept + taken, 60);
}

/// The same ids everywhere; `second` tells the rows apart.
async fn fill(store: &PostgresDeliveries, second: i64) {
    let here = destination(1);
    store
        .note(vec![NewDelivery {
            at: at(second),
            ..new(1, here)
        }])
        .await
        .unwrap();
    let way = WayBack {
        submission_id: submission(1),
        case_id: CaseId::from_uuid(Uuid::from_u128(1)),
        destination_id: here,
        package: format!("p@{second}"),
        channel: None,
        at: at(second),
    };
    store.note_way(way, vec!["name".into()]).await.unwrap();
    let answer = NewAnswer {
        key: "key".into(),
        submission_id: submission(1),
        what: format!("status {second}"),
        sealed: Some("a.b".into()),
        at: at(second),
    };
    store.keep_answer(answer).await.unwrap();
    assert!(
        store
            .hold("x", &format!("o{second}"), at(1), at(9))
            .await
            .unwrap()
    );
}

/// Two services may have the same ids: their rows have nothing to do with each other.
#[tokio::test]
async fn services_do_not_see_each_others_rows() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let bund = PostgresDeliveries::open(&target(&url), "bund")
        .await
        .unwrap();
    let land = bund.at("land");
    let here = destination(1);
    fill(&bund, 1).await;
    fill(&land, 2).await;
    for (store, second) in [(&bund, 1), (&land, 2)] {
        let row = store.find(submission(1)).await.unwrap().unwrap();
        assert_eq!(row.noted_at, at(second));
        let due = store.due_answers(at(99), 9).await.unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].what, format!("status {second}"));
        let ways = store.ways(here, vec!["name".into()], 9).await.unwrap();
        assert_eq!(ways.len(), 1);
        assert_eq!(store.tally().await.unwrap()[0].count, 1);
        assert_eq!(store.open_deliveries(9).await.unwrap().len(), 1);
    }
    let asked = claim(worker(1), (50, 90), vec![share(here, Order::Due)]);
    assert_eq!(bund.claim(asked).await.unwrap().rows.len(), 1);
    assert!(
        !land
            .find(submission(1))
            .await
            .unwrap()
            .unwrap()
            .delivery
            .is_held()
    );
    let note = Intervention {
        at: at(5),
        who: "operator".into(),
        command: "incident park".into(),
        reason: None,
        submission_id: submission(1),
        answer: None,
        before: "waiting".into(),
        after: "done".into(),
    };
    let changed = land.change_delivery(1, done(), note).await.unwrap();
    assert_eq!(changed, Swapped::Done);
    assert_eq!(bund.interventions(None, 9).await.unwrap(), []);
    assert_eq!(land.interventions(None, 9).await.unwrap().len(), 1);
}

//! Laws of deliveries.

use std::time::Duration;

use amtsbote_model::delivery::{
    Cause, Circumstances, Decision, Delivery, Jitter, Lease, Past, RetryPolicy, SUSPECTED_FROM,
    Trouble, Verdict,
};
use amtsbote_model::{SubmissionId, Timestamp, WorkerId};
use futures_util::future::join_all;

use super::samples::{at, id};
use crate::{Claim, Claimed, Deliveries, DeliveryRow, NewDelivery, Order, Share, Swapped, Tally};

/// A submission noted at the given second.
pub(super) fn new(number: u32, noted_s: i64) -> NewDelivery {
    NewDelivery {
        submission_id: id(number),
        case_id: id(number + 100),
        destination_id: id(number + 200),
        at: at(noted_s),
    }
}

pub(super) fn past(tries: u32) -> Past {
    Past {
        tries,
        ..Past::default()
    }
}

pub(super) fn lease(worker: u32, until_s: i64) -> Lease {
    Lease {
        by: id::<WorkerId>(worker),
        until: at(until_s),
    }
}

pub(super) fn leased(worker: u32, until_s: i64) -> Delivery {
    Delivery::Leased {
        until: at(until_s),
        by: Some(id(worker)),
        past: past(0),
    }
}

pub(super) fn decided(held: Option<Lease>, due_s: i64) -> Delivery {
    Delivery::Decided {
        at: at(due_s),
        held,
        decision: decision(),
        past: past(1),
    }
}

fn decision() -> Decision {
    Decision {
        verdict: Verdict::Reject,
        event: "header.payload.signature".into(),
    }
}

/// One delivery in each state, and in each of its faces.
pub(super) fn every_state() -> [Delivery; 8] {
    let at = Timestamp::from_millis(1234);
    let trouble = Some(Trouble {
        cause: Cause::ProcedureUnavailable,
        since: Timestamp::from_millis(7),
        last: Timestamp::from_millis(77),
    });
    let package = Some("hund@1.0.0".to_owned());
    let troubled = Past {
        tries: 3,
        silences: 1,
        package: package.clone(),
        trouble,
        refusal: Some("not here".to_owned()),
    };
    [
        Delivery::Waiting { at, past: past(3) },
        Delivery::Leased {
            until: at,
            by: Some(id(9)),
            past: troubled.clone(),
        },
        decided(None, 1),
        Delivery::Done {
            verdict: Verdict::Accept,
            at,
            package,
        },
        Delivery::Parked {
            cause: Cause::ProcedureUnavailable,
            since: at,
            decided: None,
            past: past(0),
        },
        Delivery::Waiting {
            at,
            past: troubled.clone(),
        },
        decided(Some(lease(9, 50)), 1),
        Delivery::Parked {
            cause: Cause::Operator,
            since: at,
            decided: Some(decision()),
            past: troubled,
        },
    ]
}

pub(super) async fn note(deliveries: &impl Deliveries, new: Vec<NewDelivery>) {
    deliveries.note(new).await.expect("answers");
}

pub(super) async fn find(deliveries: &impl Deliveries, number: u32) -> DeliveryRow {
    let row = deliveries.find(id(number)).await.expect("answers");
    row.expect("the row is there")
}

/// Swaps whatever is there.
pub(super) async fn set(deliveries: &impl Deliveries, number: u32, delivery: Delivery) {
    let row = find(deliveries, number).await;
    let answer = deliveries.swap(row.submission_id, row.revision, delivery);
    assert_eq!(answer.await.expect("answers"), Swapped::Done);
}

/// As [`new`], at that destination.
pub(super) fn at_one(destination: u32, number: u32, noted_s: i64) -> NewDelivery {
    NewDelivery {
        destination_id: id(destination + 200),
        ..new(number, noted_s)
    }
}

pub(super) fn share(destination: u32, hand_overs: u32) -> Share {
    Share {
        destination_id: id(destination + 200),
        limit: 100,
        hand_overs,
        posts: 100,
        order: Order::Due,
        rate: None,
    }
}

/// Worker 9 asks for all it can get, until second 1000.
pub(super) fn claim(now_s: i64, shares: Vec<Share>) -> Claim {
    Claim {
        lease: lease(9, 1000),
        max: 100,
        suspects: 100,
        shares,
        around: Circumstances {
            policy: RetryPolicy {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(1),
                tries_max: 100,
            },
            jitter: Jitter::WHOLE,
            now: at(now_s),
        },
    }
}

pub(super) async fn claims(deliveries: &impl Deliveries, claim: Claim) -> Claimed {
    deliveries.claim(claim).await.expect("answers")
}

pub(super) fn ids_of(rows: &[DeliveryRow]) -> Vec<SubmissionId> {
    rows.iter().map(|row| row.submission_id).collect()
}

pub(super) async fn claimed(deliveries: &impl Deliveries, claim: Claim) -> Vec<SubmissionId> {
    ids_of(&claims(deliveries, claim).await.rows)
}

pub(super) fn ids(numbers: &[u32]) -> Vec<SubmissionId> {
    numbers.iter().map(|number| id(*number)).collect()
}

/// With all its ids.
pub async fn a_new_delivery_is_due_at_once(deliveries: &impl Deliveries) {
    note(deliveries, vec![new(1, 10)]).await;
    let row = find(deliveries, 1).await;
    let expected = DeliveryRow {
        submission_id: id(1),
        case_id: id(101),
        destination_id: id(201),
        noted_at: at(10),
        delivery: Delivery::due(at(10)),
        revision: row.revision,
    };
    assert_eq!(row, expected);
    let at = |now_s| claim(now_s, vec![share(1, 10)]);
    assert_eq!(claimed(deliveries, at(9)).await, ids(&[]));
    assert_eq!(claimed(deliveries, at(10)).await, ids(&[1]));
    assert_eq!(deliveries.find(id(2)).await.expect("answers"), None);
}

/// Neither in the same list nor after the row has moved on.
pub async fn noting_again_changes_nothing(deliveries: &impl Deliveries) {
    note(deliveries, vec![new(1, 10), new(1, 20)]).await;
    set(deliveries, 1, every_state()[3].clone()).await;
    let before = find(deliveries, 1).await;
    note(deliveries, vec![new(1, 30), new(2, 30)]).await;
    note(deliveries, vec![]).await;
    assert_eq!(find(deliveries, 1).await, before);
    let all = claim(99, vec![share(1, 10), share(2, 10)]);
    assert_eq!(claimed(deliveries, all).await, ids(&[2]));
}

/// It tells which ones are lost, changes no revision, and what the holder stores meanwhile does not shorten the lease.
pub async fn a_renewed_lease_ends_later(deliveries: &impl Deliveries) {
    note(deliveries, vec![new(1, 10), new(2, 10), new(3, 10)]).await;
    let shares = || vec![share(1, 10), share(2, 10), share(3, 10)];
    let short = Claim {
        lease: lease(9, 100),
        ..claim(50, shares())
    };
    let rows = claims(deliveries, short).await.rows;
    set(deliveries, 2, leased(8, 100)).await;
    let asked = ids(&[1, 2, 3, 4]);
    let lost = deliveries.renew(id(9), asked, at(300)).await;
    assert_eq!(lost.expect("answers"), ids(&[2, 4]));
    let row = find(deliveries, 1).await;
    assert_eq!(row.revision, rows[0].revision);
    assert_eq!(row.delivery.due_at(), Some(at(300)));
    // As read before the renewal.
    let swap = deliveries.swap(id(1), row.revision, rows[0].delivery.clone());
    assert_eq!(swap.await.expect("answers"), Swapped::Done);
    assert_eq!(find(deliveries, 1).await.delivery.due_at(), Some(at(300)));
    let next = |now_s| Claim {
        lease: lease(7, 999),
        ..claim(now_s, shares())
    };
    assert_eq!(claimed(deliveries, next(299)).await, ids(&[2]));
    assert_eq!(claimed(deliveries, next(300)).await, ids(&[1, 3]));
    let lost = deliveries.renew(id(9), ids(&[1, 3]), at(9999)).await;
    assert_eq!(lost.expect("answers"), ids(&[1, 3]));
    // Who gives it back has no lease left to keep.
    set(deliveries, 1, every_state()[0].clone()).await;
    assert_eq!(find(deliveries, 1).await.delivery, every_state()[0].clone());
}

/// Everything but what is done; with the times of its trouble.
pub async fn the_tally_counts_by_destination_state_and_cause(deliveries: &impl Deliveries) {
    let noted = (1..=5).map(|number| at_one(1, number, 50 + i64::from(number)));
    let noted = noted.chain([at_one(2, 6, 6), at_one(2, 7, 7)]);
    note(deliveries, noted.collect()).await;
    let failing = |since_s, last_s| Delivery::Waiting {
        at: at(500),
        past: Past {
            trouble: Some(Trouble {
                cause: Cause::ProcedureUnavailable,
                since: at(since_s),
                last: at(last_s),
            }),
            ..past(2)
        },
    };
    set(deliveries, 1, failing(100, 110)).await;
    set(deliveries, 2, failing(90, 120)).await;
    set(deliveries, 3, every_state()[4].clone()).await;
    set(deliveries, 6, every_state()[3].clone()).await;
    let tally = |destination: u32, state: &str, count, oldest_s| Tally {
        destination_id: id(destination + 200),
        state: state.to_owned(),
        cause: None,
        count,
        oldest: at(oldest_s),
        first_seen: None,
        last_seen: None,
    };
    let parked_at = Timestamp::from_millis(1234);
    let expected = [
        Tally {
            cause: Some(Cause::ProcedureUnavailable),
            first_seen: Some(parked_at),
            last_seen: Some(parked_at),
            ..tally(1, "parked", 1, 53)
        },
        tally(1, "waiting", 2, 54),
        Tally {
            cause: Some(Cause::ProcedureUnavailable),
            first_seen: Some(at(90)),
            last_seen: Some(at(120)),
            ..tally(1, "waiting", 2, 51)
        },
        tally(2, "waiting", 1, 7),
    ];
    assert_eq!(deliveries.tally().await.expect("answers"), expected);
}

/// Old, future and unknown ones are stale.
pub async fn a_swap_needs_the_revision_it_read(deliveries: &impl Deliveries) {
    note(deliveries, vec![new(1, 10)]).await;
    let first = find(deliveries, 1).await;
    set(deliveries, 1, every_state()[0].clone()).await;
    let second = find(deliveries, 1).await;
    assert!(second.revision > first.revision);
    for (number, revision) in [
        (1, first.revision),
        (1, second.revision + 1),
        (1, u64::MAX),
        (2, first.revision),
    ] {
        let answer = deliveries.swap(id(number), revision, every_state()[3].clone());
        let answer = answer.await.expect("answers");
        assert_eq!(answer, Swapped::Stale, "{number} {revision}");
    }
    assert_eq!(find(deliveries, 1).await, second);
}

/// Two workers that want the same delivery.
pub async fn of_racing_swaps_exactly_one_is_done(deliveries: &impl Deliveries) {
    note(deliveries, vec![new(1, 10)]).await;
    let row = find(deliveries, 1).await;
    let racers = (1..=16).map(|worker| {
        let leased = leased(worker, 50);
        deliveries.swap(id(1), row.revision, leased)
    });
    let answers = join_all(racers).await;
    let won = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Swapped::Done)))
        .count();
    assert_eq!(won, 1, "{answers:?}");
}

/// Oldest noted first.
pub async fn every_state_is_read_back_and_found_by_name(deliveries: &impl Deliveries) {
    for (number, state) in (1..).zip(every_state()) {
        let pair = vec![new(number, 50), new(number + 10, 40)];
        note(deliveries, pair).await;
        set(deliveries, number, state.clone()).await;
        set(deliveries, number + 10, state.clone()).await;
        assert_eq!(find(deliveries, number).await.delivery, state);
        // Others of this name, with another face, are older already.
        let others = (1..number).filter(|other| {
            every_state()[usize::try_from(*other).expect("small") - 1].name() == state.name()
        });
        let others: Vec<u32> = others.collect();
        let mut all: Vec<u32> = others.iter().map(|other| other + 10).collect();
        all.push(number + 10);
        all.extend(&others);
        all.push(number);
        for (max, expected) in [(10, all.clone()), (1, all[..1].to_vec())] {
            let rows = deliveries.in_state(state.name(), max).await;
            let rows = rows.expect("answers");
            let found: Vec<_> = rows.iter().map(|row| row.submission_id).collect();
            assert_eq!(found, ids(&expected), "{}", state.name());
        }
    }
    let none = deliveries.in_state("no such state", 10).await;
    assert_eq!(none.expect("answers"), vec![]);
}

/// In both kinds the first due first; not what is due, in somebody's hands, suspected, over or elsewhere.
pub async fn what_is_postponed_is_found_by_destination(deliveries: &impl Deliveries) {
    let waiting = |due_s: i64, silences: u32| Delivery::Waiting {
        at: at(due_s),
        past: Past {
            silences,
            ..past(2)
        },
    };
    let states = [
        (1, waiting(70, 0)),
        (2, waiting(60, 0)),
        (3, waiting(50, 0)),
        (4, waiting(60, SUSPECTED_FROM)),
        (5, decided(None, 90)),
        (6, decided(Some(lease(9, 90)), 1)),
        (7, leased(9, 90)),
        (8, every_state()[3].clone()),
    ];
    for (number, state) in states {
        note(deliveries, vec![at_one(1, number, 1)]).await;
        set(deliveries, number, state).await;
    }
    note(deliveries, vec![at_one(2, 21, 1)]).await;
    set(deliveries, 21, waiting(70, 0)).await;
    for (now_s, max, expected) in [
        (50, 10, &[5, 2, 1][..]),
        (50, 1, &[5, 2]),
        (49, 10, &[5, 3, 2, 1]),
        (90, 10, &[]),
    ] {
        let found = deliveries.postponed(id(201), at(now_s), max).await;
        assert_eq!(ids_of(&found.expect("answers")), ids(expected), "{now_s}");
    }
}

//! Laws of deliveries.

use std::time::Duration;

use amtsbote_model::delivery::{
    Cause, Circumstances, Decision, Delivery, Jitter, Lease, Past, RetryPolicy, SILENCES_MAX,
    SUSPECTED_FROM, Trouble, Verdict,
};
use amtsbote_model::{SubmissionId, Timestamp, WorkerId};
use futures_util::future::join_all;

use super::samples::{at, id};
use crate::{
    Claim, Claimed, Deliveries, DeliveryRow, NewDelivery, Order, Rate, Share, Swapped, Tally,
};

/// A submission noted at the given second.
pub(super) fn new(number: u32, noted_s: i64) -> NewDelivery {
    NewDelivery {
        submission_id: id(number),
        case_id: id(number + 100),
        destination_id: id(number + 200),
        at: at(noted_s),
    }
}

fn past(tries: u32) -> Past {
    Past {
        tries,
        ..Past::default()
    }
}

fn lease(worker: u32, until_s: i64) -> Lease {
    Lease {
        by: id::<WorkerId>(worker),
        until: at(until_s),
    }
}

fn leased(worker: u32, until_s: i64) -> Delivery {
    Delivery::Leased {
        until: at(until_s),
        by: Some(id(worker)),
        past: past(0),
    }
}

fn decided(held: Option<Lease>, due_s: i64) -> Delivery {
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

async fn note(deliveries: &impl Deliveries, new: Vec<NewDelivery>) {
    deliveries.note(new).await.expect("answers");
}

async fn find(deliveries: &impl Deliveries, number: u32) -> DeliveryRow {
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
fn at_one(destination: u32, number: u32, noted_s: i64) -> NewDelivery {
    NewDelivery {
        destination_id: id(destination + 200),
        ..new(number, noted_s)
    }
}

fn share(destination: u32, hand_overs: u32) -> Share {
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
fn claim(now_s: i64, shares: Vec<Share>) -> Claim {
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

async fn claims(deliveries: &impl Deliveries, claim: Claim) -> Claimed {
    deliveries.claim(claim).await.expect("answers")
}

fn ids_of(rows: &[DeliveryRow]) -> Vec<SubmissionId> {
    rows.iter().map(|row| row.submission_id).collect()
}

async fn claimed(deliveries: &impl Deliveries, claim: Claim) -> Vec<SubmissionId> {
    ids_of(&claims(deliveries, claim).await.rows)
}

fn ids(numbers: &[u32]) -> Vec<SubmissionId> {
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

/// Of the same moment in the order of the ids; verdicts come before hand-overs.
pub async fn of_one_destination_the_longest_due_comes_first(deliveries: &impl Deliveries) {
    let noted = [(4, 20), (3, 20), (2, 10), (1, 40), (5, 1)];
    let noted = noted.map(|(number, noted_s)| at_one(1, number, noted_s));
    note(deliveries, noted.to_vec()).await;
    set(deliveries, 5, decided(None, 30)).await;
    let of = |now_s, max| Claim {
        max,
        ..claim(now_s, vec![share(1, 10)])
    };
    assert_eq!(claimed(deliveries, of(99, 0)).await, ids(&[]));
    assert_eq!(claimed(deliveries, of(9, 10)).await, ids(&[]));
    assert_eq!(claimed(deliveries, of(29, 1)).await, ids(&[2]));
    assert_eq!(claimed(deliveries, of(30, 3)).await, ids(&[5, 3, 4]));
    assert_eq!(claimed(deliveries, of(99, 10)).await, ids(&[1]));
}

/// One each, then one each again; who has nothing is passed over, who is not named gets nothing.
pub async fn destinations_take_turns(deliveries: &impl Deliveries) {
    let mut noted: Vec<_> = (1..=6).map(|number| at_one(1, number, 1)).collect();
    noted.extend([at_one(2, 11, 9), at_one(2, 12, 9), at_one(3, 21, 1)]);
    note(deliveries, noted).await;
    let shares = || vec![share(2, 10), share(4, 10), share(1, 10)];
    let few = Claim {
        max: 5,
        ..claim(99, shares())
    };
    assert_eq!(claimed(deliveries, few).await, ids(&[11, 1, 12, 2, 3]));
    assert_eq!(
        claimed(deliveries, claim(99, shares())).await,
        ids(&[4, 5, 6])
    );
}

/// A claimed row is held, with a new revision, until the end of the lease, and what was claimed is what is stored.
pub async fn what_is_claimed_is_held_by_one(deliveries: &impl Deliveries) {
    note(deliveries, vec![new(1, 10), new(2, 10)]).await;
    set(deliveries, 2, decided(None, 10)).await;
    let before = [find(deliveries, 1).await, find(deliveries, 2).await];
    let shares = || vec![share(1, 10), share(2, 10)];
    let rows = claims(deliveries, claim(99, shares())).await.rows;
    assert_eq!(ids_of(&rows), ids(&[1, 2]));
    for (row, before) in rows.iter().zip(before) {
        assert_eq!(row.revision, before.revision + 1);
        assert_eq!(row.delivery.held_by(), Some(id(9)));
        assert_eq!(row.delivery.due_at(), Some(at(1000)));
        let found = deliveries.find(row.submission_id).await.expect("answers");
        assert_eq!(found.as_ref(), Some(row));
    }
    assert_eq!(claimed(deliveries, claim(999, shares())).await, ids(&[]));
    // Both ends.
    let next = Claim {
        lease: lease(8, 2000),
        ..claim(1000, shares())
    };
    assert_eq!(claimed(deliveries, next).await, ids(&[1, 2]));
    for row in rows {
        let answer = deliveries.swap(row.submission_id, row.revision, every_state()[3].clone());
        assert_eq!(answer.await.expect("answers"), Swapped::Stale);
    }
}

/// Those in the hands of others count; verdicts are posted to somebody else and do not.
pub async fn a_destination_has_no_more_hand_overs_than_its_limit(deliveries: &impl Deliveries) {
    let noted = (1..=9).map(|number| at_one(1, number, i64::from(number)));
    note(deliveries, noted.collect()).await;
    set(deliveries, 1, leased(7, 500)).await;
    // Its holder is dead.
    set(deliveries, 2, leased(7, 50)).await;
    set(deliveries, 3, decided(None, 3)).await;
    set(deliveries, 4, decided(Some(lease(7, 500)), 4)).await;
    let limited = |limit, hand_overs, posts| Share {
        limit,
        posts,
        ..share(1, hand_overs)
    };
    let of = |share| claim(99, vec![share]);
    assert_eq!(claimed(deliveries, of(limited(1, 10, 0))).await, ids(&[]));
    assert_eq!(claimed(deliveries, of(limited(3, 1, 0))).await, ids(&[5]));
    assert_eq!(claimed(deliveries, of(limited(9, 0, 9))).await, ids(&[3]));
    assert_eq!(
        claimed(deliveries, of(limited(4, 9, 9))).await,
        ids(&[6, 7])
    );
}

/// However many ask at once.
pub async fn racing_claims_share_what_is_there(deliveries: &impl Deliveries) {
    let noted = (1..=40).map(|number| at_one(number % 2, number, 1));
    note(deliveries, noted.collect()).await;
    let racers = (1..=8).map(|worker| {
        let limited = |destination| Share {
            limit: 7,
            ..share(destination, 3)
        };
        deliveries.claim(Claim {
            lease: lease(worker, 1000),
            ..claim(99, vec![limited(0), limited(1)])
        })
    });
    let mut seen = Vec::new();
    for (worker, answer) in (1..=8).zip(join_all(racers).await) {
        for row in answer.expect("answers").rows {
            assert_eq!(row.delivery.held_by(), Some(id(worker)));
            seen.push(row.submission_id);
        }
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    // A store may let others pass over what one has locked, so that fewer than possible are taken; never more.
    assert!(seen.len() == all && (6..=14).contains(&all), "{all}");
}

/// The next one only when the one before is decided or parked.
pub async fn in_strict_order_the_first_holds_up_the_rest(deliveries: &impl Deliveries) {
    let noted = [(3, 10), (1, 20), (2, 30)];
    let noted = noted.map(|(number, noted_s)| at_one(1, number, noted_s));
    note(deliveries, noted.to_vec()).await;
    let strict = |now_s| {
        let share = Share {
            order: Order::Noted,
            ..share(1, 10)
        };
        claim(now_s, vec![share])
    };
    assert_eq!(claimed(deliveries, strict(99)).await, ids(&[3]));
    assert_eq!(claimed(deliveries, strict(99)).await, ids(&[]));
    // It waits for its next try.
    let waits = Delivery::Waiting {
        at: at(200),
        past: past(1),
    };
    set(deliveries, 3, waits).await;
    assert_eq!(claimed(deliveries, strict(199)).await, ids(&[]));
    assert_eq!(claimed(deliveries, strict(200)).await, ids(&[3]));
    set(deliveries, 3, decided(Some(lease(9, 900)), 1)).await;
    assert_eq!(claimed(deliveries, strict(200)).await, ids(&[1]));
    set(deliveries, 1, every_state()[4].clone()).await;
    assert_eq!(claimed(deliveries, strict(200)).await, ids(&[2]));
    // A dead worker's is taken over before anything else.
    assert_eq!(claimed(deliveries, strict(1000)).await, ids(&[3, 2]));
}

/// As it stands in the list, and after what was noted before and is open, whatever the clocks say. All are due at once.
pub async fn what_is_noted_later_has_a_later_place(deliveries: &impl Deliveries) {
    note(
        deliveries,
        vec![at_one(1, 5, 20), at_one(1, 3, 20), at_one(2, 9, 1)],
    )
    .await;
    // By a process whose clock is behind.
    note(
        deliveries,
        vec![at_one(1, 4, 10), at_one(1, 5, 10), at_one(1, 2, 30)],
    )
    .await;
    let mut places = Vec::new();
    for number in [5, 3, 4, 2] {
        let row = find(deliveries, number).await;
        assert!(row.delivery.due_at() <= Some(at(30)), "{row:?}");
        places.push(row.noted_at);
    }
    assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
    assert_eq!((places[0], places[3]), (at(20), at(30)));
    assert_eq!(find(deliveries, 9).await.noted_at, at(1));
    for number in [5, 3, 4, 2] {
        let share = Share {
            order: Order::Noted,
            ..share(1, 10)
        };
        assert_eq!(
            claimed(deliveries, claim(99, vec![share])).await,
            ids(&[number])
        );
        set(deliveries, number, every_state()[3].clone()).await;
    }
}

fn paced(destination: u32, per_minute: u32) -> Share {
    Share {
        rate: Rate::per_minute(per_minute),
        ..share(destination, 10)
    }
}

/// Whoever begins them; verdicts are told to somebody else.
pub async fn a_destination_begins_no_more_within_a_minute_than_its_rate(
    deliveries: &impl Deliveries,
) {
    let noted = (1..=9).map(|number| at_one(1, number, i64::from(number)));
    note(deliveries, noted.chain([at_one(2, 11, 1)]).collect()).await;
    set(deliveries, 9, decided(None, 9)).await;
    let of = |worker, now_s, share| Claim {
        lease: lease(worker, now_s + 7),
        ..claim(now_s, vec![share])
    };
    // One at once, the next one after half a minute.
    let two = paced(1, 2);
    assert_eq!(claimed(deliveries, of(9, 100, two)).await, ids(&[9, 1]));
    for number in [1, 9] {
        set(deliveries, number, every_state()[3].clone()).await;
    }
    assert_eq!(claimed(deliveries, of(8, 129, two)).await, ids(&[]));
    assert_eq!(
        claimed(deliveries, of(8, 129, paced(2, 2))).await,
        ids(&[11])
    );
    assert_eq!(claimed(deliveries, of(8, 130, two)).await, ids(&[2]));
    set(deliveries, 2, every_state()[3].clone()).await;
    assert_eq!(claimed(deliveries, of(9, 159, two)).await, ids(&[]));
    // What was not used is not saved up.
    assert_eq!(claimed(deliveries, of(9, 999, two)).await, ids(&[3]));
    // Four at once, if there are four.
    let many = claimed(deliveries, of(9, 2000, paced(1, 90))).await;
    assert_eq!(many.len(), 4);
}

/// However many ask at once.
pub async fn racing_claims_keep_rate_and_order(deliveries: &impl Deliveries) {
    let noted = (1..=40).map(|number| at_one(number % 2, number, 1));
    note(deliveries, noted.collect()).await;
    let racers = (1..=8).map(|worker| {
        let strict = Share {
            order: Order::Noted,
            ..share(0, 3)
        };
        deliveries.claim(Claim {
            lease: lease(worker, 1000),
            ..claim(99, vec![strict, paced(1, 120)])
        })
    });
    let mut begun = [0, 0];
    for answer in join_all(racers).await {
        for row in answer.expect("answers").rows {
            begun[usize::from(row.destination_id == id(201))] += 1;
        }
    }
    // As above: fewer than possible, never more, and not none.
    assert!(begun[0] == 1 && (1..=5).contains(&begun[1]), "{begun:?}");
}

/// So that what kills its workers does not take others with it, and parks in the end.
pub async fn what_a_worker_died_with_is_claimed_apart(deliveries: &impl Deliveries) {
    let noted = (1..=4).map(|number| at_one(1, number, i64::from(number)));
    note(deliveries, noted.collect()).await;
    let died_with = Delivery::Leased {
        until: at(50),
        by: Some(id(7)),
        past: Past {
            silences: SUSPECTED_FROM - 1,
            ..past(7)
        },
    };
    set(deliveries, 1, died_with.clone()).await;
    set(deliveries, 2, died_with).await;
    let suspects = |now_s, suspects| Claim {
        suspects,
        ..claim(now_s, vec![share(1, 10)])
    };
    assert_eq!(claimed(deliveries, suspects(99, 0)).await, ids(&[3, 4]));
    let rows = claims(deliveries, suspects(99, 1)).await.rows;
    let [row] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    assert!(row.delivery.is_suspect());
    let trouble = row.delivery.trouble().map(|trouble| trouble.cause);
    assert_eq!(trouble, Some(Cause::Silence));
    // Until it succeeds it is one.
    let waits = Delivery::Waiting {
        at: at(100),
        past: Past {
            silences: SILENCES_MAX - 1,
            ..past(7)
        },
    };
    set(deliveries, 1, waits).await;
    set(deliveries, 2, every_state()[3].clone()).await;
    assert_eq!(claimed(deliveries, suspects(100, 0)).await, ids(&[]));
    assert_eq!(claimed(deliveries, suspects(100, 1)).await, ids(&[1]));
    let last = suspects(5000, 1);
    let answer = claims(deliveries, Claim { max: 1, ..last }).await;
    assert_eq!(ids_of(&answer.parked), ids(&[1]));
    assert_eq!(find(deliveries, 1).await, answer.parked[0]);
    assert_eq!(find(deliveries, 1).await.delivery.name(), "parked");
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

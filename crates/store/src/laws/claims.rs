//! Laws of claims: who gets what, in which order, and how much of it.

use amtsbote_model::delivery::{Cause, Delivery, Past, SILENCES_MAX, SUSPECTED_FROM};
use futures_util::future::join_all;

use super::deliveries::{
    at_one, claim, claimed, claims, decided, every_state, find, ids, ids_of, lease, leased, new,
    note, past, set, share,
};
use super::samples::{at, id};
use crate::{Claim, Deliveries, Order, Rate, Share, Swapped};

fn paced(destination: u32, per_minute: u32) -> Share {
    Share {
        rate: Rate::per_minute(per_minute),
        ..share(destination, 10)
    }
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

//! Laws of deliveries.

use amtsbote_model::delivery::{Cause, Delivery, Verdict};
use amtsbote_model::{SubmissionId, Timestamp};
use futures_util::future::join_all;

use super::samples::{at, id};
use crate::{Deliveries, DeliveryRow, NewDelivery, Swapped};

/// A submission noted at the given second.
pub(super) fn new(number: u32, noted_s: i64) -> NewDelivery {
    NewDelivery {
        submission_id: id(number),
        case_id: id(number + 100),
        destination_id: id(number + 200),
        at: at(noted_s),
    }
}

/// One delivery in each state.
pub(super) fn every_state() -> [Delivery; 5] {
    let at = Timestamp::from_millis(1234);
    [
        Delivery::Waiting {
            tries: 3,
            at,
            package: None,
        },
        Delivery::Leased {
            tries: 2,
            until: at,
            package: Some("hund@1.0.0".into()),
        },
        Delivery::Decided {
            tries: 1,
            at,
            verdict: Verdict::Reject,
            event: "header.payload.signature".into(),
        },
        Delivery::Done {
            verdict: Verdict::Accept,
            at,
        },
        Delivery::Parked {
            cause: Cause::ProcedureUnavailable,
            since: at,
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

async fn due(deliveries: &impl Deliveries, now_s: i64, max: u32) -> Vec<SubmissionId> {
    let rows = deliveries.due(at(now_s), max).await.expect("answers");
    rows.iter().map(|row| row.submission_id).collect()
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
        delivery: Delivery::due(at(10)),
        revision: row.revision,
    };
    assert_eq!(row, expected);
    assert_eq!(due(deliveries, 9, 10).await, ids(&[]));
    let rows = deliveries.due(at(10), 10).await.expect("answers");
    assert_eq!(rows, vec![expected]);
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
    assert_eq!(due(deliveries, 99, 10).await, ids(&[2]));
}

/// Whatever the state; of the same moment in the order of the ids.
pub async fn the_longest_due_comes_first(deliveries: &impl Deliveries) {
    let noted = vec![new(4, 20), new(3, 20), new(2, 10), new(1, 40), new(5, 1)];
    note(deliveries, noted).await;
    let decided = Delivery::Decided {
        tries: 0,
        at: at(30),
        verdict: Verdict::Accept,
        event: "set".into(),
    };
    set(deliveries, 5, decided).await;
    assert_eq!(due(deliveries, 99, 10).await, ids(&[2, 3, 4, 5, 1]));
    assert_eq!(due(deliveries, 30, 3).await, ids(&[2, 3, 4]));
    assert_eq!(due(deliveries, 19, 10).await, ids(&[2]));
    assert_eq!(due(deliveries, 99, 0).await, ids(&[]));
}

/// So that a worker's death is noticed.
pub async fn an_expired_lease_is_due(deliveries: &impl Deliveries) {
    note(deliveries, vec![new(1, 10)]).await;
    let leased = Delivery::Leased {
        tries: 0,
        until: at(50),
        package: None,
    };
    set(deliveries, 1, leased).await;
    assert_eq!(due(deliveries, 49, 10).await, ids(&[]));
    assert_eq!(due(deliveries, 50, 10).await, ids(&[1]));
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
    let racers = (0..16).map(|tries| {
        let leased = Delivery::Leased {
            tries,
            until: at(50),
            package: None,
        };
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
        for (max, expected) in [(10, vec![number + 10, number]), (1, vec![number + 10])] {
            let rows = deliveries.in_state(state.name(), max).await;
            let rows = rows.expect("answers");
            let found: Vec<_> = rows.iter().map(|row| row.submission_id).collect();
            assert_eq!(found, ids(&expected), "{}", state.name());
        }
    }
    let none = deliveries.in_state("no such state", 10).await;
    assert_eq!(none.expect("answers"), vec![]);
}

//! Laws of relays.

use amtsbote_model::relay::{Outcome, Relay, There};
use amtsbote_model::{SubmissionId, Timestamp};
use futures_util::future::join_all;

use super::DurableBench;
use super::samples::{at, id};
use crate::Swapped;
use crate::relays::{NewRelay, RelayRow, Relays};

async fn begin(relays: &impl Relays, number: u32, noted_s: i64) {
    let new = NewRelay {
        submission_id: id(number),
        uplink: format!("uplink-{number}"),
        at: at(noted_s),
    };
    relays.begin(new).await.expect("answers");
}

async fn find(relays: &impl Relays, number: u32) -> RelayRow {
    let row = relays.relay(id(number)).await.expect("answers");
    row.expect("the row is there")
}

async fn set(relays: &impl Relays, number: u32, relay: Relay, log: &[&str]) {
    let log = log.iter().map(|token| (*token).to_owned()).collect();
    let row = RelayRow {
        relay,
        log,
        ..find(relays, number).await
    };
    assert_eq!(relays.swap(row).await.expect("answers"), Swapped::Done);
}

async fn due(relays: &impl Relays, now_s: i64, max: u32) -> Vec<SubmissionId> {
    let rows = relays.due(at(now_s), max).await.expect("answers");
    rows.iter().map(|row| row.submission_id).collect()
}

fn every_state() -> [Relay; 7] {
    let (at, tries) = (Timestamp::from_millis(1234), 2);
    let there = There {
        submission_id: id(77),
        case_id: id(78),
    };
    let outcome = Outcome::Refused {
        status: 422,
        code: Some("x".to_owned()),
    };
    [
        Relay::Waiting { tries, at },
        Relay::Announced {
            there,
            uploaded: 4,
            tries,
            at,
        },
        Relay::Submitting { there, tries, at },
        Relay::Watched {
            there,
            since: at,
            tries,
            at,
        },
        Relay::Decided {
            there: Some(there),
            outcome: outcome.clone(),
            tries,
            at,
        },
        Relay::Decided {
            there: None,
            outcome: outcome.clone(),
            tries,
            at,
        },
        Relay::Settled {
            there: None,
            outcome,
            since: at,
        },
    ]
}

/// With its uplink.
pub async fn a_new_relay_is_due_at_once(relays: &impl Relays) {
    begin(relays, 1, 10).await;
    let row = find(relays, 1).await;
    let expected = RelayRow {
        submission_id: id(1),
        uplink: "uplink-1".to_owned(),
        relay: Relay::due(at(10)),
        log: Vec::new(),
        revision: row.revision,
    };
    assert_eq!(row, expected);
    assert_eq!(due(relays, 9, 10).await, vec![]);
    assert_eq!(
        relays.due(at(10), 10).await.expect("answers"),
        vec![expected]
    );
    assert_eq!(relays.relay(id(2)).await.expect("answers"), None);
}

/// Neither at once nor after the row has moved on.
pub async fn beginning_again_changes_nothing(relays: &impl Relays) {
    begin(relays, 1, 10).await;
    set(relays, 1, every_state()[6].clone(), &["a.b.c"]).await;
    let before = find(relays, 1).await;
    begin(relays, 1, 30).await;
    assert_eq!(find(relays, 1).await, before);
    assert_eq!(due(relays, 99, 10).await, vec![]);
}

/// Of the same moment in the order of the ids; what is settled never.
pub async fn the_longest_due_relay_comes_first(relays: &impl Relays) {
    for (number, noted_s) in [(4, 20), (3, 20), (2, 10), (1, 40), (5, 1)] {
        begin(relays, number, noted_s).await;
    }
    set(relays, 5, every_state()[6].clone(), &[]).await;
    let ids = |numbers: &[u32]| {
        numbers
            .iter()
            .map(|n| id(*n))
            .collect::<Vec<SubmissionId>>()
    };
    assert_eq!(due(relays, 99, 10).await, ids(&[2, 3, 4, 1]));
    assert_eq!(due(relays, 30, 2).await, ids(&[2, 3]));
    assert_eq!(due(relays, 99, 0).await, ids(&[]));
}

/// Old, future and unknown ones are stale.
pub async fn a_relay_swap_needs_the_revision_it_read(relays: &impl Relays) {
    begin(relays, 1, 10).await;
    let first = find(relays, 1).await;
    set(relays, 1, every_state()[0].clone(), &["x.y.z"]).await;
    let second = find(relays, 1).await;
    for (number, revision) in [
        (1, first.revision),
        (1, second.revision + 1),
        (1, u64::MAX),
        (2, first.revision),
    ] {
        let row = RelayRow {
            submission_id: id(number),
            revision,
            ..first.clone()
        };
        let answer = relays.swap(row).await.expect("answers");
        assert_eq!(answer, Swapped::Stale, "{number} {revision}");
    }
    assert_eq!(find(relays, 1).await, second);
}

/// So that no second submission is announced over the first one's row.
pub async fn of_racing_relay_swaps_exactly_one_is_done(relays: &impl Relays) {
    begin(relays, 1, 10).await;
    let row = find(relays, 1).await;
    let answers = join_all((0..16).map(|_| relays.swap(row.clone()))).await;
    let won = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Swapped::Done)));
    assert_eq!(won.count(), 1, "{answers:?}");
}

/// With its log.
pub async fn every_state_of_a_relay_is_read_back(relays: &impl Relays) {
    begin(relays, 1, 10).await;
    for state in every_state() {
        set(relays, 1, state.clone(), &["a.b.c", "d.e.f"]).await;
        let row = find(relays, 1).await;
        assert_eq!(
            (row.relay, row.log),
            (state, vec!["a.b.c".to_owned(), "d.e.f".to_owned()])
        );
    }
}

/// State, log and revision.
pub async fn relays_are_there_after_reopening<B>(bench: B)
where
    B: DurableBench<Subject: Relays>,
{
    begin(bench.subject(), 1, 10).await;
    set(bench.subject(), 1, every_state()[3].clone(), &["a.b.c"]).await;
    let before = find(bench.subject(), 1).await;
    let bench = bench.reopen();
    assert_eq!(find(bench.subject(), 1).await, before);
}

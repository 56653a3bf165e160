//! Laws of the operator's desk.

use amtsbote_model::delivery::{Cause, Delivery, Verdict};

use super::samples::{at, id};
use super::{deliveries, ways_back};
use crate::{
    AnswerMove, AnswerState, Deliveries, DeliveryRow, Desk, Failing, Intervention, Swapped,
    WaysBack,
};

fn note(number: u32, second: i64) -> Intervention {
    Intervention {
        at: at(second),
        who: "operator".into(),
        command: "incident retry".into(),
        reason: Some("share mended".into()),
        submission_id: id(number),
        answer: None,
        before: "waiting".into(),
        after: "waiting".into(),
    }
}

fn due(second: i64) -> Delivery {
    Delivery::due(at(second))
}

async fn open(desk: &impl Desk, max: u32) -> Vec<DeliveryRow> {
    desk.open_deliveries(max).await.expect("answers")
}

/// Whatever its state; longest known first.
pub async fn what_is_not_done_is_open(desk: &(impl Desk + Deliveries)) {
    for (number, second) in [(1, 30), (2, 10), (3, 20)] {
        let new = vec![deliveries::new(number, second)];
        desk.note(new).await.expect("answers");
    }
    let done = Delivery::Done {
        verdict: Verdict::Accept,
        at: at(40),
        package: None,
    };
    deliveries::set(desk, 3, done).await;
    let found = open(desk, 10).await;
    let found: Vec<_> = found.iter().map(|row| row.submission_id).collect();
    assert_eq!(found, [id(2), id(1)]);
    assert_eq!(open(desk, 1).await.len(), 1);
}

/// One row changed, one note; the newest first, of one submission or of all.
pub async fn a_change_by_hand_is_noted_with_it(desk: &(impl Desk + Deliveries)) {
    let new = vec![deliveries::new(1, 10), deliveries::new(2, 10)];
    desk.note(new).await.expect("answers");
    for (number, second) in [(1, 50), (2, 60)] {
        let changed = desk.change_delivery(1, due(second), note(number, second));
        assert_eq!(changed.await.expect("answers"), Swapped::Done);
    }
    let row = desk.find(id(1)).await.expect("answers").expect("is there");
    assert_eq!((row.delivery, row.revision), (due(50), 2));
    let notes = |of| async move { desk.interventions(of, 10).await.expect("answers") };
    assert_eq!(notes(None).await, [note(2, 60), note(1, 50)]);
    assert_eq!(notes(Some(id(1))).await, [note(1, 50)]);
    assert_eq!(desk.interventions(None, 1).await.expect("answers").len(), 1);
}

/// Who moved it meanwhile wins, and nothing is noted.
pub async fn a_change_by_hand_needs_the_revision_it_read(desk: &(impl Desk + Deliveries)) {
    let new = vec![deliveries::new(1, 10)];
    desk.note(new).await.expect("answers");
    deliveries::set(desk, 1, due(20)).await;
    for revision in [1, 3, u64::MAX] {
        let changed = desk.change_delivery(revision, due(50), note(1, 50));
        assert_eq!(changed.await.expect("answers"), Swapped::Stale);
    }
    let unknown = desk.change_delivery(1, due(50), note(9, 50)).await;
    assert_eq!(unknown.expect("answers"), Swapped::Stale);
    assert_eq!(desk.interventions(None, 10).await.expect("answers"), []);
}

/// What is parked is not due and keeps its ciphertext; what never failed is not stuck.
pub async fn a_reply_is_parked_by_hand_and_released(desk: &(impl Desk + WaysBack)) {
    desk.note_way(ways_back::way(1), vec![])
        .await
        .expect("answers");
    for number in [1, 2] {
        desk.keep_answer(ways_back::answer(number, 10))
            .await
            .expect("answers");
    }
    let stuck = || async { desk.stuck_answers(10).await.expect("answers") };
    assert_eq!(stuck().await, []);
    let failing = Failing {
        cause: Cause::ServiceRefused,
        since: at(20),
    };
    let to = |state, tries| AnswerMove {
        state,
        tries,
        failing: Some(failing),
        at: at(20),
    };
    let key = ways_back::answer(1, 10).key;
    let announced = to(AnswerState::Announced(id(7)), 1);
    let moved = desk.move_answer(key.clone(), 1, announced).await;
    assert_eq!(moved.expect("answers"), Swapped::Done);
    assert_eq!(stuck().await.len(), 1);

    let note = Intervention {
        answer: Some(key.clone()),
        ..note(1, 30)
    };
    let parked = to(AnswerState::Parked(Some(id(7))), 1);
    for expected in [Swapped::Done, Swapped::Stale] {
        let changed = desk.change_answer(2, parked, note.clone()).await;
        assert_eq!(changed.expect("answers"), expected);
    }
    assert_eq!(
        desk.interventions(None, 10).await.expect("answers"),
        std::slice::from_ref(&note)
    );
    let stuck = stuck().await;
    assert_eq!(
        (stuck[0].state, stuck[0].failing),
        (parked.state, Some(failing))
    );
    assert!(stuck[0].sealed.is_some());
    let due = || async { desk.due_answers(at(99), 10).await.expect("answers").len() };
    assert_eq!(due().await, 1);
    let changed = desk.change_answer(3, announced, note).await;
    assert_eq!(changed.expect("answers"), Swapped::Done);
    assert_eq!(due().await, 2);
}

//! Laws of ways back.

use amtsbote_model::delivery::Cause;

use super::samples::{at, id};
use crate::{
    AnswerMove, AnswerRow, AnswerState, CLOSED, Failing, NewAnswer, Swapped, WayBack, WaysBack,
};

pub(super) fn way(number: u32) -> WayBack {
    WayBack {
        submission_id: id(number),
        case_id: id(number + 100),
        destination_id: id(200),
        package: "hund@1.0.0".into(),
        channel: number.is_multiple_of(2).then(|| "{}".into()),
        at: at(10),
    }
}

pub(super) fn answer(number: u32, second: i64) -> NewAnswer {
    NewAnswer {
        key: format!("{number:064}"),
        submission_id: id(1),
        what: "status 05".into(),
        sealed: Some("a.b.c.d.e".into()),
        at: at(second),
    }
}

async fn note(ways: &impl WaysBack, number: u32, names: &[&str]) {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    ways.note_way(way(number), names).await.expect("answers");
}

async fn found(ways: &impl WaysBack, names: &[&str]) -> Vec<WayBack> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    ways.ways(id(200), names, 2).await.expect("answers")
}

async fn only(ways: &impl WaysBack) -> AnswerRow {
    let rows = ways.answers(id(1)).await.expect("answers");
    let [row] = &rows[..] else {
        panic!("{} rows instead of one", rows.len())
    };
    row.clone()
}

/// By any of its names, also those that were added later; at its own destination only.
pub async fn a_way_is_found_by_each_of_its_names(ways: &impl WaysBack) {
    note(ways, 1, &["message-1", "case"]).await;
    note(ways, 2, &["message-2", "case"]).await;
    note(ways, 1, &["number"]).await;
    for names in [
        &["message-1"][..],
        &["number", "message-1"],
        &["x", "number"],
    ] {
        assert_eq!(found(ways, names).await, [way(1)], "{names:?}");
    }
    assert_eq!(found(ways, &["message-2"]).await, [way(2)]);
    assert_eq!(found(ways, &["case"]).await.len(), 2);
    assert_eq!(found(ways, &["nobody"]).await, []);
    assert_eq!(found(ways, &[]).await, []);
    let elsewhere = ways.ways(id(201), vec!["number".into()], 2).await;
    assert_eq!(elsewhere.expect("answers"), []);
    assert_eq!(ways.way(id(1)).await.expect("answers"), Some(way(1)));
    assert_eq!(ways.way(id(9)).await.expect("answers"), None);
}

/// By destination, age and until nothing more is expected; in the order of ids, page by page.
pub async fn open_ways_are_listed_page_by_page_until_they_are_closed(ways: &impl WaysBack) {
    for number in [3, 1, 2] {
        note(ways, number, &["case"]).await;
    }
    let open = async |after: Option<u32>, since, max| {
        let after = after.map(id);
        let found = ways.open_ways(id(200), (after, at(since)), max).await;
        let found = found.expect("answers");
        found
            .iter()
            .map(|way| way.submission_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(open(None, 10, 2).await, [id(1), id(2)]);
    assert_eq!(open(Some(2), 10, 2).await, [id(3)]);
    assert_eq!(open(Some(3), 10, 2).await, []);
    assert_eq!(open(None, 11, 9).await, []);
    note(ways, 2, &[CLOSED]).await;
    assert_eq!(open(None, 0, 9).await, [id(1), id(3)]);
    let elsewhere = ways.open_ways(id(201), (None, at(0)), 9).await;
    assert_eq!(elsewhere.expect("answers"), []);
}

/// The second one with the same key changes nothing, however far the first is.
pub async fn an_answer_is_kept_once(ways: &impl WaysBack) {
    note(ways, 1, &[]).await;
    for second in [10, 20] {
        ways.keep_answer(answer(1, second)).await.expect("answers");
    }
    let row = only(ways).await;
    assert_eq!((row.state, row.at), (AnswerState::Sealed, at(10)));
    let sent = AnswerMove {
        state: AnswerState::Sent(id(7)),
        tries: 0,
        failing: None,
        at: at(30),
    };
    let moved = ways.move_answer(row.key.clone(), row.revision, sent);
    assert_eq!(moved.await.expect("answers"), Swapped::Done);
    ways.keep_answer(answer(1, 40)).await.expect("answers");
    let row = only(ways).await;
    assert_eq!((row.state, row.sealed), (AnswerState::Sent(id(7)), None));
}

/// Longest due first; final ones never.
pub async fn answers_are_due_until_they_are_final(ways: &impl WaysBack) {
    note(ways, 1, &[]).await;
    for (number, second) in [(1, 30), (2, 10), (3, 20)] {
        ways.keep_answer(answer(number, second))
            .await
            .expect("answers");
    }
    let kept = NewAnswer {
        sealed: None,
        ..answer(4, 1)
    };
    ways.keep_answer(kept).await.expect("answers");
    let due = |second, max| async move {
        let rows = ways.due_answers(at(second), max).await.expect("answers");
        rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>()
    };
    let keys = |numbers: &[u32]| {
        numbers
            .iter()
            .map(|nr| answer(*nr, 0).key)
            .collect::<Vec<_>>()
    };
    assert_eq!(due(99, 10).await, keys(&[2, 3, 1]));
    assert_eq!(due(99, 1).await, keys(&[2]));
    assert_eq!(due(9, 10).await, keys(&[]));
}

/// What was announced is read back with its id and its ciphertext.
pub async fn an_answer_moves_only_from_the_revision_it_was_read_at(ways: &impl WaysBack) {
    note(ways, 1, &[]).await;
    ways.keep_answer(answer(1, 10)).await.expect("answers");
    let row = only(ways).await;
    let to = AnswerMove {
        state: AnswerState::Announced(id(7)),
        tries: 2,
        failing: Some(Failing {
            cause: Cause::ServiceRefused,
            since: at(20),
        }),
        at: at(50),
    };
    for expected in [Swapped::Done, Swapped::Stale] {
        let moved = ways.move_answer(row.key.clone(), row.revision, to).await;
        assert_eq!(moved.expect("answers"), expected);
    }
    let moved = only(ways).await;
    assert_eq!((moved.state, moved.tries, moved.at), (to.state, 2, at(50)));
    assert_eq!(moved.sealed, row.sealed);
    assert_eq!(moved.failing, to.failing);
}

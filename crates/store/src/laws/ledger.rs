//! Laws of submissions, destinations, keys, remembered answers and the outbox.

use amtsbote_model::submission::State;
use amtsbote_model::{Destination, DestinationStatus, Timestamp};
use futures_util::future::join_all;

use super::samples::{
    announced_one, at, attachment, callback, client, content, destination, done, event, found, id,
    key, moved, notice, of, open_case, remembered, submission,
};
use crate::{Batch, Change, Committed, Conflict, Content, Event, NoticeId, Store, Submission};

async fn stored(store: &impl Store, number: u32) -> Submission {
    let found = store.submission(id(number)).await.expect("answers");
    found.expect("the submission is there")
}

/// All fields of a submission come back, with and without the optional ones.
pub async fn a_submission_is_read_back_whole(store: &impl Store) {
    announced_one(store).await;
    assert_eq!(stored(store, 1).await, submission(1, 1, 1));

    let bare = Submission {
        service_name: None,
        region: None,
        state: State::Submitted,
        announced: vec![],
        attachments: vec![attachment(1, 1), attachment(2, 2)],
        callback: None,
        submitted_at: Some(at(2000)),
        ..submission(2, 1, 1)
    };
    let whole = Content {
        data: None,
        ..content()
    };
    let changes = vec![
        Change::Announce(Box::new(bare.clone())),
        Change::Fill {
            subject: bare.id.into(),
            content: whole.clone(),
        },
    ];
    done(store, changes).await;
    assert_eq!(stored(store, 2).await, bare);
    assert_eq!(
        store.content(bare.id.into()).await.expect("answers"),
        Some(whole)
    );
    assert_eq!(store.submission(id(3)).await.expect("answers"), None);
    assert_eq!(store.content(of(1)).await.expect("answers"), None);
}

/// Later changes see earlier ones of the same batch.
pub async fn a_batch_is_applied_in_order(store: &impl Store) {
    let changes = vec![
        found(destination(1)),
        open_case(1, 1),
        super::samples::announced(1, 1, 1),
        moved(1, State::Created, State::Submitted, 2000),
        moved(1, State::Submitted, State::Accepted, 3000),
    ];
    done(store, changes).await;
    let now = stored(store, 1).await;
    assert_eq!(now.state, State::Accepted);
    assert_eq!(now.submitted_at, Some(at(2000)));
}

/// Nothing to do is done.
pub async fn an_empty_batch_is_done(store: &impl Store) {
    done(store, vec![]).await;
}

/// Whoever comes second is told the state that the first has made.
pub async fn of_racing_moves_exactly_one_is_done(store: &impl Store) {
    announced_one(store).await;
    let racers = (0..16_i32).map(|number| {
        let to = if number % 2 == 0 {
            State::Submitted
        } else {
            State::Deleted
        };
        store.commit(Batch(vec![moved(1, State::Created, to, 2000)]))
    });
    let answers: Vec<_> = join_all(racers)
        .await
        .into_iter()
        .map(|answer| answer.expect("answers"))
        .collect();
    let now = stored(store, 1).await.state;
    let refused = Committed::Refused(Conflict::StateMoved(now));
    let count = |what| answers.iter().filter(|answer| **answer == what).count();
    assert_eq!((count(Committed::Done), count(refused)), (1, 15));
}

/// The moment of receipt is never written twice.
pub async fn a_move_to_the_same_state_changes_nothing(store: &impl Store) {
    announced_one(store).await;
    done(
        store,
        vec![moved(1, State::Created, State::Submitted, 2000)],
    )
    .await;
    let before = stored(store, 1).await;
    done(
        store,
        vec![moved(1, State::Submitted, State::Submitted, 3000)],
    )
    .await;
    assert_eq!(stored(store, 1).await, before);
}

/// Attachments are kept by their id, in the order of their ids.
pub async fn an_attachment_that_comes_again_replaces_the_first(store: &impl Store) {
    announced_one(store).await;
    for (number, blob) in [(2, 20), (1, 10), (2, 21)] {
        let attach = Change::Attach {
            subject: of(1),
            attachment: attachment(number, blob),
        };
        done(store, vec![attach]).await;
    }
    let expected = vec![attachment(1, 10), attachment(2, 21)];
    assert_eq!(stored(store, 1).await.attachments, expected);
    let expect = Change::ExpectAttachments {
        subject: of(1),
        attachments: expected.into_iter().rev().collect(),
    };
    done(store, vec![expect]).await;
}

/// Sealed parts and attachments go; the submission and its log stay.
pub async fn content_is_gone_after_erase(store: &impl Store) {
    announced_one(store).await;
    let subject = of(1);
    let fill = vec![
        Change::Attach {
            subject,
            attachment: attachment(1, 1),
        },
        Change::Fill {
            subject,
            content: content(),
        },
    ];
    done(store, fill).await;
    let before = store.content(subject).await.expect("answers");
    assert_eq!(before, Some(content()));

    done(store, vec![Change::Erase { subject }]).await;
    let after = store.content(subject).await.expect("answers");
    assert_eq!(after, None);
    assert_eq!(stored(store, 1).await, submission(1, 1, 1));
    // Again, and for what never was.
    let again = [subject, of(99)].map(|subject| Change::Erase { subject });
    done(store, again.to_vec()).await;
}

/// Another client's key is another key.
pub async fn a_remembered_answer_is_found_under_client_and_key(store: &impl Store) {
    done(store, vec![Change::Remember(remembered("key-1"))]).await;
    for (client_number, key, expected) in [
        (7, "key-1", Some(remembered("key-1"))),
        (7, "key-2", None),
        (8, "key-1", None),
    ] {
        let answer = store.remembered(&client(client_number), key).await;
        assert_eq!(answer.expect("answers"), expected, "{client_number} {key}");
    }
}

async fn stored_destination(store: &impl Store, number: u32) -> Option<Destination> {
    store.destination(id(number)).await.expect("answers")
}

/// A change is based on the version that was read.
pub async fn a_destination_changes_version_by_version(store: &impl Store) {
    let first = destination(1);
    let second = Destination {
        name: "renamed".into(),
        status: DestinationStatus::Inactive,
        services: vec![],
        callback: None,
        reply_channels: None,
        ..first.clone()
    };
    let replace = |old: &Destination, new: &Destination| Change::PutDestination {
        replaces: Some(Box::new(old.clone())),
        destination: Box::new(new.clone()),
    };
    done(store, vec![found(first.clone())]).await;
    assert_eq!(stored_destination(store, 1).await.as_ref(), Some(&first));
    done(store, vec![replace(&first, &second)]).await;
    assert_eq!(stored_destination(store, 1).await.as_ref(), Some(&second));
    done(store, vec![replace(&second, &first)]).await;
    assert_eq!(stored_destination(store, 1).await.as_ref(), Some(&first));
    assert_eq!(stored_destination(store, 2).await, None);
}

/// Two people who edit the same version: the second is told.
pub async fn of_racing_destination_versions_exactly_one_is_done(store: &impl Store) {
    let first = destination(1);
    done(store, vec![found(first.clone())]).await;
    let racers = (0..8).map(|number| {
        let edited = Destination {
            name: format!("edited {number}"),
            callback: Some(callback()),
            ..first.clone()
        };
        store.commit(Batch(vec![Change::PutDestination {
            replaces: Some(Box::new(first.clone())),
            destination: Box::new(edited),
        }]))
    });
    let answers = join_all(racers).await;
    let won = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Committed::Done)))
        .count();
    assert_eq!(won, 1, "{answers:?}");
}

/// What is dropped can be made anew, without its old keys.
pub async fn a_dropped_destination_takes_its_keys_along(store: &impl Store) {
    let put = |number| Change::PutKey {
        destination_id: id(number),
        key: key("kid", 1),
    };
    let changes = vec![
        found(destination(1)),
        found(destination(2)),
        put(1),
        put(2),
        Change::DropDestination(id(1)),
        Change::DropDestination(id(99)),
    ];
    done(store, changes).await;
    assert_eq!(stored_destination(store, 1).await, None);
    assert_eq!(store.keys(id(1)).await.expect("answers"), vec![]);
    assert_eq!(
        store.keys(id(2)).await.expect("answers"),
        vec![key("kid", 1)]
    );
    done(store, vec![found(destination(1))]).await;
    assert_eq!(store.keys(id(1)).await.expect("answers"), vec![]);
}

/// Of keys added in the same moment the one written last comes first.
pub async fn keys_are_listed_newest_first(store: &impl Store) {
    done(store, vec![found(destination(1))]).await;
    for key in [key("b", 20), key("a", 10), key("d", 30), key("c", 30)] {
        let destination_id = id(1);
        let put = Change::PutKey {
            destination_id,
            key,
        };
        done(store, vec![put]).await;
    }
    let keys = store.keys(id(1)).await.expect("answers");
    let kids: Vec<_> = keys.iter().map(|key| key.kid.as_str()).collect();
    assert_eq!(kids, ["c", "d", "b", "a"]);
}

/// The repetition keeps the first moment.
pub async fn a_key_put_twice_is_one_key(store: &impl Store) {
    done(store, vec![found(destination(1))]).await;
    for added_s in [10, 20] {
        let put = Change::PutKey {
            destination_id: id(1),
            key: key("kid", added_s),
        };
        done(store, vec![put]).await;
    }
    let keys = store.keys(id(1)).await.expect("answers");
    assert_eq!(keys, vec![key("kid", 10)]);
}

async fn due(store: &impl Store, now: Timestamp, max: u32) -> Vec<NoticeId> {
    let notices = store.due(now, max).await.expect("answers");
    notices.iter().map(|notice| notice.id).collect()
}

/// The moment itself is due; of the same moment, the one written first comes first.
pub async fn the_outbox_gives_what_is_due_oldest_first(store: &impl Store) {
    let notices = [notice(4, 30), notice(3, 10), notice(1, 20), notice(2, 10)];
    done(store, notices.map(Change::Enqueue).to_vec()).await;
    let ids = |numbers: &[u32]| -> Vec<_> { numbers.iter().map(|n| NoticeId(id(*n))).collect() };
    assert_eq!(due(store, at(9), 10).await, ids(&[]));
    assert_eq!(due(store, at(20), 10).await, ids(&[3, 2, 1]));
    assert_eq!(due(store, at(99), 2).await, ids(&[3, 2]));
    assert_eq!(due(store, at(99), 0).await, ids(&[]));
    let whole = store.due(at(10), 1).await.expect("answers");
    assert_eq!(whole, vec![notice(3, 10)]);
}

/// Tries are counted; of two who read it at the same time, one gets it.
pub async fn a_postponed_notice_is_due_later(store: &impl Store) {
    done(store, vec![Change::Enqueue(notice(1, 10))]).await;
    let postpone = |number, was_due_s| Change::Postpone {
        id: NoticeId(id(number)),
        was_due_at: at(was_due_s),
        tries: 3,
        due_at: at(50),
    };
    done(store, vec![postpone(1, 10)]).await;
    for (number, was_due_s) in [(1, 10), (99, 10)] {
        let batch = Batch(vec![postpone(number, was_due_s)]);
        let refused = store.commit(batch).await.expect("answers");
        assert_eq!(refused, Committed::Refused(Conflict::DueMoved));
    }
    assert_eq!(due(store, at(49), 10).await, vec![]);
    let later = store.due(at(50), 10).await.expect("answers");
    let expected = crate::Notice {
        tries: 3,
        ..notice(1, 50)
    };
    assert_eq!(later, vec![expected]);
}

/// Also when it is dequeued and postponed afterwards.
pub async fn a_dequeued_notice_never_comes_again(store: &impl Store) {
    let id = NoticeId(id(1));
    let changes = vec![
        Change::Enqueue(notice(1, 10)),
        Change::Enqueue(notice(2, 10)),
        Change::Dequeue(id),
        Change::Dequeue(id),
    ];
    done(store, changes).await;
    let postpone = Change::Postpone {
        id,
        was_due_at: at(10),
        tries: 1,
        due_at: at(10),
    };
    let refused = store.commit(Batch(vec![postpone])).await.expect("answers");
    assert_eq!(refused, Committed::Refused(Conflict::DueMoved));
    assert_eq!(due(store, at(99), 10).await, vec![notice(2, 10).id]);
}

/// The log as it was written, for the laws that look at it.
pub(super) async fn log(store: &impl Store, case: u32) -> Vec<Event> {
    let of = crate::LogOf::Case(id(case));
    let listed = store.events(of, super::samples::ALL).await;
    listed.expect("answers").entries
}

/// A witness: an event that must not be there if its batch was refused.
pub(super) fn witness(number: u32) -> Change {
    Change::Append(event(number, 1, 1))
}

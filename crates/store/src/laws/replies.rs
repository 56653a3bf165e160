//! Laws of cases and replies.

use amtsbote_model::submission::State;

use super::samples::{
    ALL, announced_one, at, attachment, case, client, content, destination, done, event, found, id,
    notice, of, of_reply, open_case, reply, reply_announced, submission,
};
use crate::{
    Case, CaseFilter, Change, Event, Listed, LogOf, Notice, Page, ReplyFilter, ReplyRecord, Store,
    Submission,
};

async fn stored(store: &impl Store, number: u32) -> ReplyRecord {
    let found = store.reply(id(number)).await.expect("answers");
    found.expect("the reply is there")
}

fn moved(number: u32, from: State, to: State, at_s: i64) -> Change {
    Change::Move {
        subject: of_reply(number),
        from,
        to,
        at: at(at_s),
    }
}

fn submitted(number: u32, case: u32, at_s: i64) -> Change {
    Change::AnnounceReply(Box::new(ReplyRecord {
        state: State::Submitted,
        submitted_at: Some(at(at_s)),
        ..reply(number, case, 1)
    }))
}

async fn ids(store: &impl Store, filter: &ReplyFilter, page: Page) -> (Vec<u128>, u64) {
    let listed = store.replies(filter, page).await.expect("answers");
    let ids = listed.entries.iter().map(|entry| entry.id.uuid().as_u128());
    (ids.collect(), listed.total)
}

/// With and without the optional fields; attachments in the order of their ids.
pub async fn a_reply_is_read_back_whole(store: &impl Store) {
    announced_one(store).await;
    let arrived = ReplyRecord {
        state: State::Submitted,
        announced: vec![],
        attachments: vec![attachment(2, 2), attachment(1, 1)],
        submitted_at: Some(at(2000)),
        ..reply(3, 1, 1)
    };
    let changes = vec![
        reply_announced(2, 1, 1),
        Change::AnnounceReply(Box::new(arrived.clone())),
    ];
    done(store, changes).await;
    assert_eq!(stored(store, 2).await, reply(2, 1, 1));
    let expected = ReplyRecord {
        attachments: vec![attachment(1, 1), attachment(2, 2)],
        ..arrived
    };
    assert_eq!(stored(store, 3).await, expected);
    assert_eq!(store.reply(id(9)).await.expect("answers"), None);
    assert_eq!(store.content(of_reply(2)).await.expect("answers"), None);
}

/// And nothing of it reaches the submission beside it.
pub async fn a_reply_is_filled_moved_and_erased_like_a_submission(store: &impl Store) {
    announced_one(store).await;
    let subject = of_reply(2);
    let attach = |number, blob| Change::Attach {
        subject,
        attachment: attachment(number, blob),
    };
    let changes = vec![
        reply_announced(2, 1, 1),
        attach(2, 20),
        attach(1, 10),
        attach(2, 21),
        Change::Fill {
            subject,
            content: content(),
        },
        Change::ExpectAttachments {
            subject,
            attachments: vec![attachment(2, 21), attachment(1, 10)],
        },
        moved(2, State::Created, State::Submitted, 2000),
        moved(2, State::Submitted, State::Submitted, 3000),
    ];
    done(store, changes).await;
    let now = stored(store, 2).await;
    assert_eq!(now.state, State::Submitted);
    assert_eq!(now.submitted_at, Some(at(2000)));
    assert_eq!(now.attachments, [attachment(1, 10), attachment(2, 21)]);
    let filled = store.content(subject).await.expect("answers");
    assert_eq!(filled, Some(content()));
    assert_eq!(store.content(of(1)).await.expect("answers"), None);

    done(store, vec![Change::Erase { subject }]).await;
    assert_eq!(store.content(subject).await.expect("answers"), None);
    assert_eq!(stored(store, 2).await.attachments, []);
    assert_eq!(stored(store, 2).await.state, State::Submitted);
    // Again, and for what never was.
    let again = [subject, of_reply(99)].map(|subject| Change::Erase { subject });
    done(store, again.to_vec()).await;
}

/// Of the same moment in the order of the ids; page by page; nobody else's.
pub async fn replies_wait_for_their_receiver_oldest_first(store: &impl Store) {
    announced_one(store).await;
    let other = Case {
        sender: client(8),
        ..case(2, 1)
    };
    let theirs = ReplyRecord {
        receiver: client(8),
        state: State::Submitted,
        submitted_at: Some(at(10)),
        ..reply(21, 2, 1)
    };
    let changes = vec![
        Change::OpenCase(other),
        Change::AnnounceReply(Box::new(theirs)),
        submitted(14, 1, 50),
        submitted(13, 1, 60),
        submitted(12, 1, 60),
        reply_announced(15, 1, 1),
        reply_announced(16, 1, 1),
        moved(16, State::Created, State::Submitted, 55),
        submitted(17, 1, 20),
        moved(17, State::Submitted, State::Accepted, 80),
    ];
    done(store, changes).await;
    let mine = ReplyFilter::ForPickup(client(7));
    let expected = (vec![14, 16, 12, 13], 4);
    assert_eq!(ids(store, &mine, ALL).await, expected);
    let second = Page {
        offset: 1,
        limit: 2,
    };
    assert_eq!(ids(store, &mine, second).await, (vec![16, 12], 4));
    let listed = store.replies(&mine, ALL).await.expect("answers");
    assert_eq!(listed.entries[0].case_id, id(1));
    assert_eq!(listed.entries[0].destination_id, id(1));
    let theirs = ReplyFilter::ForPickup(client(8));
    assert_eq!(ids(store, &theirs, ALL).await, (vec![21], 1));
    let nobodys = ReplyFilter::ForPickup(client(9));
    assert_eq!(ids(store, &nobodys, ALL).await, (vec![], 0));
}

/// The moment given is not before itself; a move starts the time anew. Submissions are not among them.
pub async fn stale_replies_have_been_in_their_state_since_before(store: &impl Store) {
    announced_one(store).await;
    let changes = vec![
        reply_announced(13, 1, 1),
        reply_announced(12, 1, 1),
        reply_announced(14, 1, 1),
        moved(14, State::Created, State::Submitted, 2000),
        submitted(15, 1, 1900),
        submitted(16, 1, 1800),
        moved(16, State::Submitted, State::Accepted, 3000),
    ];
    done(store, changes).await;
    for (state, before, expected) in [
        (State::Created, 1012, vec![]),
        (State::Created, 9999, vec![12, 13]),
        (State::Submitted, 2000, vec![15]),
        (State::Submitted, 2001, vec![15, 14]),
        (State::Accepted, 3001, vec![16]),
        (State::Deleted, 9999, vec![]),
    ] {
        let filter = ReplyFilter::Stale {
            state,
            before: at(before),
        };
        let total = u64::try_from(expected.len()).expect("small");
        let listed = ids(store, &filter, ALL).await;
        assert_eq!(listed, (expected, total), "{state} {before}");
    }
}

/// In every state.
pub async fn a_case_lists_all_its_replies(store: &impl Store) {
    announced_one(store).await;
    let changes = vec![
        open_case(2, 1),
        reply_announced(12, 1, 1),
        submitted(13, 1, 10),
        moved(13, State::Submitted, State::Rejected, 9000),
        submitted(21, 2, 10),
    ];
    done(store, changes).await;
    let filter = ReplyFilter::OfCase(id(1));
    assert_eq!(ids(store, &filter, ALL).await, (vec![13, 12], 2));
    let submitted = ReplyFilter::SubmittedOfCase(id(1));
    assert_eq!(ids(store, &submitted, ALL).await, (vec![13], 1));
}

/// In the order of writing, and in a log of their own.
pub async fn events_of_replies_stand_in_the_log_of_their_case(store: &impl Store) {
    let [first, second, third] = [
        event(9, 1, 1),
        Event {
            subject: of_reply(2),
            name: "create-reply".into(),
            ..event(3, 1, 1)
        },
        event(5, 1, 1),
    ];
    let all = [&first, &second, &third];
    let changes = all.map(|event| Change::Append(event.clone()));
    done(store, changes.to_vec()).await;
    for (of, entries) in [
        (LogOf::Case(id(1)), all.to_vec()),
        (LogOf::Subject(of(1)), vec![&first, &third]),
        (LogOf::Subject(of_reply(2)), vec![&second]),
    ] {
        let entries: Vec<_> = entries.into_iter().cloned().collect();
        let total = u64::try_from(entries.len()).expect("small");
        let listed = store.events(of, ALL).await.expect("answers");
        assert_eq!(listed, Listed { entries, total }, "{of:?}");
    }
}

/// A submission or a reply.
pub async fn a_notice_remembers_what_it_tells_of(store: &impl Store) {
    let of_a_reply = Notice {
        subject: of_reply(2),
        ..notice(2, 20)
    };
    let notices = vec![notice(1, 10), of_a_reply];
    let changes = notices.iter().cloned().map(Change::Enqueue);
    done(store, changes.collect()).await;
    assert_eq!(store.due(at(99), 10).await.expect("answers"), notices);
}

/// With who opened it, and when.
pub async fn a_case_is_read_back_whole(store: &impl Store) {
    announced_one(store).await;
    let found = store.case(id(1)).await.expect("answers");
    assert_eq!(found, Some(case(1, 1)));
    assert_eq!(store.case(id(2)).await.expect("answers"), None);
}

/// The first submission of the case of the same number.
fn sent(number: u32, to: u32, sender: u32, submitted_s: Option<i64>) -> Change {
    let state = match submitted_s {
        Some(_) => State::Submitted,
        None => State::Created,
    };
    Change::Announce(Box::new(Submission {
        sender: client(sender),
        state,
        submitted_at: submitted_s.map(at),
        ..submission(number, number, to)
    }))
}

fn gone(number: u32) -> Change {
    Change::Move {
        subject: of(number),
        from: State::Submitted,
        to: State::Deleted,
        at: at(60),
    }
}

/// Those of a sender; those at destinations of which something was submitted; or both; page by page.
pub async fn cases_are_listed_once_oldest_first(store: &impl Store) {
    let opened = |number, to, sender, at_s| Case {
        sender: client(sender),
        opened_at: at(at_s),
        ..case(number, to)
    };
    let cases = [
        opened(1, 1, 7, 30),
        opened(2, 2, 7, 10),
        opened(3, 1, 8, 20),
        opened(4, 3, 8, 20),
    ];
    let mut changes: Vec<_> = (1..=3).map(|number| found(destination(number))).collect();
    changes.extend(cases.map(Change::OpenCase));
    for (number, to, sender) in [(1, 1, 7), (2, 2, 7), (3, 1, 8), (4, 3, 8)] {
        changes.push(sent(number, to, sender, Some(50)));
    }
    // Case 5 is only announced: its sender's business. What came of case 6 is gone, but it came.
    for (number, submitted_s) in [(5, None), (6, Some(50))] {
        changes.push(Change::OpenCase(opened(number, 2, 6, 40)));
        changes.push(sent(number, 2, 6, submitted_s));
    }
    changes.push(gone(6));
    done(store, changes).await;
    let second = Page {
        offset: 1,
        limit: 1,
    };
    for (sender, destinations, page, expected, total) in [
        (Some(7), vec![], ALL, vec![2, 1], 2),
        (Some(9), vec![], ALL, vec![], 0),
        (None, vec![1], ALL, vec![3, 1], 2),
        (None, vec![3, 1, 3], ALL, vec![3, 4, 1], 3),
        (None, vec![], ALL, vec![], 0),
        (Some(7), vec![1], ALL, vec![2, 3, 1], 3),
        (Some(7), vec![1], second, vec![3], 3),
        (Some(7), (1..=40).collect(), ALL, vec![2, 3, 4, 1, 6], 5),
        (None, vec![2], ALL, vec![2, 6], 2),
        (Some(6), vec![], ALL, vec![5, 6], 2),
    ] {
        let filter = CaseFilter {
            sender: sender.map(client),
            destinations: destinations.iter().map(|number| id(*number)).collect(),
        };
        let listed = store.cases(&filter, page).await.expect("answers");
        let ids: Vec<_> = listed
            .entries
            .iter()
            .map(|case| case.id.uuid().as_u128())
            .collect();
        assert_eq!((ids, listed.total), (expected, total), "{filter:?}");
    }
}

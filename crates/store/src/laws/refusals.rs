//! Laws of refusal: each precondition, and that a refused batch leaves nothing.

use amtsbote_model::submission::State;
use amtsbote_model::{Destination, DestinationStatus, Timestamp};

use super::ledger::{log, witness};
use super::samples::{
    ALL, announced, announced_one, at, attachment, client, content, destination, done, event,
    found, id, key, moved, notice, of, of_reply, open_case, remembered, reply, reply_announced,
    submission,
};
use crate::{
    Batch, Change, Committed, Conflict, DestinationFilter, ReplyRecord, Store, Submission,
    SubmissionFilter,
};

fn attach(submission: u32, number: u32) -> Change {
    Change::Attach {
        subject: of(submission),
        attachment: attachment(number, 7),
    }
}

fn fill(submission: u32) -> Change {
    Change::Fill {
        subject: of(submission),
        content: content(),
    }
}

fn expect(submission: u32, attachments: Vec<crate::Attachment>) -> Change {
    Change::ExpectAttachments {
        subject: of(submission),
        attachments,
    }
}

fn put(number: u32, replaces: Option<Destination>) -> Change {
    Change::PutDestination {
        replaces: replaces.map(Box::new),
        destination: Box::new(destination(number)),
    }
}

fn with_status(number: u32, status: DestinationStatus) -> Destination {
    Destination {
        status,
        ..destination(number)
    }
}

fn other_key() -> Change {
    let mut key = key("kid", 1);
    key.jwk = "{}".into();
    Change::PutKey {
        destination_id: id(1),
        key,
    }
}

/// Destination 1 with a key, destinations 2 to 5 in each state; case 1 with submission 1 (created, attachment 1) and
/// 2 (submitted, filled); cases 2 to 5 at their destinations.
async fn set_up(store: &impl Store) {
    announced_one(store).await;
    let mut changes = vec![
        attach(1, 1),
        announced(2, 1, 1),
        fill(2),
        moved(2, State::Created, State::Submitted, 2000),
        reply_announced(3, 1, 1),
        reply_announced(4, 1, 1),
        Change::Move {
            subject: of_reply(4),
            from: State::Created,
            to: State::Submitted,
            at: at(2000),
        },
        Change::Append(event(1, 1, 1)),
        Change::Remember(remembered("taken")),
        Change::Enqueue(notice(1, 10)),
        Change::PutKey {
            destination_id: id(1),
            key: key("kid", 1),
        },
    ];
    for (number, status) in (2..).zip(DestinationStatus::ALL) {
        changes.push(found(with_status(number, status)));
        changes.push(open_case(number, number));
    }
    done(store, changes).await;
}

fn refusals_of_submissions() -> Vec<(&'static str, Change, Conflict)> {
    use Conflict::{
        AttachmentsMoved, CaseMismatch, DestinationMoved, Exists, NotAnnounced, StateMoved,
        SubjectUnknown,
    };
    let foreign = Change::Announce(Box::new(Submission {
        sender: client(8),
        ..submission(9, 1, 1)
    }));
    vec![
        ("case taken", open_case(1, 1), Exists),
        ("case taken elsewhere", open_case(1, 2), Exists),
        ("submission taken", announced(1, 1, 1), Exists),
        ("no such case", announced(9, 99, 1), CaseMismatch),
        ("case of another sender", foreign, CaseMismatch),
        ("case of another", announced(9, 1, 3), CaseMismatch),
        ("destination new", announced(9, 2, 2), DestinationMoved),
        ("destination inactive", announced(9, 4, 4), DestinationMoved),
        ("destination over", announced(9, 5, 5), DestinationMoved),
        ("attach to unknown", attach(99, 1), SubjectUnknown),
        ("attach late", attach(2, 1), StateMoved(State::Submitted)),
        ("attach unannounced", attach(1, 3), NotAnnounced),
        ("fill unknown", fill(99), SubjectUnknown),
        ("fill twice", fill(2), Exists),
        (
            "move unknown",
            moved(99, State::Created, State::Submitted, 1),
            SubjectUnknown,
        ),
        (
            "move from elsewhere",
            moved(2, State::Created, State::Submitted, 1),
            StateMoved(State::Submitted),
        ),
        ("expect of unknown", expect(99, vec![]), SubjectUnknown),
        ("expect none", expect(1, vec![]), AttachmentsMoved),
        (
            "expect another blob",
            expect(1, vec![attachment(1, 8)]),
            AttachmentsMoved,
        ),
        (
            "expect more",
            expect(1, vec![attachment(1, 7), attachment(2, 7)]),
            AttachmentsMoved,
        ),
        ("event taken", Change::Append(event(1, 2, 2)), Exists),
    ]
}

fn refusals_of_replies() -> Vec<(&'static str, Change, Conflict)> {
    use Conflict::{CaseMismatch, Exists, NotAnnounced, StateMoved, SubjectUnknown};
    let foreign = Change::AnnounceReply(Box::new(ReplyRecord {
        receiver: client(8),
        ..reply(9, 1, 1)
    }));
    let attach = |number, attachment_number| Change::Attach {
        subject: of_reply(number),
        attachment: attachment(attachment_number, 7),
    };
    let submit = |number| Change::Move {
        subject: of_reply(number),
        from: State::Created,
        to: State::Submitted,
        at: at(1),
    };
    vec![
        ("reply taken", reply_announced(3, 1, 1), Exists),
        ("reply in no case", reply_announced(9, 99, 1), CaseMismatch),
        ("reply from another", reply_announced(9, 1, 3), CaseMismatch),
        ("reply to another", foreign, CaseMismatch),
        ("attach to an unknown reply", attach(1, 1), SubjectUnknown),
        ("attach unannounced", attach(3, 3), NotAnnounced),
        ("attach late", attach(4, 1), StateMoved(State::Submitted)),
        ("move an unknown reply", submit(1), SubjectUnknown),
        ("submit twice", submit(4), StateMoved(State::Submitted)),
    ]
}

fn refusals_of_the_rest() -> Vec<(&'static str, Change, Conflict)> {
    use Conflict::{DestinationMoved, Exists, InUse};
    let stranger = Some(destination(9));
    let older = Some(with_status(1, DestinationStatus::Created));
    vec![
        ("destination taken", put(1, None), DestinationMoved),
        ("replaces an older", put(1, older), DestinationMoved),
        (
            "replaces a stranger",
            put(1, stranger.clone()),
            DestinationMoved,
        ),
        ("replaces nothing", put(9, stranger), DestinationMoved),
        ("in use", Change::DropDestination(id(1)), InUse),
        ("kid taken", other_key(), Exists),
        (
            "answer taken",
            Change::Remember(remembered("taken")),
            Exists,
        ),
        ("notice taken", Change::Enqueue(notice(1, 20)), Exists),
    ]
}

/// Each refused change takes the changes before and after it along.
pub async fn every_conflict_refuses_the_whole_batch(store: &impl Store) {
    set_up(store).await;
    let before = picture(store).await;
    let mut cases = refusals_of_submissions();
    cases.extend(refusals_of_replies());
    cases.extend(refusals_of_the_rest());
    for (name, change, conflict) in cases {
        let batch = Batch::new()
            .with(witness(500))
            .with(change)
            .with(witness(501));
        let answer = store.commit(batch).await.expect("answers");
        assert_eq!(answer, Committed::Refused(conflict), "{name}");
        assert_eq!(picture(store).await, before, "{name}");
    }
    // The witnesses were not the reason.
    done(store, vec![witness(500), witness(501)]).await;
    assert_eq!(log(store, 1).await.len(), 3);
}

/// Every kind of change, then one that is refused: all is as before.
pub async fn a_refused_batch_takes_back_changes_of_every_kind(store: &impl Store) {
    set_up(store).await;
    let before = picture(store).await;
    let renamed = Destination {
        name: "renamed".into(),
        services: vec![],
        ..destination(1)
    };
    let batch = vec![
        open_case(9, 1),
        announced(9, 9, 1),
        reply_announced(9, 9, 1),
        attach(1, 1),
        attach(1, 2),
        fill(1),
        moved(2, State::Submitted, State::Accepted, 3000),
        witness(500),
        Change::Erase { subject: of(2) },
        put_renamed(&renamed),
        Change::DropDestination(id(2)),
        Change::PutKey {
            destination_id: id(1),
            key: key("new", 2),
        },
        Change::Remember(remembered("new")),
        Change::Enqueue(notice(9, 10)),
        Change::Postpone {
            id: notice(1, 10).id,
            was_due_at: at(10),
            tries: 5,
            due_at: at(11),
        },
        Change::Dequeue(notice(1, 10).id),
        moved(99, State::Created, State::Submitted, 1),
    ];
    let mut done_without_last = batch.clone();
    done_without_last.pop();

    let answer = store.commit(Batch(batch)).await.expect("answers");
    assert_eq!(answer, Committed::Refused(Conflict::SubjectUnknown));
    assert_eq!(picture(store).await, before);
    done(store, done_without_last).await;
    assert_ne!(picture(store).await, before);
}

fn put_renamed(renamed: &Destination) -> Change {
    Change::PutDestination {
        replaces: Some(Box::new(destination(1))),
        destination: Box::new(renamed.clone()),
    }
}

/// All that can be seen of the set-up, as text.
pub(super) async fn picture(store: &impl Store) -> Vec<String> {
    let mut seen = Vec::new();
    for number in [1, 2, 3, 4, 9] {
        seen.push(format!("{:?}", store.submission(id(number)).await));
        seen.push(format!("{:?}", store.content(of(number)).await));
        seen.push(format!("{:?}", store.case(id(number)).await));
        seen.push(format!("{:?}", store.reply(id(number)).await));
        seen.push(format!("{:?}", store.content(of_reply(number)).await));
        let of_case = SubmissionFilter::OfCase(id(number));
        seen.push(format!("{:?}", store.submissions(&of_case, ALL).await));
        seen.push(format!("{:?}", store.keys(id(number)).await));
    }
    let pickup = SubmissionFilter::ForPickup(vec![id(1), id(2)]);
    seen.push(format!("{:?}", store.submissions(&pickup, ALL).await));
    for state in State::ALL {
        let before = Timestamp::from_millis(i64::MAX);
        let stale = SubmissionFilter::Stale { state, before };
        seen.push(format!("{:?}", store.submissions(&stale, ALL).await));
    }
    let offering = DestinationFilter::Offering(submission(1, 1, 1).service);
    for filter in [DestinationFilter::All, offering] {
        seen.push(format!("{:?}", store.destinations(&filter, ALL).await));
    }
    for key in ["taken", "new"] {
        seen.push(format!("{:?}", store.remembered(&client(7), key).await));
    }
    seen.push(format!("{:?}", log(store, 1).await));
    seen.push(format!("{:?}", store.due(at(99), 10).await));
    seen
}

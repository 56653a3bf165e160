//! Laws of what survives its process.

use amtsbote_model::submission::State;

use super::samples::{
    announced, announced_one, at, attachment, content, destination, done, event, found, id, key,
    mail, moved, notice, of, of_reply, open_case, remembered, reply_announced,
};
use super::{DurableBench, blobs, deliveries, ledger, refusals};
use crate::{Batch, Blobs, Change, Committed, Conflict, Deliveries, Ledger, Outbox, Store, Upkeep};

/// Every kind of record, and the numbers that order them.
pub async fn everything_committed_is_there_after_reopening<B>(bench: B)
where
    B: DurableBench<Subject: Store>,
{
    let store = bench.subject();
    announced_one(store).await;
    let subject = of(1);
    let changes = vec![
        Change::Attach {
            subject,
            attachment: attachment(1, 1),
        },
        Change::Fill {
            subject,
            content: content(),
        },
        moved(1, State::Created, State::Submitted, 2000),
        Change::Append(event(5, 1, 1)),
        Change::Append(event(4, 1, 1)),
        reply_announced(2, 1, 1),
        Change::Fill {
            subject: of_reply(2),
            content: content(),
        },
        found(destination(2)),
        Change::PutKey {
            destination_id: id(1),
            key: key("kid", 1),
        },
        Change::Remember(remembered("taken")),
        Change::Enqueue(notice(1, 10)),
        Upkeep::Post(mail(1, 10)).into(),
        Upkeep::Round { at: at(77) }.into(),
    ];
    done(store, changes).await;
    let before = refusals::picture(store).await;

    let bench = bench.reopen();
    let store = bench.subject();
    assert_eq!(refusals::picture(store).await, before);
    let mails = store.due_mails(at(99), 10).await.expect("answers");
    assert_eq!(mails, vec![mail(1, 10)]);
    assert_eq!(store.last_round().await.expect("answers"), Some(at(77)));
    done(store, vec![Change::Append(event(1, 1, 1))]).await;
    let log = ledger::log(store, 1).await;
    assert_eq!(log, vec![event(5, 1, 1), event(4, 1, 1), event(1, 1, 1)]);
}

/// Nothing of it comes back.
pub async fn a_refused_batch_stays_refused_after_reopening<B>(bench: B)
where
    B: DurableBench<Subject: Store>,
{
    let store = bench.subject();
    announced_one(store).await;
    let before = refusals::picture(store).await;
    let changes = vec![open_case(9, 1), announced(9, 9, 1), announced(1, 1, 1)];
    let answer = store.commit(Batch(changes)).await.expect("answers");
    assert_eq!(answer, Committed::Refused(Conflict::Exists));

    let bench = bench.reopen();
    assert_eq!(refusals::picture(bench.subject()).await, before);
}

/// And what was not kept, or deleted, is not.
pub async fn kept_blobs_are_there_after_reopening<B>(bench: B)
where
    B: DurableBench<Subject: Blobs>,
{
    let subject = bench.subject();
    let whole = vec![7; 300_000];
    let stays = blobs::kept(subject, &whole, 100_000).await;
    let goes = blobs::kept(subject, b"goes", 10).await;
    subject.delete(&goes.id).await.expect("deletes");

    let bench = bench.reopen();
    let subject = bench.subject();
    let ids = subject.list().await.expect("lists");
    assert_eq!(ids, vec![stays.id.clone()]);
    assert!(blobs::read(subject, &stays.id).await == Some(whole));
    assert_eq!(blobs::read(subject, &goes.id).await, None);
}

/// In every state, with their revisions.
pub async fn deliveries_are_there_after_reopening<B>(bench: B)
where
    B: DurableBench<Subject: Deliveries>,
{
    let subject = bench.subject();
    let mut before = Vec::new();
    for (number, state) in (1..).zip(deliveries::every_state()) {
        let noted = vec![deliveries::new(number, 1)];
        subject.note(noted).await.expect("answers");
        deliveries::set(subject, number, state).await;
        before.push(subject.find(id(number)).await.expect("answers"));
    }
    let tally = subject.tally().await.expect("answers");

    let bench = bench.reopen();
    let subject = bench.subject();
    for (number, expected) in (1..).zip(before) {
        let found = subject.find(id(number)).await.expect("answers");
        assert_eq!(found, expected);
        assert!(found.is_some());
    }
    assert_eq!(subject.tally().await.expect("answers"), tally);
}

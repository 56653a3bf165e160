//! Laws of reminders, mails, and of what goes because its time has come.

use amtsbote_model::CaseId;
use amtsbote_model::submission::State;
use futures_util::future::join_all;

use super::ledger::log;
use super::samples::{
    ALL, announced, announced_one, at, client, destination, done, event, found, id, mail, moved,
    notice, of_reply, open_case, remembered, reply_announced,
};
use crate::{
    Batch, Change, Committed, Conflict, Mail, MailId, Remembered, Store, SubmissionFilter, Upkeep,
};

fn remind(number: u32, nth: u32) -> Change {
    let submission_id = id(number);
    Upkeep::Remind { submission_id, nth }.into()
}

fn drop_case(case: u32, before_s: i64) -> Change {
    let before = at(before_s);
    let id = id(case);
    Upkeep::DropCase { id, before }.into()
}

async fn refused(store: &impl Store, change: Change) -> Conflict {
    let answer = store.commit(Batch(vec![change])).await.expect("answers");
    match answer {
        Committed::Refused(conflict) => conflict,
        Committed::Done => panic!("it was done"),
    }
}

async fn unreminded(store: &impl Store, reminded: u32, before_s: i64) -> Vec<u32> {
    let filter = SubmissionFilter::Unreminded {
        reminded,
        before: at(before_s),
    };
    let listed = store.submissions(&filter, ALL).await.expect("answers");
    let known = (1..10).map(|number| (id(number), number));
    let known: std::collections::BTreeMap<amtsbote_model::SubmissionId, u32> = known.collect();
    listed
        .entries
        .iter()
        .map(|found| known[&found.id])
        .collect()
}

/// Only what waits is reminded of, and by how often it was.
pub async fn reminders_are_counted_while_a_submission_waits(store: &impl Store) {
    announced_one(store).await;
    let mut changes = vec![announced(2, 1, 1), announced(3, 1, 1)];
    for (number, at_s) in [(2, 3000), (3, 2500)] {
        changes.push(moved(number, State::Created, State::Submitted, at_s));
    }
    done(store, changes).await;
    assert_eq!(unreminded(store, 0, 3000).await, [3]);
    assert_eq!(unreminded(store, 0, 3001).await, [3, 2]);
    done(store, vec![remind(3, 1)]).await;
    assert_eq!(unreminded(store, 0, 9999).await, [2]);
    assert_eq!(unreminded(store, 1, 9999).await, [3]);
    // The first one may be left out.
    done(store, vec![remind(2, 2)]).await;
    assert_eq!(unreminded(store, 2, 9999).await, [2]);
    assert_eq!(refused(store, remind(2, 2)).await, Conflict::Exists);
    assert_eq!(refused(store, remind(2, 1)).await, Conflict::Exists);
    let created = Conflict::StateMoved(State::Created);
    assert_eq!(refused(store, remind(1, 1)).await, created);
    assert_eq!(refused(store, remind(9, 1)).await, Conflict::SubjectUnknown);
    done(
        store,
        vec![moved(3, State::Submitted, State::Accepted, 4000)],
    )
    .await;
    assert_eq!(unreminded(store, 1, 9999).await, [0; 0]);
}

/// So a subscriber gets one mail, however many processes look.
pub async fn of_racing_reminders_exactly_one_posts_its_mail(store: &impl Store) {
    announced_one(store).await;
    done(
        store,
        vec![moved(1, State::Created, State::Submitted, 2000)],
    )
    .await;
    let racers = (1..=8).map(|number| {
        let post = Upkeep::Post(mail(number, 10)).into();
        store.commit(Batch(vec![post, remind(1, 1)]))
    });
    let answers = join_all(racers).await;
    let won = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Committed::Done)));
    assert_eq!(won.count(), 1);
    assert_eq!(mails(store, 99, 10).await.len(), 1);
}

async fn mails(store: &impl Store, now_s: i64, max: u32) -> Vec<Mail> {
    store.due_mails(at(now_s), max).await.expect("answers")
}

/// Like callbacks: due, postponed, gone.
pub async fn mails_are_due_oldest_first_until_they_are_dropped(store: &impl Store) {
    let posts = [mail(4, 30), mail(3, 10), mail(1, 20), mail(2, 10)];
    done(store, posts.map(|mail| Upkeep::Post(mail).into()).to_vec()).await;
    assert_eq!(mails(store, 9, 10).await, []);
    let expected = [mail(3, 10), mail(2, 10), mail(1, 20)];
    assert_eq!(mails(store, 20, 10).await, expected);
    assert_eq!(mails(store, 99, 1).await, [mail(3, 10)]);
    let again = Upkeep::Post(mail(3, 50)).into();
    assert_eq!(refused(store, again).await, Conflict::Exists);

    let postpone = |number| Upkeep::PostponeMail {
        id: MailId(id(number)),
        was_due_at: at(10),
        tries: 2,
        due_at: at(40),
    };
    let changes = [
        postpone(3),
        Upkeep::DropMail(MailId(id(2))),
        Upkeep::DropMail(MailId(id(9))),
    ];
    done(store, changes.map(Change::from).to_vec()).await;
    // Claimed by somebody else, never there, and dropped.
    for number in [3, 9, 2] {
        let late = postpone(number).into();
        assert_eq!(refused(store, late).await, Conflict::DueMoved);
    }
    let later = Mail {
        tries: 2,
        ..mail(3, 40)
    };
    assert_eq!(mails(store, 99, 9).await, [mail(1, 20), mail(4, 30), later]);
}

/// Case 1 with submission 1 (deleted, one event at 3000), case 2 with submission 2 (submitted), case 3 without anything.
async fn three_cases(store: &impl Store) {
    announced_one(store).await;
    let changes = vec![
        moved(1, State::Created, State::Deleted, 2000),
        Change::Append(event(3000, 1, 1)),
        Change::Append(event(7, 1, 1)),
        Change::Enqueue(notice(1, 10)),
        open_case(2, 1),
        announced(2, 2, 1),
        Change::Append(event(8, 2, 2)),
        open_case(3, 1),
    ];
    done(store, changes).await;
}

async fn quiet(store: &impl Store, before_s: i64, max: u32) -> Vec<CaseId> {
    store.quiet_cases(at(before_s), max).await.expect("answers")
}

/// The last event counts, whatever was written last; without any it is the opening (at 1).
pub async fn quiet_cases_have_nothing_left_and_no_late_event(store: &impl Store) {
    three_cases(store).await;
    assert_eq!(quiet(store, 1, 9).await, []);
    assert_eq!(quiet(store, 3000, 9).await, [id(3)]);
    assert_eq!(quiet(store, 3001, 9).await, [id(3), id(1)]);
    assert_eq!(quiet(store, 3001, 1).await, [id(3)]);
    done(store, vec![moved(2, State::Created, State::Deleted, 1)]).await;
    assert_eq!(quiet(store, 9999, 9).await, [id(3), id(2), id(1)]);
}

/// What is still there, or was touched again, is not dropped by who looked earlier.
pub async fn a_case_in_use_is_not_dropped(store: &impl Store) {
    three_cases(store).await;
    assert_eq!(refused(store, drop_case(1, 3000)).await, Conflict::InUse);
    assert_eq!(refused(store, drop_case(2, 9999)).await, Conflict::InUse);
    done(store, vec![drop_case(9, 9999)]).await;
    assert_eq!(log(store, 1).await.len(), 2);
}

/// Replies hold a case, too, and go with it.
pub async fn a_case_with_a_waiting_reply_is_not_quiet(store: &impl Store) {
    three_cases(store).await;
    let reply = |from, to| Change::Move {
        subject: of_reply(1),
        from,
        to,
        at: at(2000),
    };
    done(store, vec![reply_announced(1, 1, 1)]).await;
    assert_eq!(quiet(store, 3001, 9).await, [id(3)]);
    assert_eq!(refused(store, drop_case(1, 3001)).await, Conflict::InUse);
    done(store, vec![reply(State::Created, State::Deleted)]).await;
    assert_eq!(quiet(store, 3001, 9).await, [id(3), id(1)]);
    done(store, vec![drop_case(1, 3001)]).await;
    assert_eq!(store.reply(id(1)).await.expect("answers"), None);
}

/// And the destination can go then.
pub async fn a_dropped_case_takes_its_submissions_log_and_callbacks_along(store: &impl Store) {
    three_cases(store).await;
    done(store, vec![drop_case(1, 3001), drop_case(3, 3001)]).await;
    assert_eq!(store.submission(id(1)).await.expect("answers"), None);
    assert_eq!(log(store, 1).await, []);
    assert_eq!(store.due(at(99), 9).await.expect("answers"), []);
    assert_eq!(log(store, 2).await, [event(8, 2, 2)]);
    let in_use = Change::DropDestination(id(1));
    assert_eq!(refused(store, in_use.clone()).await, Conflict::InUse);
    let changes = vec![
        moved(2, State::Created, State::Deleted, 1),
        drop_case(2, 9999),
        in_use,
    ];
    done(store, changes).await;
    assert_eq!(store.destination(id(1)).await.expect("answers"), None);
    // Nothing of the old case is in the way of a new one.
    let changes = vec![
        found(destination(1)),
        open_case(1, 1),
        announced(1, 1, 1),
        Change::Append(event(3000, 1, 1)),
    ];
    done(store, changes).await;
}

/// Those remembered at the moment itself stay.
pub async fn old_answers_are_forgotten_oldest_first(store: &impl Store) {
    let answers = [("a", 10), ("b", 5), ("c", 20), ("d", 7)];
    let remember = answers.map(|(key, at_s)| {
        Change::Remember(Remembered {
            at: at(at_s),
            ..remembered(key)
        })
    });
    done(store, remember.to_vec()).await;
    for (max, left) in [(1, ["a", "c", "d"].as_slice()), (9, &["a", "c"])] {
        let before = at(10);
        done(store, vec![Upkeep::Forget { before, max }.into()]).await;
        let mut found = Vec::new();
        for (key, _) in answers {
            let answer = store.remembered(&client(7), key).await.expect("answers");
            found.extend(answer.map(|answer| answer.key));
        }
        assert_eq!(found, left);
    }
}

/// The newest word counts, also if it is an earlier moment.
pub async fn the_last_round_is_known(store: &impl Store) {
    assert_eq!(store.last_round().await.expect("answers"), None);
    for at_s in [10, 30, 20] {
        done(store, vec![Upkeep::Round { at: at(at_s) }.into()]).await;
        assert_eq!(store.last_round().await.expect("answers"), Some(at(at_s)));
    }
}

//! Laws of lists: what is in, in which order, page by page, and the total.

use amtsbote_model::submission::State;
use amtsbote_model::{Destination, DestinationStatus, SubmissionId};

use super::samples::{
    ALL, SERVICE, announced, at, client, destination, done, event, found, id, moved, of, open_case,
    submission,
};
use crate::{
    Change, DestinationFilter, Event, Listed, LogOf, Page, Store, Submission, SubmissionFilter,
};

async fn ids(store: &impl Store, filter: &SubmissionFilter, page: Page) -> (Vec<u128>, u64) {
    let listed = store.submissions(filter, page).await.expect("answers");
    let ids = listed.entries.iter().map(|entry| number_of(entry.id));
    (ids.collect(), listed.total)
}

fn number_of(id: SubmissionId) -> u128 {
    id.uuid().as_u128()
}

fn submitted(number: u32, to: u32, at_s: i64) -> Change {
    Change::Announce(Box::new(Submission {
        state: State::Submitted,
        submitted_at: Some(at(at_s)),
        ..submission(number, to, to)
    }))
}

/// Destinations 1 to 3, each with its case of the same number.
async fn three_destinations(store: &impl Store) {
    let changes =
        (1..=3).flat_map(|number| [found(destination(number)), open_case(number, number)]);
    done(store, changes.collect()).await;
}

/// Only what is submitted waits; of the same moment, in the order of the ids.
pub async fn pickup_lists_submitted_ones_oldest_first(store: &impl Store) {
    three_destinations(store).await;
    let changes = vec![
        submitted(14, 1, 50),
        submitted(13, 1, 60),
        submitted(12, 1, 60),
        submitted(11, 1, 70),
        submitted(21, 2, 10),
        announced(15, 1, 1),
        announced(16, 1, 1),
        moved(16, State::Created, State::Submitted, 55),
        submitted(17, 1, 20),
        moved(17, State::Submitted, State::Accepted, 80),
        submitted(18, 1, 20),
        moved(18, State::Submitted, State::Forwarded, 80),
    ];
    done(store, changes).await;
    let here = SubmissionFilter::ForPickup(vec![id(1)]);
    let expected = (vec![14, 16, 12, 13, 11], 5);
    assert_eq!(ids(store, &here, ALL).await, expected);
    let listed = store.submissions(&here, ALL).await.expect("answers");
    assert_eq!(listed.entries[0].case_id, id(1));
    assert_eq!(listed.entries[0].destination_id, id(1));
}

/// Destinations named twice, unknown, or none at all.
pub async fn pickup_of_several_destinations_counts_each_submission_once(store: &impl Store) {
    three_destinations(store).await;
    let changes = vec![
        submitted(11, 1, 30),
        submitted(21, 2, 10),
        submitted(31, 3, 20),
    ];
    done(store, changes).await;
    for (destinations, expected) in [
        (vec![], vec![]),
        (vec![99], vec![]),
        (vec![1, 2], vec![21, 11]),
        (vec![3, 1, 3, 99, 2, 1], vec![21, 31, 11]),
        (vec![2, 2], vec![21]),
        ((1..=2).chain(50..=90).collect(), vec![21, 11]),
    ] {
        let filter = SubmissionFilter::ForPickup(destinations.iter().map(|n| id(*n)).collect());
        let total = u64::try_from(expected.len()).expect("small");
        let listed = ids(store, &filter, ALL).await;
        assert_eq!(listed, (expected, total), "{destinations:?}");
    }
}

/// Pages past the end are empty and still tell the total.
pub async fn pages_cut_the_list_and_keep_the_total(store: &impl Store) {
    three_destinations(store).await;
    let changes = (11..=15).map(|number| submitted(number, 1, i64::from(number)));
    done(store, changes.collect()).await;
    let filter = SubmissionFilter::ForPickup(vec![id(1)]);
    for (offset, limit, expected) in [
        (0, 2, vec![11, 12]),
        (2, 2, vec![13, 14]),
        (4, 2, vec![15]),
        (5, 2, vec![]),
        (u64::MAX, u32::MAX, vec![]),
        (1, u32::MAX, vec![12, 13, 14, 15]),
        (0, 0, vec![]),
    ] {
        let listed = ids(store, &filter, Page { offset, limit }).await;
        assert_eq!(listed, (expected, 5), "{offset} {limit}");
    }
}

/// The moment given is not before itself; a move starts the time anew.
pub async fn stale_ones_have_been_in_their_state_since_before(store: &impl Store) {
    three_destinations(store).await;
    // Announced at 1000 + number.
    let changes = vec![
        announced(13, 1, 1),
        announced(12, 2, 2),
        announced(11, 1, 1),
        announced(14, 1, 1),
        moved(14, State::Created, State::Submitted, 2000),
        submitted(15, 1, 1900),
        submitted(16, 1, 1800),
        moved(16, State::Submitted, State::Accepted, 3000),
        moved(15, State::Submitted, State::Submitted, 3000),
    ];
    done(store, changes).await;
    for (state, before, expected) in [
        (State::Created, 1011, vec![]),
        (State::Created, 1013, vec![11, 12]),
        (State::Created, 9999, vec![11, 12, 13]),
        (State::Submitted, 2000, vec![15]),
        (State::Submitted, 2001, vec![15, 14]),
        (State::Accepted, 3000, vec![]),
        (State::Accepted, 3001, vec![16]),
        (State::Deleted, 9999, vec![]),
    ] {
        let filter = SubmissionFilter::Stale {
            state,
            before: at(before),
        };
        let total = u64::try_from(expected.len()).expect("small");
        let listed = ids(store, &filter, ALL).await;
        assert_eq!(listed, (expected, total), "{state} {before}");
    }
}

/// In every state.
pub async fn a_case_lists_all_its_submissions(store: &impl Store) {
    three_destinations(store).await;
    let changes = vec![
        announced(12, 1, 1),
        submitted(11, 1, 5000),
        submitted(13, 1, 10),
        moved(13, State::Submitted, State::Rejected, 9000),
        submitted(21, 2, 10),
    ];
    done(store, changes).await;
    let filter = SubmissionFilter::OfCase(id(1));
    assert_eq!(ids(store, &filter, ALL).await, (vec![13, 12, 11], 3));
    let unknown = SubmissionFilter::OfCase(id(99));
    assert_eq!(ids(store, &unknown, ALL).await, (vec![], 0));
}

/// Not in the order of their moments or ids.
pub async fn events_come_in_the_order_of_writing(store: &impl Store) {
    let [a, b, c, d] = [
        event(9, 1, 1),
        event(3, 1, 2),
        event(5, 2, 3),
        event(1, 1, 1),
    ];
    let append = |events: &[&Event]| {
        let appended = events.iter().map(|event| Change::Append((*event).clone()));
        appended.collect::<Vec<_>>()
    };
    done(store, append(&[&a, &b])).await;
    done(store, append(&[&c])).await;
    done(store, append(&[&d])).await;
    let rest = Page {
        offset: 1,
        limit: 1,
    };
    for (of, page, entries, total) in [
        (LogOf::Case(id(1)), ALL, vec![&a, &b, &d], 3),
        (LogOf::Subject(of(1)), ALL, vec![&a, &d], 2),
        (LogOf::Subject(of(3)), ALL, vec![&c], 1),
        (LogOf::Case(id(1)), rest, vec![&b], 3),
        (LogOf::Case(id(99)), ALL, vec![], 0),
    ] {
        let entries = entries.into_iter().cloned().collect();
        let listed = store.events(of, page).await.expect("answers");
        assert_eq!(listed, Listed { entries, total }, "{of:?}");
    }
}

fn shown(listed: &Listed<Destination>) -> (Vec<u128>, u64) {
    let ids = listed.entries.iter().map(|entry| entry.id.uuid().as_u128());
    (ids.collect(), listed.total)
}

/// All, or those of one owner.
pub async fn destinations_are_listed_oldest_first(store: &impl Store) {
    let made = |number: u32, owner: u32, created_s: i64| {
        found(Destination {
            owner: client(owner),
            created_at: at(created_s),
            ..destination(number)
        })
    };
    let changes = vec![
        made(1, 1, 30),
        made(2, 2, 10),
        made(3, 1, 20),
        made(4, 1, 20),
    ];
    done(store, changes).await;
    let second = Page {
        offset: 1,
        limit: 1,
    };
    for (filter, page, expected) in [
        (DestinationFilter::All, ALL, (vec![2, 3, 4, 1], 4)),
        (DestinationFilter::All, second, (vec![3], 4)),
        (
            DestinationFilter::OwnedBy(client(1)),
            ALL,
            (vec![3, 4, 1], 3),
        ),
        (DestinationFilter::OwnedBy(client(1)), second, (vec![4], 3)),
        (DestinationFilter::OwnedBy(client(9)), ALL, (vec![], 0)),
    ] {
        let listed = store.destinations(&filter, page).await.expect("answers");
        assert_eq!(shown(&listed), expected, "{filter:?} {page:?}");
    }
    let second_owner = DestinationFilter::OwnedBy(client(2));
    let one = store.destinations(&second_owner, ALL);
    assert_eq!(
        one.await.expect("answers").entries,
        vec![Destination {
            owner: client(2),
            created_at: at(10),
            ..destination(2)
        }]
    );
}

/// And only those that offer it in their present version.
pub async fn only_active_destinations_offer_a_service(store: &impl Store) {
    let plain = destination(1);
    let mut twice = destination(2);
    twice.services.push(twice.services[0].clone());
    let bare = Destination {
        services: vec![],
        ..destination(3)
    };
    let mut changes = vec![found(plain.clone()), found(twice), found(bare.clone())];
    for (number, status) in (4..).zip(DestinationStatus::ALL) {
        changes.push(found(Destination {
            status,
            ..destination(number)
        }));
    }
    done(store, changes).await;
    let filter = DestinationFilter::Offering(SERVICE.parse().expect("a service"));
    let listed = store.destinations(&filter, ALL).await.expect("answers");
    assert_eq!(shown(&listed), (vec![1, 2, 5], 3));

    let replace = |old: &Destination, services| Change::PutDestination {
        replaces: Some(Box::new(old.clone())),
        destination: Box::new(Destination {
            services,
            ..old.clone()
        }),
    };
    let swapped = vec![
        replace(&plain, vec![]),
        replace(&bare, plain.services.clone()),
    ];
    done(store, swapped).await;
    let listed = store.destinations(&filter, ALL).await.expect("answers");
    assert_eq!(shown(&listed), (vec![2, 3, 5], 3));
}

//! What `verify` finds in the tables, and that it finds nothing where nothing is wrong.

use amtsbote_model::Timestamp;
use amtsbote_model::submission::State;
use amtsbote_store::chain::{Block, ChainChecked, Contradiction, Leaf};
use amtsbote_store::laws::samples::{
    announced_one, at, content, destination, done, event, found, id, moved, of, open_case,
};
use amtsbote_store::{Batch, Chain as _, Change, Committed, Ledger as _};
use amtsbote_store_postgres::{Examined, PostgresStore};
use amtsbote_testkit::postgres::Server;

use crate::benches::target;

/// Seals what is there, if nobody else was faster; how many.
pub(crate) async fn seal(store: &PostgresStore, max: u32) -> usize {
    let events = store.unsealed(max).await.unwrap();
    let leaves: Vec<_> = events.iter().map(Leaf::of).collect();
    let head = store.head().await.unwrap();
    let Some(mut block) = Block::after(head.as_ref(), &leaves, at(50)) else {
        return 0;
    };
    "signed".clone_into(&mut block.signature);
    let count = leaves.len();
    if store.seal(block, leaves).await.unwrap() {
        count
    } else {
        0
    }
}

pub(crate) async fn examined(store: &PostgresStore) -> Examined {
    let is_signed = &mut |block: &Block| block.signature == "signed";
    let long_ago = Timestamp::from_millis(0);
    store.examine(long_ago, is_signed).await.unwrap()
}

/// A submission with four events, sealed but the last one.
async fn sealed(server: &Server) -> (String, PostgresStore) {
    let url = server.database();
    let store = PostgresStore::open(&target(&url)).await.unwrap();
    announced_one(&store).await;
    let fill = Change::Fill {
        subject: of(1),
        content: content(),
    };
    let events = [70, 71, 72].map(|number| Change::Append(event(number, 1, 1)));
    done(&store, [&[fill][..], &events].concat()).await;
    while seal(&store, 2).await > 0 {}
    done(&store, vec![Change::Append(event(73, 1, 1))]).await;
    (url, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_behind_our_back_is_found() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (_, store) = sealed(server).await;
    let clean = examined(&store).await;
    assert_eq!(clean.missing, []);
    assert_eq!(clean.chain.contradictions, []);
    assert!(clean.chain.leaves >= 3, "{clean:?}");
    let event = |number: u32| id::<amtsbote_model::EventId>(number).to_string();
    let cases: [(&str, Contradiction); 7] = [
        (
            "DELETE FROM events WHERE number = (SELECT max(number) - 1 FROM events)",
            Contradiction::Removed(event(72)),
        ),
        (
            "UPDATE events SET token = 'x' WHERE number = (SELECT max(number) - 1 FROM events)",
            Contradiction::Edited(event(72)),
        ),
        (
            "UPDATE events SET number = number + 100 WHERE number = (SELECT max(number) - 1 FROM events)",
            Contradiction::Moved(event(72)),
        ),
        ("DELETE FROM unsealed", Contradiction::Inserted(event(73))),
        (
            "UPDATE blocks SET signature = 'x' WHERE number = 1",
            Contradiction::Signature(1),
        ),
        (
            "UPDATE blocks SET at = at + 1 WHERE number = 1",
            Contradiction::Block(2),
        ),
        (
            "DELETE FROM blocks WHERE number = (SELECT max(number) FROM blocks)",
            Contradiction::Leaves(1),
        ),
    ];
    for (harm, expected) in cases {
        let (url, store) = sealed(server).await;
        server.sql(&url, &format!("SET search_path = amtsbote_gateway; ALTER TABLE events ALTER number DROP IDENTITY; {harm}"));
        let found = examined(&store).await.chain.contradictions;
        assert!(found.contains(&expected), "{harm}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_refers_to_something_that_is_gone_is_found() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (url, store) = sealed(server).await;
    done(
        &store,
        vec![moved(1, State::Created, State::Submitted, 2000)],
    )
    .await;
    server.sql(&url, "DELETE FROM amtsbote_gateway.contents");
    let missing = examined(&store).await.missing;
    let what: Vec<_> = missing.iter().map(|(what, _)| *what).collect();
    assert!(
        what.contains(&"the sealed parts of a submission"),
        "{missing:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_two_processes_are_sealed_once_each_while_they_are_written() {
    const CASES: u32 = 4;
    const EACH: u32 = 25;
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let one = PostgresStore::open(&target(&url)).await.unwrap();
    let other = PostgresStore::open(&target(&url)).await.unwrap();
    let mut changes = vec![found(destination(1))];
    changes.extend((1..=CASES).map(|case| open_case(case, 1)));
    done(&one, changes).await;
    let write = async |store: &PostgresStore, cases: [u32; 2]| {
        for number in 0..EACH {
            for case in cases {
                let append = Change::Append(event(1000 * case + number, case, case));
                let committed = store.commit(Batch::new().with(append)).await.unwrap();
                assert_eq!(committed, Committed::Done);
            }
        }
    };
    let all = usize::try_from(CASES * EACH).unwrap();
    let seal_some = async |store: &PostgresStore| {
        let mut sealed = 0;
        for _ in 0..40 {
            sealed += seal(store, 7).await;
            tokio::task::yield_now().await;
        }
        sealed
    };
    let ((), (), early, late) = tokio::join!(
        write(&one, [1, 2]),
        write(&other, [3, 4]),
        seal_some(&one),
        seal_some(&other)
    );
    let rest = {
        let mut rest = 0;
        while !one.unsealed(1).await.unwrap().is_empty() {
            rest += seal(&one, 100).await;
        }
        rest
    };
    assert_eq!(early + late + rest, all);
    let checked = examined(&one).await.chain;
    let expected = ChainChecked {
        blocks: checked.blocks,
        leaves: u64::try_from(all).unwrap(),
        ..ChainChecked::default()
    };
    assert_eq!(checked, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_taken_beside_a_gateway_is_whole_and_goes_on() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (url, store) = sealed(server).await;
    let copy = server.dumped_and_restored(&url);
    // What comes after the dump is not in it, and does not disturb it.
    done(&store, vec![Change::Append(event(74, 1, 1))]).await;
    drop(store);

    let restored = PostgresStore::open(&target(&copy)).await.unwrap();
    let found = examined(&restored).await;
    // Sums came along, and are right at another place, too.
    assert_eq!((&found.rows.altered, found.rows.without_sum), (&vec![], 0));
    assert!(found.rows.rows > 9, "{found:?}");
    assert_eq!(found.missing, []);
    assert_eq!(found.chain.contradictions, []);
    let leaves = found.chain.leaves;
    assert!(leaves >= 3, "{found:?}");
    assert_eq!(restored.content(of(1)).await.unwrap(), Some(content()));
    // Sequences came along: new events are numbered behind the old ones, and the chain goes on.
    done(&restored, vec![Change::Append(event(75, 1, 1))]).await;
    assert_eq!(seal(&restored, 9).await, 2);
    let found = examined(&restored).await;
    assert_eq!(
        (found.chain.contradictions, found.chain.leaves),
        (vec![], leaves + 2)
    );
}

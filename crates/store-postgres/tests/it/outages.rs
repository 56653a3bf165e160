//! The server goes away and comes back; two processes race.

use amtsbote_model::submission::State;
use amtsbote_model::{CaseId, ClientId, DestinationId, Timestamp};
use amtsbote_store::laws::samples;
use amtsbote_store::{Batch, Case, Cases, Change, Committed, Conflict, Error, Ledger};
use amtsbote_store_postgres::PostgresStore;
use amtsbote_testkit::postgres::{Server, Stop};
use uuid::Uuid;

use crate::benches::target;

fn case(number: u128) -> Case {
    Case {
        id: CaseId::from_uuid(Uuid::from_u128(number)),
        destination_id: DestinationId::from_uuid(Uuid::from_u128(7)),
        sender: "portal".parse::<ClientId>().unwrap(),
        opened_at: Timestamp::from_millis(1_000),
    }
}

fn open(number: u128) -> Batch {
    Batch::new().with(Change::OpenCase(case(number)))
}

/// A server of its own; `None` where there is no PostgreSQL.
async fn own() -> Option<(Server, String, PostgresStore)> {
    let server = Server::start()?;
    let url = server.database();
    let store = PostgresStore::open(&target(&url)).await.unwrap();
    Some((server, url, store))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashed_is_unavailable_and_then_goes_on_with_all_it_had_confirmed() {
    for how in [Stop::Immediate, Stop::Fast] {
        let Some((server, _, store)) = own().await else {
            return;
        };
        let mut confirmed = Vec::new();
        for number in 1..=20 {
            assert_eq!(store.commit(open(number)).await.unwrap(), Committed::Done);
            confirmed.push(number);
        }
        server.stop(how);
        let refused = store.commit(open(21)).await;
        let away = matches!(refused, Err(Error::Unavailable { .. }));
        assert!(away, "{how:?}: {refused:?}");
        let unread = store.case(case(1).id).await;
        assert!(
            matches!(unread, Err(Error::Unavailable { .. })),
            "{unread:?}"
        );
        server.start_again();
        // The same store, not opened again. A first call may still find a connection of before.
        let mut tries = 0;
        loop {
            match store.commit(open(22)).await {
                Ok(committed) => break assert_eq!(committed, Committed::Done),
                Err(error) => assert!(tries < 50, "{how:?}: {error}"),
            }
            tries += 1;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        for number in confirmed {
            let kept = store.case(case(number).id).await.unwrap();
            assert!(kept.is_some(), "{how:?}: case {number} is lost");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_open_the_same_cases_each_case_has_one_winner() {
    let Some((_server, url, one)) = own().await else {
        return;
    };
    let other = PostgresStore::open(&target(&url)).await.unwrap();
    let (mut done, mut refused) = (0, 0);
    for number in 100..150 {
        let (a, b) = tokio::join!(one.commit(open(number)), other.commit(open(number)));
        for committed in [a.unwrap(), b.unwrap()] {
            match committed {
                Committed::Done => done += 1,
                Committed::Refused(conflict) => {
                    assert_eq!(conflict, Conflict::Exists);
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((done, refused), (50, 50));
}

/// Waits until it commits again.
async fn commits(store: &PostgresStore, number: u128) -> std::time::Duration {
    let began = std::time::Instant::now();
    loop {
        match store.commit(open(number)).await {
            Ok(committed) => {
                assert_eq!(committed, Committed::Done);
                return began.elapsed();
            }
            Err(error) => assert!(began.elapsed().as_secs() < 60, "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_fail_over_to_the_synchronous_standby_all_that_was_confirmed_is_there() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let standby = server.standby();
    let both = url.replace(
        &format!(":{}/", server.port()),
        &format!(":{},127.0.0.1:{}/", server.port(), standby.port()),
    );
    let store = PostgresStore::open(&target(&both)).await.unwrap();
    for number in 1..=20 {
        assert_eq!(store.commit(open(number)).await.unwrap(), Committed::Done);
    }
    server.stop(Stop::Immediate);
    // A standby takes no writes.
    assert!(store.commit(open(21)).await.is_err());
    standby.promote();
    let again = commits(&store, 22).await;
    println!("taken again {again:?} after the standby was promoted");
    for number in 1..=20 {
        let kept = store.case(case(number).id).await.unwrap();
        assert!(kept.is_some(), "case {number} is lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arrival_at_one_store_is_heard_at_another() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let one = PostgresStore::open(&target(&url)).await.unwrap();
    let other = PostgresStore::open(&target(&url)).await.unwrap();
    samples::announced_one(&one).await;
    let soon = std::time::Duration::from_secs(30);
    // Until it listens, nothing is heard: arrivals go on until one is.
    let arriving = async {
        let (mut from, mut to) = (State::Created, State::Submitted);
        loop {
            samples::done(&one, vec![samples::moved(1, from, to, 2000)]).await;
            std::mem::swap(&mut from, &mut to);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        heard = tokio::time::timeout(soon, other.heard()) => heard.unwrap(),
        () = arriving => {}
    }
}

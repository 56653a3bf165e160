//! What agents meet beside each other: guests, places, and a server that goes away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use amtsbote_model::delivery::Event;
use amtsbote_store::{Deliveries, Error, Order, Swapped};
use amtsbote_store_postgres::PostgresDeliveries;
use amtsbote_testkit::postgres::{Server, Stop};

use crate::agents::{claim, destination, new, share, submission, two, worker};
use crate::benches::target;

#[tokio::test]
async fn a_guest_makes_no_tables_and_takes_none_of_another_version() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let guest = PostgresDeliveries::open_as_guest(&target(&url), "bund").await;
    let said = guest.unwrap_err().to_string();
    assert!(said.contains("have version 0"), "{said}");
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'amtsbote_agent'";
    assert_eq!(server.sql(&url, schemas), "0");
    drop(
        PostgresDeliveries::open(&target(&url), "bund")
            .await
            .unwrap(),
    );
    drop(
        PostgresDeliveries::open_as_guest(&target(&url), "bund")
            .await
            .unwrap(),
    );
    server.sql(
        &url,
        "INSERT INTO amtsbote_agent.migrations VALUES (99, false)",
    );
    let guest = PostgresDeliveries::open_as_guest(&target(&url), "bund").await;
    assert!(guest.unwrap_err().to_string().contains("99"));
    // An agent may go on: the newer tables say so.
    drop(
        PostgresDeliveries::open(&target(&url), "bund")
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn the_first_mark_of_a_place_stays() {
    let Some(server) = Server::shared() else {
        return;
    };
    let stores = two(&server.database()).await;
    assert_eq!(stores[0].place("out", "a").await.unwrap(), "a");
    assert_eq!(stores[1].place("out", "b").await.unwrap(), "a");
    assert_eq!(stores[1].place("in", "b").await.unwrap(), "b");
}

/// Crash and stop of the server: *unavailable* meanwhile, then on without opening anything again, with all that was confirmed.
/// As an agent claims that knows the tables of version 3: without what it does not know of the state.
#[tokio::test]
async fn an_older_agent_does_not_get_what_a_person_wants_rejected() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let [store, _] = two(&url).await;
    let here = destination(1);
    store.note(vec![new(1, here), new(2, here)]).await.unwrap();
    let around = claim(worker(1), (10, 20), Vec::new()).around;
    let row = store.find(submission(1)).await.unwrap().unwrap();
    let refusal = Event::RejectedByOperator {
        detail: "withdrawn".into(),
    };
    let refused = row.delivery.step(refusal, &around).unwrap();
    let swapped = store.swap(row.submission_id, row.revision, refused).await;
    assert_eq!(swapped.unwrap(), Swapped::Done);

    let (by, leased) = (worker(1).uuid(), r#"'{"state": "leased", "until": 90000}'"#);
    let older = format!(
        "UPDATE amtsbote_agent.deliveries SET state = 'leased', revision = revision + 1, held_by = '{by}', due_at = 90000,
            body = (body::jsonb - 'refusal' - 'at' || jsonb_build_object('by', '{by}') || {leased})::text
        WHERE state = 'waiting' RETURNING submission_id"
    );
    assert_eq!(server.sql(&url, &older), submission(2).uuid().to_string());
    let asked = claim(worker(2), (30, 90_000), vec![share(here, Order::Due)]);
    let claimed = store.claim(asked).await.unwrap().rows;
    let [row] = &claimed[..] else {
        panic!("{claimed:?}");
    };
    assert_eq!(row.submission_id, submission(1));
    assert_eq!(row.delivery.refusal(), Some("withdrawn"));
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_go_on_when_the_server_is_back() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let stores = two(&url).await;
    let here = destination(1);
    stores[0]
        .note((1..=20).map(|number| new(number, here)).collect())
        .await
        .unwrap();
    for how in [Stop::Immediate, Stop::Fast] {
        let stop = Arc::new(AtomicBool::new(false));
        let confirmed = Arc::new(Mutex::new(Vec::new()));
        let worker_of = |number: u128| {
            let store = stores[usize::from(number.is_multiple_of(2))].clone();
            let (stop, confirmed) = (stop.clone(), confirmed.clone());
            tokio::spawn(async move {
                let mut next = 1_000 * number;
                while !stop.load(Ordering::SeqCst) {
                    next += 1;
                    match store.note(vec![new(next, here)]).await {
                        Ok(()) => confirmed.lock().unwrap().push(next),
                        Err(Error::Unavailable { .. }) => {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        };
        let workers = [worker_of(1), worker_of(2), worker_of(3)];
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.stop(how);
        let away = stores[0].find(submission(1)).await;
        assert!(matches!(away, Err(Error::Unavailable { .. })), "{away:?}");
        server.start_again();
        let back = Instant::now();
        while let Err(error) = stores[1].find(submission(1)).await {
            assert!(back.elapsed() < Duration::from_secs(10), "{error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.store(true, Ordering::SeqCst);
        for worker in workers {
            worker.await.unwrap();
        }
        let confirmed = std::mem::take(&mut *confirmed.lock().unwrap());
        assert!(confirmed.len() > 10);
        for number in confirmed {
            let kept = stores[0].find(submission(number)).await.unwrap();
            assert!(kept.is_some(), "{how:?}: {number} is lost");
        }
    }
    let asked = claim(worker(1), (50_000, 90_000), vec![share(here, Order::Due)]);
    let claimed = stores[0].claim(asked).await.unwrap();
    assert_eq!(claimed.rows.len(), 3);
    let back = claimed.rows[0].clone();
    let around = claim(worker(1), (50_001, 0), Vec::new()).around;
    let next = back.delivery.step(Event::Returned, &around).unwrap();
    let swapped = stores[1]
        .swap(back.submission_id, back.revision, next)
        .await;
    assert_eq!(swapped.unwrap(), Swapped::Done);
}

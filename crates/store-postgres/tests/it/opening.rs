//! What is refused at the start, and what is not.

use std::time::Duration;

use amtsbote_model::{Secret, Timestamp};
use amtsbote_store::Leases;
use amtsbote_store_postgres::{Encryption, OpenError, PostgresLeases, Target};
use amtsbote_testkit::postgres::{Server, Stop};

use crate::benches::target;

async fn refusal(target: &Target) -> OpenError {
    PostgresLeases::open(target).await.unwrap_err()
}

async fn works(leases: &PostgresLeases) {
    let (now, until) = (Timestamp::from_seconds(1), Timestamp::from_seconds(2));
    assert!(leases.hold("name", "owner", now, until).await.unwrap());
}

#[tokio::test]
async fn a_server_that_loses_what_it_confirms_is_refused() {
    let Some(server) = Server::start() else {
        return;
    };
    let target = target(&server.database());
    for setting in ["fsync", "full_page_writes"] {
        server.set(setting, "off");
        let text = refusal(&target).await.to_string();
        assert!(text.contains(&format!("{setting} = off")), "{text}");
        server.set(setting, "on");
    }
    server.set("synchronous_commit", "off");
    let leases = PostgresLeases::open(&target).await.unwrap();
    works(&leases).await;
}

#[tokio::test]
async fn a_password_may_come_from_elsewhere_and_a_wrong_one_is_told_without_it() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let bare = url.replace(&format!(":{}@", server.password()), "@");
    assert_ne!(bare, url);
    let without = Target::parse(&bare, Encryption::Required).unwrap();
    let wrong = without.clone().with_password(&Secret::new("marked".into()));
    let error = refusal(&wrong).await;
    let text = format!("{error} {error:?}");
    assert!(matches!(error, OpenError::Refused { .. }), "{text}");
    assert!(!text.contains("marked"), "{text}");
    let right = without.with_password(&Secret::new(server.password().into()));
    works(&PostgresLeases::open(&right).await.unwrap()).await;
}

#[tokio::test]
async fn where_nobody_listens_the_error_says_where() {
    let target = target("postgres://user@127.0.0.1:1/name");
    let error = refusal(&target).await;
    let text = error.to_string();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{text}");
    assert!(text.contains("127.0.0.1/name"), "{text}");
}

#[tokio::test]
async fn an_encrypted_way_is_not_given_up_when_the_server_has_none() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = format!("{}?sslmode=require", server.database());
    let error = refusal(&target(&url)).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn several_processes_may_start_at_once() {
    let Some(server) = Server::shared() else {
        return;
    };
    let target = target(&server.database());
    let mut starting = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let target = target.clone();
        starting.spawn(async move { PostgresLeases::open(&target).await.map(|_| ()) });
    }
    for started in starting.join_all().await {
        started.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_in_the_middle_of_a_migration_is_tried_again() {
    for how in [Stop::Immediate, Stop::Fast] {
        let Some(server) = Server::start() else {
            return;
        };
        let url = server.database();
        let target = target(&url);
        server.sql(&url, "CREATE SCHEMA amtsbote_gateway");
        // Its first table waits for who makes one of this name.
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        let table = "BEGIN; CREATE TABLE amtsbote_gateway.destinations (id int)";
        client.batch_execute(table).await.unwrap();
        let opening = tokio::spawn({
            let target = target.clone();
            async move { refusal(&target).await }
        });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'amtsbote%' AND wait_event_type = 'Lock'";
        while server.sql(&url, waits).trim() != "1" {
            assert!(!opening.is_finished(), "it did not wait");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server.stop(how);
        let error = opening.await.unwrap();
        assert!(matches!(error, OpenError::Failed { .. }), "{error}");
        server.start_again();
        works(&PostgresLeases::open(&target).await.unwrap()).await;
    }
}

#[tokio::test]
async fn what_a_server_holds_against_a_migration_stays() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    server.sql(
        &url,
        "CREATE SCHEMA amtsbote_gateway; CREATE TABLE amtsbote_gateway.destinations (id int)",
    );
    let error = refusal(&target(&url)).await;
    assert!(matches!(error, OpenError::Migration { .. }), "{error}");
}

#[tokio::test]
async fn newer_tables_are_used_only_if_they_say_that_older_programs_may() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let target = target(&url);
    let leases = PostgresLeases::open(&target).await.unwrap();
    let note = |version, must_stop| {
        let sql =
            format!("INSERT INTO amtsbote_gateway.migrations VALUES ({version}, {must_stop})");
        server.sql(&url, &sql);
    };
    note(1000, false);
    works(&PostgresLeases::open(&target).await.unwrap()).await;
    note(1001, true);
    let error = refusal(&target).await;
    assert!(error.to_string().contains("version 1001"), "{error}");
    // And a process that was there before gets no new connections.
    server.sql(
        &url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'amtsbote%' AND datname = current_database()",
    );
    let (now, until) = (Timestamp::from_seconds(1), Timestamp::from_seconds(2));
    let held = leases.hold("name", "owner", now, until).await;
    assert!(held.is_err(), "{held:?}");
}

#[tokio::test]
async fn a_user_without_rights_is_told_what_it_needs() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    server.sql(&url, "CREATE USER poor PASSWORD 'poor'");
    let poor = url.replace(&format!("amtsbote:{}@", server.password()), "poor:poor@");
    let error = refusal(&target(&poor)).await;
    assert!(matches!(error, OpenError::NotAllowed { .. }), "{error}");
}

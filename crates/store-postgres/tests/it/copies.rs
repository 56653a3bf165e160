//! Copies of tables in use, and databases filled from them.

use amtsbote_store::Change;
use amtsbote_store::laws::samples::{announced_one, attachment, done, of};
use amtsbote_store_postgres::{
    CopyError, PostgresDeliveries, PostgresRestoring, PostgresSnapshot, PostgresStore, Shelf,
    Tables,
};
use amtsbote_testkit::postgres::Server;

use crate::benches::target;
use crate::examine::examined;

/// Everything in a schema, as text.
fn everything(server: &Server, url: &str, schema: &str) -> String {
    let tables = format!(
        "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
         WHERE relnamespace = '{schema}'::regnamespace AND relkind = 'r' AND relname <> 'migrations'"
    );
    let tables = server.sql(url, &tables);
    let rows = tables.split(' ').map(|table| {
        let rows = format!(
            "SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM {schema}.\"{table}\" t"
        );
        format!("{table}: {}\n", server.sql(url, &rows))
    });
    rows.collect()
}

async fn attached(store: &PostgresStore, number: u32) {
    let change = Change::Attach {
        subject: of(1),
        attachment: attachment(number, 1),
    };
    done(store, vec![change]).await;
}

async fn copied(url: &str, tables: Tables) -> Vec<u8> {
    let snapshot = PostgresSnapshot::take(&target(url), tables).await.unwrap();
    let mut file = Vec::new();
    let copied = snapshot.unwrap().copy(&mut file, |_, _| {}).await.unwrap();
    assert!(copied.rows.len() > 1, "{copied:?}");
    file
}

async fn filled(url: &str, tables: Tables, file: &[u8]) {
    let restoring = PostgresRestoring::claim(&target(url), tables)
        .await
        .unwrap();
    restoring.take(file, |_, _| {}).await.unwrap();
    restoring.finish().await.unwrap();
}

#[tokio::test]
async fn a_copy_shows_one_moment_and_a_database_filled_from_it_is_the_one_it_was() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (old, new) = (server.database(), server.database());
    let store = PostgresStore::open(&target(&old)).await.unwrap();
    announced_one(&store).await;
    attached(&store, 1).await;
    let then = everything(server, &old, "amtsbote_gateway");
    let snapshot = PostgresSnapshot::take(&target(&old), Tables::Gateway).await;
    let snapshot = snapshot.unwrap().unwrap();
    attached(&store, 2).await;
    assert_ne!(everything(server, &old, "amtsbote_gateway"), then);

    let (mut file, mut steps) = (Vec::new(), 0);
    let copied = snapshot.copy(&mut file, |_, _| steps += 1).await.unwrap();
    assert!(steps > 0);
    assert_eq!(snapshot.named().await.unwrap().len(), 1);
    drop(snapshot);
    let restoring = PostgresRestoring::claim(&target(&new), Tables::Gateway)
        .await
        .unwrap();
    let taken = restoring.take(&file[..], |_, _| {}).await.unwrap();
    assert_eq!(taken, copied);
    restoring.finish().await.unwrap();
    assert_eq!(everything(server, &new, "amtsbote_gateway"), then);

    // It opens, its sums are right, and what is numbered goes on behind what there was.
    let store = PostgresStore::open(&target(&new)).await.unwrap();
    attached(&store, 1).await;
    let wrong = "SELECT count(*) FROM amtsbote_gateway.events e
        WHERE e.sum <> amtsbote_gateway.row_sum('events', to_jsonb(e))";
    let path = "SET search_path = amtsbote_gateway";
    assert_eq!(server.sql(&new, &format!("{path}; {wrong}")), "0");
    let last = |url: &str| {
        let last = "SELECT last_value FROM amtsbote_gateway.events_number_seq";
        server.sql(url, last).parse::<u64>().unwrap()
    };
    assert!(last(&new) >= last(&old).min(copied.rows["events"]));
}

#[tokio::test]
async fn what_was_altered_before_is_found_after_it() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (old, new) = (server.database(), server.database());
    let store = PostgresStore::open(&target(&old)).await.unwrap();
    announced_one(&store).await;
    attached(&store, 1).await;
    server.sql(
        &old,
        "UPDATE amtsbote_gateway.attachments SET size_bytes = size_bytes + 1",
    );
    let file = copied(&old, Tables::Gateway).await;
    filled(&new, Tables::Gateway, &file).await;
    let store = PostgresStore::open(&target(&new)).await.unwrap();
    let examined = examined(&store).await.rows;
    assert_eq!(examined.altered.len(), 1, "{examined:?}");
}

#[tokio::test]
async fn there_is_all_of_it_or_nothing() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (old, new) = (server.database(), server.database());
    let nothing = PostgresSnapshot::take(&target(&old), Tables::Agents).await;
    assert!(nothing.unwrap().is_none());
    drop(
        PostgresDeliveries::open(&target(&old), "own")
            .await
            .unwrap(),
    );
    let file = copied(&old, Tables::Agents).await;

    // Broken off after the rows, and a file that ends early.
    let restoring = PostgresRestoring::claim(&target(&new), Tables::Agents)
        .await
        .unwrap();
    restoring.take(&file[..], |_, _| {}).await.unwrap();
    drop(restoring);
    let restoring = PostgresRestoring::claim(&target(&new), Tables::Agents)
        .await
        .unwrap();
    let early = restoring.take(&file[..file.len() - 1], |_, _| {}).await;
    assert!(matches!(early, Err(CopyError::Damaged(_))), "{early:?}");
    drop(restoring);
    let restoring = PostgresRestoring::claim(&target(&new), Tables::Gateway)
        .await
        .unwrap();
    let others = restoring.take(&file[..], |_, _| {}).await;
    assert!(matches!(others, Err(CopyError::Damaged(_))), "{others:?}");
    drop(restoring);
    let at = file.windows(10).position(|w| w == b"\"version\":").unwrap();
    let mut newer = file.clone();
    newer[at + 10] = b'9';
    let restoring = PostgresRestoring::claim(&target(&new), Tables::Agents)
        .await
        .unwrap();
    let refused = restoring.take(&newer[..], |_, _| {}).await;
    assert!(
        matches!(refused, Err(CopyError::Newer { found: 9, .. })),
        "{refused:?}"
    );
    drop(restoring);
    assert!(!server.has_tables(&new));

    filled(&new, Tables::Agents, &file).await;
    let occupied = PostgresRestoring::claim(&target(&new), Tables::Agents).await;
    assert!(matches!(occupied, Err(CopyError::Occupied(_))));
}

#[tokio::test]
async fn who_starts_meanwhile_waits_and_finds_what_was_brought() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (old, new) = (server.database(), server.database());
    let store = PostgresStore::open(&target(&old)).await.unwrap();
    announced_one(&store).await;
    let file = copied(&old, Tables::Gateway).await;
    let restoring = PostgresRestoring::claim(&target(&new), Tables::Gateway)
        .await
        .unwrap();
    let starting = tokio::spawn({
        let target = target(&new);
        async move { PostgresStore::open(&target).await.map(|_| ()) }
    });
    restoring.take(&file[..], |_, _| {}).await.unwrap();
    assert!(!starting.is_finished());
    restoring.finish().await.unwrap();
    starting.await.unwrap().unwrap();
    let count = "SELECT count(*) FROM amtsbote_gateway.submissions";
    assert_eq!(server.sql(&new, count), "1");
}

#[tokio::test]
async fn what_ran_when_the_copy_was_made_does_not_run_after_it() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (old, new) = (server.database(), server.database());
    drop(PostgresStore::open(&target(&old)).await.unwrap());
    let runs = r#"INSERT INTO amtsbote_gateway.gateways
        VALUES ('one', '{"shelf": {"kind": "folder", "place": "old"}}', now() + interval '1 hour')"#;
    server.sql(&old, runs);
    let file = copied(&old, Tables::Gateway).await;
    let restoring = PostgresRestoring::claim(&target(&new), Tables::Gateway)
        .await
        .unwrap();
    restoring.take(&file[..], |_, _| {}).await.unwrap();
    let here = Shelf::Folder("new".into());
    restoring.with_attachments_in(&here).await.unwrap();
    restoring.finish().await.unwrap();
    let told =
        "SELECT until < now(), body::jsonb #>> '{shelf,place}' FROM amtsbote_gateway.gateways";
    assert_eq!(server.sql(&new, told), "t|new");
}

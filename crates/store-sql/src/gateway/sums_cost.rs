//! What the sums of rows cost. Long: only with `AMTSBOTE_LONG=1`.

use std::time::Duration;

use amtsbote_store::Batch;
use amtsbote_store::laws::many::{AT_ONCE, arrival};
use amtsbote_store::laws::samples::{destination, found};
use rusqlite::Connection;

use super::{SCHEMA, Written};
use crate::{database, group};

const GROUPS: u64 = 60;

#[expect(
    clippy::disallowed_methods,
    reason = "long runs are asked for by the environment"
)]
fn is_long() -> bool {
    std::env::var_os("AMTSBOTE_LONG").is_some()
}

/// What this thread has spent on a processor.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = text.split_whitespace().next().unwrap();
    Duration::from_nanos(nanos.parse().unwrap())
}

fn write(database: &Connection, batches: impl Iterator<Item = Batch>) {
    let settled = group::commit(database, batches.map(Written::Batch).collect());
    assert!(settled.answers.iter().all(Result::is_ok));
}

/// Microseconds of an arrival.
fn measure(database: &Connection, round: u64) -> f64 {
    let first = round * GROUPS * AT_ONCE;
    let began = cpu_time();
    for group in 0..GROUPS {
        let begin = first + group * AT_ONCE;
        write(database, (begin..begin + AT_ONCE).map(arrival));
    }
    let count = u32::try_from(GROUPS * AT_ONCE).unwrap();
    cpu_time().saturating_sub(began).as_secs_f64() * 1e6 / f64::from(count)
}

#[test]
fn sums_cost_a_share_of_an_arrival() {
    if !is_long() {
        println!("NOT RUN: long; AMTSBOTE_LONG=1 runs it");
        return;
    }
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [with, without] = folders.each_ref().map(|folder| {
        let database = database::open_writer(&SCHEMA.file(folder.path()), &SCHEMA).unwrap();
        write(
            &database,
            std::iter::once(Batch::new().with(found(destination(1)))),
        );
        database
    });
    for table in crate::sums::tables(&without).unwrap() {
        let name = table.name;
        let sql =
            format!("DROP TRIGGER temp.\"{name}_inserted\"; DROP TRIGGER temp.\"{name}_updated\"");
        without.execute_batch(&sql).unwrap();
    }
    for round in 0..3 {
        let (with, without) = (measure(&with, round), measure(&without, round));
        println!(
            "arrival: {without:.0} us without sums, {with:.0} with: {:.2}",
            with / without
        );
    }
}

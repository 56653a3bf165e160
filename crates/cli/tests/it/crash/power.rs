//! Power cuts: everything that gateway, agent and the procedure's folder write lies on a disk of `testkit`, which keeps for certain only
//! what was fsynced. At moments drawn from the seed its power goes; what a real disk might have kept is mounted again, `verify` looks
//! at it, everything starts, and each 2xx answered before has to be there.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amtsbote_fit_connect::ApiVersion;
use amtsbote_model::submission::State;
use amtsbote_testkit::disk::{Disk, Platter, Promise};
use amtsbote_testkit::postgres::{Server, Stop};
use serde_json::json;

use super::peer::Peers;
use super::senders::{self, Accepted, Book};
use super::site::{Running, Shape, Site, until};
use super::{
    DELIVERED_MAX, Length, MARK, READY_MAX, assert_alive, checks, report, told, wait_for_some,
};
use crate::killed::{Dice, seed};
use crate::stand::{LOOK, SOON};
use crate::wire::session;

/// The power goes at once, or at one of so many next changes on the disk.
const CHANGES_MAX: u64 = 400;

fn cuts(default: u32) -> u32 {
    told("CUTS").map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_agent_in_one_process_lose_their_power() {
    run(Shape::Serve, cuts(3), Promise::Kept, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_agent_apart_lose_their_power() {
    run(Shape::Apart, cuts(3), Promise::Kept, None).await;
}

/// The server's own files are on another disk; it stops at the same moment, as in a crash.
#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_agent_over_postgres_lose_their_power() {
    if let Some(server) = Server::start() {
        run(Shape::Postgres, cuts(3), Promise::Kept, Some(server)).await;
    }
}

/// The check can fail: where fsync does nothing, as in a program that forgets it, cuts are noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_fsync_is_noticed() {
    for promise in [Promise::NotForFiles, Promise::NotForFolders] {
        if disk(tempfile::tempdir().unwrap().path(), Platter::default()).is_none() {
            return;
        }
        println!("What follows has to fail:");
        let outcome = tokio::spawn(run(Shape::Serve, 30, promise, None)).await;
        let what = outcome.unwrap_err().into_panic();
        let what = what.downcast_ref::<String>().expect("an assertion");
        println!("{promise:?} was noticed: {}", what.lines().next().unwrap());
    }
}

/// A disk at an empty folder; the reason is printed where there can be none.
pub(crate) fn disk(at: &Path, platter: Platter) -> Option<Disk> {
    match Disk::mount(at, platter) {
        Ok(disk) => Some(disk),
        Err(reason) => {
            println!("NOT RUN: power cuts, since there is no disk to cut the power of: {reason}");
            None
        }
    }
}

async fn run(shape: Shape, cuts: u32, promise: Promise, server: Option<Server>) {
    let seed = seed();
    println!("AMTSBOTE_SEED={seed}");
    let mut dice = Dice(seed);
    let place = tempfile::tempdir().unwrap();
    let Some(disk) = disk(place.path(), Platter::new(promise)) else {
        return;
    };
    let peers = Peers::start().await;
    let site = Site::at(place.path(), shape, &peers, server).await;
    let began = Instant::now();
    let book = Arc::new(Book::default());
    let senders = senders::start(&site, &peers.callback_url, &book);
    let mut power = Power {
        running: site.run(),
        disk,
        seen: 0,
        verified: 0,
    };
    for _ in 0..cuts {
        assert_alive(&senders, &power.running);
        wait_for_some(&book, &mut dice, &senders).await;
        power.cut(&site, &mut dice).await;
        power.assert_there(&site, &book).await;
    }
    book.close();
    senders::ended(senders).await;
    let accepted = std::mem::take(&mut *book.accepted.lock().unwrap());
    checks::check_all(
        &site,
        &accepted,
        (&peers.seen, &power.running.said()),
        DELIVERED_MAX,
    )
    .await;
    checks::check_callbacks(&accepted, &peers.seen, Length::told()).await;
    site.verify();
    let ready_max = power.running.ready_max;
    let logs = power.running.stop();
    assert!(!logs.contains(MARK), "content in the log");
    assert!(!logs.contains("panicked"), "a panic: {logs}");
    report(&json!({
        "shape": format!("{:?}", site.shape()).to_lowercase(), "seed": seed, "power_cuts": cuts,
        "sent": book.sent(), "accepted": accepted.len(), "there_after_cut": power.seen, "verified": power.verified,
        "lost": 0, "doubled": 0,
        "ready_max_ms": u64::try_from(ready_max.as_millis()).unwrap(), "seconds": began.elapsed().as_secs(),
    }));
    assert!(ready_max <= READY_MAX, "ready after {ready_max:?}");
}

struct Power<'a> {
    // Before the disk: they end first.
    running: Running<'a>,
    disk: Disk,
    /// So many of the book were looked for after a cut.
    seen: usize,
    /// How often `verify` found everything right.
    verified: u32,
}

impl Power<'_> {
    async fn cut(&mut self, site: &Site, dice: &mut Dice) {
        if dice.roll(3) > 0 {
            self.disk.power_off_after(dice.roll(CHANGES_MAX));
            let disk = &self.disk;
            until("the power went", SOON, || disk.is_off()).await;
        }
        let before = self.disk.power_off().expect("a disk has one power cut");
        if let Some(server) = site.server() {
            tokio::task::block_in_place(|| server.stop(Stop::Immediate));
        }
        self.running.kill_all(|| {
            let left = before.after_power_cut(&mut |sides| dice.roll(sides));
            // Dropped before the other is mounted: calls that wait come back, and killed processes end.
            let place = self.disk.path().to_owned();
            self.disk.take_away();
            self.disk = Disk::mount(&place, left).expect("it was mounted before");
        });
        if let Some(server) = site.server() {
            tokio::task::block_in_place(|| server.start_again());
        }
        site.verify();
        self.verified += 1;
        self.running.start_all();
    }

    /// Whatever was answered with 2xx before the cut is there after it, and its log verifies.
    async fn assert_there(&mut self, site: &Site, book: &Book) {
        let sessions = [0, 1].map(|at| session(&site.facts(at), "sender", ApiVersion::V2));
        let one = |one: &Accepted| (one.ids, one.destination, one.marker.clone());
        let new: Vec<_> = {
            let accepted = book.accepted.lock().unwrap();
            accepted.iter().skip(self.seen).map(one).collect()
        };
        for (ids, destination, marker) in new {
            let end = Instant::now() + Duration::from_secs(20);
            let log = loop {
                match sessions[destination].verified_log(ids).await {
                    Ok(log) => break log,
                    Err(fault) => {
                        assert!(Instant::now() < end, "LOST by a cut: {marker}: {fault:?}");
                    }
                }
                tokio::time::sleep(LOOK).await;
            };
            let log = log.unwrap_or_else(|findings| panic!("{marker}: {findings:?}"));
            let state = log.state();
            assert!(
                matches!(state, State::Submitted | State::Accepted),
                "LOST by a cut: {marker} is {state:?}"
            );
            self.seen += 1;
        }
    }
}

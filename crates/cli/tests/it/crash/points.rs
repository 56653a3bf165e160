//! Fail points: the process dies at each place between two writes, one after the other, while senders go on.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;

use amtsbote_names::fail_points::FailPoint;

use super::peer::Peers;
use super::senders::{self, Book};
use super::site::{Shape, Site};
use super::{DELIVERED_MAX, Length, MARK, assert_alive, checks};
use crate::killed::{Dice, seed};

/// It dies there for the first, second or third time.
const TIMES_MAX: u64 = 3;
/// So many points in a short run, drawn from the seed; a long one has them all.
const SHORT: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_agent_die_between_two_writes() {
    let seed = seed();
    println!("AMTSBOTE_SEED={seed}");
    let mut dice = Dice(seed);
    let peers = Peers::start().await;
    let site = Site::new(Shape::Serve, &peers).await;
    let book = Arc::new(Book::default());
    let mut running = site.run();
    let senders = senders::start(&site, &peers.callback_url, &book);
    for point in points(&mut dice) {
        let armed = format!("{}:{}", point.name(), 1 + dice.roll(TIMES_MAX));
        println!("{armed}");
        let status = running.until_dead(&armed);
        assert_eq!(status.signal(), Some(ABORTED), "{armed}: {status}");
        assert_alive(&senders, &running);
    }
    running.start_all();
    book.close();
    senders::ended(senders).await;
    let accepted = std::mem::take(&mut *book.accepted.lock().unwrap());
    checks::check_all(
        &site,
        &accepted,
        (&peers.seen, &running.said()),
        DELIVERED_MAX,
    )
    .await;
    checks::check_callbacks(&accepted, &peers.seen, Length::told()).await;
    site.verify();
    let logs = running.stop();
    assert!(!logs.contains(MARK), "content in the log");
    assert!(!logs.contains("panicked"), "a panic: {logs}");
    println!("{} accepted, 0 lost, 0 doubled", accepted.len());
}

/// SIGABRT.
const ABORTED: i32 = 6;

fn points(dice: &mut Dice) -> Vec<FailPoint> {
    let mut points = FailPoint::ALL.to_vec();
    if Length::told() == Length::Short {
        while points.len() > SHORT {
            let at = dice.roll(points.len() as u64);
            points.remove(usize::try_from(at).unwrap());
        }
    }
    points
}

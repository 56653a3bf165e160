//! Disks that fail while senders go on: an fsync that fails, and no room. The program says 503 with `Retry-After`, reads are answered, and
//! nothing that was answered with 2xx is lost; after a full disk it goes on by itself, after a failed fsync when it is started again.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_testkit::disk::{Disk, Platter, Promise, Shortage};
use reqwest::{Client, Response, StatusCode};

use super::peer::Peers;
use super::power;
use super::senders::{self, Book};
use super::site::{Shape, Site, until};
use super::{DELIVERED_MAX, Length, MARK, assert_alive, checks};
use crate::stand::{Program, SOON};
use crate::wire;

/// fsyncs that fail, by the end of the file's name, and whether writing is closed until the next start.
const SYNCS: [(&str, Closed); 4] = [
    // The gateway's log.
    ("gateway.db-wal", Closed::Gateway),
    // The agent's.
    ("agent.db-wal", Closed::Agent),
    // An attachment: a new file is written for the repeat.
    ("-s", Closed::Nothing),
    // A file of a parcel.
    (".pdf", Closed::Nothing),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closed {
    Gateway,
    Agent,
    Nothing,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_fsync_that_fails_and_a_full_disk_lose_nothing() {
    let place = tempfile::tempdir().unwrap();
    let Some(disk) = power::disk(place.path(), Platter::new(Promise::Kept)) else {
        return;
    };
    let peers = Peers::start().await;
    let site = Site::at(place.path(), Shape::Serve, &peers, None).await;
    let book = Arc::new(Book::default());
    let mut running = site.run();
    let senders = senders::start(&site, &peers.callback_url, &book);
    let asking = Asking::new(&site).await;
    for (file, closed) in SYNCS {
        some_more(&book, 3).await;
        disk.with(|platter| platter.fail_syncs(file, 1));
        until("an fsync failed", SOON, || {
            disk.with(|p| p.syncs_to_fail()) == Some(0)
        })
        .await;
        if closed == Closed::Gateway {
            asking.assert_closed(&book).await;
            assert_refused_for_good(&asking, &book).await;
        }
        if closed != Closed::Nothing {
            running.again(0, Program::kill);
        }
        some_more(&book, 3).await;
        assert_alive(&senders, &running);
    }
    full_disk(&disk, &asking, &book).await;
    assert_alive(&senders, &running);
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
    checks::check_callbacks(&accepted, &peers.seen, Length::Short).await;
    site.verify();
    let logs = running.stop();
    assert!(!logs.contains(MARK), "content in the log");
    assert!(!logs.contains("panicked"), "a panic: {logs}");
}

/// No room for a while, then some again: it goes on by itself.
async fn full_disk(disk: &Disk, asking: &Asking, book: &Book) {
    for shortage in [Shortage::Disk, Shortage::Quota] {
        some_more(book, 3).await;
        disk.with(|platter| {
            platter.set_shortage(shortage);
            platter.set_room(Some(0));
        });
        asking.assert_closed(book).await;
        disk.with(|platter| platter.set_room(None));
        some_more(book, 5).await;
    }
}

/// The disk is well again, and still nothing is accepted: nobody knows what it has kept.
async fn assert_refused_for_good(asking: &Asking, book: &Book) {
    let before = book.count();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(
            asking.write().await.status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
    assert_eq!(
        book.count(),
        before,
        "something was accepted after a failed fsync"
    );
}

async fn some_more(book: &Book, count: usize) {
    let wanted = book.count() + count;
    until("more was accepted", Duration::from_mins(1), || {
        book.count() >= wanted
    })
    .await;
}

/// Somebody who asks and writes beside the senders.
struct Asking {
    http: Client,
    token: String,
    /// Where a submission is announced.
    announce_url: String,
    announcement: String,
    status_url: String,
}

impl Asking {
    async fn new(site: &Site) -> Self {
        let (http, facts) = (Client::new(), site.facts(0));
        let announcement = wire::announcement(&facts, Vec::new());
        let body = announcement.body(amtsbote_fit_connect::ApiVersion::V2);
        Self {
            token: wire::token(&http, &facts, "sender").await.unwrap(),
            announce_url: format!("{}/v2/submissions", facts.text("/submissionApiUrl")),
            announcement: body.to_string(),
            status_url: format!("{}/v1/submissions", facts.text("/intakeUrl")),
            http,
        }
    }

    async fn write(&self) -> Response {
        let call = self.http.post(&self.announce_url).bearer_auth(&self.token);
        let call = call.header("content-type", "application/json");
        call.body(self.announcement.clone()).send().await.unwrap()
    }

    /// Writing is answered with 503 and `Retry-After`, reading as ever.
    async fn assert_closed(&self, book: &Book) {
        let end = std::time::Instant::now() + SOON;
        let answer = loop {
            let answer = self.write().await;
            if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
                break answer;
            }
            assert!(
                std::time::Instant::now() < end,
                "{} is no 503",
                answer.status()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(answer.headers().contains_key("retry-after"));
        let known = {
            let accepted = book.accepted.lock().unwrap();
            accepted.last().unwrap().ids.submission_id
        };
        let url = format!("{}/{known}", self.status_url);
        let read = self.http.get(url).bearer_auth(&self.token).send();
        let read = read.await.unwrap();
        assert_eq!(
            read.status(),
            StatusCode::OK,
            "{}",
            read.text().await.unwrap()
        );
    }
}

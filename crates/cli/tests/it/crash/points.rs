//! Fail points: the process dies at each place between two writes, one after the other, while work goes on.
//!
//! Each point belongs to a [`Scene`], which has the peers that lead there:
//!
//! | scene | who dies | what goes on meanwhile |
//! |---|---|---|
//! | intake | `serve` | senders; a folder and a REST interface (`crash/site.rs`) |
//! | ways | `serve` | applications there, answers back, on all ways (`points/ways.rs`) |
//! | uplink | our gateway | senders; a foreign gateway and its agent (`points/uplinks.rs`), on SQLite and on PostgreSQL |
//! | deadlines | `gateway` | nobody fetches; deadlines of seconds, a mail server (`points/deadlines.rs`) |

mod box_client;
mod deadlines;
mod parties;
mod uplinks;
mod ways;

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_names::fail_points::FailPoint;
use serde_json::json;

use super::peer::Peers;
use super::senders::{self, Book};
use super::site::{Shape, Site};
use super::{DELIVERED_MAX, Length, MARK, assert_alive, checks, report};
use crate::killed::{Dice, seed};
use crate::stand::Program;

/// It dies there for the first, second or third time.
const TIMES_MAX: u64 = 3;
/// So many points of a scene in a short run, drawn from the seed; a long one has them all.
const SHORT: usize = 8;
/// By then it has been there. Some are reached by a look every ten seconds.
const DEAD_MAX: Duration = Duration::from_mins(2);
/// SIGABRT.
const ABORTED: i32 = 6;

/// Who leads a process to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    Intake,
    Ways,
    Uplink,
    Postgres,
    Deadlines,
}

/// A new point does not compile until it has a scene.
#[expect(clippy::too_many_lines, reason = "one line for each point")]
const fn scene(point: FailPoint) -> Scene {
    use FailPoint as P;
    match point {
        P::BlobWritten
        | P::BlobSynced
        | P::BlobMoved
        | P::IntakeSealed
        | P::IntakeCommitted
        | P::Announced
        | P::UploadKept
        | P::UploadCommitted
        | P::SubmitCommitted
        | P::EventCommitted
        | P::GroupWritten
        | P::GroupCommitted
        | P::HeadSigned
        | P::CallbackBegun
        | P::CallbackTaken
        | P::Listed
        | P::DeliveriesNoted
        | P::DeliveriesClaimed
        | P::Opened
        | P::PackageNoted
        | P::WayNoted
        | P::HandedOver
        | P::VerdictStored
        | P::VerdictPosted
        | P::ParcelWritten
        | P::ParcelIntended
        | P::ParcelMoved
        | P::ParcelShown
        | P::LookedUp => Scene::Intake,
        P::ApplicationSent
        | P::AttachmentSent
        | P::FarParcelWritten
        | P::FarNoteWritten
        | P::FarParcelNoted
        | P::FarParcelMoved
        | P::MailTaken
        | P::MailNoteWritten
        | P::MailNoted
        | P::MessageIdMade
        | P::MessageIdWritten
        | P::MessageIdNoted
        | P::MessageSent
        | P::MessageDone
        | P::MessageWritten
        | P::MessageMoved
        | P::MessagePlaced
        | P::MessageFetched
        | P::ReportWritten
        | P::MessageEnded
        | P::MessageSetAside
        | P::AnswerMatched
        | P::NumberNoted
        | P::AnswerKept
        | P::CaseClosed
        | P::AnswerSettled
        | P::ReplyAnnounced
        | P::ReplyNoted
        | P::ReplyUploaded
        | P::ReplySubmitted
        | P::AnswerShelved
        | P::AnswerMoved
        | P::FarAnswerShelved
        | P::AnswerNoteWritten
        | P::AnswerNoted
        | P::CallbackAnswerKept
        | P::ReplyEntered
        | P::ReplyCompleted
        | P::ReplyAcknowledged => Scene::Ways,
        P::ShadowMade
        | P::RelayBegun
        | P::RelayAnnounced
        | P::RelayUploaded
        | P::RelaySubmitted
        | P::RelayStepped
        | P::RelayPassedOn
        | P::RelayTold => Scene::Uplink,
        P::RowsWritten | P::RowsCommitted => Scene::Postgres,
        P::DeadlineKept
        | P::ReminderPosted
        | P::CaseDropped
        | P::RoundDone
        | P::RoundNoted
        | P::ReminderClaimed
        | P::ReminderSent => Scene::Deadlines,
    }
}

/// The points of these scenes; in a short run at most `short` of them.
fn points(scenes: &[Scene], short: usize, dice: &mut Dice) -> Vec<FailPoint> {
    let mut points = FailPoint::ALL.to_vec();
    points.retain(|point| scenes.contains(&scene(*point)));
    if Length::told() == Length::Short {
        while points.len() > short {
            let at = dice.roll(points.len() as u64);
            points.remove(usize::try_from(at).unwrap());
        }
    }
    points
}

/// The point with the time it dies there.
fn armed(point: FailPoint, dice: &mut Dice) -> String {
    // Once made it is there.
    let is_once = point == FailPoint::ShadowMade;
    let times_max = if is_once { 1 } else { TIMES_MAX };
    let armed = format!("{}:{}", point.name(), 1 + dice.roll(times_max));
    println!("{armed}");
    armed
}

/// Runs `command` until it dies at the point; what it said.
fn die(mut command: Command, armed: &str) -> String {
    command.env("AMTSBOTE_FAIL_POINT", armed);
    let mut process = Program::start(command);
    let status = process.ended_within(DEAD_MAX);
    let talk = process.talk();
    assert_eq!(status.signal(), Some(ABORTED), "{armed}: {status}: {talk}");
    talk
}

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
    let points = points(&[Scene::Intake], SHORT, &mut dice);
    for point in &points {
        let armed = armed(*point, &mut dice);
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
    report(
        &json!({ "scene": "intake", "seed": seed, "points": points.len(), "accepted": accepted.len(), "lost": 0, "doubled": 0 }),
    );
}

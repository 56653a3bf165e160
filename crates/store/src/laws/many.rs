//! What submissions go through, many of them: for tests of what one costs. Not a law.

use futures_util::future::join_all;

use super::samples::{self, client, destination};
use crate::chain::{Block, Leaf};
use crate::{
    Batch, Case, Chain, Change, Committed, Content, Event, Ledger, LogOf, Outbox, Page, Remembered,
    Submission, SubmissionFilter,
};
use amtsbote_model::submission::{Issuer, State};
use amtsbote_model::{EventId, SubmissionId, Timestamp};

/// How many go their way at a time.
pub const AT_ONCE: u64 = 32;
/// As long as a signed event.
const TOKEN_BYTES: usize = 1_200;
/// As long as small sealed parts.
const PART_BYTES: usize = 2_000;

/// The same on every machine, spread like random numbers (splitmix64).
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// As the gateway makes them: the moment, then bits like random ones.
fn id<T: std::str::FromStr>(kind: u64, number: u64) -> T {
    let low = mix(number.wrapping_mul(8).wrapping_add(kind)).to_be_bytes();
    let mut random = [0; 10];
    random[..8].copy_from_slice(&low);
    let uuid = amtsbote_model::ids::time_ordered(moment(number), random);
    let parsed = uuid.to_string().parse();
    parsed.unwrap_or_else(|_| unreachable!("each id is a UUID"))
}

/// When it arrived.
pub fn moment(number: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + number.cast_signed())
}

fn submission(number: u64, state: State) -> Submission {
    let sample = samples::submission(1, 1, 1);
    Submission {
        id: id(0, number),
        case_id: id(1, number),
        state,
        announced: Vec::new(),
        callback: None,
        created_at: moment(number),
        submitted_at: Some(moment(number)),
        ..sample
    }
}

fn event(number: u64, at: u64, name: &str) -> Change {
    Change::Append(Event {
        id: id::<EventId>(2 + at, number),
        case_id: id(1, number),
        subject: id::<SubmissionId>(0, number).into(),
        name: name.into(),
        issuer: Issuer::Service,
        at: moment(number),
        token: "t".repeat(TOKEN_BYTES),
    })
}

/// What the intake commits.
pub fn arrival(number: u64) -> Batch {
    let submission = submission(number, State::Submitted);
    let (subject, at) = (submission.id.into(), submission.created_at);
    Batch::new()
        .with(Change::OpenCase(Case {
            id: submission.case_id,
            destination_id: submission.destination_id,
            sender: submission.sender.clone(),
            opened_at: at,
        }))
        .with(Change::Announce(Box::new(submission)))
        .with(Change::Fill {
            subject,
            content: Content {
                metadata: "m".repeat(PART_BYTES),
                data: Some("d".repeat(PART_BYTES)),
            },
        })
        .with(event(number, 0, "create-submission"))
        .with(event(number, 1, "submit-submission"))
        .with(Change::Remember(Remembered {
            client: client(7),
            // As senders choose them: in no order.
            key: format!("{:016x}{:016x}", mix(number), mix(!number)),
            fingerprint: "f".repeat(64),
            answer: "a".repeat(300),
            at,
        }))
}

/// What the destination's yes commits.
fn verdict(number: u64) -> Batch {
    let change = Change::Move {
        subject: id::<SubmissionId>(0, number).into(),
        from: State::Submitted,
        to: State::Accepted,
        at: moment(number),
    };
    Batch::new()
        .with(change)
        .with(event(number, 2, "accept-submission"))
}

async fn commit<S: Ledger>(store: &S, batch: Batch) {
    let committed = store.commit(batch).await;
    assert_eq!(committed.expect("committed"), Committed::Done);
}

async fn seal<S: Chain>(store: &S) -> u64 {
    let events = store.unsealed(1000).await.expect("events");
    let leaves: Vec<_> = events.iter().map(Leaf::of).collect();
    let head = store.head().await.expect("a head");
    let Some(mut block) = Block::after(head.as_ref(), &leaves, moment(0)) else {
        return 0;
    };
    block.signature = "s".repeat(900);
    assert!(store.seal(block, leaves).await.expect("sealed"));
    events.len() as u64
}

/// Everything that happens to the next [`AT_ONCE`] submissions from `first` on; `lap` hears the name of each step that is over.
///
/// # Panics
/// If something is not as it should be.
pub async fn live<S>(store: &S, first: u64, lap: &mut (dyn FnMut(&'static str) + Send))
where
    S: Ledger + Chain + Outbox,
{
    let numbers = first..first + AT_ONCE;
    join_all(numbers.clone().map(|number| commit(store, arrival(number)))).await;
    lap("arrival");
    let filter = SubmissionFilter::ForPickup(vec![destination(1).id]);
    let page = Page {
        offset: 0,
        limit: 100,
    };
    let listed = store.submissions(&filter, page).await.expect("a list");
    assert_eq!(listed.total, AT_ONCE);
    lap("list");
    for number in numbers.clone() {
        let of = LogOf::Subject(id::<SubmissionId>(0, number).into());
        assert_eq!(store.events(of, page).await.expect("a log").total, 2);
    }
    lap("logs");
    join_all(numbers.map(|number| commit(store, verdict(number)))).await;
    lap("verdict");
    assert_eq!(seal(store).await, AT_ONCE * 3);
    lap("seal");
    store.due(moment(0), 256).await.expect("notices");
    let quiet = store.quiet_cases(Timestamp::from_millis(0), 1000).await;
    assert_eq!(quiet.expect("cases"), []);
    lap("looks");
}

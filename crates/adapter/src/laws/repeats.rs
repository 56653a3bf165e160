//! Laws of repeats: whoever is cut off at any await is followed by another one, with nothing but stores and peer, and there is one effect.

#![expect(
    clippy::missing_panics_doc,
    reason = "a law panics where it is broken; that is its answer"
)]

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::inbound;
use super::outbound::{Bench, Repeats, contents_of, small};
use crate::{Arrival, Fault, Parcel, Receipt, ReturnId, Settled};

const LIMIT: Duration = Duration::from_mins(1);
/// No call of the laws needs more.
const POLLS_MAX: u32 = 2_000;
/// Work on a thread of its own goes on for a moment after its caller is gone, and holds its locks.
const TRIES_MAX: u32 = 2_000;

/// A future that is dropped after it was polled so many times.
struct Cut<F> {
    inner: Option<Pin<Box<F>>>,
    left: u32,
}

impl<F: Future> Cut<F> {
    fn after(polls: u32, inner: F) -> Self {
        Self {
            inner: Some(Box::pin(inner)),
            left: polls,
        }
    }
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let is_over = self.left == 0;
        let Some(inner) = self.inner.as_mut().filter(|_| !is_over) else {
            self.inner = None;
            return Poll::Ready(None);
        };
        if let Poll::Ready(output) = inner.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        self.left -= 1;
        if self.left > 0 {
            return Poll::Pending;
        }
        self.inner = None;
        Poll::Ready(None)
    }
}

/// A fresh way, as often as another try is still under way.
async fn by_another(bench: &impl Bench, parcel: &Parcel) -> Receipt {
    for _ in 0..TRIES_MAX {
        match bench.way().deliver(parcel, LIMIT).await {
            Ok(receipt) => return receipt,
            Err(Fault::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(fault) => panic!("a repeat is refused: {fault:?}"),
        }
    }
    panic!("a repeat is never taken");
}

/// As often as repeats of this way may arrive, and the same each time.
fn assert_one_effect(bench: &impl Bench, parcel: &Parcel, polls: u32) {
    let whole = contents_of(parcel);
    let arrived = bench.arrived();
    let times_max = match bench.repeats() {
        Repeats::Once => 1,
        Repeats::OncePerDeath => 2,
    };
    assert!(
        (1..=times_max).contains(&arrived.len()),
        "cut off after {polls} polls, it arrived {} times",
        arrived.len()
    );
    for files in arrived {
        let mut contents: Vec<Vec<u8>> = files.into_values().collect();
        contents.retain(|bytes| !bytes.is_empty());
        contents.sort();
        assert!(
            contents == whole,
            "cut off after {polls} polls, it is not the parcel that arrived"
        );
    }
}

/// Cut off at each await in turn, the delivery is repeated whole by another process: one effect, also after the procedure took it.
pub async fn a_delivery_that_is_cut_off_at_any_await_is_finished_by_another(bench: &impl Bench) {
    bench.recognise_nothing();
    for polls in (0..POLLS_MAX).step_by(bench.stride() as usize) {
        let parcel = small(0x1000 + u128::from(polls));
        let way = bench.way();
        let first = Cut::after(polls, way.deliver(&parcel, LIMIT)).await;
        drop(way);
        while !bench.is_at_rest() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let second = by_another(bench, &parcel).await;
        if let Some(first) = &first {
            let first = first.as_ref().expect("the peer is in good order");
            assert_eq!(first.arrival, Arrival::New);
            assert_eq!(second.arrival, Arrival::Repeated);
            assert_eq!(second.place, first.place);
        }
        assert_one_effect(bench, &parcel, polls);
        bench.consume();
        assert_eq!(by_another(bench, &parcel).await.arrival, Arrival::Repeated);
        assert!(bench.arrived().is_empty(), "it came again");
        if first.is_some() {
            assert!(polls > 0, "it never waited for anything");
            return;
        }
    }
    panic!("it never comes to its end");
}

/// What the way had noted of its last step is lost: asking first, or what lies there, keeps it one effect.
pub async fn a_delivery_whose_last_note_is_lost_has_one_effect(bench: &impl Bench) {
    bench.recognise_nothing();
    let parcel = small(0x2000);
    by_another(bench, &parcel).await;
    if !bench.lose_last_note(&parcel) {
        return;
    }
    let again = by_another(bench, &parcel).await;
    assert_eq!(again.arrival, Arrival::Repeated);
    assert_one_effect(bench, &parcel, 0);
}

/// A fresh way settles it as often as it is given again.
async fn settled_by_another(
    bench: &impl inbound::Bench,
    (id, outcome): (&ReturnId, Settled),
    first: Option<Result<(), Fault>>,
) {
    for _ in 0..TRIES_MAX {
        match bench.way().poll(100, LIMIT).await.as_deref() {
            Ok([]) => return,
            Ok([again]) => {
                assert_eq!(again.id, *id);
                assert!(first.is_none(), "settled, and given again");
            }
            Ok(several) => panic!("{} answers", several.len()),
            // It went while it was looked at: what the first one had asked for is carried out just now.
            Err(_) => {}
        }
        // For the same reason this may be in vain.
        drop(bench.way().settle(id, outcome, LIMIT).await);
    }
    panic!("it is given for ever");
}

/// Cut off at each await in turn, settling is repeated by another process: an answer that is given again is the same one, and it ends
/// once, where it belongs.
pub async fn settling_that_is_cut_off_at_any_await_is_finished_by_another(
    bench: &impl inbound::Bench,
) {
    // Some make their folders when they are opened.
    drop(bench.way());
    for (outcome, aside) in [(Settled::Kept, 0), (Settled::Refused, 1)] {
        let before = bench.set_aside();
        let (mut is_whole, mut done) = (false, 0);
        for polls in (0..POLLS_MAX).step_by(bench.stride() as usize) {
            bench.send(&[("a.xml", Bytes::from(format!("<a nr='{aside}.{polls}'/>")))]);
            let answers = bench.way().poll(100, LIMIT).await;
            let answers = answers.expect("the way in is in good order");
            let [answer] = &answers[..] else {
                panic!("{} answers instead of one", answers.len())
            };
            let way = bench.way();
            let ended = Cut::after(polls, way.settle(&answer.id, outcome, LIMIT)).await;
            drop(way);
            settled_by_another(bench, (&answer.id, outcome), ended.clone()).await;
            done += 1;
            assert_eq!(
                bench.set_aside() - before,
                aside * done,
                "after {polls} polls"
            );
            is_whole = ended.is_some();
            if is_whole {
                break;
            }
        }
        assert!(is_whole, "it never comes to its end");
    }
}

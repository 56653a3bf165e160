//! Laws of [`crate::Inbound`].

#![expect(
    clippy::missing_panics_doc,
    reason = "laws panic on a breach: that is what they are for"
)]

use std::time::Duration;

use bytes::Bytes;

use crate::check::collect_async;
use crate::{Inbound, Return, ReturnId, Settled};

const LIMIT: Duration = Duration::from_mins(1);
const MARK: &str = "Geheimnis-7f3a";

/// A way in and the procedure behind it. Every law gets a fresh one.
pub trait Bench {
    /// The way in. Called again, it is another process at the same place.
    fn way(&self) -> Box<dyn Inbound>;

    /// The procedure sends these files (name and content); later calls are later.
    fn send(&self, files: &[(&str, Bytes)]);

    /// How many refused answers lie where a person looks.
    fn set_aside(&self) -> usize;

    /// Of the awaits of settling, each of so many is one where it is cut off: more than one where each try takes long.
    fn stride(&self) -> u32 {
        1
    }
}

async fn polled(bench: &impl Bench, max: usize) -> Vec<Return> {
    bench
        .way()
        .poll(max, LIMIT)
        .await
        .expect("the way in is in good order")
}

async fn settled(bench: &impl Bench, id: &ReturnId, outcome: Settled) {
    bench
        .way()
        .settle(id, outcome, LIMIT)
        .await
        .expect("the way in is in good order");
}

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// An empty way in gives nothing.
pub async fn nothing_there_gives_nothing(bench: &impl Bench) {
    assert!(polled(bench, 10).await.is_empty());
}

/// Until it is settled an answer is given again, also by another process, under the same id and byte for byte.
pub async fn an_answer_is_given_until_it_is_settled(bench: &impl Bench) {
    let large: Vec<u8> = (0..700_001_u32)
        .map(|nr| u8::try_from(nr % 251).unwrap_or_default())
        .collect();
    bench.send(&[
        ("bescheid.xml", text("<bescheid/>")),
        ("anlage.bin", Bytes::from(large.clone())),
        ("leer.txt", Bytes::new()),
    ]);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answers = polled(bench, 10).await;
        let [answer] = &answers[..] else {
            panic!("{} answers instead of one", answers.len())
        };
        let mut contents = Vec::new();
        for file in &answer.files {
            contents.push(collect_async(file).await.expect("the content is there"));
        }
        assert!(
            contents == [b"<bescheid/>".to_vec(), large.clone(), Vec::new()],
            "not the contents that were sent"
        );
        ids.push(answer.id.clone());
    }
    assert_eq!(ids[0], ids[1]);
}

/// What was kept is gone, and settling it again changes nothing.
pub async fn a_kept_answer_is_gone(bench: &impl Bench) {
    bench.send(&[("a.xml", text("<a/>"))]);
    let id = polled(bench, 10).await.remove(0).id;
    for outcome in [Settled::Kept, Settled::Kept, Settled::Refused] {
        settled(bench, &id, outcome).await;
        assert!(polled(bench, 10).await.is_empty());
    }
    assert_eq!(bench.set_aside(), 0);
}

/// What was refused is not given again, and stays for a person.
pub async fn a_refused_answer_is_set_aside(bench: &impl Bench) {
    bench.send(&[("a.xml", text("<a/>"))]);
    let id = polled(bench, 10).await.remove(0).id;
    for _ in 0..2 {
        settled(bench, &id, Settled::Refused).await;
        assert!(polled(bench, 10).await.is_empty());
        assert_eq!(bench.set_aside(), 1);
    }
}

/// Oldest first, no more than asked for; settling one leaves the others.
pub async fn answers_come_oldest_first_and_no_more_than_asked(bench: &impl Bench) {
    for nr in ["1", "2", "3"] {
        bench.send(&[("a.xml", text(nr))]);
    }
    let mut order = Vec::new();
    while let Some(answer) = polled(bench, 1).await.pop() {
        order.push(
            collect_async(&answer.files[0])
                .await
                .expect("the content is there"),
        );
        settled(bench, &answer.id, Settled::Kept).await;
    }
    assert_eq!(order, [b"1", b"2", b"3"]);
}

/// An unknown id is no fault.
pub async fn settling_what_is_not_there_changes_nothing(bench: &impl Bench) {
    bench.send(&[("a.xml", text("<a/>"))]);
    let id = ReturnId::try_from("urn:uuid:not-there".to_owned()).expect("visible ASCII");
    settled(bench, &id, Settled::Kept).await;
    assert_eq!(polled(bench, 10).await.len(), 1);
}

/// A probe leaves everything where it is.
pub async fn a_probe_takes_nothing(bench: &impl Bench) {
    for nr in 0..2 {
        let probed = bench.way().probe(LIMIT).await;
        probed.expect("the way in is in good order");
        assert_eq!(polled(bench, 10).await.len(), nr);
        bench.send(&[("a.xml", text("<a/>"))]);
    }
    assert_eq!(polled(bench, 10).await.len(), 2);
    assert_eq!(bench.set_aside(), 0);
}

/// Neither ids nor facts nor `Debug` tell content.
pub async fn nothing_printed_tells_content(bench: &impl Bench) {
    bench.send(&[("a.xml", Bytes::from_static(MARK.as_bytes()))]);
    let printed = format!("{:?}", polled(bench, 10).await);
    assert!(!printed.contains(MARK), "content was printed");
}

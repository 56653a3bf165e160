//! Another version of a package becomes active while deliveries are under way.

use std::fmt::Write as _;
use std::time::Duration;

use amtsbote_adapter::{Algorithm, Mapping, Opened, ParcelFile, Piece, Product};
use amtsbote_agent::{Activated, Agent, Mappings};
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::Personal;
use amtsbote_problem::Findings;
use bytes::Bytes;
use serde_json::json;

use crate::bench::{Bench, Draft, activated, parcel};
use crate::procedure::{Act, AsItIs};

fn version(version: &str) -> Activated {
    Activated {
        version: version.to_owned(),
        ..activated()
    }
}

/// The bench's agent with these packages.
fn agent(bench: &Bench, mappings: &Mappings) -> Agent {
    let mut parts = bench.parts();
    parts.destinations[0].mappings = mappings.clone();
    Agent::new(parts)
}

fn packages(bench: &Bench) -> Vec<String> {
    let outcomes = bench.outcomes.lock().unwrap();
    outcomes
        .iter()
        .filter_map(|outcome| outcome.package.clone())
        .collect()
}

#[tokio::test]
async fn what_has_begun_keeps_its_version_and_what_comes_later_gets_the_new_one() {
    let bench = Bench::new().await;
    let older = |name: &str| (name == "zahl@1.0.0").then(|| version("1.0.0"));
    let mappings = Mappings::from(vec![version("1.0.0")]).with_older(std::sync::Arc::new(older));
    let running = agent(&bench, &mappings);
    let first = bench.send(Draft::good()).await;
    bench.procedure.will([Act::Unavailable(None)]);
    running.run_once().await.unwrap();
    assert_eq!(bench.delivery(&first).await.package(), Some("zahl@1.0.0"));

    mappings.replace(vec![version("2.0.0")]);
    let second = bench.send(Draft::good()).await;
    bench.turn(Duration::from_mins(11));
    running.run_once().await.unwrap();
    bench.assert_finished(&first).await;
    bench.assert_finished(&second).await;
    let mut used = packages(&bench);
    used.sort();
    assert_eq!(used, ["zahl@1.0.0", "zahl@2.0.0"]);
}

#[tokio::test]
async fn a_version_that_is_gone_is_waited_for_and_never_replaced_by_another() {
    let bench = Bench::new().await;
    let begun = agent(&bench, &Mappings::from(vec![version("1.0.0")]));
    let ids = bench.send(Draft::good()).await;
    bench.procedure.will([Act::Unavailable(None)]);
    begun.run_once().await.unwrap();
    // The next process knows only the new version.
    let restarted = agent(&bench, &Mappings::from(vec![version("2.0.0")]));
    bench.turn(Duration::from_mins(11));
    restarted.run_once().await.unwrap();
    assert_eq!(bench.delivery(&ids).await.package(), Some("zahl@1.0.0"));
    assert!(packages(&bench).is_empty());
    // It comes back.
    bench.turn(Duration::from_mins(11));
    begun.run_once().await.unwrap();
    assert_eq!(packages(&bench), ["zahl@1.0.0"]);
}

/// Writes the checksums besides.
struct WithSums;

impl Mapping for WithSums {
    fn translate(&self, opened: &Opened<'_>) -> Result<Product, Findings> {
        let mut product = AsItIs.translate(opened)?;
        let mut text = String::new();
        for attachment in opened.attachments {
            let sum = |algorithm| attachment.old_sums.get(algorithm).unwrap_or("-");
            let (md5, sha1) = (sum(Algorithm::Md5), sum(Algorithm::Sha1));
            writeln!(text, "{md5} {sha1}").unwrap();
        }
        product.files.push(ParcelFile {
            path: "summen.txt".parse().unwrap(),
            media_type: "text/plain".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::from(text)))],
        });
        Ok(product)
    }
}

fn with_sums(old_checksums: Vec<Algorithm>) -> Activated {
    Activated {
        old_checksums,
        mapping: Box::new(WithSums),
        ..activated()
    }
}

fn sums(bench: &Bench, ids: &SubmissionRef) -> String {
    let files = bench.procedure.arrived(parcel(ids)).unwrap();
    let (_, bytes) = files.iter().find(|(path, _)| path == "summen.txt").unwrap();
    String::from_utf8(bytes.clone()).unwrap()
}

const MD5_OF_ABC: &str = "900150983cd24fb0d6963f7d28e17f72";

#[tokio::test]
async fn only_checksums_that_the_package_asks_for_are_made() {
    let sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
    for (asked, expected) in [
        (vec![], "- -\n".to_owned()),
        (vec![Algorithm::Md5], format!("{MD5_OF_ABC} -\n")),
        (
            vec![Algorithm::Md5, Algorithm::Sha1],
            format!("{MD5_OF_ABC} {sha1}\n"),
        ),
    ] {
        let bench = Bench::new().await;
        let running = agent(&bench, &Mappings::from(vec![with_sums(asked)]));
        let draft = Draft::with(&json!({ "name": "Ada", "zahl": 7 }), &[b"abc"]);
        let ids = bench.send(draft).await;
        running.run_once().await.unwrap();
        assert_eq!(sums(&bench, &ids), expected);
    }
}

#[tokio::test]
async fn a_package_that_asks_for_more_than_was_made_gets_it_at_the_next_try() {
    let bench = Bench::new().await;
    let begun = agent(&bench, &Mappings::from(vec![version("1.0.0")]));
    let draft = Draft::with(&json!({ "name": "Ada", "zahl": 7 }), &[b"abc"]);
    let ids = bench.send(draft).await;
    bench.procedure.will([Act::Unavailable(None)]);
    begun.run_once().await.unwrap();
    // The package is put in order while the attachments are being opened.
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let older = move |_: &str| {
        let is_first = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        Some(with_sums(if is_first {
            vec![]
        } else {
            vec![Algorithm::Md5]
        }))
    };
    let other = Mappings::from(vec![version("2.0.0")]).with_older(std::sync::Arc::new(older));
    let running = agent(&bench, &other);
    bench.turn(Duration::from_mins(11));
    running.run_once().await.unwrap();
    assert_eq!(bench.procedure.arrived(parcel(&ids)), None);
    bench.turn(Duration::from_mins(11));
    running.run_once().await.unwrap();
    assert_eq!(sums(&bench, &ids), format!("{MD5_OF_ABC} -\n"));
}

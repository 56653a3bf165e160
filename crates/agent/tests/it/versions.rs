//! Another version of a package becomes active while deliveries are under way.

use std::time::Duration;

use amtsbote_agent::{Activated, Agent, Mappings};

use crate::bench::{Bench, Draft, activated};
use crate::procedure::Act;

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

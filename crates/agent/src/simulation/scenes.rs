//! Scenes that are set, not drawn: a dead procedure beside a living one, and the drain after an outage.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_store::{MemoryDeliveries, Order, Rate};

use super::chance::Chance;
use super::plan::{Mood, Moods, Nature, Place, Plan, Repeats};
use super::world::World;
use super::{Ended, given, hush, play};
use crate::Pace;

fn place(moods: Moods, call_ms: u64, per_minute: Option<u32>) -> Place {
    Place {
        repeats: Repeats::Recognised,
        pace: Pace {
            limit: 16,
            order: Order::Due,
            rate: per_minute.and_then(Rate::per_minute),
        },
        per_minute,
        moods,
        call_ms,
    }
}

fn scene(agents: u64, places: Vec<Place>, sent: Vec<(Duration, usize, Nature)>) -> Plan {
    Plan {
        agents,
        is_sole: false,
        service: Moods::default(),
        places,
        sent,
        crashes: false,
        stalls: false,
        store_fails_one_in: 0,
        ends_after: usize::MAX,
        flaw: None,
    }
}

fn seen(plan: Plan) -> (Ended, Arc<World>) {
    hush();
    let store = Arc::new(MemoryDeliveries::shared());
    play(plan, Chance::new(7), store).unwrap()
}

/// So many to a place, from that second on, one each `every`.
fn each(
    place: usize,
    from_s: u64,
    (every, number): (Duration, u32),
) -> Vec<(Duration, usize, Nature)> {
    let at = |nr| {
        (
            Duration::from_secs(from_s) + every * nr,
            place,
            Nature::Good,
        )
    };
    (0..number).map(at).collect()
}

/// Ten thousand with `AMTSBOTE_LONG=1`.
fn waiting(short: u32) -> u32 {
    if given("AMTSBOTE_LONG") == Some(1) {
        10_000
    } else {
        short
    }
}

const AT_ONCE: Duration = Duration::ZERO;

/// From sending to the effect: 95 of a hundred take no longer.
fn p95(world: &World, place: usize) -> Duration {
    let state = world.state();
    let here = state.submissions.iter().filter(|one| one.place == place);
    let took = here.map(|one| one.effect_at.unwrap().duration_since(one.sent));
    let mut took: Vec<_> = took.collect();
    took.sort_unstable();
    took[took.len() * 95 / 100]
}

/// Of a living procedure, beside so many that wait for one in that mood.
fn p95_beside(waiting: u32, mood: Mood) -> Duration {
    let outage = Duration::from_mins(4);
    let places = vec![
        place(Moods::until(outage, mood), 100, None),
        place(Moods::default(), 100, None),
    ];
    let mut sent = each(0, 0, (AT_ONCE, waiting));
    // All within the outage.
    sent.extend(each(1, 60, (Duration::from_millis(850), 200)));
    let mut plan = scene(2, places, sent);
    plan.ends_after = 200;
    let (_, world) = seen(plan);
    p95(&world, 1)
}

#[test]
fn what_waits_for_a_dead_procedure_does_not_slow_another() {
    let waiting = waiting(1000);
    let alone = p95_beside(0, Mood::Well);
    for mood in [Mood::Away, Mood::Silent] {
        let beside = p95_beside(waiting, mood);
        println!("p95 alone {alone:?}, beside {waiting} for one that is {mood:?}: {beside:?}");
        assert!(beside < alone * 2, "{mood:?}: {beside:?}, alone {alone:?}");
    }
}

#[test]
fn a_dead_procedure_is_asked_rarely_and_begins_slowly() {
    let outage = Duration::from_mins(5);
    let places = vec![place(Moods::until(outage, Mood::Away), 400, None)];
    let (ended, world) = seen(scene(3, places, each(0, 0, (AT_ONCE, 500))));
    assert_eq!(ended.delivered, 500);
    let calls = world.state().call_log.clone();
    let (during, after): (Vec<(Duration, usize)>, Vec<_>) =
        calls.into_iter().partition(|(at, _)| *at < outage);
    println!("{} calls of 3 agents during {outage:?}", during.len());
    // Each agent: 5 failures and what was under way then, and probes after 5, 10, 20 and each 30 seconds.
    let under_way = crate::Policy::default().concurrency;
    assert!(during.len() <= 3 * (5 + under_way + 14), "{}", during.len());
    let first = after[0].0;
    assert!(first < outage + Duration::from_secs(31), "{first:?}");
    let within = |end: Duration| after.iter().filter(|(at, _)| *at < first + end).count();
    // One at a time, and one more with each answer.
    assert!(within(Duration::from_millis(400)) <= 6, "{after:?}");
}

/// Twelve hundred a minute.
#[test]
fn what_waited_is_drained_at_the_rate_without_a_stampede() {
    let waiting = waiting(500);
    let outage = Duration::from_mins(2);
    let places = vec![place(Moods::until(outage, Mood::Away), 400, Some(1200))];
    let (ended, world) = seen(scene(3, places, each(0, 0, (AT_ONCE, waiting))));
    assert_eq!(ended.delivered, u64::from(waiting));
    let calls = world.state().call_log.clone();
    let after = calls.iter().map(|(at, _)| *at).filter(|at| *at >= outage);
    let after: Vec<Duration> = after.collect();
    let took = after.last().unwrap().saturating_sub(after[0]);
    let second = |from: Duration| from + Duration::from_secs(1);
    let most = after.iter().enumerate().map(|(first, from)| {
        let rest = after[first..].iter();
        rest.take_while(|at| **at < second(*from)).count()
    });
    let most = most.max().unwrap();
    println!("{waiting} in {took:?}, {most} calls in the worst second");
    assert!(took < Duration::from_millis(60) * waiting, "{took:?}");
    // A burst, and what comes back within a second.
    assert!(most <= 41 + 20, "{most}");
}

#[test]
fn what_an_outage_has_put_off_goes_on_with_the_first_answer() {
    let outage = Duration::from_mins(25);
    let places = vec![place(Moods::until(outage, Mood::Away), 100, None)];
    let mut sent = each(0, 0, (AT_ONCE, 4));
    let back = outage.as_secs() + 1;
    sent.extend(each(0, back, (AT_ONCE, 1)));
    let (ended, world) = seen(scene(1, places, sent));
    assert_eq!(ended.delivered, 5);
    let state = world.state();
    let effects = state.submissions.iter().map(|one| one.effect_at.unwrap());
    let (first, last) = (effects.clone().min().unwrap(), effects.max().unwrap());
    let took = last.duration_since(first);
    println!("all there {took:?} after the first");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// So many that the service cannot give away, from the beginning on; then good ones, one every half minute.
fn beside_damaged(damaged: u32) -> Duration {
    let places = vec![place(Moods::default(), 100, None)];
    let mut sent: Vec<_> = (0..damaged)
        .map(|_| (AT_ONCE, 0, Nature::Damaged))
        .collect();
    sent.extend(each(0, 300, (Duration::from_secs(30), 20)));
    let mut plan = scene(1, places, sent);
    plan.ends_after = 20;
    let (_, world) = seen(plan);
    let state = world.state();
    let good = state
        .submissions
        .iter()
        .filter(|one| one.nature == Nature::Good);
    let took = good.map(|one| one.effect_at.unwrap().duration_since(one.sent));
    took.max().unwrap()
}

#[test]
fn what_the_service_cannot_give_away_holds_up_no_other() {
    let alone = beside_damaged(0);
    for damaged in [1, 3, 40] {
        let beside = beside_damaged(damaged);
        println!("longest alone {alone:?}, beside {damaged} damaged ones {beside:?}");
        // While something stays on the list, it is not held back until there is news, but looked at every two seconds.
        let most = Duration::from_secs(3);
        assert!(beside < most, "{damaged}: {beside:?}, alone {alone:?}");
    }
}

#[test]
fn a_service_that_has_a_fault_with_everything_is_asked_rarely() {
    let (from, outage) = (Duration::from_millis(200), Duration::from_mins(5));
    let places = vec![place(Moods::default(), 100, None)];
    let mut plan = scene(1, places, each(0, 0, (AT_ONCE, 200)));
    plan.service = Moods::from_until(from, outage, Mood::Broken);
    let (ended, world) = seen(plan);
    assert_eq!(ended.delivered, 200);
    let state = world.state();
    let asked = state.asked.iter().filter(|at| (from..outage).contains(*at));
    let asked = asked.count();
    // Five failures and what was under way then, and probes after 5, 10, 20 and each 30 seconds.
    let most = 5 + crate::Policy::default().concurrency + 14;
    println!("asked {asked} times in {outage:?}, at most {most}");
    assert!((5..=most).contains(&asked), "{asked}");
}

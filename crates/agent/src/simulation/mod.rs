//! A deterministic simulation: real agents and the real store in memory (or SQLite), with a delivery service and procedures that fail in
//! every way, under a clock that nobody waits for. One seed is one history; it is the same each time.
//!
//! ```text
//!  seed ─► Plan ─► Service, Procedures (moods), Kept (store: late, failing), Lives (die at any call, stand still)
//!                    └── several agents at once ──► World: demands after each step, and at the end
//! ```
//!
//! What must hold: no submission has two effects, none is lost or answered against its effect, limits, order and rates of
//! destinations are kept, and once all is calm everything ends. `AMTSBOTE_SEED=n` runs that one, `AMTSBOTE_SEEDS=n` so many.
//! Each demand is proven able to fail: something is broken on purpose, and the simulation has to find it.

mod chance;
mod kept;
mod life;
mod peers;
mod plan;
mod scenes;
mod sqlite;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use amtsbote_client::{Credentials, Service as ServiceAddress, Session, Subscriber};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_jose::{KeyUse, PrivateKey, SelfSigned};
use amtsbote_model::delivery::{Delivery, RetryPolicy, SILENCES_MAX, Verdict};
use amtsbote_model::{Clock, Secret};
use amtsbote_outgoing::{Outgoing, Settings};
use amtsbote_store::{Deliveries, DeliveryRow, MemoryBlobs, MemoryDeliveries, Order};
use amtsbote_validate::service::Catalogue;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use chance::Chance;
use kept::Kept;
use life::Life;
use peers::{AsItIs, Procedure, SCHEMA, SERVICE, Service};
use plan::{CALM_AFTER, Flaw, Nature, PATIENCE, Plan};
use world::{SKEW_MAX_MS, SkewedClock, Submission, World, destination};

use crate::{Activated, Agent, CircuitPolicy, Parts, Policy, Served};

/// Signs nothing here; keys are dear, so there is one.
static KEY: LazyLock<PrivateKey> = LazyLock::new(|| {
    let wish = SelfSigned {
        common_name: "Test",
        not_before_s: 1_795_000_000,
        not_after_s: 1_895_000_000,
    };
    PrivateKey::generate_self_signed(KeyUse::Signature, "destination-sign", &wish).expect("a key")
});

/// Calls nobody here.
static SUBSCRIBER: LazyLock<Subscriber> = LazyLock::new(|| {
    let address = |path: &str| {
        format!("https://127.0.0.1:1/{path}")
            .parse()
            .expect("a URL")
    };
    let service = ServiceAddress::new(address("api"), address("token"), ApiVersion::V2);
    let clock: Arc<dyn Clock> = Arc::new(SkewedClock {
        began: Instant::now(),
        ahead_ms: 0,
    });
    Subscriber::new(Session::new(
        Outgoing::open(Settings::trusted("amtsbote-test")).expect("a client"),
        service.expect("an address"),
        Credentials {
            client_id: "agent".parse().expect("an id"),
            client_secret: Secret::new("secret".to_owned()),
        },
        clock,
    ))
});

/// What came of a history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ended {
    delivered: u64,
    rejected: u64,
    parked: u64,
    deaths: u64,
    calls: u64,
    /// When all was at its end.
    after: Duration,
}

fn policy() -> Policy {
    Policy {
        retry: RetryPolicy {
            first: Duration::from_secs(2),
            longest: Duration::from_mins(1),
            // So that only what kills parks, and the rest has to end.
            tries_max: 1_000_000,
        },
        try_limit: Duration::from_mins(1),
        deliver_limit: Duration::from_secs(10),
        circuit: CircuitPolicy {
            wait_max: Duration::from_secs(30),
            ..CircuitPolicy::default()
        },
        ..Policy::default()
    }
}

fn served(life: &Arc<Life>, place: usize) -> Served {
    Served {
        id: destination(place),
        decryption: Vec::new(),
        signing: KEY.clone(),
        receiver: serde_json::Value::Null,
        mappings: vec![Activated {
            service: SERVICE.parse().expect("a service"),
            schema_uri: SCHEMA.to_owned(),
            package: "zahl".to_owned(),
            version: "1.0.0".to_owned(),
            old_checksums: Vec::new(),
            mapping: Box::new(AsItIs),
        }]
        .into(),
        outbound: Arc::new(Procedure {
            life: life.clone(),
            place,
        }),
        way_in: None,
        pace: life.world.plan.places[place].pace,
    }
}

/// The stores that all agents share.
#[derive(Clone)]
struct Stores {
    deliveries: Arc<dyn Deliveries>,
    ways_back: Arc<MemoryDeliveries>,
}

fn agent(life: &Arc<Life>, stores: &Stores, ahead_ms: i64) -> Agent {
    let world = life.world.clone();
    let places = 0..world.plan.places.len();
    let parts = Parts {
        subscriber: SUBSCRIBER.clone(),
        deliveries: Arc::new(Kept::new(life.clone(), stores.deliveries.clone())),
        ways_back: stores.ways_back.clone(),
        leases: None,
        spool: Arc::new(MemoryBlobs::new()),
        clock: Arc::new(SkewedClock {
            began: world.began,
            ahead_ms,
        }),
        services: Arc::new(Catalogue::default()),
        destinations: places.map(|place| served(life, place)).collect(),
        policy: policy(),
        observer: None,
    };
    let dice = move || world.chance.bytes();
    Agent::assembled(parts, Box::new(Service(life.clone())), Box::new(dice))
}

/// One machine: its process is started again whenever it has ended.
async fn machine(world: Arc<World>, stores: Stores, lives: Arc<AtomicU64>) {
    let skew = SKEW_MAX_MS * u64::from(!world.plan.is_sole);
    let ahead_ms = i64::try_from(world.chance.below(skew + 1)).unwrap_or_default();
    loop {
        let life = Life::new(world.clone(), lives.fetch_add(1, Ordering::Relaxed));
        let agent = agent(&life, &stores, ahead_ms);
        let is_stopped = world.plan.crashes && world.chance.one_in(3) && !world.is_calm();
        let stop = async {
            if is_stopped {
                sleep(world.chance.millis(60_000)).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = life.died() => world.state().deaths += 1,
            () = agent.run(stop) => {}
            () = life.stand_still_at_times() => {}
        }
        drop(agent);
        world.state().stalled.remove(&life.number);
        sleep(Duration::from_millis(10) + world.chance.millis(8000)).await;
    }
}

async fn senders(world: Arc<World>) {
    for (at, place, nature) in world.plan.sent.clone() {
        tokio::time::sleep_until(world.began + at).await;
        world.send(place, nature);
    }
}

/// Looks until everything has ended, or something must not be.
async fn watch(world: Arc<World>, stores: Stores) -> Result<Ended, String> {
    let sent = world.plan.sent.len();
    // A look at ten thousand takes its time.
    let pause = Duration::from_millis(if sent > 100 { 5000 } else { 500 });
    loop {
        sleep(pause).await;
        if let Some(broken) = world.broken() {
            return Err(broken);
        }
        let answered = {
            let state = world.state();
            let answered = state.submissions.iter().filter(|one| one.answer.is_some());
            answered.count()
        };
        if answered >= world.plan.ends_after {
            return Ok(Ended::default());
        }
        let patience = world.since() > CALM_AFTER + PATIENCE;
        if sent > 100 && answered < sent && !patience {
            continue;
        }
        let rows = rows(&stores).await;
        let ended = rows.iter().filter(|row| row.delivery.due_at().is_none());
        if ended.count() == sent {
            // What was under way may have an effect yet.
            sleep(Duration::from_secs(30)).await;
            return match world.broken() {
                Some(broken) => Err(broken),
                None => judged(&world, rows),
            };
        }
        if patience {
            let open = rows.iter().filter(|row| row.delivery.due_at().is_some());
            let open: Vec<_> = open.map(|row| (row.submission_id, &row.delivery)).collect();
            let noted = rows.len();
            return Err(format!("not ended, {noted} noted: {open:?}"));
        }
    }
}

async fn rows(stores: &Stores) -> Vec<DeliveryRow> {
    let mut rows = Vec::new();
    for state in ["waiting", "leased", "decided", "done", "parked"] {
        let found = stores.deliveries.in_state(state, u32::MAX).await;
        rows.extend(found.expect("the store itself answers"));
    }
    rows.sort_by_key(|row| (row.noted_at, row.submission_id));
    rows
}

/// Each submission against what was stored of it, told of it and done with it.
fn judged(world: &World, rows: Vec<DeliveryRow>) -> Result<Ended, String> {
    let state = world.state();
    let mut ended = Ended {
        deaths: state.deaths,
        calls: state.calls,
        after: world.since(),
        ..Ended::default()
    };
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); world.plan.places.len()];
    for row in rows {
        let number = world::number(row.submission_id);
        let Some(one) = state.submissions.get(number) else {
            return Err(format!("{} was never sent", row.submission_id));
        };
        places[one.place].push(number);
        match &row.delivery {
            Delivery::Parked { .. } => ended.parked += 1,
            Delivery::Done { verdict, .. } if *verdict == Verdict::Accept => ended.delivered += 1,
            Delivery::Done { .. } => ended.rejected += 1,
            Delivery::Waiting { .. } | Delivery::Leased { .. } | Delivery::Decided { .. } => {}
        }
        if !is_right(one, &row.delivery, state.deaths) {
            let (effects, answer, nature) = (one.effects, one.answer, one.nature);
            return Err(format!(
                "{nature:?} {}: {effects} effects, answer {answer:?}, stored {:?}",
                row.submission_id, row.delivery
            ));
        }
    }
    for (place, noted) in places.iter().enumerate() {
        let is_strict = world.plan.places[place].pace.order == Order::Noted;
        if is_strict && !noted.is_sorted() {
            return Err(format!(
                "place {place} has an order that is not the one of sending: {noted:?}"
            ));
        }
    }
    Ok(ended)
}

fn is_right(one: &Submission, stored: &Delivery, deaths: u64) -> bool {
    let delivered = (one.effects, one.answer) == (1, Some(Verdict::Accept));
    let refused = (one.effects, one.answer) == (0, Some(Verdict::Reject));
    match (stored, one.nature) {
        (
            Delivery::Done {
                verdict: Verdict::Accept,
                ..
            },
            Nature::Good,
        ) => delivered,
        (
            Delivery::Done {
                verdict: Verdict::Reject,
                ..
            },
            Nature::Refused | Nature::Unwanted,
        ) => refused,
        (Delivery::Parked { .. }, Nature::Poison) => one.effects == 0 && one.answer.is_none(),
        // In the hands of those that died, each time.
        (Delivery::Parked { past, .. }, _) => {
            past.silences >= SILENCES_MAX
                && deaths >= u64::from(SILENCES_MAX)
                && one.answer.is_none()
        }
        _ => false,
    }
}

/// One history, in a runtime of its own whose clock jumps to whatever comes next.
fn play(
    plan: Plan,
    chance: Chance,
    deliveries: Arc<dyn Deliveries>,
) -> Result<(Ended, Arc<World>), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async move {
        let world = Arc::new(World::new(plan, chance));
        let stores = Stores {
            deliveries,
            ways_back: Arc::new(MemoryDeliveries::shared()),
        };
        let lives = Arc::new(AtomicU64::new(0));
        let machines = (0..world.plan.agents)
            .map(|_| machine(world.clone(), stores.clone(), lives.clone()));
        let all = async {
            tokio::join!(join_all(machines), senders(world.clone()));
        };
        tokio::select! {
            biased;
            ended = watch(world.clone(), stores.clone()) => ended.map(|ended| (ended, world.clone())),
            () = all => unreachable!("machines are started again for ever"),
        }
    })
}

fn run(seed: u64, flaw: Option<Flaw>) -> Result<Ended, String> {
    let chance = Chance::new(seed);
    let plan = Plan::draw(&chance, flaw);
    let deliveries: Arc<dyn Deliveries> = if plan.is_sole {
        Arc::new(MemoryDeliveries::new())
    } else {
        Arc::new(MemoryDeliveries::shared())
    };
    let ended = play(plan, chance, deliveries).map(|(ended, _)| ended);
    ended.map_err(|broken| format!("AMTSBOTE_SEED={seed}: {broken}"))
}

/// Panics are part of it: what they print is not.
fn hush() {
    static HUSHED: LazyLock<()> = LazyLock::new(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let at = info
                .location()
                .map(|at| at.file().to_owned())
                .unwrap_or_default();
            if !at.ends_with("peers.rs") {
                loud(info);
            }
        }));
    });
    LazyLock::force(&HUSHED);
}

#[expect(
    clippy::disallowed_methods,
    reason = "a history can be played again, and more of them"
)]
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_history_has_two_effects_or_none() {
    hush();
    if let Some(seed) = given("AMTSBOTE_SEED") {
        println!("{:?}", run(seed, None).unwrap());
        return;
    }
    let first = given("AMTSBOTE_FIRST").unwrap_or(1);
    let count = given("AMTSBOTE_SEEDS").unwrap_or(300);
    let next = AtomicU64::new(first);
    let (sums, broken) = (Mutex::new(Ended::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    match run(seed, None) {
                        Ok(ended) => {
                            let mut sums = sums.lock().unwrap();
                            sums.delivered += ended.delivered;
                            sums.rejected += ended.rejected;
                            sums.parked += ended.parked;
                            sums.deaths += ended.deaths;
                            sums.calls += ended.calls;
                            sums.after = sums.after.max(ended.after);
                        }
                        Err(what) => broken.lock().unwrap().push(what),
                    }
                }
            });
        }
    });
    let (sums, broken) = (sums.into_inner().unwrap(), broken.into_inner().unwrap());
    println!("{count} histories: {sums:?}");
    assert!(
        broken.is_empty(),
        "{} broken: {:#?}",
        broken.len(),
        &broken[..broken.len().min(5)]
    );
    // It must be what it says: things went wrong, and most was delivered all the same.
    assert!(
        sums.deaths > count / 2 && sums.delivered > 4 * (sums.rejected + sums.parked),
        "{sums:?}"
    );
}

#[test]
fn a_history_is_the_same_each_time() {
    hush();
    for seed in 1..=10 {
        assert_eq!(run(seed, None), run(seed, None), "{seed}");
    }
}

/// Histories that are played until a flaw shows, at most.
const SEEDS: u64 = 400;

/// Something is broken on purpose: one of so many histories has to show it.
fn finds(flaw: Flaw, expected: &str) {
    hush();
    let mut broken = (1..=SEEDS).filter_map(|seed| run(seed, Some(flaw)).err());
    let found = broken.find(|what| what.contains(expected));
    let found = found.unwrap_or_else(|| panic!("{flaw:?} was not found with {SEEDS} seeds"));
    println!("{flaw:?}: {found}");
}

#[test]
fn it_finds_a_store_that_does_not_fence() {
    finds(Flaw::NoFencing, "2 effects");
}

#[test]
fn it_finds_a_way_out_that_does_not_look_before_it_repeats() {
    finds(Flaw::NoLookUp, "2 effects");
}

#[test]
fn it_finds_receipts_for_what_was_not_kept() {
    finds(Flaw::FalseReceipts, "has 0 effects");
}

#[test]
fn it_finds_a_store_that_does_not_keep_the_order() {
    finds(Flaw::NoOrder, "noted before it");
}

#[test]
fn it_finds_a_store_that_does_not_keep_the_limit() {
    finds(Flaw::NoLimit, "at a time");
}

#[test]
fn it_finds_a_store_that_does_not_keep_the_rate() {
    finds(Flaw::NoRate, "within a minute");
}

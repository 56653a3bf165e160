//! Our gateway dies between two writes of its uplink; the foreign one goes on, and so do senders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use amtsbote_testkit::postgres::Server;
use serde_json::json;

use super::{Scene, armed, die, points, report};
use crate::crash::{Length, MARK, senders};
use crate::killed::{Dice, seed};
use crate::stand::run;
use crate::uplink::{Stage, assert_arrived_once, submit_until_taken};
use crate::wire::Application;

/// So many points in a short run.
const SHORT: usize = 2;
/// Senders at a time.
const SENDERS: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_uplink_dies_between_two_writes() {
    uplink_dies(Stage::new().await, &[Scene::Uplink]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_uplink_dies_between_two_writes_on_postgres() {
    if let Some(server) = Server::start() {
        let mut stage = Stage::new().await;
        stage.server = Some(server);
        uplink_dies(stage, &[Scene::Uplink, Scene::Postgres]).await;
    }
}

async fn uplink_dies(stage: Stage, scenes: &[Scene]) {
    let seed = seed();
    println!("AMTSBOTE_SEED={seed}");
    let mut dice = Dice(seed);
    stage.write_settings("v2", &stage.by_route());
    let stage = Arc::new(stage);
    let agent = stage.start_agent();
    let foreign = stage.start_foreign();
    let enough = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|who| tokio::spawn(sending(stage.clone(), who, enough.clone())))
        .collect();
    let points = points(scenes, SHORT, &mut dice);
    let mut logs = String::new();
    for point in &points {
        let armed = armed(*point, &mut dice);
        let command = stage.command_of_ours();
        // Blocks: senders have threads of their own.
        logs += &tokio::task::block_in_place(|| die(command, &armed));
        let dead = senders.iter().any(tokio::task::JoinHandle::is_finished);
        assert!(!dead, "a sender gave up: {}", agent.talk());
    }
    let ours = stage.start_ours();
    enough.store(true, Ordering::SeqCst);
    let mut accepted = Vec::new();
    for sender in senders {
        accepted.extend(sender.await.unwrap());
    }
    assert_arrived_once(&stage, &accepted).await;
    logs += &ours.talk();
    assert!(ours.stop(crate::stand::SOON).success());
    if stage.server.is_none() {
        let settings = stage.settings_of_ours();
        run(&["verify", "--settings", settings.to_str().unwrap()]).ok();
    }
    drop(foreign);
    assert!(!logs.contains(MARK), "content in the log");
    assert!(!logs.contains("panicked"), "a panic: {logs}");
    let on = stage.server.as_ref().map_or("sqlite", |_| "postgres");
    report(
        &json!({ "scene": format!("uplink on {on}"), "seed": seed, "points": points.len(), "accepted": accepted.len(), "lost": 0, "doubled": 0, "length": format!("{:?}", Length::told()).to_lowercase() }),
    );
}

/// One after the other until it is enough; what was accepted, under its id.
async fn sending(
    stage: Arc<Stage>,
    who: usize,
    enough: Arc<AtomicBool>,
) -> Vec<(String, Application)> {
    let mut accepted = Vec::new();
    while !enough.load(Ordering::SeqCst) {
        let marker = senders::marker(SENDERS * accepted.len() + who);
        let plan = format!("%PDF {marker} {}", marker.repeat(2_000)).into_bytes();
        let application = Application::new(&marker, vec![plan, b"%PDF klein".to_vec()]);
        accepted.push((submit_until_taken(&stage, &application).await, application));
    }
    accepted
}

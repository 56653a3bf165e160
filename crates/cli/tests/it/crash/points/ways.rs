//! Applications there and answers back on all ways, while the process dies between two writes of them.
//!
//! | way | there | back |
//! |---|---|---|
//! | 0 | folder | folder |
//! | 1 | SFTP (OpenSSH) | SFTP |
//! | 2 | REST interface that takes an application in several calls, recognises no repeats and gives a file number at the last | its list of answers |
//! | 3 | foreign XTA server | it posts its answer to us |
//! | 4 | message box of ours, by an XTA client | the same box |
//! | 5 | mail (aiosmtpd) | it is asked for each case |
//!
//! Each application asks for replies and each procedure answers each once, repeating what was not answered. Afterwards: one effect
//! there, one reply per answer, logs verify. A mail server recognises no repeats: a mail comes at most once more per death.

mod checks;
mod town;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use amtsbote_client::{Posted, Sender, open_reply};
use amtsbote_fit_connect::reply::ReplyRef;
use amtsbote_fit_connect::{ApiVersion, Paging};
use amtsbote_model::{CaseId, ParcelId, ReplyId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Mutex;
use uuid::Uuid;

use super::box_client::BoxClient;
use super::parties::{Parties, put, visible};
use super::{Scene, armed, die, points, report};
use crate::crash::senders::{Accepted, Book, Patience, finish};
use crate::crash::{Length, MARK, checks as suite};
use crate::killed::{Dice, assert_nothing_left_behind, seed};
use crate::stand::{LOOK, Program, SOON, run};
use crate::way_back::{NUMBER, file_number_message, sealed};
use crate::wire::{self, Application, encryption_key, session};

use self::town::Town;

/// So many points in a short run.
const SHORT: usize = 4;
const WAYS: usize = 6;
const FOLDER: usize = 0;
const SFTP: usize = 1;
const HTTP: usize = 2;
const XTA: usize = 3;
const BOX: usize = 4;
const MAIL: usize = 5;
/// Between two applications on one way.
const BETWEEN: Duration = Duration::from_millis(1500);
const TOKEN: &str = "ein-langes-geheimes-Wort";
const PDF: &[u8] = b"%PDF-1.7 Bescheid";

/// What everybody shares.
struct World {
    town: Town,
    book: Book,
    over: AtomicBool,
    /// Replies that the online service accepted: case and file number.
    replies: Mutex<BTreeMap<ReplyId, (CaseId, String)>>,
    /// Answers that name nobody, sent into the box.
    strays: Mutex<BTreeSet<Uuid>>,
    /// Messages the procedure has closed.
    closed: Mutex<BTreeSet<Uuid>>,
}

impl World {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// Sends applications, one after the other.
async fn apply(world: Arc<World>, way: usize) {
    let facts = world.town.facts(way);
    let sender = Sender::new(session(&facts, "sender", ApiVersion::V2));
    let key = encryption_key(&facts);
    while !world.book.is_closed() {
        let marker = world.book.marker();
        let plan = format!("%PDF {marker} {}", marker.repeat(500)).into_bytes();
        let application = Application::new(&marker, vec![plan]);
        let content = sealed(&application, &key, world.town.reply_key.public());
        let announcement = wire::announcement(&facts, content.ids.clone());
        let begun = Instant::now();
        let mut patience = Patience::new();
        let ids = loop {
            if let Some(ids) = patience.taken(sender.announce(&announcement).await).await {
                break ids;
            }
        };
        let mut patience = Patience::new();
        while patience
            .taken(finish(&sender, ids, &content).await)
            .await
            .is_none()
        {}
        let attachments = application.attachments.iter();
        let accepted = Accepted {
            ids,
            marker,
            destination: way,
            attachments: attachments.map(|a| amtsbote_jose::sha256_hex(a)).collect(),
            sender: way,
            begun,
            taken: Instant::now(),
        };
        world.book.accepted.lock().unwrap().push(accepted);
        tokio::time::sleep(BETWEEN).await;
    }
}

/// The answer to a submission, in the procedure's own words.
fn answer(submission: Uuid) -> Value {
    json!({
        "antrag": submission.to_string(), "az": number(submission), "art": "bewilligt", "text": format!("{MARK}: genehmigt"),
        "dok": [{ "inhalt": STANDARD.encode(PDF), "name": "bescheid.pdf" }],
    })
}

fn number(submission: Uuid) -> String {
    format!("B-{submission}")
}

/// All procedures, in turn: answer what has arrived and is not answered yet.
async fn answering(world: Arc<World>) {
    let parties = &world.town.parties;
    let client = BoxClient::new(
        &parties.pki,
        world.town.box_port,
        &parties.path("procedure"),
    );
    let mut done = [const { BTreeSet::<Uuid>::new() }; WAYS];
    let (mut messages, mut mails) = (BTreeMap::new(), BTreeMap::new());
    while !world.is_over() {
        for (way, out, answers) in [
            (FOLDER, parties.path("out"), parties.path("answers")),
            (SFTP, parties.sshd.path(), parties.far_answers()),
        ] {
            for id in visible(&out) {
                if done[way].insert(id) {
                    put(&answers, &id.to_string(), &answer(id));
                }
            }
        }
        let brought: Vec<Uuid> = parties.desk().parcels.keys().copied().collect();
        for id in brought {
            if done[HTTP].insert(id) {
                parties.desk().listed.insert(id, answer(id));
            }
        }
        for id in arrived_by_xta(&world, &mut messages) {
            // Posted until it is taken, and then once more.
            if !done[XTA].contains(&id) && post(&world, id).await && post(&world, id).await {
                done[XTA].insert(id);
            }
        }
        parties.mails(&mut mails);
        for id in mails.values().copied() {
            if done[MAIL].insert(id) {
                parties.desk().asked.insert(id, answer(id));
            }
        }
        from_box(&world, &client, &mut done[BOX]).await;
        tokio::time::sleep(LOOK * 5).await;
    }
}

/// What the foreign server holds, by the markers in it. Reads each message once.
fn arrived_by_xta(world: &World, seen: &mut BTreeMap<PathBuf, Vec<u8>>) -> Vec<Uuid> {
    world.town.parties.messages(seen);
    let markers: BTreeSet<String> = seen
        .values()
        .flat_map(|bytes| suite::markers(bytes))
        .collect();
    let accepted = world.book.accepted.lock().unwrap();
    let there = accepted
        .iter()
        .filter(|one| one.destination == XTA && markers.contains(&one.marker));
    there.map(|one| one.ids.submission_id.uuid()).collect()
}

/// Whether the answer was taken for certain.
async fn post(world: &World, id: Uuid) -> bool {
    let call = reqwest::Client::new()
        .post(format!(
            "http://127.0.0.1:{}/antworten",
            world.town.callback_port
        ))
        .bearer_auth(TOKEN)
        .timeout(SOON)
        .json(&answer(id));
    match call.send().await {
        Ok(answer) if answer.status() == 204 => true,
        Ok(answer) => {
            assert!(answer.status().is_server_error(), "{}", answer.status());
            false
        }
        Err(_) => false,
    }
}

/// Takes messages from the box, answers them, and sends a stray answer with every third.
async fn from_box(world: &World, client: &BoxClient, done: &mut BTreeSet<Uuid>) {
    for id in client.waiting().await {
        assert!(
            !world.closed.lock().unwrap().contains(&id),
            "DOUBLED: {id} was closed and is listed again"
        );
        if client.fetch(id).await.is_none() {
            continue;
        }
        if done.insert(id) {
            let asked = amtsbote_agent::message_uuid(ParcelId::from_uuid(id));
            let message = file_number_message(&asked.to_string()).replace(NUMBER, &number(id));
            until_sent(world, client, (id, &message)).await;
            if done.len() % 3 == 1 {
                let stray = Uuid::new_v5(&id, b"stray");
                let message =
                    file_number_message(&stray.to_string()).replace(NUMBER, &number(stray));
                world.strays.lock().unwrap().insert(stray);
                until_sent(world, client, (stray, &message)).await;
            }
        }
    }
    // Also what is listed no more: its close may have had no answer.
    for id in done.iter().copied() {
        let is_closed = world.closed.lock().unwrap().contains(&id);
        if !is_closed && client.close(id).await {
            world.closed.lock().unwrap().insert(id);
        }
    }
}

async fn until_sent(world: &World, client: &BoxClient, (id, message): (Uuid, &str)) {
    let files = [
        ("1121.xml", Bytes::copy_from_slice(message.as_bytes())),
        ("bescheid.pdf", Bytes::from_static(PDF)),
    ];
    while !client.send(id, &files).await && !world.is_over() {
        tokio::time::sleep(LOOK * 5).await;
    }
}

/// Verifies, opens and accepts every reply.
async fn receiving(world: Arc<World>) {
    let session = session(&world.town.facts(FOLDER), "sender", ApiVersion::V2);
    let sender = Sender::new(session);
    while !world.is_over() {
        let listed = sender.replies(Paging::default(), Duration::ZERO).await;
        for ids in listed.map(|list| list.replies).unwrap_or_default() {
            // Nothing if somebody was away: it is listed again.
            received(&world, &sender, ids).await;
        }
        tokio::time::sleep(LOOK * 5).await;
    }
}

/// Writes down a reply, then says that it is accepted until that is heard.
async fn received(world: &World, sender: &Sender, ids: ReplyRef) -> Option<()> {
    let way = {
        let accepted = world.book.accepted.lock().unwrap();
        let mut found = accepted.iter().filter(|one| one.ids.case_id == ids.case_id);
        found.next()?.ids.destination_id
    };
    let log = sender.session().verified_reply_log(ids, way).await.ok()?;
    let log = log.unwrap_or_else(|findings| panic!("{findings:?}"));
    let tags = log.tags().unwrap();
    let reply = sender.fetch_reply(ids.reply_id).await.ok()?;
    let keys = [world.town.reply_key.clone()];
    let opened = open_reply(&reply, tags, &keys, 1 << 20).unwrap();
    let data: Value = serde_json::from_slice(opened.data.unwrap().reveal()).unwrap();
    let number = data["fileNumber"].as_str().unwrap().to_owned();
    let told = (ids.case_id, number);
    world.replies.lock().unwrap().insert(ids.reply_id, told);
    loop {
        match sender.accept_reply(ids.reply_id, tags).await {
            Ok(posted) => {
                assert_eq!(posted, Posted::Done);
                return Some(());
            }
            Err(_) if !world.is_over() => tokio::time::sleep(LOOK * 5).await,
            Err(fault) => panic!("{fault:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_ways_there_and_back_die_between_two_writes() {
    let Some(parties) = Parties::start().await else {
        return;
    };
    let seed = seed();
    println!("AMTSBOTE_SEED={seed}");
    let mut dice = Dice(seed);
    let world = Arc::new(World {
        town: Town::new(parties).await,
        book: Book::default(),
        over: AtomicBool::new(false),
        replies: Mutex::default(),
        strays: Mutex::default(),
        closed: Mutex::default(),
    });
    let senders: Vec<_> = (0..WAYS)
        .map(|way| tokio::spawn(apply(world.clone(), way)))
        .collect();
    let others = vec![
        tokio::spawn(answering(world.clone())),
        tokio::spawn(receiving(world.clone())),
    ];
    let points = points(&[Scene::Ways], SHORT, &mut dice);
    let mut logs = String::new();
    for point in &points {
        let armed = armed(*point, &mut dice);
        let command = world.town.command();
        logs += &tokio::task::block_in_place(|| die(command, &armed));
        let gone = senders
            .iter()
            .chain(&others)
            .any(tokio::task::JoinHandle::is_finished);
        assert!(!gone, "somebody gave up: {armed}");
    }
    let serve = Program::start(world.town.command()).ready();
    world.book.close();
    for sender in senders {
        sender.await.unwrap();
    }
    let accepted = world.book.accepted.lock().unwrap().clone();
    let counts = checks::check(&world, &accepted, (&serve, points.len())).await;
    for other in others {
        other.await.unwrap();
    }
    let settings = world.town.house.settings();
    run(&["verify", "--settings", settings.to_str().unwrap()]).ok();
    assert_nothing_left_behind(world.town.house.dir());
    logs += &serve.talk();
    assert!(serve.stop(SOON).success());
    for secret in [MARK, TOKEN] {
        assert!(!logs.contains(secret), "{secret} in the log");
    }
    let is_number = |at: usize| {
        let rest = logs.get(at + 2..at + 38);
        rest.is_some_and(|text| text.parse::<Uuid>().is_ok())
    };
    let numbers = logs.match_indices("B-").any(|(at, _)| is_number(at));
    assert!(!numbers, "a file number in the log");
    assert!(!logs.contains("panicked"), "a panic: {logs}");
    report(&json!({
        "scene": "ways", "seed": seed, "points": points.len(), "accepted": accepted.len(), "replies": counts.replies,
        "mails": counts.mails, "mails_again": counts.mails_again, "strays": counts.strays, "lost": 0, "doubled": 0,
        "length": format!("{:?}", Length::told()).to_lowercase(),
    }));
}

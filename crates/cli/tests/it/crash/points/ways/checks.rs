//! What has to hold after everything was sent and answered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use amtsbote_fit_connect::ApiVersion;
use uuid::Uuid;

use super::{BOX, FOLDER, HTTP, MAIL, SFTP, WAYS, World, XTA, number};
use crate::crash::DELIVERED_MAX;
use crate::crash::checks as suite;
use crate::crash::points::parties::{number_at_once, visible};
use crate::crash::senders::Accepted;
use crate::crash::site::{Said, until};
use crate::stand::{Program, files_below};
use crate::wire::session;

/// Each, while nobody dies any more.
const SLOWEST: Duration = Duration::from_millis(500);
/// What comes twice has come by then.
const AFTERWARDS: Duration = Duration::from_secs(3);

pub(super) struct Counts {
    pub(super) replies: usize,
    pub(super) mails: usize,
    pub(super) mails_again: u32,
    pub(super) strays: usize,
}

pub(super) async fn check(
    world: &Arc<World>,
    accepted: &[Accepted],
    (serve, deaths): (&Program, usize),
) -> Counts {
    let all = u32::try_from(accepted.len()).unwrap();
    let limit = DELIVERED_MAX + all * SLOWEST;
    let end = Instant::now() + limit;
    let sessions: Vec<_> = (0..WAYS)
        .map(|way| session(&world.town.facts(way), "sender", ApiVersion::V2))
        .collect();
    let said = Said::of_one(serve);
    for one in accepted {
        suite::assert_ended_well(&sessions[one.destination], one, (end, &said)).await;
    }
    let expected = expected(accepted);
    let missing = || {
        let replies = world.replies.lock().unwrap();
        let there: BTreeSet<_> = replies.values().cloned().collect();
        let missing = expected.iter().filter(|one| !there.contains(*one));
        missing.cloned().collect::<Vec<_>>()
    };
    while !missing().is_empty() {
        assert!(
            Instant::now() < end,
            "REPLIES LOST: {:?}\n{}",
            missing(),
            said.of("WARN") + &said.of("ERROR")
        );
        tokio::time::sleep(crate::stand::LOOK * 10).await;
    }
    let strays = world.strays.lock().unwrap().len();
    let aside = world.town.parties.path("box/aside");
    until("stray answers are set aside", limit, || {
        entries(&aside) == strays && entries(&aside.with_file_name("inbox")) == 0
    })
    .await;
    let closed = |id: &Uuid| world.closed.lock().unwrap().contains(id);
    let ids = ids_of(accepted);
    until("all messages are closed", limit, || {
        ids[BOX].iter().all(closed)
    })
    .await;
    tokio::time::sleep(AFTERWARDS).await;
    world.over.store(true, Ordering::SeqCst);
    let replies: Vec<_> = world.replies.lock().unwrap().values().cloned().collect();
    let mut sorted = replies.clone();
    sorted.sort();
    assert_eq!(sorted, expected, "each answer is one reply");
    effects(world, accepted, &ids);
    answers_moved(&world.town.parties.path("answers"), &ids[FOLDER]);
    answers_moved(&world.town.parties.far_answers(), &ids[SFTP]);
    let mails = mails(world, &ids[MAIL], deaths);
    Counts {
        replies: replies.len(),
        mails: ids[MAIL].len(),
        mails_again: mails,
        strays,
    }
}

/// Case and file number of each reply.
fn expected(accepted: &[Accepted]) -> Vec<(amtsbote_model::CaseId, String)> {
    let mut expected = Vec::new();
    for one in accepted {
        let id = one.ids.submission_id.uuid();
        expected.push((one.ids.case_id, number(id)));
        if one.destination == HTTP {
            expected.push((one.ids.case_id, number_at_once(id)));
        }
    }
    expected.sort();
    expected
}

fn ids_of(accepted: &[Accepted]) -> [BTreeSet<Uuid>; WAYS] {
    let mut ids = [const { BTreeSet::new() }; WAYS];
    for one in accepted {
        ids[one.destination].insert(one.ids.submission_id.uuid());
    }
    ids
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// One at each procedure that recognises repeats or is asked before, unchanged.
fn effects(world: &World, accepted: &[Accepted], ids: &[BTreeSet<Uuid>; WAYS]) {
    let parties = &world.town.parties;
    for (way, out) in [(FOLDER, parties.path("out")), (SFTP, parties.sshd.path())] {
        let there: BTreeSet<Uuid> = visible(&out).into_iter().collect();
        assert_eq!(there, ids[way], "not what was accepted for way {way}");
        for one in accepted.iter().filter(|one| one.destination == way) {
            let id = one.ids.submission_id.uuid();
            let files = files_below(&out.join(id.to_string())).into_iter();
            let hashes: Vec<String> = files
                .map(|path| amtsbote_jose::sha256_hex(&std::fs::read(path).unwrap()))
                .collect();
            for attachment in &one.attachments {
                assert!(hashes.contains(attachment), "CHANGED: {id}");
            }
        }
    }
    {
        let desk = parties.desk();
        let mut steps = desk.drafts.values().chain(desk.attached.values());
        assert!(
            steps.all(|times| *times == 1),
            "DOUBLED: a step of a delivery"
        );
        let with: BTreeSet<Uuid> = desk.attached.keys().map(|(parcel, _)| *parcel).collect();
        assert_eq!(with, ids[HTTP], "applications with attachments");
    }
    let times: BTreeSet<(Uuid, u32)> = parties.desk().parcels.clone().into_iter().collect();
    let once: BTreeSet<(Uuid, u32)> = ids[HTTP].iter().map(|id| (*id, 1)).collect();
    assert_eq!(times, once, "DOUBLED or LOST at the REST interface");
    let mut messages: Vec<String> = Vec::new();
    let mut there = BTreeMap::new();
    parties.messages(&mut there);
    for content in there.into_values() {
        let markers: BTreeSet<String> = suite::markers(&content).into_iter().collect();
        assert_eq!(markers.len(), 1, "mixed up: {markers:?}");
        messages.extend(markers);
    }
    messages.sort();
    let of_way = accepted.iter().filter(|one| one.destination == XTA);
    let mut once: Vec<String> = of_way.map(|one| one.marker.clone()).collect();
    once.sort();
    assert_eq!(messages, once, "DOUBLED or LOST at the XTA server");
    assert_eq!(entries(&parties.path("box/box")), 0, "closed and there");
    let closed = world.closed.lock().unwrap().clone();
    assert_eq!(closed, ids[BOX], "DOUBLED or LOST in the box");
}

/// Each answer lies among the settled ones, once.
fn answers_moved(answers: &Path, ids: &BTreeSet<Uuid>) {
    let mut settled: BTreeMap<String, u32> = BTreeMap::new();
    for path in files_below(&answers.join(".amtsbote-answered")) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        *settled.entry(name).or_default() += 1;
    }
    let once: BTreeMap<String, u32> = ids.iter().map(|id| (id.to_string(), 1)).collect();
    assert_eq!(settled, once, "answers in {}", answers.display());
}

/// A mail server recognises no repeats: at least once, and at most once more per death. How many came again.
fn mails(world: &World, ids: &BTreeSet<Uuid>, deaths: usize) -> u32 {
    let mut came = BTreeMap::new();
    world.town.parties.mails(&mut came);
    let mut mails: BTreeMap<Uuid, u32> = BTreeMap::new();
    for id in came.into_values() {
        *mails.entry(id).or_default() += 1;
    }
    let there: BTreeSet<Uuid> = mails.keys().copied().collect();
    assert_eq!(there, *ids, "LOST: a mail");
    let deaths = u32::try_from(deaths).unwrap();
    for (id, times) in &mails {
        assert!(*times <= 1 + deaths, "{id} was mailed {times} times");
    }
    mails.values().map(|times| times - 1).sum()
}

//! What has to hold afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use amtsbote_client::Session;
use amtsbote_fit_connect::ApiVersion;
use amtsbote_model::submission::State;
use serde_json::Value;

use super::peer::Seen;
use super::senders::Accepted;
use super::site::{Said, Site};
use super::{Length, MARK};
use crate::killed::{assert_nothing_left_behind, has, parcels};
use crate::stand::{LOOK, files_below};
use crate::wire::session;

/// Each, while nobody strikes any more: ten a second, the slowest drain that is called fast enough (10,000 in 10 minutes are 17).
const SLOWEST: Duration = Duration::from_millis(100);

/// One effect at a procedure.
struct Effect {
    /// The parcel's or folder's name.
    name: String,
    files: Vec<Vec<u8>>,
}

/// Everything that senders hold a 2xx for has reached its end; then looks at all of it.
pub(crate) async fn check_all(
    site: &Site,
    accepted: &[Accepted],
    (seen, said): (&Seen, &Said),
    limit: Duration,
) {
    let sessions = [0, 1].map(|at| session(&site.facts(at), "sender", ApiVersion::V2));
    // A storm of kills leaves thousands waiting, oldest tries last: as long as they may take, they are not lost.
    let backlog = u32::try_from(accepted.len()).unwrap() * SLOWEST;
    let end = Instant::now() + limit + backlog;
    for one in accepted {
        assert_ended_well(&sessions[one.destination], one, (end, said)).await;
    }
    assert_brought_once(&effects(site, seen), accepted);
    assert_nothing_left_behind(site.dir());
    if let Some(server) = site.server() {
        for path in files_below(&server.folder()) {
            // A file of the database may go while it is looked for.
            let bytes = std::fs::read(&path).unwrap_or_default();
            assert!(
                !has(&bytes, MARK.as_bytes()),
                "content in {}",
                path.display()
            );
        }
    }
}

/// Callbacks come at least once. What a killed process had begun is begun again when its lease ends, which a short run does not
/// wait for.
pub(crate) async fn check_callbacks(accepted: &[Accepted], seen: &Seen, length: Length) {
    let (limit, but) = match length {
        Length::Long => (Duration::from_mins(4), 0),
        Length::Short => (Duration::from_secs(20), accepted.len() / 2),
    };
    let missing = || {
        let told = seen.told.lock().unwrap();
        let is_missing = |one: &&Accepted| !told.contains(&one.ids.submission_id.to_string());
        let missing = accepted.iter().filter(is_missing);
        missing.map(|one| one.ids.submission_id).collect::<Vec<_>>()
    };
    let end = Instant::now() + limit;
    while missing().len() > but {
        let (missing, all) = (missing(), accepted.len());
        assert!(
            Instant::now() < end,
            "NOT TOLD: {} of {all}: {missing:?}",
            missing.len()
        );
        tokio::time::sleep(LOOK * 10).await;
    }
}

/// Its log verifies (signatures, order, issuers), has each step once, and ends with the destination's yes.
pub(super) async fn assert_ended_well(
    session: &Session,
    one: &Accepted,
    (end, said): (Instant, &Said),
) {
    let log = loop {
        match session.verified_log(one.ids).await {
            Ok(log) => {
                let log = log.unwrap_or_else(|findings| panic!("{}: {findings:?}", one.marker));
                if log.state() == State::Accepted {
                    break log;
                }
                assert!(
                    Instant::now() < end,
                    "LOST: {} ({}) is {:?}; the log says:\n{}",
                    one.marker,
                    one.ids.submission_id,
                    log.state(),
                    said.of(&one.ids.submission_id.to_string())
                );
            }
            Err(fault) => assert!(Instant::now() < end, "LOST: {}: {fault:?}", one.marker),
        }
        tokio::time::sleep(LOOK).await;
    };
    let steps = log.events().iter().map(|event| event.event.name());
    // Listed for pick-up: noted once per way it was listed.
    let steps: Vec<&str> = steps.filter(|step| *step != "notify").collect();
    assert_eq!(steps, ["create", "submit", "accept"], "{}", one.marker);
}

/// All effects that the procedures saw, of both ways.
fn effects(site: &Site, seen: &Seen) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (name, files) in parcels(&site.dir().join("out")) {
        let files = files.into_iter().map(|(_, bytes)| bytes).collect();
        effects.push(Effect { name, files });
    }
    for (name, times) in seen.effects.lock().unwrap().iter() {
        for files in times {
            let (name, files) = (name.clone(), files.clone());
            effects.push(Effect { name, files });
        }
    }
    effects
}

/// Each accepted submission is one effect with its attachments; nothing ever sent has two.
fn assert_brought_once(effects: &[Effect], accepted: &[Accepted]) {
    let mut by_marker: BTreeMap<String, Vec<&Effect>> = BTreeMap::new();
    for effect in effects {
        let markers: BTreeSet<String> = effect.files.iter().flat_map(|f| markers(f)).collect();
        assert_eq!(markers.len(), 1, "mixed up: {markers:?} in {}", effect.name);
        for marker in markers {
            by_marker.entry(marker).or_default().push(effect);
        }
    }
    for (marker, effects) in &by_marker {
        let names: Vec<&str> = effects.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names.len(), 1, "DOUBLED: {marker}: {names:?}");
    }
    for one in accepted {
        let id = one.ids.submission_id.to_string();
        let Some([effect]) = by_marker.get(&one.marker).map(Vec::as_slice) else {
            panic!("LOST: {} ({id}) was not brought", one.marker);
        };
        assert!(effect.name.contains(&id), "{} is {id}", effect.name);
        let hashes: Vec<String> = effect
            .files
            .iter()
            .map(|bytes| amtsbote_jose::sha256_hex(bytes))
            .collect();
        for attachment in &one.attachments {
            assert!(
                hashes.contains(attachment),
                "CHANGED: an attachment of {} is not the same",
                one.marker
            );
        }
    }
}

/// The markers in these bytes.
pub(super) fn markers(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let found = text.match_indices(MARK).map(|(at, _)| {
        let rest = &text[at + MARK.len()..];
        let digits: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
        format!("{MARK}{digits}Z")
    });
    found.collect()
}

/// Sums up for people and scripts.
pub(crate) fn counted(value: &Value) -> String {
    let one = |(key, value): (&String, &Value)| format!("{key} {value}");
    let parts = value.as_object().into_iter().flatten().map(one);
    parts.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_marker_is_found_in_text_and_names_its_submission() {
    let marker = super::senders::marker(107);
    assert_eq!(
        markers(format!("x{marker}{marker}y").as_bytes()),
        [marker.clone(), marker]
    );
}

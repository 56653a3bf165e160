//! Blocks and proofs of a receipt file.

use std::collections::BTreeMap;

use amtsbote_gateway::sealer::LOG_HEAD_TYP;
use amtsbote_jose::Jws;
use amtsbote_model::Timestamp;
use amtsbote_model::submission::Issuer;
use amtsbote_problem::Findings;
use amtsbote_store::Event;
use amtsbote_store::chain::{Block, Hash, Leaf, hex, root_of_path};
use serde::Deserialize;

use super::check::{Checked, TOKEN_MAX_BYTES, finding, role};
use super::form::{HeadFile, Place, Proof, SealedBlock, unhex};
use super::statement::{Head, HeadCheck, Sealing};
use super::{Role, Trust};

/// What was found out about sealing.
pub(super) struct Sealed {
    /// For each event.
    pub(super) places: Vec<Option<Sealing>>,
    pub(super) head: Option<Head>,
    pub(super) linked: bool,
    pub(super) newer: Option<HeadCheck>,
}

/// What a signed head says.
#[derive(Deserialize)]
struct Said {
    iss: String,
    iat: i64,
    hash: String,
}

/// Checks blocks and proofs.
pub(super) fn sealed(
    checked: &mut Checked<'_>,
    (trust, newer): (&Trust, Option<&HeadFile>),
    findings: &mut Findings,
) -> Sealed {
    let file = checked.file;
    let own = blocks(checked, trust, ("/blocks", &file.blocks), findings);
    let places = places(checked, &own, findings);
    let newest = own.values().next_back();
    let newer = newer.and_then(|newer| {
        let theirs = blocks(checked, trust, ("/head/blocks", &newer.blocks), findings);
        goes_on(&own, &theirs, findings)
    });
    Sealed {
        places,
        head: newest.map(|block| Head {
            number: block.number,
            hash: hex(&block.hash()),
            at: block.at,
        }),
        linked: is_whole(own.keys().copied()),
        newer,
    }
}

/// The blocks by number. Each is signed, or named by the next one.
fn blocks(
    checked: &mut Checked<'_>,
    trust: &Trust,
    (list, given): (&str, &[SealedBlock]),
    findings: &mut Findings,
) -> BTreeMap<u64, Block> {
    let mut found: BTreeMap<u64, Block> = BTreeMap::new();
    for (place, sealed) in given.iter().enumerate() {
        let at = format!("{list}/{place}");
        let Some(block) = sealed.block().filter(|block| block.count > 0) else {
            let words = ("ist kein Block", "is not a block");
            findings.push(finding(at, "block-form", words));
            continue;
        };
        if let Some((last, before)) = found.last_key_value() {
            let follows = if block.number == last.saturating_add(1) {
                block.follows(Some(before))
            } else {
                block.number > *last && block.first >= before.first.saturating_add(before.count)
            };
            if !follows {
                let words = (
                    "schließt nicht an den vorigen an",
                    "does not follow the one before",
                );
                findings.push(finding(at.clone(), "block-order", words));
            }
        }
        let next = given.get(place + 1).and_then(SealedBlock::block);
        let is_named = next.is_some_and(|next| next.follows(Some(&block)));
        let signed = match &sealed.signature {
            Some(signature) => is_signed(checked, trust, (signature, &block)),
            None => is_named,
        };
        if !signed {
            let words = (
                "ist vom Zustelldienst nicht gültig signiert",
                "is not validly signed by the delivery service",
            );
            findings.push(finding(at, "block-signature", words));
        }
        found.insert(block.number, block);
    }
    found
}

fn is_signed(checked: &mut Checked<'_>, trust: &Trust, (signature, block): (&str, &Block)) -> bool {
    let said = || {
        let jws = Jws::parse(signature, TOKEN_MAX_BYTES).ok()?;
        let kid = jws.header().kid().to_owned();
        let known = checked.keys.service.find(&kid);
        let key = known.or_else(|| trust.service_key(&kid))?;
        if jws.header().typ() != Some(LOG_HEAD_TYP) {
            return None;
        }
        let said: Said = serde_json::from_slice(jws.verify(key).ok()?).ok()?;
        let service = checked.file.service.trim_end_matches('/');
        let is_this = said.iss.trim_end_matches('/') == service && said.hash == hex(&block.hash());
        is_this.then_some((kid, said.iat))
    };
    match said() {
        Some((kid, at_s)) => {
            checked.uses.note(Role::Service, &kid, at_s);
            true
        }
        None => false,
    }
}

/// Where each event is. Events that are not sealed stand behind those that are, since events are sealed in the order of writing.
fn places(
    checked: &Checked<'_>,
    blocks: &BTreeMap<u64, Block>,
    findings: &mut Findings,
) -> Vec<Option<Sealing>> {
    let mut places = Vec::new();
    let (mut last, mut pending): (Option<u64>, bool) = (None, false);
    for number in 0..checked.file.events.len() {
        let at = format!("/events/{number}/proof");
        let Proof::Sealed(place) = &checked.file.events[number].proof else {
            pending = true;
            places.push(None);
            continue;
        };
        let Some(sealing) = proven(checked, number, (place, blocks)) else {
            let words = (
                "führt nicht zu diesem Ereignis in diesem Block",
                "does not lead to this event in this block",
            );
            findings.push(finding(at, "proof", words));
            places.push(None);
            continue;
        };
        if pending || last.is_some_and(|last| sealing.position <= last) {
            let words = (
                "steht im Protokoll des Zustelldienstes an anderer Stelle",
                "has another place in the delivery service's log",
            );
            findings.push(finding(at, "proof-order", words));
        }
        last = Some(sealing.position);
        places.push(Some(sealing));
    }
    places
}

fn proven(
    checked: &Checked<'_>,
    number: usize,
    (place, blocks): (&Place, &BTreeMap<u64, Block>),
) -> Option<Sealing> {
    let (claims, event) = (&checked.claims[number], &checked.file.events[number]);
    let block = blocks.get(&place.block)?;
    let leaf = Leaf::of(&Event {
        id: claims.id,
        case_id: claims.case_id,
        subject: claims.subject,
        name: claims.kind.slug().to_owned(),
        issuer: match role(&claims.issuer) {
            Role::Service => Issuer::Service,
            Role::Destination => Issuer::Subscriber,
        },
        at: Timestamp::from_millis(place.at),
        token: event.token.clone(),
    });
    let path: Vec<Hash> = place
        .path
        .iter()
        .map(|hash| unhex(hash))
        .collect::<Option<_>>()?;
    let (position, count) = (
        usize::try_from(place.position).ok()?,
        usize::try_from(block.count).ok()?,
    );
    let root = root_of_path(leaf.hash(), position, count, &path)?;
    (root == block.root).then_some(Sealing {
        block: block.number,
        position: block.first.checked_add(place.position)?,
        at: block.at,
    })
}

/// Whether `theirs` goes on from `own`. Two blocks of one number, or two neighbours, that do not fit show a log that was written anew.
fn goes_on(
    own: &BTreeMap<u64, Block>,
    theirs: &BTreeMap<u64, Block>,
    findings: &mut Findings,
) -> Option<HeadCheck> {
    let head = theirs.values().next_back()?;
    let rewritten = (
        "widerspricht den Blöcken der Datei: das Protokoll des Zustelldienstes wurde neu geschrieben",
        "contradicts the blocks of the file: the delivery service's log was written anew",
    );
    let mut all = own.clone();
    for (number, block) in theirs {
        let same = own.get(number).is_none_or(|own| own.hash() == block.hash());
        if !same {
            findings.push(finding("/head", "head", rewritten));
            return None;
        }
        all.insert(*number, block.clone());
    }
    let mut before: Option<&Block> = None;
    for block in all.values() {
        let is_next = |before: &&Block| block.number == before.number.saturating_add(1);
        if before
            .filter(is_next)
            .is_some_and(|before| !block.follows(Some(before)))
        {
            findings.push(finding("/head", "head", rewritten));
            return None;
        }
        before = Some(block);
    }
    let from = own.keys().next().copied().unwrap_or(head.number);
    let upto = head
        .number
        .max(own.keys().next_back().copied().unwrap_or(0));
    Some(HeadCheck {
        number: head.number,
        hash: hex(&head.hash()),
        goes_on: !own.is_empty()
            && (from.min(head.number)..=upto).all(|number| all.contains_key(&number)),
    })
}

fn is_whole(numbers: impl Iterator<Item = u64>) -> bool {
    let mut before = None;
    for number in numbers {
        if before.is_some_and(|before| number != before + 1) {
            return false;
        }
        before = Some(number);
    }
    true
}

//! Puts a receipt file together: from a gateway, as one of its clients, or from its database, as its operator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use amtsbote_client::verify::{self, Keys, NamedKeys};
use amtsbote_client::{BLOCKS_MAX, Fault, LogChain, Session};
use amtsbote_fit_connect::event::{Claims, Issuer, SchemaRule};
use amtsbote_jose::{Jws, KeySet, KeyUse, PublicKey, X5c};
use amtsbote_model::{CaseId, DestinationId, EventId, SubmissionId};
use amtsbote_store::chain::{hex, path};
use amtsbote_store::{Chain, LogOf, Page, Store};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::check::TOKEN_MAX_BYTES;
use super::form::{KeyLists, LoggedEvent, NotSealed, Place, Proof};
use super::{FORMAT, ReceiptFile, SealedBlock};
use crate::access;
use crate::talk::Talk;

/// Blocks from the first one used to the newest, at most: beyond that, only those are put in that events are in.
const LINKS_MAX: u64 = 1000;
/// Between two looks whether the rest is sealed.
const LOOK: Duration = Duration::from_millis(250);
const EVENTS_AT_ONCE: u32 = 500;

/// Where receipts come from.
pub(crate) trait Source {
    /// The case that is meant, by its own id or by that of a submission in it.
    async fn case(&self, id: &str) -> Result<(CaseId, DestinationId)>;
    /// Its log, oldest first.
    async fn log(&self, case: CaseId) -> Result<Vec<String>>;
    /// The keys of these names.
    async fn keys(&self, named: &NamedKeys, destination: DestinationId) -> Result<Keys>;
    /// Where an event is sealed.
    async fn proof(&self, case: CaseId, event: EventId) -> Result<Option<(Place, SealedBlock)>>;
    /// The newest block.
    async fn head(&self) -> Result<Option<SealedBlock>>;
    /// Blocks from this number on: some, or none.
    async fn blocks(&self, from: u64) -> Result<Vec<SealedBlock>>;
}

/// Puts the file together; waits up to `patience` for events that are not sealed yet.
pub(crate) async fn gather(
    source: &impl Source,
    (case_id, destination_id): (CaseId, DestinationId),
    receipts: Vec<String>,
    patience: Duration,
) -> Result<ReceiptFile> {
    let tokens = source.log(case_id).await?;
    let claims = tokens.iter().map(|token| claims_of(token));
    let claims: Vec<Claims> = claims.collect::<Result<_>>()?;
    let mut named = verify::named_keys(&tokens);
    name_more(&mut named, &receipts);
    let mut places = BTreeMap::new();
    let mut blocks: BTreeMap<u64, SealedBlock> = BTreeMap::new();
    let began = std::time::Instant::now();
    loop {
        for claims in &claims {
            if places.contains_key(&claims.id) {
                continue;
            }
            let Some((place, block)) = source.proof(case_id, claims.id).await? else {
                // What comes after it is not sealed either.
                break;
            };
            blocks.insert(block.number, block);
            places.insert(claims.id, place);
        }
        if places.len() == claims.len() || began.elapsed() >= patience {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    link(source, &mut blocks).await?;
    let keys = source.keys(&named, destination_id).await?;
    let service = claims.iter().find_map(|claims| match &claims.issuer {
        Issuer::Service(url) => Some(url.clone()),
        Issuer::Destination(_) => None,
    });
    let events = tokens.into_iter().zip(&claims).map(|(token, claims)| {
        let place = places.remove(&claims.id);
        LoggedEvent {
            token,
            proof: place.map_or(Proof::Not(NotSealed::Pending), Proof::Sealed),
        }
    });
    let jwks = |set: &KeySet| set.keys().iter().map(PublicKey::to_json).collect();
    Ok(ReceiptFile {
        format: FORMAT.to_owned(),
        service: service.context("the log holds no event of the service")?,
        case_id,
        destination_id,
        receipts,
        events: events.collect(),
        keys: KeyLists {
            service: jwks(&keys.service),
            destination: jwks(&keys.destination),
        },
        blocks: blocks.into_values().collect(),
    })
}

fn claims_of(token: &str) -> Result<Claims> {
    let jws = Jws::parse(token, TOKEN_MAX_BYTES).context("the log holds a malformed token")?;
    Claims::parse(jws.unverified_payload(), SchemaRule::OptionalAny)
        .map_err(|_| anyhow::anyhow!("the log holds a token that is no event"))
}

/// Receipts name keys, too.
fn name_more(named: &mut NamedKeys, receipts: &[String]) {
    for token in receipts {
        let Ok(jws) = Jws::parse(token, TOKEN_MAX_BYTES) else {
            continue;
        };
        let said: Value = serde_json::from_slice(jws.unverified_payload()).unwrap_or_default();
        let kids = match said["level"].as_str() {
            Some("takenOn") => &mut named.destination,
            Some(_) | None => &mut named.service,
        };
        kids.insert(jws.header().kid().to_owned());
    }
}

/// Adds the blocks from the first one used to the newest, if they are not too many. Those between need no signature.
async fn link(source: &impl Source, blocks: &mut BTreeMap<u64, SealedBlock>) -> Result<()> {
    let Some(first) = blocks.keys().next().copied() else {
        return Ok(());
    };
    let Some(head) = source.head().await? else {
        return Ok(());
    };
    if head.number.saturating_sub(first) >= LINKS_MAX {
        return Ok(());
    }
    let newest = head.number;
    blocks.insert(newest, head);
    let used: BTreeSet<u64> = blocks.keys().copied().collect();
    let mut next = first;
    while next < newest {
        let found = source.blocks(next).await?;
        if found.is_empty() {
            bail!("the gateway has no block {next}, though it has a newer one");
        }
        for mut block in found {
            next = next.max(block.number.saturating_add(1));
            if block.number < newest && !used.contains(&block.number) {
                block.signature = None;
                blocks.insert(block.number, block);
            }
        }
    }
    Ok(())
}

/// One of the gateway's clients.
pub(crate) struct ClientSource {
    pub(crate) session: Session,
    pub(crate) chain: LogChain,
    pub(crate) talk: Talk,
}

impl ClientSource {
    fn explained(&self) -> impl Fn(Fault) -> anyhow::Error {
        let talk = self.talk;
        move |fault| access::explain(fault, talk)
    }
}

impl Source for ClientSource {
    async fn case(&self, id: &str) -> Result<(CaseId, DestinationId)> {
        let explained = self.explained();
        if let Some(case) = as_case(id) {
            match self.session.case(case).await {
                Ok(found) => return Ok((found.ids.case_id, found.ids.destination_id)),
                Err(Fault::NotFound) => {}
                Err(fault) => return Err(explained(fault)),
            }
        }
        let unknown = || unknown(id, self.talk);
        let submission = as_submission(id).ok_or_else(unknown)?;
        let log = match self.session.submission_log(submission).await {
            Ok(log) => log,
            Err(Fault::NotFound) => return Err(unknown()),
            Err(fault) => return Err(explained(fault)),
        };
        let case = claims_of(log.first().ok_or_else(unknown)?)?.case_id;
        let found = self.session.case(case).await.map_err(explained)?;
        Ok((case, found.ids.destination_id))
    }

    async fn log(&self, case: CaseId) -> Result<Vec<String>> {
        let log = self.session.event_log(case).await;
        log.map_err(self.explained())
    }

    async fn keys(&self, named: &NamedKeys, destination: DestinationId) -> Result<Keys> {
        let keys = self.session.keys_for(named, destination).await;
        keys.map_err(self.explained())
    }

    async fn proof(&self, case: CaseId, event: EventId) -> Result<Option<(Place, SealedBlock)>> {
        let proof = self.chain.proof(case, event).await;
        let Some(proof) = proof.map_err(self.explained())? else {
            return Ok(None);
        };
        let read = read_proof(&proof);
        Ok(Some(read.context("the gateway's proof is not one")?))
    }

    async fn head(&self) -> Result<Option<SealedBlock>> {
        let Some(head) = self.chain.head().await.map_err(self.explained())? else {
            return Ok(None);
        };
        let block = SealedBlock::of_answer(&head["block"], &head["signature"]);
        Ok(Some(block.context("the gateway's head is not one")?))
    }

    async fn blocks(&self, from: u64) -> Result<Vec<SealedBlock>> {
        let answer = self.chain.blocks(from).await.map_err(self.explained())?;
        let answer = answer.unwrap_or_default();
        let blocks = answer["blocks"].as_array().into_iter().flatten();
        let read = |block: &Value| SealedBlock::of_answer(block, &block["signature"]);
        let blocks = blocks.map(read).collect::<Option<Vec<_>>>();
        blocks.context("a block of the gateway is not one")
    }
}

fn read_proof(proof: &Value) -> Option<(Place, SealedBlock)> {
    let block = SealedBlock::of_answer(&proof["block"], &proof["signature"])?;
    let hashes = proof["path"].as_array()?.iter();
    let hashes = hashes.map(|hash| hash.as_str().map(str::to_owned));
    let place = Place {
        block: block.number,
        position: proof["position"].as_u64()?,
        at: proof["leaf"]["at"].as_i64()?,
        path: hashes.collect::<Option<_>>()?,
    };
    Some((place, block))
}

/// The gateway's operator.
pub(crate) struct StoreSource {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) chain: Arc<dyn Chain>,
    pub(crate) service: KeySet,
    pub(crate) talk: Talk,
}

impl Source for StoreSource {
    async fn case(&self, id: &str) -> Result<(CaseId, DestinationId)> {
        if let Some(case) = as_case(id)
            && let Some(case) = self.store.case(case).await?
        {
            return Ok((case.id, case.destination_id));
        }
        if let Some(submission) = as_submission(id)
            && let Some(found) = self.store.submission(submission).await?
        {
            return Ok((found.case_id, found.destination_id));
        }
        Err(unknown(id, self.talk))
    }

    async fn log(&self, case: CaseId) -> Result<Vec<String>> {
        let mut tokens = Vec::new();
        loop {
            let page = Page {
                offset: tokens.len() as u64,
                limit: EVENTS_AT_ONCE,
            };
            let listed = self.store.events(LogOf::Case(case), page).await?;
            let is_last = listed.entries.is_empty();
            tokens.extend(listed.entries.into_iter().map(|event| event.token));
            if is_last || tokens.len() as u64 >= listed.total {
                return Ok(tokens);
            }
        }
    }

    async fn keys(&self, named: &NamedKeys, destination: DestinationId) -> Result<Keys> {
        let stored = self.store.keys(destination).await?;
        let named = stored
            .iter()
            .filter(|key| named.destination.contains(&key.kid));
        let read = |jwk: &str| PublicKey::parse(jwk, KeyUse::Signature, X5c::Optional).ok();
        Ok(Keys {
            service: self.service.clone(),
            destination: KeySet::new(named.filter_map(|key| read(&key.jwk)).collect()),
        })
    }

    async fn proof(&self, case: CaseId, event: EventId) -> Result<Option<(Place, SealedBlock)>> {
        let proof = self.chain.proof_of(event).await?;
        let proof = proof.filter(|proof| proof.leaf.case_id == case);
        Ok(proof.map(|proof| {
            let beside = path(&proof.leaves, proof.position);
            let place = Place {
                block: proof.block.number,
                position: proof.position as u64,
                at: proof.leaf.at.as_millis(),
                path: beside.iter().map(hex).collect(),
            };
            (place, SealedBlock::of_block(&proof.block))
        }))
    }

    async fn head(&self) -> Result<Option<SealedBlock>> {
        let head = self.chain.head().await?;
        Ok(head.as_ref().map(SealedBlock::of_block))
    }

    async fn blocks(&self, from: u64) -> Result<Vec<SealedBlock>> {
        let mut found = Vec::new();
        for number in from..from.saturating_add(BLOCKS_MAX.into()) {
            let Some(block) = self.chain.block(number).await? else {
                break;
            };
            found.push(SealedBlock::of_block(&block));
        }
        Ok(found)
    }
}

fn as_case(id: &str) -> Option<CaseId> {
    id.strip_prefix("case:").unwrap_or(id).parse().ok()
}

fn as_submission(id: &str) -> Option<SubmissionId> {
    id.strip_prefix("submission:").unwrap_or(id).parse().ok()
}

fn unknown(id: &str, talk: Talk) -> anyhow::Error {
    talk.error(
        format_args!("{id} ist kein Vorgang und keine Einreichung, die hier zu sehen ist"),
        format_args!("{id} is no case and no submission that can be seen here"),
    )
}

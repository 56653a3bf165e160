//! The part of `amtsbote verify` that computes the event log's chain anew.

use std::path::Path;
use std::time::Duration;

use amtsbote_gateway::sealer::LOG_HEAD_TYP;
use amtsbote_jose::{Jws, PublicKey};
use amtsbote_model::{Clock as _, Timestamp};
use amtsbote_store::chain::{Block, hex};
use amtsbote_store_sql::{ChainChecked, Contradiction, Database, check_chain};
use anyhow::Result;

use super::receipt::token as receipt;
use super::verify::{Finding, Report, hint};
use crate::clock::SystemClock;
use crate::talk::Talk;

/// A signed head has about two thousand.
const HEAD_MAX_BYTES: usize = 20_000;

/// Logs are kept for `event_log` after their last event; without keys, signatures are not looked at.
pub(super) fn look_at_chain(
    (event_log, trusted): (Duration, Option<&[PublicKey]>),
    folder: &Path,
    (report, talk): (&mut Report, Talk),
) -> Result<()> {
    let is_signed = &mut |block: &Block| is_signed(block, trusted);
    let Some(checked) = check_chain(folder, kept_since(event_log), is_signed)? else {
        return Ok(());
    };
    let place = folder.join(Database::Gateway.file_name());
    note(&checked, &place.display().to_string(), (report, talk));
    Ok(())
}

/// Logs whose last event is not older must be there.
pub(super) fn kept_since(event_log: Duration) -> Timestamp {
    let span = i64::try_from(event_log.as_millis()).unwrap_or(i64::MAX);
    let now = SystemClock.now().as_millis();
    Timestamp::from_millis(now.saturating_sub(span))
}

/// Without keys, signatures are not looked at.
pub(super) fn is_signed(block: &Block, trusted: Option<&[PublicKey]>) -> bool {
    trusted.is_none_or(|keys| is_signed_by(block, keys))
}

/// What came of the chain in a database.
pub(super) fn note(checked: &ChainChecked, place: &str, (report, talk): (&mut Report, Talk)) {
    report.blocks = checked.blocks;
    report.sealed = checked.leaves;
    report.expired = checked.expired;
    let findings = checked.contradictions.iter().map(|found| Finding {
        kind: "chain",
        place: place.to_owned(),
        id: format!("{found:?}"),
        what: contradiction(found, talk),
        hint: hint(talk),
    });
    report.findings.extend(findings);
}

fn is_signed_by(block: &Block, keys: &[PublicKey]) -> bool {
    let is_head = Jws::parse(&block.signature, HEAD_MAX_BYTES)
        .is_ok_and(|jws| jws.header().typ() == Some(LOG_HEAD_TYP));
    let claims = receipt::verify(&block.signature, keys);
    is_head && claims.is_ok_and(|claims| claims["hash"] == hex(&block.hash()))
}

fn contradiction(found: &Contradiction, talk: Talk) -> String {
    let event = |id: &str, german, english| {
        format!(
            "{} {id} {}",
            talk.pick("Ereignis", "event"),
            talk.pick(german, english)
        )
    };
    let block = |number: u64, german, english| {
        format!(
            "{} {number} {}",
            talk.pick("Block", "block"),
            talk.pick(german, english)
        )
    };
    match found {
        Contradiction::Block(number) => block(
            *number,
            "schließt nicht an oder hat andere Ereignisse, als er besiegelt",
            "does not follow, or has other events than it seals",
        ),
        Contradiction::Signature(number) => block(
            *number,
            "ist von keinem der Schlüssel gültig signiert",
            "is not validly signed by any of the keys",
        ),
        Contradiction::Leaves(count) => format!(
            "{count} {}",
            talk.pick(
                "besiegelte Ereignisse ohne Block",
                "sealed events without a block"
            )
        ),
        Contradiction::Removed(id) => event(id, "wurde entfernt", "was removed"),
        Contradiction::Edited(id) => event(id, "wurde geändert", "was edited"),
        Contradiction::Moved(id) => event(id, "wurde umgestellt", "was moved"),
        Contradiction::Inserted(id) => event(id, "wurde eingeschoben", "was inserted"),
        Contradiction::Unreadable(reason) => format!(
            "{} ({reason})",
            talk.pick("die Kette ist nicht lesbar", "the chain cannot be read")
        ),
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_jose::{KeyUse, PrivateKey, sign};

    use super::*;

    #[test]
    fn only_the_gateways_head_of_this_very_block_counts() {
        let key = PrivateKey::generate(KeyUse::Signature, "service-key-1").unwrap();
        let keys = [key.public().clone()];
        let mut block = Block {
            number: 1,
            previous: [0; 32],
            first: 0,
            count: 1,
            root: [7; 32],
            at: Timestamp::from_millis(1000),
            signature: String::new(),
        };
        let claims = serde_json::json!({ "hash": hex(&block.hash()) }).to_string();
        let signed = |typ| sign(claims.as_bytes(), &key, typ).unwrap();
        assert!(!is_signed_by(&block, &keys));
        block.signature = signed("secevent+jwt");
        assert!(!is_signed_by(&block, &keys));
        block.signature = signed(LOG_HEAD_TYP);
        assert!(is_signed_by(&block, &keys));
        assert!(!is_signed_by(&block, &[]));
        block.count = 2;
        assert!(!is_signed_by(&block, &keys));
    }
}

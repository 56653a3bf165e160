//! What a sender sees of a relay: the foreign service's signed events as they are, and one state.

use amtsbote_fit_connect::event::{Claims, Payload, SchemaRule};
use amtsbote_jose::Jws;
use amtsbote_model::relay::{Outcome, Relay};
use amtsbote_problem::Bilingual;
use amtsbote_store::RelayRow;
use serde_json::{Value, json};

const TOKEN_MAX_BYTES: usize = 256 * 1024;

/// What the status of a submission says of its relay.
pub(crate) struct Shown {
    /// The member `uplink`.
    pub(crate) uplink: Value,
    /// The foreign events, oldest first: `(claims, token)`.
    pub(crate) events: Vec<(Claims, String)>,
    /// State and label that go before our own, once the foreign side has decided or has it.
    pub(crate) state: Option<(&'static str, Bilingual)>,
}

/// The relay as its sender sees it.
pub(crate) fn show(row: &RelayRow) -> Shown {
    let there = row.relay.there();
    let uplink = json!({
        "name": row.uplink,
        "state": row.relay.name(),
        "outcome": row.relay.outcome().map(Outcome::name),
        "submissionId": there.map(|there| there.submission_id),
        "caseId": there.map(|there| there.case_id),
    });
    Shown {
        uplink,
        events: row.log.iter().filter_map(|token| read(token)).collect(),
        state: state_of(&row.relay),
    }
}

fn state_of(relay: &Relay) -> Option<(&'static str, Bilingual)> {
    match (relay, relay.outcome()) {
        (_, Some(Outcome::Accepted)) => Some((
            "accepted",
            Bilingual::new(
                "an das Fachverfahren übergeben",
                "handed over to the procedure",
            ),
        )),
        (_, Some(Outcome::Rejected | Outcome::Refused { .. } | Outcome::Expired)) => {
            Some(("rejected", Bilingual::new("abgelehnt", "rejected")))
        }
        (Relay::Watched { .. }, _) => Some((
            "forwarded",
            Bilingual::new(
                "beim Zustelldienst der Behörde, wartet auf Abholung",
                "at the authority's delivery service, waiting for pick-up",
            ),
        )),
        (Relay::Waiting { .. } | Relay::Announced { .. } | Relay::Submitting { .. }, _) => Some((
            "submitted",
            Bilingual::new(
                "eingegangen, auf dem Weg zum Zustelldienst der Behörde",
                "received, on its way to the authority's delivery service",
            ),
        )),
        // Withdrawn: our own log tells how it ended.
        (Relay::Decided { .. } | Relay::Settled { .. }, _) => None,
    }
}

// Verified before it was stored.
fn read(token: &str) -> Option<(Claims, String)> {
    let jws = Jws::parse(token, TOKEN_MAX_BYTES).ok()?;
    let claims = Claims::parse(jws.unverified_payload(), SchemaRule::OptionalAny).ok()?;
    Some((claims, token.to_owned()))
}

/// The problems an event carries.
pub(crate) fn problems(payload: &Payload) -> Value {
    match payload {
        Payload::Problems(problems) => json!(problems),
        Payload::Empty | Payload::Tags(_) | Payload::Notify(_) => json!([]),
    }
}

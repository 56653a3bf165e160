//! `GET /log/v1/head`, `GET /log/v1/blocks` and `GET /log/v1/cases/{case_id}/events/{event_id}/proof`: the log's chain, for everybody with a token, and
//! where an event is in it, for those who may read its case's log. Our own; FIT-Connect has nothing like it.

use amtsbote_fit_connect::ApiVersion;
use amtsbote_model::{CaseId, EventId};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::chain::{Chain, hex, path};
use axum::extract::RawQuery;
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::cases::demand_any_right;
use crate::Context;
use crate::access::{Asked, Of, pairs_of, reads_log};
use crate::answer::Refused;
use crate::sealer::described;

/// Blocks in one answer, at most.
const BLOCKS_MAX: u64 = 250;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/head", get(head))
        .route("/blocks", get(blocks))
        .route("/cases/{case_id}/events/{event_id}/proof", get(proof))
        .layer(Extension(ApiVersion::V2))
}

async fn head(asked: Asked) -> Result<Json<Value>, Refused> {
    demand_any_right(&asked)?;
    let head = chain(&asked)?.head().await?;
    let head =
        head.ok_or_else(|| absent("nothing is sealed yet: ask again after the first event"))?;
    Ok(Json(
        json!({ "block": described(&head), "signature": head.signature }),
    ))
}

/// `?from=<number>&limit=<count>`: so that who has kept an old head can see that a newer one goes on from it.
async fn blocks(asked: Asked, query: RawQuery) -> Result<Json<Value>, Refused> {
    demand_any_right(&asked)?;
    let (mut from, mut limit) = (1, BLOCKS_MAX);
    for (name, value) in pairs_of(&query) {
        let wanted = match name.as_ref() {
            "from" => &mut from,
            "limit" => &mut limit,
            _ => continue,
        };
        let number = value.parse().ok().filter(|number| *number > 0);
        *wanted = number.ok_or_else(|| {
            Problem::new(Code::MalformedParameter).detail(format!("{name} is a number from 1"))
        })?;
    }
    let chain = chain(&asked)?;
    let mut blocks = Vec::new();
    for number in from..from.saturating_add(limit.min(BLOCKS_MAX)) {
        let Some(block) = chain.block(number).await? else {
            break;
        };
        let mut shown = described(&block);
        shown["signature"] = block.signature.into();
        blocks.push(shown);
    }
    Ok(Json(json!({ "blocks": blocks })))
}

async fn proof(
    asked: Asked,
    Of(case_id): Of<CaseId>,
    Of(event_id): Of<EventId>,
) -> Result<Json<Value>, Refused> {
    demand_any_right(&asked)?;
    let case = asked.context.store().case(case_id).await?;
    let case = case.ok_or(Code::CaseNotFound)?;
    if !reads_log(&asked, &case.sender, case.destination_id).await? {
        return Err(Code::CaseNotFound.into());
    }
    let proof = chain(&asked)?.proof_of(event_id).await?;
    let proof = proof.filter(|proof| proof.leaf.case_id == case_id);
    let proof = proof.ok_or_else(|| {
        absent("the case has no such event, or it is not sealed yet: ask again in some seconds")
    })?;
    let beside = path(&proof.leaves, proof.position);
    Ok(Json(json!({
        "leaf": {
            "eventId": proof.leaf.event_id,
            "caseId": proof.leaf.case_id,
            "at": proof.leaf.at.as_millis(),
            "digest": hex(&proof.leaf.digest),
        },
        "position": proof.position,
        "path": beside.iter().map(hex).collect::<Vec<_>>(),
        "block": described(&proof.block),
        "signature": proof.block.signature,
    })))
}

fn chain(asked: &Asked) -> Result<&dyn Chain, Refused> {
    let chain = asked.context.chain();
    chain.ok_or_else(|| absent("this gateway's store has no chain"))
}

fn absent(detail: &str) -> Refused {
    Problem::new(Code::NoSuchPath).detail(detail).into()
}

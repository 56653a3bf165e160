//! `GET replies` and `GET replies/{replyId}`: who opened a case sees what came back, and fetches it.

use amtsbote_fit_connect::Page as WirePage;
use amtsbote_fit_connect::reply::{RepliesForPickup, Reply as WireReply, ReplyRef as WireRef};
use amtsbote_model::ReplyId;
use amtsbote_problem::Code;
use amtsbote_store::{Listed, ReplyFilter};
use axum::Json;
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::submit::reduced;
use crate::access::{Asked, Of, page_of, paging_of, reply_to_caller};
use crate::answer::Refused;
use crate::auth::Right;
use crate::notify::note_replies_listed;
use crate::routes::submissions::{Wait, stored};

pub(super) async fn list(
    asked: Asked,
    query: RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    asked.caller.demand(Right::Send)?;
    let paging = paging_of(asked.version, &query)?;
    let filter = ReplyFilter::ForPickup(asked.caller.client.clone());
    let wait = Wait::preferred(&headers, asked.context.limits().wait_max);
    let look = || async {
        let listed = asked
            .context
            .store()
            .replies(&filter, page_of(paging))
            .await?;
        Ok(Some(listed).filter(|listed| listed.total > 0))
    };
    let listed = wait.until_some(&asked.context, look).await?;
    let listed = listed.unwrap_or(Listed {
        entries: Vec::new(),
        total: 0,
    });
    note_replies_listed(&asked.context, &listed.entries);
    let total = usize::try_from(listed.total).unwrap_or(usize::MAX);
    let body = RepliesForPickup {
        page: WirePage::of(paging, listed.entries.len(), total),
        replies: listed
            .entries
            .iter()
            .map(|entry| WireRef {
                reply_id: entry.id,
                case_id: entry.case_id,
            })
            .collect(),
    };
    Ok((wait.applied(), Json(body)).into_response())
}

pub(super) async fn fetch(asked: Asked, Of(id): Of<ReplyId>) -> Result<Json<WireReply>, Refused> {
    asked.caller.demand(Right::Send)?;
    let reply = reply_to_caller(&asked, id)
        .await?
        .filter(|reply| reply.state.is_open())
        .ok_or(Code::ReplyNotFound)?;
    let content = asked
        .context
        .store()
        .content(id.into())
        .await?
        .ok_or(Code::ReplyNotFound)?;
    Ok(Json(WireReply {
        reduced: reduced(&reply),
        encrypted_metadata: stored(content.metadata)?,
        encrypted_data: content.data.map(stored).transpose()?,
    }))
}

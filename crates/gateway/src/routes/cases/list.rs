//! `GET cases` and `GET cases/{caseId}`: for who opened them, the subscriber, and who administers the destination. The bodies are
//! ours. What is only announced is shown to who announced it.

use amtsbote_fit_connect::Page as WirePage;
use amtsbote_fit_connect::Paging;
use amtsbote_fit_connect::case::{Case as WireCase, CaseList, CaseRef};
use amtsbote_fit_connect::reply::ReplyRef;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::CaseId;
use amtsbote_problem::Code;
use amtsbote_store::{Case, CaseFilter, Page, ReplyFilter, SubmissionFilter};
use axum::Json;
use axum::extract::RawQuery;

use super::log::demand_any_right;
use crate::access::{Asked, Of, page_of, paging_of, reads_log};
use crate::answer::Refused;
use crate::auth::Right;
use crate::routes::submissions::own_destinations;

pub(super) async fn list(asked: Asked, query: RawQuery) -> Result<Json<CaseList>, Refused> {
    demand_any_right(&asked)?;
    let paging = paging_of(asked.version, &query)?;
    let is_sender = asked.caller.has(Right::Send);
    let filter = CaseFilter {
        sender: is_sender.then(|| asked.caller.client.clone()),
        destinations: own_destinations(&asked).await?,
    };
    let listed = asked
        .context
        .store()
        .cases(&filter, page_of(paging))
        .await?;
    let total = usize::try_from(listed.total).unwrap_or(usize::MAX);
    Ok(Json(CaseList {
        page: WirePage::of(paging, listed.entries.len(), total),
        cases: listed.entries.iter().map(reference).collect(),
    }))
}

pub(super) async fn one(asked: Asked, Of(id): Of<CaseId>) -> Result<Json<WireCase>, Refused> {
    demand_any_right(&asked)?;
    let store = asked.context.store();
    let case = store.case(id).await?.ok_or(Code::CaseNotFound)?;
    if !reads_log(&asked, &case.sender, case.destination_id).await? {
        return Err(Code::CaseNotFound.into());
    }
    let page = Page {
        offset: 0,
        limit: Paging::MAX_LIMIT,
    };
    let opened_it = case.sender == asked.caller.client && asked.caller.has(Right::Send);
    let (announced, replied) = if opened_it {
        let replied = ReplyFilter::SubmittedOfCase(id);
        (SubmissionFilter::OfCase(id), replied)
    } else {
        let replied = ReplyFilter::OfCase(id);
        (SubmissionFilter::SubmittedOfCase(id), replied)
    };
    let submissions = store.submissions(&announced, page).await?;
    if submissions.entries.is_empty() {
        return Err(Code::CaseNotFound.into());
    }
    let replies = store.replies(&replied, page).await?;
    Ok(Json(WireCase {
        ids: reference(&case),
        submissions: submissions
            .entries
            .iter()
            .map(|entry| SubmissionRef {
                destination_id: entry.destination_id,
                submission_id: entry.id,
                case_id: entry.case_id,
            })
            .collect(),
        replies: replies
            .entries
            .iter()
            .map(|entry| ReplyRef {
                reply_id: entry.id,
                case_id: entry.case_id,
            })
            .collect(),
    }))
}

const fn reference(case: &Case) -> CaseRef {
    CaseRef {
        case_id: case.id,
        destination_id: case.destination_id,
    }
}

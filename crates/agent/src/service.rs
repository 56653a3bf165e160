//! What the engine asks of a delivery service, behind one seam: a simulation stands in for it.

use std::time::Duration;

use amtsbote_adapter::Reply;
use amtsbote_client::{Fault, Posted};
use amtsbote_fit_connect::Paging;
use amtsbote_fit_connect::event::Claims;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::delivery::{Failure, Verdict};
use amtsbote_model::{CaseId, DestinationId};
use amtsbote_store::DeliveryRow;

use crate::Served;
use crate::attachments::{Shelf, Spooled};
use crate::delivery::Stopped;
use crate::opening::Content;
use crate::verdict::{Unposted, sign_claims};
use crate::work::Inner;

/// A delivery service. One call is one try.
pub(crate) trait DeliveryService: Send + Sync {
    /// A page of what waits, at one destination or all of ours; while nothing does, it is held back for `wait`.
    fn pickup<'a>(
        &'a self,
        inner: &'a Inner,
        destination: Option<DestinationId>,
        paging: Paging,
        wait: Duration,
    ) -> Reply<'a, Result<Vec<SubmissionRef>, Fault>>;

    /// Fetches a submission, opens and judges it.
    fn open<'a>(
        &'a self,
        inner: &'a Inner,
        row: &'a DeliveryRow,
        on: (&'a Served, &'a Shelf),
    ) -> Reply<'a, Result<(Content, Spooled), Stopped>>;

    /// Signs what is told of a submission.
    fn sign<'a>(
        &'a self,
        claims: &'a Claims,
        served: &'a Served,
    ) -> Reply<'a, Result<String, Failure>>;

    /// Tells it.
    fn post<'a>(
        &'a self,
        inner: &'a Inner,
        case_id: CaseId,
        token: &'a str,
    ) -> Reply<'a, Result<Posted, Fault>>;

    /// The final answer in the log, if there is one. Of a log that is gone, `ours`.
    fn answer<'a>(
        &'a self,
        inner: &'a Inner,
        row: &'a DeliveryRow,
        ours: Verdict,
    ) -> Reply<'a, Result<Option<Verdict>, Unposted>>;
}

/// FIT-Connect, by [`crate::Parts::subscriber`].
pub(crate) struct FitConnect;

impl DeliveryService for FitConnect {
    fn pickup<'a>(
        &'a self,
        inner: &'a Inner,
        destination: Option<DestinationId>,
        paging: Paging,
        wait: Duration,
    ) -> Reply<'a, Result<Vec<SubmissionRef>, Fault>> {
        Box::pin(async move {
            let subscriber = &inner.parts.subscriber;
            Ok(subscriber
                .pickup(destination, paging, wait)
                .await?
                .submissions)
        })
    }

    fn open<'a>(
        &'a self,
        inner: &'a Inner,
        row: &'a DeliveryRow,
        (served, shelf): (&'a Served, &'a Shelf),
    ) -> Reply<'a, Result<(Content, Spooled), Stopped>> {
        Box::pin(inner.open(row, served, shelf))
    }

    fn sign<'a>(
        &'a self,
        claims: &'a Claims,
        served: &'a Served,
    ) -> Reply<'a, Result<String, Failure>> {
        Box::pin(sign_claims(claims, served))
    }

    fn post<'a>(
        &'a self,
        inner: &'a Inner,
        case_id: CaseId,
        token: &'a str,
    ) -> Reply<'a, Result<Posted, Fault>> {
        Box::pin(inner.parts.subscriber.post_event(case_id, token))
    }

    fn answer<'a>(
        &'a self,
        inner: &'a Inner,
        row: &'a DeliveryRow,
        ours: Verdict,
    ) -> Reply<'a, Result<Option<Verdict>, Unposted>> {
        Box::pin(inner.answer_in_log(row, ours))
    }
}

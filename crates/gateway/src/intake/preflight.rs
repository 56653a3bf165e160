//! What the intake would say of a request, without a running gateway: for senders that check before they send.

use amtsbote_fit_connect::intake::Reading;
use amtsbote_problem::Findings;
use amtsbote_validate::service::{Catalogue, Service};

use super::check::judge;
use crate::Limits;

/// Everything that is wrong with an intake request's own members, its data and its attachments. The service is the one
/// given, or the one the request names. Where it goes, and whether that destination takes it, only a gateway knows.
pub fn preflight(body: &[u8], service: Option<&Service>, services: &Catalogue) -> Findings {
    let reading = match Reading::parse(body) {
        Ok(reading) => reading,
        Err(findings) => return findings,
    };
    let id = reading.service.clone();
    let named = id.as_ref().and_then(|id| services.by_service(id).last());
    judge(reading, service.or(named), None, &Limits::default())
        .err()
        .unwrap_or_default()
}

//! One try of one callback.

use std::time::Duration;

use amtsbote_fit_connect::callback::{AUTHENTICATION_HEADER, TIMESTAMP_HEADER};
use amtsbote_jose::mac;
use amtsbote_model::Timestamp;
use amtsbote_outgoing::{Failure, Outgoing, retry_after};
use amtsbote_store::Notice;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use url::Url;

use super::circuit::Outcome;

/// Why the other side does not have it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Missed {
    /// The stored target is no URL.
    #[error("the callback's target is not a URL")]
    Target,
    /// No answer.
    #[error("the callback was not answered")]
    Call(#[source] Failure),
    /// An answer other than 2xx.
    #[error("the callback was answered {status}")]
    Status {
        /// The status.
        status: StatusCode,
        /// How long the other side asks to wait.
        retry_after: Option<Duration>,
    },
}

impl Missed {
    /// `Retry-After`, if it came.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Target | Self::Call(_) => None,
        }
    }

    /// What this says of the host: a refusal of one callback is no outage.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Status { status, .. } if status.is_server_error() => Outcome::Failed,
            Self::Status { status, .. }
                if matches!(
                    *status,
                    StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                ) =>
            {
                Outcome::Failed
            }
            Self::Status { .. } => Outcome::Answered,
            Self::Target | Self::Call(_) => Outcome::Failed,
        }
    }
}

/// Posts the notice, authenticated over exactly the bytes that are sent ("FIT-Connect, Callbacks"). Of the answer only status and
/// headers are looked at: its body is never read.
pub(crate) async fn post(
    outgoing: &Outgoing,
    notice: &Notice,
    now: Timestamp,
) -> Result<(), Missed> {
    let url = Url::parse(&notice.url).map_err(|_| Missed::Target)?;
    let timestamp = now.as_seconds().to_string();
    let authentication = mac::callback(notice.secret.reveal(), &timestamp, notice.body.as_bytes());
    let call = outgoing
        .request(Method::POST, url)
        .map_err(Missed::Call)?
        .header(CONTENT_TYPE, "application/json")
        .header(TIMESTAMP_HEADER, timestamp)
        .header(AUTHENTICATION_HEADER, authentication)
        .body(notice.body.clone());
    let answer = outgoing.send(call).await.map_err(Missed::Call)?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(Missed::Status {
        status: answer.status(),
        retry_after: retry_after(answer.headers(), now),
    })
}

//! The sender's calls.

use std::io;

use amtsbote_fit_connect::submission::{
    CreateSubmission, SubmissionReduced, SubmissionRef, SubmitSubmission,
};
use amtsbote_model::{AttachmentId, SubmissionId};
use bytes::Bytes;
use futures_util::Stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, StatusCode};

use crate::exchange::{Call, SMALL, bearing};
use crate::{Fault, Session, Silence};

/// Sends submissions. Destinations, keys and event logs are read through [`Sender::session`].
#[derive(Debug, Clone)]
pub struct Sender {
    session: Session,
}

impl Sender {
    /// A sender.
    pub const fn new(session: Session) -> Self {
        Self { session }
    }

    /// Its session.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Announces a submission. **Not repeatable**: every call opens another submission, unfinished ones are deleted
    /// by the service after a day.
    pub async fn announce(&self, announcement: &CreateSubmission) -> Result<SubmissionRef, Fault> {
        let body = announcement
            .body(self.session.service().version())
            .to_string();
        let url = self.session.versioned(&["submissions"]);
        let answer = self
            .session
            .call(&Call::new(Method::POST, url).body("application/json", body))
            .await?;
        SubmissionRef::parse(answer.json()?)
            .map_err(|_| Fault::malformed("the ids of the submission were expected"))
    }

    /// Uploads a sealed attachment (a compact JWE) as a stream; `length` in bytes where it is known. May be repeated:
    /// the last one counts.
    ///
    /// A stream cannot be sent twice: if the token is no longer taken, the answer is [`Silence::StaleToken`], and the
    /// next try has a new one.
    pub async fn upload<S>(
        &self,
        submission: SubmissionId,
        attachment: AttachmentId,
        sealed: S,
        length: Option<u64>,
    ) -> Result<(), Fault>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let (submission, attachment) = (submission.to_string(), attachment.to_string());
        let path = ["submissions", &submission, "attachments", &attachment];
        self.session.upload(&path, sealed, length).await
    }

    /// Completes a submission. May be repeated with the same content as long as it is not answered.
    pub async fn submit(
        &self,
        submission: SubmissionId,
        sealed: &SubmitSubmission,
    ) -> Result<SubmissionReduced, Fault> {
        let body = serde_json::to_vec(sealed)
            .map_err(|_| Fault::malformed("the submission could not be written"))?;
        let url = self
            .session
            .versioned(&["submissions", &submission.to_string()]);
        let answer = self
            .session
            .call(&Call::new(Method::PUT, url).body("application/json", body))
            .await?;
        SubmissionReduced::parse(answer.json()?)
            .map_err(|_| Fault::malformed("the submission was expected"))
    }
}

impl Session {
    /// Uploads a compact JWE to the path, see [`Sender::upload`].
    pub(crate) async fn upload<S>(
        &self,
        path: &[&str],
        sealed: S,
        length: Option<u64>,
    ) -> Result<(), Fault>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let url = self.versioned(path);
        let token = self.token().await?;
        let outgoing = self.outgoing();
        let call = bearing(outgoing.stream_request(Method::PUT, url)?, &token)?;
        let call = call.header(CONTENT_TYPE, "application/jose");
        let call = match length {
            Some(bytes) => call.header(CONTENT_LENGTH, bytes),
            None => call,
        };
        let response = outgoing.send_upload(call, sealed).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.discard(token.number).await;
            return Err(Fault::Unavailable {
                retry_after: None,
                silence: Silence::StaleToken,
            });
        }
        self.settle(response, SMALL).await.map(|_| ())
    }
}

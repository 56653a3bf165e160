//! The subscriber's calls.

use std::time::Duration;

use amtsbote_fit_connect::Paging;
use amtsbote_fit_connect::submission::{Submission, SubmissionsForPickup};
use amtsbote_model::{AttachmentId, CaseId, DestinationId, SubmissionId};
use amtsbote_outgoing::Download;
use bytes::Bytes;
use reqwest::header::ACCEPT;
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::exchange::{Call, bearing, media_type};
use crate::{Fault, Session};

const JOSE: &str = "application/jose";

/// Fetches and answers submissions. Destinations, keys and event logs are read through [`Subscriber::session`].
#[derive(Debug, Clone)]
pub struct Subscriber {
    session: Session,
}

/// What became of a posted event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It stands in the log.
    Done,
    /// It does not follow the submission's present state (409). After a repeat: read the log, the first one may have
    /// arrived.
    IllegalStep,
}

impl Subscriber {
    /// A subscriber.
    pub const fn new(session: Session) -> Self {
        Self { session }
    }

    /// Its session.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Submissions that wait, for one destination or all of ours. With `wait`, a service that knows `Prefer: wait`
    /// (RFC 7240 §4.3) holds an empty answer back that long, in whole seconds up to 300; others answer at once.
    pub async fn pickup(
        &self,
        destination: Option<DestinationId>,
        paging: Paging,
        wait: Duration,
    ) -> Result<SubmissionsForPickup, Fault> {
        let mut url = self.session.versioned(&["submissions"]);
        url.query_pairs_mut().extend_pairs(paging.pairs());
        if let Some(id) = destination {
            url.query_pairs_mut()
                .append_pair("destinationId", &id.to_string());
        }
        let answer = self.session.call(&Call::get(url).preferring(wait)).await?;
        SubmissionsForPickup::parse(answer.json()?)
            .map_err(|_| Fault::malformed("a list of submissions was expected"))
    }

    /// A submission with metadata and data, sealed.
    pub async fn fetch(&self, submission: SubmissionId) -> Result<Submission, Fault> {
        let url = self
            .session
            .versioned(&["submissions", &submission.to_string()]);
        let max = self.session.service().bounds().submission_bytes;
        let answer = self.session.call(&Call::get(url).answer_max(max)).await?;
        let read = Submission::parse(answer.json()?)
            .map_err(|_| Fault::malformed("a submission was expected"))?;
        if read.reduced.ids.submission_id == submission {
            Ok(read)
        } else {
            Err(Fault::malformed("it is another submission than asked for"))
        }
    }

    /// A sealed attachment (a compact JWE), as a stream.
    pub async fn download(
        &self,
        submission: SubmissionId,
        attachment: AttachmentId,
    ) -> Result<AttachmentStream, Fault> {
        let (submission, attachment) = (submission.to_string(), attachment.to_string());
        let path = ["submissions", &submission, "attachments", &attachment];
        self.session.download(&path).await
    }

    /// Writes a sealed attachment into `sink` and gives its length in bytes. After a fault the sink holds a part.
    pub async fn download_to<W>(
        &self,
        submission: SubmissionId,
        attachment: AttachmentId,
        sink: &mut W,
    ) -> Result<u64, Fault>
    where
        W: AsyncWrite + Unpin + Send,
    {
        let mut stream = self.download(submission, attachment).await?;
        let mut written = 0;
        while let Some(piece) = stream.next().await? {
            sink.write_all(&piece).await.map_err(Fault::OwnEnd)?;
            written += piece.len() as u64;
        }
        sink.flush().await.map_err(Fault::OwnEnd)?;
        Ok(written)
    }

    /// Posts a signed event (compact SET) to a case. May be repeated with the same token: [`Posted::IllegalStep`] then
    /// says that it, or another answer, was there before.
    pub async fn post_event(&self, case: CaseId, token: &str) -> Result<Posted, Fault> {
        let url = self
            .session
            .versioned(&["cases", &case.to_string(), "events"]);
        match self
            .session
            .call(&Call::new(Method::POST, url).body(JOSE, token.to_owned()))
            .await
        {
            Ok(_) => Ok(Posted::Done),
            Err(Fault::Refused { status: 409, .. }) => Ok(Posted::IllegalStep),
            Err(fault) => Err(fault),
        }
    }
}

impl Session {
    /// The compact JWE at the path, as a stream.
    pub(crate) async fn download(&self, path: &[&str]) -> Result<AttachmentStream, Fault> {
        let mut renewed = false;
        loop {
            let token = self.token().await?;
            let download = self.begin(path, &token).await?;
            if download.status() == StatusCode::UNAUTHORIZED && !renewed {
                self.discard(token.number).await;
                renewed = true;
                continue;
            }
            return self.stream_of(download).await;
        }
    }

    async fn begin(&self, path: &[&str], token: &crate::session::Token) -> Result<Download, Fault> {
        let url = self.versioned(path);
        let outgoing = self.outgoing();
        let call = bearing(outgoing.stream_request(Method::GET, url)?, token)?;
        Ok(outgoing
            .send_stream(call.header(ACCEPT, "application/jose, application/problem+json"))
            .await?)
    }

    async fn stream_of(&self, download: Download) -> Result<AttachmentStream, Fault> {
        if !download.status().is_success() {
            return Err(self.fault(download.into_response()).await);
        }
        let kind = media_type(download.headers());
        if !kind.is_none_or(|kind| kind == JOSE || kind == "application/octet-stream") {
            return Err(Fault::malformed("its content type is not application/jose"));
        }
        let max = self.service().bounds().attachment_bytes;
        if download.length().is_some_and(|length| length > max) {
            return Err(Fault::malformed("it is longer than allowed"));
        }
        Ok(AttachmentStream {
            download,
            left: max,
        })
    }
}

/// A sealed attachment coming down, bounded. Dropping it closes the connection.
#[derive(Debug)]
pub struct AttachmentStream {
    download: Download,
    left: u64,
}

impl AttachmentStream {
    /// The announced length in bytes, if it was announced.
    pub fn length(&self) -> Option<u64> {
        self.download.length()
    }

    /// The next piece, or `None` at the end. A body that is cut off is a fault, never an end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(piece) = self.download.next().await? else {
            return Ok(None);
        };
        self.left = self
            .left
            .checked_sub(piece.len() as u64)
            .ok_or(Fault::malformed("it is longer than allowed"))?;
        Ok(Some(piece))
    }
}

//! Answers, read within bounds.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use tokio::time::timeout;

use crate::Failure;
use crate::client::host_of;

/// Reads the whole body of `response`, at most `max` bytes. The call's own limit of time goes on.
pub async fn read_bounded(mut response: Response, max: usize) -> Result<Bytes, Failure> {
    let host = host_of(response.url());
    let max_bytes = u64::try_from(max).unwrap_or(u64::MAX);
    if response
        .content_length()
        .is_some_and(|length| length > max_bytes)
    {
        return Err(Failure::TooLarge { host, max_bytes });
    }
    let mut body = BytesMut::new();
    loop {
        let piece = match response.chunk().await {
            Ok(Some(piece)) => piece,
            Ok(None) => return Ok(body.freeze()),
            Err(error) => return Err(Failure::of(error, host)),
        };
        if body.len() + piece.len() > max {
            return Err(Failure::TooLarge { host, max_bytes });
        }
        body.extend_from_slice(&piece);
    }
}

/// An answer whose body comes piece by piece. Dropping it closes the connection.
pub struct Download {
    response: Response,
    idle: Duration,
}

impl Download {
    pub(crate) fn new(response: Response, idle: Duration) -> Self {
        Self { response, idle }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The announced length in bytes, if it was announced.
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece, or `None` at the honest end: a body that is cut off is [`Failure::Broken`]. The caller counts.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match timeout(self.idle, self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(Failure::of(error, host_of(self.response.url()))),
            Err(_) => Err(Failure::TimedOut {
                host: host_of(self.response.url()),
            }),
        }
    }

    /// The answer as it came, to read it whole with [`read_bounded`].
    pub fn into_response(self) -> Response {
        self.response
    }
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

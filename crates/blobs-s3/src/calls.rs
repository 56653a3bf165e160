//! Calls to the store, through our one way out, each bounded in time.

use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};

/// Until the first word of the answer; a part of 8 MiB goes up meanwhile.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// Makes the calls of the library with a client of ours.
#[derive(Debug, Clone)]
pub(crate) struct Calls(pub(crate) reqwest::Client);

#[derive(Debug, thiserror::Error)]
#[error("the object store did not answer in time")]
struct Silence;

impl HttpConnector for Calls {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Calls {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        tokio::time::timeout(ANSWER_MAX, self.0.call(request))
            .await
            .unwrap_or_else(|_| Err(HttpError::new(HttpErrorKind::Timeout, Silence)))
    }
}

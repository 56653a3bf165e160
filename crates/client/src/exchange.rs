//! One call and its answer.

use std::time::Duration;

use amtsbote_outgoing::{read_bounded, retry_after};
use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use url::Url;

use crate::session::Token;
use crate::{Fault, Session};

/// An answer without a list or content in it.
pub(crate) const SMALL: usize = 1024 * 1024;
/// What is read of an answer that is not success.
const PROBLEM_MAX: usize = 256 * 1024;

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Whatever waits longer than this is a mistake; proxies cut such connections.
const WAIT_MAX: Duration = Duration::from_mins(5);

/// A call that can be made again with another token.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    headers: HeaderMap,
    body: Bytes,
    wait: Duration,
    answer_max: usize,
}

/// Success: any 2xx, its body read.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Call {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        let headers = HeaderMap::from_iter([(
            ACCEPT,
            HeaderValue::from_static("application/json, application/problem+json"),
        )]);
        Self {
            method,
            url,
            headers,
            body: Bytes::new(),
            wait: Duration::ZERO,
            answer_max: SMALL,
        }
    }

    pub(crate) fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    pub(crate) fn body(mut self, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.body = body.into();
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The peer may keep us waiting that much longer.
    pub(crate) fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// With `Prefer: wait` (RFC 7240 §4.3), in whole seconds up to 300: proxies cut connections that wait longer.
    pub(crate) fn preferring(self, wait: Duration) -> Self {
        let wait = wait.min(WAIT_MAX);
        let call = self.wait(wait);
        match HeaderValue::try_from(format!("wait={}", wait.as_secs())) {
            Ok(value) if wait.as_secs() > 0 => call.header(PREFER, value),
            Ok(_) | Err(_) => call,
        }
    }

    pub(crate) fn answer_max(mut self, bytes: usize) -> Self {
        self.answer_max = bytes;
        self
    }
}

impl Answer {
    /// The body, if it says it is JSON.
    pub(crate) fn json(&self) -> Result<&[u8], Fault> {
        // The public routing service calls its good answers application/problem+json.
        if media_type(&self.headers)
            .is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"))
        {
            Ok(&self.body)
        } else {
            Err(Fault::malformed("its content type is not JSON"))
        }
    }
}

/// The media type in lower case without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    text.split(';')
        .next()
        .map(|kind| kind.trim().to_ascii_lowercase())
}

impl Session {
    /// Makes a call that needs no token.
    pub(crate) async fn open_call(&self, call: &Call) -> Result<Answer, Fault> {
        let response = self.outgoing().send(self.builder(call)?).await?;
        self.settle(response, call.answer_max).await
    }

    /// Makes a call with our token; if the service no longer takes it, once more with a new one.
    pub(crate) async fn call(&self, call: &Call) -> Result<Answer, Fault> {
        let token = self.token().await?;
        let response = self
            .outgoing()
            .send(bearing(self.builder(call)?, &token)?)
            .await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return self.settle(response, call.answer_max).await;
        }
        self.discard(token.number).await;
        let token = self.token().await?;
        let response = self
            .outgoing()
            .send(bearing(self.builder(call)?, &token)?)
            .await?;
        self.settle(response, call.answer_max).await
    }

    /// Takes success apart from everything else.
    pub(crate) async fn settle(&self, response: Response, max: usize) -> Result<Answer, Fault> {
        if !response.status().is_success() {
            return Err(self.fault(response).await);
        }
        let headers = response.headers().clone();
        let body = read_bounded(response, max).await?;
        Ok(Answer { headers, body })
    }

    /// What an answer that is not success means. A problem that is too long or broken off still counts by its status.
    pub(crate) async fn fault(&self, response: Response) -> Fault {
        let status = response.status();
        let wait = retry_after(response.headers(), self.now());
        let body = read_bounded(response, PROBLEM_MAX)
            .await
            .unwrap_or_default();
        Fault::of_status(status, wait, &body)
    }

    fn builder(&self, call: &Call) -> Result<RequestBuilder, Fault> {
        let total = self.outgoing().timeouts().total + call.wait;
        let builder = self
            .outgoing()
            .request(call.method.clone(), call.url.clone())?;
        let builder = builder.headers(call.headers.clone()).timeout(total);
        Ok(if call.headers.contains_key(CONTENT_TYPE) {
            builder.body(call.body.clone())
        } else {
            builder
        })
    }
}

/// With the token, marked so that no one prints it.
pub(crate) fn bearing(builder: RequestBuilder, token: &Token) -> Result<RequestBuilder, Fault> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.bearer.reveal()))
        .map_err(|_| Fault::malformed("its token does not fit into a header"))?;
    value.set_sensitive(true);
    Ok(builder.header(AUTHORIZATION, value))
}

//! A client at a service: its token, kept as long as it is good.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_fit_connect::token::{TokenAnswer, TokenError, TokenRequest};
use amtsbote_jose::KeySet;
use amtsbote_model::{Clock, Secret, Timestamp};
use amtsbote_outgoing::{Outgoing, read_bounded, retry_after};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use tokio::sync::Mutex;

use crate::fault::Answered;
use crate::{Credentials, Fault, Service};

/// A token is not used in its last seconds.
const EARLY: Duration = Duration::from_secs(30);
const TOKEN_ANSWER_MAX: usize = 64 * 1024;

/// One client at one delivery service. Cheap to clone; clones share the token and the service's keys.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    outgoing: Outgoing,
    service: Service,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    token: Mutex<Option<Token>>,
    keys: Mutex<Option<CachedKeys>>,
}

/// The service's keys as fetched.
pub(crate) struct CachedKeys {
    pub(crate) set: KeySet,
    pub(crate) at: Timestamp,
}

/// A token with its number: who finds it stale names it, so that a newer one is not thrown away.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) bearer: Arc<Secret>,
    pub(crate) number: u64,
    until: Timestamp,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = &self.0;
        f.debug_struct("Session")
            .field("service", &inner.service)
            .field("client", &inner.credentials.client_id)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session; makes no call yet.
    pub fn new(
        outgoing: Outgoing,
        service: Service,
        credentials: Credentials,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (token, keys) = (Mutex::new(None), Mutex::new(None));
        Self(Arc::new(Inner {
            outgoing,
            service,
            credentials,
            clock,
            token,
            keys,
        }))
    }

    /// The service.
    pub fn service(&self) -> &Service {
        &self.0.service
    }

    /// Whether the service takes our credentials; a token is fetched unless a good one is there.
    pub async fn probe(&self) -> Result<(), Fault> {
        self.token().await.map(|_| ())
    }

    pub(crate) fn outgoing(&self) -> &Outgoing {
        &self.0.outgoing
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn cached_keys(&self) -> &Mutex<Option<CachedKeys>> {
        &self.0.keys
    }

    /// A good token. Held while fetching, so that many callers cause one fetch.
    pub(crate) async fn token(&self) -> Result<Token, Fault> {
        let mut held = self.0.token.lock().await;
        if let Some(token) = &*held
            && self.now() < token.until
        {
            return Ok(token.clone());
        }
        let number = held.as_ref().map_or(0, |token| token.number + 1);
        let fetched = self.fetch_token(number).await?;
        *held = Some(fetched.clone());
        Ok(fetched)
    }

    /// The token of that number was not taken: it is not used again.
    pub(crate) async fn discard(&self, number: u64) {
        let mut held = self.0.token.lock().await;
        if let Some(token) = held.as_mut()
            && token.number == number
        {
            token.until = Timestamp::from_millis(i64::MIN);
        }
    }

    /// Client credentials (RFC 6749 §4.4), the secret in the form.
    async fn fetch_token(&self, number: u64) -> Result<Token, Fault> {
        let Credentials {
            client_id,
            client_secret,
        } = self.0.credentials.clone();
        let form = TokenRequest {
            client_id,
            client_secret,
            scope: None,
        }
        .form();
        let call = self
            .0
            .outgoing
            .request(Method::POST, self.0.service.token_url())?
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(form.reveal().to_owned());
        let asked_at = self.now();
        let answer = self.0.outgoing.send_repeatable(call).await?;
        let (status, wait) = (answer.status(), retry_after(answer.headers(), asked_at));
        let body = read_bounded(answer, TOKEN_ANSWER_MAX).await?;
        if let Some(error) = TokenError::parse(&body).filter(|_| status.is_client_error()) {
            let code = Some(error.code.name().to_owned());
            return Err(Fault::Refused {
                status: status.as_u16(),
                code,
                answered: Box::default(),
            });
        }
        if status == StatusCode::NOT_FOUND {
            // There is no token endpoint here: an operator must act.
            let answered = Box::<Answered>::default();
            return Err(Fault::Refused {
                status: 404,
                code: None,
                answered,
            });
        }
        if !status.is_success() {
            return Err(Fault::of_status(status, wait, &body));
        }
        let answer = TokenAnswer::parse(&body)
            .map_err(|_| Fault::malformed("a bearer token (RFC 6749 §5.1) was expected"))?;
        let lifetime = Duration::from_secs(u64::from(answer.expires_in_s));
        Ok(Token {
            bearer: Arc::new(answer.access_token),
            number,
            until: asked_at.plus(lifetime.saturating_sub(EARLY)),
        })
    }
}

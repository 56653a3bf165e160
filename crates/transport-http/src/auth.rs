//! How we show who we are, in headers.

use amtsbote_adapter::Fault;
use amtsbote_adapter::transport::read_secret;
use amtsbote_model::{ParcelId, Secret};
use amtsbote_outgoing::{Outgoing, read_bounded};
use reqwest::{Method, RequestBuilder};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::outbound::unanswered;
use crate::settings::{Auth, ClientAuth};

const TOKEN_ANSWER_MAX_BYTES: usize = 64 * 1024;

/// The proof of who we are, and the token in use.
#[derive(Debug)]
pub(crate) struct Proof {
    auth: Auth,
    token: Mutex<Option<Secret>>,
}

/// Whether a token that was fetched before will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    Any,
    Fresh,
}

impl Proof {
    pub(crate) fn new(auth: Auth) -> Self {
        Self {
            auth,
            token: Mutex::new(None),
        }
    }

    /// Whether a refusal may be the token's age.
    pub(crate) fn is_renewable(&self) -> bool {
        matches!(self.auth, Auth::Oauth2 { .. })
    }

    /// Files are read anew each time: they may be replaced while running.
    pub(crate) async fn show(
        &self,
        call: RequestBuilder,
        outgoing: &Outgoing,
        age: Age,
    ) -> Result<RequestBuilder, Fault> {
        Ok(match &self.auth {
            Auth::None => call,
            Auth::Basic {
                user,
                password_file,
            } => {
                let password = read_secret(password_file, "password_file")?;
                call.basic_auth(user, Some(password.reveal()))
            }
            Auth::Bearer { token_file } => {
                call.bearer_auth(read_secret(token_file, "token_file")?.reveal())
            }
            Auth::Oauth2 { .. } => call.bearer_auth(self.token(outgoing, age).await?.reveal()),
        })
    }

    // The lock is held while a token is fetched, so that many parcels fetch one.
    async fn token(&self, outgoing: &Outgoing, age: Age) -> Result<Secret, Fault> {
        let mut kept = self.token.lock().await;
        match (&*kept, age) {
            (Some(token), Age::Any) => return Ok(token.clone()),
            (_, Age::Fresh) | (None, Age::Any) => {}
        }
        *kept = None;
        let token = self.fetch(outgoing).await?;
        *kept = Some(token.clone());
        Ok(token)
    }

    async fn fetch(&self, outgoing: &Outgoing) -> Result<Secret, Fault> {
        let Auth::Oauth2 {
            token_url,
            client_id,
            client_secret_file,
            scope,
            client_auth,
        } = &self.auth
        else {
            return Err(Fault::misconfigured(
                "mit diesem auth lässt sich kein Token holen",
                "no token can be fetched with this auth",
            ));
        };
        let secret = read_secret(client_secret_file, "client_secret_file")?;
        let url = token_url
            .of(ParcelId::from_uuid(Uuid::nil()))
            .ok_or_else(|| {
                Fault::misconfigured("token_url ist nicht brauchbar", "token_url is not usable")
            })?;
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        let mut call = outgoing.request(Method::POST, url).map_err(unanswered)?;
        match client_auth {
            ClientAuth::Basic => call = call.basic_auth(client_id, Some(secret.reveal())),
            ClientAuth::Body => {
                form.push(("client_id", client_id));
                form.push(("client_secret", secret.reveal()));
            }
        }
        let answer = outgoing.send_repeatable(call.form(&form)).await;
        let answer = answer.map_err(unanswered)?;
        let status = answer.status().as_u16();
        match status {
            200..=299 => {}
            408 | 429 | 500..=599 => {
                return Err(Fault::unavailable(
                    format!("der Token-Endpunkt antwortete {status}"),
                    format!("the token endpoint answered {status}"),
                ));
            }
            _ => {
                return Err(Fault::misconfigured(
                    format!(
                        "der Token-Endpunkt antwortete {status}: client_id, client_secret_file, scope oder client_auth berichtigen"
                    ),
                    format!(
                        "the token endpoint answered {status}: correct client_id, client_secret_file, scope or client_auth"
                    ),
                ));
            }
        }
        let body = read_bounded(answer, TOKEN_ANSWER_MAX_BYTES)
            .await
            .map_err(unanswered)?;
        let token = serde_json::from_slice::<Granted>(&body).ok();
        token
            .map(|granted| granted.access_token)
            .filter(|token| {
                let text = token.reveal();
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
            })
            .ok_or_else(|| {
                Fault::misconfigured(
                    "der Token-Endpunkt antwortete ohne access_token; token_url berichtigen",
                    "the token endpoint answered without an access_token; correct token_url",
                )
            })
    }
}

#[derive(serde::Deserialize)]
struct Granted {
    access_token: Secret,
}

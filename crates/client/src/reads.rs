//! What both sides read: destinations, keys, event logs.

use std::time::Duration;

use amtsbote_fit_connect::Paging;
use amtsbote_fit_connect::case::{Case, CaseList};
use amtsbote_fit_connect::destination::PublicDestination;
use amtsbote_fit_connect::event::EventLog;
use amtsbote_fit_connect::reply::ReplyRef;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_jose::{KeySet, KeyUse, PublicKey, X5c};
use amtsbote_model::{CaseId, DestinationId, SubmissionId};

use crate::exchange::Call;
use crate::session::CachedKeys;
use crate::verify::{self, Expected, ExpectedReply, Keys, NamedKeys, VerifiedLog};
use crate::{Fault, Session};

/// One page of an event log: 500 tokens of 32 KiB.
const LOG_PAGE_MAX: usize = 16 * 1024 * 1024;
/// Events of one case, at most.
const LOG_EVENTS_MAX: usize = 10_000;
/// All tokens of one case, at most.
const LOG_BYTES_MAX: usize = 64 * 1024 * 1024;
/// An unknown key id has the key set fetched again at most this often.
const KEYS_AGE_MIN: Duration = Duration::from_mins(1);
/// The key set is fetched again after this, so that withdrawn keys are forgotten.
const KEYS_AGE_MAX: Duration = Duration::from_hours(1);

impl Session {
    /// A destination. Public under v2; read with our token, which v1 demands.
    pub async fn destination(&self, id: DestinationId) -> Result<PublicDestination, Fault> {
        let url = self.versioned(&["destinations", &id.to_string()]);
        let answer = self.call(&Call::get(url)).await?;
        PublicDestination::parse(answer.json()?)
            .map_err(|_| Fault::malformed("a destination was expected"))
    }

    /// A key of a destination (Submission API 1.1.3: readable without a token), checked against the key policy.
    pub async fn destination_key(
        &self,
        id: DestinationId,
        kid: &str,
        key_use: KeyUse,
    ) -> Result<PublicKey, Fault> {
        let url = self.versioned(&["destinations", &id.to_string(), "keys", kid]);
        let answer = self.open_call(&Call::get(url)).await?;
        let text = std::str::from_utf8(answer.json()?)
            .map_err(|_| Fault::malformed("a JWK was expected"))?;
        let rule = self.service().certificates();
        let key = PublicKey::parse(text, key_use, rule.x5c())
            .map_err(|_| Fault::malformed("the key breaks the policy for keys"))?;
        if key.kid() == kid {
            Ok(key)
        } else {
            Err(Fault::malformed("it is another key than asked for"))
        }
    }

    /// The key to seal for, its certificates judged at present by the service's rule. Old events stay verifiable when the
    /// certificate of their key has ended, and are read with [`Session::destination_key`]; sealing is for the present.
    pub async fn sealing_key(&self, id: DestinationId, kid: &str) -> Result<PublicKey, Fault> {
        let key = self.destination_key(id, kid, KeyUse::Encryption).await?;
        self.service()
            .certificates()
            .check(&key, self.now().as_seconds())
            .map_err(|_| {
                Fault::malformed("a key with certificates that are trusted was expected")
            })?;
        Ok(key)
    }

    /// The service's own keys, from the cache if it holds all of `kids`.
    pub async fn service_keys(&self, kids: &[&str]) -> Result<KeySet, Fault> {
        let mut cached = self.cached_keys().lock().await;
        if let Some(keys) = &*cached {
            let age = self.now().since(keys.at);
            let complete = kids.iter().all(|kid| keys.set.find(kid).is_some());
            if (complete && age < KEYS_AGE_MAX) || age < KEYS_AGE_MIN {
                return Ok(keys.set.clone());
            }
        }
        let set = self.fetch_service_keys().await?;
        *cached = Some(CachedKeys {
            set: set.clone(),
            at: self.now(),
        });
        Ok(set)
    }

    async fn fetch_service_keys(&self) -> Result<KeySet, Fault> {
        let answer = self
            .open_call(&Call::get(
                self.service().url(&[".well-known", "jwks.json"]),
            ))
            .await?;
        let what = "a JWK set was expected";
        let text = std::str::from_utf8(answer.json()?).map_err(|_| Fault::malformed(what))?;
        KeySet::parse(text, KeyUse::Signature, X5c::Optional).map_err(|_| Fault::malformed(what))
    }

    /// The event log of a case, all pages, oldest first, **not verified**; see [`Session::verified_log`].
    pub async fn event_log(&self, case: CaseId) -> Result<Vec<String>, Fault> {
        let mut tokens: Vec<String> = Vec::new();
        let mut bytes = 0;
        loop {
            let offset = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
            let page = self
                .event_page(
                    case,
                    Paging {
                        offset,
                        limit: Paging::MAX_LIMIT,
                    },
                )
                .await?;
            let count = page.event_log.len();
            bytes += page.event_log.iter().map(String::len).sum::<usize>();
            tokens.extend(page.event_log);
            if tokens.len() > LOG_EVENTS_MAX || bytes > LOG_BYTES_MAX {
                return Err(Fault::malformed(
                    "the event log is longer than any case has",
                ));
            }
            let total = usize::try_from(page.page.total_count).unwrap_or(usize::MAX);
            let full = count == Paging::MAX_LIMIT as usize;
            if count == 0 || (!full && tokens.len() >= total) {
                return Ok(tokens);
            }
        }
    }

    async fn event_page(&self, case: CaseId, paging: Paging) -> Result<EventLog, Fault> {
        let mut url = self.versioned(&["cases", &case.to_string(), "events"]);
        url.query_pairs_mut().extend_pairs(paging.pairs());
        let answer = self.call(&Call::get(url).answer_max(LOG_PAGE_MAX)).await?;
        EventLog::parse(answer.json()?).map_err(|_| Fault::malformed("an event log was expected"))
    }

    /// The first events of a submission's log, **not verified**: who knows only its id learns its case from them.
    pub async fn submission_log(&self, submission: SubmissionId) -> Result<Vec<String>, Fault> {
        let mut url = self.versioned(&["submissions", &submission.to_string(), "events"]);
        let first = Paging {
            offset: 0,
            limit: 1,
        };
        url.query_pairs_mut().extend_pairs(first.pairs());
        let answer = self.call(&Call::get(url).answer_max(LOG_PAGE_MAX)).await?;
        let log = EventLog::parse(answer.json()?)
            .map_err(|_| Fault::malformed("an event log was expected"))?;
        Ok(log.event_log)
    }

    /// Fetches the event log of a submission's case with all keys it needs, and verifies it. Findings are an answer:
    /// they say that the log is not to be believed.
    pub async fn verified_log(
        &self,
        ids: SubmissionRef,
    ) -> Result<Result<VerifiedLog, amtsbote_problem::Findings>, Fault> {
        let tokens = self.event_log(ids.case_id).await?;
        let named = verify::named_keys(&tokens);
        let keys = self.keys_for(&named, ids.destination_id).await?;
        let expected = Expected {
            service: self.service().expected_issuer(),
            ids,
        };
        Ok(verify::log(&tokens, &expected, &keys))
    }

    /// Fetches the event log of a reply's case with all keys it needs, and verifies it for the reply. `destination` is that of the
    /// case: take it from the submission that was sent, not from the answer.
    pub async fn verified_reply_log(
        &self,
        ids: ReplyRef,
        destination: DestinationId,
    ) -> Result<Result<VerifiedLog, amtsbote_problem::Findings>, Fault> {
        let tokens = self.event_log(ids.case_id).await?;
        let named = verify::named_keys(&tokens);
        let keys = self.keys_for(&named, destination).await?;
        let expected = ExpectedReply {
            service: self.service().expected_issuer(),
            ids,
            destination_id: destination,
        };
        Ok(verify::reply_log(&tokens, &expected, &keys))
    }

    /// The caller's cases, oldest first.
    pub async fn cases(&self, paging: Paging) -> Result<CaseList, Fault> {
        let mut url = self.versioned(&["cases"]);
        url.query_pairs_mut().extend_pairs(paging.pairs());
        let answer = self.call(&Call::get(url)).await?;
        CaseList::parse(answer.json()?)
            .map_err(|_| Fault::malformed("a list of cases was expected"))
    }

    /// A case and what is in it.
    pub async fn case(&self, id: CaseId) -> Result<Case, Fault> {
        let url = self.versioned(&["cases", &id.to_string()]);
        let answer = self.call(&Call::get(url)).await?;
        Case::parse(answer.json()?).map_err(|_| Fault::malformed("a case was expected"))
    }

    /// The keys of these names, as far as service and destination have them.
    pub async fn keys_for(
        &self,
        named: &NamedKeys,
        destination: DestinationId,
    ) -> Result<Keys, Fault> {
        let kids: Vec<&str> = named.service.iter().map(String::as_str).collect();
        let service = self.service_keys(&kids).await?;
        let mut found = Vec::new();
        for kid in &named.destination {
            match self
                .destination_key(destination, kid, KeyUse::Signature)
                .await
            {
                Ok(key) => found.push(key),
                // The verification will find that no key fits.
                Err(Fault::NotFound | Fault::Malformed { .. } | Fault::Refused { .. }) => {}
                Err(
                    fault
                    @ (Fault::Unavailable { .. } | Fault::Misconfigured(_) | Fault::OwnEnd(_)),
                ) => return Err(fault),
            }
        }
        Ok(Keys {
            service,
            destination: KeySet::new(found),
        })
    }

    pub(crate) fn versioned(&self, segments: &[&str]) -> url::Url {
        let version = [self.service().version().segment()];
        self.service().url(&[&version, segments].concat())
    }
}

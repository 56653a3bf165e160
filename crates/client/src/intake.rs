//! Our gateway's plain intake: no encryption by the sender.

use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::{Personal, SubmissionId};
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::exchange::{Answer, Call};
use crate::{Fault, Session};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Sends plain submissions. What is wrong with the data comes as the findings of [`Fault::Refused`].
#[derive(Debug, Clone)]
pub struct Intake {
    session: Session,
}

/// The gateway has it.
#[derive(Debug, Clone, PartialEq)]
pub struct IntakeReceipt {
    /// The submission's ids.
    pub ids: SubmissionRef,
    /// The whole answer, with the signed receipt.
    pub answer: Value,
    /// Whether this was a repeat, answered as the first time.
    pub replayed: bool,
}

/// The data is good for the service.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// The whole answer: destination, service, schema.
    pub answer: Value,
}

impl Intake {
    /// An intake client.
    pub const fn new(session: Session) -> Self {
        Self { session }
    }

    /// Submits a JSON body. With the same `repeat_key` (1–255 visible ASCII characters) and the same body it may be
    /// repeated without a second submission.
    pub async fn submit(
        &self,
        body: &Personal<Vec<u8>>,
        repeat_key: &str,
    ) -> Result<IntakeReceipt, Fault> {
        let fits = (1..=255).contains(&repeat_key.len())
            && repeat_key.bytes().all(|b| b.is_ascii_graphic());
        let value = HeaderValue::from_str(repeat_key).ok().filter(|_| fits);
        let value = value.ok_or(Fault::malformed(
            "the repeat key is not 1 to 255 visible ASCII characters",
        ))?;
        let call = self
            .post("submissions", body)
            .header(IDEMPOTENCY_KEY, value);
        let answer = self.session.call(&call).await?;
        let ids = SubmissionRef::parse(answer.json()?)
            .map_err(|_| Fault::malformed("the ids of the submission were expected"))?;
        let replayed = answer.headers.contains_key(REPLAYED);
        Ok(IntakeReceipt {
            ids,
            answer: value_of(&answer)?,
            replayed,
        })
    }

    /// Checks a JSON body without submitting it.
    pub async fn validate(&self, body: &Personal<Vec<u8>>) -> Result<Validation, Fault> {
        let answer = self.session.call(&self.post("validations", body)).await?;
        Ok(Validation {
            answer: value_of(&answer)?,
        })
    }

    /// State and history of a submission, with labels.
    pub async fn status(&self, submission: SubmissionId) -> Result<Value, Fault> {
        let url =
            self.session
                .service()
                .url(&["intake", "v1", "submissions", &submission.to_string()]);
        value_of(&self.session.call(&Call::get(url)).await?)
    }

    fn post(&self, what: &str, body: &Personal<Vec<u8>>) -> Call {
        let url = self.session.service().url(&["intake", "v1", what]);
        Call::new(Method::POST, url).body("application/json", body.reveal().clone())
    }
}

fn value_of(answer: &Answer) -> Result<Value, Fault> {
    serde_json::from_slice(answer.json()?).map_err(|_| Fault::malformed("JSON was expected"))
}

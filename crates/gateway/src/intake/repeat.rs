//! Repeats under an `Idempotency-Key` get the answer given before.

use amtsbote_jose::mac;
use amtsbote_model::ClientId;
use amtsbote_problem::{Code, Problem};
use axum::http::HeaderMap;
use axum::http::header::HeaderName;
use bytes::Bytes;
use serde_json::Value;

use crate::Context;
use crate::answer::Refused;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The `Idempotency-Key` of a request and what tells a repeat from another request.
#[derive(Debug, Clone)]
pub(crate) struct Repeat {
    /// The sender's key.
    pub(crate) key: String,
    /// Keyed hash of the body.
    pub(crate) fingerprint: String,
}

impl Repeat {
    /// The repeat key of a request, if it bears one.
    pub(crate) async fn of(
        context: &Context,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Option<Self>, Refused> {
        let Some(key) = key_of(headers)? else {
            return Ok(None);
        };
        let (inside, body) = (context.clone(), body.clone());
        let fingerprint = context
            .crypto()
            .run(move || fingerprint(&inside, &body))
            .await?;
        Ok(Some(Self { key, fingerprint }))
    }
}

// The draft "The Idempotency-Key HTTP Header Field": a string the client chooses; quotes around it are allowed.
fn key_of(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(malformed_key());
    }
    let text = value.to_str().map_err(|_| malformed_key())?.trim();
    let text = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text);
    let fits = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        Ok(Some(text.to_owned()))
    } else {
        Err(malformed_key())
    }
}

fn malformed_key() -> Refused {
    let detail = "Idempotency-Key must be there once and have 1 to 255 visible ASCII characters";
    Problem::new(Code::MalformedRequest).detail(detail).into()
}

// Keyed, so that nobody who reads the table can guess what was sent. The first part says which key it was.
fn fingerprint(context: &Context, body: &[u8]) -> String {
    let secret = context.identity().tokens.to_secret_text();
    let of = |message: &[u8]| hex(&mac::fingerprint(secret.as_bytes(), message));
    let name = of(b"amtsbote intake fingerprint key");
    format!("{}.{}", &name[..16], of(body))
}

fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

// After a change of the key nothing can be compared: then the sender's word counts, since two submissions of one matter would be
// worse than an answer to another.
fn is_same(before: &str, now: &str) -> bool {
    let name = |text: &str| text.split_once('.').map(|(name, _)| name.to_owned());
    before == now || name(before) != name(now)
}

/// The answer given before under this key, if the request is the same; 422 if it is another.
pub(crate) async fn answered_before(
    context: &Context,
    client: &ClientId,
    repeat: &Repeat,
) -> Result<Option<Value>, Refused> {
    let Some(before) = context.store().remembered(client, &repeat.key).await? else {
        return Ok(None);
    };
    if !is_same(&before.fingerprint, &repeat.fingerprint) {
        return Err(Code::IdempotencyKeyReused.into());
    }
    let answer = serde_json::from_str(&before.answer).map_err(|error| {
        tracing::error!(error = %error, "a remembered answer cannot be read: {error}");
        Refused::from(Code::Internal)
    })?;
    Ok(Some(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[&str]) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, value.parse().unwrap());
        }
        key_of(&headers).map_err(|refused| refused.problem().code)
    }

    #[test]
    fn a_key_is_one_short_visible_text() {
        assert_eq!(key(&[]), Ok(None));
        for good in ["a", "\"a\"", " a "] {
            assert_eq!(key(&[good]), Ok(Some("a".into())), "{good}");
        }
        let long = "a".repeat(256);
        for bad in [
            &["a", "a"][..],
            &[""],
            &["\"\""],
            &["a b"],
            &[long.as_str()],
        ] {
            assert_eq!(key(bad), Err(Code::MalformedRequest), "{bad:?}");
        }
    }

    #[test]
    fn fingerprints_of_different_keys_cannot_tell_requests_apart() {
        for (before, now, same) in [
            ("k1.a", "k1.a", true),
            ("k1.a", "k1.b", false),
            ("k1.a", "k2.b", true),
        ] {
            assert_eq!(is_same(before, now), same, "{before} {now}");
        }
    }
}

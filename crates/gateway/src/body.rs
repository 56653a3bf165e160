//! Bodies are read with a limit and a media type, or not at all.

use std::time::Duration;

use amtsbote_problem::{Code, Problem};
use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::answer::Refused;

/// A media type a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`, or nothing said.
    Json,
    /// `application/jose`, the compact JOSE forms.
    Jose,
    /// `application/merge-patch+json` (RFC 7396); `application/json` is taken too.
    MergePatch,
    /// `application/x-www-form-urlencoded`.
    Form,
}

impl Media {
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Jose => "application/jose",
            Self::MergePatch => "application/merge-patch+json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }

    /// 415 unless the `Content-Type` says this.
    pub fn demand(self, headers: &HeaderMap) -> Result<(), Refused> {
        self.demand_or(headers, Code::MediaTypeUnsupported)
    }

    /// `code` unless the `Content-Type` says this: for routes whose description has no 415.
    pub fn demand_or(self, headers: &HeaderMap, code: Code) -> Result<(), Refused> {
        let said = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = said
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let fits = match self {
            Self::Json => essence.is_empty() || essence == self.name(),
            Self::MergePatch => essence == self.name() || essence == Self::Json.name(),
            Self::Jose | Self::Form => essence == self.name(),
        };
        if fits {
            return Ok(());
        }
        Err(Problem::new(code)
            .detail(format!("expected content type {}", self.name()))
            .into())
    }
}

/// Silence after which a body is given up.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// The longest a whole body may take, however steadily it drips.
const READ_MAX: Duration = Duration::from_mins(15);
/// Bodies that are read before it is known who sends them are small, and have no reason to be slow.
const SMALL_MAX_BYTES: usize = 64 * 1024;
const SMALL_READ_MAX: Duration = Duration::from_secs(30);

/// Reads the whole body, at most `max_bytes`; more is 413 before it is read on. One that stops for 30 s, or takes longer than
/// 15 minutes (30 s where it is small), is 408.
pub async fn read(headers: &HeaderMap, body: Body, max_bytes: usize) -> Result<Bytes, Refused> {
    let limit = if max_bytes <= SMALL_MAX_BYTES {
        SMALL_READ_MAX
    } else {
        READ_MAX
    };
    timeout(limit, read_in_time(headers, body, max_bytes))
        .await
        .unwrap_or_else(|_| Err(Code::TooSlow.into()))
}

async fn read_in_time(headers: &HeaderMap, body: Body, max_bytes: usize) -> Result<Bytes, Refused> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max_bytes as u64) {
        return Err(too_large(max_bytes));
    }
    let mut body = body;
    let mut whole = BytesMut::new();
    while let Some(frame) = timeout(IDLE_MAX, body.frame())
        .await
        .map_err(|_| Code::TooSlow)?
    {
        let frame = frame.map_err(|_| cut_off())?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if whole.len() + piece.len() > max_bytes {
            return Err(too_large(max_bytes));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

fn too_large(max_bytes: usize) -> Refused {
    Problem::new(Code::BodyTooLarge)
        .detail(format!("at most {max_bytes} bytes"))
        .into()
}

/// The connection ended inside a body: nobody reads the answer, but the log has a name for it.
pub fn cut_off() -> Refused {
    Problem::new(Code::MalformedRequest)
        .detail("the connection ended inside the body")
        .into()
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn headers(content_type: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        headers
    }

    #[test]
    fn media_types_are_compared_without_parameters_and_case() {
        assert!(
            Media::Json
                .demand(&headers("Application/JSON; charset=utf-8"))
                .is_ok()
        );
        assert!(Media::Json.demand(&HeaderMap::new()).is_ok());
        assert!(Media::Jose.demand(&headers("application/jose")).is_ok());
        assert!(Media::Jose.demand(&headers("application/json")).is_err());
        assert!(Media::Jose.demand(&HeaderMap::new()).is_err());
        assert!(
            Media::MergePatch
                .demand(&headers("application/json"))
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_body_past_the_limit_is_refused() {
        let fits = read(&HeaderMap::new(), Body::from("12345"), 5)
            .await
            .unwrap();
        assert_eq!(fits, "12345");
        let refused = read(&HeaderMap::new(), Body::from("123456"), 5)
            .await
            .unwrap_err();
        assert_eq!(refused.problem().code, Code::BodyTooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_or_drips_is_given_up() {
        let silent = stream::pending::<Result<Bytes, std::io::Error>>();
        let refused = read(&HeaderMap::new(), Body::from_stream(silent), 5).await;
        assert_eq!(refused.unwrap_err().problem().code, Code::TooSlow);
        for (max_bytes, limit) in [(16_000, SMALL_READ_MAX), (1_000_000, READ_MAX)] {
            let began = tokio::time::Instant::now();
            let drip = stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Some((Ok::<_, std::io::Error>(Bytes::from("x")), ()))
            });
            let refused = read(&HeaderMap::new(), Body::from_stream(drip), max_bytes).await;
            assert_eq!(refused.unwrap_err().problem().code, Code::TooSlow);
            assert_eq!(began.elapsed(), limit);
        }
    }
}

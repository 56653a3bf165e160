//! Our gateway's sealed event log: signed heads, blocks and proofs (`docs/spec/log-chain.md`). Other services have nothing like
//! it and answer 404.

use amtsbote_model::{CaseId, EventId};
use serde_json::Value;
use url::Url;

use crate::exchange::{Answer, Call};
use crate::{Fault, Session};

/// Blocks asked for in one call, at most: half a megabyte.
pub const BLOCKS_MAX: u32 = 250;

/// Reads the sealed event log. Nothing of it is verified here.
#[derive(Debug, Clone)]
pub struct LogChain {
    session: Session,
}

impl LogChain {
    /// A reader; the session's base is the gateway's own, not that of an API.
    pub const fn new(session: Session) -> Self {
        Self { session }
    }

    /// The newest block with its signature; `None` before the first one, and from a service without a sealed log.
    pub async fn head(&self) -> Result<Option<Value>, Fault> {
        self.get(self.session.service().url(&["log", "v1", "head"]))
            .await
    }

    /// Where an event is; `None` until it is sealed.
    pub async fn proof(&self, case: CaseId, event: EventId) -> Result<Option<Value>, Fault> {
        let (case, event) = (case.to_string(), event.to_string());
        let path = ["log", "v1", "cases", &case, "events", &event, "proof"];
        self.get(self.session.service().url(&path)).await
    }

    /// Blocks with their signatures from this number on, at most [`BLOCKS_MAX`]; `None` from a service without a sealed log.
    pub async fn blocks(&self, from: u64) -> Result<Option<Value>, Fault> {
        let mut url = self.session.service().url(&["log", "v1", "blocks"]);
        url.query_pairs_mut()
            .append_pair("from", &from.to_string())
            .append_pair("limit", &BLOCKS_MAX.to_string());
        self.get(url).await
    }

    async fn get(&self, url: Url) -> Result<Option<Value>, Fault> {
        match self.session.call(&Call::get(url)).await {
            Ok(answer) => read(&answer).map(Some),
            Err(Fault::NotFound) => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

fn read(answer: &Answer) -> Result<Value, Fault> {
    serde_json::from_slice(answer.json()?).map_err(|_| Fault::malformed("JSON was expected"))
}

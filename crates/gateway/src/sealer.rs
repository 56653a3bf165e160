//! Seals the event log: about every second, what is new becomes a block whose head is signed.
//!
//! Dying at any point loses nothing: a block and its leaves are one transaction, and what is in no block is found by the next
//! round. Of several gateways the one on duty seals; should two do it, one wins each number, and the other looks again.

use std::future::Future;
use std::time::Duration;

use amtsbote_jose::sign;
use amtsbote_store::chain::{Block, Leaf, hex};
use serde_json::{Value, json};

use crate::Context;

/// Media type in the header of signed heads of the log.
pub const LOG_HEAD_TYP: &str = "amtsbote-log-head+jwt";

const PAUSE: Duration = Duration::from_secs(1);
/// A proof names the leaves of one block only, and reads all of them.
const BLOCK_MAX: u32 = 1000;

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum NotSealed {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] amtsbote_store::Error),
    /// The head could not be signed.
    #[error("the head of the log could not be signed")]
    Signature(#[from] amtsbote_jose::NotSigned),
    /// Too much is being computed.
    #[error("too many computations are waiting")]
    Busy,
}

/// Seals the log of a gateway that has a chain.
pub struct Sealer {
    context: Context,
}

impl Sealer {
    /// For this gateway; without a chain it does nothing.
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    /// Rounds while this gateway is on duty, until `stop` resolves. What has begun is finished.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        if self.context.chain().is_none() {
            return;
        }
        let mut stop = std::pin::pin!(stop);
        let mut failed = 0_u32;
        loop {
            let mut pause = PAUSE;
            let duty = self.context.duty().next();
            let round = if self.context.duty().is_on() {
                self.round().await
            } else {
                Ok(0)
            };
            match round {
                Ok(count) => {
                    failed = 0;
                    if count == u64::from(BLOCK_MAX) {
                        pause = Duration::ZERO;
                    }
                }
                Err(error) => {
                    // Once a minute is enough: the log is whole without its seal, and it is made up for.
                    if failed.is_multiple_of(60) {
                        tracing::error!(error = %error, "the event log could not be sealed: {error}");
                    }
                    failed = failed.saturating_add(1);
                }
            }
            tokio::select! {
                () = &mut stop => return,
                () = duty => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Seals what is new, at most a block; how many events.
    pub async fn round(&self) -> Result<u64, NotSealed> {
        let Some(chain) = self.context.chain() else {
            return Ok(0);
        };
        let events = chain.unsealed(BLOCK_MAX).await?;
        let leaves: Vec<_> = events.iter().map(Leaf::of).collect();
        let head = chain.head().await?;
        let Some(mut block) = Block::after(head.as_ref(), &leaves, self.context.now()) else {
            return Ok(0);
        };
        block.signature = self.signed(&block).await?;
        amtsbote_names::fail_point!(HeadSigned);
        let count = block.count;
        Ok(if chain.seal(block, leaves).await? {
            count
        } else {
            0
        })
    }

    async fn signed(&self, block: &Block) -> Result<String, NotSealed> {
        let mut claims = described(block);
        claims["iss"] = json!(self.context.addresses().submission_api());
        claims["iat"] = json!(block.at.as_seconds());
        let (payload, key) = (claims.to_string(), self.context.identity().signing.clone());
        let sign = move || sign(payload.as_bytes(), &key, LOG_HEAD_TYP);
        let signed = self.context.crypto().run(sign).await;
        Ok(signed.map_err(|_| NotSealed::Busy)??)
    }
}

/// A block for readers, without its signature.
pub(crate) fn described(block: &Block) -> Value {
    json!({
        "number": block.number,
        "previous": hex(&block.previous),
        "first": block.first,
        "count": block.count,
        "root": hex(&block.root),
        "at": block.at.as_millis(),
        "hash": hex(&block.hash()),
    })
}

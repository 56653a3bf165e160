//! How the file looks (`docs/spec/receipt-file.md`). Strict: a member nobody knows is refused, so that nothing seems to be said.

use amtsbote_model::{CaseId, DestinationId, Timestamp};
use amtsbote_store::chain::{Block, Hash, hex};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Name and version of the format.
pub(crate) const FORMAT: &str = "amtsbote-receipt-file/1";
/// Of a file with newer heads.
pub(crate) const HEAD_FORMAT: &str = "amtsbote-log-head/1";

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReceiptFile {
    /// [`FORMAT`].
    pub(crate) format: String,
    /// `iss` of the service's events.
    pub(crate) service: String,
    pub(crate) case_id: CaseId,
    pub(crate) destination_id: DestinationId,
    /// Receipts beside the log: *accepted* of the intake, *taken on* of the procedure. Compact JWS.
    pub(crate) receipts: Vec<String>,
    /// The case's log, in the order of writing.
    pub(crate) events: Vec<LoggedEvent>,
    pub(crate) keys: KeyLists,
    /// Blocks of the log's chain, by number.
    pub(crate) blocks: Vec<SealedBlock>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LoggedEvent {
    /// The security event token.
    pub(crate) token: String,
    pub(crate) proof: Proof,
}

/// Where it is in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Proof {
    Sealed(Place),
    Not(NotSealed),
}

/// The word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NotSealed {
    /// Not when the file was made; or by a service that seals nothing.
    #[serde(rename = "pending")]
    Pending,
}

/// A leaf of a block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Place {
    /// Number of the block.
    pub(crate) block: u64,
    /// Among its leaves, from 0.
    pub(crate) position: u64,
    /// When the event was written, in milliseconds since 1970 UTC.
    pub(crate) at: i64,
    /// The hashes beside the way to the root, from below, hexadecimal.
    pub(crate) path: Vec<String>,
}

/// Public keys as JWK, certificates inside.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KeyLists {
    pub(crate) service: Vec<Value>,
    pub(crate) destination: Vec<Value>,
}

/// A block. Without a signature it must lead to one that has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SealedBlock {
    pub(crate) number: u64,
    pub(crate) previous: String,
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) root: String,
    pub(crate) at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<String>,
}

/// Newer heads: `receipt head` writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HeadFile {
    /// [`HEAD_FORMAT`].
    pub(crate) format: String,
    /// Blocks by number; the last one is signed.
    pub(crate) blocks: Vec<SealedBlock>,
}

impl HeadFile {
    /// From such a file, or from the answer of `GET /log/v1/head` as it is.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(file) = serde_json::from_str::<Self>(text) {
            return (file.format == HEAD_FORMAT).then_some(file);
        }
        let answer: Value = serde_json::from_str(text).ok()?;
        let block = SealedBlock::of_answer(&answer["block"], &answer["signature"])?;
        Some(Self {
            format: HEAD_FORMAT.to_owned(),
            blocks: vec![block],
        })
    }
}

impl SealedBlock {
    /// As the gateway describes it.
    pub(crate) fn of_answer(block: &Value, signature: &Value) -> Option<Self> {
        let number = |name: &str| block[name].as_u64();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self {
            number: number("number")?,
            previous: text(&block["previous"])?,
            first: number("first")?,
            count: number("count")?,
            root: text(&block["root"])?,
            at: block["at"].as_i64()?,
            signature: Some(text(signature)?),
        })
    }

    /// As it is stored.
    pub(crate) fn of_block(block: &Block) -> Self {
        Self {
            number: block.number,
            previous: hex(&block.previous),
            first: block.first,
            count: block.count,
            root: hex(&block.root),
            at: block.at.as_millis(),
            signature: Some(block.signature.clone()),
        }
    }

    /// With its hashes read; `None` if they are none.
    pub(crate) fn block(&self) -> Option<Block> {
        Some(Block {
            number: self.number,
            previous: unhex(&self.previous)?,
            first: self.first,
            count: self.count,
            root: unhex(&self.root)?,
            at: Timestamp::from_millis(self.at),
            signature: self.signature.clone().unwrap_or_default(),
        })
    }
}

/// 64 lower-case hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<Hash> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect();
    bytes?.try_into().ok()
}

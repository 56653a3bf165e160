//! The log's chain: events become leaves of Merkle trees, trees become blocks, each block names the hash of the one before.
//!
//! ```text
//!  event ──digest──► leaf ──0x00‖──► hash ─┐
//!                                          ├─0x01‖l‖r─► root ─► block(previous, number, first, count, root, at) ─► head
//!                                   hash ──┘
//! ```
//!
//! The bytes that are hashed are in `docs/spec/log-chain.md`; they never change. A leaf outlives its event: when a case's log is
//! deleted after its retention, digest, case and time stay, so the chain still holds.
//! Never put here: signing, keys, content.

use amtsbote_model::submission::Issuer;
use amtsbote_model::{CaseId, EventId, Subject, Timestamp};
use sha2::{Digest, Sha256};

use crate::{Error, Event, Reply};

/// SHA-256.
pub type Hash = [u8; 32];

/// What stays of an event in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// The event.
    pub event_id: EventId,
    /// Its case.
    pub case_id: CaseId,
    /// When it was written.
    pub at: Timestamp,
    /// SHA-256 over the whole event.
    pub digest: Hash,
}

impl Leaf {
    /// The leaf of an event.
    pub fn of(event: &Event) -> Self {
        let (kind, subject) = match event.subject {
            Subject::Submission(id) => ("submission", id.uuid()),
            Subject::Reply(id) => ("reply", id.uuid()),
        };
        let issuer = match event.issuer {
            Issuer::Service => "service",
            Issuer::Subscriber => "subscriber",
        };
        let (id, case) = (event.id.uuid(), event.case_id.uuid());
        let digest = hash(&[
            &framed(id.as_bytes()),
            &framed(case.as_bytes()),
            &framed(kind.as_bytes()),
            &framed(subject.as_bytes()),
            &framed(event.name.as_bytes()),
            &framed(issuer.as_bytes()),
            &framed(&event.at.as_millis().to_be_bytes()),
            &framed(event.token.as_bytes()),
        ]);
        Self {
            event_id: event.id,
            case_id: event.case_id,
            at: event.at,
            digest,
        }
    }

    /// Its place in the tree is under this hash.
    pub fn hash(&self) -> Hash {
        hash(&[
            &[0],
            self.event_id.uuid().as_bytes(),
            self.case_id.uuid().as_bytes(),
            &self.at.as_millis().to_be_bytes(),
            &self.digest,
        ])
    }
}

/// Some leaves, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// From 1, without gaps.
    pub number: u64,
    /// Hash of the block before; zeros before the first.
    pub previous: Hash,
    /// Position of its first leaf in the chain, from 0.
    pub first: u64,
    /// How many leaves it has; never none.
    pub count: u64,
    /// Of the tree of its leaves.
    pub root: Hash,
    /// When it was made.
    pub at: Timestamp,
    /// The signed head, compact; not part of the hash.
    pub signature: String,
}

impl Block {
    /// The block that follows `head`, not signed yet; `None` without leaves.
    pub fn after(head: Option<&Self>, leaves: &[Leaf], at: Timestamp) -> Option<Self> {
        let hashes: Vec<_> = leaves.iter().map(Leaf::hash).collect();
        Some(Self {
            number: head.map_or(0, |head| head.number).checked_add(1)?,
            previous: head.map_or([0; 32], Self::hash),
            first: head.map_or(0, |head| head.first.saturating_add(head.count)),
            count: u64::try_from(leaves.len())
                .ok()
                .filter(|count| *count > 0)?,
            root: root(&hashes),
            at,
            signature: String::new(),
        })
    }

    /// What the next block and the signature name.
    pub fn hash(&self) -> Hash {
        hash(&[
            &self.previous,
            &self.number.to_be_bytes(),
            &self.first.to_be_bytes(),
            &self.count.to_be_bytes(),
            &self.root,
            &self.at.as_millis().to_be_bytes(),
        ])
    }

    /// Whether it may follow `head`.
    pub fn follows(&self, head: Option<&Self>) -> bool {
        let (number, hash, first) = head.map_or((0, [0; 32], 0), |head| {
            (
                head.number,
                head.hash(),
                head.first.saturating_add(head.count),
            )
        });
        self.number == number.saturating_add(1) && self.previous == hash && self.first == first
    }
}

/// Where an event is in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Its block.
    pub block: Block,
    /// Its place among the leaves of the block, from 0.
    pub position: usize,
    /// Its leaf.
    pub leaf: Leaf,
    /// The hashes of all leaves of the block, in order.
    pub leaves: Vec<Hash>,
}

/// The chain over the event log.
pub trait Chain: Send + Sync {
    /// The newest block.
    fn head(&self) -> Reply<'_, Result<Option<Block>, Error>>;

    /// Events that are in no block yet, in the order of writing, at most `max`.
    fn unsealed(&self, max: u32) -> Reply<'_, Result<Vec<Event>, Error>>;

    /// Appends a block with its leaves, one for each of the first [`Chain::unsealed`] events, in one transaction. `false`, and nothing
    /// is changed, if the block does not follow the head or the leaves are not those of the next events. With several writers, events
    /// of other cases may have come between; of each case the leaves are those of the next events.
    fn seal(&self, block: Block, leaves: Vec<Leaf>) -> Reply<'_, Result<bool, Error>>;

    /// Where an event is; `None` if it is in no block.
    fn proof_of(&self, event: EventId) -> Reply<'_, Result<Option<Proof>, Error>>;

    /// A block by its number.
    fn block(&self, number: u64) -> Reply<'_, Result<Option<Block>, Error>>;
}

/// Something that contradicts the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contradiction {
    /// A block does not follow the one before it, or has not the leaves it was made of.
    Block(u64),
    /// The signature of a block is not valid.
    Signature(u64),
    /// Leaves stand behind the last block.
    Leaves(u64),
    /// An event is missing, and its case's log was not deleted after the retention.
    Removed(String),
    /// An event is not as it was sealed.
    Edited(String),
    /// An event has another place in the order of writing.
    Moved(String),
    /// An event was put in before the end of what is sealed.
    Inserted(String),
    /// The chain cannot be read; the database's word for it.
    Unreadable(String),
}

/// What was looked at, and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainChecked {
    /// Blocks.
    pub blocks: u64,
    /// Events in them.
    pub leaves: u64,
    /// Of these: deleted with their case's log, after the retention.
    pub expired: u64,
    /// What contradicts the chain.
    pub contradictions: Vec<Contradiction>,
}

/// Root of the Merkle tree over leaf hashes (RFC 6962, 2.1).
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(half(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The hashes beside the way from a leaf to the root, from below (RFC 6962, 2.1.1).
pub fn path(leaves: &[Hash], position: usize) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let half = half(leaves.len());
    let (left, right) = leaves.split_at(half);
    let (mut below, beside) = if position < half {
        (path(left, position), root(right))
    } else {
        (path(right, position - half), root(left))
    };
    below.push(beside);
    below
}

/// The root to which a path leads; `None` if the path is not as long as it must be.
pub fn root_of_path(leaf: Hash, position: usize, count: usize, path: &[Hash]) -> Option<Hash> {
    if position >= count {
        return None;
    }
    if count == 1 {
        return path.is_empty().then_some(leaf);
    }
    let (beside, below) = path.split_last()?;
    let half = half(count);
    Some(if position < half {
        node(&root_of_path(leaf, position, half, below)?, beside)
    } else {
        node(
            beside,
            &root_of_path(leaf, position - half, count - half, below)?,
        )
    })
}

/// The greatest power of two below `count`, which is at least 2.
fn half(count: usize) -> usize {
    count.next_power_of_two() / 2
}

fn node(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], left, right])
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Length first, so that no two events give the same bytes.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// Lower-case hexadecimal.
pub fn hex(hash: &Hash) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(text: &[u8]) -> Hash {
        hash(&[&[0], text])
    }

    #[test]
    fn roots_are_those_of_rfc_6962() {
        // The first three inputs of the test vectors of Certificate Transparency.
        let leaves = [leaf(b""), leaf(b"\x00"), leaf(b"\x10")];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ];
        for (count, expected) in roots.iter().enumerate() {
            assert_eq!(hex(&root(&leaves[..=count])), *expected);
        }
    }

    #[test]
    fn each_path_leads_to_the_root_and_no_other_leaf_does() {
        for count in 1..20_u8 {
            let leaves: Vec<_> = (0..count).map(|n| leaf(&[n])).collect();
            for (position, own) in leaves.iter().enumerate() {
                let path = path(&leaves, position);
                let reached = root_of_path(*own, position, leaves.len(), &path);
                assert_eq!(reached, Some(root(&leaves)));
                let forged = root_of_path(leaf(b"forged"), position, leaves.len(), &path);
                assert_ne!(forged, Some(root(&leaves)));
            }
        }
        assert_eq!(root_of_path([0; 32], 0, 2, &[]), None);
        assert_eq!(root_of_path([0; 32], 1, 1, &[]), None);
    }
}

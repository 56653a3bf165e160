//! The chain in the in-memory store.

use amtsbote_model::EventId;

use super::{MemoryStore, State};
use crate::chain::{Block, Chain, Leaf, Proof};
use crate::{Error, Event, Reply};

/// Blocks, and leaves with the numbers of their events.
#[derive(Debug, Default)]
pub(super) struct Kept {
    blocks: Vec<Block>,
    leaves: Vec<(u64, Leaf)>,
}

impl Kept {
    fn next<'a>(&'a self, state: &'a State) -> impl Iterator<Item = (&'a u64, &'a Event)> {
        let last = self.leaves.last().map(|(number, _)| *number);
        let events = state.events.rows();
        events.filter(move |(number, _)| last.is_none_or(|last| **number > last))
    }

    fn seal(&mut self, state: &State, block: Block, leaves: &[Leaf]) -> bool {
        let next: Vec<_> = self
            .next(state)
            .take(leaves.len())
            .map(|(number, event)| (*number, Leaf::of(event)))
            .collect();
        if !block.follows(self.blocks.last()) || !next.iter().map(|(_, leaf)| leaf).eq(leaves) {
            return false;
        }
        self.blocks.push(block);
        self.leaves.extend(next);
        true
    }

    fn proof_of(&self, event: EventId) -> Option<Proof> {
        let at = self.leaves.iter().position(|(_, l)| l.event_id == event)?;
        let (_, leaf) = self.leaves.get(at)?;
        let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let covers = |b: &&Block| (index(b.first)..index(b.first + b.count)).contains(&at);
        let block = self.blocks.iter().find(covers)?;
        let range = index(block.first)..index(block.first + block.count);
        Some(Proof {
            position: at - index(block.first),
            leaf: *leaf,
            leaves: self
                .leaves
                .get(range)?
                .iter()
                .map(|(_, l)| l.hash())
                .collect(),
            block: block.clone(),
        })
    }
}

impl Chain for MemoryStore {
    fn head(&self) -> Reply<'_, Result<Option<Block>, Error>> {
        Box::pin(async move { Ok(self.chain().blocks.last().cloned()) })
    }

    fn unsealed(&self, max: u32) -> Reply<'_, Result<Vec<Event>, Error>> {
        Box::pin(async move {
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            let (state, chain) = (self.state(), self.chain());
            Ok(chain
                .next(&state)
                .take(max)
                .map(|(_, event)| event.clone())
                .collect())
        })
    }

    fn seal(&self, block: Block, leaves: Vec<Leaf>) -> Reply<'_, Result<bool, Error>> {
        Box::pin(async move {
            let state = self.state();
            Ok(self.chain().seal(&state, block, &leaves))
        })
    }

    fn proof_of(&self, event: EventId) -> Reply<'_, Result<Option<Proof>, Error>> {
        Box::pin(async move { Ok(self.chain().proof_of(event)) })
    }

    fn block(&self, number: u64) -> Reply<'_, Result<Option<Block>, Error>> {
        Box::pin(async move {
            let chain = self.chain();
            Ok(chain.blocks.iter().find(|b| b.number == number).cloned())
        })
    }
}

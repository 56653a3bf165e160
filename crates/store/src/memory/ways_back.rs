//! Ways back in memory.

use std::collections::{BTreeMap, BTreeSet};

use amtsbote_model::{DestinationId, SubmissionId, Timestamp};

use super::{MemoryDeliveries, locked};
use crate::ways_back::{AnswerMove, AnswerRow, AnswerState, CLOSED, NewAnswer, WayBack, WaysBack};
use crate::{Error, Reply, Swapped};

/// What is noted.
#[derive(Debug, Default)]
pub(super) struct Ways {
    noted: BTreeMap<SubmissionId, WayBack>,
    names: BTreeSet<(String, SubmissionId)>,
    answers: BTreeMap<String, AnswerRow>,
}

impl Ways {
    pub(super) fn move_to(&mut self, key: &str, revision: u64, to: AnswerMove) -> Swapped {
        let row = self.answers.get_mut(key);
        let Some(row) = row.filter(|row| row.revision == revision) else {
            return Swapped::Stale;
        };
        (row.state, row.tries, row.at) = (to.state, to.tries, to.at);
        row.failing = to.failing;
        row.revision += 1;
        if to.state.is_final() {
            row.sealed = None;
        }
        Swapped::Done
    }

    pub(super) fn stuck(&self) -> impl Iterator<Item = &AnswerRow> {
        self.answers.values().filter(|row| match row.state {
            AnswerState::Sealed | AnswerState::Announced(_) => row.tries > 0,
            AnswerState::Parked(_) => true,
            AnswerState::Sent(_) | AnswerState::Kept => false,
        })
    }
}

impl WaysBack for MemoryDeliveries {
    fn note_way(&self, way: WayBack, names: Vec<String>) -> Reply<'_, Result<(), Error>> {
        Box::pin(async move {
            let mut state = locked(&self.ways);
            let id = way.submission_id;
            state.names.extend(names.into_iter().map(|name| (name, id)));
            state.noted.entry(id).or_insert(way);
            Ok(())
        })
    }

    fn ways(
        &self,
        destination_id: DestinationId,
        names: Vec<String>,
        max: u32,
    ) -> Reply<'_, Result<Vec<WayBack>, Error>> {
        Box::pin(async move {
            let state = locked(&self.ways);
            let named: BTreeSet<SubmissionId> = state
                .names
                .iter()
                .filter(|(name, _)| names.contains(name))
                .map(|(_, id)| *id)
                .collect();
            let found = named.iter().filter_map(|id| state.noted.get(id));
            let found = found.filter(|way| way.destination_id == destination_id);
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            Ok(found.take(max).cloned().collect())
        })
    }

    fn open_ways(
        &self,
        destination_id: DestinationId,
        (after, since): (Option<SubmissionId>, Timestamp),
        max: u32,
    ) -> Reply<'_, Result<Vec<WayBack>, Error>> {
        Box::pin(async move {
            let state = locked(&self.ways);
            let is_open = |way: &&WayBack| {
                let closed = (CLOSED.to_owned(), way.submission_id);
                way.destination_id == destination_id
                    && after.is_none_or(|after| way.submission_id > after)
                    && way.at >= since
                    && !state.names.contains(&closed)
            };
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            Ok(state
                .noted
                .values()
                .filter(is_open)
                .take(max)
                .cloned()
                .collect())
        })
    }

    fn way(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<WayBack>, Error>> {
        Box::pin(async move { Ok(locked(&self.ways).noted.get(&submission_id).cloned()) })
    }

    fn keep_answer(&self, answer: NewAnswer) -> Reply<'_, Result<(), Error>> {
        Box::pin(async move {
            let row = AnswerRow {
                key: answer.key.clone(),
                submission_id: answer.submission_id,
                what: answer.what,
                state: match answer.sealed {
                    Some(_) => AnswerState::Sealed,
                    None => AnswerState::Kept,
                },
                sealed: answer.sealed,
                tries: 0,
                failing: None,
                at: answer.at,
                revision: 1,
            };
            locked(&self.ways).answers.entry(answer.key).or_insert(row);
            Ok(())
        })
    }

    fn due_answers(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<AnswerRow>, Error>> {
        Box::pin(async move {
            let state = locked(&self.ways);
            let due = |row: &&AnswerRow| row.state.is_due() && row.at <= now;
            let mut rows: Vec<AnswerRow> = state.answers.values().filter(due).cloned().collect();
            rows.sort_by_key(|row| row.at);
            rows.truncate(usize::try_from(max).unwrap_or(usize::MAX));
            Ok(rows)
        })
    }

    fn move_answer(
        &self,
        key: String,
        revision: u64,
        to: AnswerMove,
    ) -> Reply<'_, Result<Swapped, Error>> {
        Box::pin(async move {
            let mut state = locked(&self.ways);
            Ok(state.move_to(&key, revision, to))
        })
    }

    fn answers(&self, submission_id: SubmissionId) -> Reply<'_, Result<Vec<AnswerRow>, Error>> {
        Box::pin(async move {
            let state = locked(&self.ways);
            let of = |row: &&AnswerRow| row.submission_id == submission_id;
            Ok(state.answers.values().filter(of).cloned().collect())
        })
    }
}

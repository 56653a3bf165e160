//! Deliveries in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use amtsbote_model::delivery::{Cause, Delivery};
use amtsbote_model::{DestinationId, SubmissionId, Timestamp, WorkerId};

use super::locked;
use crate::{
    Candidates, Claim, Claimed, Deliveries, DeliveryRow, Error, NewDelivery, Order, Reply, Share,
    Sharing, Swapped, Tally,
};

const MILLISECOND: Duration = Duration::from_millis(1);

type Rows = BTreeMap<SubmissionId, DeliveryRow>;

/// The agents' deliveries, in memory.
#[derive(Debug)]
pub struct MemoryDeliveries {
    pub(super) rows: Mutex<Rows>,
    /// Locked after `rows`.
    paces: Mutex<BTreeMap<DestinationId, Timestamp>>,
    sharing: Sharing,
    pub(super) ways: Mutex<super::ways_back::Ways>,
    pub(super) interventions: Mutex<Vec<crate::Intervention>>,
}

impl Default for MemoryDeliveries {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryDeliveries {
    /// No deliveries; one agent at a time.
    pub fn new() -> Self {
        Self::with(Sharing::Sole)
    }

    pub(super) fn swap_now(
        &self,
        submission_id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Swapped {
        let mut rows = locked(&self.rows);
        let row = rows
            .get_mut(&submission_id)
            .filter(|row| row.revision == revision);
        match row {
            Some(row) => {
                row.revision += 1;
                row.delivery = unshortened(&row.delivery, delivery);
                Swapped::Done
            }
            None => Swapped::Stale,
        }
    }

    /// No deliveries; agents side by side.
    pub fn shared() -> Self {
        Self::with(Sharing::Shared)
    }

    fn with(sharing: Sharing) -> Self {
        Self {
            rows: Mutex::default(),
            paces: Mutex::default(),
            sharing,
            ways: Mutex::default(),
            interventions: Mutex::default(),
        }
    }
}

fn found<'a>(rows: impl Iterator<Item = &'a DeliveryRow>, max: u32) -> Vec<DeliveryRow> {
    rows.take(usize::try_from(max).unwrap_or(usize::MAX))
        .cloned()
        .collect()
}

type Places = BTreeMap<DestinationId, Timestamp>;

/// The last place of each destination that is taken by one that is open.
fn last_noted(rows: &Rows) -> Places {
    let mut last = Places::new();
    let open = rows.values().filter(|row| is_open(row));
    for row in open {
        let place = last.entry(row.destination_id).or_insert(row.noted_at);
        *place = row.noted_at.max(*place);
    }
    last
}

fn place(last: &mut Places, new: &NewDelivery) -> Timestamp {
    let free = last
        .get(&new.destination_id)
        .map(|last| last.plus(MILLISECOND));
    let place = free.map_or(new.at, |free| new.at.max(free));
    last.insert(new.destination_id, place);
    place
}

fn is_open(row: &DeliveryRow) -> bool {
    matches!(row.delivery.name(), "waiting" | "leased")
}

/// The longest due.
fn longest_due(mut rows: Vec<&DeliveryRow>, max: u32) -> Vec<DeliveryRow> {
    let key = |row: &&DeliveryRow| (row.delivery.due_at(), row.submission_id);
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    if rows.len() > max {
        // Only what is taken is sorted: of ten thousand that wait, a few are.
        rows.select_nth_unstable_by_key(max, key);
        rows.truncate(max);
    }
    rows.sort_by_key(key);
    rows.into_iter().cloned().collect()
}

fn candidates_of(
    rows: &Rows,
    claim: &Claim,
    (share, full_at): (&Share, Option<Timestamp>),
) -> Candidates {
    let now = claim.around.now;
    let is_due = |row: &DeliveryRow| row.delivery.due_at().is_some_and(|at| at <= now);
    let here = rows
        .values()
        .filter(|row| row.destination_id == share.destination_id);
    let (mut decided, mut open, mut held) = (Vec::new(), Vec::new(), 0_u32);
    for row in here {
        match &row.delivery {
            Delivery::Decided { .. } if is_due(row) => decided.push(row),
            Delivery::Waiting { .. } => open.push(row),
            Delivery::Leased { .. } => {
                held += u32::from(!is_due(row));
                open.push(row);
            }
            Delivery::Decided { .. } | Delivery::Done { .. } | Delivery::Parked { .. } => {}
        }
    }
    let decided = longest_due(decided, share.posts);
    if share.limit == 0 || share.hand_overs == 0 {
        return Candidates {
            decided,
            ..Candidates::default()
        };
    }
    if share.order == Order::Noted {
        let next = open
            .iter()
            .min_by_key(|row| (row.noted_at, row.submission_id));
        open = next.copied().into_iter().collect();
    }
    open.retain(|row| is_due(row));
    let (suspects, waiting): (Vec<&DeliveryRow>, Vec<&DeliveryRow>) = open
        .into_iter()
        .partition(|row| row.delivery.is_held() || row.delivery.is_suspect());
    Candidates {
        held,
        full_at,
        decided,
        waiting: longest_due(waiting, share.hand_overs),
        suspects: longest_due(suspects, claim.suspects),
    }
}

impl Deliveries for MemoryDeliveries {
    fn sharing(&self) -> Sharing {
        self.sharing
    }

    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, Result<(), Error>> {
        Box::pin(async move {
            let mut rows = locked(&self.rows);
            let mut last = last_noted(&rows);
            for new in new {
                if rows.contains_key(&new.submission_id) {
                    continue;
                }
                let row = DeliveryRow {
                    submission_id: new.submission_id,
                    case_id: new.case_id,
                    destination_id: new.destination_id,
                    noted_at: place(&mut last, &new),
                    delivery: Delivery::due(new.at),
                    revision: 1,
                };
                rows.insert(new.submission_id, row);
            }
            Ok(())
        })
    }

    fn claim(&self, claim: Claim) -> Reply<'_, Result<Claimed, Error>> {
        Box::pin(async move {
            let mut rows = locked(&self.rows);
            let candidates = claim.shares.iter();
            let mut paces = locked(&self.paces);
            let candidates = candidates.map(|share| {
                let full_at = paces.get(&share.destination_id).copied();
                candidates_of(&rows, &claim, (share, full_at))
            });
            let chosen = claim.choose(candidates.collect());
            for row in chosen.rows.iter().chain(&chosen.parked) {
                rows.insert(row.submission_id, row.clone());
            }
            paces.extend(chosen.paces.iter().copied());
            Ok(chosen)
        })
    }

    fn renew(
        &self,
        by: WorkerId,
        ids: Vec<SubmissionId>,
        until: Timestamp,
    ) -> Reply<'_, Result<Vec<SubmissionId>, Error>> {
        Box::pin(async move {
            let mut rows = locked(&self.rows);
            let mut lost = Vec::new();
            for id in ids {
                match rows.get_mut(&id) {
                    Some(row) if row.delivery.held_by() == Some(by) => {
                        row.delivery = row.delivery.clone().renewed(until);
                    }
                    Some(_) | None => lost.push(id),
                }
            }
            Ok(lost)
        })
    }

    fn swap(
        &self,
        submission_id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Reply<'_, Result<Swapped, Error>> {
        Box::pin(async move { Ok(self.swap_now(submission_id, revision, delivery)) })
    }

    fn find(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<DeliveryRow>, Error>> {
        Box::pin(async move {
            let rows = locked(&self.rows);
            Ok(rows.get(&submission_id).cloned())
        })
    }

    fn in_state<'a>(
        &'a self,
        name: &'a str,
        max: u32,
    ) -> Reply<'a, Result<Vec<DeliveryRow>, Error>> {
        Box::pin(async move {
            let rows = locked(&self.rows);
            let mut here: Vec<&DeliveryRow> = rows
                .values()
                .filter(|row| row.delivery.name() == name)
                .collect();
            here.sort_by_key(|row| (row.noted_at, row.submission_id));
            Ok(found(here.into_iter(), max))
        })
    }

    fn postponed(
        &self,
        destination_id: DestinationId,
        now: Timestamp,
        max: u32,
    ) -> Reply<'_, Result<Vec<DeliveryRow>, Error>> {
        Box::pin(async move {
            let rows = locked(&self.rows);
            let of = |state: &'static str| {
                let here = rows.values().filter(move |row| {
                    let delivery = &row.delivery;
                    let is_free = !delivery.is_held() && !delivery.is_suspect();
                    let is_later = delivery.due_at().is_some_and(|at| at > now);
                    row.destination_id == destination_id
                        && delivery.name() == state
                        && is_free
                        && is_later
                });
                longest_due(here.collect(), max)
            };
            Ok([of("decided"), of("waiting")].concat())
        })
    }

    fn tally(&self) -> Reply<'_, Result<Vec<Tally>, Error>> {
        Box::pin(async move {
            let mut groups: BTreeMap<(DestinationId, &str, Option<&str>), Tally> = BTreeMap::new();
            for row in locked(&self.rows).values() {
                let state = row.delivery.name();
                if state == "done" {
                    continue;
                }
                let one = one(row);
                let cause = one.cause.map(Cause::name);
                let group = groups.entry((row.destination_id, state, cause));
                group.and_modify(|all| add(all, &one)).or_insert(one);
            }
            Ok(groups.into_values().collect())
        })
    }
}

/// While the holder stays the same, its lease is never shortened.
fn unshortened(old: &Delivery, new: Delivery) -> Delivery {
    let is_same = new.is_held() && new.held_by().is_some() && new.held_by() == old.held_by();
    match old.due_at() {
        Some(end) if is_same && new.due_at() < Some(end) => new.renewed(end),
        Some(_) | None => new,
    }
}

fn one(row: &DeliveryRow) -> Tally {
    let trouble = row.delivery.trouble();
    Tally {
        destination_id: row.destination_id,
        state: row.delivery.name().to_owned(),
        cause: trouble.map(|trouble| trouble.cause),
        count: 1,
        oldest: row.noted_at,
        first_seen: trouble.map(|trouble| trouble.since),
        last_seen: trouble.map(|trouble| trouble.last),
    }
}

fn add(all: &mut Tally, one: &Tally) {
    all.count += one.count;
    all.oldest = all.oldest.min(one.oldest);
    all.first_seen = all.first_seen.min(one.first_seen);
    all.last_seen = all.last_seen.max(one.last_seen);
}

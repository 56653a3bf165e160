//! The agents' own durable state: one row per submission on its way into a procedure.
//!
//! Holds ids, states and signed events only; the content stays sealed at the gateway until the verdict is posted.
//!
//! ```text
//!  note ──► claim (due ones, leased to a worker) ──► swap … swap (each with the revision of the one before)
//!             ▲ renew: before the lease ends           └ Stale: another worker took over; nothing was stored
//!             └ a lease that ended is claimed by whoever comes first
//! ```
//!
//! One store may be shared by many processes ([`Sharing`]). The revision is the fencing token: a worker that slept over
//! the end of its lease finds its swap [`Swapped::Stale`].

use std::collections::VecDeque;

use amtsbote_model::delivery::{Cause, Circumstances, Delivery, Event, Lease};
use amtsbote_model::{CaseId, DestinationId, SubmissionId, Timestamp, WorkerId};

use crate::{Error, Rate, Reply};

/// A submission the agent has heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewDelivery {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Its case.
    pub case_id: CaseId,
    /// Its destination.
    pub destination_id: DestinationId,
    /// When it was noted, and due from then on.
    pub at: Timestamp,
}

/// A delivery as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Its case.
    pub case_id: CaseId,
    /// Its destination.
    pub destination_id: DestinationId,
    /// When it was noted; also its place in the order of its destination: a millisecond or more after all that were noted
    /// before it and are open.
    pub noted_at: Timestamp,
    /// Life cycle. A lease ends when it was renewed to last.
    pub delivery: Delivery,
    /// Grows with each change; what [`Deliveries::swap`] compares. A renewal is none.
    pub revision: u64,
}

/// The answer to a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swapped {
    /// The new state is durable.
    Done,
    /// Somebody else changed the row since it was read.
    Stale,
}

/// Who else may work on the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody: whoever opened the store is alone, so leases it finds at its start belong to the dead.
    Sole,
    /// Other processes: only the end of a lease tells that its holder died.
    Shared,
}

/// In which order the deliveries of a destination are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Longest due first; one that waits for its next try holds up nobody.
    #[default]
    Due,
    /// As they were noted: the next one only when the one before is decided or parked.
    Noted,
}

/// What a destination may get from a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which.
    pub destination_id: DestinationId,
    /// Hand-overs in the hands of all processes together, at most.
    pub limit: u32,
    /// Hand-overs by this claim, at most; 0 while its circuit is open.
    pub hand_overs: u32,
    /// Posts of verdicts by this claim, at most.
    pub posts: u32,
    /// In which order.
    pub order: Order,
    /// How many hand-overs may begin within a minute, of all processes together.
    pub rate: Option<Rate>,
}

/// A worker asks for work.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who, and until when.
    pub lease: Lease,
    /// Rows in all, at most.
    pub max: u32,
    /// Rows among them, at most, with which a worker has died before ([`Delivery::is_suspect`]) or whose holder's lease
    /// has ended in the middle of a hand-over.
    pub suspects: u32,
    /// The destinations, in the order in which they take turns: one row each, then one row each again. Others get none.
    pub shares: Vec<Share>,
    /// Times and the present; a claim counts the deaths of holders before.
    pub around: Circumstances,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claimed {
    /// Held by the worker from now on; in the order of the turns.
    pub rows: Vec<DeliveryRow>,
    /// Parked by the claim: too many workers have died with them.
    pub parked: Vec<DeliveryRow>,
    /// What is to be stored as [`Candidates::full_at`], in the same step.
    pub paces: Vec<(DestinationId, Timestamp)>,
}

/// Deliveries that are in the same state for the same cause at the same destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The destination.
    pub destination_id: DestinationId,
    /// The state's name.
    pub state: String,
    /// What goes wrong ([`Delivery::trouble`]); none if nothing does, also for those not tried yet.
    pub cause: Option<Cause>,
    /// How many.
    pub count: u64,
    /// When the oldest of them was noted.
    pub oldest: Timestamp,
    /// The first failure of this cause.
    pub first_seen: Option<Timestamp>,
    /// The last failure of this cause.
    pub last_seen: Option<Timestamp>,
}

/// Deliveries of the agents that share this store.
pub trait Deliveries: Send + Sync {
    /// Who else may work on the same rows.
    fn sharing(&self) -> Sharing;

    /// Adds rows, due at once; what is there already stays as it is. Their place ([`DeliveryRow::noted_at`]) is after all of
    /// their destination that are waiting or leased, and as they stand in `new`, also where clocks disagree and many note at
    /// once. Durable before it answers.
    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, Result<(), Error>>;

    /// Takes due rows ([`Delivery::due_at`]) for a worker, in one step. However many claim at once, in however many
    /// processes:
    ///
    /// - no row is given to two,
    /// - no destination has more hand-overs in hand than its [`Share::limit`],
    /// - none begins more within a minute than its [`Share::rate`] ([`Claimed::paces`] is stored with the rows),
    /// - with [`Order::Noted`], none begins before all that were noted earlier are decided or parked.
    ///
    /// So whoever claims for a destination that has a rate or a strict order waits for others that do. Within a destination
    /// the longest due comes first, verdicts before hand-overs. Durable before it answers.
    fn claim(&self, claim: Claim) -> Reply<'_, Result<Claimed, Error>>;

    /// Renews leases in one write: those of `ids` that `by` holds end at `until`. Answers which it does not hold (any
    /// more). Revisions stay as they are.
    fn renew(
        &self,
        by: WorkerId,
        ids: Vec<SubmissionId>,
        until: Timestamp,
    ) -> Reply<'_, Result<Vec<SubmissionId>, Error>>;

    /// Sets the state if the row's revision is still `revision`. While the holder stays the same, its lease is never
    /// shortened. Durable before it answers.
    fn swap(
        &self,
        submission_id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Reply<'_, Result<Swapped, Error>>;

    /// One row.
    fn find(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<DeliveryRow>, Error>>;

    /// Rows whose state has this name, oldest first, at most `max`: what an operator looks at.
    fn in_state<'a>(
        &'a self,
        name: &'a str,
        max: u32,
    ) -> Reply<'a, Result<Vec<DeliveryRow>, Error>>;

    /// Those of a destination that wait for their next try, hand-over or post, later than `now`; those first that are due first, at
    /// most `max` of either kind. No suspects, and nothing that is in somebody's hands.
    fn postponed(
        &self,
        destination_id: DestinationId,
        now: Timestamp,
        max: u32,
    ) -> Reply<'_, Result<Vec<DeliveryRow>, Error>>;

    /// All that is not done, counted by destination, state and cause, in that order.
    fn tally(&self) -> Reply<'_, Result<Vec<Tally>, Error>>;
}

/// What a store found for one [`Share`], each list longest due first.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    /// Hand-overs of this destination under leases that have not ended.
    pub held: u32,
    /// Where [`Share::rate`] is given: what the last claim left in [`Claimed::paces`].
    pub full_at: Option<Timestamp>,
    /// Due verdicts, [`Share::posts`] at most.
    pub decided: Vec<DeliveryRow>,
    /// Due hand-overs: no suspects, [`Share::hand_overs`] at most. With [`Order::Noted`] only the first of all that are
    /// waiting or leased, if it is due.
    pub waiting: Vec<DeliveryRow>,
    /// Due suspects, and those whose lease has ended; [`Claim::suspects`] at most. With [`Order::Noted`] as before.
    pub suspects: Vec<DeliveryRow>,
}

impl Claim {
    /// Chooses among the candidates of each share, in the order of the shares: the rows as they are to be stored, each
    /// if its stored revision is still one less. The rule is here once, for all stores.
    #[must_use]
    pub fn choose(&self, candidates: Vec<Candidates>) -> Claimed {
        let mut chosen = Claimed::default();
        let mut suspects = self.suspects;
        let queues = self.shares.iter().zip(candidates);
        let mut queues: Vec<_> = queues
            .map(|(share, found)| Queue::of(share, found, self.around.now))
            .collect();
        let max = usize::try_from(self.max).unwrap_or(usize::MAX);
        loop {
            let before = chosen.rows.len();
            for queue in &mut queues {
                if chosen.rows.len() < max
                    && let Some(row) = self.next(queue, &mut suspects, &mut chosen.parked)
                {
                    chosen.rows.push(row);
                }
            }
            if chosen.rows.len() == before {
                let paces = self.shares.iter().zip(&queues);
                chosen.paces = paces
                    .filter_map(|(share, queue)| self.pace(share, queue))
                    .collect();
                return chosen;
            }
        }
    }

    fn pace(&self, share: &Share, queue: &Queue) -> Option<(DestinationId, Timestamp)> {
        let rate = share.rate.filter(|_| queue.begun > 0)?;
        let full_at = rate.after(queue.full_at, self.around.now, queue.begun);
        Some((share.destination_id, full_at))
    }

    fn next(
        &self,
        queue: &mut Queue,
        suspects: &mut u32,
        parked: &mut Vec<DeliveryRow>,
    ) -> Option<DeliveryRow> {
        while let Some(row) = queue.rows.pop_front() {
            let is_post = matches!(row.delivery, Delivery::Decided { .. });
            if !is_post && queue.room == 0 {
                continue;
            }
            let lease = self.lease;
            let Ok(delivery) = row.delivery.step(Event::Claimed { lease }, &self.around) else {
                continue;
            };
            let row = DeliveryRow {
                delivery,
                revision: row.revision + 1,
                ..row
            };
            if matches!(row.delivery, Delivery::Parked { .. }) {
                parked.push(row);
                continue;
            }
            if row.delivery.is_suspect() {
                if *suspects == 0 {
                    continue;
                }
                *suspects -= 1;
            }
            queue.room = queue.room.saturating_sub(u32::from(!is_post));
            queue.begun += u32::from(!is_post);
            return Some(row);
        }
        None
    }
}

/// What one destination may get, in its order.
struct Queue {
    rows: VecDeque<DeliveryRow>,
    room: u32,
    begun: u32,
    full_at: Option<Timestamp>,
}

impl Queue {
    fn of(share: &Share, found: Candidates, now: Timestamp) -> Self {
        let limit = match share.order {
            Order::Due => share.limit,
            Order::Noted => share.limit.min(1),
        };
        let paced = share
            .rate
            .map_or(u32::MAX, |rate| rate.room(found.full_at, now));
        let mut hand_overs = found.waiting;
        hand_overs.extend(found.suspects);
        hand_overs.sort_by_key(|row| (row.delivery.due_at(), row.submission_id));
        let mut rows = VecDeque::from(found.decided);
        rows.extend(hand_overs);
        Self {
            rows,
            room: limit
                .saturating_sub(found.held)
                .min(share.hand_overs)
                .min(paced),
            begun: 0,
            full_at: found.full_at,
        }
    }
}

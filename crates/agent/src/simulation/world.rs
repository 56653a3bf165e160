//! What is true outside of the agents: what was sent, what the delivery service was told, what procedures have; and
//! what must hold at each moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::delivery::Verdict;
use amtsbote_model::{CaseId, Clock, DestinationId, SubmissionId, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use super::chance::Chance;
use super::plan::{CALM_AFTER, Nature, Plan};

/// 2026-11-23 08:00 UTC
const MORNING_S: i64 = 1_795_420_800;
/// Clocks of two agents differ by less.
pub(super) const SKEW_MAX_MS: u64 = 300;

pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) chance: Chance,
    pub(super) began: Instant,
    /// Something was sent.
    pub(super) news: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// As submitted.
    pub(super) submissions: Vec<Submission>,
    /// Hand-overs under way: by which life of an agent, to which place, of what.
    pub(super) under_way: Vec<(u64, usize, SubmissionId)>,
    /// When hand-overs were begun at each place, in milliseconds.
    begun: BTreeMap<usize, Vec<i64>>,
    /// Of each hand-over: when it began, at which place.
    pub(super) call_log: Vec<(Duration, usize)>,
    /// Lives that stand still.
    pub(super) stalled: BTreeSet<u64>,
    /// The first thing that must not be.
    broken: Option<String>,
    /// Hand-overs begun in all.
    pub(super) calls: u64,
    /// When the service was asked for a submission, well or not.
    pub(super) asked: Vec<Duration>,
    /// Processes that died.
    pub(super) deaths: u64,
}

pub(super) struct Submission {
    pub(super) ids: SubmissionRef,
    pub(super) place: usize,
    pub(super) nature: Nature,
    pub(super) sent: Instant,
    pub(super) effects: u32,
    pub(super) effect_at: Option<Instant>,
    pub(super) answer: Option<Verdict>,
}

impl World {
    pub(super) fn new(plan: Plan, chance: Chance) -> Self {
        Self {
            plan,
            chance,
            began: Instant::now(),
            news: Notify::new(),
            state: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn since(&self) -> Duration {
        self.began.elapsed()
    }

    /// The service is asked for a submission.
    pub(super) fn asked(&self) {
        let at = self.since();
        self.state().asked.push(at);
    }

    pub(super) fn is_calm(&self) -> bool {
        self.since() >= CALM_AFTER
    }

    pub(super) fn send(&self, place: usize, nature: Nature) {
        let mut state = self.state();
        let number = state.submissions.len() as u128;
        // Not in the order of sending.
        let scattered = u128::from(self.chance.next()) << 64 | number;
        state.submissions.push(Submission {
            ids: SubmissionRef {
                destination_id: destination(place),
                submission_id: SubmissionId::from_uuid(Uuid::from_u128(scattered)),
                case_id: CaseId::from_uuid(Uuid::from_u128(scattered)),
            },
            place,
            nature,
            sent: Instant::now(),
            effects: 0,
            effect_at: None,
            answer: None,
        });
        drop(state);
        self.news.notify_waiters();
    }

    pub(super) fn broken(&self) -> Option<String> {
        self.state().broken.clone()
    }

    #[expect(clippy::fn_params_excessive_bools, reason = "as of an assertion")]
    pub(super) fn demand(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let at = self.since();
            let mut state = self.state();
            state
                .broken
                .get_or_insert_with(|| format!("after {at:?}: {}", what()));
        }
    }

    /// A claim, made at that moment by the claimer's clock, has given a hand-over to this place.
    pub(super) fn claimed(&self, place: usize, at: Timestamp) {
        // Clocks differ, so a minute of one is a little less of another.
        let minute = 60_000 - 2 * i64::try_from(SKEW_MAX_MS).unwrap_or_default();
        let mut state = self.state();
        let begun = state.begun.entry(place).or_default();
        begun.push(at.as_millis());
        // Who stood still between its look at the clock and the claim comes late.
        begun.sort_unstable();
        let windows = begun.iter().enumerate().rev().take(100);
        let within = windows.map(|(first, from)| {
            let rest = begun[first..].iter();
            rest.take_while(|at| **at < from + minute).count()
        });
        let count = within.max().unwrap_or_default();
        drop(state);
        let most = self.plan.places[place].per_minute;
        self.demand(most.is_none_or(|most| count <= most as usize), || {
            format!("{count} hand-overs to place {place} within a minute, {most:?} allowed")
        });
    }

    /// The procedure keeps the parcel.
    pub(super) fn effect(&self, id: SubmissionId) {
        let mut state = self.state();
        let Some(submission) = state.submissions.get_mut(number(id)) else {
            return;
        };
        submission.effects += 1;
        submission.effect_at.get_or_insert_with(Instant::now);
        let effects = submission.effects;
        let answer = submission.answer;
        drop(state);
        self.demand(effects == 1, || format!("{effects} effects of {id}"));
        self.demand(answer.is_none(), || {
            format!("{id} is handed over after its answer {answer:?}")
        });
    }

    pub(super) fn has(&self, id: SubmissionId) -> bool {
        let state = self.state();
        let found = state.submissions.get(number(id));
        found.is_some_and(|one| one.effects > 0)
    }

    pub(super) fn nature(&self, id: SubmissionId) -> Nature {
        let state = self.state();
        let found = state.submissions.get(number(id));
        found.map_or(Nature::Good, |one| one.nature)
    }
}

/// Its place in the order of sending.
pub(super) fn number(id: SubmissionId) -> usize {
    usize::try_from(id.uuid().as_u64_pair().1).unwrap_or(usize::MAX)
}

pub(super) fn destination(place: usize) -> DestinationId {
    DestinationId::from_uuid(Uuid::from_u128(0xD0 + place as u128))
}

pub(super) fn place_of(id: DestinationId) -> usize {
    usize::from(id.uuid().as_bytes()[15] - 0xD0)
}

/// Goes with the runtime's clock, ahead of the others by something.
pub(super) struct SkewedClock {
    pub(super) began: Instant,
    pub(super) ahead_ms: i64,
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let millis = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(MORNING_S * 1000 + millis + self.ahead_ms)
    }
}

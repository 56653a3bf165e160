//! What a seed means: who takes part, what is sent, and what goes wrong until all is calm.

use std::time::Duration;

use amtsbote_store::{Order, Rate};

use super::chance::Chance;
use crate::Pace;

/// Nothing goes wrong by itself any more from here on.
pub(super) const CALM_AFTER: Duration = Duration::from_mins(1);
/// Then all has to come to its end within this.
pub(super) const PATIENCE: Duration = Duration::from_mins(30);

/// What is broken on purpose, to see that the checks find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The store does not compare revisions and says that every lease still holds.
    NoFencing,
    /// The way out brings a parcel without looking whether it is there.
    NoLookUp,
    /// The procedure gives receipts for what it has not kept.
    FalseReceipts,
    /// The store gives the longest due instead of the first noted.
    NoOrder,
    /// The store does not count what others hold.
    NoLimit,
    /// The store does not count what was begun.
    NoRate,
}

/// How a procedure keeps a repeat from having a second effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeats {
    /// It knows a parcel's id again by itself, also while two bring the same. What was sent may take effect late.
    Recognised,
    /// The way out asks first; between question and effect there is a gap.
    LookedUp,
}

/// What a peer is like for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// Each call may go wrong in its own way.
    Moody,
    Away,
    /// Says "later", and when.
    Busy,
    /// Does not say anything.
    Silent,
    /// Has a fault of its own with whatever it is asked. A service only.
    Broken,
}

/// Moods of a peer: from when on which, and until when.
#[derive(Debug, Clone, Default)]
pub(super) struct Moods {
    moods: Vec<(Duration, Mood)>,
    end: Duration,
}

impl Moods {
    fn draw(chance: &Chance) -> Self {
        let mut moods = Vec::new();
        let mut from = Duration::ZERO;
        while from < CALM_AFTER {
            let mood = match chance.below(10) {
                0..4 => Mood::Well,
                4..7 => Mood::Moody,
                7 => Mood::Away,
                8 => Mood::Busy,
                _ => Mood::Silent,
            };
            moods.push((from, mood));
            from += chance.millis(40_000);
        }
        Self {
            moods,
            end: CALM_AFTER,
        }
    }

    /// In this mood from the beginning until then.
    pub(super) fn until(end: Duration, mood: Mood) -> Self {
        Self {
            moods: vec![(Duration::ZERO, mood)],
            end,
        }
    }

    /// Well at first, then in this mood until then.
    pub(super) fn from_until(from: Duration, end: Duration, mood: Mood) -> Self {
        Self {
            moods: vec![(Duration::ZERO, Mood::Well), (from, mood)],
            end,
        }
    }

    pub(super) fn at(&self, since: Duration) -> Mood {
        let begun = self.moods.iter().rev().find(|(from, _)| *from <= since);
        begun
            .filter(|_| since < self.end)
            .map_or(Mood::Well, |(_, mood)| *mood)
    }
}

/// What becomes of a submission when all works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    Good,
    /// Its mapping refuses it.
    Refused,
    /// The procedure refuses it.
    Unwanted,
    /// Whatever hands it over dies.
    Poison,
    /// The service has a fault with it, and gives it away never.
    Damaged,
}

/// A destination and the procedure behind it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) repeats: Repeats,
    pub(super) pace: Pace,
    pub(super) per_minute: Option<u32>,
    pub(super) moods: Moods,
    /// A call takes up to so long.
    pub(super) call_ms: u64,
}

/// Who takes part, what is sent, and what goes wrong.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) agents: u64,
    /// All is kept by one process at a time.
    pub(super) is_sole: bool,
    pub(super) service: Moods,
    pub(super) places: Vec<Place>,
    /// When, to which place, of which nature.
    pub(super) sent: Vec<(Duration, usize, Nature)>,
    pub(super) crashes: bool,
    pub(super) stalls: bool,
    /// One in so many calls of the store fails; 0: none.
    pub(super) store_fails_one_in: u64,
    /// It is over when so many have ended; the rest is of no interest.
    pub(super) ends_after: usize,
    pub(super) flaw: Option<Flaw>,
}

impl Plan {
    pub(super) fn draw(chance: &Chance, flaw: Option<Flaw>) -> Self {
        let is_sole = flaw.is_none() && chance.one_in(4);
        let mut places: Vec<Place> = (0..2).map(|_| Place::draw(chance)).collect();
        if flaw == Some(Flaw::NoFencing) {
            // Where the flaw hurts: what is taken over is still being brought.
            for place in &mut places {
                place.repeats = Repeats::LookedUp;
                place.call_ms = 4000;
            }
        }
        let sent = (0..3 + chance.below(10)).map(|_| {
            let nature = match chance.below(20) {
                0 => Nature::Refused,
                1 => Nature::Unwanted,
                2 => Nature::Poison,
                _ => Nature::Good,
            };
            let place = usize::from(chance.one_in(3));
            (chance.millis(30_000), place, nature)
        });
        let mut sent: Vec<_> = sent.collect();
        sent.sort_by_key(|(at, _, _)| *at);
        Self {
            agents: if is_sole { 1 } else { 1 + chance.below(3) },
            is_sole,
            service: Moods::draw(chance),
            places,
            sent,
            crashes: !chance.one_in(4),
            stalls: !is_sole && chance.one_in(2),
            store_fails_one_in: if chance.one_in(2) { 0 } else { 20 },
            ends_after: usize::MAX,
            flaw,
        }
    }
}

impl Place {
    fn draw(chance: &Chance) -> Self {
        let is_strict = chance.one_in(3);
        let per_minute = chance.pick(&[None, None, Some(12), Some(40)]);
        let pace = Pace {
            limit: if is_strict {
                1
            } else {
                chance.pick(&[1, 2, 3])
            },
            order: if is_strict { Order::Noted } else { Order::Due },
            rate: per_minute.and_then(Rate::per_minute),
        };
        Self {
            repeats: if chance.one_in(2) {
                Repeats::Recognised
            } else {
                Repeats::LookedUp
            },
            pace,
            per_minute,
            moods: Moods::draw(chance),
            call_ms: chance.pick(&[50, 500, 4000]),
        }
    }
}

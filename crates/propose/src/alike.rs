//! Fields by the values of the service's example: all that tells where a format has no names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::fields::{Field, Kind};
use crate::matching::{Match, Offer, Source, values_at};
use crate::names;
use crate::slots::Slot;

/// The fields whose values in the service's example are those of the slot, best first.
pub(crate) fn alike_by_value(slot: &Slot, offer: &Offer<'_>) -> Vec<usize> {
    const TELLING_MIN: usize = 3;
    let wanted: Vec<String> = slot
        .values
        .iter()
        .map(|value| told(value))
        .filter(|value| !value.is_empty())
        .collect();
    if wanted.is_empty() || wanted.iter().all(|value| value.len() < TELLING_MIN) {
        return Vec::new();
    }
    let known = |field: &Field| -> Vec<String> {
        let known = match field.kind {
            Kind::PartialDate => days_at(offer.example, &field.pointer()),
            Kind::Text
            | Kind::Number
            | Kind::Boolean
            | Kind::Date
            | Kind::Moment
            | Kind::Code(_) => values_at(offer.example, &field.pointer()),
        };
        known.iter().map(|value| told(value)).collect()
    };
    let mut found: Vec<(bool, usize)> = Vec::new();
    for (at, field) in offer.fields.iter().enumerate() {
        let known = known(field);
        if wanted.iter().all(|value| known.contains(value)) {
            // One after the other as in the example tells more than that they are among them.
            found.push((known != wanted, at));
        }
    }
    found.sort_unstable();
    let best = found.first().map(|(differs, _)| *differs);
    found
        .into_iter()
        .filter(|(differs, _)| Some(*differs) == best)
        .map(|(_, at)| at)
        .collect()
}

/// One match per slot of a record out of the fields with the same value: the one whose object serves most of the record.
pub(crate) fn together(alike: &[Vec<usize>], fields: &[Field]) -> Vec<Option<Match>> {
    let objects = |at: usize| -> Vec<Vec<&str>> {
        let above = fields.get(at).map(Field::above).unwrap_or_default();
        (1..=above.len()).map(|to| above[..to].to_vec()).collect()
    };
    let mut served: BTreeMap<Vec<&str>, BTreeSet<usize>> = BTreeMap::new();
    for (slot, fields) in alike.iter().enumerate() {
        for object in fields.iter().flat_map(|field| objects(*field)) {
            served.entry(object).or_default().insert(slot);
        }
    }
    let weight = |field: usize| -> usize {
        let objects = objects(field);
        objects
            .iter()
            .filter_map(|object| served.get(object))
            .map(BTreeSet::len)
            .sum()
    };
    let best = |alike: &Vec<usize>| {
        let order = alike.iter().rev();
        order.copied().max_by_key(|field| weight(*field))
    };
    let found = |field| Match {
        source: Source::Field(field),
        score: 70,
    };
    alike.iter().map(|alike| best(alike).map(found)).collect()
}

/// Dates of year, month and day at a pointer with `*`.
fn days_at(data: &Value, pointer: &str) -> Vec<String> {
    let part = |name: &str| values_at(data, &format!("{pointer}/{name}"));
    let days = part("jahr").into_iter().zip(part("monat")).zip(part("tag"));
    days.map(|((year, month), day)| format!("{year}-{month:0>2}-{day:0>2}"))
        .collect()
}

/// A value however it is written: a date as `yyyyMMdd`, letters and digits of everything else.
fn told(value: &str) -> String {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let parts: Vec<&str> = value.trim().split('.').collect();
    match (parts.as_slice(), digits.len()) {
        ([day, month, year], 8) if year.len() == 4 => format!("{year}{month}{day}"),
        ([whole], 8) if *whole == digits && crate::slots::is_day_first(whole) => {
            let (day, rest) = whole.split_at(2);
            let (month, year) = rest.split_at(2);
            format!("{year}{month}{day}")
        }
        _ => names::folded(value),
    }
}

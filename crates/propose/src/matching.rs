//! Which field goes into which slot. Every match is a guess with a reason; the same input gives the same matches.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::fields::{Field, Kind};
use crate::names;
use crate::several::Names;
use crate::slots::{Look, Slot};
use crate::together::takes_address;

/// Below this nothing is proposed.
const SCORE_MIN: i32 = 62;
/// Attributes are mostly constants of the format.
const ATTRIBUTE_MIN: i32 = 92;

/// Elements that tell of the message, not of the matter.
const HEADS: &[&str] = &[
    "nachrichtenkopf",
    "kopf",
    "kopfdaten",
    "header",
    "envelope",
    "steuerung",
    "transportdaten",
];

/// Where a slot's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The field at this place of the list.
    Field(usize),
    /// Something beside the data.
    Beside(&'static Beside),
}

/// A source beside the data.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Beside {
    pub(crate) name: &'static str,
    pub(crate) expression: &'static str,
    pub(crate) is_moment: bool,
}

const BESIDE: &[Beside] = &[
    Beside {
        name: "eingangsdatum",
        expression: "$received_at",
        is_moment: true,
    },
    Beside {
        name: "erstellungszeitpunkt",
        expression: "$message.created_at",
        is_moment: true,
    },
    Beside {
        name: "antragsnummer",
        expression: "$submission.id",
        is_moment: false,
    },
    Beside {
        name: "nachrichtenUUID",
        expression: "$message.uuid",
        is_moment: false,
    },
    Beside {
        name: "mandant",
        expression: "$receiver.mandant",
        is_moment: false,
    },
    Beside {
        name: "regionalschluessel",
        expression: "$receiver.ars",
        is_moment: false,
    },
    Beside {
        name: "behoerde",
        expression: "$receiver.name",
        is_moment: false,
    },
];

/// A proposal for one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) source: Source,
    /// 62 to 100.
    pub(crate) score: i32,
}

/// The service's side.
pub(crate) struct Offer<'o> {
    pub(crate) fields: &'o [Field],
    /// A valid submission.
    pub(crate) example: &'o Value,
    /// The files of a sample of several, which a document may name.
    pub(crate) files: &'o Names,
}

/// A field, or a source beside the data, that may go into a slot.
struct Candidate {
    score: i32,
    slot: usize,
    source: Source,
}

/// One entry per slot.
pub(crate) fn matches(slots: &[Slot], offer: &Offer<'_>) -> Vec<Option<Match>> {
    let mut candidates = candidates(slots, offer);
    let bonus = company(slots, offer.fields, &candidates);
    for (candidate, bonus) in candidates.iter_mut().zip(bonus) {
        candidate.score += bonus;
    }
    let found = chosen(slots.len(), &mut candidates);
    if slots.iter().all(|slot| slot.group.is_empty()) {
        return found;
    }
    for candidate in &mut candidates {
        candidate.score += chosen_beside(candidate, slots, (&found, offer.fields));
    }
    chosen(slots.len(), &mut candidates)
}

/// The best candidate of each slot; a field goes into one only.
fn chosen(slots: usize, candidates: &mut [Candidate]) -> Vec<Option<Match>> {
    // Best first; the sort is stable, so equal scores keep the order of the sample and of the schema.
    candidates.sort_by_key(|candidate| -candidate.score);
    let mut found: Vec<Option<Match>> = vec![None; slots];
    let mut used = Vec::new();
    for candidate in candidates.iter() {
        let Some(place) = found
            .get_mut(candidate.slot)
            .filter(|place| place.is_none())
        else {
            continue;
        };
        if used.contains(&candidate.source) {
            continue;
        }
        if let Source::Field(_) = candidate.source {
            used.push(candidate.source.clone());
        }
        *place = Some(Match {
            source: candidate.source.clone(),
            score: candidate.score.min(100),
        });
    }
    found
}

/// What a field is likelier by if others of its object were chosen for the same record: where two objects have the same value, that tells.
fn chosen_beside(
    candidate: &Candidate,
    slots: &[Slot],
    (found, fields): (&[Option<Match>], &[Field]),
) -> i32 {
    const LIKELIER: i32 = 4;
    let object = |source: &Source| match source {
        Source::Field(at) => fields.get(*at).map(Field::above),
        Source::Beside(_) => None,
    };
    let Some(wanted) = object(&candidate.source) else {
        return 0;
    };
    let group = slots.get(candidate.slot).map(|slot| slot.group.as_str());
    let others = slots
        .iter()
        .zip(found)
        .enumerate()
        .filter(|(at, (slot, found))| {
            let source = found.as_ref().map(|found| &found.source);
            *at != candidate.slot
                && Some(slot.group.as_str()) == group
                && source.and_then(object).as_ref() == Some(&wanted)
        });
    i32::try_from(others.count()).unwrap_or(0).min(3) * LIKELIER
}

fn candidates(slots: &[Slot], offer: &Offer<'_>) -> Vec<Candidate> {
    let known: Vec<Known> = offer
        .fields
        .iter()
        .map(|field| Known::new(field, offer.example))
        .collect();
    let mut candidates = Vec::new();
    for (slot, read) in slots.iter().map(Read::new).enumerate() {
        let least = if read.slot.is_attribute {
            ATTRIBUTE_MIN
        } else {
            SCORE_MIN
        };
        let fields = known
            .iter()
            .enumerate()
            .map(|(at, known)| (score(&read, known), Source::Field(at)))
            .filter(|(score, _)| *score >= least);
        let beside = BESIDE
            .iter()
            .map(|beside| (score_beside(&read, beside), Source::Beside(beside)))
            .filter(|(score, _)| *score >= least.max(80));
        let found = fields.chain(beside).map(|(score, source)| Candidate {
            score,
            slot,
            source,
        });
        candidates.extend(found);
    }
    candidates
}

/// What a column is likelier by if the one beside it may come from the same object.
const NEIGHBOUR: usize = 3;

/// Slots below the same names (or all), and an object of the data.
type Served<'s> = (Option<&'s [String]>, Vec<&'s str>);

/// What belongs together goes together: a field is likelier if fields of the same object fit the neighbours of the slot, too.
fn company(slots: &[Slot], fields: &[Field], candidates: &[Candidate]) -> Vec<i32> {
    let prefixes = |candidate: &Candidate| -> Vec<Vec<&str>> {
        let Source::Field(field) = candidate.source else {
            return Vec::new();
        };
        let above = fields.get(field).map(Field::above).unwrap_or_default();
        (1..=above.len()).map(|to| above[..to].to_vec()).collect()
    };
    let above = |slot: usize| slots.get(slot).map(|slot| slot.above.as_slice());
    let mut served: BTreeMap<Served<'_>, BTreeSet<usize>> = BTreeMap::new();
    for candidate in candidates {
        for prefix in prefixes(candidate) {
            for group in [None, above(candidate.slot)] {
                let slots = served.entry((group, prefix.clone())).or_default();
                slots.insert(candidate.slot);
            }
        }
    }
    let size = |group: Option<&[String]>| {
        slots
            .iter()
            .filter(|slot| group.is_none_or(|group| slot.above == group))
            .count()
            .max(1)
    };
    let share = |group: Option<&[String]>, of: &[Vec<&str>], weight: usize| {
        let served: usize = of
            .iter()
            .filter_map(|prefix| served.get(&(group, prefix.clone())))
            .map(BTreeSet::len)
            .sum();
        weight * served / (size(group) * of.len().max(1))
    };
    // Columns have no names above them: there the neighbours tell.
    let beside = |candidate: &Candidate, of: &[Vec<&str>]| {
        let is_column = above(candidate.slot).is_some_and(<[String]>::is_empty);
        let Some(object) = of.last().filter(|_| is_column) else {
            return 0;
        };
        let at = served.get(&(None, object.clone()));
        let near = [candidate.slot.checked_sub(1), candidate.slot.checked_add(1)];
        let near = near.into_iter().flatten();
        NEIGHBOUR
            * near
                .filter(|slot| at.is_some_and(|at| at.contains(slot)))
                .count()
    };
    candidates
        .iter()
        .map(|candidate| {
            let of = prefixes(candidate);
            let bonus = share(None, &of, 10)
                + share(above(candidate.slot), &of, 10)
                + beside(candidate, &of);
            i32::try_from(bonus).unwrap_or(0)
        })
        .collect()
}

/// A slot, prepared.
struct Read<'s> {
    slot: &'s Slot,
    own: Vec<String>,
    above: Vec<String>,
    look: Look,
}

impl<'s> Read<'s> {
    fn new(slot: &'s Slot) -> Self {
        Self {
            slot,
            own: names::parts(&slot.name),
            above: slot
                .above
                .iter()
                .flat_map(|name| names::parts(local(name)))
                .collect(),
            look: slot.look(),
        }
    }

    /// Whether it stands in a message's head, which tells of sender, reader and message: nothing of the application goes there.
    fn is_in_head(&self) -> bool {
        self.above.iter().any(|word| HEADS.contains(&word.as_str()))
    }
}

/// A prefix is no word of a name.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// A field, prepared.
struct Known<'f> {
    field: &'f Field,
    above: Vec<String>,
    values: Vec<String>,
}

impl<'f> Known<'f> {
    fn new(field: &'f Field, example: &Value) -> Self {
        let mut above: Vec<String> = field.above().into_iter().flat_map(names::parts).collect();
        let labels = field.labels.iter().rev().skip(1);
        above.extend(labels.flat_map(|label| names::parts(label)));
        Self {
            field,
            above,
            values: values_at(example, &field.pointer()),
        }
    }
}

/// The texts and numbers at a pointer with `*`.
pub(crate) fn values_at(data: &Value, pointer: &str) -> Vec<String> {
    let mut at = vec![data];
    for part in pointer.split('/').skip(1) {
        at = at
            .into_iter()
            .flat_map(|value| match (value, part) {
                (Value::Array(items), "*") => items.iter().collect(),
                (Value::Object(members), _) => members
                    .get(&part.replace("~1", "/").replace("~0", "~"))
                    .into_iter()
                    .collect(),
                _ => Vec::new(),
            })
            .collect();
    }
    at.into_iter()
        .filter_map(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        })
        .collect()
}

fn score(read: &Read<'_>, known: &Known<'_>) -> i32 {
    if read.is_in_head() {
        return 0;
    }
    let (key, label) = known.field.leaf();
    let is_above = |word: &&String| {
        known
            .above
            .iter()
            .any(|above| names::same_meaning(word, above) || names::is_short_for(word, above))
    };
    // `HALTER_STRASSE`: what names the surroundings is no part of the name.
    let mut own: Vec<String> = read
        .own
        .iter()
        .filter(|word| !is_above(word))
        .cloned()
        .collect();
    if own.is_empty() {
        own.clone_from(&read.own);
    }
    let left = own.len();
    let of_name = [
        names::alike(&own, key),
        names::alike(&read.own, key),
        names::alike(&own, label) - 3,
        names::alike(&read.own, label) - 3,
    ];
    let name = of_name.into_iter().max().unwrap_or(0);
    let name = name
        .max(together(read, key))
        .max(of_object(read, known))
        .max(of_address(read, known));
    if name < 40 {
        return 0;
    }
    name + context(read, known, left) + value(read, known)
}

/// `geburt/ort` is `geburtsort`: a name means more with the one above it.
fn together(read: &Read<'_>, key: &str) -> i32 {
    /// More than the same name below anything else.
    const TOGETHER: i32 = 112;
    let Some(above) = read.slot.above.last() else {
        return 0;
    };
    let (above, own) = (names::folded(local(above)), names::folded(&read.slot.name));
    let key = names::folded(key);
    let is_key = |joined: String| joined == key || names::is_known_as(&joined, &key);
    let one_word =
        own != key && (is_key(format!("{above}{own}")) || is_key(format!("{above}s{own}")));
    if one_word { TOGETHER } else { 0 }
}

/// `miete` is `miete/gesamtMonatlichCent`: a value called like the object whose whole it is.
fn of_object(read: &Read<'_>, known: &Known<'_>) -> i32 {
    const WHOLE: &[&str] = &[
        "gesamt", "betrag", "summe", "wert", "hoehe", "total", "amount",
    ];
    let is_number = matches!(
        (&known.field.kind, &read.look),
        (Kind::Number, Look::Number(_))
    );
    let above = known.field.above().last().map(|name| names::folded(name));
    let is_object = above.is_some_and(|above| above == names::folded(&read.slot.name));
    let words = names::words(known.field.leaf().0);
    let is_whole = words.iter().any(|word| WHOLE.contains(&word.as_str()));
    if is_number && is_object && is_whole {
        78
    } else {
        0
    }
}

/// A whole address is that of the object it is called like.
fn of_address(read: &Read<'_>, known: &Known<'_>) -> i32 {
    let key = names::folded(known.field.leaf().0);
    let above = known.field.above().last().map(|name| names::folded(name));
    let own = names::folded(&read.slot.name);
    let is_object = above.is_some_and(|above| names::same_meaning(&above, &own));
    let is_it = is_object && names::same_meaning(&key, "strasse") && takes_address(read.slot);
    if is_it { 84 } else { 0 }
}

/// `left`: how many words of the name do not name the surroundings.
fn context(read: &Read<'_>, known: &Known<'_>, left: usize) -> i32 {
    let told = left < read.own.len();
    let shared = read.above.iter().any(|word| {
        known
            .above
            .iter()
            .any(|above| names::same_meaning(word, above))
    });
    let depth = i32::try_from(known.field.above().len()).unwrap_or(0);
    let required = i32::from(known.field.is_required) * 3;
    let surroundings = match (shared || told, read.above.len() > 1) {
        (true, _) => 8,
        (false, true) => -12,
        (false, false) => 0,
    };
    surroundings + required - depth
}

fn value(read: &Read<'_>, known: &Known<'_>) -> i32 {
    let values: Vec<String> = read
        .slot
        .values
        .iter()
        .map(|value| names::folded(value))
        .filter(|value| !value.is_empty())
        .collect();
    let equal = known
        .values
        .iter()
        .any(|known| values.contains(&names::folded(known)));
    let bonus = if equal { 8 } else { 0 };
    let key = known.field.leaf().0;
    bonus
        + match (&known.field.kind, &read.look) {
            (_, Look::Nothing) | (Kind::Text, Look::Number(_) | Look::Text) => 0,
            (Kind::Date | Kind::PartialDate | Kind::Moment, Look::Date(_) | Look::Moment)
            | (Kind::Boolean, Look::Boolean(_)) => 12,
            (Kind::Date | Kind::PartialDate | Kind::Moment, _)
            | (_, Look::Date(_) | Look::Moment) => -40,
            (Kind::Number, Look::Number(_)) => 6,
            (Kind::Boolean | Kind::Number, _) => -30,
            (Kind::Code(codes), _) => {
                let fits = |text: &str| values.contains(&names::folded(text));
                if codes
                    .iter()
                    .any(|code| fits(&code.code) || fits(&code.label))
                {
                    15
                } else {
                    0
                }
            }
            (Kind::Text, Look::Iban) => {
                if names::same_meaning(&names::folded(key), "iban") {
                    30
                } else {
                    -40
                }
            }
            (Kind::Text, Look::Email) => {
                if names::same_meaning(&names::folded(key), "email") {
                    30
                } else {
                    -40
                }
            }
            (Kind::Text, Look::Boolean(_)) => -20,
        }
}

fn score_beside(read: &Read<'_>, beside: &Beside) -> i32 {
    let name = names::alike(&read.own, beside.name);
    match (&read.look, beside.is_moment) {
        (Look::Date(_) | Look::Moment, true) => name + 8,
        (Look::Nothing, _)
        | (Look::Number(_) | Look::Boolean(_) | Look::Iban | Look::Email | Look::Text, false) => {
            name
        }
        (Look::Date(_) | Look::Moment, false) | (_, true) => 0,
    }
}

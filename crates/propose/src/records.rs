//! Several kinds of records of one file (sections, segments, too): which of them repeat, over which list of the data, and which stand inside
//! of others.

use std::fmt::Write as _;

use crate::alike::{alike_by_value, together};
use crate::binding::{self, Context, Maps, quoted};
use crate::csv::{Listed, Place, column, is_counter};
use crate::fields::{Field, Step};
use crate::fixed::Column;
use crate::matching::{Match, Offer, Source, matches};
use crate::package::{Note, NoteKind};
use crate::slots::Slot;
use crate::sums::{self, Summed};

/// A kind of records, as the sample shows it.
pub(crate) struct Draft {
    pub(crate) name: String,
    /// Words of the record, each a line: `section = "Hund{nr}"`.
    pub(crate) words: Vec<String>,
    pub(crate) fields: Vec<DraftField>,
    /// Which records of the sample it is, from 1.
    pub(crate) rows: Vec<usize>,
    pub(crate) repeats: Repeats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// Its form allows one only.
    Never,
    /// It stands there once, and nothing says that it has to.
    Perhaps,
    Surely,
}

/// A field of such a kind.
#[derive(Default)]
pub(crate) struct DraftField {
    pub(crate) name: String,
    /// Words of the field, each a line: `key = "hund.{nr}.name"`.
    pub(crate) words: Vec<String>,
    /// Names above it.
    pub(crate) above: Vec<String>,
    /// One per record; empty where it has none.
    pub(crate) values: Vec<String>,
    pub(crate) width: Option<Column>,
    pub(crate) quoted: Option<bool>,
    /// It is the same in all of them by the file's form: the kind's own sign, a comment.
    pub(crate) is_sign: bool,
    /// The format has no names, so its own says nothing.
    pub(crate) is_nameless: bool,
    /// Some records lack it altogether.
    pub(crate) is_left_out: bool,
}

/// Where a kind stands in the column list.
struct Stand {
    depth: usize,
    /// Its own list, if it goes over one.
    each: Option<Vec<Step>>,
    /// The lists around its fields.
    context: Context,
    /// That of what it stands in.
    around: Context,
}

pub(crate) fn list(drafts: &[Draft], offer: &Offer<'_>, maps: &mut Maps) -> Listed {
    let slots: Vec<Vec<Slot>> = drafts
        .iter()
        .map(|draft| {
            draft
                .fields
                .iter()
                .map(|field| slot(draft, field))
                .collect()
        })
        .collect();
    let found = found(drafts, &slots, offer);
    let stands = stands(drafts, &found, offer.fields);
    let mut listed = Listed {
        text: String::from(
            "# Vorschlag, bitte jedes Feld bestätigen / proposal, confirm each field.\n",
        ),
        notes: Vec::new(),
        found: Vec::new(),
    };
    let summed = summed(&stands, (&slots, &found), offer.fields);
    for (at, draft) in drafts.iter().enumerate() {
        let (Some(stand), Some(slots), Some(found)) =
            (stands.get(at), slots.get(at), found.get(at))
        else {
            continue;
        };
        head(draft, stand, &mut listed);
        let writer = Writer {
            drafts,
            stands: &stands,
            draft,
            stand,
            offer,
            summed: &summed,
        };
        for (field, (slot, found)) in draft.fields.iter().zip(slots.iter().zip(found)) {
            writer.field((field, slot), found.as_ref(), (&mut listed, maps));
        }
    }
    listed
}

/// Fields whose sum another record may tell.
fn summed(
    stands: &[Stand],
    (slots, found): (&[Vec<Slot>], &[Vec<Option<Match>>]),
    fields: &[Field],
) -> Vec<Summed> {
    let kinds = stands.iter().zip(slots.iter().zip(found));
    kinds
        .flat_map(|(stand, (slots, found))| {
            let of_kind = slots.iter().zip(found);
            of_kind.map(|(slot, found)| Summed::new(slot, found.as_ref(), fields, &stand.context))
        })
        .collect()
}

fn slot(draft: &Draft, field: &DraftField) -> Slot {
    let values = field.values.iter().map(|value| value.trim().to_owned());
    Slot {
        at: format!("{}/{}", draft.name, field.name),
        name: field.name.clone(),
        above: field.above.clone(),
        values: values.collect(),
        group: draft.name.clone(),
        ..Slot::default()
    }
}

/// One entry per field; signs have none.
fn found(drafts: &[Draft], slots: &[Vec<Slot>], offer: &Offer<'_>) -> Vec<Vec<Option<Match>>> {
    let fields = drafts.iter().flat_map(|draft| &draft.fields);
    let all: Vec<(&DraftField, &Slot)> = fields.zip(slots.iter().flatten()).collect();
    let is_asked = |field: &DraftField| !field.is_sign && !field.is_nameless;
    let asked: Vec<Slot> = all
        .iter()
        .filter(|(field, _)| is_asked(field))
        .map(|(_, slot)| (*slot).clone())
        .collect();
    let mut named = matches(&asked, offer).into_iter();
    let mut flat = all.iter();
    let mut of_draft = |draft: &Draft| {
        let own: Vec<_> = flat.by_ref().take(draft.fields.len()).collect();
        let alike: Vec<Vec<usize>> = own
            .iter()
            .map(|(field, slot)| match field {
                field if field.is_sign || is_asked(field) => Vec::new(),
                _ => alike_by_value(slot, offer),
            })
            .collect();
        let by_value = together(&alike, offer.fields).into_iter();
        own.iter()
            .zip(by_value)
            .map(|((field, _), by_value)| match field {
                field if is_asked(field) => named.next().flatten(),
                _ => by_value,
            })
            .collect()
    };
    drafts.iter().map(&mut of_draft).collect()
}

fn stands(drafts: &[Draft], found: &[Vec<Option<Match>>], fields: &[Field]) -> Vec<Stand> {
    let mut stands: Vec<Stand> = Vec::new();
    // The kinds that the next one may stand in, outermost first.
    let mut open: Vec<(usize, Vec<Step>)> = Vec::new();
    for (at, draft) in drafts.iter().enumerate() {
        let list = found
            .get(at)
            .and_then(|found| goes_over(draft, found, fields));
        let Some(list) = list else {
            open.clear();
            stands.push(Stand {
                depth: 1,
                each: None,
                context: Context::default(),
                around: Context::default(),
            });
            continue;
        };
        let follows = |parent: usize| {
            let next = drafts.get(parent).and_then(|parent| parent.rows.get(1));
            let first = draft.rows.first();
            next.is_none_or(|next| first.is_some_and(|first| first < next))
        };
        open.retain(|(parent, of)| list.starts_with(of) && follows(*parent));
        let around = open.last().map(|(_, of)| of.clone());
        let is_same = around.as_ref() == Some(&list);
        stands.push(Stand {
            depth: open.len() + 1,
            each: (!is_same).then(|| list.clone()),
            context: Context(list.clone()),
            around: Context(around.unwrap_or_default()),
        });
        if !is_same {
            open.push((at, list));
        }
    }
    stands
}

/// The list that most fields of a repeated kind come from.
fn goes_over(draft: &Draft, found: &[Option<Match>], fields: &[Field]) -> Option<Vec<Step>> {
    let mut lists: Vec<(Vec<Step>, usize)> = Vec::new();
    for found in found.iter().flatten() {
        let Source::Field(field) = found.source else {
            continue;
        };
        let steps = fields.get(field).map(|field| field.steps.as_slice())?;
        // The innermost of its lists.
        let Some(last) = steps.iter().rposition(|step| *step == Step::Items) else {
            continue;
        };
        let list = steps.get(..=last)?.to_vec();
        match lists.iter_mut().find(|(known, _)| *known == list) {
            Some((_, uses)) => *uses += 1,
            None => lists.push((list, 1)),
        }
    }
    let is_person =
        |list: &[Step]| matches!(list.first(), Some(Step::Key(key)) if key == "antragsteller");
    let (list, uses) = lists
        .into_iter()
        .max_by_key(|(list, uses)| (*uses, std::cmp::Reverse(list.len())))?;
    let repeats = match draft.repeats {
        Repeats::Never => false,
        Repeats::Perhaps => uses >= 2 && !is_person(&list),
        Repeats::Surely => true,
    };
    repeats.then_some(list)
}

fn table(depth: usize, last: &str) -> String {
    let mut parts = vec!["record"; depth];
    parts.extend((!last.is_empty()).then_some(last));
    format!("[[{}]]", parts.join("."))
}

fn head(draft: &Draft, stand: &Stand, listed: &mut Listed) {
    let _ = writeln!(
        listed.text,
        "\n{}\nname = {}",
        table(stand.depth, ""),
        quoted(&draft.name)
    );
    for word in &draft.words {
        listed.text.push_str(word);
        listed.text.push('\n');
    }
    if let Some(list) = &stand.each {
        let each = binding::list(list, &stand.around);
        let _ = writeln!(
            listed.text,
            "each = {}  # ? einmal je Eintrag / once per item",
            quoted(&each)
        );
        listed.notes.push(Note::new(
            NoteKind::Repeat,
            format!("{}/each", draft.name),
            &format!("einmal je Eintrag von {each}"),
            &format!("once per item of {each}"),
        ));
    } else if draft.rows.len() > 1 && stand.context == Context::default() {
        listed.notes.push(Note::new(
            NoteKind::Unmapped,
            format!("{}/each", draft.name),
            "steht im Muster mehrmals, und keine Liste des Antrags passt: each ergänzen",
            "stands in the sample several times, and no list of the application fits: add each",
        ));
    }
}

/// Writes the fields of one kind.
struct Writer<'w> {
    drafts: &'w [Draft],
    stands: &'w [Stand],
    draft: &'w Draft,
    stand: &'w Stand,
    offer: &'w Offer<'w>,
    summed: &'w [Summed],
}

impl Writer<'_> {
    fn field(
        &self,
        (field, slot): (&DraftField, &Slot),
        found: Option<&Match>,
        (listed, maps): (&mut Listed, &mut Maps),
    ) {
        let table = table(self.stand.depth, "field");
        if let Some(found) = found {
            let place = Place {
                table: &table,
                slot,
                width: field.width.as_ref(),
                quoted: field.quoted,
                context: &self.stand.context,
                missing: if field.is_left_out { "drop" } else { "empty" },
            };
            let out = (&mut listed.text, maps, &mut listed.notes);
            column(&place, Some(found), self.offer.fields, out);
            listed.found.push((slot.clone(), found.clone()));
        } else {
            self.open((field, slot), &table, listed);
            if let Some(column) = &field.width {
                listed.text.push_str(&column.words());
            }
        }
        for word in &field.words {
            listed.text.push_str(word);
            listed.text.push('\n');
        }
    }

    /// A field nothing fits: a counter, a constant of the sample, else empty.
    fn open(&self, (field, slot): (&DraftField, &Slot), table: &str, listed: &mut Listed) {
        let name = quoted(&slot.name);
        if let Some((remark, words)) = self.counter(field, slot) {
            let _ = write!(
                listed.text,
                "\n# Vorschlag / proposal: {remark}\n{table}\nname = {name}\n{words}"
            );
            return;
        }
        let sum = self.sum(field, slot);
        if let Some((sum, from)) = sum.and_then(|(sum, text)| Some((sum, sum.total(text)?))) {
            let (remark, of) = (sums::REMARK, &sum.at);
            let _ = writeln!(
                listed.text,
                "\n# {remark}: {of}\n{table}\nname = {name}\n{from}"
            );
            if let Some(column) = &field.width {
                listed.text.push_str(&column.words());
            }
            listed.notes.push(sum.note(&slot.at));
            return;
        }
        let mut values = slot.values.iter().filter(|value| !value.is_empty());
        let first = values.next().map_or("", String::as_str);
        let is_same = !first.is_empty() && slot.values.iter().all(|value| value == first);
        let constant = if is_same || field.is_sign { first } else { "" };
        if field.is_sign {
            let _ = writeln!(
                listed.text,
                "\n{table}\nname = {name}\ntext = {}",
                quoted(constant)
            );
            return;
        }
        let _ = writeln!(
            listed.text,
            "\n# offen: keine Quelle gefunden / open: no source found\n{table}\nname = {name}\ntext = {}",
            quoted(constant)
        );
        let (kind, de, en) = if is_same {
            (
                NoteKind::Constant,
                "keine Quelle gefunden; die Konstante des Musters würde so übergeben",
                "no source found; the sample's constant would be handed over as it is",
            )
        } else {
            (
                NoteKind::Unmapped,
                "keine Quelle gefunden; das Feld bleibt leer",
                "no source found; the field stays empty",
            )
        };
        // What is empty in the sample, too, is nothing to do.
        if let Some((sum, _)) = sum {
            listed.notes.push(sum.note(&slot.at));
        } else if !first.is_empty() {
            listed.notes.push(Note::new(kind, slot.at.clone(), de, en));
        }
    }

    /// What a field that counts says: a remark, and its words.
    fn counter(&self, field: &DraftField, slot: &Slot) -> Option<(&'static str, String)> {
        let counts: Option<Vec<usize>> =
            slot.values.iter().map(|value| value.parse().ok()).collect();
        let counts = counts.filter(|counts| !counts.is_empty() && !field.is_sign)?;
        let form = form(&slot.values);
        if counts == self.draft.rows && counts.len() > 1 {
            let words = format!("count = \"row\"\n{form}");
            return Some(("Nummer des Satzes / number of the record", words));
        }
        if counts.iter().any(|count| *count > 1) && Some(counts.clone()) == self.parents() {
            let words = format!("count = \"parent\"\n{form}");
            let remark = "Nummer des Satzes darüber / number of the record above";
            return Some((remark, words));
        }
        let goes_up = |pair: &[usize]| match pair {
            [last, next] => *next == last + 1 || *next == 1,
            _ => true,
        };
        let is_count = counts.first() == Some(&1) && counts.windows(2).all(goes_up);
        let is_told =
            counts.len() > 1 || is_counter(slot) || !form.is_empty() || self.is_first(field);
        if is_count && is_told && self.stand.each.is_some() {
            let words = format!("from = \"$nr\"\n{form}");
            return Some(("laufende Nummer / running number", words));
        }
        if let ([number], true) = (counts.as_slice(), is_number_of(slot))
            && let Some(of) = self.of_one(*number)
        {
            let words = format!("count = \"rows\"\n{of}{form}");
            return Some(("Zahl der Sätze / number of records", words));
        }
        let rows = || self.drafts.iter().flat_map(|one| one.rows.iter());
        // A name tells what is counted; without one, or with another, only what closes the file counts it: elsewhere the number of a house
        // may happen to be that of the records.
        let is_named = is_number_of(slot);
        let is_last = (is_named || self.is_closing()) && self.draft.rows.last() > rows().min();
        let [total] = counts.as_slice() else {
            return None;
        };
        let of = self.counted(*total).filter(|_| is_last && *total > 1)?;
        let words = format!("count = \"rows\"\n{of}{form}");
        Some(("Zahl der Sätze / number of records", words))
    }

    /// Whether the kind closes the file, or what an envelope holds: then hardly anything stands in it and in the end of the envelope
    /// (`UNT` before `UNZ`).
    fn is_closing(&self) -> bool {
        const FIELDS_MAX: usize = 2;
        let is_short = |draft: &Draft| draft.rows.len() == 1 && draft.fields.len() <= FIELDS_MAX;
        let own = self.draft.rows.last();
        let mut after = self.drafts.iter().filter(|one| one.rows.last() > own);
        let is_last = after.clone().next().is_none();
        is_last || is_short(self.draft) && after.all(is_short)
    }

    /// The column whose sum a field of a closing record says, and how it stands there.
    fn sum<'s>(&self, field: &DraftField, slot: &'s Slot) -> Option<(&Summed, &'s str)> {
        let [value] = slot.values.as_slice() else {
            return None;
        };
        let rows = || self.drafts.iter().flat_map(|one| one.rows.iter());
        let is_closing = self.draft.rows.last() == rows().max() || is_sum(slot);
        let is_asked = is_closing && !field.is_sign && self.stand.context == Context::default();
        let sum = sums::find(value, self.summed).filter(|_| is_asked)?;
        Some((sum, value))
    }

    /// For each record of the kind the number of the record it stands in.
    fn parents(&self) -> Option<Vec<usize>> {
        let above = self.stand.depth.checked_sub(2)?;
        let rank = self
            .drafts
            .iter()
            .position(|one| std::ptr::eq(one, self.draft))?;
        let before = self.drafts.get(..rank)?.iter().zip(self.stands);
        let (parent, _) = before.rev().find(|(_, stand)| stand.depth == above + 1)?;
        let of = |row: &usize| parent.rows.iter().rev().find(|above| *above < row).copied();
        self.draft.rows.iter().map(of).collect()
    }

    /// Whether a field is the first that is not the kind's own sign: there records of a list are numbered.
    fn is_first(&self, field: &DraftField) -> bool {
        let first = self.draft.fields.iter().find(|field| !field.is_sign);
        first.is_some_and(|first| std::ptr::eq(first, field))
    }

    /// The records there are so many of: all of them, those between the first and the last kind, those of one kind.
    fn counted(&self, total: usize) -> Option<String> {
        let number = |drafts: &[Draft]| drafts.iter().map(|draft| draft.rows.len()).sum::<usize>();
        if number(self.drafts) == total {
            return Some(String::new());
        }
        if let [_, inside @ .., _] = self.drafts
            && number(inside) == total
        {
            let names: Vec<String> = inside.iter().map(|draft| quoted(&draft.name)).collect();
            return Some(format!("of = [{}]\n", names.join(", ")));
        }
        if let [_, rest @ ..] = self.drafts
            && number(rest) == total
        {
            let names: Vec<String> = rest.iter().map(|draft| quoted(&draft.name)).collect();
            return Some(format!("of = [{}]\n", names.join(", ")));
        }
        self.of_one(total)
    }

    /// The kind there are so many of, of those that repeat first.
    fn of_one(&self, total: usize) -> Option<String> {
        let is_it = |draft: &&Draft| draft.rows.len() == total;
        let repeats = |draft: &&Draft| draft.repeats == Repeats::Surely;
        let found = self.drafts.iter().filter(repeats).find(is_it);
        let one = found.or_else(|| self.drafts.iter().find(is_it).filter(|_| total > 1))?;
        Some(format!("of = {}\n", quoted(&one.name)))
    }
}

/// Whether a field's name says that it counts: `anzahl`, `HUNDE_ANZ`.
fn is_number_of(slot: &Slot) -> bool {
    let words = crate::names::words(&slot.name);
    words
        .iter()
        .any(|word| matches!(word.as_str(), "anzahl" | "anz" | "zahl" | "count"))
}

/// Whether a field's name says that it is a sum: `summe`, `GESAMT_BETRAG`.
fn is_sum(slot: &Slot) -> bool {
    let words = crate::names::words(&slot.name);
    words.iter().any(|word| {
        matches!(
            word.as_str(),
            "summe" | "gesamt" | "gesamtbetrag" | "total" | "sum"
        )
    })
}

/// Leading zeros, if there are any.
fn form(values: &[String]) -> String {
    let width = values.iter().map(String::len).max().unwrap_or(0);
    let is_filled = values
        .iter()
        .any(|value| value.len() > 1 && value.starts_with('0'));
    if is_filled && values.iter().all(|value| value.len() == width) {
        format!("as = \"number:{}\"\n", "0".repeat(width))
    } else {
        String::new()
    }
}

/// A name for a kind of records: what the column list allows, and no other kind has it.
pub(crate) fn kind_name(wanted: &str, known: &[Draft]) -> String {
    let plain: String = wanted
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect();
    let base = if plain.is_empty() {
        "satz".to_owned()
    } else {
        plain
    };
    let mut name = base.clone();
    let mut next = 2;
    while known.iter().any(|draft| draft.name == name) {
        name = format!("{base}-{next}");
        next += 1;
    }
    name
}

//! The column list that comes of columns and their sample values.

use std::fmt::Write as _;

use crate::binding::{self, Context, Maps, quoted};
use crate::directory;
use crate::fields::{Field, Step};
use crate::fixed::Column;
use crate::matching::{Match, Offer, Source, matches};
use crate::package::{Note, NoteKind};
use crate::slots::Slot;
use crate::sums::{self, Summed};
use crate::xml::{first_list, first_only};

/// Columns with their sample values, and the column list that comes of them.
pub(crate) struct Listed {
    pub(crate) text: String,
    pub(crate) notes: Vec<Note>,
    pub(crate) found: Vec<(Slot, Match)>,
}

pub(crate) struct Columns<'c> {
    pub(crate) names: &'c [String],
    /// What stands in the line of names, where that is another.
    pub(crate) headings: &'c [Option<String>],
    pub(crate) rows: &'c [Vec<String>],
    /// Of fixed width only.
    pub(crate) fixed: &'c [Column],
    pub(crate) has_header: bool,
    /// Whether the line of names has no quotes although texts do.
    pub(crate) are_names_bare: bool,
    /// Of each column whether its texts are quoted, where that tells and not all are alike.
    pub(crate) quoted: &'c [Option<bool>],
    /// Cells of the records before and after the rows.
    pub(crate) around: [(&'c [String], &'c [bool]); 2],
}

impl Columns<'_> {
    /// The word for what the line of names calls a column, if that is not its name.
    pub(crate) fn heading(&self, at: usize) -> String {
        let heading = self.headings.get(at).filter(|_| self.has_header);
        let heading = heading.and_then(Option::as_deref);
        heading.map_or_else(String::new, |heading| {
            format!("heading = {}\n", quoted(heading))
        })
    }
}

/// The slots of a table: its columns, and what stands in them.
fn slots(columns: &Columns<'_>) -> Vec<Slot> {
    let slot = |(at, name): (usize, &String)| Slot {
        at: format!("column/{name}"),
        name: name.clone(),
        values: columns
            .rows
            .iter()
            .filter_map(|row| row.get(at))
            .map(|cell| cell.trim().to_owned())
            .collect(),
        ..Slot::default()
    };
    columns.names.iter().enumerate().map(slot).collect()
}

/// What stands before the columns of a list: remark, names, quotes.
pub(crate) fn head(columns: &Columns<'_>) -> String {
    let mut text = String::from(
        "# Vorschlag, bitte jede Spalte bestätigen / proposal, confirm each column.\n",
    );
    match (columns.has_header, columns.around[0].0.is_empty()) {
        (true, true) => text.push_str("header = true\n"),
        (true, false) => {
            text.push_str("header = \"below\"  # unter dem Kopfsatz / below the head record\n");
        }
        (false, _) => {}
    }
    if columns.has_header && columns.are_names_bare {
        text.push_str("header_quoted = false\n");
    }
    text
}

pub(crate) fn list(columns: &Columns<'_>, offer: &Offer<'_>, maps: &mut Maps) -> Listed {
    let slots = slots(columns);
    if let Some(listed) = directory::list(columns, &slots, offer.files) {
        return listed;
    }
    let found = matches(&slots, offer);
    let mut notes = Vec::new();
    let list = repeated(&slots, &found, offer.fields, columns.rows.len());
    let context = Context(list.clone().unwrap_or_default());
    let mut text = head(columns);
    let [before, after] = columns.around;
    if let Some(list) = &list {
        once_per_item(list, (&mut text, &mut notes));
    }
    constants("before", before, &Below::NOTHING, (&mut text, &mut notes));
    let mut kept = Vec::new();
    for (at, (slot, found)) in slots.iter().zip(&found).enumerate() {
        let place = Place {
            table: "[[column]]",
            missing: "empty",
            slot,
            width: columns.fixed.get(at),
            quoted: columns.quoted.get(at).copied().flatten(),
            context: &context,
        };
        column(
            &place,
            found.as_ref(),
            offer.fields,
            (&mut text, maps, &mut notes),
        );
        text.push_str(&columns.heading(at));
        kept.extend(found.clone().map(|found| (slot.clone(), found)));
    }
    let below = Below {
        rows: columns.rows.len(),
        summed: summed((&slots, &found), offer.fields, &context),
    };
    constants("after", after, &below, (&mut text, &mut notes));
    Listed {
        text,
        notes,
        found: kept,
    }
}

/// One line per item of the list.
fn once_per_item(list: &[Step], (text, notes): (&mut String, &mut Vec<Note>)) {
    let each = binding::list(list, &Context::default());
    let _ = writeln!(
        text,
        "each = {}  # ? eine Zeile je Eintrag / one line per item",
        quoted(&each)
    );
    notes.push(Note::new(
        NoteKind::Repeat,
        "each".to_owned(),
        &format!("eine Zeile je Eintrag von {each}"),
        &format!("one line per item of {each}"),
    ));
}

/// What a record below the rows may tell of them.
pub(crate) struct Below {
    pub(crate) rows: usize,
    pub(crate) summed: Vec<Summed>,
}

impl Below {
    /// Above the rows nothing is told of them.
    const NOTHING: Self = Self {
        rows: 0,
        summed: Vec::new(),
    };
}

/// The columns whose sum the record below the rows may tell.
fn summed(
    (slots, found): (&[Slot], &[Option<Match>]),
    fields: &[Field],
    context: &Context,
) -> Vec<Summed> {
    let columns = slots.iter().zip(found);
    columns
        .map(|(slot, found)| Summed::new(slot, found.as_ref(), fields, context))
        .collect()
}

/// The record before or after the rows, as it stands in the sample; what counts the rows is a counter, what sums up a column its sum.
pub(crate) fn constants(
    group: &str,
    (cells, quotes): (&[String], &[bool]),
    below: &Below,
    (text, notes): (&mut String, &mut Vec<Note>),
) {
    for (at, cell) in cells.iter().enumerate() {
        let (name, cell) = (format!("FELD{}", at + 1), cell.trim());
        let is_count = group == "after" && cell.parse() == Ok(below.rows);
        if is_count {
            let _ = writeln!(
                text,
                "\n# Vorschlag / proposal: Zahl der Zeilen / number of lines\n[[{group}]]\nname = {}\ncount = \"rows\"",
                quoted(&name)
            );
            continue;
        }
        let sum = sums::find(cell, &below.summed);
        if let Some((summed, from)) = sum.and_then(|summed| Some((summed, summed.total(cell)?))) {
            let remark = sums::REMARK;
            let _ = writeln!(
                text,
                "\n# {remark}: {}\n[[{group}]]\nname = {}\n{from}",
                summed.at,
                quoted(&name)
            );
            notes.push(summed.note(&format!("{group}/{name}")));
            continue;
        }
        let _ = writeln!(
            text,
            "\n# offen: Konstante aus dem Muster / open: constant of the sample\n[[{group}]]\nname = {}\ntext = {}",
            quoted(&name),
            quoted(cell)
        );
        if quotes.get(at) == Some(&false) {
            text.push_str("quoted = false\n");
        }
        if let Some(summed) = sum {
            notes.push(summed.note(&format!("{group}/{name}")));
        } else if !cell.is_empty() {
            notes.push(Note::new(
                NoteKind::Constant,
                format!("{group}/{name}"),
                "Kopf- oder Fußsatz: die Konstante des Musters würde so übergeben",
                "record before or after the rows: the sample's constant would be handed over as it is",
            ));
        }
    }
}

/// A field of a column list.
pub(crate) struct Place<'p> {
    /// The head of its table: `[[column]]`.
    pub(crate) table: &'p str,
    pub(crate) slot: &'p Slot,
    pub(crate) width: Option<&'p Column>,
    pub(crate) quoted: Option<bool>,
    pub(crate) context: &'p Context,
    /// What happens if the application may lack it.
    pub(crate) missing: &'p str,
}

pub(crate) fn column(
    place: &Place<'_>,
    found: Option<&Match>,
    fields: &[Field],
    (text, maps, notes): (&mut String, &mut Maps, &mut Vec<Note>),
) {
    let slot = place.slot;
    let words = found.and_then(|found| binding::words(slot, found, fields, place.context, maps));
    text.push('\n');
    match (&words, found) {
        (Some(words), Some(found)) => {
            let note = Note::proposed(&slot.at, found, fields);
            notes.extend(binding::unit(slot, found, fields));
            let _ = writeln!(
                text,
                "# {}\n{}\nname = {}\nfrom = {}",
                note.remark(),
                place.table,
                quoted(&slot.name),
                quoted(&words.from)
            );
            notes.push(note);
            if let Some(convert) = &words.convert {
                let _ = writeln!(text, "as = {}", quoted(convert));
            }
            if let Some(codes) = &words.codes {
                let _ = writeln!(text, "codes = {}", quoted(codes));
            }
            if !words.is_certain {
                let _ = writeln!(text, "missing = {}", quoted(place.missing));
            }
            if let Source::Field(field) = found.source
                && let Some(field) = fields.get(field)
                && let Some(list) = first_list(&field.steps, place.context)
            {
                let list = Field {
                    steps: list.to_vec(),
                    ..field.clone()
                }
                .pointer();
                notes.push(first_only(&slot.at, &list));
            }
        }
        (None, _) | (_, None) => open(slot, text, notes),
    }
    let is_number = match &words {
        Some(words) => {
            let last = words
                .convert
                .as_deref()
                .and_then(|all| all.rsplit('|').next());
            words.codes.is_none() && last.is_some_and(|word| word.trim().starts_with("number"))
        }
        None => is_counter(slot),
    };
    // Numbers stand there bare, everything else in quotes: what does not is said.
    if let Some(quoted) = place.quoted.filter(|quoted| *quoted == is_number) {
        let _ = writeln!(text, "quoted = {quoted}");
    }
    if let Some(column) = place.width {
        text.push_str(&column.words());
    }
}

pub(crate) fn is_counter(slot: &Slot) -> bool {
    crate::names::same_meaning(&crate::names::folded(&slot.name), "lfdnr")
}

/// A column nothing fits: a counter, a constant if the sample always has the same, else empty.
fn open(slot: &Slot, text: &mut String, notes: &mut Vec<Note>) {
    let name = quoted(&slot.name);
    if is_counter(slot) {
        let _ = writeln!(
            text,
            "# Vorschlag / proposal: Zähler der Zeilen / counter of the lines\n[[column]]\nname = {name}\ncount = \"row\""
        );
        return;
    }
    let first = slot.values.first().map_or("", String::as_str);
    let is_same = slot.values.len() > 1
        && slot.values.iter().all(|value| value == first)
        && !first.is_empty();
    let constant = if is_same { first } else { "" };
    let _ = writeln!(
        text,
        "# offen: keine Quelle gefunden / open: no source found\n[[column]]\nname = {name}\ntext = {}",
        quoted(constant)
    );
    let (de, en) = if is_same {
        (
            "keine Quelle gefunden; die Konstante des Musters würde so übergeben",
            "no source found; the sample's constant would be handed over as it is",
        )
    } else {
        (
            "keine Quelle gefunden; die Spalte bleibt leer",
            "no source found; the column stays empty",
        )
    };
    let kind = if is_same {
        NoteKind::Constant
    } else {
        NoteKind::Unmapped
    };
    notes.push(Note::new(kind, slot.at.clone(), de, en));
}

/// The list with one line per item, if there is one: of the applicants the first is meant, unless lines say otherwise.
fn repeated(
    slots: &[Slot],
    found: &[Option<Match>],
    fields: &[Field],
    rows: usize,
) -> Option<Vec<Step>> {
    let mut lists: Vec<(Vec<Step>, usize)> = Vec::new();
    let mut outside: Vec<&Slot> = Vec::new();
    for (slot, found) in slots.iter().zip(found) {
        let Some(Match {
            source: Source::Field(field),
            ..
        }) = found
        else {
            continue;
        };
        let Some(field) = fields.get(*field) else {
            continue;
        };
        match first_list(&field.steps, &Context::default()) {
            Some(list) => match lists.iter_mut().find(|(known, _)| known == list) {
                Some((_, uses)) => *uses += 1,
                None => lists.push((list.to_vec(), 1)),
            },
            None => outside.push(slot),
        }
    }
    let is_person =
        |list: &[Step]| matches!(list.first(), Some(Step::Key(key)) if key == "antragsteller");
    let (list, uses) = lists
        .into_iter()
        .filter(|(list, _)| !is_person(list))
        .max_by_key(|(list, uses)| (*uses, std::cmp::Reverse(list.len())))?;
    let is_steady = |slot: &&Slot| {
        slot.values
            .windows(2)
            .all(|pair| pair.first() == pair.last())
    };
    let repeats = uses >= 2 || (rows > 1 && outside.iter().all(is_steady));
    repeats.then_some(list)
}

//! A CSV sample becomes a column list.

use std::fmt::Write as _;

use crate::Unusable;
use crate::binding::{self, Context, Maps, quoted};
use crate::directory;
use crate::fields::{Field, Step};
use crate::fixed::Column;
use crate::kinds;
use crate::matching::{Match, Offer, Source, matches};
use crate::package::{Note, NoteKind};
use crate::records::Draft;
use crate::slots::Slot;
use crate::text::{Ends, decoded, lines};
use crate::xml::{first_list, first_only};

const ROWS_MAX: usize = 2_000;
const COLUMNS_MAX: usize = 1_000;
const LINES_LOOKED_AT: usize = 100;
/// So many lines of a file with separators have one.
const SHARE_MIN_PERCENT: usize = 80;

/// A CSV file, read.
pub(crate) struct Sheet {
    /// The kinds of records, if there are several.
    pub(crate) kinds: Option<Vec<Draft>>,
    pub(crate) encoding: &'static str,
    pub(crate) separator: char,
    pub(crate) ends: Ends,
    pub(crate) quotes: Quotes,
    pub(crate) has_header: bool,
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// How many lines of a title stand above the names; the first of them is kept.
    pub(crate) titles: usize,
    /// The line above the names, and the one below the rows, if they have another number of cells.
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
    /// Which cells of these two had quotes; empty where that does not tell.
    pub(crate) around_quoted: [Vec<bool>; 2],
}

pub(crate) fn read(bytes: &[u8]) -> Result<Sheet, Unusable> {
    let (encoding, text) = decoded(bytes)?;
    let (text, ends) = lines(&text);
    let separator = separator(&text);
    let mut records = records(&text, separator);
    records.retain(|(row, _)| row.iter().any(|cell| !cell.trim().is_empty()));
    let titles = titles(&records);
    records.drain(titles.min(1)..titles);
    let (mut rows, marks): (Vec<Vec<String>>, Vec<Vec<bool>>) = records.into_iter().unzip();
    if rows.is_empty() || rows.iter().any(|row| row.len() > COLUMNS_MAX) {
        return Err(Unusable::new(
            format!("die CSV-Datei hat keine Zeile oder mehr als {COLUMNS_MAX} Spalten"),
            format!("the CSV file has no line or more than {COLUMNS_MAX} columns"),
        ));
    }
    let mut kinds = kinds::of_csv(&rows, &marks);
    let (before, after) = around(&mut rows);
    let has_header = rows.first().is_some_and(|row| is_header(row));
    let names = if has_header {
        rows.remove(0)
    } else {
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        (1..=width).map(|nr| format!("SPALTE{nr}")).collect()
    };
    let above = usize::from(!before.is_empty()) + usize::from(has_header);
    let mut quotes = quotes(&rows, (&marks, above), separator);
    if let Some(kinds) = &mut kinds {
        quotes.word = kinds::quote(kinds, quotes.word);
    }
    let tells = |row: Option<&Vec<bool>>| {
        let row = row.filter(|_| quotes.word == "texts");
        row.cloned().unwrap_or_default()
    };
    let around_quoted = [tells(marks.first()), tells(marks.last())];
    Ok(Sheet {
        kinds,
        encoding,
        separator,
        ends,
        quotes,
        has_header,
        names: unique(names),
        rows,
        titles,
        before,
        after,
        around_quoted,
    })
}

/// What stands in the most lines; a comma may be that of numbers.
fn separator(text: &str) -> char {
    let first = text.lines().next().unwrap_or("");
    let lines = |separator| text.lines().filter(move |line| line.contains(separator));
    let uses = |separator: char| {
        let in_first = first.matches(separator).count();
        (
            lines(separator).take(LINES_LOOKED_AT).count(),
            separator != ',',
            in_first,
            separator == ';',
        )
    };
    let all = [';', '\t', '|', ','].into_iter();
    all.max_by_key(|separator| uses(*separator)).unwrap_or(';')
}

/// The separator and the number of cells that most lines have, if the lines of a text are separated at all.
pub(crate) fn separated(text: &str) -> Option<(char, usize)> {
    let separator = separator(text);
    let rows = records(text, separator);
    let lengths: Vec<usize> = rows.iter().map(|(row, _)| row.len()).collect();
    let uses = |cells: &usize| lengths.iter().filter(|length| *length == cells).count();
    let cells = lengths.iter().copied().max_by_key(uses)?;
    let torn = lengths.iter().filter(|length| **length > 1).count();
    // Commas also stand in texts and amounts.
    let is_steady = separator != ',' || (cells > 2 && uses(&cells) == lengths.len());
    let is_most = torn * 100 >= lengths.len() * SHARE_MIN_PERCENT;
    (cells > 1 && is_steady && is_most).then_some((separator, cells))
}

/// How quotes are used.
pub(crate) struct Quotes {
    /// The setting `quote`.
    pub(crate) word: &'static str,
    /// Of each column whether its texts have quotes that they do not need, where that tells.
    pub(crate) columns: Vec<Option<bool>>,
    /// Whether the columns' names have none although texts do.
    pub(crate) are_names_bare: bool,
}

/// `marks` says which cell had quotes; `above` lines stand above the rows.
fn quotes(rows: &[Vec<String>], (marks, above): (&[Vec<bool>], usize), separator: char) -> Quotes {
    let plain = |word| Quotes {
        word,
        columns: Vec::new(),
        are_names_bare: false,
    };
    if marks.iter().flatten().all(|is_quoted| *is_quoted) {
        return plain("always");
    }
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut columns: Vec<Option<bool>> = vec![None; width];
    let mut is_steady = true;
    for (row, marks) in rows.iter().zip(marks.iter().skip(above)) {
        for ((cell, is_quoted), known) in row.iter().zip(marks).zip(&mut columns) {
            let is_needed = cell.contains([separator, '"', '\n'])
                || cell.starts_with(' ')
                || cell.ends_with(' ');
            if !is_needed && (*is_quoted || !cell.is_empty()) {
                is_steady &= known.is_none_or(|known| known == *is_quoted);
                *known = Some(*is_quoted);
            }
        }
    }
    if !is_steady || !columns.contains(&Some(true)) {
        return plain("needed");
    }
    let names = above.checked_sub(1).and_then(|at| marks.get(at));
    Quotes {
        word: "texts",
        columns,
        are_names_bare: names.is_some_and(|names| !names.contains(&true)),
    }
}

/// A line with one cell at most, whatever separators a spreadsheet put behind it.
fn is_title(row: &[String]) -> bool {
    row.iter().filter(|cell| !cell.trim().is_empty()).count() < 2
}

/// How many lines of a title stand above a line of names with rows below it.
fn titles(records: &[(Vec<String>, Vec<bool>)]) -> usize {
    const TITLES_MAX: usize = 20;
    let looked_at = records.iter().take(TITLES_MAX);
    let titles = looked_at.take_while(|(row, _)| is_title(row)).count();
    match records.get(titles..) {
        Some([(names, _), _, ..]) if names.len() > 2 && is_header(names) => titles,
        Some(_) | None => 0,
    }
}

/// Takes a head line off whose number of cells is another than that of the names below it, and a last line that differs from the rows.
fn around(rows: &mut Vec<Vec<String>>) -> (Vec<String>, Vec<String>) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    if let [first, second, third, ..] = rows.as_slice()
        && (first.len() != second.len() || is_title(first))
        && second.len() > 2
        && third.len() == second.len()
        && is_header(second)
    {
        before = rows.remove(0);
    }
    if let [.., above, last] = rows.as_slice()
        && rows.len() > 2
        && last.len() < above.len()
    {
        after = rows.pop().unwrap_or_default();
    }
    (before, after)
}

/// Column names are unique in a column list.
fn unique(names: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for (at, name) in names.into_iter().enumerate() {
        let name = name.trim();
        let base = if name.is_empty() {
            format!("SPALTE{}", at + 1)
        } else {
            name.to_owned()
        };
        let mut name = base.clone();
        let mut next = 2;
        while kept.contains(&name) {
            name = format!("{base}_{next}");
            next += 1;
        }
        kept.push(name);
    }
    kept
}

fn is_header(row: &[String]) -> bool {
    let mut seen = Vec::new();
    row.iter().all(|cell| {
        let cell = cell.trim();
        let is_name = cell.is_empty() || cell.starts_with(char::is_alphabetic);
        let is_new = cell.is_empty() || !seen.contains(&cell);
        seen.push(cell);
        is_name && is_new && !cell.contains('@')
    })
}

/// RFC 4180; tells of each cell whether it was quoted.
fn records(text: &str, separator: char) -> Vec<(Vec<String>, Vec<bool>)> {
    let (mut rows, mut row, mut marks) = (Vec::new(), Vec::new(), Vec::new());
    let (mut cell, mut inside, mut was_quoted) = (String::new(), false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, inside) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            ('"', true) => inside = false,
            ('"', false) if cell.is_empty() => (inside, was_quoted) = (true, true),
            ('\r', false) => {}
            (c, false) if c == separator || c == '\n' => {
                marks.push(std::mem::take(&mut was_quoted));
                row.push(std::mem::take(&mut cell));
                if c == '\n' {
                    rows.push((std::mem::take(&mut row), std::mem::take(&mut marks)));
                    if rows.len() >= ROWS_MAX {
                        return rows;
                    }
                }
            }
            (c, _) => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        marks.push(was_quoted);
        row.push(cell);
        rows.push((row, marks));
    }
    rows
}

/// Columns with their sample values, and the column list that comes of them.
pub(crate) struct Listed {
    pub(crate) text: String,
    pub(crate) notes: Vec<Note>,
    pub(crate) found: Vec<(Slot, Match)>,
}

pub(crate) struct Columns<'c> {
    pub(crate) names: &'c [String],
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

/// The slots of a table: its columns, and what stands in them.
pub(crate) fn slots(columns: &Columns<'_>) -> Vec<Slot> {
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
    constants(
        "before",
        before,
        columns.rows.len(),
        (&mut text, &mut notes),
    );
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
        kept.extend(found.clone().map(|found| (slot.clone(), found)));
    }
    constants("after", after, columns.rows.len(), (&mut text, &mut notes));
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

/// The record before or after the rows, as it stands in the sample; what counts the rows is a counter.
pub(crate) fn constants(
    group: &str,
    (cells, quotes): (&[String], &[bool]),
    rows: usize,
    (text, notes): (&mut String, &mut Vec<Note>),
) {
    for (at, cell) in cells.iter().enumerate() {
        let (name, cell) = (format!("FELD{}", at + 1), cell.trim());
        let is_count = group == "after" && cell.parse() == Ok(rows);
        if is_count {
            let _ = writeln!(
                text,
                "\n# Vorschlag / proposal: Zahl der Zeilen / number of lines\n[[{group}]]\nname = {}\ncount = \"rows\"",
                quoted(&name)
            );
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
        if !cell.is_empty() {
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

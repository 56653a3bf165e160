//! A CSV sample becomes a column list.

mod columns;

use crate::Unusable;
pub(crate) use crate::csv::columns::{
    Below, Columns, Listed, Place, column, constants, head, is_counter, list,
};
use crate::kinds;
use crate::records::Draft;
use crate::text::{Ends, decoded, lines};

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
    /// What stands in the line of names, where that is another.
    pub(crate) headings: Vec<Option<String>>,
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
    let unique = unique(&names);
    let pairs = names.into_iter().zip(&unique);
    let headings = pairs.map(|(heading, name)| (heading != *name).then_some(heading));
    let headings = headings.collect();
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
        names: unique,
        headings,
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
fn unique(names: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for (at, name) in names.iter().enumerate() {
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

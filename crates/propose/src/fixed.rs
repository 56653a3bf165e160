//! A fixed-width sample: where its columns are.

use std::fmt::Write as _;

use crate::Unusable;
use crate::kinds;
use crate::records::Draft;
use crate::text::{Ends, decoded, lines};

const WIDTH_MAX: usize = 1_000;
const COLUMNS_MAX: usize = 500;

/// A column of fixed width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its width in characters.
    pub width: usize,
    /// Whether texts stand at the right.
    pub(crate) is_right: bool,
    /// What fills the other side.
    pub(crate) pad: char,
    /// What lines of its kind begin with, where a file has several kinds of records.
    pub(crate) of: Option<String>,
}

impl Column {
    /// What the column list says of it.
    pub(crate) fn words(&self) -> String {
        let mut text = format!("width = {}\n", self.width);
        if self.is_right {
            let pad = crate::binding::quoted(&self.pad.to_string());
            let _ = writeln!(text, "align = \"right\"\npad = {pad}");
        }
        text
    }

    pub(crate) fn of_width(name: impl Into<String>, width: usize) -> Self {
        Self {
            name: name.into(),
            width,
            is_right: false,
            pad: ' ',
            of: None,
        }
    }

    /// Looks at texts of the column: on which side they stand, and what fills the other.
    pub(crate) fn align(&mut self, texts: &[String]) {
        let texts: Vec<&String> = texts
            .iter()
            .filter(|cell| !cell.trim().is_empty())
            .collect();
        let all =
            |test: &dyn Fn(&str) -> bool| !texts.is_empty() && texts.iter().all(|text| test(text));
        let digits = |text: &str| {
            text.trim()
                .bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.'))
        };
        let is_short = self.width > 1
            && texts
                .iter()
                .any(|text| text.trim().trim_start_matches('0').len() < self.width);
        let width = self.width;
        let is_filled = |text: &str| {
            digits(text) && text.starts_with('0') && text.len() == width && text.len() != 8
        };
        if is_short && all(&is_filled) {
            (self.is_right, self.pad) = (true, '0');
        } else if is_short && all(&|text| text.starts_with(' ') && !text.ends_with(' ')) {
            self.is_right = true;
        }
    }

    /// Reads a record description: `NAME:20,VORNAME:15`, or one column per line as `NAME;20`. `[10]` begins the columns of lines that
    /// begin with `10`.
    pub fn list(text: &str) -> Result<Vec<Self>, Unusable> {
        let entries = text
            .split([',', '\n'])
            .map(str::trim)
            .filter(|entry| !entry.is_empty() && !entry.starts_with('#'));
        let mut of: Option<String> = None;
        let mut column = |entry: &str| {
            if let Some(sign) = entry
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                of = Some(sign.to_owned());
                return Some(None);
            }
            let (name, width) = entry.rsplit_once([':', ';', '='])?;
            let width: usize = width.trim().parse().ok()?;
            ((1..=WIDTH_MAX).contains(&width) && !name.trim().is_empty()).then(|| {
                let column = Self::of_width(name.trim(), width);
                Some(Self {
                    of: of.clone(),
                    ..column
                })
            })
        };
        let columns: Option<Vec<Option<Self>>> = entries.map(&mut column).collect();
        let columns = columns.map(|all| all.into_iter().flatten().collect::<Vec<Self>>());
        columns
            .filter(|columns| (1..=COLUMNS_MAX).contains(&columns.len()))
            .ok_or_else(|| {
                Unusable::new(
                    "die Satzbeschreibung hat nicht die Form NAME:Breite,NAME:Breite (oder eine Spalte je Zeile: NAME;Breite)",
                    "the record description is not NAME:width,NAME:width (or one column per line: NAME;width)",
                )
            })
    }
}

/// A fixed-width file, read.
pub(crate) struct Records {
    /// The kinds of records, if there are several.
    pub(crate) kinds: Option<Vec<Draft>>,
    pub(crate) encoding: &'static str,
    pub(crate) ends: Ends,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Whether columns were guessed from blanks.
    pub(crate) is_guessed: bool,
    /// What `--fields` could say where fields seem to stand without a blank between them.
    pub(crate) unglued: Option<String>,
    /// Lines that are of none of the described kinds, from 1.
    pub(crate) strays: Vec<usize>,
}

pub(crate) fn read(bytes: &[u8], given: Option<&[Column]>) -> Result<Records, Unusable> {
    let (encoding, text) = decoded(bytes)?;
    let (text, mut ends) = lines(&text);
    let text = match given.and_then(|columns| cut_apart(&text, columns)) {
        Some(cut) => {
            ends.line_end = "none";
            cut
        }
        None => text,
    };
    let lines: Vec<Vec<char>> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(2_000)
        .map(|line| line.chars().collect())
        .collect();
    if lines.is_empty() || lines.iter().any(|line| line.len() > 20_000) {
        return Err(Unusable::new(
            "die Datei hat keine Zeile oder eine mit mehr als 20 000 Zeichen",
            "the file has no line or one of more than 20,000 characters",
        ));
    }
    let kinds = match given {
        Some(columns) => kinds::described(&lines, columns),
        None => kinds::of_lines(&lines, guessed),
    };
    let unglued = match given {
        Some(_) => None,
        None => unglued(&lines, kinds.as_deref()),
    };
    let of_kinds: Vec<usize> = kinds
        .iter()
        .flatten()
        .flat_map(|draft| draft.rows.iter().copied())
        .collect();
    let is_stray = |row: &usize| kinds.is_some() && !of_kinds.contains(row);
    let strays = (1..=lines.len()).filter(is_stray).collect();
    let mut columns = given.map_or_else(|| guessed(&lines), <[Column]>::to_vec);
    if columns.len() > COLUMNS_MAX {
        return Err(Unusable::new(
            "zu viele Spalten erkannt; bitte die Satzbeschreibung mit --fields angeben",
            "too many columns found; give the record description with --fields",
        ));
    }
    let rows: Vec<Vec<String>> = lines.iter().map(|line| cells(line, &columns)).collect();
    for (at, column) in columns.iter_mut().enumerate() {
        let texts: Vec<String> = rows.iter().filter_map(|row| row.get(at).cloned()).collect();
        column.align(&texts);
    }
    Ok(Records {
        kinds,
        encoding,
        ends,
        columns,
        rows,
        is_guessed: given.is_none(),
        unglued,
        strays,
    })
}

/// Records that follow each other without line ends: there is one line only, and it is as long as several of them.
fn cut_apart(text: &str, columns: &[Column]) -> Option<String> {
    let is_of_kinds = columns.iter().any(|column| column.of.is_some());
    let width: usize = columns.iter().map(|column| column.width).sum();
    let letters: Vec<char> = text.chars().collect();
    let is_several = letters.len() > width && letters.len().is_multiple_of(width);
    if is_of_kinds || !is_several || text.contains('\n') {
        return None;
    }
    let records: Vec<String> = letters
        .chunks(width)
        .map(|record| record.iter().collect())
        .collect();
    Some(records.join("\n"))
}

fn cells(line: &[char], columns: &[Column]) -> Vec<String> {
    let mut rest = line.iter();
    columns
        .iter()
        .map(|column| rest.by_ref().take(column.width).collect())
        .collect()
}

/// An example of `--fields`, if fields of guessed columns seem to be glued.
fn unglued(lines: &[Vec<char>], kinds: Option<&[Draft]>) -> Option<String> {
    let Some(kinds) = kinds else {
        let columns = guessed(lines);
        let cuts = cuts(&lines.iter().collect::<Vec<_>>(), &columns);
        return (cuts.len() > columns.len()).then(|| described(&cuts, 1));
    };
    let mut parts = Vec::new();
    let mut is_glued = false;
    for draft in kinds {
        let of_kind: Vec<&Vec<char>> = draft
            .rows
            .iter()
            .filter_map(|row| lines.get(row.checked_sub(1)?))
            .collect();
        let fields = draft.fields.iter();
        let columns: Vec<Column> = fields.filter_map(|field| field.width.clone()).collect();
        let [sign, rest @ ..] = columns.as_slice() else {
            continue;
        };
        let behind: Vec<Vec<char>> = of_kind
            .iter()
            .map(|line| line.get(sign.width..).unwrap_or_default().to_vec())
            .collect();
        let cuts = cuts(&behind.iter().collect::<Vec<_>>(), rest);
        is_glued |= cuts.len() > rest.len();
        let kind: String = of_kind.first()?.iter().take(sign.width).collect();
        let mut part = format!("[{kind}],SATZART:{}", sign.width);
        if !cuts.is_empty() {
            part = format!("{part},{}", described(&cuts, 2));
        }
        parts.push(part);
    }
    is_glued.then(|| parts.join(","))
}

fn described(widths: &[usize], first: usize) -> String {
    let fields = widths.iter().enumerate();
    let fields = fields.map(|(at, width)| format!("FELD{}:{width}", at + first));
    fields.collect::<Vec<_>>().join(",")
}

/// The widths of the columns, cut also where letters meet digits in every line that has something there.
fn cuts(lines: &[&Vec<char>], columns: &[Column]) -> Vec<usize> {
    let meet = |at: usize| {
        let pairs = lines.iter().filter_map(|line| {
            let (before, here) = (line.get(at.checked_sub(1)?)?, line.get(at)?);
            (*before != ' ' && *here != ' ').then_some((*before, *here))
        });
        let mut seen = 0;
        let is_cut = pairs.inspect(|_| seen += 1).all(|(before, here)| {
            before.is_numeric() && here.is_alphabetic()
                || before.is_alphabetic() && here.is_numeric()
        });
        is_cut && seen * 2 >= lines.len() && seen > 0
    };
    let mut widths = Vec::new();
    let mut from = 0;
    for column in columns {
        let to = from + column.width;
        let mut start = from;
        for at in (from + 1..to).filter(|at| meet(*at)) {
            widths.push(at - start);
            start = at;
        }
        widths.push(to - start);
        from = to;
    }
    widths
}

/// A column begins where every line has a blank before it and some line a character.
fn guessed(lines: &[Vec<char>]) -> Vec<Column> {
    let width = lines.iter().map(Vec::len).max().unwrap_or(0);
    let is_blank = |at: usize| {
        lines
            .iter()
            .all(|line| line.get(at).is_none_or(|c| *c == ' '))
    };
    let mut starts: Vec<usize> = (0..width)
        .filter(|at| !is_blank(*at) && (*at == 0 || is_blank(*at - 1)))
        .collect();
    if let Some(first) = starts.first_mut() {
        *first = 0;
    }
    starts.push(width);
    starts
        .windows(2)
        .enumerate()
        .filter_map(|(nr, pair)| {
            let (from, to) = (pair.first()?, pair.last()?);
            Some(Column::of_width(format!("FELD{}", nr + 1), to - from))
        })
        .collect()
}

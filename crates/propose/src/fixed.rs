//! A fixed-width sample: where its columns are.

use crate::Unusable;
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
}

impl Column {
    /// Reads a record description: `NAME:20,VORNAME:15`, or one column per line as `NAME;20`.
    pub fn list(text: &str) -> Result<Vec<Self>, Unusable> {
        let entries = text
            .split([',', '\n'])
            .map(str::trim)
            .filter(|entry| !entry.is_empty() && !entry.starts_with('#'));
        let column = |entry: &str| {
            let (name, width) = entry.rsplit_once([':', ';', '='])?;
            let width: usize = width.trim().parse().ok()?;
            ((1..=WIDTH_MAX).contains(&width) && !name.trim().is_empty()).then(|| Self {
                name: name.trim().to_owned(),
                width,
                is_right: false,
                pad: ' ',
            })
        };
        let columns: Option<Vec<Self>> = entries.map(column).collect();
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
    pub(crate) encoding: &'static str,
    pub(crate) ends: Ends,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Whether columns were guessed from blanks.
    pub(crate) is_guessed: bool,
}

pub(crate) fn read(bytes: &[u8], given: Option<&[Column]>) -> Result<Records, Unusable> {
    let (encoding, text) = decoded(bytes)?;
    let (text, ends) = lines(&text);
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
    let mut columns = given.map_or_else(|| guessed(&lines), <[Column]>::to_vec);
    if columns.len() > COLUMNS_MAX {
        return Err(Unusable::new(
            "zu viele Spalten erkannt; bitte die Satzbeschreibung mit --fields angeben",
            "too many columns found; give the record description with --fields",
        ));
    }
    let rows: Vec<Vec<String>> = lines.iter().map(|line| cells(line, &columns)).collect();
    for (at, column) in columns.iter_mut().enumerate() {
        let texts: Vec<&String> = rows
            .iter()
            .filter_map(|row| row.get(at))
            .filter(|cell| !cell.trim().is_empty())
            .collect();
        let all =
            |test: &dyn Fn(&str) -> bool| !texts.is_empty() && texts.iter().all(|text| test(text));
        let digits = |text: &str| {
            text.trim()
                .bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.'))
        };
        let is_short = column.width > 1
            && texts
                .iter()
                .any(|text| text.trim().trim_start_matches('0').len() < column.width);
        if is_short
            && all(&|text| {
                digits(text)
                    && text.starts_with('0')
                    && text.len() == column.width
                    && text.len() != 8
            })
        {
            (column.is_right, column.pad) = (true, '0');
        } else if is_short && all(&|text| text.starts_with(' ') && !text.ends_with(' ')) {
            column.is_right = true;
        }
    }
    Ok(Records {
        encoding,
        ends,
        columns,
        rows,
        is_guessed: given.is_none(),
    })
}

fn cells(line: &[char], columns: &[Column]) -> Vec<String> {
    let mut rest = line.iter();
    columns
        .iter()
        .map(|column| rest.by_ref().take(column.width).collect())
        .collect()
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
            Some(Column {
                name: format!("FELD{}", nr + 1),
                width: to - from,
                is_right: false,
                pad: ' ',
            })
        })
        .collect()
}

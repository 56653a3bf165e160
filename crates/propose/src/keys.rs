//! A sample of keys and values: its sections, which of them are numbered, and how its lines are written.

mod drafts;

use std::fmt::Write as _;

use crate::Unusable;
use crate::binding::quoted;
use crate::records::Draft;
use crate::text::{Ends, decoded, lines};

const LINES_MAX: usize = 20_000;
/// A sample of another kind has hardly a line that looks like this.
const SHARE_MIN_PERCENT: usize = 80;
const COMMENTS: [&str; 4] = ["#", ";", "//", "!"];
/// What stands between key and value.
const SIGNS: [char; 3] = ['=', ':', '\t'];
/// What does so only in a file that is said to be of keys and values.
const SIGNS_TOLD: [char; 5] = ['=', ':', '\t', ';', '|'];
/// What a key may begin with besides letters and digits.
const MARKS: &str = "$@%&*+_";

/// A file of keys and values, read.
pub(crate) struct Sections {
    pub(crate) encoding: &'static str,
    /// Lines of `[settings]`.
    pub(crate) settings: String,
    pub(crate) drafts: Vec<Draft>,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Title(String),
    Empty,
    /// Key and value.
    Pair(String, String),
    /// A comment, or what is no pair.
    Other(String),
}

/// How pairs are written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Form {
    sign: char,
    separator: String,
    key_width: usize,
}

/// How many lines of a text are pairs or titles.
pub(crate) struct Pairs {
    pub(crate) sign: char,
    pub(crate) good: usize,
    /// All that are not empty and no comments.
    pub(crate) all: usize,
}

impl Pairs {
    pub(crate) fn are_most(&self) -> bool {
        self.good * 100 >= self.all * SHARE_MIN_PERCENT
    }
}

/// The pairs of a text, if it has any.
pub(crate) fn pairs(text: &str) -> Option<Pairs> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let sign = sign(&lines, &SIGNS)?;
    // A title stands above the line under it.
    let is_title = |at: usize| lines.get(at + 1).is_some_and(|below| is_rule(below));
    let told: Vec<&&str> = lines
        .iter()
        .enumerate()
        .filter(|(at, line)| !is_comment(line) && !is_rule(line) && !is_title(*at))
        .map(|(_, line)| line)
        .collect();
    let is_good = |line: &&&&str| title(line).is_some() || pair(line, sign).is_some();
    Some(Pairs {
        sign,
        good: told.iter().filter(is_good).count(),
        all: told.len(),
    })
}

pub(crate) fn read(bytes: &[u8]) -> Result<Sections, Unusable> {
    let (encoding, text) = decoded(bytes)?;
    let (text, ends) = lines(&text);
    let all: Vec<&str> = text.lines().take(LINES_MAX).collect();
    let filled: Vec<&str> = all
        .iter()
        .copied()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let sign = sign(&filled, &SIGNS_TOLD).ok_or_else(|| {
        Unusable::new(
            "die Datei hat keine Zeile der Form Schlüssel=Wert oder Schlüssel: Wert",
            "the file has no line of the form key=value or key: value",
        )
    })?;
    let form = form(&filled, sign);
    let read: Vec<Line> = all.iter().map(|line| line_of(line, sign)).collect();
    let quote = quote(&read);
    let is_escaped = read
        .iter()
        .any(|line| matches!(line, Line::Pair(_, value) if value.contains("\\n")));
    let settings = settings(&form, &read, (quote, is_escaped, &ends));
    let mut drafts = drafts::drafts(&read, drafts::Values { is_escaped });
    for field in drafts.iter_mut().flat_map(|draft| &mut draft.fields) {
        field.quoted = field.quoted.filter(|_| quote == "texts");
    }
    Ok(Sections {
        encoding,
        settings,
        drafts,
    })
}

fn is_comment(line: &str) -> bool {
    COMMENTS
        .iter()
        .any(|sign| line.trim_start().starts_with(sign))
}

/// A line of one sign only, as under a title: `=====`.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3
        && line.starts_with(['=', '-', '_', '*', '~'])
        && line
            .bytes()
            .all(|byte| line.as_bytes().first() == Some(&byte))
}

/// `[title]`.
fn title(line: &str) -> Option<&str> {
    let inside = line.trim().strip_prefix('[')?.strip_suffix(']')?;
    (!inside.is_empty() && !inside.contains(['[', ']', '"'])).then_some(inside)
}

/// The key, and the value as it stands there; keys are short and hold no sign of another format.
fn pair(line: &str, sign: char) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(sign)?;
    let key = key.trim();
    let plain = key.trim_start_matches(|c| MARKS.contains(c));
    let is_plain = |c: char| c.is_alphanumeric() || " ._-/()[]".contains(c) || MARKS.contains(c);
    // Numbers are keys before `=`; before `:` they are times, before a tab cells.
    let is_begin = |c: char| c.is_alphabetic() || sign == '=' && c.is_numeric();
    let is_key = key.len() <= 80 && plain.starts_with(is_begin) && key.chars().all(is_plain);
    is_key.then_some((key, value.trim()))
}

/// The one of these signs that separates most lines.
fn sign(lines: &[&str], signs: &[char]) -> Option<char> {
    let uses = |sign: char| {
        lines
            .iter()
            .filter(|line| !is_comment(line) && pair(line, sign).is_some())
            .count()
    };
    let (sign, uses) = signs
        .iter()
        .map(|sign| (*sign, uses(*sign)))
        .max_by_key(|(sign, uses)| (*uses, *sign == '='))?;
    (uses > 0).then_some(sign)
}

/// As most lines with a value write it.
fn form(lines: &[&str], sign: char) -> Form {
    let mut forms: Vec<(String, usize)> = Vec::new();
    let mut ends: Vec<usize> = Vec::new();
    let mut keys: Vec<usize> = Vec::new();
    for line in lines.iter().filter(|line| !is_comment(line)) {
        let (Some((key, value)), Some((before, behind))) =
            (pair(line, sign), line.split_once(sign))
        else {
            continue;
        };
        ends.push(before.chars().count());
        keys.push(key.chars().count());
        if value.is_empty() {
            continue;
        }
        let left = before.len() - before.trim_end().len();
        let right = behind.len() - behind.trim_start().len();
        let form = format!("{}{sign}{}", " ".repeat(left), " ".repeat(right));
        match forms.iter_mut().find(|(known, _)| *known == form) {
            Some((_, uses)) => *uses += 1,
            None => forms.push((form, 1)),
        }
    }
    // All signs below each other, behind keys of several lengths.
    let (first, longest) = (ends.first().copied(), keys.iter().max().copied());
    let is_aligned = ends.len() > 1
        && ends.iter().all(|end| Some(*end) == first)
        && keys.iter().any(|key| Some(*key) != longest);
    let most = forms.into_iter().max_by_key(|(_, uses)| *uses);
    let separator = most.map_or_else(|| sign.to_string(), |(form, _)| form);
    if is_aligned {
        return Form {
            sign,
            separator: separator.trim_start_matches(' ').to_owned(),
            key_width: first.unwrap_or(0),
        };
    }
    Form {
        sign,
        separator,
        key_width: 0,
    }
}

fn line_of(line: &str, sign: char) -> Line {
    if line.trim().is_empty() {
        return Line::Empty;
    }
    if is_comment(line) {
        return Line::Other(line.to_owned());
    }
    if let Some(title) = title(line) {
        return Line::Title(title.to_owned());
    }
    match pair(line, sign) {
        Some((key, value)) => Line::Pair(key.to_owned(), value.to_owned()),
        None => Line::Other(line.to_owned()),
    }
}

fn is_quoted(value: &str) -> bool {
    value.len() >= 2 && value.starts_with('"') && value.ends_with('"')
}

fn quote(read: &[Line]) -> &'static str {
    let values: Vec<&str> = read
        .iter()
        .filter_map(|line| match line {
            Line::Pair(_, value) if !value.is_empty() => Some(value.as_str()),
            Line::Pair(..) | Line::Title(_) | Line::Empty | Line::Other(_) => None,
        })
        .collect();
    let quotes = values.iter().filter(|value| is_quoted(value)).count();
    match quotes {
        0 => "never",
        all if all == values.len() => "always",
        _ => "texts",
    }
}

fn settings(form: &Form, read: &[Line], (quote, is_escaped, ends): (&str, bool, &Ends)) -> String {
    let mut text = format!("separator = {}\n", quoted(&form.separator));
    if form.key_width > 0 {
        let _ = writeln!(text, "key_width = {}", form.key_width);
    }
    let _ = writeln!(text, "gap_lines = {}", gap(read));
    if quote != "never" {
        let _ = writeln!(text, "quote = {}", quoted(quote));
    }
    if is_escaped {
        text.push_str("line_breaks = \"escape\"\n");
    }
    text.push_str(&ends.settings());
    text
}

/// Empty lines before a section that is not the first line.
fn gap(read: &[Line]) -> usize {
    let has_titles = read.iter().any(|line| matches!(line, Line::Title(_)));
    let is_begin = |at: usize| match read.get(at) {
        Some(Line::Title(_)) => has_titles,
        Some(Line::Pair(..)) => !has_titles && at > 0 && read.get(at - 1) == Some(&Line::Empty),
        Some(Line::Empty | Line::Other(_)) | None => false,
    };
    let before = |at: usize| {
        let above = read.get(..at).unwrap_or_default();
        above
            .iter()
            .rev()
            .take_while(|line| **line == Line::Empty)
            .count()
    };
    let begins = (1..read.len()).filter(|at| is_begin(*at));
    begins.map(before).max().unwrap_or(0).min(9)
}

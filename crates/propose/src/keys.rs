//! A sample of keys and values: its sections, which of them are numbered, and how its lines are written.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::Unusable;
use crate::binding::quoted;
use crate::records::{Draft, DraftField, Repeats, kind_name};
use crate::text::{Ends, decoded, lines};

const LINES_MAX: usize = 20_000;
/// A sample of another kind has hardly a line that looks like this.
const SHARE_MIN_PERCENT: usize = 80;
const COMMENTS: [&str; 4] = ["#", ";", "//", "!"];

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

/// Whether a text looks like keys and values.
pub(crate) fn is_it(text: &str) -> bool {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let Some(sign) = sign(&lines) else {
        return false;
    };
    let told = lines.iter().filter(|line| !is_comment(line));
    let (mut good, mut all) = (0_usize, 0_usize);
    for line in told {
        all += 1;
        good += usize::from(title(line).is_some() || pair(line, sign).is_some());
    }
    all > 0 && good * 100 >= all * SHARE_MIN_PERCENT
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
    let sign = sign(&filled).ok_or_else(|| {
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
    let mut drafts = drafts(&read, Values { is_escaped });
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

/// `[title]`.
fn title(line: &str) -> Option<&str> {
    let inside = line.trim().strip_prefix('[')?.strip_suffix(']')?;
    (!inside.is_empty() && !inside.contains(['[', ']', '"'])).then_some(inside)
}

/// The key, and the value as it stands there; keys are short and hold no sign of another format.
fn pair(line: &str, sign: char) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(sign)?;
    let is_plain = |c: char| c.is_alphanumeric() || " ._-/()[]".contains(c);
    let key = key.trim();
    let is_key = !key.is_empty()
        && key.len() <= 80
        && key.starts_with(char::is_alphabetic)
        && key.chars().all(is_plain);
    is_key.then_some((key, value.trim()))
}

/// The sign that separates most lines.
fn sign(lines: &[&str]) -> Option<char> {
    let uses = |sign: char| {
        lines
            .iter()
            .filter(|line| !is_comment(line) && pair(line, sign).is_some())
            .count()
    };
    let (sign, uses) = ['=', ':', '\t']
        .into_iter()
        .map(|sign| (sign, uses(sign)))
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

/// A section of the sample.
struct Section {
    /// None of lines above the first title; empty where blocks have none.
    title: Option<String>,
    lines: Vec<Line>,
}

fn sections(read: &[Line]) -> Vec<Section> {
    let has_titles = read.iter().any(|line| matches!(line, Line::Title(_)));
    let mut sections: Vec<Section> = Vec::new();
    let mut after_gap = false;
    for line in read {
        match line {
            Line::Title(title) => sections.push(Section {
                title: Some(title.clone()),
                lines: Vec::new(),
            }),
            Line::Empty => after_gap = !has_titles && !sections.is_empty(),
            Line::Pair(..) | Line::Other(_) => {
                if sections.is_empty() || after_gap {
                    let title = after_gap.then(String::new);
                    let lines = Vec::new();
                    sections.push(Section { title, lines });
                    after_gap = false;
                }
                if let Some(section) = sections.last_mut() {
                    section.lines.push(line.clone());
                }
            }
        }
    }
    sections
}

/// `Hund01`: what stands before and behind the first number of a name, and the number as written.
fn number_in(name: &str) -> Option<(&str, &str, &str)> {
    let start = name.find(|c: char| c.is_ascii_digit())?;
    let rest = name.get(start..)?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (number, behind) = rest.split_at(end);
    (number.len() <= 4).then_some((name.get(..start)?, number, behind))
}

/// The placeholder for numbers that begin with this one; none if they begin with neither 0 nor 1.
fn placeholder(first: &str) -> Option<String> {
    let name = match first.parse::<usize>().ok()? {
        0 => "nr0",
        1 => "nr",
        _ => return None,
    };
    Some(if first.len() > 1 {
        format!("{{{name}:{}}}", "0".repeat(first.len()))
    } else {
        format!("{{{name}}}")
    })
}

fn drafts(read: &[Line], values: Values) -> Vec<Draft> {
    let sections = sections(read);
    let mut drafts: Vec<Draft> = Vec::new();
    let mut done = vec![false; sections.len()];
    for (at, section) in sections.iter().enumerate() {
        if done.get(at) == Some(&true) {
            continue;
        }
        // Sections whose titles differ by their number only are one kind.
        let numbered = section.title.as_deref().and_then(number_in);
        let form = numbered.and_then(|(before, number, behind)| {
            Some(format!("{before}{}{behind}", placeholder(number)?))
        });
        let is_alike =
            |other: &Section| match (numbered, other.title.as_deref().and_then(number_in)) {
                (Some((before, _, behind)), Some((other, _, end))) if form.is_some() => {
                    before == other && behind == end
                }
                _ => false,
            };
        let mut alike = vec![(at, section)];
        for (other, found) in sections.iter().enumerate().skip(at + 1) {
            if is_alike(found) {
                alike.push((other, found));
            }
        }
        for (other, _) in &alike {
            if let Some(done) = done.get_mut(*other) {
                *done = true;
            }
        }
        let words = section.title.as_ref().map(|title| {
            let title = form.as_ref().unwrap_or(title);
            format!("section = {}", quoted(title))
        });
        let base = numbered
            .filter(|_| form.is_some())
            .map(|(before, ..)| before);
        let name = base.or(section.title.as_deref()).unwrap_or_default();
        let is_repeated = form.is_some();
        kind((name, words, is_repeated), &alike, values, &mut drafts);
    }
    drafts
}

/// One kind of sections; keys with numbers in them are kinds of their own, which follow.
fn kind(
    (title, words, is_repeated): (&str, Option<String>, bool),
    alike: &[(usize, &Section)],
    values: Values,
    drafts: &mut Vec<Draft>,
) {
    let rows: Vec<usize> = alike.iter().map(|(at, _)| at + 1).collect();
    let begin = |words: Vec<String>, name: &str, drafts: &[Draft]| Draft {
        name: kind_name(if name.is_empty() { "angaben" } else { name }, drafts),
        words,
        fields: Vec::new(),
        rows: rows.clone(),
        repeats: if is_repeated {
            Repeats::Surely
        } else {
            Repeats::Never
        },
    };
    let above = if title.is_empty() {
        Vec::new()
    } else {
        vec![title.to_owned()]
    };
    let mut current = begin(words.into_iter().collect(), title, drafts);
    let lines: Vec<&Line> = alike
        .iter()
        .flat_map(|(_, section)| &section.lines)
        .collect();
    let indexed = indexed(&lines);
    let mut seen: Vec<&str> = Vec::new();
    for line in lines {
        let family = match line {
            Line::Pair(key, _) => number_in(key).filter(|(before, ..)| indexed.contains(before)),
            Line::Title(_) | Line::Empty | Line::Other(_) => None,
        };
        let Some((before, ..)) = family else {
            add(line, &mut current, (&above, values));
            continue;
        };
        if seen.contains(&before) {
            continue;
        }
        seen.push(before);
        let family = numbered_keys(before, alike, (&above, values));
        finished(current, alike.len(), drafts);
        let name = kind_name(before, drafts);
        drafts.push(Draft { name, ..family });
        current = begin(Vec::new(), &format!("{title}-rest"), drafts);
    }
    finished(current, alike.len(), drafts);
}

/// Keeps a kind that has something to say; `sections` are of it.
fn finished(mut draft: Draft, sections: usize, drafts: &mut Vec<Draft>) {
    for field in &mut draft.fields {
        field.is_left_out = !field.is_sign && field.values.len() < sections;
    }
    if !draft.fields.is_empty() || !draft.words.is_empty() {
        drafts.push(draft);
    }
}

/// A line of a section as a field of its kind.
fn add(line: &Line, draft: &mut Draft, (above, values): (&[String], Values)) {
    match line {
        Line::Title(_) | Line::Empty => {}
        Line::Other(text) => {
            // Of several sections the first one's.
            let mut known = draft.fields.iter();
            if !known.any(|field| field.values == [text.clone()]) {
                let name = format!("ZEILE{}", draft.fields.len() + 1);
                draft.fields.push(DraftField {
                    words: vec!["key = \"\"".to_owned()],
                    values: vec![text.clone()],
                    is_sign: true,
                    ..DraftField::named(name)
                });
            }
        }
        Line::Pair(key, value) => {
            let field = DraftField {
                above: above.to_vec(),
                quoted: marks(value),
                ..DraftField::named(key.clone())
            };
            keep(&mut draft.fields, field, values.plain(value));
        }
    }
}

/// A further value of a field, which may be new.
fn keep(fields: &mut Vec<DraftField>, new: DraftField, value: String) {
    let at = fields.iter().position(|field| field.name == new.name);
    let at = at.unwrap_or_else(|| {
        fields.push(new);
        fields.len() - 1
    });
    if let Some(field) = fields.get_mut(at) {
        field.values.push(value);
    }
}

impl DraftField {
    pub(crate) fn named(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }
}

/// What stands before the number in keys such as `hund.1.name`: several of them have it, and they count from 0 or 1.
fn indexed<'l>(lines: &[&'l Line]) -> Vec<&'l str> {
    let keys: Vec<(&str, &str, &str)> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Pair(key, _) => number_in(key),
            Line::Title(_) | Line::Empty | Line::Other(_) => None,
        })
        .collect();
    let mut found: Vec<&str> = Vec::new();
    for (before, number, _) in &keys {
        let of_it = keys.iter().filter(|(other, ..)| other == before);
        let ends: BTreeSet<&str> = of_it.map(|(.., end)| *end).collect();
        // `tel1`, `tel2` may be two different things; `hund1_name`, `hund1_rasse` are one.
        let is_family = !before.is_empty() && placeholder(number).is_some() && ends.len() > 1;
        if is_family && !found.contains(before) {
            found.push(before);
        }
    }
    found
}

/// The kind that keys with a number are.
fn numbered_keys(
    before: &str,
    alike: &[(usize, &Section)],
    (above, values): (&[String], Values),
) -> Draft {
    let mut fields: Vec<DraftField> = Vec::new();
    let mut numbers: Vec<&str> = Vec::new();
    let pairs = alike.iter().flat_map(|(_, section)| &section.lines);
    let family = pairs.filter_map(|line| match line {
        Line::Pair(key, value) => {
            let (start, number, end) = number_in(key)?;
            (start == before).then_some((number, end, value))
        }
        Line::Title(_) | Line::Empty | Line::Other(_) => None,
    });
    let mut above = above.to_vec();
    above.push(before.to_owned());
    for (number, end, value) in family {
        if !numbers.contains(&number) {
            numbers.push(number);
        }
        let name = end.trim_start_matches(['.', '_', '-', ']', ' ', ')']);
        let name = if name.is_empty() { "WERT" } else { name };
        let number = placeholder(number).unwrap_or_default();
        let key = format!("key = {}", quoted(&format!("{before}{number}{end}")));
        let field = DraftField {
            words: vec![key],
            above: above.clone(),
            quoted: marks(value),
            ..DraftField::named(name.to_owned())
        };
        keep(&mut fields, field, values.plain(value));
    }
    for field in &mut fields {
        field.is_left_out = field.values.len() < numbers.len();
    }
    let first = alike.first().map_or(1, |(at, _)| at + 1);
    Draft {
        name: String::new(),
        words: Vec::new(),
        fields,
        rows: vec![first; numbers.len()],
        repeats: Repeats::Surely,
    }
}

/// Whether a value stands in quotes, if there is one.
fn marks(value: &str) -> Option<bool> {
    (!value.is_empty()).then(|| is_quoted(value))
}

/// How values are written.
#[derive(Debug, Clone, Copy)]
struct Values {
    is_escaped: bool,
}

impl Values {
    /// The value without quotes and escape characters.
    fn plain(self, value: &str) -> String {
        let inside = if is_quoted(value) {
            value.get(1..value.len() - 1).unwrap_or(value)
        } else {
            value
        };
        if self.is_escaped {
            inside.replace("\\n", "\n")
        } else {
            inside.to_owned()
        }
    }
}

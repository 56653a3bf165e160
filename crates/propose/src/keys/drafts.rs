//! Which sections of a sample are of one kind, and what stands in them.

use std::collections::BTreeSet;

use super::{Line, is_quoted};
use crate::binding::quoted;
use crate::records::{Draft, DraftField, Repeats, kind_name};

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

pub(super) fn drafts(read: &[Line], values: Values) -> Vec<Draft> {
    let sections = sections(read);
    let mut drafts: Vec<Draft> = Vec::new();
    let mut done = vec![false; sections.len()];
    for (at, section) in sections.iter().enumerate() {
        if done.get(at) == Some(&true) {
            continue;
        }
        let alike: Vec<(usize, &Section)> = sections
            .iter()
            .enumerate()
            .skip(at)
            .filter(|(other, found)| *other == at || section.is_like(found))
            .collect();
        for (other, _) in &alike {
            if let Some(done) = done.get_mut(*other) {
                *done = true;
            }
        }
        let form = section.numbered().and_then(|(before, number, behind)| {
            Some(format!("{before}{}{behind}", placeholder(number)?))
        });
        let title = section
            .title
            .as_ref()
            .or(alike.get(1).and_then(|(_, next)| next.title.as_ref()));
        let words = title.map(|title| {
            let title = form.as_ref().unwrap_or(title);
            format!("section = {}", quoted(title))
        });
        let base = section.numbered().map(|(before, ..)| before);
        let name = match section.title.as_deref() {
            Some("") | None if alike.len() > 1 => section.first_key(),
            title => title,
        };
        let name = base.filter(|_| form.is_some()).or(name).unwrap_or_default();
        let is_repeated = form.is_some() || alike.len() > 1;
        kind((name, words, is_repeated), &alike, values, &mut drafts);
    }
    drafts
}

impl Section {
    /// Its title, if that has a number.
    fn numbered(&self) -> Option<(&str, &str, &str)> {
        self.title.as_deref().and_then(number_in)
    }

    fn first_key(&self) -> Option<&str> {
        self.lines.iter().find_map(|line| match line {
            Line::Pair(key, _) => Some(key.as_str()),
            Line::Title(_) | Line::Empty | Line::Other(_) => None,
        })
    }

    /// Whether both are of one kind: titles that differ by their number only, the same title, or blocks without titles that begin with
    /// the same key.
    fn is_like(&self, other: &Self) -> bool {
        let has_form = self
            .numbered()
            .is_some_and(|(_, number, _)| placeholder(number).is_some());
        if has_form && let Some((before, _, behind)) = self.numbered() {
            let of_other = other.numbered();
            return of_other.is_some_and(|(start, _, end)| start == before && end == behind);
        }
        match (self.title.as_deref(), other.title.as_deref()) {
            (None | Some(""), Some("")) => {
                self.first_key().is_some() && self.first_key() == other.first_key()
            }
            (Some(one), Some(next)) => one == next,
            (None | Some(_), None) | (None, Some(_)) => false,
        }
    }
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
    let closing = closing(alike);
    let indexed = indexed(&lines);
    let mut seen: Vec<&str> = Vec::new();
    for line in lines {
        if closing.contains(&line) {
            continue;
        }
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
        current = begin(
            Vec::new(),
            &format!("{}-rest", if title.is_empty() { "angaben" } else { title }),
            drafts,
        );
    }
    finished(current, alike.len(), drafts);
    if !closing.is_empty() {
        let mut last = begin(Vec::new(), "schluss", drafts);
        last.rows.truncate(1);
        for line in closing {
            add(line, &mut last, (&above, values));
        }
        finished(last, 1, drafts);
    }
}

/// Lines at the end of the last of several sections that the first one lacks: they close the file, not each section.
fn closing<'s>(alike: &[(usize, &'s Section)]) -> Vec<&'s Line> {
    let [(_, first), .., (_, last)] = alike else {
        return Vec::new();
    };
    let mut lines: Vec<&Line> = last
        .lines
        .iter()
        .rev()
        .take_while(|line| matches!(line, Line::Other(_)) && !first.lines.contains(line))
        .collect();
    lines.reverse();
    lines
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
pub(super) struct Values {
    pub(super) is_escaped: bool,
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

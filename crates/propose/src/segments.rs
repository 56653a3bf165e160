//! A sample of segments: its signs, and which segments are of one kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use amtsbote_translate::Encoding;

use crate::Unusable;
use crate::binding::quoted;
use crate::package::{Note, NoteKind};
use crate::records::{Draft, DraftField, Repeats, kind_name};
use crate::text::decoded;

const SEGMENTS_MAX: usize = 5_000;
/// A qualifier such as `MS` or `137` is short.
const QUALIFIER_MAX: usize = 3;

/// A file of segments, read.
pub(crate) struct Segments {
    pub(crate) encoding: &'static str,
    /// Lines of `[settings]`, and of the table below it.
    pub(crate) settings: String,
    pub(crate) drafts: Vec<Draft>,
    /// Line of the settings that says how a line ends.
    pub(crate) signs: String,
    /// What of the sample the proposal does not follow.
    pub(crate) notes: Vec<Note>,
}

/// Element, repetition, component, part, each from 1.
type Position = (usize, usize, usize, usize);

/// Where the tag stands.
const TAG: Position = (0, 1, 1, 1);
/// Where a qualifier stands.
const FIRST: Position = (1, 1, 1, 1);

struct Signs {
    element: char,
    component: char,
    part: Option<char>,
    repetition: Option<char>,
    terminator: char,
    release: char,
    decimal: char,
    escape: &'static str,
    has_advice: bool,
}

#[derive(Default)]
struct Segment {
    tag: String,
    values: BTreeMap<Position, String>,
    /// Elements that stand there several times.
    repeated: BTreeSet<usize>,
    has_breaks: bool,
}

/// Whether a text looks like segments.
pub(crate) fn is_it(text: &str) -> bool {
    signs(text).is_some()
}

/// By the first segment.
fn signs(text: &str) -> Option<(Signs, &str)> {
    let mut all = text.chars();
    let edifact = Signs {
        element: '+',
        component: ':',
        part: None,
        repetition: None,
        terminator: '\'',
        release: '?',
        decimal: '.',
        escape: "release",
        has_advice: false,
    };
    if let Some(advice) = text.strip_prefix("UNA") {
        let mut signs = advice.chars();
        let mut next = || signs.next();
        let (component, element, decimal) = (next()?, next()?, next()?);
        let (release, repetition, terminator) = (next()?, next()?, next()?);
        let rest = signs.as_str();
        let signs = Signs {
            component,
            element,
            decimal,
            release,
            repetition: (repetition != ' ').then_some(repetition),
            terminator,
            has_advice: true,
            ..edifact
        };
        return Some((signs, rest));
    }
    if ["UNB+", "UNH+", "UNG+"]
        .iter()
        .any(|start| text.starts_with(start))
    {
        // Since syntax version 4 of ISO 9735 a sign for repetitions is among those that hold without being told.
        let version = text
            .strip_prefix("UNB+")
            .and_then(|rest| rest.split([':', '+', '\'']).nth(1));
        let repetition = (version == Some("4")).then_some('*');
        let signs = Signs {
            repetition,
            ..edifact
        };
        return Some((signs, text));
    }
    if text.starts_with("MSH") || text.starts_with("FHS") || text.starts_with("BHS") {
        let mut told = all.by_ref().skip(3);
        let mut next = || told.next().filter(char::is_ascii_punctuation);
        let (element, component, repetition) = (next()?, next()?, next()?);
        let (release, part) = (next()?, next()?);
        let signs = Signs {
            element,
            component,
            part: Some(part),
            repetition: Some(repetition),
            terminator: if text.contains('\r') { '\r' } else { '\n' },
            release,
            escape: "hl7",
            ..edifact
        };
        return Some((signs, text));
    }
    None
}

pub(crate) fn read(bytes: &[u8]) -> Result<Segments, Unusable> {
    let (encoding, text) = decoded(bytes)?;
    let text = text.trim_start();
    let (signs, rest) = signs(text).ok_or_else(|| {
        Unusable::new(
            "die Datei beginnt nicht wie eine Segmentdatei (UNA, UNB, UNH oder MSH); andere Zeichen stehen in [settings.segments]",
            "the file does not begin like a file of segments (UNA, UNB, UNH or MSH); other signs stand in [settings.segments]",
        )
    })?;
    let mut segments = segments(rest, (&signs, Encoding::named(encoding)));
    let mut notes = Vec::new();
    notes.extend(one_message(&mut segments));
    notes.extend(repetitions(&segments, &signs));
    let breaks = if segments.iter().any(|segment| segment.has_breaks) {
        "line_breaks = \"escape\"\n"
    } else {
        ""
    };
    let behind = format!("{}\r\n", signs.terminator);
    let line_end = if text.contains(&behind) {
        "crlf"
    } else if text.contains(&format!("{}\n", signs.terminator)) && signs.terminator != '\n' {
        "lf"
    } else {
        "none"
    };
    Ok(Segments {
        encoding,
        settings: format!("line_end = \"{line_end}\"\n{breaks}"),
        signs: table(&signs),
        drafts: drafts(&segments),
        notes,
    })
}

/// Keeps the first of several messages, with the envelope around them.
fn one_message(segments: &mut Vec<Segment>) -> Option<Note> {
    let is_head = |segment: &Segment| segment.tag == "UNH" || segment.tag.starts_with("MSH");
    let is_end = |segment: &Segment| matches!(&*segment.tag, "UNE" | "UNZ" | "BTS" | "FTS");
    let messages = segments.iter().filter(|segment| is_head(segment)).count();
    if messages < 2 {
        return None;
    }
    let mut heads = 0;
    segments.retain(|segment| {
        heads += usize::from(is_head(segment));
        heads < 2 || is_end(segment)
    });
    Some(Note::new(
        NoteKind::Layout,
        "record".to_owned(),
        &format!(
            "das Muster enthält {messages} Nachrichten; vorgeschlagen ist die erste: ein Antrag ist eine Übergabe, also eine Datei mit einer Nachricht"
        ),
        &format!(
            "the sample holds {messages} messages; the first is proposed: an application is a handover, so a file with one message"
        ),
    ))
}

/// Elements that repeat within a segment.
fn repetitions(segments: &[Segment], signs: &Signs) -> Option<Note> {
    let sign = signs.repetition?;
    let mut places: Vec<String> = Vec::new();
    for segment in segments {
        let tag: String = segment
            .tag
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect();
        for element in &segment.repeated {
            let place = format!("{tag}/{element}");
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    let places = (!places.is_empty()).then(|| places.join(", "))?;
    Some(Note::new(
        NoteKind::Layout,
        places,
        &format!(
            "das Element wiederholt sich ({sign}); jede Wiederholung des Musters hat eigene Felder (at = \"3[2]\" ist die zweite), leere am Ende fallen weg"
        ),
        &format!(
            "the element repeats ({sign}); each repetition of the sample has fields of its own (at = \"3[2]\" is the second), empty ones at the end are left out"
        ),
    ))
}

fn table(signs: &Signs) -> String {
    let mut text = String::from("\n[settings.segments]\n");
    let sign = |sign: char| quoted(&sign.to_string());
    for (word, value) in [
        ("element", Some(signs.element)),
        ("component", Some(signs.component)),
        ("part", signs.part),
        ("repetition", signs.repetition),
        ("terminator", Some(signs.terminator)),
        ("release", Some(signs.release)),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "{word} = {}", sign(value));
        }
    }
    if signs.escape == "release" {
        let _ = writeln!(text, "decimal = {}", sign(signs.decimal));
    }
    let _ = writeln!(text, "escape = {}", quoted(signs.escape));
    if signs.has_advice {
        text.push_str("service_advice = true\n");
    }
    text
}

fn segments(text: &str, (signs, encoding): (&Signs, Option<Encoding>)) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut here = TAG;
    let mut open = Segment::default();
    let mut chars = text.chars();
    let is_hl7 = signs.escape == "hl7";
    while let Some(c) = chars.next() {
        let is_head = is_hl7 && here.0 <= 1 && is_head(&open.values);
        if c == signs.terminator {
            let segment = std::mem::take(&mut open);
            segments.extend(closed(segment));
            here = TAG;
            if segments.len() >= SEGMENTS_MAX {
                break;
            }
        } else if is_head && here.0 == 0 && c == signs.element {
            // The head of HL7 names the signs: they are part of its tag.
            let tag = open.values.entry(here).or_default();
            tag.push(c);
            for sign in chars.by_ref().take_while(|c| *c != signs.element) {
                tag.push(sign);
            }
            here = FIRST;
        } else if c == signs.release && is_hl7 {
            let escaped: String = chars.by_ref().take_while(|c| *c != signs.release).collect();
            let text = unescaped(&escaped, signs, encoding);
            open.has_breaks |= text.contains('\n');
            open.put(here, text.chars());
        } else if c == signs.release {
            open.put(here, chars.next());
        } else if c == signs.element {
            here = (here.0 + 1, 1, 1, 1);
        } else if Some(c) == signs.repetition && here.0 > 0 {
            open.repeated.insert(here.0);
            here = (here.0, here.1 + 1, 1, 1);
        } else if c == signs.component {
            here = (here.0, here.1, here.2 + 1, 1);
        } else if Some(c) == signs.part {
            here.3 += 1;
        } else if here.0 > 0 || !matches!(c, '\r' | '\n') {
            open.put(here, Some(c));
        }
    }
    segments.extend(closed(open));
    segments
}

/// What stands between two release characters of HL7 2 (chapter 2, use of escape sequences). Those that only say how a text looks are nothing.
fn unescaped(escaped: &str, signs: &Signs, encoding: Option<Encoding>) -> String {
    let sign = match escaped {
        "F" => Some(signs.element),
        "S" => Some(signs.component),
        "T" => signs.part,
        "R" => signs.repetition,
        "E" => Some(signs.release),
        ".br" => Some('\n'),
        _ => None,
    };
    if let (None, Some(digits)) = (sign, escaped.strip_prefix('X')) {
        let digits: Option<Vec<u32>> = digits.chars().map(|c| c.to_digit(16)).collect();
        let byte =
            |pair: &[u32]| u8::try_from(pair.iter().fold(0, |byte, digit| byte * 16 + digit));
        let bytes: Option<Result<Vec<u8>, _>> =
            digits.map(|digits| digits.chunks(2).map(byte).collect());
        if let (Some(Ok(bytes)), Some(encoding)) = (bytes, encoding) {
            return encoding
                .shown(&bytes)
                .replace("\r\n", "\n")
                .replace('\r', "\n");
        }
    }
    sign.map(String::from).unwrap_or_default()
}

/// A segment, if it has a tag.
fn closed(mut segment: Segment) -> Option<Segment> {
    let tag = segment.values.remove(&TAG).unwrap_or_default();
    tag.trim().clone_into(&mut segment.tag);
    (!segment.tag.is_empty()).then_some(segment)
}

impl Segment {
    fn put(&mut self, at: Position, text: impl IntoIterator<Item = char>) {
        let mut text = text.into_iter().peekable();
        if text.peek().is_some() {
            self.values.entry(at).or_default().extend(text);
        }
    }
}

fn is_head(values: &BTreeMap<Position, String>) -> bool {
    let tag = values.get(&TAG).map(String::as_str);
    values.len() == 1 && matches!(tag, Some("MSH" | "FHS" | "BHS"))
}

/// What tells a kind: its tag, and a qualifier if the tag stands there with several.
fn drafts(segments: &[Segment]) -> Vec<Draft> {
    let first = |segment: &Segment| {
        let value = segment.values.get(&FIRST);
        value.cloned().unwrap_or_default()
    };
    let mut tags: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for segment in segments {
        tags.entry(&segment.tag).or_default().push(first(segment));
    }
    let is_qualified = |tag: &str| {
        let firsts = tags.get(tag).map(Vec::as_slice).unwrap_or_default();
        let is_count = firsts.first().is_some_and(|first| first == "1")
            && firsts.iter().all(|first| first.parse::<usize>().is_ok());
        let is_short = |first: &String| {
            !first.is_empty()
                && first.len() <= QUALIFIER_MAX
                && first.chars().all(char::is_alphanumeric)
        };
        firsts.len() > 1 && !is_count && firsts.iter().all(is_short)
    };
    let kind = |segment: &Segment| {
        let qualifier = is_qualified(&segment.tag).then(|| first(segment));
        (segment.tag.clone(), qualifier)
    };
    let mut kinds = Vec::new();
    for segment in segments {
        let kind = kind(segment);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let mut drafts: Vec<Draft> = Vec::new();
    for (tag, qualifier) in kinds {
        let of_kind: Vec<(usize, &Segment)> = segments
            .iter()
            .enumerate()
            .filter(|(_, segment)| kind(segment) == (tag.clone(), qualifier.clone()))
            .map(|(at, segment)| (at + 1, segment))
            .collect();
        let plain: String = tag.chars().take_while(|c| c.is_alphanumeric()).collect();
        let name = format!("{plain}{}", qualifier.as_deref().unwrap_or_default());
        drafts.push(Draft {
            name: kind_name(&name, &drafts),
            words: vec![format!("tag = {}", quoted(&tag))],
            fields: fields(&of_kind, qualifier.as_deref()),
            rows: of_kind.iter().map(|(at, _)| *at).collect(),
            repeats: if of_kind.len() > 1 {
                Repeats::Surely
            } else {
                Repeats::Perhaps
            },
        });
    }
    drafts
}

fn fields(segments: &[(usize, &Segment)], qualifier: Option<&str>) -> Vec<DraftField> {
    let positions: BTreeSet<Position> = segments
        .iter()
        .flat_map(|(_, segment)| segment.values.keys().copied())
        .collect();
    let mut next = FIRST;
    let mut fields = Vec::new();
    for at in positions {
        let (element, repetition, component, part) = at;
        let mut text = element.to_string();
        if repetition > 1 {
            let _ = write!(text, "[{repetition}]");
        }
        if component > 1 || part > 1 {
            let _ = write!(text, ".{component}");
        }
        if part > 1 {
            let _ = write!(text, ".{part}");
        }
        let value =
            |(_, segment): &(usize, &Segment)| segment.values.get(&at).cloned().unwrap_or_default();
        let words = if at == next {
            Vec::new()
        } else {
            vec![format!("at = {}", quoted(&text))]
        };
        fields.push(DraftField {
            words,
            values: segments.iter().map(value).collect(),
            is_sign: qualifier.is_some() && at == FIRST,
            is_nameless: true,
            ..DraftField::named(text)
        });
        next = (element + 1, 1, 1, 1);
    }
    fields
}

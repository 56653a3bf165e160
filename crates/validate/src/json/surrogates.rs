//! Half of a surrogate pair in a JSON text: `"\ud83d"` is well-formed (RFC 8259 §8.2) and no character.

use std::ops::RangeInclusive;

use amtsbote_problem::{Bilingual, Finding};
use serde_json::error::Category;

const FIRST: RangeInclusive<u16> = 0xd800..=0xdbff;
const SECOND: RangeInclusive<u16> = 0xdc00..=0xdfff;
const ESCAPE_LEN: usize = 6;

/// Whether reading `bytes` ended with this error because of one.
pub(super) fn is_half(bytes: &[u8], error: &serde_json::Error) -> bool {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let before = lines.take(error.line().saturating_sub(1));
    let end = before.map(<[u8]>::len).sum::<usize>() + error.column();
    let read = bytes.get(..end).unwrap_or(bytes);
    error.classify() == Category::Syntax && ends_with_half(read)
}

/// A second half alone, or a first one with anything but a second behind it.
fn ends_with_half(read: &[u8]) -> bool {
    let is_first = |rest: &[u8]| escape(rest).is_some_and(|(unit, _)| FIRST.contains(&unit));
    if let Some((unit, rest)) = escape(read) {
        return SECOND.contains(&unit) != is_first(rest);
    }
    let behind = |skipped: usize| read.get(..read.len().saturating_sub(skipped));
    [1, 2].into_iter().filter_map(behind).any(is_first)
}

/// The `\uXXXX` that `read` ends with, and what stands before it.
fn escape(read: &[u8]) -> Option<(u16, &[u8])> {
    let (rest, escape) = read.split_at_checked(read.len().checked_sub(ESCAPE_LEN)?)?;
    let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    let unit = u16::from_str_radix(digits, 16).ok()?;
    let backslashes = rest.iter().rev().take_while(|byte| **byte == b'\\');
    (backslashes.count() % 2 == 0).then_some((unit, rest))
}

pub(super) fn finding(at: &str, error: &serde_json::Error) -> Finding {
    let (line, column) = (error.line(), error.column());
    Finding::new(
        at,
        "surrogate",
        Bilingual::new(
            format!("enthält ein halbes Ersatzzeichenpaar: \\uD800 bis \\uDFFF sind allein keine Zeichen (Zeile {line}, Spalte {column})"),
            format!("has half of a surrogate pair: \\uD800 to \\uDFFF are no characters alone (line {line}, column {column})"),
        ),
    )
    .hint(Bilingual::new(
        "das sendende Programm hat einen Text mitten in einem Zeichen abgeschnitten; das ganze Zeichen als UTF-8 oder als Paar \\uXXXX\\uXXXX schreiben",
        "the sending program cut a text in the middle of a character; write the whole character as UTF-8 or as a pair \\uXXXX\\uXXXX",
    ))
}

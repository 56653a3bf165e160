//! The sets of characters that patterns of XML Schema have words for and other dialects do not (part 2, appendix F).

use std::fmt::Write as _;

/// First and last of a range.
type Range = (char, char);

/// What XML allows at all.
const XML: &[Range] = &[
    ('\t', '\n'),
    ('\r', '\r'),
    (' ', '\u{D7FF}'),
    ('\u{E000}', '\u{FFFD}'),
    ('\u{10000}', '\u{10FFFF}'),
];
const BLANKS: &[Range] = &[('\t', '\n'), ('\r', '\r'), (' ', ' ')];
/// `NameStartChar` of XML 1.0, fifth edition.
const NAME_STARTS: &[Range] = &[
    (':', ':'),
    ('A', 'Z'),
    ('_', '_'),
    ('a', 'z'),
    ('\u{C0}', '\u{D6}'),
    ('\u{D8}', '\u{F6}'),
    ('\u{F8}', '\u{2FF}'),
    ('\u{370}', '\u{37D}'),
    ('\u{37F}', '\u{1FFF}'),
    ('\u{200C}', '\u{200D}'),
    ('\u{2070}', '\u{218F}'),
    ('\u{2C00}', '\u{2FEF}'),
    ('\u{3001}', '\u{D7FF}'),
    ('\u{F900}', '\u{FDCF}'),
    ('\u{FDF0}', '\u{FFFD}'),
    ('\u{10000}', '\u{EFFFF}'),
];
/// `NameChar`, of the same.
const NAMES: &[Range] = &[
    ('-', '.'),
    ('0', ':'),
    ('A', 'Z'),
    ('_', '_'),
    ('a', 'z'),
    ('\u{B7}', '\u{B7}'),
    ('\u{C0}', '\u{D6}'),
    ('\u{D8}', '\u{F6}'),
    ('\u{F8}', '\u{37D}'),
    ('\u{37F}', '\u{1FFF}'),
    ('\u{200C}', '\u{200D}'),
    ('\u{203F}', '\u{2040}'),
    ('\u{2070}', '\u{218F}'),
    ('\u{2C00}', '\u{2FEF}'),
    ('\u{3001}', '\u{D7FF}'),
    ('\u{F900}', '\u{FDCF}'),
    ('\u{FDF0}', '\u{FFFD}'),
    ('\u{10000}', '\u{EFFFF}'),
];
/// Blocks as XML Schema calls them, of the scripts of Europe and of signs; the others stay unknown.
const BLOCKS: &[(&str, Range)] = &[
    ("BasicLatin", ('\t', '\u{7F}')),
    ("Latin-1Supplement", ('\u{80}', '\u{FF}')),
    ("LatinExtended-A", ('\u{100}', '\u{17F}')),
    ("LatinExtended-B", ('\u{180}', '\u{24F}')),
    ("IPAExtensions", ('\u{250}', '\u{2AF}')),
    ("SpacingModifierLetters", ('\u{2B0}', '\u{2FF}')),
    ("CombiningDiacriticalMarks", ('\u{300}', '\u{36F}')),
    ("Greek", ('\u{370}', '\u{3FF}')),
    ("Cyrillic", ('\u{400}', '\u{4FF}')),
    ("Armenian", ('\u{530}', '\u{58F}')),
    ("Hebrew", ('\u{590}', '\u{5FF}')),
    ("Arabic", ('\u{600}', '\u{6FF}')),
    ("Georgian", ('\u{10A0}', '\u{10FF}')),
    ("LatinExtendedAdditional", ('\u{1E00}', '\u{1EFF}')),
    ("GreekExtended", ('\u{1F00}', '\u{1FFF}')),
    ("GeneralPunctuation", ('\u{2000}', '\u{206F}')),
    ("SuperscriptsandSubscripts", ('\u{2070}', '\u{209F}')),
    ("CurrencySymbols", ('\u{20A0}', '\u{20CF}')),
    ("LetterlikeSymbols", ('\u{2100}', '\u{214F}')),
    ("NumberForms", ('\u{2150}', '\u{218F}')),
    ("Arrows", ('\u{2190}', '\u{21FF}')),
    ("MathematicalOperators", ('\u{2200}', '\u{22FF}')),
    ("BoxDrawing", ('\u{2500}', '\u{257F}')),
    ("BlockElements", ('\u{2580}', '\u{259F}')),
    ("GeometricShapes", ('\u{25A0}', '\u{25FF}')),
    ("MiscellaneousSymbols", ('\u{2600}', '\u{26FF}')),
];

/// What stands behind the backslash, as the inside of a class with the same meaning: `i`, `c`, `s`, `w` and their opposites, `p{…}` and
/// `P{…}` with the name in `name`. `of` writes a category of Unicode (`Lu`), which the dialects spell otherwise. None if that has no name here.
#[must_use]
pub fn class_of(escape: char, name: &str, of: impl Fn(Sign, &str) -> String) -> Option<String> {
    let several = |names: [&str; 3]| names.map(|name| of(Sign::Of, name)).concat();
    Some(match escape {
        'i' => inside(NAME_STARTS),
        'I' => inside(&others(NAME_STARTS)),
        'c' => inside(NAMES),
        'C' => inside(&others(NAMES)),
        's' => " \\t\\n\\r".to_owned(),
        'S' => inside(&others(BLANKS)),
        'w' => several(["L", "M", "N"]) + &of(Sign::Of, "S"),
        'W' => several(["P", "Z", "C"]),
        'p' | 'P' => {
            let sign = if escape == 'p' { Sign::Of } else { Sign::NotOf };
            match (name.strip_prefix("Is"), sign) {
                (None, _) if is_category(name) => of(sign, name),
                (None, _) => return None,
                (Some(block), Sign::Of) => inside(&[ranged(block)?]),
                (Some(block), Sign::NotOf) => inside(&others(&[ranged(block)?])),
            }
        }
        _ => return None,
    })
}

/// Whether a category is meant or its opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `\p`
    Of,
    /// `\P`
    NotOf,
}

fn is_category(name: &str) -> bool {
    (1..=2).contains(&name.len()) && name.starts_with(|c| "LMNPZSC".contains(c))
}

fn ranged(block: &str) -> Option<Range> {
    let found = BLOCKS.iter().find(|(name, _)| *name == block);
    found.map(|(_, range)| *range)
}

/// What XML allows beyond these, which are in order.
fn others(ranges: &[Range]) -> Vec<Range> {
    let mut left = Vec::new();
    for (first, last) in XML {
        let mut from = Some(*first);
        for (low, high) in ranges {
            let Some(start) = from.filter(|start| high >= start && low <= last) else {
                continue;
            };
            if let Some(before) = step(*low, -1).filter(|before| *before >= start) {
                left.push((start, before));
            }
            from = step(*high, 1).filter(|next| next <= last);
        }
        left.extend(from.map(|start| (start, *last)));
    }
    left
}

fn step(c: char, by: i32) -> Option<char> {
    u32::from(c).checked_add_signed(by).and_then(char::from_u32)
}

fn inside(ranges: &[Range]) -> String {
    let mut out = String::new();
    for (first, last) in ranges {
        one(*first, &mut out);
        if first != last {
            out.push('-');
            one(*last, &mut out);
        }
    }
    out
}

/// A character in a class, whatever it means there.
pub(super) fn one(c: char, out: &mut String) {
    match c {
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\\' | ']' | '[' | '^' | '-' => {
            let _ = write!(out, "\\{c}");
        }
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_begins_behind_and_ends_before() {
        let astral = "\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}";
        let cases: [(&[Range], &str); 3] = [
            (BLANKS, "!-\u{D7FF}"),
            (&[('\t', '\u{D7FF}')], ""),
            (&[('a', 'b'), ('d', 'd')], "\\t-\\n\\r -`ce-\u{D7FF}"),
        ];
        for (ranges, left) in cases {
            assert_eq!(inside(&others(ranges)), format!("{left}{astral}"));
        }
    }
}

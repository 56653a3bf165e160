//! One pattern.

use std::iter::Peekable;
use std::str::Chars;

use crate::xsd::characters::{self, Sign, class_of};

/// How long a thing is written here, and in XML Schema; long ones are nothing for people.
pub(super) const SHORT: [(&str, &str); 5] = [
    ("\\$", "$"),
    ("\\&", "&"),
    ("--[", "-["),
    ("[ \\t\\n\\r]", "\\s"),
    ("[^ \\t\\n\\r]", "\\S"),
];

/// The same pattern for the validator; none if it has something XML Schema does not know, or a name that is unknown here.
pub(super) fn written(pattern: &str) -> Option<String> {
    let mut chars = pattern.chars().peekable();
    let mut out = String::with_capacity(pattern.len() + 2);
    // Whether a quantifier may come now.
    let mut is_atom = false;
    while let Some(c) = chars.next() {
        let is_quantifier = "?*+{".contains(c);
        if is_quantifier && !is_atom {
            return None;
        }
        match c {
            '\\' => out.push_str(&escaped(&mut chars)?),
            '[' => out.push_str(&class(&mut chars)?),
            '{' => {
                let inside: String = chars.by_ref().take_while(|c| *c != '}').collect();
                out.extend(["{", &inside, "}"]);
            }
            '^' | '$' => out.extend(['\\', c]),
            ']' | '}' => return None,
            c => out.push(c),
        }
        is_atom = !is_quantifier && !"(|".contains(c);
    }
    if is_open(pattern) {
        out = format!("({out})");
    }
    Some(out)
}

/// From behind the backslash.
fn escaped(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let c = chars.next()?;
    Some(match c {
        // The validator knows it, and people are told of digits by it.
        'd' => "\\d".to_owned(),
        'D' => "\\P{gc=Nd}".to_owned(),
        's' => "[ \\t\\n\\r]".to_owned(),
        'S' => "[^ \\t\\n\\r]".to_owned(),
        _ if is_single(c) => format!("\\{c}"),
        _ => format!("[{}]", set(c, chars)?),
    })
}

fn is_single(c: char) -> bool {
    "nrt\\|.?*+(){}-[]^$".contains(c)
}

/// A set by its escape, as the inside of a class.
fn set(escape: char, chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut name = String::new();
    if matches!(escape, 'p' | 'P') {
        chars.next_if_eq(&'{')?;
        name = chars.by_ref().take_while(|c| *c != '}').collect();
    }
    class_of(escape, &name, |sign, category| match sign {
        Sign::Of => format!("\\p{{gc={category}}}"),
        Sign::NotOf => format!("\\P{{gc={category}}}"),
    })
}

/// From behind the bracket to behind the one that closes it.
fn class(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let (sign, inside, less) = parts(chars)?;
    let Some(less) = less else {
        return Some(format!("[{sign}{inside}]"));
    };
    if sign.is_empty() {
        return Some(format!("[{inside}--{less}]"));
    }
    // What is in neither: only a plain class can stand inside of another one.
    let plain = less.strip_prefix('[')?.strip_suffix(']')?;
    let is_plain = !plain.starts_with('^') && !plain.contains("--[");
    is_plain.then(|| format!("[^{inside}{plain}]"))
}

type Parts = (&'static str, String, Option<String>);

/// `^` or nothing, what is inside, and the class that is taken away from it.
fn parts(chars: &mut Peekable<Chars<'_>>) -> Option<Parts> {
    let sign = chars.next_if_eq(&'^').map_or("", |_| "^");
    let mut inside = String::new();
    let mut is_first = true;
    loop {
        match chars.next()? {
            ']' if is_first => return None,
            ']' => return Some((sign, inside, None)),
            '[' => return None,
            '-' if !is_first && chars.next_if_eq(&'[').is_some() => {
                let less = class(chars)?;
                chars.next_if_eq(&']')?;
                return Some((sign, inside, Some(less)));
            }
            '-' if is_first || chars.peek() == Some(&']') => inside.push_str("\\-"),
            // Of a range; where it is none, the validator refuses it.
            '-' => inside.push('-'),
            '\\' => inside.push_str(&escaped_in_class(chars)?),
            // Twice is an operator in the validator's dialect.
            c @ ('&' | '~') if chars.peek() == Some(&c) => inside.extend(['\\', c]),
            c => characters::one(c, &mut inside),
        }
        is_first = false;
    }
}

fn escaped_in_class(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let c = chars.next()?;
    Some(match c {
        'd' => "\\d".to_owned(),
        'D' => "\\P{gc=Nd}".to_owned(),
        _ if is_single(c) => format!("\\{c}"),
        _ => set(c, chars)?,
    })
}

/// Whether a `|` stands outside of all parentheses and classes.
pub(super) fn is_open(pattern: &str) -> bool {
    let (mut groups, mut classes, mut is_escaped) = (0_u32, 0_u32, false);
    for c in pattern.chars() {
        if std::mem::take(&mut is_escaped) {
            continue;
        }
        match c {
            '\\' => is_escaped = true,
            '[' => classes += 1,
            ']' => classes = classes.saturating_sub(1),
            '(' if classes == 0 => groups += 1,
            ')' if classes == 0 => groups = groups.saturating_sub(1),
            '|' if classes == 0 && groups == 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_alternatives_that_stand_open_are_put_into_parentheses() {
        for (pattern, open) in [
            ("a|b", true),
            ("[A-Z]|x", true),
            ("(a|b)", false),
            ("(a|b)|c", true),
            ("[|]", false),
            (r"a\|b", false),
            (r"\(a|b", true),
            ("[a-z-[|]]", false),
            ("[(]|b", true),
            ("", false),
        ] {
            assert_eq!(is_open(pattern), open, "{pattern}");
        }
    }

    fn check(pattern: &str, expected: Option<&str>) {
        assert_eq!(written(pattern).as_deref(), expected, "{pattern}");
    }

    #[test]
    fn what_the_validator_reads_alike_stays() {
        for same in [
            "[0-9]{5}",
            "(a|b){0,2}c?",
            "[A-Z]{2}\\d{3,}",
            "a\\.b",
            "[^a-c\\-]*",
            ".{2}",
            "",
            "\\^\\|",
            "[\\d.]",
        ] {
            check(same, Some(same));
        }
    }

    #[test]
    fn what_it_would_read_otherwise_is_written_otherwise() {
        check("^a$", Some("\\^a\\$"));
        check("a|b", Some("(a|b)"));
        check("[a-z-[aeiou]]", Some("[a-z--[aeiou]]"));
        check("[a-z-[b-d-[c]]]", Some("[a-z--[b-d--[c]]]"));
        check("[^a-z-[0-9]]", Some("[^a-z0-9]"));
        check("[a&&b~~]", Some("[a\\&&b\\~~]"));
        check("[-a^$]", Some("[\\-a\\^$]"));
        check("\\sx[\\s]", Some("[ \\t\\n\\r]x[ \\t\\n\\r]"));
        check("\\p{Lu}[\\P{L}]", Some("[\\p{gc=Lu}][\\P{gc=L}]"));
        check("\\p{IsBasicLatin}", Some("[\\t-\u{7F}]"));
    }

    #[test]
    fn what_xml_schema_does_not_know_is_none() {
        for pattern in [
            "a*?",
            "(?:a)",
            "a**",
            "\\bq",
            "[[:alpha:]]",
            "\\x41",
            "\\p{IsKlingon}",
            "\\p{Latin}",
            "[a",
            "a]",
            "\\",
            "[]",
            "[^a-[^b]]",
        ] {
            check(pattern, None);
        }
    }
}

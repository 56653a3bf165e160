//! Simple regular expressions in words: a row of characters and classes with counts, and optional groups of such.

use std::iter::Peekable;
use std::str::Chars;

use amtsbote_problem::Bilingual;

use super::wording::two;

/// `^[A-Z]{2}[0-9]{2}$` as "2 Großbuchstaben A–Z, 2 Ziffern". None for anything less simple.
pub(crate) fn words(pattern: &str) -> Option<Bilingual> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let mut chars = inner.chars().peekable();
    let parts = row(&mut chars, Ending::Pattern)?;
    (!parts.is_empty()).then(|| {
        let (de, en): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        two(de.join(", "), en.join(", "))
    })
}

type Part = (String, String);

/// Where a row of parts ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Pattern,
    Group,
}

fn row(chars: &mut Peekable<Chars<'_>>, ending: Ending) -> Option<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    let mut literal = String::new();
    loop {
        let next = chars.next();
        let is_plain = next.is_some_and(|c| c.is_alphanumeric() || " -_/:,@".contains(c));
        if let (Some(c), true, None) = (
            next,
            is_plain,
            chars.peek().filter(|c| "?*+{".contains(**c)),
        ) {
            literal.push(c);
            continue;
        }
        if !literal.is_empty() {
            parts.push((format!("„{literal}“"), format!("\"{literal}\"")));
            literal.clear();
        }
        match next {
            None => return (ending == Ending::Pattern).then_some(parts),
            Some(')') => return (ending == Ending::Group).then_some(parts),
            Some('(') if ending == Ending::Pattern => parts.push(optional(chars)?),
            Some('[') => parts.push(counted(class(chars)?, count(chars)?)),
            Some('\\') => parts.push(escaped(chars)?),
            Some(c) if is_plain => {
                parts.push(counted(
                    (format!("„{c}“"), format!("\"{c}\"")),
                    count(chars)?,
                ));
            }
            Some(_) => return None,
        }
    }
}

// A group is understood if it may be left out: `( … )?`.
fn optional(chars: &mut Peekable<Chars<'_>>) -> Option<Part> {
    if chars.next_if_eq(&'?').is_some() {
        chars.next_if_eq(&':')?;
    }
    let parts = row(chars, Ending::Group)?;
    chars.next_if_eq(&'?')?;
    let (de, en): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    Some((
        format!("wahlweise dazu {}", de.join(", ")),
        format!("optionally {}", en.join(", ")),
    ))
}

fn escaped(chars: &mut Peekable<Chars<'_>>) -> Option<Part> {
    let class = match chars.next()? {
        'd' => ("Ziffern".to_owned(), "digits".to_owned()),
        c if c.is_ascii_punctuation() => (format!("„{c}“"), format!("\"{c}\"")),
        _ => return None,
    };
    Some(counted(class, count(chars)?))
}

fn class(chars: &mut Peekable<Chars<'_>>) -> Option<Part> {
    let mut names: Vec<Part> = Vec::new();
    loop {
        let first = match chars.next()? {
            ']' if !names.is_empty() => break,
            '^' | '[' | ']' => return None,
            '\\' => match chars.next()? {
                'd' => {
                    names.push(("Ziffern".into(), "digits".into()));
                    continue;
                }
                c if c.is_ascii_punctuation() => c,
                _ => return None,
            },
            c => c,
        };
        let mut ahead = chars.clone();
        let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
        if is_range {
            chars.next();
            names.push(ranged(first, chars.next()?)?);
        } else {
            names.push((format!("„{first}“"), format!("\"{first}\"")));
        }
    }
    let (de, en): (Vec<_>, Vec<_>) = names.into_iter().unzip();
    Some((de.join(" oder "), en.join(" or ")))
}

fn ranged(first: char, last: char) -> Option<Part> {
    Some(match (first, last) {
        ('0', '9') => ("Ziffern".into(), "digits".into()),
        ('A', 'Z') => ("Großbuchstaben A–Z".into(), "capital letters A–Z".into()),
        ('a', 'z') => ("Kleinbuchstaben a–z".into(), "small letters a–z".into()),
        (a, b) if a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric() => {
            (format!("{a}–{b}"), format!("{a}–{b}"))
        }
        _ => return None,
    })
}

type Count = (u32, Option<u32>);

fn count(chars: &mut Peekable<Chars<'_>>) -> Option<Count> {
    let Some(sign) = chars.next_if(|c| "?*+{".contains(*c)) else {
        return Some((1, Some(1)));
    };
    match sign {
        '?' => Some((0, Some(1))),
        '*' => Some((0, None)),
        '+' => Some((1, None)),
        _ => {
            let mut inner = String::new();
            loop {
                match chars.next()? {
                    '}' => break,
                    c => inner.push(c),
                }
            }
            match inner.split_once(',') {
                None => inner.parse().ok().map(|n| (n, Some(n))),
                Some((min, "")) => Some((min.parse().ok()?, None)),
                Some((min, max)) => Some((min.parse().ok()?, Some(max.parse().ok()?))),
            }
        }
    }
}

// "3 Ziffern", "1 Zeichen (Ziffern)", "3 × „A“".
fn counted((de, en): Part, (min, max): Count) -> Part {
    let is_literal = de.starts_with('„') && !de.contains(" oder ");
    let (german, english) = match (min, max) {
        (1, Some(1)) if is_literal => return (de, en),
        (min, Some(max)) if min == max => (min.to_string(), min.to_string()),
        (0, Some(max)) => (format!("höchstens {max}"), format!("at most {max}")),
        (min, Some(max)) => (format!("{min} bis {max}"), format!("{min} to {max}")),
        (min, None) => (format!("mindestens {min}"), format!("at least {min}")),
    };
    if is_literal {
        (format!("{german} × {de}"), format!("{english} × {en}"))
    } else if max == Some(1) {
        (
            format!("{german} Zeichen ({de})"),
            format!("{english} character ({en})"),
        )
    } else {
        (format!("{german} {de}"), format!("{english} {en}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn german(pattern: &str) -> Option<String> {
        words(pattern).map(|words| words.de)
    }

    #[test]
    fn rows_of_classes_are_said_in_words() {
        assert_eq!(german("^[0-9]{5}$").unwrap(), "5 Ziffern");
        assert_eq!(
            german("^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$").unwrap(),
            "2 Großbuchstaben A–Z, 2 Ziffern, 11 bis 30 Großbuchstaben A–Z oder Ziffern"
        );
        assert_eq!(
            german("^DE\\d{3}(-[A-Z0-9]{3})?$").unwrap(),
            "„DE“, 3 Ziffern, wahlweise dazu „-“, 3 Großbuchstaben A–Z oder Ziffern"
        );
    }

    #[test]
    fn anything_else_is_left_to_the_advice() {
        for pattern in [
            "[0-9]", "^a|b$", "^(a|b)$", "^[^a]$", "^.*$", "^\\p{L}$", "^[0-9", "^(a$", "^a{$",
            "^$",
        ] {
            assert_eq!(german(pattern), None, "{pattern}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_gets_an_answer(pattern in "\\^[\\[\\](){}?*+,a-z0-9\\\\-]{0,40}\\$") {
            let _ = words(&pattern);
        }
    }
}

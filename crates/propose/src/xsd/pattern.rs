//! Patterns of XSD (XML Schema part 2, appendix F) as patterns of ECMA-262, which JSON Schema has.

use std::iter::Peekable;
use std::str::Chars;

use amtsbote_validate::xsd::characters::{Sign, class_of};

/// More would be slow to match, or refused.
const COUNT_MAX: u32 = 1_000;
/// What has a meaning in ECMA-262 outside of a class.
const SYNTAX: &str = "\\^$.*+?()[]{}|";

/// The pattern with the same meaning; none where there is no equal. `\d` becomes `[0-9]`, though in XSD it is any decimal digit.
pub(crate) fn ecma(pattern: &str) -> Option<String> {
    let mut chars = pattern.chars().peekable();
    let (mut out, mut depth, mut is_choice) = (String::new(), 0_u32, false);
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push_str(&escaped(&mut chars)?),
            '[' => class(&mut chars, &mut out)?,
            '{' => count(&mut chars, &mut out)?,
            '.' => out.push_str("[^\\n\\r]"),
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            '|' => is_choice |= depth == 0,
            '?' | '*' | '+' => {}
            _ => literal(c, &mut out),
        }
        if "()|?*+".contains(c) {
            out.push(c);
        }
    }
    let is_whole = depth == 0;
    let anchored = if is_choice {
        format!("^(?:{out})$")
    } else {
        format!("^{out}$")
    };
    is_whole.then_some(anchored)
}

fn literal(c: char, out: &mut String) {
    if SYNTAX.contains(c) {
        out.push('\\');
    }
    out.push(c);
}

fn escaped(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let c = chars.next()?;
    Some(match c {
        'n' | 'r' | 't' => format!("\\{c}"),
        'd' => "[0-9]".to_owned(),
        'D' => "[^\\p{Nd}]".to_owned(),
        's' => "[ \\t\\n\\r]".to_owned(),
        'S' => "[^ \\t\\n\\r]".to_owned(),
        'w' => "[^\\p{P}\\p{Z}\\p{C}]".to_owned(),
        'W' => "[\\p{P}\\p{Z}\\p{C}]".to_owned(),
        _ if c.is_ascii_alphanumeric() => format!("[{}]", set(c, chars)?),
        _ => {
            let mut out = String::new();
            literal(c, &mut out);
            out
        }
    })
}

/// A set by its escape, as the inside of a class.
fn set(escape: char, chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut name = String::new();
    if matches!(escape, 'p' | 'P') {
        chars.next_if_eq(&'{')?;
        name = chars.by_ref().take_while(|c| *c != '}').collect();
    }
    class_of(escape, &name, |sign, category| match sign {
        Sign::Of => format!("\\p{{{category}}}"),
        Sign::NotOf => format!("\\P{{{category}}}"),
    })
}

fn count(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    let inside: String = chars.by_ref().take_while(|c| *c != '}').collect();
    let (least, most) = inside.split_once(',').unwrap_or((&inside, ""));
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n <= COUNT_MAX);
    number(least)?;
    if !most.is_empty() {
        number(most)?;
    }
    out.push('{');
    out.push_str(&inside);
    out.push('}');
    Some(())
}

/// From behind the bracket. Differences of classes (`[a-z-[aeiou]]`) have no equal.
fn class(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut is_first = true;
    loop {
        match chars.next()? {
            ']' => break,
            '[' => return None,
            '\\' => out.push_str(&escaped_in_class(chars)?),
            '-' if is_first || chars.peek() == Some(&']') => out.push_str("\\-"),
            '-' if chars.peek() == Some(&'[') => return None,
            c => {
                if c == '^' {
                    out.push('\\');
                }
                out.push(c);
            }
        }
        is_first = false;
    }
    out.push(']');
    Some(())
}

fn escaped_in_class(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let c = chars.next()?;
    Some(match c {
        'n' | 'r' | 't' => format!("\\{c}"),
        'd' => "0-9".to_owned(),
        _ if c.is_ascii_alphanumeric() => set(c, chars)?,
        '\\' | ']' | '[' | '^' | '-' => format!("\\{c}"),
        _ => c.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: Option<&str>) {
        assert_eq!(ecma(pattern).as_deref(), expected, "{pattern}");
    }

    #[test]
    fn what_means_the_same_stays_and_is_anchored() {
        check("[A-Z]{2}\\d{3,}", Some("^[A-Z]{2}[0-9]{3,}$"));
        check("a|b(c|d)?", Some("^(?:a|b(c|d)?)$"));
        check("x(a|b)", Some("^x(a|b)$"));
        check("\\p{Lu}\\P{N}+", Some("^[\\p{Lu}][\\P{N}]+$"));
        check("", Some("^$"));
    }

    #[test]
    fn what_means_something_else_is_written_otherwise() {
        check("^\\-.$", Some("^\\^-[^\\n\\r]\\$$"));
        check(
            "\\s\\S\\w",
            Some("^[ \\t\\n\\r][^ \\t\\n\\r][^\\p{P}\\p{Z}\\p{C}]$"),
        );
        check("[-+\\d\\.\\-a^]", Some("^[\\-+0-9.\\-a\\^]$"));
        check("[^a-c-]*", Some("^[^a-c\\-]*$"));
    }

    #[test]
    fn sets_without_a_word_of_their_own_are_written_out() {
        check("\\p{IsLatin-1Supplement}", Some("^[\u{80}-\u{FF}]$"));
        check("[\\w-]", Some("^[\\p{L}\\p{M}\\p{N}\\p{S}\\-]$"));
        check("\\W", Some("^[\\p{P}\\p{Z}\\p{C}]$"));
        assert!(ecma("\\i\\c*").is_some_and(|made| made.starts_with("^[:A-Z_a-z")));
    }

    #[test]
    fn what_has_no_equal_is_none() {
        for pattern in [
            "\\p{IsKlingon}",
            "[a-z-[aeiou]]",
            "a{5000}",
            "(a",
            "a)",
            "[a",
            "\\",
        ] {
            check(pattern, None);
        }
    }
}

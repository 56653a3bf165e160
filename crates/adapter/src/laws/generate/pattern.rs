//! Texts of simple regular expressions: rows of characters, classes and groups with counts.

use std::iter::Peekable;
use std::str::Chars;

use super::dice::Dice;

/// What a class that excludes characters may stand for.
const OTHERS: &str = "aZ09 äß'&;_-.,()§éŻ]+=#";
/// How many a count without an end may be.
const MANY: u64 = 6;

/// A text the pattern takes; none for a pattern that is not so simple.
pub(super) fn sample(pattern: &str, dice: &mut Dice) -> Option<String> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let mut chars = inner.chars().peekable();
    let text = choice(&mut chars, dice)?;
    chars.next().is_none().then_some(text)
}

/// Rows divided by `|`, up to the end or the closing bracket.
fn choice(chars: &mut Peekable<Chars<'_>>, dice: &mut Dice) -> Option<String> {
    let mut rows = vec![row(chars, dice)?];
    while chars.next_if_eq(&'|').is_some() {
        rows.push(row(chars, dice)?);
    }
    Some(dice.of(&rows).clone())
}

fn row(chars: &mut Peekable<Chars<'_>>, dice: &mut Dice) -> Option<String> {
    let mut text = String::new();
    while let Some(&next) = chars.peek() {
        if next == ')' || next == '|' {
            break;
        }
        chars.next();
        let atom = match next {
            '[' => Atom::Class(class(chars)?),
            '(' => {
                if chars.next_if_eq(&'?').is_some() {
                    chars.next_if_eq(&':')?;
                }
                // The same choice each time: a group is seldom repeated.
                let inner = choice(chars, dice)?;
                chars.next_if_eq(&')')?;
                Atom::Text(inner)
            }
            '\\' => Atom::Class(escaped(chars)?),
            '.' => Atom::Class(OTHERS.chars().collect()),
            c => Atom::Class(vec![c]),
        };
        let (min, max) = count(chars)?;
        let times = match dice.below(3) {
            0 => min,
            1 => max,
            _ => min + dice.below(max - min + 1),
        };
        for _ in 0..times {
            match &atom {
                Atom::Class(all) => text.push(*dice.of(all)),
                Atom::Text(inner) => text.push_str(inner),
            }
        }
    }
    Some(text)
}

enum Atom {
    Class(Vec<char>),
    Text(String),
}

fn escaped(chars: &mut Peekable<Chars<'_>>) -> Option<Vec<char>> {
    Some(match chars.next()? {
        'd' => ('0'..='9').collect(),
        'x' => {
            let code: String = chars.by_ref().take(2).collect();
            vec![char::from_u32(u32::from_str_radix(&code, 16).ok()?)?]
        }
        c if c.is_ascii_punctuation() => vec![c],
        _ => return None,
    })
}

fn class(chars: &mut Peekable<Chars<'_>>) -> Option<Vec<char>> {
    let is_negated = chars.next_if_eq(&'^').is_some();
    let mut all: Vec<char> = Vec::new();
    loop {
        let mut one = match chars.next()? {
            ']' => break,
            '\\' => escaped(chars)?,
            c => vec![c],
        };
        let mut ahead = chars.clone();
        if let ([first], Some('-'), Some(last)) = (one.as_slice(), ahead.next(), ahead.next())
            && last != ']'
        {
            let first = *first;
            chars.next();
            let last = match chars.next()? {
                '\\' => *escaped(chars)?.first()?,
                c => c,
            };
            one = (first..=last).collect();
        }
        all.extend(one);
    }
    if is_negated {
        return Some(OTHERS.chars().filter(|c| !all.contains(c)).collect());
    }
    (!all.is_empty()).then_some(all)
}

fn count(chars: &mut Peekable<Chars<'_>>) -> Option<(u64, u64)> {
    let Some(sign) = chars.next_if(|c| "?*+{".contains(*c)) else {
        return Some((1, 1));
    };
    Some(match sign {
        '?' => (0, 1),
        '*' => (0, MANY),
        '+' => (1, MANY),
        _ => {
            let inner: String = chars.by_ref().take_while(|c| *c != '}').collect();
            match inner.split_once(',') {
                None => (inner.parse().ok()?, inner.parse().ok()?),
                Some((min, "")) => (min.parse().ok()?, min.parse::<u64>().ok()? + MANY),
                Some((min, max)) => (min.parse().ok()?, max.parse().ok()?),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_patterns_have_texts() {
        let mut dice = Dice::new(3);
        for _ in 0..100 {
            let plz = sample("^[0-9]{5}$", &mut dice).expect("simple");
            assert!(
                plz.len() == 5 && plz.bytes().all(|b| b.is_ascii_digit()),
                "{plz}"
            );
            let bic = sample("^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$", &mut dice).expect("simple");
            assert!([8, 11].contains(&bic.len()), "{bic}");
            let code = sample("^(0[1-9]|[1-3][0-9]|4[0-6])$", &mut dice).expect("simple");
            assert!(
                (1..=46).contains(&code.parse::<u32>().expect("digits")),
                "{code}"
            );
            let name = sample(r#"^[^/\\:*?"<>|\x00-\x1f]{1,200}$"#, &mut dice).expect("simple");
            assert!(
                !name.is_empty() && !name.contains(['/', '\\', '<', '"', '\n']),
                "{name}"
            );
        }
        assert_eq!(sample(r"^\p{L}$", &mut dice), None);
        assert_eq!(sample("[0-9]", &mut dice), None);
    }
}

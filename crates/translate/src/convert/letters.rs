//! `ascii`, `max`, `pad-left`, `pad-right`.

use unicode_normalization::UnicodeNormalization as _;

/// More characters than this no field has.
const COUNT_MAX: usize = 10_000;

/// A count of characters, from 1.
pub(super) fn count(text: &str) -> Option<usize> {
    text.parse()
        .ok()
        .filter(|count| (1..=COUNT_MAX).contains(count))
}

/// Which side is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Filled up to a length; what is longer does not fit.
#[derive(Debug, Clone)]
pub(super) struct Pad {
    count: usize,
    with: char,
    side: Side,
}

impl Pad {
    /// `COUNT` (blanks) or `COUNT:CHARACTER`.
    pub(super) fn parse(argument: &str, side: Side) -> Option<Self> {
        let (digits, with) = argument.split_once(':').unwrap_or((argument, " "));
        let mut chars = with.chars();
        let (with, none) = (chars.next()?, chars.next());
        let count = count(digits)?;
        none.is_none().then_some(Self { count, with, side })
    }

    pub(super) fn apply(&self, text: String) -> Option<String> {
        let missing = self.count.checked_sub(text.chars().count())?;
        let filling: String = std::iter::repeat_n(self.with, missing).collect();
        Some(match self.side {
            Side::Left => filling + &text,
            Side::Right => text + &filling,
        })
    }
}

/// German letters as in passports (ICAO 9303: `Ä` is `AE`), other Latin letters without their marks; what has nothing close goes.
pub(super) fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii() => out.push(c),
            'ä' | 'æ' => out.push_str("ae"),
            'ö' | 'ø' | 'œ' => out.push_str("oe"),
            'ü' => out.push_str("ue"),
            'Ä' | 'Æ' => out.push_str("Ae"),
            'Ö' | 'Ø' | 'Œ' => out.push_str("Oe"),
            'Ü' => out.push_str("Ue"),
            'ß' => out.push_str("ss"),
            'ẞ' => out.push_str("SS"),
            'å' => out.push_str("aa"),
            'Å' => out.push_str("Aa"),
            'þ' => out.push_str("th"),
            'Þ' => out.push_str("Th"),
            'ð' | 'đ' => out.push('d'),
            'Ð' | 'Đ' => out.push('D'),
            'ł' => out.push('l'),
            'Ł' => out.push('L'),
            'ı' => out.push('i'),
            'ħ' => out.push('h'),
            'Ħ' => out.push('H'),
            '–' | '—' | '‐' | '‑' => out.push('-'),
            '‘' | '’' | '‚' | 'ʼ' | 'ʻ' => out.push('\''),
            '“' | '”' | '„' => out.push('"'),
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' => out.push(' '),
            '€' => out.push_str("EUR"),
            c => out.extend(std::iter::once(c).nfd().filter(char::is_ascii)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_ascii_and_as_long_as_asked() {
        assert_eq!(
            ascii("Größe Änne Łódź Čapek – 5 €"),
            "Groesse Aenne Lodz Capek - 5 EUR"
        );
        assert_eq!(ascii("Жук"), "");
        let pad = |argument, side, text: &str| {
            Pad::parse(argument, side).and_then(|pad| pad.apply(text.to_owned()))
        };
        assert_eq!(pad("5:0", Side::Left, "42").as_deref(), Some("00042"));
        assert_eq!(pad("4", Side::Right, "ä").as_deref(), Some("ä   "));
        assert_eq!(pad("2", Side::Left, "abc"), None);
        for bad in ["", "0", "x", "5:", "5:ab", "99999"] {
            assert!(Pad::parse(bad, Side::Left).is_none(), "{bad}");
        }
    }
}

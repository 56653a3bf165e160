//! Safe names for attachments: letters of DIN 91379 stay; separators, control and shell characters, dots at the ends
//! and device names of Windows go; at most 80 characters and an ending of at most 10.

use std::collections::BTreeSet;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Letters in names of attachments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Letters {
    /// As given, in NFC.
    #[default]
    Keep,
    /// ASCII only: ä becomes ae, ß ss, é e.
    Ascii,
    /// As ASCII, and of the rest only `.`, `_` and `-`: the portable characters of POSIX (IEEE 1003.1, 3.265).
    Portable,
}

/// Numbers in names of attachments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Numbering {
    /// `01-`, `02-` … in front of each.
    #[default]
    Always,
    /// `-2`, `-3` … behind the second of one name.
    Duplicates,
}

/// What is done to names of attachments, in a word for lineage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamingRule(pub(crate) Letters, pub(crate) Numbering);

impl NamingRule {
    pub(crate) fn letters(letters: Letters) -> String {
        let letters = match letters {
            Letters::Keep => "keep",
            Letters::Ascii => "ascii",
            Letters::Portable => "portable",
        };
        format!("letters = {letters}")
    }

    pub(crate) fn rule(self) -> String {
        let Self(letters, numbering) = self;
        let letters = Self::letters(letters);
        let numbering = match numbering {
            Numbering::Always => "always",
            Numbering::Duplicates => "duplicates",
        };
        format!("safe name; {letters}; numbering = {numbering}")
    }
}

/// Longest name without number, in characters.
const NAME_MAX: usize = 80;
const ENDING_MAX: usize = 10;

/// Names for attachments, each once, also where letter case does not count.
#[derive(Debug)]
pub struct AttachmentNames {
    letters: Letters,
    numbering: Numbering,
    given: BTreeSet<String>,
    digits: usize,
}

impl AttachmentNames {
    /// For `count` attachments: it decides how many digits the numbers have, at least two.
    pub fn new(letters: Letters, numbering: Numbering, count: usize) -> Self {
        Self {
            letters,
            numbering,
            given: BTreeSet::new(),
            digits: count.to_string().len().max(2),
        }
    }

    /// Beside files of these names, in small letters.
    pub(crate) fn beside(self, taken: BTreeSet<String>) -> Self {
        Self {
            given: taken,
            ..self
        }
    }

    /// The name of attachment `nr` (from 1). Safe as a part of a [`crate::ParcelPath`].
    pub fn next(&mut self, nr: usize, original: Option<&str>, media_type: &str) -> String {
        let (stem, ending) = parts_of(original.unwrap_or_default(), media_type, self.letters);
        let digits = self.digits;
        let stem = match self.numbering {
            Numbering::Always => format!("{nr:0digits$}-{stem}"),
            Numbering::Duplicates => stem,
        };
        let plain = format!("{stem}.{ending}");
        let others = (2..).map(|count| format!("{stem}-{count}.{ending}"));
        let free = |name: &String| !self.given.contains(&name.to_lowercase());
        let name = std::iter::once(plain)
            .chain(others)
            .find(free)
            .unwrap_or_default();
        self.given.insert(name.to_lowercase());
        name
    }
}

/// Stem and ending of a name as the sender gave it, safe.
pub(crate) fn parts_of(original: &str, media_type: &str, letters: Letters) -> (String, String) {
    // Only the last part: clients on Windows send paths.
    let last = original.rsplit(['/', '\\']).next().unwrap_or_default();
    let (stem, ending) = match last.rsplit_once('.') {
        Some((stem, ending)) if is_ending(ending) => (stem, ending.to_lowercase()),
        _ => (last, ending_of(media_type).to_owned()),
    };
    let name: String = cleaned(stem, letters)
        .trim_matches(['.', '_', ' '])
        .chars()
        .take(NAME_MAX)
        .collect();
    let name = name.trim_end_matches('.').to_owned();
    match (name.is_empty(), is_device(&name)) {
        (true, _) => ("anlage".to_owned(), ending),
        (false, true) => (format!("anlage-{name}"), ending),
        (false, false) => (name, ending),
    }
}

/// `text` with the characters a name may have.
pub(crate) fn cleaned(text: &str, letters: Letters) -> String {
    let composed: String = text.nfc().collect();
    let text = match letters {
        Letters::Keep => composed,
        Letters::Ascii | Letters::Portable => ascii(&composed),
    };
    let kept = |c: char| match letters {
        Letters::Keep | Letters::Ascii => {
            c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '-' | '_' | '.' | '(' | ')')
        }
        Letters::Portable => c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'),
    };
    let mut name = String::new();
    for c in text.chars().map(|c| if kept(c) { c } else { '_' }) {
        // A run of replaced characters is one underscore.
        if c != '_' || !name.ends_with('_') {
            name.push(c);
        }
    }
    name
}

/// Device names of Windows, with any ending, are no files there.
pub(crate) fn is_device(name: &str) -> bool {
    let device = name.split('.').next().unwrap_or_default().to_uppercase();
    ["CON", "PRN", "AUX", "NUL"].contains(&device.as_str())
        || (device.len() == 4 && (device.starts_with("COM") || device.starts_with("LPT")))
}

/// A word for what an attachment is: `PDF`, `JPG` … by its media type, or else by its ending.
pub(crate) fn type_code(ending: &str, media_type: &str) -> String {
    match ending_of(media_type) {
        "bin" => ending.to_uppercase(),
        known => known.to_uppercase(),
    }
}

fn is_ending(text: &str) -> bool {
    (1..=ENDING_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn ending_of(media_type: &str) -> &'static str {
    match media_type.split(';').next().unwrap_or_default().trim() {
        "application/pdf" => "pdf",
        "application/xml" | "text/xml" => "xml",
        "application/json" => "json",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/tiff" => "tif",
        "text/plain" => "txt",
        _ => "bin",
    }
}

fn ascii(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let pair = match c {
            'ä' | 'æ' => "ae",
            'ö' | 'œ' | 'ø' => "oe",
            'ü' => "ue",
            'Ä' | 'Æ' => "Ae",
            'Ö' | 'Œ' | 'Ø' => "Oe",
            'Ü' => "Ue",
            'ß' => "ss",
            'ẞ' => "SS",
            'ł' => "l",
            'Ł' => "L",
            'đ' | 'ð' => "d",
            'Đ' | 'Ð' => "D",
            'þ' => "th",
            'Þ' => "Th",
            'ı' => "i",
            _ => "",
        };
        if pair.is_empty() {
            // The base letter of what can be taken apart; anything else becomes an underscore later.
            out.extend(
                std::iter::once(c)
                    .nfd()
                    .filter(|part| !is_combining_mark(*part))
                    .map(|part| if part.is_ascii() { part } else { '_' }),
            );
        } else {
            out.push_str(pair);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(original: Option<&str>, letters: Letters, expected: &str) {
        let mut names = AttachmentNames::new(letters, Numbering::Duplicates, 1);
        assert_eq!(
            names.next(1, original, "application/pdf"),
            expected,
            "{original:?}"
        );
    }

    #[test]
    fn names_keep_letters_and_lose_everything_dangerous() {
        for (original, expected) in [
            ("Lageplan.PDF", "Lageplan.pdf"),
            ("Übersicht (2).pdf", "Übersicht_(2).pdf"),
            ("U\u{308}bersicht.pdf", "Übersicht.pdf"),
            ("J\u{30c}ovan.pdf", "J\u{30c}ovan.pdf"),
            ("C:\\Users\\x\\plan.pdf", "plan.pdf"),
            ("../../etc/passwd", "passwd.pdf"),
            ("..", "anlage.pdf"),
            ("", "anlage.pdf"),
            (".pdf", "anlage.pdf"),
            ("a\0b\nc.pdf", "a_b_c.pdf"),
            ("plan.sehr-lange-endung", "plan.sehr-lange-endung.pdf"),
            ("con.pdf", "anlage-con.pdf"),
            ("COM1.txt.pdf", "anlage-COM1.txt.pdf"),
            ("=cmd|x.pdf", "cmd_x.pdf"),
        ] {
            check(Some(original), Letters::Keep, expected);
        }
        check(None, Letters::Keep, "anlage.pdf");
        check(
            Some(&"ä".repeat(300)),
            Letters::Keep,
            &format!("{}.pdf", "ä".repeat(80)),
        );
    }

    #[test]
    fn ascii_names_are_readable() {
        check(
            Some("Größe Äcker.pdf"),
            Letters::Ascii,
            "Groesse_Aecker.pdf",
        );
        check(Some("Čapek-Łódź.pdf"), Letters::Ascii, "Capek-Lodz.pdf");
        check(Some("Жуков.pdf"), Letters::Ascii, "anlage.pdf");
    }

    #[test]
    fn every_name_is_given_once() {
        let mut names = AttachmentNames::new(Letters::Keep, Numbering::Duplicates, 3);
        let mut next = |name| names.next(1, Some(name), "application/pdf");
        assert_eq!(
            [
                next("Plan.pdf"),
                next("plan.pdf"),
                next("plan-2.pdf"),
                next("PLAN.PDF")
            ],
            ["Plan.pdf", "plan-2.pdf", "plan-2-2.pdf", "PLAN-3.pdf"]
        );
        let mut names = AttachmentNames::new(Letters::Keep, Numbering::Always, 120);
        assert_eq!(names.next(7, Some("plan.pdf"), ""), "007-plan.pdf");
    }
}

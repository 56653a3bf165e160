//! DIN 91379:2022-08, *Zeichen und definierte Zeichensequenzen in Unicode für die elektronische Verarbeitung von
//! Namen und den Datenaustausch in Europa*: which text may travel between authorities.
//!
//! Text is expected in normalisation form C. A character outside the group is reported by its position and the kind
//! of character only: the character itself is content.

mod table;

use amtsbote_problem::Bilingual;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The data types of DIN 91379:2022-08.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Names of natural persons.
    A,
    /// Other names: places, streets with house numbers.
    B,
    /// All normative characters, with line breaks.
    C,
    /// C without line breaks, with Greek letters and the extended non-letters: names of companies and products.
    D,
    /// All normative and extended characters, with Greek and Cyrillic.
    E,
}

impl Group {
    /// From the annotation `din-91379-a` … `din-91379-e`.
    pub fn from_annotation(text: &str) -> Option<Self> {
        Some(match text {
            "din-91379-a" => Self::A,
            "din-91379-b" => Self::B,
            "din-91379-c" => Self::C,
            "din-91379-d" => Self::D,
            "din-91379-e" => Self::E,
            _ => return None,
        })
    }

    /// The letter of the data type.
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
            Self::E => 'E',
        }
    }
}

/// What kind of character is not allowed; never which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The text is fine once normalised to form C.
    Decomposed,
    /// A control character or an invisible format character.
    Control,
    /// A combining mark that the letter before it does not take.
    Mark,
    /// A Greek letter.
    Greek,
    /// A Cyrillic letter.
    Cyrillic,
    /// A letter of the Latin script that the group does not contain.
    Latin,
    /// An emoji or pictograph.
    Emoji,
    /// A letter of any other script.
    OtherScript,
    /// Punctuation, a digit or a symbol that the group does not contain.
    Symbol,
}

impl Kind {
    fn of(c: char) -> Self {
        match u32::from(c) {
            0x00..=0x1F
            | 0x7F..=0x9F
            | 0xAD
            | 0x200B..=0x200F
            | 0x2028..=0x202E
            | 0x2060..=0x206F
            | 0xFEFF => Self::Control,
            0x0300..=0x036F | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF => Self::Mark,
            0x0370..=0x03FF | 0x1F00..=0x1FFF => Self::Greek,
            0x0400..=0x052F | 0x1C80..=0x1C8F | 0x2DE0..=0x2DFF | 0xA640..=0xA69F => Self::Cyrillic,
            0x0041..=0x024F
            | 0x0250..=0x02AF
            | 0x1E00..=0x1EFF
            | 0x2C60..=0x2C7F
            | 0xA720..=0xA7FF
            | 0xFB00..=0xFB06
                if c.is_alphabetic() =>
            {
                Self::Latin
            }
            0x2600..=0x27BF | 0xFE00..=0xFE0F | 0x1F000..=0x1FAFF => Self::Emoji,
            _ if c.is_alphabetic() => Self::OtherScript,
            _ => Self::Symbol,
        }
    }

    /// The kind in words.
    pub fn words(self) -> Bilingual {
        let (de, en) = match self {
            Self::Decomposed => (
                "ein zerlegtes Zeichen (nicht in Normalform C)",
                "a decomposed character (not in normal form C)",
            ),
            Self::Control => ("ein Steuerzeichen", "a control character"),
            Self::Mark => (
                "ein diakritisches Zeichen an falscher Stelle",
                "a misplaced combining mark",
            ),
            Self::Greek => ("ein griechischer Buchstabe", "a Greek letter"),
            Self::Cyrillic => ("ein kyrillischer Buchstabe", "a Cyrillic letter"),
            Self::Latin => (
                "ein nicht zugelassener lateinischer Buchstabe",
                "a Latin letter outside the set",
            ),
            Self::Emoji => ("ein Emoji", "an emoji"),
            Self::OtherScript => (
                "ein Buchstabe einer anderen Schrift",
                "a letter of another script",
            ),
            Self::Symbol => (
                "ein nicht zugelassenes Zeichen oder Symbol",
                "a symbol outside the set",
            ),
        };
        Bilingual::new(de, en)
    }
}

/// The first place where a text leaves its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offence {
    /// Position in characters (code points), from 1.
    pub position: usize,
    /// What kind of character stands there.
    pub kind: Kind,
}

impl Offence {
    /// What is wrong, for people.
    pub fn detail(&self, group: Group) -> Bilingual {
        let kind = self.kind.words();
        let (position, letter) = (self.position, group.letter());
        Bilingual::new(
            format!(
                "an Stelle {position} steht {}; DIN 91379 (Datentyp {letter}) lässt das nicht zu",
                kind.de
            ),
            format!(
                "has {} at position {position}, which DIN 91379 (data type {letter}) does not allow",
                kind.en
            ),
        )
    }
}

/// The first character outside `group`, if any.
pub fn check(text: &str, group: Group) -> Option<Offence> {
    let (position, c) = first_outside(text, group)?;
    let kind = if !is_nfc(text) && first_outside(&normalize(text), group).is_none() {
        Kind::Decomposed
    } else {
        Kind::of(c)
    };
    Some(Offence { position, kind })
}

/// The text in normalisation form C, the form DIN 91379 expects.
pub fn normalize(text: &str) -> String {
    text.nfc().collect()
}

fn first_outside(text: &str, group: Group) -> Option<(usize, char)> {
    let mut rest = text;
    let mut position = 1;
    while let Some(c) = rest.chars().next() {
        let length = match sequence(rest, c) {
            Some(length) => length,
            None if single(c, group) => c.len_utf8(),
            None => return Some((position, c)),
        };
        let (taken, after) = rest.split_at(length);
        position += taken.chars().count();
        rest = after;
    }
    None
}

fn single(c: char, group: Group) -> bool {
    let code = u32::from(c);
    let at = table::RUNS.partition_point(|&(_, last, _)| last < code);
    table::RUNS
        .get(at)
        .is_some_and(|&(first, _, groups)| first <= code && groups & table::bit(group) != 0)
}

// Length in bytes of the longest sequence at the start of `text`, whose first character is `letter`.
fn sequence(text: &str, letter: char) -> Option<usize> {
    let tail = &text[letter.len_utf8()..];
    // No mark of a sequence lies outside U+0300–U+036F: the common case ends here.
    if !tail.starts_with(|c| ('\u{0300}'..='\u{036F}').contains(&c)) {
        return None;
    }
    table::SEQUENCES
        .iter()
        .filter(|(marks, letters)| tail.starts_with(marks) && letters.contains(letter))
        .map(|(marks, _)| letter.len_utf8() + marks.len())
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_kind(text: &str, group: Group, expected: Option<(usize, Kind)>) {
        let found = check(text, group).map(|offence| (offence.position, offence.kind));
        assert_eq!(found, expected, "{text:?} in {group:?}");
    }

    #[test]
    fn names_of_persons_take_letters_and_few_signs() {
        for text in [
            "Müller-Lüdenscheid",
            "Łukasz Żółć",
            "O'Brien",
            "Đặng",
            "",
            "ẞ",
            "K̲͟H".trim_start_matches("K̲͟H"),
        ] {
            check_kind(text, Group::A, None);
        }
        check_kind("C\u{0300}", Group::A, None);
        check_kind("s\u{031B}\u{0304}a", Group::A, None);
        check_kind("Kurt 2", Group::A, Some((6, Kind::Symbol)));
        check_kind("Haus 2", Group::B, None);
        check_kind("a\nb", Group::B, Some((2, Kind::Control)));
        check_kind("a\nb", Group::C, None);
        check_kind("a\nb", Group::D, Some((2, Kind::Control)));
    }

    #[test]
    fn every_kind_of_stranger_is_named_without_naming_it() {
        check_kind("Иван", Group::C, Some((1, Kind::Cyrillic)));
        check_kind("Иван", Group::E, None);
        check_kind("αβγ", Group::C, Some((1, Kind::Greek)));
        check_kind("αβγ", Group::D, None);
        check_kind("Max 😀", Group::C, Some((5, Kind::Emoji)));
        check_kind("李", Group::E, Some((1, Kind::OtherScript)));
        check_kind("x\u{0301}", Group::E, Some((2, Kind::Mark)));
        check_kind("a\u{200B}", Group::E, Some((2, Kind::Control)));
        check_kind("soft\u{00AD}hyphen", Group::E, Some((5, Kind::Control)));
        check_kind("Mu\u{0308}ller", Group::A, Some((3, Kind::Decomposed)));
        check_kind(&normalize("Mu\u{0308}ller"), Group::A, None);
        check_kind("ƀ", Group::C, Some((1, Kind::Latin)));
    }

    #[test]
    fn the_runs_are_sorted_and_apart() {
        for pair in table::RUNS.windows(2) {
            assert!(pair[0].1 < pair[1].0, "{:04X}", pair[1].0);
        }
    }

    #[test]
    fn the_published_lists_are_accepted_group_by_group() {
        let Some(path) = crate::shared::path("corpora/DIN-91379/latin_list_1.3.txt") else {
            return;
        };
        let list = std::fs::read_to_string(path).unwrap();
        let mut listed = std::collections::HashSet::new();
        for line in list.lines() {
            let fields: Vec<_> = line.split("; ").collect();
            let code = |hex: &str| char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap();
            let text: String = fields[2].split(' ').map(code).collect();
            // Which data types take the part of the standard (DIN 91379:2022-08, data types A to E).
            let groups = match fields[0] {
                "bll" | "bnlreq" => "ABCDE",
                "bnl" => "BCDE",
                "bnlopt" => "CDE",
                "bnlnot" => "CE",
                "gl" | "enl" => "DE",
                "cl" => "E",
                // Combining marks: only within sequences.
                "dc" => "",
                other => panic!("{other}"),
            };
            for group in [Group::A, Group::B, Group::C, Group::D, Group::E] {
                assert_eq!(
                    check(&text, group).is_none(),
                    groups.contains(group.letter()),
                    "{line} in {group:?}"
                );
            }
            assert_eq!(normalize(&text), text, "{line}");
            listed.insert(text);
        }
        assert_eq!(listed.len(), 930);
        // And nothing that is not listed.
        for c in (0..0x3000).filter_map(char::from_u32) {
            let listed = listed.contains(&c.to_string());
            assert!(
                listed || check(&c.to_string(), Group::E).is_some(),
                "U+{:04X}",
                u32::from(c)
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_gets_an_answer(text in "\\PC*") {
            let answer = check(&text, Group::E);
            if let Some(offence) = answer {
                assert!(offence.position <= text.chars().count());
            }
        }
    }
}

//! Texts as people and programs write them.

use super::dice::Dice;

/// Letters of DIN 91379 that are easily broken: sequences with combining marks, letters above U+FFFF's neighbours, letters that
/// change their length in capitals, marks of Vietnamese.
const LETTERS: [&str; 24] = [
    "ß", "ẞ", "Ä", "ö", "ü", "ſ", "Ǆ", "ŉ", "ĳ", "Ł", "đ", "Ŋ", "ǿ", "ế", "Ự", "K̄", "M̂", "ạ̈", "c̆",
    "Č̕", "ḥ̣", "ʻ", "ʿ", "ḫ",
];
/// What formats take for their own.
const MARKS: [&str; 44] = [
    "]]>",
    "<![CDATA[",
    "&amp;",
    "&#13;",
    "&#0;",
    "<!--",
    "-->",
    "<?xml?>",
    "</a>",
    "<a b='c'>",
    "'",
    "\"",
    "’",
    "´",
    "`",
    "=1+1",
    "@SUM(A1)",
    "+49",
    "-1",
    ";",
    "|",
    ",",
    "\\",
    "\\n",
    "${x}",
    "{{x}}",
    "%s",
    "../",
    "NULL",
    "null",
    "true",
    "007",
    "1e5",
    "0x1F",
    "$.a",
    "//",
    "--",
    "#",
    "€",
    "§",
    "…",
    "–",
    "„“",
    "½",
];
/// What most schemas refuse, and some pass.
const BLANKS: [&str; 18] = [
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\u{a0}",
    "\u{ad}",
    "\u{85}",
    "\u{2028}",
    "\u{200b}",
    "\u{feff}",
    "e\u{301}",
    "\u{1F3E0}",
    "\u{10FFFF}",
    "\u{FFFE}",
    "\u{7f}",
    "\u{0}",
];
const WORDS: [&str; 8] = [
    "Muster",
    "Straße",
    "von der Au",
    "O'Neill",
    "Erika",
    "Bad Homburg v. d. H.",
    "1. OG",
    "Anna-Lena",
];

/// A text of a format of JSON Schema.
pub(super) fn of_format(format: &str, dice: &mut Dice) -> String {
    let all: &[&str] = match format {
        "date" => &[
            "2024-02-29",
            "2000-02-29",
            "1900-01-01",
            "1900-02-28",
            "1582-10-15",
            "0001-01-01",
            "1969-12-31",
            "1970-01-01",
            "2026-12-31",
            "2038-01-20",
            "9999-12-31",
        ],
        "date-time" => &[
            "2026-01-01T00:00:00Z",
            "2026-03-29T02:30:00+01:00",
            "2024-02-29T23:59:59.999999-12:00",
            "9999-12-31T23:59:59+14:00",
        ],
        "time" => &["00:00:00Z", "23:59:59+01:00"],
        "email" | "idn-email" => &[
            "a@b.de",
            "o'neill+antrag@example.org",
            "erika.musterfrau@sub.example.com",
            "x_y-z@xn--strae-oqa.example",
            "\"a b\"@example.org",
            "a&b@example.org",
        ],
        "uuid" => &[
            "00000000-0000-0000-0000-000000000000",
            "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "ffffffff-ffff-4fff-bfff-ffffffffffff",
        ],
        "uri" => &["https://example.org/?a=1&b=2#c", "urn:x:y", "mailto:a@b.de"],
        _ => &WORDS,
    };
    (*dice.of(all)).to_owned()
}

/// What a text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Words,
    Letters,
    Marks,
    Blanks,
    Mixed,
    Spaces,
}

impl Style {
    /// Words, but for so many of a hundred.
    pub(super) fn any(odd: u64, dice: &mut Dice) -> Self {
        let all = [
            Self::Letters,
            Self::Marks,
            Self::Marks,
            Self::Blanks,
            Self::Mixed,
            Self::Spaces,
        ];
        if dice.chance(odd) {
            *dice.of(&all)
        } else {
            Self::Words
        }
    }
}

/// A text of that many characters.
pub(super) fn of_length(min: u64, max: u64, style: Style, dice: &mut Dice) -> String {
    let max = max.max(min);
    let length = match dice.below(6) {
        0 => min,
        1 => max,
        2 => max.saturating_sub(1).max(min),
        3 => (min + 1).min(max),
        _ => min + dice.below(max.min(min + 40) - min + 1),
    };
    let length = usize::try_from(length).unwrap_or(0);
    let mut text = String::new();
    while text.chars().count() < length {
        let piece = match style {
            Style::Letters => dice.of(&LETTERS),
            Style::Marks => dice.of(&MARKS),
            Style::Blanks if dice.chance(30) => dice.of(&BLANKS),
            Style::Mixed if dice.chance(50) => dice.of(&MARKS),
            Style::Spaces => " ",
            Style::Blanks | Style::Mixed | Style::Words => dice.of(&WORDS),
        };
        text.push_str(piece);
    }
    let mut text: String = text.chars().take(length).collect();
    // A cut may leave a blank at the end or a mark alone: forms seldom send that, unless it is the point.
    if style == Style::Words {
        text = text.trim().to_owned();
        while (text.chars().count() as u64) < min {
            text.push('x');
        }
    }
    text
}

//! Text outside DIN 91379, written with its characters: for packages that choose `characters = "transliterate"`.
//!
//! What is done: normal form C; invisible format characters go; compatibility characters (ligatures, full-width letters, special
//! spaces) become what they stand for; Cyrillic becomes Latin by ISO 9:1995. What has no entry stays and is refused by the check
//! that follows: nothing is dropped that can be read, and nothing is guessed.

use amtsbote_validate::charset::{self, Group};
use unicode_normalization::UnicodeNormalization;

/// Cyrillic letters and their Latin form by ISO 9:1995; capitals are derived.
const ISO_9: [(char, &str); 49] = [
    ('а', "a"),
    ('б', "b"),
    ('в', "v"),
    ('г', "g"),
    ('ґ', "g\u{300}"),
    ('д', "d"),
    ('ђ', "đ"),
    ('ѓ', "ǵ"),
    ('е', "e"),
    ('ё', "ë"),
    ('є', "ê"),
    ('ж', "ž"),
    ('з', "z"),
    ('ѕ', "ẑ"),
    ('и', "i"),
    ('і', "ì"),
    ('ї', "ï"),
    ('й', "j"),
    ('ј', "ǰ"),
    ('к', "k"),
    ('л', "l"),
    ('љ', "l\u{302}"),
    ('м', "m"),
    ('н', "n"),
    ('њ', "n\u{302}"),
    ('о', "o"),
    ('п', "p"),
    ('р', "r"),
    ('с', "s"),
    ('т', "t"),
    ('ћ', "ć"),
    ('ќ', "ḱ"),
    ('у', "u"),
    ('ў', "ŭ"),
    ('ф', "f"),
    ('х', "h"),
    ('ц', "c"),
    ('ч', "č"),
    ('џ', "d\u{302}"),
    ('ш', "š"),
    ('щ', "ŝ"),
    ('ъ', "ʺ"),
    ('ы', "y"),
    ('ь', "ʹ"),
    ('э', "è"),
    ('ю', "û"),
    ('я', "â"),
    ('ѣ', "ě"),
    ('ѳ', "f\u{300}"),
];

/// The text with the characters of data type C, as far as this is possible.
pub fn transliterate(text: &str) -> String {
    let composed = charset::normalize(text);
    if charset::check(&composed, Group::C).is_none() {
        return composed;
    }
    let mut out = String::with_capacity(composed.len());
    for c in composed.chars() {
        push(c, &mut out);
    }
    charset::normalize(&out)
}

fn push(c: char, out: &mut String) {
    if is_invisible(c) {
        return;
    }
    let alone = c.to_string();
    if charset::check(&alone, Group::C).is_none() {
        out.push(c);
    } else if let Some(latin) = iso_9(c) {
        out.push_str(&latin);
    } else {
        let compatible: String = alone.nfkc().collect();
        let takes = charset::check(&compatible, Group::C).is_none();
        out.push_str(if takes { &compatible } else { &alone });
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}')
}

fn iso_9(c: char) -> Option<String> {
    let small = c.to_lowercase().next()?;
    let latin = ISO_9.iter().find(|(letter, _)| *letter == small)?.1;
    if c == small {
        Some(latin.to_owned())
    } else {
        Some(latin.to_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(transliterate(text), charset::normalize(expected));
    }

    #[test]
    fn what_can_be_written_is_written() {
        check("Mu\u{308}ller", "Müller");
        check("Иванов Сергей", "Ivanov Sergej");
        check("Щукин", "Ŝukin");
        check("Юлия", "Ûliâ");
        check("ﬁnanz\u{200B}amt", "finanzamt");
        check("Ｋöln", "Köln");
        check("Žižková Đặng", "Žižková Đặng");
    }

    #[test]
    fn what_cannot_stays_and_is_refused() {
        for text in ["李", "Haus \u{1F3E0}"] {
            check(text, text);
            assert!(charset::check(&transliterate(text), Group::C).is_some());
        }
    }

    #[test]
    fn every_transliteration_is_in_the_character_set() {
        for (letter, _) in ISO_9 {
            for text in [letter.to_string(), letter.to_uppercase().to_string()] {
                let latin = transliterate(&text);
                assert_eq!(
                    charset::check(&latin, Group::C),
                    None,
                    "{text} gives {latin:?}"
                );
            }
        }
    }
}

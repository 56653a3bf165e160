//! The shape of a value: enough to find a slip, not enough to know the value. Kind, length, classes of characters;
//! no character, no digit and no size of a number.

use amtsbote_problem::Bilingual;
use serde_json::Value;

use super::wording::two;

/// Longer texts and lists are only called long.
const COUNT_MAX: usize = 1000;

pub(super) fn of(value: &Value) -> Bilingual {
    match value {
        Value::Null => two("leer (null)", "nothing (null)"),
        Value::Bool(_) => two("Wahrheitswert (true/false)", "boolean (true/false)"),
        Value::Number(number) if number.is_f64() => {
            two("Zahl mit Nachkommastellen", "number with decimals")
        }
        Value::Number(_) => two("ganze Zahl", "whole number"),
        Value::String(text) => of_text(text),
        Value::Array(items) => {
            let (de, en) = counted(items.len(), ("Eintrag", "Einträgen"), ("entry", "entries"));
            two(format!("Liste mit {de}"), format!("list of {en}"))
        }
        Value::Object(members) => {
            let (de, en) = counted(members.len(), ("Feld", "Feldern"), ("member", "members"));
            two(format!("Objekt mit {de}"), format!("object with {en}"))
        }
    }
}

pub(crate) fn of_text(text: &str) -> Bilingual {
    if text.is_empty() {
        return two("leerer Text", "empty text");
    }
    let length = text.chars().take(COUNT_MAX + 1).count();
    let (de, en) = counted(length, ("Zeichen", "Zeichen"), ("character", "characters"));
    let classes = [
        (is_letter as fn(char) -> bool, "Buchstaben", "letters"),
        (|c| c.is_numeric(), "Ziffern", "digits"),
        (|c| c == ' ', "Leerzeichen", "spaces"),
        (
            is_invisible,
            "Umbrüche oder Steuerzeichen",
            "line breaks or control characters",
        ),
        (is_other, "andere Zeichen", "other characters"),
    ];
    let (german, english): (Vec<_>, Vec<_>) = classes
        .into_iter()
        .filter(|(is_in, ..)| text.chars().any(is_in))
        .map(|(_, de, en)| (de, en))
        .unzip();
    two(
        format!("Text, {de}: {}", german.join(", ")),
        format!("text, {en}: {}", english.join(", ")),
    )
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic()
}

fn is_invisible(c: char) -> bool {
    c != ' ' && (c.is_control() || c.is_whitespace())
}

fn is_other(c: char) -> bool {
    c != ' ' && !is_invisible(c) && !c.is_alphabetic() && !c.is_numeric()
}

// A number with its noun, German dative plural.
fn counted(count: usize, de: (&str, &str), en: (&str, &str)) -> (String, String) {
    match count {
        0 => (format!("0 {}", de.1), format!("0 {}", en.1)),
        1 => (format!("1 {}", de.0), format!("1 {}", en.0)),
        2..=COUNT_MAX => (format!("{count} {}", de.1), format!("{count} {}", en.1)),
        _ => (
            format!("mehr als {COUNT_MAX} {}", de.1),
            format!("more than {COUNT_MAX} {}", en.1),
        ),
    }
}

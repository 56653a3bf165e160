//! Errors of TOML files in German.
//!
//! The parser and serde give sentences and no parts, so their known shapes are told anew; an unknown one stays English.

mod values;

/// What the parser says of a file of settings, in German: one sentence, or the sentence with its place and line above it.
pub fn german(told: &str) -> String {
    let lines: Vec<String> = told.lines().map(line).collect();
    lines.join("\n").trim_end().to_owned()
}

fn line(told: &str) -> String {
    if let Some(place) = told.strip_prefix("TOML parse error at line ") {
        return format!(
            "kein gültiges TOML, Zeile {}",
            place.replacen("column", "Spalte", 1)
        );
    }
    sentence(told).unwrap_or_else(|| told.to_owned())
}

/// How a sentence begins, and what its rest becomes.
type Shape<'s> = (&'s str, &'s dyn Fn(&str) -> String);

fn sentence(told: &str) -> Option<String> {
    let of_key = |rest: &str| match rest.split_once(", expected ") {
        Some((key, known)) => format!(
            "den Schlüssel {key} gibt es hier nicht; möglich: {}",
            choice(known)
        ),
        None => format!(
            "den Schlüssel {} gibt es hier nicht",
            rest.trim_end_matches(", there are no fields")
        ),
    };
    let of_word = |rest: &str| match rest.split_once(", expected ") {
        Some((word, known)) => format!("{word} gibt es hier nicht; möglich: {}", choice(known)),
        None => format!("{rest} gibt es hier nicht"),
    };
    let known: [Shape<'_>; 6] = [
        ("unknown field ", &of_key),
        ("unknown variant ", &of_word),
        ("missing field ", &|key| {
            format!("der Schlüssel {key} fehlt")
        }),
        ("duplicate field ", &|key| {
            format!("der Schlüssel {key} steht zweimal da")
        }),
        ("invalid type: ", &|rest| {
            contrast("falsche Art von Wert", rest)
        }),
        ("invalid value: ", &|rest| contrast("ungültiger Wert", rest)),
    ];
    let one = known
        .iter()
        .find_map(|(start, german)| Some(german(told.strip_prefix(start)?)));
    one.or_else(|| values::german(told))
        .or_else(|| syntax(told))
}

/// `… or …` and `one of …`: a list.
fn choice(known: &str) -> String {
    known
        .trim_start_matches("one of ")
        .replace("` or `", "`, `")
}

fn contrast(what: &str, rest: &str) -> String {
    match rest.rsplit_once(", expected ") {
        Some((found, wanted)) => format!("{what}: {}; erwartet: {}", of_kind(found), form(wanted)),
        None => format!("{what}: {}", of_kind(rest)),
    }
}

fn of_kind(found: &str) -> String {
    let kinds = [
        ("string ", "der Text "),
        ("integer ", "die Zahl "),
        ("floating point ", "die Zahl "),
        ("boolean ", "der Wert "),
        ("sequence", "eine Liste"),
        ("map", "eine Tabelle"),
        ("datetime", "ein Datum ohne Anführungszeichen"),
    ];
    let german = kinds.iter().find_map(|(english, german)| {
        let rest = found.strip_prefix(english)?;
        Some(format!("{german}{rest}"))
    });
    german.unwrap_or_else(|| found.to_owned())
}

fn form(wanted: &str) -> &str {
    match wanted {
        "a boolean" => "true oder false, ohne Anführungszeichen",
        "a string" | "string" | "a borrowed string" => "ein Text in Anführungszeichen",
        "path string" => "ein Pfad in Anführungszeichen",
        "u8" | "u16" | "u32" | "u64" | "usize" => "eine ganze Zahl ab 0, ohne Anführungszeichen",
        "i8" | "i16" | "i32" | "i64" | "isize" => "eine ganze Zahl, ohne Anführungszeichen",
        "f32" | "f64" => "eine Zahl, ohne Anführungszeichen",
        "a sequence" => "eine Liste: [ … ]",
        "a map" => "eine Tabelle: [ … ] als Zeile oder { … }",
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64"
        | "a nonzero usize" => "eine ganze Zahl ab 1",
        structure if structure.starts_with("struct ") => "eine Tabelle: [ … ] als Zeile oder { … }",
        other => other,
    }
}

fn syntax(told: &str) -> Option<String> {
    let (what, wanted) = match told.split_once(", expected ") {
        Some((what, wanted)) => (what, Some(wanted)),
        None => (told, None),
    };
    let german = match what {
        "duplicate key" => "der Schlüssel oder Abschnitt steht zweimal da",
        "string values must be quoted" => "ein Text braucht Anführungszeichen",
        "key with no value" => "hinter dem Schlüssel fehlt `=` und der Wert",
        "missing value" | "missing value for key" => "hinter `=` fehlt der Wert",
        "unclosed array" => "die Liste endet nicht",
        "unclosed table" => "die Zeile des Abschnitts endet nicht mit `]`",
        "unclosed array table" => "die Zeile des Abschnitts endet nicht mit `]]`",
        "unclosed inline table" => "die Tabelle endet nicht mit `}`",
        "invalid basic string" | "invalid literal string" => {
            "der Text endet nicht mit dem Anführungszeichen, mit dem er beginnt"
        }
        "missing comma between array elements" => {
            "zwischen zwei Einträgen der Liste fehlt ein Komma"
        }
        "missing comma between key-value pairs" => "zwischen zwei Angaben fehlt ein Komma",
        "extra comma in array" | "extra comma in inline table" => "ein Komma zu viel",
        "extra `=`" | "extra assignment between key-value pairs" => "ein `=` zu viel",
        "invalid unquoted key" => "der Schlüssel braucht Anführungszeichen",
        "unquoted keys cannot be empty" => "vor `=` fehlt der Schlüssel",
        "unexpected key or value" => "hier passt weder Schlüssel noch Wert",
        "unexpected content" => "hier endet die Zeile nicht",
        "missing escaped value" => {
            "auf `\\` folgt nichts, was es gibt; in '…' statt \"…\" gilt jedes Zeichen, wie es dasteht"
        }
        "unexpected leading zero" => {
            "eine Zahl beginnt nicht mit 0; mit Anführungszeichen ist es ein Text"
        }
        "wanted string or table" => "hier steht ein Text oder eine Tabelle",
        _ => return None,
    };
    Some(match wanted {
        Some(wanted) if wanted.contains('`') => format!("{german}; erwartet: {wanted}"),
        _ => german.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(told: &str, expected: &str) {
        assert_eq!(german(told), expected);
    }

    #[test]
    fn known_sentences_are_german_and_keep_their_names() {
        check(
            "unknown field `colour`, expected one of `name`, `from`",
            "den Schlüssel `colour` gibt es hier nicht; möglich: `name`, `from`",
        );
        check(
            "unknown field `x`, expected `a` or `b`",
            "den Schlüssel `x` gibt es hier nicht; möglich: `a`, `b`",
        );
        check(
            "unknown field `x`, there are no fields",
            "den Schlüssel `x` gibt es hier nicht",
        );
        check("missing field `path`", "der Schlüssel `path` fehlt");
        check(
            "invalid type: string \"yes, expected\", expected a boolean",
            "falsche Art von Wert: der Text \"yes, expected\"; erwartet: true oder false, ohne Anführungszeichen",
        );
        check(
            "invalid value: integer `-1`, expected u16",
            "ungültiger Wert: die Zahl `-1`; erwartet: eine ganze Zahl ab 0, ohne Anführungszeichen",
        );
        check("something new", "something new");
    }

    #[test]
    fn the_place_and_the_line_stay_above_the_sentence() {
        check(
            "TOML parse error at line 2, column 7\n  |\n2 | a = unknown field `x`\n  |     ^\nunknown variant `x`, expected `y`\n",
            "kein gültiges TOML, Zeile 2, Spalte 7\n  |\n2 | a = unknown field `x`\n  |     ^\n`x` gibt es hier nicht; möglich: `y`",
        );
    }
}

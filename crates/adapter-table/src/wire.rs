//! Cells to bytes. Pure. What does not fit is a [`Misfit`], never a changed value.

use amtsbote_translate::Change;
use amtsbote_translate::columns::{Align, Cell, Field, Nature};
use unicode_normalization::UnicodeNormalization as _;

use crate::keys;
use crate::segments;
use crate::settings::{Guard, Kind, LineBreaks, Quote, Settings, Unmappable, WidthIn};

/// Why a value can't be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// The encoding lacks a character.
    Unmappable,
    /// A control character.
    Control,
    /// A line break or tab, and the package wants to know.
    LineBreak,
    /// Quotes would be needed and are not wanted.
    NeedsQuotes,
    /// A formula, and the package wants to know.
    Formula,
    /// A quote inside of quotes, and no way to write it.
    QuoteInside,
    /// A sign that separates, and no way to write it.
    Separator,
    /// Wider than its field.
    TooWide,
}

/// The bytes of one cell, without what stands around it, and what was changed of its text.
pub(crate) fn cell(settings: &Settings, cell: &Cell) -> Result<(Vec<u8>, Vec<Change>), Misfit> {
    let mut changes = Vec::new();
    let text = cleaned(settings, cell.text.reveal(), &mut changes)?;
    let text = mapped(settings, &text, &mut changes)?;
    let bytes = match settings.kind {
        Kind::Csv => csv(settings, cell, (&text, &mut changes)),
        Kind::Fixed => fixed(settings, &cell.field, &text, &mut changes),
        Kind::Keys => keys::value(settings, cell, (&text, &mut changes)),
        Kind::Segments => segments::value(settings, &text, &mut changes),
    }?;
    Ok((bytes, changes))
}

/// Whether a cell stands in quotes although it does not need them.
pub(crate) fn wants_quotes(settings: &Settings, cell: &Cell) -> bool {
    match settings.quote() {
        Quote::Always => true,
        Quote::Texts => {
            let quoted = cell.field.quoted;
            quoted.unwrap_or(cell.nature == Nature::Text)
        }
        Quote::Needed | Quote::Never => false,
    }
}

/// The bytes of one record of cells, with its line end.
pub(crate) fn record(settings: &Settings, cells: &[Vec<u8>]) -> Vec<u8> {
    let mut line = match settings.kind {
        Kind::Csv => cells.join(settings.separator().as_bytes()),
        Kind::Fixed | Kind::Keys | Kind::Segments => cells.concat(),
    };
    line.extend_from_slice(settings.line_end().bytes());
    line
}

fn cleaned(settings: &Settings, text: &str, changes: &mut Vec<Change>) -> Result<String, Misfit> {
    let mut out = String::new();
    let composed: String = text.nfc().collect();
    if composed != text {
        changes.push(Change::Composed);
    }
    // A Windows line end is one break.
    for c in composed.replace("\r\n", "\n").chars() {
        match (c, settings.line_breaks) {
            ('\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' | '\u{85}', LineBreaks::Report) => {
                return Err(Misfit::LineBreak);
            }
            ('\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' | '\u{85}', LineBreaks::Blank) => {
                out.push(' ');
            }
            ('\n' | '\r' | '\t', LineBreaks::Keep | LineBreaks::Escape) => out.push(c),
            ('\u{2028}' | '\u{2029}' | '\u{85}', LineBreaks::Escape) => out.push('\n'),
            (c, _) if c.is_control() => return Err(Misfit::Control),
            (c, _) => out.push(c),
        }
    }
    if out != composed {
        changes.push(Change::LineBreaks);
    }
    Ok(out)
}

fn mapped(settings: &Settings, text: &str, changes: &mut Vec<Change>) -> Result<String, Misfit> {
    match settings.unmappable {
        _ if settings.encoding.has(text) => Ok(text.to_owned()),
        Unmappable::Report => Err(Misfit::Unmappable),
        Unmappable::Transliterate => {
            changes.push(Change::Transliterated);
            settings
                .encoding
                .transliterated(text)
                .ok_or(Misfit::Unmappable)
        }
    }
}

fn csv(
    settings: &Settings,
    cell: &Cell,
    (text, changes): (&str, &mut Vec<Change>),
) -> Result<Vec<u8>, Misfit> {
    let formula = is_formula(text);
    let (mut text, mut quoted) = (text.to_owned(), wants_quotes(settings, cell));
    match settings.guard() {
        Guard::Prefix if formula => {
            changes.push(Change::Guarded);
            text.insert(0, '\'');
        }
        Guard::Quote if formula => quoted = true,
        Guard::Report if formula => return Err(Misfit::Formula),
        Guard::Prefix | Guard::Quote | Guard::Report | Guard::Off => {}
    }
    let separator = settings.separator();
    let needed = text.contains(separator)
        || text.contains(['"', '\r', '\n'])
        || text.starts_with(' ')
        || text.ends_with(' ');
    if needed && settings.quote() == Quote::Never {
        return Err(Misfit::NeedsQuotes);
    }
    if quoted || needed {
        changes.push(Change::Quoted);
        text = format!("\"{}\"", text.replace('"', "\"\""));
    }
    encoded(settings, &text)
}

/// Whether a spreadsheet would run it: begins with `=`, `@`, `+`, `-`, tab or carriage return, and is no plain number,
/// amount or telephone number.
fn is_formula(text: &str) -> bool {
    let plain = |rest: &str| {
        rest.chars()
            .all(|c| c.is_ascii_digit() || " .,/()-".contains(c))
    };
    match text.chars().next() {
        Some('=' | '@' | '\t' | '\r') => true,
        Some('+' | '-') => !plain(&text[1..]),
        _ => false,
    }
}

fn fixed(
    settings: &Settings,
    field: &Field,
    text: &str,
    changes: &mut Vec<Change>,
) -> Result<Vec<u8>, Misfit> {
    let bytes = encoded(settings, text)?;
    let pad = encoded(settings, &field.pad.to_string())?;
    let used = match settings.width_in() {
        WidthIn::Characters => text.chars().count(),
        WidthIn::Bytes => bytes.len(),
    };
    let missing = field
        .width
        .unwrap_or(0)
        .checked_sub(used)
        .ok_or(Misfit::TooWide)?;
    if missing > 0 {
        changes.push(Change::Padded);
    }
    let padding = pad.repeat(missing);
    Ok(match field.align {
        Align::Left => [bytes, padding].concat(),
        Align::Right => [padding, bytes].concat(),
    })
}

pub(crate) fn encoded(settings: &Settings, text: &str) -> Result<Vec<u8>, Misfit> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        settings
            .encoding
            .put(c, &mut out)
            .map_err(|_| Misfit::Unmappable)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use amtsbote_model::Personal;

    use super::*;

    fn of(field: Field, nature: Nature, text: &str) -> Cell {
        Cell {
            key: None,
            text: Personal::new(text.to_owned()),
            nature,
            field: Arc::new(field),
        }
    }

    fn check(settings: &str, text: &str, expected: Result<&str, Misfit>) {
        let all = format!("columns = \"c.toml\"\nfile = \"f.csv\"\n{settings}");
        let all = if settings.contains("encoding") {
            all
        } else {
            format!("{all}\nencoding = \"utf-8\"")
        };
        let all = if settings.contains("kind") {
            all
        } else {
            format!("{all}\nkind = \"csv\"")
        };
        let settings: Settings = toml::from_str(&all).unwrap();
        assert_eq!(settings.findings(), []);
        let field = Field {
            width: Some(6),
            align: Align::Right,
            pad: '0',
            ..Field::plain()
        };
        assert_eq!(
            cell(&settings, &of(field, Nature::Text, text)).map(|(bytes, _)| bytes),
            expected.map(|text| text.as_bytes().to_vec()),
            "{text:?}"
        );
    }

    #[test]
    fn what_is_changed_is_told() {
        let changes = |settings: &str, text: &str| {
            let all = format!("columns = \"c.toml\"\nfile = \"f\"\n{settings}");
            let settings: Settings = toml::from_str(&all).unwrap();
            let field = Field {
                width: Some(6),
                align: Align::Left,
                pad: ' ',
                ..Field::plain()
            };
            let (_, changes) = cell(&settings, &of(field, Nature::Text, text)).unwrap();
            changes.into_iter().map(Change::name).collect::<Vec<_>>()
        };
        let csv = "kind = \"csv\"\nencoding = \"windows-1252\"\nunmappable = \"transliterate\"";
        assert!(changes(csv, "Größe").is_empty());
        assert_eq!(changes(csv, "a;b"), ["quoted"]);
        assert_eq!(changes(csv, "=1"), ["guarded"]);
        assert_eq!(
            changes(csv, "o\u{308}\tČ"),
            ["composed", "line-breaks", "transliterated"]
        );
        let fixed = "kind = \"fixed\"\nencoding = \"utf-8\"";
        assert_eq!(changes(fixed, "12345"), ["padded"]);
        assert!(changes(fixed, "123456").is_empty());
    }

    #[test]
    fn csv_cells_are_quoted_as_the_package_says() {
        check("", "a", Ok("a"));
        check("", "a;b", Ok("\"a;b\""));
        check("", "a \"b\"", Ok("\"a \"\"b\"\"\""));
        check("", " a", Ok("\" a\""));
        check("separator = \"|\"", "a;b", Ok("a;b"));
        check("quote = \"always\"", "a", Ok("\"a\""));
        check("quote = \"never\"", "a", Ok("a"));
        check("quote = \"never\"", "a;b", Err(Misfit::NeedsQuotes));
    }

    #[test]
    fn texts_are_quoted_and_numbers_are_not() {
        let written = |nature, quoted, text: &str| {
            let settings = "kind = \"csv\"\nencoding = \"cp850\"\ncolumns = \"c\"\nfile = \"f\"\nquote = \"texts\"\nseparator = \",\"";
            let settings: Settings = toml::from_str(settings).unwrap();
            let field = Field {
                width: None,
                align: Align::Left,
                pad: ' ',
                quoted,
                ..Field::plain()
            };
            cell(&settings, &of(field, nature, text)).unwrap().0
        };
        for (nature, quoted, text, expected) in [
            (
                Nature::Text,
                None,
                "M\u{fc}ller",
                b"\"M\x81ller\"".as_slice(),
            ),
            (Nature::Text, None, "", b"\"\""),
            (Nature::Number, None, "12", b"12"),
            (Nature::Number, None, "", b""),
            (Nature::Text, Some(false), "31.01.2026", b"31.01.2026"),
            (Nature::Number, Some(true), "7", b"\"7\""),
            // What would tear the record is quoted all the same.
            (Nature::Number, None, "1,5", b"\"1,5\""),
        ] {
            assert_eq!(written(nature, quoted, text), expected, "{text}");
        }
    }

    #[test]
    fn the_end_of_the_file_is_bytes() {
        for (text, bytes) in [
            ("1A", Some(b"\x1a".as_slice())),
            ("0d 0A 1a", Some(b"\r\n\x1a")),
            ("", None),
            ("1", None),
            ("\u{e4}\u{e4}", None),
            ("0x1A", None),
        ] {
            let end = crate::settings::EndOfFile::try_from(text.to_owned());
            assert_eq!(
                end.ok().as_ref().map(crate::settings::EndOfFile::bytes),
                bytes,
                "{text}"
            );
        }
    }

    #[test]
    fn formulas_are_guarded_and_numbers_are_not() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("@x", "'@x"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3+x()", "'-2+3+x()"),
            ("-12,50", "-12,50"),
            ("+49 (611) 12-34", "+49 (611) 12-34"),
            ("a=b", "a=b"),
        ] {
            check("", text, Ok(expected));
            check("guard = \"off\"", text, Ok(text));
        }
        check("guard = \"quote\"", "=1", Ok("\"=1\""));
        check("guard = \"report\"", "=1", Err(Misfit::Formula));
    }

    #[test]
    fn line_breaks_and_controls_do_not_tear_records() {
        check("", "a\r\nb\tc", Ok("a b c"));
        check("line_breaks = \"keep\"", "a\nb", Ok("\"a\nb\""));
        check("line_breaks = \"report\"", "a\nb", Err(Misfit::LineBreak));
        check("", "a\u{0}b", Err(Misfit::Control));
    }

    #[test]
    fn fixed_fields_are_as_wide_as_they_are() {
        check("kind = \"fixed\"", "12", Ok("000012"));
        check("kind = \"fixed\"", "Größe", Ok("0Größe"));
        check("kind = \"fixed\"", "G\u{72}o\u{308}ße", Ok("0Größe"));
        check(
            "kind = \"fixed\"\nwidth_in = \"bytes\"",
            "Größe",
            Err(Misfit::TooWide),
        );
        check("kind = \"fixed\"\nwidth_in = \"bytes\"", "Größ", Ok("Größ"));
        check("kind = \"fixed\"", "1234567", Err(Misfit::TooWide));
        check(
            "kind = \"fixed\"\nencoding = \"iso-8859-1\"\nunmappable = \"transliterate\"",
            "1234 €",
            Err(Misfit::TooWide),
        );
    }

    #[test]
    fn what_the_encoding_lacks_is_found_or_transliterated() {
        check("encoding = \"windows-1252\"", "Č", Err(Misfit::Unmappable));
        check(
            "encoding = \"windows-1252\"\nunmappable = \"transliterate\"",
            "Č",
            Ok("C"),
        );
        check(
            "encoding = \"windows-1252\"\nunmappable = \"transliterate\"",
            "Ж",
            Err(Misfit::Unmappable),
        );
    }
}

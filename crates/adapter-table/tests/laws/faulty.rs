//! Packages that have to be refused.

use amtsbote_adapter::Package;

use crate::{columns, with};

type Faulty = Vec<(&'static str, Package)>;

pub(crate) fn cells() -> Faulty {
    vec![
        ("an unknown setting", with("csv", "colour", "red")),
        ("an unknown encoding", with("csv", "encoding", "ebcdic")),
        (
            "an end of file that is no byte",
            with("csv", "end_of_file", "1"),
        ),
        (
            "quotes of a column where all are alike",
            with("dos", "quote", "always"),
        ),
        ("a letter as separator", with("csv", "separator", "a")),
        ("a quote as separator", with("csv", "separator", "\"")),
        ("a width's unit in CSV", with("csv", "width_in", "bytes")),
        ("a separator in fixed width", with("fest", "separator", ";")),
        ("breaks in fixed width", with("fest", "line_breaks", "keep")),
        (
            "a file that leaves the folder",
            with("csv", "file", "../x.csv"),
        ),
        (
            "a column list that is not there",
            with("csv", "columns", "other.toml"),
        ),
        (
            "a field without width",
            columns("fest", "saetze.toml", "width = 1\n", ""),
        ),
        (
            "a record's field without width",
            columns("satzarten", "saetze.toml", "width = 12\n", ""),
        ),
        (
            "a record inside of none",
            columns("satzarten", "saetze.toml", "of = \"hund\"", "of = \"hase\""),
        ),
        (
            "a padding the encoding lacks",
            columns(
                "satzarten",
                "saetze.toml",
                "width = 10",
                "pad = \"Ж\"\nwidth = 10",
            ),
        ),
        (
            "names in fixed width",
            columns(
                "fest",
                "saetze.toml",
                "[[before]]",
                "header = true\n[[before]]",
            ),
        ),
        (
            "a constant the encoding lacks",
            columns("csv", "spalten.toml", "Summe", "Сумма"),
        ),
        (
            "a name the encoding lacks",
            columns("csv", "spalten.toml", "RASSE", "ПОРОДА"),
        ),
        (
            "an unknown conversion",
            columns("csv", "spalten.toml", "number:0,00", "money"),
        ),
    ]
}

pub(crate) fn sections() -> Faulty {
    vec![
        ("no end of lines in CSV", with("csv", "line_end", "none")),
        ("an escape in CSV", with("csv", "line_breaks", "escape")),
        ("sections in CSV", with("csv", "sections", "[{}]")),
        (
            "a letter between key and value",
            with("schluessel", "separator", "is"),
        ),
        (
            "a section without its title",
            with("schluessel", "sections", "[]"),
        ),
        ("quotes as needed", with("schluessel", "quote", "needed")),
        (
            "a key with the separator",
            columns("schluessel", "saetze.toml", "\"RASSE\"", "\"RASSE=\""),
        ),
        (
            "a key that looks like a comment",
            columns("schluessel", "saetze.toml", "\"RASSE\"", "\"# RASSE\""),
        ),
        (
            "a title that ends early",
            columns("schluessel", "saetze.toml", "\"Halter\"", "\"Hal]ter\""),
        ),
        (
            "a number where nothing repeats",
            columns("schluessel", "saetze.toml", "\"Halter\"", "\"Halter{nr}\""),
        ),
        (
            "a line of the applicant's without key",
            columns(
                "schluessel",
                "saetze.toml",
                "text = \"; Hunde je Halter\"",
                "from = \".halter\"",
            ),
        ),
        (
            "a key wider than its place",
            with("properties", "key_width", 3),
        ),
        (
            "a key in CSV",
            columns(
                "csv",
                "spalten.toml",
                "count = \"row\"",
                "count = \"row\"\nkey = \"a\"",
            ),
        ),
    ]
}

pub(crate) fn segments() -> Faulty {
    vec![
        (
            "a segment without tag",
            columns("segmente", "saetze.toml", "tag = \"NAD\"\n", ""),
        ),
        (
            "an element before the last one",
            columns("segmente", "saetze.toml", "at = \"3.2\"", "at = \"1\""),
        ),
        (
            "a part and no sign for it",
            columns("segmente", "saetze.toml", "at = \"3.2\"", "at = \"3.2.2\""),
        ),
        (
            "a repetition and no sign for it",
            columns("segmente", "saetze.toml", "at = \"3.2\"", "at = \"3[2]\""),
        ),
        (
            "a tag with the terminator",
            columns("segmente", "saetze.toml", "tag = \"NAD\"", "tag = \"N'AD\""),
        ),
    ]
}

//! Column lists.

use amtsbote_translate::columns::{Layout, RecordKind, Shape};
use amtsbote_translate::{Ignored, Limits, Refusal};
use serde_json::{Value, json};

use crate::{codes, sources};

fn translate(
    layout: &str,
    data: &Value,
) -> Result<
    amtsbote_translate::Translation<amtsbote_translate::columns::Table>,
    Refusal<amtsbote_translate::columns::Table>,
> {
    let layout = Layout::parse("columns.toml", layout, &codes(), Shape::Csv)
        .unwrap_or_else(|faults| panic!("{faults}"));
    layout.translate(&sources(data), &Limits::default(), &Ignored::default())
}

const LAYOUT: &str = r#"
header = true
each = ".p"
if = ".n != \"weg\""

[[column]]
name = "NR"
count = "row"
as = "number:000"

[[column]]
name = "NAME"
from = ".n"
as = "upper"
width = 5
overflow = "cut"

[[column]]
name = "GEB"
from = ".g"
as = "partial-date:dd.MM.yyyy"
missing = "empty"

[[column]]
name = "ART"
text = "X"

[[before]]
name = "KEY"
from = "$receiver.ags"

[[after]]
name = "ANZAHL"
count = "rows"
as = "number:00000"
width = 5
align = "right"
"#;

/// Places and texts of all records.
fn lines(layout: &str, data: &Value) -> Vec<(String, String)> {
    let translation = translate(layout, data).unwrap();
    let records = &translation.document.reveal().records;
    let texts = |record: &amtsbote_translate::columns::Record| {
        let texts = record.cells.iter().map(|cell| cell.text.reveal().clone());
        texts.collect::<Vec<_>>().join("|")
    };
    let lines = records
        .iter()
        .map(|record| (record.place.clone(), texts(record)));
    lines.collect()
}

const KINDS: &str = r#"
[[record]]
name = "kopf"
[[record.field]]
name = "SATZARTEN"
count = "rows"
[[record.field]]
name = "HUNDE"
count = "rows"
of = "hund"
[[record.field]]
name = "ALLE"
count = "rows"
of = ["halter", "hund"]

[[record]]
name = "halter"
each = ".p"
[[record.field]]
name = "NR"
count = "row"
[[record.field]]
name = "NAME"
from = ".n"
[[record.record]]
name = "hund"
each = ".h"
if = ". != \"x\""
[[record.record.field]]
name = "NR"
from = "$nr"
[[record.record.field]]
name = "NAME"
from = "."
[[record.record.record]]
name = "marke"
[[record.record.record.field]]
name = "ZU"
from = "$nr"
[[record.record.record.field]]
name = "HALTER"
from = "$outer_nr"

[[record]]
name = "ende"
if = ".p != []"
[[record.field]]
name = "NR"
count = "row"
"#;

#[test]
fn kinds_of_records_follow_each_other_and_those_they_belong_to() {
    let data = json!({"p": [{"n": "A", "h": ["a", "x", "b"]}, {"n": "B", "h": []}]});
    let expected = [
        ("kopf[1]", "8|2|4"),
        ("halter[1]", "2|A"),
        ("hund[1]", "1|a"),
        ("marke[1]", "1|1"),
        ("hund[2]", "3|b"),
        ("marke[2]", "3|1"),
        ("halter[2]", "7|B"),
        ("ende[1]", "8"),
    ];
    let expected = expected.map(|(place, text)| (place.to_owned(), text.to_owned()));
    assert_eq!(lines(KINDS, &data), expected);
    let empty = lines(KINDS, &json!({"p": []}));
    assert_eq!(empty, [("kopf[1]".to_owned(), "1|0|0".to_owned())]);
}

#[test]
fn kinds_of_records_that_say_nothing_are_faults() {
    for (from, to, fault) in [
        (
            "[[record]]\nname = \"kopf\"",
            "header = true\n[[record]]\nname = \"kopf\"",
            "header",
        ),
        ("of = \"hund\"", "of = \"katze\"", "katze"),
        ("[\"halter\", \"hund\"]", "[\"halter\", \"maus\"]", "maus"),
        (
            "count = \"rows\"\nof",
            "text = \"1\"\nof",
            "belongs to count",
        ),
        ("name = \"ende\"", "name = \"hund\"", "hund"),
        ("name = \"ende\"", "name = \"e[1]\"", "e[1]"),
    ] {
        let layout = KINDS.replacen(from, to, 1);
        assert_ne!(layout, KINDS);
        let faults = Layout::parse("columns.toml", &layout, &codes(), Shape::Csv).unwrap_err();
        assert!(faults.to_string().contains(fault), "{fault}: {faults}");
    }
    let without = "[[column]]\nname = \"a\"\ncount = \"rows\"\nof = \"hund\"\n";
    assert!(Layout::parse("columns.toml", without, &codes(), Shape::Csv).is_err());
    assert!(Layout::parse("columns.toml", "", &codes(), Shape::Csv).is_err());
    assert!(
        Layout::parse(
            "columns.toml",
            "header = \"above\"\n[[column]]\nname = \"a\"\ntext = \"\"\n",
            &codes(),
            Shape::Csv
        )
        .is_err()
    );
}

#[test]
fn names_stand_below_the_record_before_the_rows_if_asked_for() {
    let layout = LAYOUT.replace("header = true", "header = \"below\"");
    let data = json!({"p": []});
    let translation = translate(&layout, &data).unwrap();
    let table = translation.document.reveal();
    assert_eq!(table.names.as_ref().unwrap().above, 1);
    let kinds: Vec<_> = table.records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [RecordKind::Before, RecordKind::After]);
}

#[test]
fn a_heading_stands_in_the_line_of_names_and_may_be_empty_or_twice() {
    let name = "name = \"GEB\"\n";
    let other = "name = \"ART\"\n";
    let layout = LAYOUT
        .replace(name, &format!("{name}heading = \"\"\n"))
        .replace(other, &format!("{other}heading = \"NAME\"\n"));
    let translation = translate(&layout, &json!({"p": []})).unwrap();
    let names = translation.document.reveal().names.clone().unwrap();
    assert_eq!(names.names, ["NR", "NAME", "", "NAME"]);
    assert_eq!(names.columns, ["NR", "NAME", "GEB", "ART"]);
}

#[test]
fn rows_records_and_counters_are_filled() {
    let data = json!({"p": [{"n": "Müllermann", "g": {"jahr": 1980}}, {"n": "weg"}, {"n": "b"}]});
    let translation = translate(LAYOUT, &data).unwrap();
    let table = translation.document.reveal();
    let records: Vec<(RecordKind, Vec<&str>)> = table
        .records
        .iter()
        .map(|record| {
            (
                record.kind,
                record
                    .cells
                    .iter()
                    .map(|cell| cell.text.reveal().as_str())
                    .collect(),
            )
        })
        .collect();
    assert_eq!(
        records,
        [
            (RecordKind::Before, vec!["06414000"]),
            (RecordKind::Row, vec!["001", "MÜLLE", "00.00.1980", "X"]),
            (RecordKind::Row, vec!["002", "B", "", "X"]),
            (RecordKind::After, vec!["00002"]),
        ]
    );
    let names = table.names.clone().unwrap();
    assert_eq!(names.names, ["NR", "NAME", "GEB", "ART"]);
    assert_eq!((names.above, names.quoted), (0, None));
    let outputs: Vec<String> = translation
        .lineage
        .iter()
        .map(|line| {
            let sources: Vec<String> = line.sources.iter().map(ToString::to_string).collect();
            let (at, file) = (line.template_line.unwrap_or(0), line.template.as_deref());
            format!(
                "{} {} {:?} {}:{at}",
                line.output,
                sources.join(","),
                line.trace,
                file.unwrap()
            )
        })
        .collect();
    let header = ["NR", "NAME", "GEB", "ART"].map(|name| format!("header/{name} "));
    assert!(
        outputs
            .iter()
            .zip(&header)
            .all(|(is, want)| is.starts_with(want.as_str()))
    );
    assert_eq!(
        outputs[4..],
        [
            "before/KEY $receiver/ags Exact columns.toml:28",
            "row[1]/NR  Made columns.toml:6",
            "row[1]/NAME /p/0/n Exact columns.toml:11",
            "row[1]/GEB /p/0/g Exact columns.toml:18",
            "row[1]/ART  Constant columns.toml:24",
            "row[2]/NR  Made columns.toml:6",
            "row[2]/NAME /p/2/n Exact columns.toml:11",
            "row[2]/GEB /p/2/g Default columns.toml:18",
            "row[2]/ART  Constant columns.toml:24",
            "after/ANZAHL  Made columns.toml:32",
            "rows /p/1/n Decides columns.toml:0",
        ]
    );
    assert!(!format!("{table:?}").contains("MÜLLE"));
}

#[test]
fn without_each_there_is_one_row() {
    let translation =
        translate("[[column]]\nname='A'\nfrom='.a'", &json!({"a": 1, "b": 2})).unwrap();
    assert_eq!(translation.document.reveal().records.len(), 1);
    assert_eq!(
        translation
            .losses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["/b"]
    );
}

#[test]
fn too_wide_and_missing_are_findings() {
    let layout = "each = '.p'\n[[column]]\nname='A'\nfrom='.a'\nwidth=3";
    let Err(Refusal::Incomplete { findings, .. }) =
        translate(layout, &json!({"p": [{"a": "lang"}, {}]}))
    else {
        panic!("no findings")
    };
    let found: Vec<_> = findings
        .iter()
        .map(|f| {
            (
                f.rule.name(),
                f.at.as_str(),
                f.output.as_str(),
                f.template_line,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("translate-too-wide", "/p/0/a", "row[1]/A", Some(2)),
            ("translate-missing", "/p/1/a", "row[2]/A", Some(2))
        ]
    );
}

#[test]
fn faults_name_column_and_line() {
    let faults = |text: &str| {
        Layout::parse("c.toml", text, &codes(), Shape::Csv)
            .expect_err(text)
            .to_string()
    };
    assert!(
        faults("[[column]]\nname='A'")
            .contains("c.toml:1 (column/A): `column` needs `exactly one of from, text, count`")
    );
    assert!(faults("[[column]]\nname='A'\nfrom='.a'\ntext='x'").contains("exactly one of"));
    assert!(
        faults("[[column]]\nname='A'\nfrom='.a'\nmissing='drop'").contains("cannot be left out")
    );
    assert!(
        faults("[[column]]\nname='A'\ntext='a'\n[[column]]\nname='A'\ntext='b'")
            .contains("c.toml:4 (column/A): `A` stands there twice")
    );
    assert!(faults("[[column]]\nname='A'\ntext='a'\nwidth=0").contains("bad value `0` of `width`"));
    assert!(faults("[[column]]\nname='A'\nfrom='range(9)'").contains("expression refused"));
    assert!(faults("each='..'\n[[column]]\nname='A'\ntext='a'").contains("expression refused"));
    assert!(faults("[[column]]\nname='A'\nnix=1").contains("c.toml:"));
    for unread in [
        "[[column]]\nname='A'\ntext='a'\nheading=''",
        "header=true\n[[before]]\nname='B'\ntext='b'\nheading=''\n[[column]]\nname='A'\ntext='a'",
    ] {
        assert!(faults(unread).contains("it belongs to header"), "{unread}");
    }
    assert!(
        faults("header_quoted=false\n[[column]]\nname='A'\ntext='a'")
            .contains("it belongs to header")
    );
    assert!(faults("").contains("column"));
}

#[test]
fn words_of_other_shapes_are_faults_in_both_languages() {
    let section = "[[record]]\nname = \"a\"\nsection = \"A\"\n";
    let tag = "[[record]]\nname = \"a\"\ntag = \"A\"\n";
    let field = |words: &str| {
        format!("{tag}[[record.field]]\nname = \"b\"\n{words}\n").replace(
            "tag = \"A\"\n",
            if words.contains("at =") {
                "tag = \"A\"\n"
            } else {
                ""
            },
        )
    };
    for (layout, shape, word) in [
        (
            section.to_owned(),
            Shape::Csv,
            "`section` ist hier nicht erlaubt",
        ),
        (
            section.to_owned(),
            Shape::Segments,
            "`record` braucht daneben `tag`",
        ),
        (tag.to_owned(), Shape::Keys, "`tag` ist hier nicht erlaubt"),
        (
            "empty = \"drop\"\n".to_owned() + tag,
            Shape::Segments,
            "`empty` ist hier nicht",
        ),
        (
            field("text = \"\"\nkey = \"k\""),
            Shape::Csv,
            "`key` ist hier nicht erlaubt",
        ),
        (
            field("from = \".x\"\nkey = \"\""),
            Shape::Keys,
            "`key = \"\"` ist hier nicht erlaubt",
        ),
        (
            field("text = \"\"\nkey = \"k{nr}\""),
            Shape::Keys,
            "`k{nr}` ist kein Wert für `key`",
        ),
        (
            field("text = \"\"\nat = \"0\""),
            Shape::Segments,
            "`0` ist kein Wert für `at`",
        ),
        (
            field("text = \"\"\nat = \"3[0]\""),
            Shape::Segments,
            "`3[0]` ist kein Wert für `at`",
        ),
        (
            field("text = \"\"\nat = \"3[2\""),
            Shape::Segments,
            "`3[2` ist kein Wert für `at`",
        ),
        (
            field("text = \"\"\nat = \"3.\""),
            Shape::Segments,
            "`3.` ist kein Wert für `at`",
        ),
        (
            field("text = \"\"\nquoted = true"),
            Shape::Fixed,
            "`quoted` ist hier nicht erlaubt",
        ),
        (
            "[[column]]\nname = \"a\"\ntext = \"\"\n".to_owned(),
            Shape::Segments,
            "`[[column]]` ist hier",
        ),
    ] {
        let faults = Layout::parse("c.toml", &layout, &codes(), shape).unwrap_err();
        let german: Vec<String> = faults.iter().map(|fault| fault.kind.german()).collect();
        assert!(
            german.iter().any(|text| text.contains(word)),
            "{word}: {german:?}"
        );
        assert!(
            faults
                .iter()
                .all(|fault| fault.kind.german() != fault.kind.to_string()),
            "{faults}"
        );
    }
}

#[test]
fn a_record_knows_its_number_and_that_of_the_record_it_stands_in() {
    let layout = r#"
[[record]]
name = "kopf"
[[record.field]]
name = "PARENT"
count = "parent"

[[record]]
name = "person"
each = ".p"
[[record.field]]
name = "NR"
count = "row"
[[record.field]]
name = "SEGNUM"
count = "row"
of = ["person", "hund"]
as = "number:000"
[[record.record]]
name = "hund"
each = ".h"
[[record.record.field]]
name = "NR"
count = "row"
[[record.record.field]]
name = "PARENT"
count = "parent"
[[record.record.field]]
name = "SEGNUM"
count = "row"
of = ["person", "hund"]
[[record.record.field]]
name = "PSGNUM"
count = "parent"
of = ["person", "hund"]
as = "number:000"
"#;
    let data = json!({"p": [{"h": [1, 2]}, {"h": [3]}]});
    let expected = [
        ("kopf[1]", "0"),
        ("person[1]", "2|001"),
        ("hund[1]", "3|2|2|001"),
        ("hund[2]", "4|2|3|001"),
        ("person[2]", "5|004"),
        ("hund[3]", "6|5|5|004"),
    ];
    let expected = expected.map(|(place, text)| (place.to_owned(), text.to_owned()));
    assert_eq!(lines(layout, &data), expected);
}

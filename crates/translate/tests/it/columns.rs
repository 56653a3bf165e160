//! Column lists.

use amtsbote_translate::columns::{Layout, RecordKind};
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
    let layout =
        Layout::parse("columns.toml", layout, &codes()).unwrap_or_else(|faults| panic!("{faults}"));
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
    assert_eq!(
        table.names.as_deref().unwrap(),
        ["NR", "NAME", "GEB", "ART"]
    );
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
        Layout::parse("c.toml", text, &codes())
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
    assert!(faults("").contains("column"));
}

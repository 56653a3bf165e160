//! What is written is read back by a reader that knows nothing of the writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use amtsbote_model::Personal;
use amtsbote_translate::columns::{Field, Nature, RecordKind};
use proptest::prelude::*;

use super::*;
use crate::wire;

const EDIFACT: &str = "";
const WITH_PARTS: &str = "part = \"&\"\nrepetition = \"*\"\n";
const HL7: &str = "element = \"|\"\ncomponent = \"^\"\npart = \"&\"\nrepetition = \"~\"\nterminator = \"\\r\"\nrelease = \"\\\\\"\nescape = \"hl7\"\n";
const KEPT: &str = "trailing = \"keep\"\n";

fn settings(signs: &str) -> Settings {
    let settings: Settings = toml::from_str(&format!(
        "kind = \"segments\"\ncolumns = \"c\"\nfile = \"f\"\nencoding = \"utf-8\"\n[segments]\n{signs}"
    ))
    .unwrap();
    assert_eq!(settings.findings(), []);
    settings
}

fn cell(position: Position, text: &str) -> Cell {
    Cell {
        key: None,
        text: Personal::new(text.to_owned()),
        nature: Nature::Text,
        field: Arc::new(Field {
            position,
            ..Field::plain()
        }),
    }
}

fn written(settings: &Settings, values: &[(Position, &str)]) -> Result<String, Misfit> {
    let cells: Vec<Cell> = values.iter().map(|(at, text)| cell(*at, text)).collect();
    let bytes: Result<Vec<(&Cell, Vec<u8>)>, Misfit> = cells
        .iter()
        .map(|cell| Ok((cell, wire::cell(settings, cell)?.0)))
        .collect();
    let record = Record {
        kind: RecordKind::Named,
        place: "s[1]".to_owned(),
        title: Some("TAG".to_owned()),
        cells: Vec::new(),
    };
    let bytes = segment(settings, (&record, &bytes?))?;
    Ok(String::from_utf8(bytes).unwrap())
}

fn at(element: usize, component: usize, part: usize) -> Position {
    again(element, 1, component, part)
}

/// In a repetition of the element.
fn again(element: usize, repetition: usize, component: usize, part: usize) -> Position {
    Position {
        element,
        repetition,
        component,
        part,
    }
}

#[test]
fn separators_stand_between_what_is_there_and_none_behind_it() {
    for (signs, values, expected) in [
        (EDIFACT, vec![], "TAG'"),
        (
            EDIFACT,
            vec![(at(1, 1, 1), "a"), (at(2, 1, 1), "")],
            "TAG+a'",
        ),
        (
            EDIFACT,
            vec![(at(1, 1, 1), ""), (at(2, 1, 1), "b")],
            "TAG++b'",
        ),
        (
            EDIFACT,
            vec![
                (at(1, 1, 1), "a"),
                (at(1, 2, 1), ""),
                (at(1, 3, 1), "c"),
                (at(4, 2, 1), "d"),
            ],
            "TAG+a::c+++:d'",
        ),
        (
            KEPT,
            vec![(at(1, 1, 1), "a"), (at(2, 1, 1), ""), (at(2, 2, 1), "")],
            "TAG+a+:'",
        ),
        (
            WITH_PARTS,
            vec![(at(1, 2, 2), "a"), (at(1, 3, 1), "b")],
            "TAG+:&a:b'",
        ),
        (
            HL7,
            vec![(at(1, 1, 1), "a|b"), (at(2, 2, 1), "\\&~^")],
            "TAG|a\\F\\b|^\\E\\\\T\\\\R\\\\S\\\r",
        ),
        (
            EDIFACT,
            vec![(at(1, 1, 1), "O'Neil+Co: wer?")],
            "TAG+O?'Neil?+Co?: wer??'",
        ),
        (EDIFACT, vec![(at(1, 1, 1), "a*b&c")], "TAG+a*b&c'"),
        (
            HL7,
            vec![
                (at(3, 1, 1), "17"),
                (at(3, 4, 1), "X"),
                (again(3, 2, 1, 1), "18"),
                (again(3, 2, 4, 2), "Y"),
                (again(3, 3, 1, 1), ""),
                (at(5, 1, 1), "z"),
            ],
            "TAG|||17^^^X~18^^^&Y||z\r",
        ),
        (
            WITH_PARTS,
            vec![(at(1, 1, 1), ""), (again(1, 3, 2, 1), "b*")],
            "TAG+**:b?*'",
        ),
    ] {
        let written = written(&settings(signs), &values);
        assert_eq!(written.as_deref(), Ok(expected));
    }
    let report = settings("escape = \"report\"\n");
    let values = [(at(1, 1, 1), "a+b")];
    assert_eq!(written(&report, &values), Err(Misfit::Separator));
}

#[test]
fn line_breaks_are_escaped_in_hl7_if_the_package_says_so() {
    let mut settings = settings(HL7);
    settings.line_breaks = LineBreaks::Escape;
    assert_eq!(settings.findings(), []);
    let values = [(at(3, 1, 1), "a\r\nb\\c\u{2028}d")];
    let written = written(&settings, &values);
    assert_eq!(written.as_deref(), Ok("TAG|||a\\.br\\b\\E\\c\\.br\\d\r"));
}

#[test]
fn signs_that_cannot_be_told_apart_are_refused() {
    for signs in [
        "element = \":\"",
        "element = \"a\"",
        "component = \" \"",
        "release = \"\\r\"",
        "part = \"?\"",
        "service_advice = true\nescape = \"report\"",
        "service_advice = true\nterminator = \"\\n\"",
    ] {
        let settings: Settings = toml::from_str(&format!(
            "kind = \"segments\"\ncolumns = \"c\"\nfile = \"f\"\nencoding = \"utf-8\"\n[segments]\n{signs}"
        ))
        .unwrap();
        assert!(!settings.findings().is_empty(), "{signs}");
    }
}

/// A reader after ISO 9735: one pass over the characters.
fn read_edifact(
    text: &str,
    (element, component, part, repetition): (char, char, char, char),
) -> BTreeMap<Position, String> {
    let mut values: BTreeMap<Position, String> = BTreeMap::new();
    let mut here = at(0, 1, 1);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '?' => values.entry(here).or_default().push(chars.next().unwrap()),
            '\'' => return values,
            c if c == element => here = at(here.element + 1, 1, 1),
            c if c == repetition => here = again(here.element, here.repetition + 1, 1, 1),
            c if c == component => {
                here = again(here.element, here.repetition, here.component + 1, 1);
            }
            c if c == part => here.part += 1,
            c => values.entry(here).or_default().push(c),
        }
    }
    panic!("no terminator");
}

/// A reader of HL7: splits at the separators, then replaces what is escaped.
fn read_hl7(text: &str) -> BTreeMap<Position, String> {
    let mut values = BTreeMap::new();
    let line = text.strip_suffix('\r').unwrap();
    for (e, element) in line.split('|').enumerate() {
        let components = element.split('~').enumerate().flat_map(|(r, repetition)| {
            let components = repetition.split('^').enumerate();
            components.map(move |(c, component)| (r, c, component))
        });
        for (r, c, component) in components {
            for (p, part) in component.split('&').enumerate() {
                let mut plain = String::new();
                for (nr, piece) in part.split('\\').enumerate() {
                    plain.push_str(match (nr % 2, piece) {
                        (0, text) => text,
                        (_, "F") => "|",
                        (_, "S") => "^",
                        (_, "T") => "&",
                        (_, "R") => "~",
                        (_, "E") => "\\",
                        (_, other) => panic!("{other}"),
                    });
                }
                if !plain.is_empty() {
                    values.insert(again(e, r + 1, c + 1, p + 1), plain);
                }
            }
        }
    }
    values
}

fn values() -> impl Strategy<Value = BTreeMap<Position, String>> {
    let position =
        (1..5_usize, 1..4_usize, 1..4_usize, 1..3_usize).prop_map(|(e, r, c, p)| again(e, r, c, p));
    proptest::collection::btree_map(position, "[+:'?*&|^~\\\\a-cä ]{0,8}", 0..9)
}

proptest! {
    #[test]
    fn whatever_a_value_holds_is_read_back(values in values()) {
        let listed: Vec<(Position, &str)> = values.iter().map(|(at, text)| (*at, text.as_str())).collect();
        let mut expected = values.clone();
        expected.retain(|_, text| !text.is_empty());
        expected.insert(at(0, 1, 1), "TAG".to_owned());
        let edifact = written(&settings(WITH_PARTS), &listed).unwrap();
        prop_assert_eq!(read_edifact(&edifact, ('+', ':', '&', '*')), expected.clone());
        let hl7 = written(&settings(HL7), &listed).unwrap();
        prop_assert_eq!(read_hl7(&hl7), expected.clone());
        // Empty ones that are kept change no value.
        let kept = written(&settings(&format!("{WITH_PARTS}{KEPT}")), &listed).unwrap();
        prop_assert_eq!(read_edifact(&kept, ('+', ':', '&', '*')), expected);
    }
}

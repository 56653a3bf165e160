//! Signs of kinds of records that are words; what counts; titles above keys; columns without a name.

use amtsbote_propose::{Column, NoteKind, Proposal, Sample, SampleKind, recognise};

use crate::samples::{proposed, text};

fn fixed(sample: &str) -> Proposal {
    proposed(
        "hundesteuer",
        "zwei-hunde",
        Sample::Fixed(sample.as_bytes(), None),
    )
}

fn csv(sample: &str) -> Proposal {
    proposed("hundesteuer", "zwei-hunde", Sample::Csv(sample.as_bytes()))
}

/// Sign and width of each kind.
fn signs(proposal: &Proposal) -> Vec<(String, Option<i64>)> {
    let list: toml::Table = toml::from_str(text(proposal, "saetze.toml")).unwrap();
    let records = list["record"].as_array().unwrap();
    let sign = |record: &toml::Value| {
        let field = &record["field"][0];
        let width = field.get("width").and_then(toml::Value::as_integer);
        (field["text"].as_str().unwrap().to_owned(), width)
    };
    records.iter().map(sign).collect()
}

#[test]
fn signs_filled_up_with_blanks_are_not_cut() {
    for (sample, expected, width) in [
        (
            "KOPF  20260102MUSTERHAUSEN\nPERSONMuster  Erika   5  35390\nHUND  001Bello  Dackel\nHUND  002Rex    Pudel \nENDE  000005\n",
            vec!["KOPF", "PERSON", "HUND", "ENDE"],
            6,
        ),
        (
            "E2KOPF    0001\nE2HALTER  000001 M\u{fc}ller\nE2HUND    000002 Bello Dackel\n",
            vec!["E2KOPF", "E2HALTER", "E2HUND"],
            10,
        ),
        (
            "KOPF2026\nHUND001 Bello\nHUND002 Rex  \nENDE0004\n",
            vec!["KOPF", "HUND", "ENDE"],
            4,
        ),
        (
            "SATZ01Kopf\nSATZ10Bello\nSATZ10Rex  \nSATZ994\n",
            vec!["SATZ01", "SATZ10", "SATZ99"],
            6,
        ),
    ] {
        let signs = signs(&fixed(sample));
        let expected: Vec<_> = expected
            .into_iter()
            .map(|sign| (sign.to_owned(), Some(width)))
            .collect();
        assert_eq!(signs, expected, "{sample}");
    }
}

#[test]
fn names_in_capitals_are_no_signs() {
    for sample in [
        "ADAM      ERIKA\nMEIER     BO   \nMEIER     ANNA \nZIMMER    UWE  \n",
        "MUSTERMANN ERIKA\nMEIER      BO\nSCHULZE    ANNA MARIA\n",
    ] {
        let list = fixed(sample);
        let list = text(&list, "saetze.toml");
        assert!(!list.contains("[[record]]"), "{list}");
    }
}

#[test]
fn words_are_signs_of_rows_of_several_lengths_only() {
    let kinds = csv("KOPF;2026\nPERSON;Muster;Erika;5\nHUND;1;Bello\nHUND;2;Rex\nENDE;5\n");
    let names: Vec<String> = signs(&kinds).into_iter().map(|(sign, _)| sign).collect();
    assert_eq!(names, ["KOPF", "PERSON", "HUND", "ENDE"]);
    let table =
        csv("HUNDE;2026\nNACHNAME;VORNAME;RUFNAME\nMUSTER;ERIKA;BELLO\nMUSTER;ERIKA;REX\nENDE;2\n");
    let list = text(&table, "spalten.toml");
    assert!(list.contains("name = \"NACHNAME\""), "{list}");
}

/// A house number 5 in a file of five records.
#[test]
fn what_happens_to_be_the_number_of_records_does_not_count_them() {
    for (proposal, last) in [
        (
            csv("01;2026\n10;Muster;Erika;5\n20;1;Bello\n20;2;Rex\n99;5\n"),
            "satz99",
        ),
        (
            fixed("FS01 2026    \nFS10 Muster  Erika 5\nFS20 1 Bello\nFS20 2 Rex  \nFS99 5\n"),
            "satzfs99",
        ),
    ] {
        let list: toml::Table = toml::from_str(text(&proposal, "saetze.toml")).unwrap();
        let records = list["record"].as_array().unwrap();
        let counting: Vec<&str> = records
            .iter()
            .filter(|record| {
                let fields = record["field"].as_array().unwrap();
                fields.iter().any(|field| field.get("count").is_some())
            })
            .map(|record| record["name"].as_str().unwrap())
            .collect();
        assert_eq!(counting, [last]);
    }
    let envelope = "UNB+UNOC:3+A+B'UNH+1+X'NAD+HA+5'DTM+137:20260102'UNT+4+1'UNZ+1+7'";
    let segments = proposed(
        "hundesteuer",
        "zwei-hunde",
        Sample::Segments(envelope.as_bytes()),
    );
    let list = text(&segments, "saetze.toml");
    let unt = list.split("tag = \"UNT\"").nth(1).unwrap();
    assert!(unt.contains("count = \"rows\""), "{list}");
}

#[test]
fn lines_the_description_does_not_know_are_told() {
    let columns = Column::list("[10]\nSATZART;2\nNAME;8").unwrap();
    let told = |sample: &str| {
        let proposal = proposed(
            "hundesteuer",
            "zwei-hunde",
            Sample::Fixed(sample.as_bytes(), Some(&columns)),
        );
        let mut notes = proposal.notes.into_iter();
        notes
            .find(|note| note.kind == NoteKind::Layout)
            .map(|note| note.text.en)
    };
    let text = told("01STADT   \n10Muster  \n99000003  \n").unwrap();
    assert!(text.starts_with("line 1, 3 of the sample"), "{text}");
    assert_eq!(told("10Muster  \n"), None);
}

#[test]
fn a_column_without_a_name_stays_without_one() {
    let sample = "Nachname;;Rufname ;Rasse;\nMuster;;Bello;Dackel;\n";
    let list: toml::Table = toml::from_str(text(&csv(sample), "spalten.toml")).unwrap();
    let columns = list["column"].as_array().unwrap().iter();
    let heading = |column: &toml::Value| {
        let heading = column.get("heading").unwrap_or(&column["name"]);
        heading.as_str().unwrap().to_owned()
    };
    let line: Vec<String> = columns.map(heading).collect();
    assert_eq!(line.join(";"), "Nachname;;Rufname ;Rasse;");
}

#[test]
fn keys_under_an_underlined_title_are_keys() {
    let sample = "Anmeldung zur Hundesteuer\n=========================\n\nNachname: Muster\nVorname: Erika\nRufname: Bello\n";
    let found = recognise(sample.as_bytes(), Some("txt")).unwrap();
    assert_eq!(found.kind, SampleKind::Keys);
    let proposal = proposed("hundesteuer", "zwei-hunde", Sample::Keys(sample.as_bytes()));
    assert!(text(&proposal, "package.toml").contains("gap_lines = 1"));
    let list: toml::Table = toml::from_str(text(&proposal, "saetze.toml")).unwrap();
    let records = list["record"].as_array().unwrap();
    let texts = records[0]["field"].as_array().unwrap().iter();
    let texts: Vec<&str> = texts.map(|field| field["text"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        ["Anmeldung zur Hundesteuer", "========================="]
    );
    assert_eq!(records[1]["section"].as_str(), Some(""));
}

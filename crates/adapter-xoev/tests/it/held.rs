//! Samples the official material has: read, written again, and held against our own checks.

use amtsbote_xoev::standard::{GEWERBEANZEIGE_2_2, MELD_26_11, NAMES, Standard};
use amtsbote_xoev::{Document, ErrorCode, Head, ShippedDirectory};

use crate::shared::{self, refusal};

fn samples(folders: &[&str]) -> Vec<(String, Vec<u8>)> {
    let Some(official) = shared::official() else {
        return Vec::new();
    };
    let all = folders
        .iter()
        .flat_map(|folder| shared::read(&official.join(folder), "xml"));
    all.collect()
}

/// Semantic equality: elements with namespace, attributes and texts. Comments and white space between elements are not compared.
fn content(document: &Document) -> Vec<impl PartialEq + std::fmt::Debug + '_> {
    let each = |node: &'_ amtsbote_xoev::Node| {
        let node = node.clone();
        (node.path, node.namespace, node.attributes, node.text)
    };
    document.nodes().iter().map(each).collect()
}

#[test]
fn every_sample_read_and_written_is_the_same() {
    let all = samples(&[
        "xpersonenstand-26.11/samples",
        "xmeld-26.11/samples",
        "xauslaender-26.11/samples",
        "xgewerbeanzeige/beispiele",
        "xbeteiligung/samples",
        "xwasser/samples",
    ]);
    let mut read = 0_usize;
    for (name, bytes) in all {
        let Ok(document) = Document::read(&bytes) else {
            assert_eq!(name, "xy-unknown.xml");
            continue;
        };
        read += 1;
        let again = Document::read(document.write().as_bytes()).unwrap();
        assert!(content(&again) == content(&document), "{name}");
    }
    assert!(read == 0 || read > 25, "{read} samples");
}

#[test]
fn the_samples_of_the_interior_standards_hold_here_and_for_both_validators() {
    let Some((official, installed)) = shared::both() else {
        return;
    };
    let all = samples(&[
        "xpersonenstand-26.11/samples",
        "xmeld-26.11/samples",
        "xauslaender-26.11/samples",
    ]);
    assert_eq!(all.len(), 7);
    for (name, bytes) in all {
        let document = Document::read(&bytes).unwrap();
        let head = Head::read(&document).unwrap();
        let namespace = &document.root().namespace;
        let standard: &Standard = NAMES
            .iter()
            .map(|message| message.standard)
            .find(|standard| standard.namespace == namespace)
            .unwrap();
        assert!(document.root().local().ends_with(&head.number), "{name}");
        assert_eq!(document.empty_elements(), [], "{name}");
        assert_eq!(document.characters(&[]), [], "{name}");
        assert_eq!(document.codes(&installed.lists), [], "{name}");
        assert_eq!(
            document.directory_keys(standard, &ShippedDirectory),
            [],
            "{name}"
        );
        let written = document.write().into_bytes();
        let schema = installed.schemas.set(namespace).unwrap();
        for bytes in [&bytes, &written] {
            assert_eq!(schema.check(bytes), [], "{name}");
            assert_eq!(refusal(&official, bytes), None, "{name}");
        }
    }
}

#[test]
fn mutants_of_the_samples_are_refused_by_both_validators() {
    let Some((official, installed)) = shared::both() else {
        return;
    };
    for (name, bytes) in samples(&[
        "xpersonenstand-26.11/samples",
        "xmeld-26.11/samples",
        "xauslaender-26.11/samples",
    ]) {
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            ("version=\"26.11\"", "version=\"26.05\""),
            ("<kennung>", "<fremd/><kennung>"),
            ("<postleitzahl>65183", "<postleitzahl>651834"),
            ("<anschrift.autor>", "<anschrift.leser>"),
            (" listVersionID=\"3\"", ""),
            ("<nachrichtenUUID>", "<nachrichtenUUID>x"),
        ] {
            let mutant = text.replace(from, to).replace(
                "</anschrift.autor>",
                if from.contains("anschrift") {
                    "</anschrift.leser>"
                } else {
                    "</anschrift.autor>"
                },
            );
            assert_ne!(mutant, text, "{name}: {from}");
            let document = Document::read(mutant.as_bytes()).unwrap();
            let schema = installed.schemas.set(&document.root().namespace).unwrap();
            let findings = schema.check(mutant.as_bytes());
            assert!(!findings.is_empty(), "{name}: {from}");
            assert!(
                findings
                    .iter()
                    .all(|finding| ErrorCode::of_rule(&finding.rule) == ErrorCode::NotValid),
                "{name}: {findings:?}"
            );
            assert!(
                refusal(&official, mutant.as_bytes()).is_some(),
                "{name}: {from}"
            );
        }
    }
}

#[test]
fn a_reader_of_another_kind_and_an_unknown_code_are_found_without_a_schema() {
    let Some(official) = shared::official() else {
        return;
    };
    let path = official.join("xmeld-26.11/samples");
    let (_, bytes) = shared::read(&path, "xml")
        .into_iter()
        .find(|(name, _)| name.contains("1700"))
        .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    for (from, to, rule, code) in [
        ("ags:05315000", "psw:05315000", "xoev-reader", "T080"),
        ("ags:05315000", "05315000", "xoev-dvdv", "T080"),
        (
            "schluessel:ags\"",
            "schluessel:kreis\"",
            "xoev-list",
            "S010",
        ),
    ] {
        let document = Document::read(text.replace(from, to).as_bytes()).unwrap();
        let mut findings = document.directory_keys(&MELD_26_11, &ShippedDirectory);
        findings.extend(document.codes(&amtsbote_xoev::CodeLists::new()));
        assert!(
            findings.iter().any(|finding| finding.rule == rule),
            "{rule}: {findings:?}"
        );
        assert_eq!(ErrorCode::of_rule(rule).as_str(), code);
    }
}

#[test]
fn the_shape_of_trade_notifications_is_told_apart() {
    let all = samples(&["xgewerbeanzeige/beispiele"]);
    for (name, bytes) in &all {
        let Ok(document) = Document::read(bytes) else {
            continue;
        };
        // 2.1 has the shape of 2.2.
        if ["xgwa2.1-valid.xml", "xgwa2.2-valid.xml"].contains(&name.as_str()) {
            assert_eq!(document.shape(&GEWERBEANZEIGE_2_2), [], "{name}");
        }
        if name == "xgwa2.2-invalid.xml" {
            let places: Vec<String> = document
                .shape(&GEWERBEANZEIGE_2_2)
                .into_iter()
                .map(|one| one.at)
                .collect();
            assert_eq!(places.len(), 2, "{places:?}");
            assert!(
                places[0].ends_with("betriebArt") && places[1].ends_with("familienname"),
                "{places:?}"
            );
        }
    }
}

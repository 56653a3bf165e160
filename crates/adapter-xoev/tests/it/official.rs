//! Every message against the official schemas: by our own check, and by a second, independent validator.

use std::io::{Cursor, Read as _};

use amtsbote_adapter::{Example, Files, Format as _, Package, Preview};
use amtsbote_xoev::Installed;

use crate::packages::{self, format_of};
use crate::shared::{self, refusal};

/// The messages of all examples: where they come from, and their bytes.
fn messages(package: &Package) -> Vec<(String, Vec<u8>)> {
    let format = format_of(package, &Installed::default());
    let each = |example: &Example| {
        let name = format!("{}/{}", package.name, example.name);
        let preview = package.preview(&format, &example.name).unwrap();
        // An example may show what is refused.
        preview
            .findings
            .is_empty()
            .then(|| (name, message_of(preview)))
    };
    package.examples.iter().filter_map(each).collect()
}

/// The message of an example, out of the archive where it lies in one.
pub(crate) fn message_of(preview: Preview) -> Vec<u8> {
    let mut files = unpacked(preview).into_iter();
    files.find(|(path, _)| is_ending(path, "xml")).unwrap().1
}

fn is_ending(path: &str, ending: &str) -> bool {
    std::path::Path::new(path)
        .extension()
        .is_some_and(|is| is == ending)
}

/// The files of an example: those in its archive, where it has one.
pub(crate) fn unpacked(preview: Preview) -> Files {
    let mut unpacked = Files::new();
    for (path, bytes) in preview.files {
        if !is_ending(&path, "zip") {
            unpacked.insert(path, bytes);
            continue;
        }
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert!(
                unpacked.insert(entry.name().to_owned(), content).is_none(),
                "twice in the archive"
            );
        }
    }
    unpacked
}

#[test]
fn every_example_is_valid_for_xmllint() {
    let Some(official) = shared::official().filter(|_| shared::xmllint_is_here()) else {
        return;
    };
    for package in packages::all() {
        for (name, message) in messages(&package) {
            assert_eq!(refusal(&official, &message), None, "{name}");
        }
    }
}

#[test]
fn xmllint_refuses_what_the_schema_forbids() {
    let Some(official) = shared::official().filter(|_| shared::xmllint_is_here()) else {
        return;
    };
    for package in packages::all() {
        if package.format == "xgewerbe" {
            continue; // no schema is at hand
        }
        let (name, message) = messages(&package).remove(0);
        let text = String::from_utf8(message).unwrap();
        let own = [
            ("nachrichtenkopf.g2g>", "nachrichtenkopf>"),
            ("<nachrichtenUUID>", "<nachrichtenUUID>x"),
            ("<autor>", "<autor><b/>"),
        ];
        let xdomea = [
            ("x:Kopf>", "Kopf>"),
            ("<x:ProzessID>", "<x:ProzessID>x"),
            ("<x:Dateiname>", "<x:Dateiname>x"),
        ];
        let changes = if package.format == "xdomea" {
            xdomea
        } else {
            own
        };
        for (from, to) in changes {
            assert!(text.contains(from), "{name}: {from}");
            let broken = text.replace(from, to);
            assert!(
                refusal(&official, broken.as_bytes()).is_some(),
                "{name} with {from} replaced by {to}"
            );
        }
    }
}

#[test]
fn every_example_passes_with_the_official_schemas_installed() {
    let Some(installed) = shared::installed() else {
        return;
    };
    for mut package in packages::all() {
        let format = format_of(&package, &installed);
        if package.format != "xgewerbe" {
            package
                .settings
                .insert("schemas".to_owned(), "required".into());
            let rules: Vec<String> = format
                .notices(&package)
                .into_iter()
                .map(|one| one.rule)
                .collect();
            assert!(
                rules.iter().all(|rule| rule == "code-list-not-installed"),
                "{}: {rules:?}",
                package.name
            );
        }
        let report = package.check(&format);
        assert!(report.passed(), "{}:\n{report}", package.name);
    }
}

#[test]
fn what_the_schema_refuses_is_found_at_its_place_in_the_submission() {
    let Some(installed) = shared::installed() else {
        return;
    };
    for mut package in packages::of_format("xbau") {
        if package.settings.contains_key("edition") {
            continue; // the version of the example's day may take any text there
        }
        let format = format_of(&package, &installed);
        let example = package.examples[0].name.clone();
        let input = format!("examples/{example}/input.json");
        let mut data: serde_json::Value = serde_json::from_slice(&package.files[&input]).unwrap();
        data["antragsteller"][0]["id"] = "keine-uuid".into();
        package.files.insert(input, data.to_string().into_bytes());
        let findings = package.preview(&format, &example).unwrap().findings;
        assert!(!findings.is_empty(), "{}", package.name);
        assert!(
            findings
                .iter()
                .any(|finding| finding.at == "/antragsteller/0/id"
                    && finding.detail.en.contains("X001")),
            "{}: {findings:?}",
            package.name
        );
        assert!(!format!("{findings:?}").contains("keine-uuid"));
    }
}

#[test]
fn without_schemas_the_report_says_what_is_not_checked() {
    for package in packages::all() {
        let notices = format_of(&package, &Installed::default()).notices(&package);
        let has = |rule: &str| notices.iter().any(|notice| notice.rule == rule);
        assert!(has("xsd-not-installed"), "{}", package.name);
        let excerpt = ["xpersonenstand", "xmeld", "xauslaender"].contains(&package.format.as_str());
        assert_eq!(has("xsd-excerpt"), excerpt, "{}", package.name);
        assert_eq!(
            has("xsd-samples"),
            package.format == "xgewerbe",
            "{}",
            package.name
        );
    }
}

#[test]
fn a_character_outside_din_91379_is_found_at_its_place_or_written_otherwise() {
    for mut package in packages::of_format("xbau") {
        let example = package.examples[0].name.clone();
        let input = format!("examples/{example}/input.json");
        let mut data: serde_json::Value = serde_json::from_slice(&package.files[&input]).unwrap();
        data["grundstueck"][0]["anschrift"] = serde_json::json!({ "ort": "Идштайн \u{1F3E0}" });
        package
            .files
            .insert(input.clone(), data.to_string().into_bytes());
        let format = format_of(&package, &Installed::default());
        let found = |package: &Package| {
            let findings = package.preview(&format, &example).unwrap().findings;
            let found: Vec<(String, String)> =
                findings.into_iter().map(|one| (one.at, one.rule)).collect();
            found
        };
        let refused = [(
            "/grundstueck/0/anschrift/ort".to_owned(),
            "din-91379".to_owned(),
        )];
        assert_eq!(found(&package), refused, "{}", package.name);
        // A house cannot be written with letters: it stays, and is refused.
        package
            .settings
            .insert("characters".to_owned(), "transliterate".into());
        assert_eq!(found(&package), refused, "{}", package.name);
        data["grundstueck"][0]["anschrift"] = serde_json::json!({ "ort": "Идштайн" });
        package.files.insert(input, data.to_string().into_bytes());
        assert_eq!(found(&package), [], "{}", package.name);
        let message = message_of(package.preview(&format, &example).unwrap());
        assert!(String::from_utf8(message).unwrap().contains("Idštajn"));
    }
}

#[test]
fn every_sample_and_valid_example_of_the_service_is_valid_for_both() {
    let Some((official, installed)) = shared::both() else {
        return;
    };
    for package in packages::complete() {
        let format = format_of(&package, &installed);
        for (name, package) in packages::with_every_input(&package) {
            let preview = package.preview(&format, &package.examples[0].name).unwrap();
            assert_eq!(preview.findings, [], "{} with {name}", package.name);
            assert_eq!(preview.losses, [""; 0], "{} with {name}", package.name);
            let message = message_of(preview);
            assert_eq!(
                refusal(&official, &message),
                None,
                "{} with {name}",
                package.name
            );
        }
    }
}

#[test]
fn the_version_that_held_on_the_day_of_receipt_is_written() {
    let mut package = packages::of_format("xbau")
        .into_iter()
        .find(|package| package.settings.contains_key("edition"))
        .unwrap();
    let format = format_of(&package, &Installed::default());
    let version = |example: &str, package: &Package| {
        let message = message_of(package.preview(&format, example).unwrap());
        let document = amtsbote_xoev::Document::read(&message).unwrap();
        document.root().attribute("version").unwrap().to_owned()
    };
    assert_eq!(version("letzter-tag-2.4.0.1", &package), "2.4.0.1");
    assert_eq!(version("erster-tag-2.6", &package), "2.6");
    // Before the first day of all editions nothing is written.
    let editions = package.settings["edition"].as_array_mut().unwrap();
    editions[0]
        .as_table_mut()
        .unwrap()
        .insert("valid_from".to_owned(), "2026-04-30".into());
    assert_eq!(version("letzter-tag-2.4.0.1", &package), "2.4.0.1");
    let findings = package
        .preview(&format, "minimal-2.4.0.1")
        .unwrap()
        .findings;
    assert_eq!(findings[0].rule, "xoev-version");
    assert!(findings[0].detail.en.contains("V000"));
}

#[test]
fn a_code_that_an_installed_list_does_not_have_is_found_at_its_place() {
    let Some(installed) = shared::installed() else {
        return;
    };
    let mut package = packages::of_format("xbau").remove(0);
    let format = amtsbote_adapter_xoev::Format::new(
        "xbau",
        Installed {
            schemas: amtsbote_xoev::SchemaSets::new(),
            ..installed
        },
    );
    let example = package.examples[0].name.clone();
    let input = format!("examples/{example}/input.json");
    let mut data: serde_json::Value = serde_json::from_slice(&package.files[&input]).unwrap();
    data["anlagen"][0]["anlageart"] = "7777".into();
    package.files.insert(input, data.to_string().into_bytes());
    let findings = package.preview(&format, &example).unwrap().findings;
    let found: Vec<(&str, &str)> = findings
        .iter()
        .map(|one| (one.at.as_str(), one.rule.as_str()))
        .collect();
    assert_eq!(
        found,
        [("/anlagen/0/anlageart", "xoev-code")],
        "{}",
        package.name
    );
}

#[test]
fn a_connection_test_is_marked_in_its_message_and_an_application_is_not() {
    let mut marked = 0;
    for mut package in packages::all() {
        // Those on show mark everything.
        package.settings.remove("test");
        let can = package.files.iter().any(|(path, bytes)| {
            std::path::Path::new(path)
                .extension()
                .is_some_and(|kind| kind == "xml")
                && String::from_utf8_lossy(bytes).contains("b:attr-test=")
        });
        let format = packages::format_of(&package, &Installed::default());
        let examples = package.examples.iter().map(|example| example.name.clone());
        let first = examples
            .into_iter()
            .find(|name| package.preview(&format, name).unwrap().findings.is_empty());
        let (true, Some(example)) = (can, first) else {
            continue;
        };
        for (reference, expected) in [("AMTSBOTE-VERBINDUNGSTEST x", true), ("TEST x", false)] {
            let sender = serde_json::json!({ "reference": reference }).to_string();
            let path = format!("examples/{example}/sender.json");
            package.files.insert(path, sender.into_bytes());
            let message = message_of(package.preview(&format, &example).unwrap());
            let text = String::from_utf8(message).unwrap();
            assert_eq!(
                text.contains("test=\"Verbindungstest\""),
                expected,
                "{}: {reference}",
                package.name
            );
        }
        marked += 1;
    }
    assert!(marked >= 8, "{marked}");
}

//! Every message against the official schemas: by our own check, and by a second, independent validator.

use std::path::{Path, PathBuf};
use std::process::Command;

use amtsbote_adapter::{Example, Package, Preview};
use amtsbote_adapter_xbau::Format;
use amtsbote_adapter_xbau::message::{HOCHBAU_2_6, KERNMODUL_1_3_0};
use amtsbote_adapter_xbau::xoev::SchemaSets;
use amtsbote_validate::xsd::{Options, Set, Sources, XmlSchema};

/// The folder with the official files, or the reason why there is none. In CI there has to be one.
fn official() -> Option<PathBuf> {
    let shared = std::env::var_os("AMTSBOTE_SHARED")
        .map_or_else(|| crate::packages::root().join("../shared"), PathBuf::from);
    let official = shared.join("reference/xoev");
    if official.join("xbau-2.6").is_dir() {
        return Some(official);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "no official schemas in {}",
        official.display()
    );
    eprintln!("skipped: no official schemas in {}", official.display());
    None
}

fn xmllint_is_here() -> bool {
    let here = Command::new("xmllint").arg("--version").output().is_ok();
    assert!(
        here || std::env::var("CI").as_deref() != Ok("true"),
        "xmllint is not installed (libxml2-utils)"
    );
    if !here {
        eprintln!("skipped: xmllint is not installed (libxml2-utils)");
    }
    here
}

fn schema(official: &Path, package: &Package) -> PathBuf {
    official.join(match package.settings["standard"].as_str() {
        Some("xbau-hochbau") => "xbau-2.6/xsd/xbau-nachrichten-baugenehmigung.xsd",
        Some("xbau-kernmodul") => "xbau-kernmodul-1.3.0/xsd/xbau-kernmodul-universellerAntrag.xsd",
        other => panic!("no schema known for {other:?}"),
    })
}

/// The messages of all examples: where they come from, and their bytes.
fn messages(package: &Package) -> Vec<(String, Vec<u8>)> {
    let each = |example: &Example| {
        let name = format!("{}/{}", package.name, example.name);
        let preview = package.preview(&Format::default(), &example.name).unwrap();
        (name, message_of(preview))
    };
    package.examples.iter().map(each).collect()
}

fn message_of(preview: Preview) -> Vec<u8> {
    let mut files = preview.files.into_iter();
    let is_xml = |path: &str| Path::new(path).extension().is_some_and(|end| end == "xml");
    files.find(|(path, _)| is_xml(path)).unwrap().1
}

/// What xmllint says; none if the document is valid. It fetches nothing.
fn refusal(official: &Path, schema: &Path, document: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message.xml");
    std::fs::write(&file, document).unwrap();
    let output = Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema"])
        .arg(schema)
        .arg(&file)
        .env("XML_CATALOG_FILES", official.join("catalog.xml"))
        .output()
        .unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_example_is_valid_for_xmllint() {
    let Some(official) = official().filter(|_| xmllint_is_here()) else {
        return;
    };
    for package in crate::packages::all() {
        for (name, message) in messages(&package) {
            assert_eq!(
                refusal(&official, &schema(&official, &package), &message),
                None,
                "{name}"
            );
        }
    }
}

#[test]
fn xmllint_refuses_what_the_schema_forbids() {
    let Some(official) = official().filter(|_| xmllint_is_here()) else {
        return;
    };
    for package in crate::packages::all() {
        let (name, message) = messages(&package).remove(0);
        let text = String::from_utf8(message).unwrap();
        for (from, to) in [
            ("nachrichtenkopf.g2g>", "nachrichtenkopf>"),
            ("listVersionID=\"2010-04-01\"", ""),
            ("<zaehler>", "<zaehler><b/>"),
        ] {
            assert!(text.contains(from), "{name}: {from}");
            let broken = text.replace(from, to);
            assert!(
                refusal(&official, &schema(&official, &package), broken.as_bytes()).is_some(),
                "{name} with {from} replaced by {to}"
            );
        }
    }
}

/// The official files of one standard and what they import, compiled.
fn compiled(official: &Path, folder: &str, root: &str) -> std::sync::Arc<dyn XmlSchema> {
    let read = |folder: &str| -> std::collections::BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(official.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let schemas = files.filter(|path| path.extension().is_some_and(|ending| ending == "xsd"));
        schemas
            .map(|path| {
                (
                    path.file_name().unwrap().to_str().unwrap().to_owned(),
                    std::fs::read(&path).unwrap(),
                )
            })
            .collect()
    };
    let sources = Sources {
        files: read(folder),
        library: read("xoev-lib"),
        roots: vec![root.to_owned()],
        ..Sources::default()
    };
    let set = Set::compile(sources, Options::default())
        .unwrap_or_else(|findings| panic!("{folder}: {findings:?}"));
    std::sync::Arc::new(set)
}

fn checking(official: &Path) -> Format {
    let hochbau = compiled(
        official,
        "xbau-2.6/xsd",
        "xbau-nachrichten-baugenehmigung.xsd",
    );
    let kernmodul = compiled(
        official,
        "xbau-kernmodul-1.3.0/xsd",
        "xbau-kernmodul-universellerAntrag.xsd",
    );
    Format::new(
        SchemaSets::new()
            .with(HOCHBAU_2_6.namespace, hochbau)
            .with(KERNMODUL_1_3_0.namespace, kernmodul),
    )
}

#[test]
fn every_example_passes_with_the_official_schemas_installed() {
    let Some(official) = official() else { return };
    let format = checking(&official);
    for mut package in crate::packages::all() {
        package
            .settings
            .insert("schemas".to_owned(), "required".into());
        assert_eq!(format.notices(&package), []);
        let report = package.check(&format);
        assert!(report.passed(), "{}:\n{report}", package.name);
    }
}

#[test]
fn what_the_schema_refuses_is_found_at_its_place_in_the_submission() {
    let Some(official) = official() else { return };
    let format = checking(&official);
    for mut package in crate::packages::all() {
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
                .any(|finding| finding.at == "/antragsteller/0/id"),
            "{}: {findings:?}",
            package.name
        );
        assert!(!format!("{findings:?}").contains("keine-uuid"));
    }
}

#[test]
fn without_schemas_the_report_says_what_is_not_checked() {
    for package in crate::packages::all() {
        let notices = Format::default().notices(&package);
        assert_eq!(
            notices
                .iter()
                .map(|notice| notice.rule.as_str())
                .collect::<Vec<_>>(),
            ["xsd-not-installed"]
        );
    }
}

#[test]
fn a_character_outside_din_91379_is_found_at_its_place_in_the_submission() {
    for mut package in crate::packages::all() {
        let example = package.examples[0].name.clone();
        let input = format!("examples/{example}/input.json");
        let mut data: serde_json::Value = serde_json::from_slice(&package.files[&input]).unwrap();
        data["grundstueck"][0]["anschrift"] = serde_json::json!({ "ort": "Idstein \u{1F3E0}" });
        package.files.insert(input, data.to_string().into_bytes());
        let findings = package
            .preview(&Format::default(), &example)
            .unwrap()
            .findings;
        let found: Vec<(&str, &str)> = findings
            .iter()
            .map(|finding| (finding.at.as_str(), finding.rule.as_str()))
            .collect();
        assert_eq!(
            found,
            [("/grundstueck/0/anschrift/ort", "din-91379")],
            "{}",
            package.name
        );
    }
}

#[test]
fn every_sample_and_valid_example_of_the_service_is_valid_for_both() {
    let Some(official) = official().filter(|_| xmllint_is_here()) else {
        return;
    };
    let format = checking(&official);
    for package in crate::packages::all() {
        let schema = schema(&official, &package);
        for (name, package) in crate::packages::with_every_input(&package) {
            let preview = package.preview(&format, &package.examples[0].name).unwrap();
            assert_eq!(preview.findings, [], "{} with {name}", package.name);
            assert_eq!(preview.losses, [""; 0], "{} with {name}", package.name);
            let message = message_of(preview);
            assert_eq!(
                refusal(&official, &schema, &message),
                None,
                "{} with {name}",
                package.name
            );
        }
    }
}

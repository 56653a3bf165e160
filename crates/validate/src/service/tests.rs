use std::path::{Path, PathBuf};

use super::*;

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn read(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(schemas())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries
        .filter(|path| path.join(MANIFEST).exists())
        .collect();
    folders.sort();
    folders
}

#[test]
fn every_shared_example_is_as_its_manifest_says() {
    let folders = folders();
    assert!(folders.len() >= 5, "{folders:?}");
    let mut differences = Vec::new();
    for folder in &folders {
        let service = Service::load(read(folder))
            .unwrap_or_else(|findings| panic!("{}: {findings:#?}", folder.display()));
        assert!(!service.examples().is_empty(), "{}", folder.display());
        for report in service.check_examples() {
            for difference in &report.differences {
                differences.push(format!(
                    "{}/{}: {difference:?}",
                    service.name(),
                    report.file
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn every_finding_of_the_shared_examples_has_label_and_both_languages() {
    for folder in folders() {
        let service = Service::load(read(&folder)).unwrap();
        for finding in service
            .check_examples()
            .into_iter()
            .flat_map(|report| report.findings)
        {
            assert!(!finding.detail.de.is_empty() && !finding.detail.en.is_empty());
            let labelled = finding.label.is_some() || finding.rule == "additionalProperties";
            assert!(labelled, "{}: {finding:?}", service.name());
        }
    }
}

fn load(changes: &[(&str, Option<&str>)]) -> Result<Service, Findings> {
    let mut files = BTreeMap::from([
        (
            MANIFEST.to_owned(),
            br#"
            name = "probe"
            service = "urn:de:fim:leika:leistung:99000000000000"
            label = { de = "Probe", en = "Probe" }
            version = "1"
            schema_uri = "https://schema.example/probe/1"
            mime_type = "application/json"
            [attachments]
            max_count = 1
            max_total_bytes = 1
            purposes = ["attachment"]
            mime_types = ["application/pdf"]
            [[example]]
            file = "bad.json"
            valid = false
            findings = [{ at = "", rule = "required", missing = "a" }]
            "#
            .to_vec(),
        ),
        (
            SCHEMA.to_owned(),
            br#"{"type":"object","required":["a"]}"#.to_vec(),
        ),
        ("bad.json".to_owned(), b"{}".to_vec()),
    ]);
    for (file, change) in changes {
        match change {
            Some(text) => files.insert((*file).to_owned(), text.as_bytes().to_vec()),
            None => files.remove(*file),
        };
    }
    Service::load(files)
}

#[test]
fn a_broken_folder_says_which_file() {
    let check = |changes: &[(&str, Option<&str>)], expected: &[(&str, &str)]| {
        let findings = load(changes).err().unwrap_or_default();
        let found: Vec<_> = findings
            .iter()
            .map(|f| (f.at.as_str(), f.rule.as_str()))
            .collect();
        assert_eq!(found, expected);
    };
    check(&[], &[]);
    check(&[(MANIFEST, None)], &[(MANIFEST, "file")]);
    check(&[(SCHEMA, None)], &[(SCHEMA, "file")]);
    check(&[("bad.json", None)], &[("bad.json", "file")]);
    check(&[(MANIFEST, Some("name = 1"))], &[(MANIFEST, "toml")]);
    check(&[(SCHEMA, Some("{"))], &[("schema.json#", "json")]);
    check(
        &[(SCHEMA, Some(r#"{"properties":{"a":{"type":"strong"}}}"#))],
        &[("schema.json#/properties/a/type", "anyOf")],
    );
}

#[test]
fn an_example_that_differs_is_reported_both_ways() {
    let service = load(&[(SCHEMA, Some(r#"{"type":"object","required":["b"]}"#))]).unwrap();
    let report = service.check_examples().remove(0);
    let expected = |member: &str| Expected {
        at: String::new(),
        rule: "required".into(),
        member: Some(member.into()),
    };
    assert!(!report.passed());
    assert_eq!(
        report.differences,
        [
            Difference::Missing(expected("a")),
            Difference::Unexpected(expected("b"))
        ]
    );
}

#[test]
fn strings_of_a_service_are_data_type_c_unless_said_otherwise() {
    let schema =
        r#"{"properties":{"free":{"type":"string","x-charset":"any"},"name":{"type":"string"}}}"#;
    let service = load(&[(SCHEMA, Some(schema))]).unwrap();
    let findings =
        service.check(&serde_json::json!({"free": "Иван", "name": "Иван", "other": ["😀"]}));
    let found: Vec<_> = findings
        .iter()
        .map(|f| (f.at.as_str(), f.rule.as_str()))
        .collect();
    assert_eq!(found, [("/name", "din-91379"), ("/other/0", "din-91379")]);
}

#[test]
fn the_catalogue_finds_by_service_and_by_schema() {
    let catalogue = Catalogue::new(vec![load(&[]).unwrap()]).unwrap();
    let id = ServiceId::from_leika("99000000000000").unwrap();
    assert_eq!(catalogue.by_service(&id).count(), 1);
    assert_eq!(
        catalogue
            .by_schema("https://schema.example/probe/1")
            .unwrap()
            .name(),
        "probe"
    );
    assert!(
        catalogue
            .by_schema("https://schema.example/other")
            .is_none()
    );
    assert!(Catalogue::new(vec![load(&[]).unwrap(), load(&[]).unwrap()]).is_err());
}

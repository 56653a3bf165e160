//! `amtsbote validate`: what it says and with which exit code, without any gateway.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::stand::{Ended, program, root, run};

fn example(name: &str) -> String {
    let path = root().join("schemas/hundesteuer/examples").join(name);
    path.to_str().unwrap().to_owned()
}

fn validate(args: &[&str]) -> Ended {
    run(&[&["validate"], args].concat())
}

#[test]
fn data_is_checked_in_words_of_the_form() {
    let good = example("familie.json");
    let bad = example("falsch-form.json");
    assert_eq!(
        validate(&["--service", "hundesteuer", &good]).code(),
        Some(0)
    );
    let told = validate(&["--service", "hundesteuer", &good, &bad]);
    assert_eq!(told.code(), Some(1));
    let text = told.stdout();
    for part in [
        "Hunde\n",
        "✗ Hund 1 › Chipnummer: entspricht nicht",
        "erlaubt:  15 Ziffern",
        "2 Dateien: 1 gültig, 1 mit Befunden",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let english = validate(&["--lang", "en", "--service", "hundesteuer", &bad]);
    assert!(
        english
            .stdout()
            .contains("✗ Dog 1 › Chip number: does not match")
    );
}

#[test]
fn scripts_get_json_and_an_exit_code() {
    let bad = example("falsch-unmoegliches-datum.json");
    let told = validate(&["--json", "--service", "hundesteuer", &bad]);
    assert_eq!(told.code(), Some(1));
    let told: Value = serde_json::from_str(&told.stdout()).unwrap();
    assert_eq!(told["documents"][0]["valid"], false);
    let finding = &told["documents"][0]["findings"][0];
    assert_eq!(finding["at"], "/antragsteller/0/geburtsdatum/tag");
    assert_eq!(finding["group"]["de"], "Halterinnen und Halter");
    assert_eq!(validate(&["--service", "no-such", &bad]).code(), Some(2));
    assert_eq!(
        validate(&["--service", "hundesteuer", "/no/such/file"]).code(),
        Some(2)
    );
    assert_eq!(validate(&[]).code(), Some(2));
    // Without a service nothing is called valid.
    assert_eq!(validate(&[&example("familie.json")]).code(), Some(1));
}

#[test]
fn an_intake_request_is_checked_with_its_attachments() {
    let path = root().join("fixtures/submissions/wiesbaden-hundesteuer.json");
    let good = validate(&[path.to_str().unwrap()]);
    assert_eq!(good.code(), Some(0), "{}", good.stdout());
    let mut request: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    request["attachments"] =
        json!([{ "filename": "a.pdf", "mimeType": "application/pdf", "content": "%%%" }]);
    request["data"]["anlass"] = json!("unbekannterAnlass");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("request.json");
    std::fs::write(&file, request.to_string()).unwrap();
    let text = validate(&[file.to_str().unwrap()]).stdout();
    for part in [
        "/data/anlass [enum]",
        "/attachments/0/content [contentEncoding]",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("unbekannterAnlass"), "{text}");
}

#[test]
fn half_a_surrogate_pair_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("data.json");
    std::fs::write(&file, r#"{"antragsteller":[{"name":"Geheim\ud83d"}]}"#).unwrap();
    let told = validate(&["--service", "hundesteuer", file.to_str().unwrap()]);
    assert_eq!(told.code(), Some(1), "{}", told.stdout());
    let text = told.stdout();
    assert!(text.contains("halbes Ersatzzeichenpaar"), "{text}");
    assert!(!text.contains("Geheim"), "{text}");
}

#[test]
fn other_languages_check_line_by_line() {
    let mut command = program(&["validate", "--service", "hundesteuer", "--stdin"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let good: Value =
        serde_json::from_slice(&std::fs::read(example("familie.json")).unwrap()).unwrap();
    let input = format!("{good}\n\n{{\n{{}}");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let answers: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let valid: Vec<_> = answers.iter().map(|answer| &answer["valid"]).collect();
    assert_eq!(valid, [true, false, false]);
    assert_eq!(answers[1]["findings"][0]["rule"], "json");
}

#[test]
fn xml_is_checked_against_the_set_that_knows_its_root() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for name in ["one", "two"] {
        let schema = format!(
            r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:{name}" elementFormDefault="qualified">
            <xs:element name="{name}"><xs:complexType><xs:sequence><xs:element name="tag" type="xs:date"/></xs:sequence></xs:complexType></xs:element>
            </xs:schema>"#
        );
        std::fs::create_dir_all(path(&format!("xsd/{name}"))).unwrap();
        std::fs::write(path(&format!("xsd/{name}/{name}.xsd")), schema).unwrap();
    }
    let document = |name: &str, root: &str, day: &str| {
        let text = format!(r#"<{root} xmlns="urn:{root}"><tag>{day}</tag></{root}>"#);
        std::fs::write(path(name), text).unwrap();
        validate(&["--xsd-dir", &path("xsd"), &path(name)])
    };
    assert_eq!(document("a.xml", "two", "2026-03-01").code(), Some(0));
    let wrong = document("b.xml", "two", "gestern-geheim");
    assert_eq!(wrong.code(), Some(1));
    assert!(wrong.stdout().contains("/two/tag"), "{}", wrong.stdout());
    assert!(!wrong.stdout().contains("geheim"), "{}", wrong.stdout());
    assert!(
        document("c.xml", "three", "x")
            .stdout()
            .contains("[cvc-elt.1]")
    );
    assert!(validate(&[&path("a.xml")]).stdout().contains("--xsd-dir"));
}

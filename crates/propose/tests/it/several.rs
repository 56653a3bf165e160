//! Packages from samples of several files.

use std::collections::BTreeMap;

use amtsbote_propose::{Sample, Several};
use serde_json::{Value, json};

use crate::samples::{proposed, text};

const MD5: &str = "5D41402ABC4B2A76B9719D911017C592";

fn files(control: (&str, String)) -> BTreeMap<String, Vec<u8>> {
    let hunde = "LFD;RUFNAME\r\n1;Bello\r\n2;Rex\r\n".to_owned();
    [
        (
            "antrag_20260131.json",
            "{\"nachname\":\"Muster\"}".to_owned(),
        ),
        ("hunde.csv", hunde),
        ("anlagen/plan_01.pdf", "%PDF-1.7".to_owned()),
        control,
    ]
    .map(|(path, text)| (path.to_owned(), text.into_bytes()))
    .into()
}

fn check(files: &BTreeMap<String, Vec<u8>>, with: impl FnOnce(&dyn Fn(&str) -> String)) {
    let several = Several::sorted(files).unwrap();
    let sample = Sample::Several(&several, None, None);
    let proposal = proposed("hundesteuer", "familie", sample);
    with(&|file| text(&proposal, file).to_owned());
}

#[test]
fn each_document_is_a_part_and_the_others_are_attachments() {
    let control = format!("{}  hunde.csv\n", MD5.to_lowercase());
    check(&files(("SUMMEN", control)), |text| {
        let manifest: toml::Table = toml::from_str(&text("package.toml")).unwrap();
        let settings = manifest["settings"].as_table().unwrap();
        let parts: Vec<(&str, &str)> = settings["part"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| {
                (
                    part["format"].as_str().unwrap(),
                    part["file"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            parts,
            [("json", "antrag_{date}.json"), ("table", "hunde.csv")]
        );
        let of_whole = [
            ("attachments", "anlagen"),
            ("attachment_name", "plan_{nr:00}.{ext}"),
            ("checksums", "SUMMEN"),
            ("algorithm", "md5"),
        ];
        for (key, value) in of_whole {
            assert_eq!(settings[key].as_str(), Some(value), "{key}");
        }
        assert!(text("hunde-csv-spalten.toml").contains("from = \".rufname\""));
    });
}

#[test]
fn an_xml_that_names_the_files_comes_last_and_lists_them() {
    let entry =
        |name: &str| format!("<Eintrag typ=\"D\"><Name>{name}</Name><MD5>{MD5}</MD5></Eintrag>");
    let control = format!(
        "<S><Haupt bytes=\"9\">hunde.csv</Haupt><Dateien anzahl=\"3\">{}{}{}</Dateien></S>",
        entry("antrag_20260131.json"),
        entry("hunde.csv"),
        entry("plan_01.pdf")
    );
    check(&files(("a.xml", control)), |text| {
        let manifest = text("package.toml");
        let at = |file: &str| manifest.find(&format!("file = \"{file}\"")).unwrap();
        assert!(at("a.xml") > at("hunde.csv"), "{manifest}");
        let template = text("a-xml-vorlage.xml");
        for line in [
            "<Haupt bytes=\"9\" b:attr-bytes=\"[$files[] | select(.kind == &quot;document&quot;)][1].size_bytes\" b:from=\"[$files[] | select(.kind == &quot;document&quot;)][1].file\">hunde.csv</Haupt>",
            "<Dateien anzahl=\"3\" b:attr-anzahl=\"$files | length\">",
            "<Eintrag typ=\"D\" b:each=\"$files\">",
            "<Name b:from=\".file\">antrag_20260131.json</Name>",
        ] {
            assert!(template.contains(line), "{line} in {template}");
        }
        let sum = format!("<MD5 b:from=\".md5\" b:as=\"upper\">{MD5}</MD5>");
        assert!(template.contains(&sum), "{template}");
        assert!(template.contains("@typ: offen: "), "{template}");
    });
}

#[test]
fn a_json_that_names_the_files_lists_them() {
    let entry = |name: &str| json!({ "pfad": name, "hash": MD5, "art": 1 });
    let control = json!({
        "name": "Muster GmbH",
        "haupt": { "datei": "hunde.csv", "groesse": "9", "name": "Erika" },
        "inhalt": [entry("hunde.csv"), entry("anlagen/plan_01.pdf")],
        "nurAnlagen": [entry("plan_01.pdf")],
    });
    check(&files(("z.json", control.to_string())), |text| {
        let made: Value = serde_json::from_str(&text("z-json-vorlage.json")).unwrap();
        let document = |member: &str| {
            let from = format!("[$files[] | select(.kind == \"document\")][1]{member}");
            json!({ "$from": from })
        };
        assert_eq!(made["haupt"]["datei"], document(".file"));
        for other in [&made["name"], &made["haupt"]["name"]] {
            assert!(!other.to_string().contains("$files"), "{other}");
        }
        assert_eq!(made["haupt"]["groesse"], document(".size_bytes"));
        let item = &made["inhalt"][0];
        assert_eq!(item["$each"], "$files");
        assert_eq!(item["pfad"], json!({ "$from": ".file" }));
        assert_eq!(item["hash"], json!({ "$from": ".md5", "$as": "upper" }));
        assert_eq!(made["nurAnlagen"][0]["$each"], "$attachments");
    });
}

#[test]
fn a_table_that_names_the_files_lists_them() {
    let control = format!("NR;DATEI;MD5;ART\r\n1;hunde.csv;{MD5};X\r\n2;plan_01.pdf;{MD5};X\r\n");
    check(&files(("z.csv", control)), |text| {
        let columns: toml::Table = toml::from_str(&text("z-csv-spalten.toml")).unwrap();
        assert_eq!(columns["each"].as_str(), Some("$files"));
        let said: Vec<String> = columns["column"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| {
                let word = |key: &str| column.get(key).and_then(toml::Value::as_str);
                let all = ["name", "from", "as", "text"].map(|key| word(key).unwrap_or("-"));
                all.join(" ")
            })
            .collect();
        assert_eq!(
            said,
            [
                "NR $nr - -",
                "DATEI .file - -",
                "MD5 .md5 upper -",
                "ART - - X"
            ]
        );
    });
}

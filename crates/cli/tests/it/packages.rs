//! `amtsbote package`: from a sample to an active version, compared, rolled back, killed in between.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::stand::{program, root, run};

const CSV: &str = "MANDANT;EINGANG;NACHNAME;VORNAME;GEBDAT;HUNDENAME;RASSE;GESCHLECHT;KASSENZEICHEN\n\
7;31.01.2026;Mustermann;Erika;29.02.1980;Bello;Dackel;R;\n";
const XML: &str = "<a:Anmeldung xmlns:a=\"urn:example:a\"><a:Halter><a:Nachname>M</a:Nachname></a:Halter>\
<a:Hunde><a:Hund><a:Name>B</a:Name></a:Hund></a:Hunde></a:Anmeldung>";
const JSON: &str = r#"{"owner":{"lastName":"Doe"},"dogs":[{"name":"Bello","breed":"Dackel"}]}"#;
const FIXED: &str = "Mustermann          Erika          29021980\n";
const XSD: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="hund"><xs:complexType><xs:sequence>
<xs:element name="rasse" type="xs:string"/><xs:element name="steuernummer" type="xs:string"/></xs:sequence></xs:complexType></xs:element></xs:schema>"#;

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A copy of an existing package, to be changed.
    fn copy(&self, name: &str) -> PathBuf {
        let to = self.path(name);
        crate::stand::copy(
            &root().join("deploy/hessen/kassel/packages/hundesteuer-csv"),
            &to,
        );
        to
    }

    fn kept(&self, args: &[&str]) -> crate::stand::Ended {
        run(&[&["package"], args, &["--packages-dir", &self.text("kept")]].concat())
    }
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

const KEYS: &str = "Name: Muster\nVorname: Erika\nHundename: Bello\n";

#[test]
fn a_sample_is_told_by_its_content_and_the_file_made_is_called_like_it() {
    let desk = Desk::new();
    std::fs::write(desk.path("hund.csv"), KEYS).unwrap();
    let new = |out: &str, more: &[&str]| {
        let out = desk.text(out);
        let base = ["--lang", "de", "package", "new", "--service", "hundesteuer"];
        run(&[&base[..], &["--out", &out, &desk.text("hund.csv")], more].concat())
    };
    let told = new("a", &["--json"]).json();
    assert_eq!(told["kind"], "keys", "{told:#}");
    let line =
        "gelesen als keys: 3 von 3 Zeilen haben die Form Schl\u{fc}ssel:Wert (anders mit --kind)";
    assert!(new("b", &[]).ok().contains(line));
    let page = std::fs::read_to_string(desk.path("b").join("VORSCHLAG.md")).unwrap();
    assert!(page.contains(line), "{page}");
    let manifest = std::fs::read_to_string(desk.path("b").join("package.toml")).unwrap();
    assert!(
        manifest.contains("file = \"hundesteuerschluessel.csv\""),
        "{manifest}"
    );
    assert_eq!(new("c", &["--json", "--kind", "csv"]).json()["kind"], "csv");
}

#[test]
fn a_package_is_proposed_from_each_kind_of_sample_and_can_be_checked_at_once() {
    let desk = Desk::new();
    for (file, text, more) in [
        ("hund.csv", CSV, &[][..]),
        ("hund.xml", XML, &[]),
        ("hund.json", JSON, &[]),
        ("hund.xsd", XSD, &[]),
        (
            "hund.txt",
            FIXED,
            &["--fields", "NACHNAME:20,VORNAME:15,GEBDAT:8"],
        ),
    ] {
        std::fs::write(desk.path(file), text).unwrap();
        let out = desk.text(&format!("package-{}", &file[5..]));
        let (sample, base) = (desk.text(file), ["--service", "hundesteuer", "--out", &out]);
        let new = run(&[&["--json", "package", "new", &sample], &base[..], more].concat()).json();
        let notes = new["notes"].as_array().unwrap();
        assert!(
            notes.iter().any(|note| note["kind"] == "proposed"),
            "{file}: {new:#}"
        );
        let checked = run(&["--json", "package", "check", &out]).json();
        assert_eq!(checked[0]["passed"], true, "{file}: {checked:#}");
        assert!(Path::new(&out).join("PROPOSAL.md").exists());
        // Nobody has confirmed it yet.
        desk.kept(&["activate", &out]).failed(&["draft"]);
        // What is there is never overwritten.
        run(&[
            "package",
            "new",
            &sample,
            "--service",
            "hundesteuer",
            "--out",
            &out,
        ])
        .failed(&["is there already"]);
    }
    let unknown = run(&[
        "--lang",
        "de",
        "package",
        "new",
        &desk.text("hund.csv"),
        "--service",
        "katze",
    ]);
    unknown.failed(&["hundesteuer", "service new"]);
}

/// A desk with two versions of a confirmed package, the second active.
fn two_versions() -> (Desk, String) {
    let desk = Desk::new();
    std::fs::write(desk.path("hund.csv"), CSV).unwrap();
    let out = desk.text("hund");
    run(&[
        "package",
        "new",
        &desk.text("hund.csv"),
        "--service",
        "hundesteuer",
        "--name",
        "hund",
        "--out",
        &out,
    ])
    .ok();
    edit(
        &desk.path("hund/package.toml"),
        "draft = true\nname",
        "name",
    );
    edit(&desk.path("hund/package.toml"), "0.1.0", "1.0.0");
    // Nor does what nobody has confirmed.
    desk.kept(&["activate", &out])
        .failed(&["codes are not confirmed yet", "does not become active"]);
    let codes = desk.path("hund/codes/geschlecht.toml");
    let text = std::fs::read_to_string(&codes).unwrap();
    std::fs::write(&codes, text.replace("  # ? ", "  # ")).unwrap();
    // What no template names does no harm.
    std::fs::write(desk.path("hund/codes/frueher.toml"), &text).unwrap();
    run(&["package", "expect", &out]).ok();
    desk.kept(&["activate", &out]).ok();

    // A change whose output nobody has looked at does not become active.
    edit(
        &desk.path("hund/spalten.toml"),
        "from = \".rasse\"",
        "from = \".rasse\"\nas = \"upper\"",
    );
    edit(&desk.path("hund/package.toml"), "1.0.0", "1.1.0");
    let refused = desk.kept(&["activate", &out]);
    refused.failed(&["fails its own examples"]);
    run(&["package", "expect", &out]).ok();
    desk.kept(&["activate", &out]).ok();
    (desk, out)
}

#[test]
fn a_folder_and_an_archive_of_files_become_a_bundle_that_can_be_checked_at_once() {
    const CONTROL: &str = "<S><Datei><Name>hund.csv</Name><MD5>0cc175b9c0f1b6a831c399e269772661</MD5></Datei>\
         <Datei><Name>plan.pdf</Name><MD5>0cc175b9c0f1b6a831c399e269772661</MD5></Datei></S>";
    let desk = Desk::new();
    let files = [
        ("hund.csv", CSV),
        ("a.xml", CONTROL),
        ("anlagen/plan.pdf", "%PDF"),
    ];
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    std::fs::create_dir_all(desk.path("muster/anlagen")).unwrap();
    for (path, text) in files {
        std::fs::write(desk.path("muster").join(path), text).unwrap();
        let options = zip::write::SimpleFileOptions::default();
        // As programs pack a folder.
        archive
            .start_file(format!("muster/{path}"), options)
            .unwrap();
        std::io::Write::write_all(&mut archive, text.as_bytes()).unwrap();
    }
    let archive = archive.finish().unwrap().into_inner();
    std::fs::write(desk.path("lieferung.zip"), archive).unwrap();
    for (sample, out, expected) in [
        ("muster", "a", &["a.xml", "hund.csv", "losses.txt"][..]),
        ("lieferung.zip", "b", &["lieferung.zip", "losses.txt"]),
    ] {
        let (sample, to) = (desk.text(sample), desk.text(out));
        let new = run(&[
            "--json",
            "package",
            "new",
            &sample,
            "--service",
            "hundesteuer",
            "--out",
            &to,
        ])
        .json();
        assert_eq!(new["kind"], "several", "{new:#}");
        assert_eq!(
            new["why"],
            "hund.csv (csv), a.xml (xml); attachments: anlagen/plan.pdf"
        );
        let checked = run(&["--json", "package", "check", &to]).json();
        assert_eq!(checked[0]["passed"], true, "{checked:#}");
        let made = std::fs::read_dir(desk.path(out).join("examples/familie/expected")).unwrap();
        let mut made: Vec<String> = made
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        made.sort();
        assert_eq!(made, expected);
    }
    // A sheet is an archive, too, and no sample.
    let mut sheet = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    sheet.start_file("[Content_Types].xml", options).unwrap();
    let sheet = sheet.finish().unwrap().into_inner();
    std::fs::write(desk.path("x.xlsx"), sheet).unwrap();
    let sample = desk.text("x.xlsx");
    run(&["package", "new", &sample, "--service", "hundesteuer"]).failed(&["save a sheet as CSV"]);
}

/// The sample's invented person would be in every application.
#[test]
fn a_value_of_the_sample_goes_out_only_if_somebody_says_it_is_meant() {
    let desk = Desk::new();
    let sample =
        r#"{ "kopf": { "stelle": "K7" }, "halter": { "nachname": "Muster", "bekannt": "Erika" } }"#;
    std::fs::write(desk.path("hund.json"), sample).unwrap();
    let out = desk.text("hund");
    let sample = desk.text("hund.json");
    run(&[
        "package",
        "new",
        &sample,
        "--service",
        "hundesteuer",
        "--name",
        "hund",
        "--out",
        &out,
    ])
    .ok();
    edit(
        &desk.path("hund/package.toml"),
        "draft = true\nname",
        "name",
    );
    let open = ["open-marks", "line 15, 16", "--accept-open"];
    desk.kept(&["activate", &out]).failed(&open);
    // What has a source now is settled.
    edit(
        &desk.path("hund/vorlage.json"),
        "\"Erika\"",
        "{ \"$from\": \".anlass\" }",
    );
    run(&["package", "expect", &out]).ok();
    let open = ["open-marks", "line 15:", "--accept-open"];
    desk.kept(&["activate", &out]).failed(&open);
    desk.kept(&["activate", &out, "--accept-open"]).ok();
}

#[test]
fn an_example_without_output_is_told_and_whose_fault_it_is() {
    let (desk, out) = two_versions();
    let codes = desk.path("hund/codes/geschlecht.toml");
    let text = std::fs::read_to_string(&codes).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('"'));
    let none: Vec<&str> = lines.collect();
    std::fs::write(&codes, none.join("\n")).unwrap();
    run(&["package", "preview", &out]).failed(&["package-faulty", "not refused"]);
    let kept = run(&["package", "expect", &out]);
    assert!(
        kept.stderr().contains("no file comes out"),
        "{}",
        kept.stderr()
    );
    let text = run(&["package", "check", &out]).ok();
    assert!(
        text.contains("✓ familie (no file, findings as expected)"),
        "{text}"
    );
}

#[test]
fn a_confirmed_proposal_is_activated_changed_compared_and_rolled_back() {
    let (desk, out) = two_versions();
    let listed = run(&[
        "--json",
        "package",
        "list",
        "--packages-dir",
        &desk.text("kept"),
    ])
    .json();
    assert_eq!(listed[0]["versions"], serde_json::json!(["1.0.0", "1.1.0"]));
    assert_eq!(listed[0]["active"], "1.1.0");

    let text = desk.kept(&["diff", "hund@1.0.0", "hund"]).ok();
    assert!(text.contains("as = \"upper\""), "{text}");
    assert!(text.contains("examples/familie → hund.csv"), "{text}");
    let diff = run(&[
        "--json",
        "package",
        "diff",
        "hund@1.0.0",
        &out,
        "--packages-dir",
        &desk.text("kept"),
    ])
    .json();
    let changed: Vec<&str> = diff["package"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["at"].as_str().unwrap())
        .collect();
    assert_eq!(changed, ["package.toml", "spalten.toml"]);

    // The same version with other content is another version.
    edit(
        &desk.path("hund/spalten.toml"),
        "as = \"upper\"",
        "as = \"lower\"",
    );
    run(&["package", "expect", &out]).ok();
    desk.kept(&["activate", &out])
        .failed(&["raise the version"]);

    assert!(desk.kept(&["rollback", "hund"]).ok().contains("hund@1.0.0"));
    desk.kept(&["rollback", "hund"]).failed(&["--to"]);
    desk.kept(&["rollback", "hund", "--to", "9.9.9"])
        .failed(&["package list"]);
    assert!(
        desk.kept(&["rollback", "hund", "--to", "1.1.0"])
            .ok()
            .contains("hund@1.1.0")
    );
    desk.kept(&["rollback", "katze"]).failed(&["package list"]);
}

#[test]
fn lineage_is_shown_from_both_ends() {
    let package = root().join("deploy/hessen/kassel/packages/hundesteuer-csv");
    let package = package.to_str().unwrap();
    let preview = run(&[
        "--json",
        "package",
        "preview",
        package,
        "--example",
        "familie",
    ])
    .json();
    let by_input = preview["byInput"].as_object().unwrap();
    let outputs = by_input["/hunde/0/rufname"].as_array().unwrap();
    assert!(
        outputs.contains(&Value::from("row[1]/RUFNAME")),
        "{outputs:?}"
    );
    let text = run(&[
        "package", "preview", package, "--by", "input", "--lang", "de",
    ])
    .ok();
    assert!(
        text.contains("/hunde/0/rufname  →  row[1]/RUFNAME"),
        "{text}"
    );
    let by_template = preview["byTemplate"].as_object().unwrap();
    assert!(!by_template.is_empty());
    for (place, outputs) in by_template {
        // The file's name is a constant of the package.
        let known = ["spalten.toml:", "package.toml:"];
        assert!(known.iter().any(|file| place.starts_with(file)), "{place}");
        assert!(!outputs.as_array().unwrap().is_empty());
    }
    let text = run(&["package", "preview", package, "--lang", "de"]).ok();
    assert!(
        text.contains("header/RUFNAME  ←  Konstante der Vorlage  spalten.toml:"),
        "{text}"
    );
    let text = run(&["package", "preview", package, "--lang", "en"]).ok();
    assert!(
        text.contains("constant of the template  spalten.toml:"),
        "{text}"
    );
    let settings = root().join("deploy/hessen/kassel/agent.toml");
    let around = run(&[
        "--json",
        "package",
        "preview",
        package,
        "--outbound",
        settings.to_str().unwrap(),
    ])
    .json();
    let told = around["lineage"].as_array().unwrap();
    let folder = told.iter().find(|line| line["output"] == "way/@folder");
    assert_eq!(folder.unwrap()["conversion"], "outbound.name = ks-{parcel}");
    assert_eq!(folder.unwrap()["sources"][0], "$parcel/id");
    assert_eq!(around["parcel"][0]["output"], "file[1]");
    run(&["package", "preview", package, "--example", "keins"]).failed(&["familie"]);
}

#[test]
fn killed_while_activating_the_active_version_is_whole_and_the_next_call_ends_it() {
    let desk = Desk::new();
    let work = desk.copy("hundesteuer");
    desk.kept(&["activate", work.to_str().unwrap()]).ok();
    let whole = crate::stand::files_below(&work).len();
    let home = desk.path("kept/hundesteuer-csv");
    let active = || -> Value {
        serde_json::from_slice(&std::fs::read(home.join("active.json")).unwrap()).unwrap()
    };
    for minor in 1..=8 {
        let version = format!("1.{minor}.0");
        let text = std::fs::read_to_string(work.join("package.toml")).unwrap();
        let before = format!("version = \"1.{}.0\"", minor - 1);
        std::fs::write(
            work.join("package.toml"),
            text.replace(&before, &format!("version = \"{version}\"")),
        )
        .unwrap();
        let mut child = program(&[
            "package",
            "activate",
            work.to_str().unwrap(),
            "--packages-dir",
            &desk.text("kept"),
        ])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
        // Once some of its files are there, at another moment each time.
        let beside = home.join(format!("versions/.{version}.part"));
        let target = home.join(format!("versions/{version}"));
        loop {
            let count = |path: &Path| {
                if path.exists() {
                    crate::stand::files_below(path).len()
                } else {
                    0
                }
            };
            if count(&beside) >= minor * 3 || target.exists() || child.try_wait().unwrap().is_some()
            {
                break;
            }
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let now = active()["active"].as_str().unwrap().to_owned();
        let kept = crate::stand::files_below(&home.join("versions").join(&now));
        assert_eq!(kept.len(), whole, "{now} is not whole");
        desk.kept(&["activate", work.to_str().unwrap()]).ok();
        assert_eq!(active()["active"], version);
        assert!(!beside.exists());
    }
}

const XDF: &str = r#"<x:xdatenfelder.stammdatenschema.0102 xmlns:x="urn:xoev-de:fim:standard:xdatenfelder_2"><x:stammdatenschema>
<x:identifikation><x:id>S00000092</x:id><x:version>1.0</x:version></x:identifikation><x:bezeichnungEingabe>Hund</x:bezeichnungEingabe>
<x:struktur><x:anzahl>1:1</x:anzahl><x:enthaelt><x:datenfeld><x:identifikation><x:id>F60000227</x:id><x:version>1.1</x:version></x:identifikation>
<x:bezeichnungEingabe>Familienname</x:bezeichnungEingabe><x:feldart><code>input</code></x:feldart><x:datentyp><code>text</code></x:datentyp>
<x:praezisierung>{"minLength":"1","maxLength":"120"}</x:praezisierung></x:datenfeld></x:enthaelt></x:struktur></x:stammdatenschema></x:xdatenfelder.stammdatenschema.0102>"#;

#[test]
fn a_foreign_schema_becomes_a_service_for_which_a_package_can_be_proposed() {
    let desk = Desk::new();
    std::fs::write(desk.path("hund.xml"), XDF).unwrap();
    let schemas = desk.text("schemas");
    let new = [
        "service",
        "new",
        "--from",
        &desk.text("hund.xml"),
        "--name",
        "hund",
        "--urn",
        "urn:de:fim:leika:leistung:99102013002000",
        "--schemas",
        &schemas,
    ];
    let made = run(&[&["--json"], &new[..]].concat()).json();
    assert_eq!(made["exampleIsValid"], true, "{made:#}");
    run(&new).failed(&["is there already"]);
    let manifest = std::fs::read_to_string(desk.path("schemas/hund/service.toml")).unwrap();
    assert!(
        manifest.contains("https://schema.fitko.de/fim/s00000092_1.0.schema.json"),
        "{manifest}"
    );
    std::fs::write(desk.path("probe.csv"), "NACHNAME;X\nM;1\n").unwrap();
    let package = run(&[
        "--json",
        "package",
        "new",
        &desk.text("probe.csv"),
        "--service",
        "hund",
        "--schemas",
        &schemas,
        "--out",
        &desk.text("hund"),
    ])
    .json();
    let proposed = package["notes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|note| note["at"] == "column/NACHNAME")
        .unwrap();
    assert!(
        proposed["text"].as_str().unwrap().starts_with("/F60000227"),
        "{package:#}"
    );
    run(&["package", "check", &desk.text("hund")]).ok();
}

//! xdomea: held samples, archives for foreign programs, and files that the message names.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::process::Command;

use amtsbote_adapter::Package;
use amtsbote_xoev::{Document, Installed};

use crate::official::{message_of, unpacked};
use crate::packages::{self, format_of};
use crate::shared;

/// The schema file of the samples' messages.
const SCHEMA: &str = "xdomea-Nachrichten-AussonderungDurchfuehren.xsd";

/// The messages among the official samples, those in archives too.
fn samples(official: &Path) -> Vec<(String, Vec<u8>)> {
    let folder = official.join("xdomea/samples");
    let mut all = Vec::new();
    for entry in ["toolkit", "lav-nrw"] {
        for version in std::fs::read_dir(folder.join(entry)).unwrap() {
            let version = version.unwrap().path();
            let label = version.file_name().unwrap().to_string_lossy().into_owned();
            let read = shared::read(&version, "xml").into_iter();
            all.extend(read.map(|(name, bytes)| (format!("{label}/{name}"), bytes)));
        }
    }
    for (name, bytes) in shared::read(&folder.join("x-man"), "zip") {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let message = name.replace(".zip", ".xml");
        let mut content = Vec::new();
        let mut entry = archive.by_name(&message).unwrap();
        entry.read_to_end(&mut content).unwrap();
        all.push((name, content));
    }
    all
}

#[test]
fn every_sample_read_and_written_is_the_same_and_names_its_process() {
    let Some(official) = shared::official() else {
        return;
    };
    let all = samples(&official);
    assert!(all.len() >= 16, "{} samples", all.len());
    for (name, bytes) in all {
        let document = Document::read(&bytes).unwrap();
        let again = Document::read(document.write().as_bytes()).unwrap();
        let content = |document: &Document| {
            let nodes = document.nodes().iter();
            let each = |node: &amtsbote_xoev::Node| {
                let node = node.clone();
                (node.path, node.namespace, node.attributes, node.text)
            };
            nodes.map(each).collect::<Vec<_>>()
        };
        assert!(content(&again) == content(&document), "{name}");
        let header = if name.contains("v4.0.0") {
            "nachrichtenkopf"
        } else {
            "Kopf"
        };
        let process = document.text(&format!("{header}/ProzessID"));
        assert!(process.is_some(), "{name}");
    }
}

#[test]
fn the_samples_hold_for_both_validators_and_their_mutants_for_none() {
    let Some((official, _)) = shared::both() else {
        return;
    };
    let all = samples(&official);
    let mut held = 0_usize;
    for version in ["2.3.0", "2.4.0", "3.0.0"] {
        let folder = format!("xdomea/{version}");
        let own = shared::compiled(&official, &folder, &[SCHEMA]);
        let file = official.join(&folder).join(SCHEMA);
        for (name, bytes) in &all {
            let document = Document::read(bytes).unwrap();
            if !document.root().namespace.ends_with(version) {
                continue;
            }
            held += 1;
            for bytes in [bytes, &document.write().into_bytes()] {
                assert_eq!(own.check(bytes), [], "{name}");
                assert_eq!(shared::refusal_by(&official, &file, bytes), None, "{name}");
            }
            let text = String::from_utf8(bytes.clone()).unwrap();
            for (from, to) in [
                ("ProzessID>", "ProzessNummer>"),
                ("<code>050", "<code>950"),
                ("Erstellungszeitpunkt>2", "Erstellungszeitpunkt>x2"),
            ] {
                let mutant = text.replace(from, to).into_bytes();
                assert_ne!(mutant, *bytes, "{name}: {from}");
                assert!(!own.check(&mutant).is_empty(), "{name}: {from}");
                let refused = shared::refusal_by(&official, &file, &mutant);
                assert!(refused.is_some(), "{name}: {from}");
            }
        }
    }
    assert!(held >= 15, "{held} samples");
}

#[test]
fn mutants_of_our_messages_are_refused_by_both_validators() {
    let Some((official, installed)) = shared::both() else {
        return;
    };
    for package in packages::of_format("xdomea") {
        let format = format_of(&package, &installed);
        let example = &package.examples[0].name;
        let message = message_of(package.preview(&format, example).unwrap());
        let text = String::from_utf8(message).unwrap();
        let namespace = amtsbote_xoev::standard::XDOMEA_3_1_0.namespace;
        let schema = installed.schemas.set(namespace).unwrap();
        for (from, to) in [
            ("x:ProzessID>", "x:NachrichtID>"),
            ("<x:Importbestaetigung>1", "<x:Importbestaetigung>0"),
            ("<code>001</code>", "<code>004</code>"),
            ("<x:Typ>Antrag</x:Typ>", ""),
            ("<code>018", "<x:code>018"),
            ("</x:Dokument>", "</x:Dokument><x:Fremdes/>"),
        ] {
            let mut mutant = text.replace(from, to);
            match from {
                "<code>018" => mutant = mutant.replace("018</code>", "018</x:code>"),
                // An optional element less, and one twice.
                "<x:Typ>Antrag</x:Typ>" => {
                    mutant = text.replace(from, "<x:Typ>A</x:Typ><x:Typ>A</x:Typ>");
                }
                _ => {}
            }
            if mutant == text {
                assert_eq!(from, "<code>018", "{}: {from}", package.name);
                continue; // no attachment in this example
            }
            let mutant = mutant.as_bytes();
            assert!(!schema.check(mutant).is_empty(), "{}: {from}", package.name);
            assert!(
                shared::refusal(&official, mutant).is_some(),
                "{}: {from}",
                package.name
            );
        }
    }
}

/// Whether a program that the tests call is installed. In CI it has to be.
fn is_here(program: &str) -> bool {
    let here = Command::new(program).arg("--help").output().is_ok();
    assert!(
        here || std::env::var("CI").as_deref() != Ok("true"),
        "{program} is not installed"
    );
    if !here {
        eprintln!("skipped: {program} is not installed");
    }
    here
}

/// The package with its first example's attachments replaced by these: file name as sent, content.
fn with_attachments(package: &Package, attachments: &[(String, Vec<u8>)]) -> Package {
    let mut package = package.clone();
    let folder = format!("examples/{}/", package.examples[0].name);
    package
        .files
        .retain(|path, _| !path.starts_with(&format!("{folder}attachments")));
    let mut said = String::new();
    for (index, (name, bytes)) in attachments.iter().enumerate() {
        let file = format!("datei-{index:03}.bin");
        let name = toml::Value::from(name.as_str());
        let _ = writeln!(
            said,
            "[[attachment]]\nfile = {file:?}\nfilename = {name}\nmime = \"application/pdf\""
        );
        package
            .files
            .insert(format!("{folder}attachments/{file}"), bytes.clone());
    }
    if !attachments.is_empty() {
        package
            .files
            .insert(format!("{folder}attachments.toml"), said.into_bytes());
    }
    package
}

fn sets() -> Vec<Vec<(String, Vec<u8>)>> {
    let named = |names: &[&str]| {
        let each = |(index, name): (usize, &&str)| ((*name).to_owned(), vec![b'x'; index * 40_000]);
        names.iter().enumerate().map(each).collect::<Vec<_>>()
    };
    let many: Vec<String> = (0..60).map(|nr| format!("Anlage {nr}.pdf")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    vec![
        named(&[]),
        named(&["Lageplan.pdf"]),
        named(&[
            "Größe – Übersicht.pdf",
            "größe – übersicht.PDF",
            "Größe – Übersicht.pdf",
            "../../etc/passwd",
            "C:\\Users\\x\\CON.pdf",
            "Идштайн \u{1F3E0}.jpg",
            "ohne",
            &"lang".repeat(60),
            "<&>\"'.pdf",
        ]),
        named(&many),
    ]
}

#[test]
fn any_attachments_become_an_archive_that_other_programs_open_and_the_message_names_each() {
    const PYTHON: &str = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); \
         assert z.testzip() is None; print('\\n'.join(z.namelist()))";
    let installed = shared::installed().unwrap_or_default();
    let programs = is_here("unzip") && is_here("python3");
    let temporary = tempfile::tempdir().unwrap();
    for package in packages::of_format("xdomea") {
        let format = format_of(&package, &installed);
        for attachments in sets() {
            let package = with_attachments(&package, &attachments);
            let preview = package.preview(&format, &package.examples[0].name).unwrap();
            assert_eq!(preview.findings, [], "{}", package.name);
            assert_eq!(preview.files.len(), 1);
            let (name, bytes) = preview.files.clone().pop_first().unwrap();
            let archive = temporary.path().join(&name);
            std::fs::write(&archive, bytes).unwrap();
            let files = unpacked(preview);
            let message = name.replace(".zip", ".xml");
            let document = Document::read(&files[&message]).unwrap();
            let nodes = document.nodes().iter();
            let named: BTreeSet<&str> = nodes
                .filter(|node| node.local() == "Dateiname")
                .map(|node| node.text.as_str())
                .collect();
            let along: BTreeSet<&str> = files
                .keys()
                .map(String::as_str)
                .filter(|path| *path != message)
                .collect();
            assert_eq!(named, along);
            assert_eq!(along.len(), attachments.len() + 1);
            for path in &along {
                assert!(path.is_ascii() && !path.contains(['/', '\\']), "{path}");
            }
            for (_, bytes) in &attachments {
                assert!(files.values().any(|file| file == bytes));
            }
            if programs {
                let output = |program: &str, arguments: &[&str]| {
                    let mut command = Command::new(program);
                    let output = command.args(arguments).arg(&archive).output().unwrap();
                    assert!(output.status.success(), "{output:?}");
                    output.stdout
                };
                output("unzip", &["-tq"]);
                let python = output("python3", &["-c", PYTHON]);
                let listed = String::from_utf8(python).unwrap();
                assert_eq!(listed.lines().count(), files.len());
            }
        }
    }
}

#[test]
fn a_file_the_message_does_not_name_and_another_process_are_found() {
    let package = packages::of_format("xdomea").remove(0);
    let format = format_of(&package, &Installed::default());
    let name = &package.examples[0].name;
    for (from, to, rule) in [
        ("b:each=\"$attachments\"", "b:each=\"[]\"", "xdomea-file"),
        ("b:from=\".file\"", "b:from=\".uuid\"", "xdomea-file"),
        (
            "b:from=\"$message.uuid\"",
            "b:from=\"$case.id\"",
            "xdomea-process",
        ),
    ] {
        let mut changed = package.clone();
        let text = String::from_utf8(changed.files["nachricht.xml"].clone()).unwrap();
        assert!(text.contains(from), "{from}");
        let text = text.replace(from, to).into_bytes();
        changed.files.insert("nachricht.xml".to_owned(), text);
        let changed = with_attachments(&changed, &[("plan.pdf".to_owned(), b"%PDF".to_vec())]);
        let findings = changed.preview(&format, name).unwrap().findings;
        let rules: BTreeSet<&str> = findings.iter().map(|one| one.rule.as_str()).collect();
        assert_eq!(rules, BTreeSet::from([rule]), "{from}");
    }
}

#[test]
fn any_text_of_xml_is_taken_also_outside_din_91379() {
    let package = packages::of_format("xdomea").remove(0);
    let format = format_of(&package, &shared::installed().unwrap_or_default());
    let attachments = [("Идштайн \u{1F3E0}.pdf".to_owned(), b"%PDF".to_vec())];
    let package = with_attachments(&package, &attachments);
    let preview = package.preview(&format, &package.examples[0].name).unwrap();
    let text = String::from_utf8(message_of(preview)).unwrap();
    assert!(text.contains("<x:DateinameOriginal>Идштайн \u{1F3E0}.pdf</x:DateinameOriginal>"));
}

#[test]
fn other_formats_can_be_packed_too_and_xdomea_unpacked() {
    let files = |format: &str, pack: &str| {
        let mut package = packages::of_format(format).remove(0);
        package.settings.insert("pack".to_owned(), pack.into());
        let format = format_of(&package, &Installed::default());
        let preview = package.preview(&format, &package.examples[0].name).unwrap();
        let names: Vec<String> = preview.files.keys().cloned().collect();
        (names, unpacked(preview))
    };
    for format in ["xbau", "xauslaender", "xdomea"] {
        let (plain, side_by_side) = files(format, "files");
        let (packed, inside) = files(format, "zip");
        assert!(plain.len() >= 2, "{plain:?}");
        assert_eq!(packed.len(), 1, "{packed:?}");
        assert_eq!(inside, side_by_side);
    }
}

//! The laws of formats, for bundles.

#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::path::Path;

use amtsbote_adapter::laws::explained::Leaf;
use amtsbote_adapter::laws::format::{Bench, read_package};
use amtsbote_adapter::placement::{Layout, Placement};
use amtsbote_adapter::{Algorithm, Checksums, Format, Package, ParcelFile};
use amtsbote_adapter_bundle::Bundle;
use sha2::{Digest as _, Sha256};

struct Packages;

fn bundle() -> Bundle {
    Bundle::new(vec![
        Box::new(amtsbote_adapter_json::Json),
        Box::new(amtsbote_adapter_table::Table),
        Box::new(amtsbote_adapter_xml::Xml),
    ])
}

fn package(name: &str) -> Package {
    read_package(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/packages")
            .join(name),
    )
}

/// With a line of `package.toml` replaced.
fn with(from: &str, to: &str) -> Package {
    let mut files = package("paket").files;
    let text = String::from_utf8_lossy(&files["package.toml"]).into_owned();
    assert!(text.contains(from), "{from}");
    let text = text.replacen(from, to, 1);
    files.insert("package.toml".to_owned(), text.into_bytes());
    Package::parse(files).unwrap()
}

impl Bench for Packages {
    fn format(&self) -> Box<dyn Format> {
        Box::new(bundle())
    }

    fn packages(&self) -> Vec<Package> {
        vec![package("paket"), package("dateien"), package("benannt")]
    }

    fn leaves(&self, _: &Package, file: &ParcelFile, bytes: &[u8]) -> Vec<Leaf> {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let lines = text.lines().enumerate();
        match file.path.as_str() {
            "SHA256SUMS" => lines
                .map(|(at, line)| (format!("/line[{}]", at + 1), line.to_owned()))
                .collect(),
            "satz.txt" => vec![("/row[1]/ORT".to_owned(), text)],
            _ => {
                let names: Vec<&str> = text.lines().next().unwrap().split(';').collect();
                let cell = |at: usize, name: &str, text: &str| match at {
                    0 => (format!("/header/{name}"), text.to_owned()),
                    _ => (format!("/row[{at}]/{name}"), text.to_owned()),
                };
                lines
                    .flat_map(|(at, line)| {
                        let cells = names.iter().zip(line.split(';'));
                        cells
                            .map(move |(name, text)| cell(at, name, text))
                            .collect::<Vec<_>>()
                    })
                    .collect()
            }
        }
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        vec![
            (
                "an unknown setting",
                with("pack = \"zip\"", "pack = \"zip\"\ncolour = 1"),
            ),
            (
                "an archive without a name",
                with("file = \"ANTRAG_{date}_{parcel}.zip\"\n", ""),
            ),
            (
                "a name without an archive",
                with("pack = \"zip\"", "pack = \"files\""),
            ),
            (
                "sums by the usual method under the name of another",
                with("checksums = \"SHA256SUMS\"", "checksums = \"MD5SUMS\""),
            ),
            (
                "sums by another method than their name says",
                with("checksums = \"SHA256SUMS\"", "checksums = \"SHA512SUMS\""),
            ),
            (
                "an unknown format of a part",
                with("format = \"table\"", "format = \"container\""),
            ),
            ("a part without a format", with("format = \"table\"\n", "")),
            (
                "a part with a folder of its own",
                with(
                    "format = \"table\"",
                    "format = \"table\"\nattachments = \"x\"",
                ),
            ),
            (
                "an unknown setting of a part",
                with("kind = \"csv\"", "kind = \"csv\"\ncolour = 1"),
            ),
            (
                "a template that is not there",
                with("template = \"manifest.json\"", "template = \"x.json\""),
            ),
        ]
    }
}

amtsbote_adapter::format_laws!(Packages);

#[test]
fn the_archive_holds_all_files_and_their_checksums() {
    let preview = package("paket").preview(&bundle(), "zwei").unwrap();
    assert_eq!(preview.losses, ["/mail"]);
    let (_, archive) = preview
        .files
        .iter()
        .find(|(name, _)| name.starts_with("ANTRAG_20260102_"))
        .unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut files = BTreeMap::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(entry.name().to_owned(), bytes);
    }
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "SHA256SUMS",
            "antrag.xml",
            "dokumente/01-foto.jpg",
            "dokumente/02-plan.txt",
            "index.csv",
            "manifest.json"
        ]
    );
    let sums = String::from_utf8(files["SHA256SUMS"].clone()).unwrap();
    assert_eq!(sums.lines().count(), 5);
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let made = format!("{:x}", Sha256::digest(&files[name]));
        assert_eq!(sum, made, "{name}");
    }
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let listed: Vec<&str> = manifest["dateien"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["pfad"].as_str().unwrap())
        .collect();
    assert_eq!(
        listed,
        [
            "dokumente/01-foto.jpg",
            "dokumente/02-plan.txt",
            "antrag.xml",
            "index.csv"
        ]
    );
}

#[test]
fn under_a_flat_way_documents_and_sums_name_files_as_they_lie() {
    let mut package = package("paket");
    package.settings.remove("pack");
    package.settings.remove("file");
    package
        .settings
        .insert("sum_files".to_owned(), vec!["sha256"].into());
    let way = Placement {
        layout: Layout::Flat,
        name: "B_{parcel}".to_owned().try_into().unwrap(),
        marker: None,
        trigger: None,
    };
    let names = way.names();
    let preview = package.preview_called(&bundle(), "zwei", &names).unwrap();
    let parcel = "00000000-0000-4000-8000-000000000004";
    let lies: BTreeMap<String, &Vec<u8>> = preview
        .files
        .iter()
        .map(|(path, bytes)| (format!("B_{parcel}_{}", path.replace('/', "_")), bytes))
        .collect();
    let manifest: serde_json::Value =
        serde_json::from_slice(&preview.files["manifest.json"]).unwrap();
    let mut named: Vec<String> = manifest["dateien"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["pfad"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(named.len(), 4);
    let sums = |path: &str| String::from_utf8(preview.files[path].clone()).unwrap();
    for line in (sums("SHA256SUMS") + &sums("antrag.xml.sha256")).lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert_eq!(sum, format!("{:x}", Sha256::digest(lies[name])), "{name}");
        named.push(name.to_owned());
    }
    for name in named {
        assert!(lies.contains_key(&name), "{name}");
    }
}

#[test]
fn two_files_of_one_name_are_refused() {
    let package = with("file = \"index.csv\"", "file = \"ANTRAG.xml\"");
    let preview = package.preview(&bundle(), "zwei").unwrap();
    assert_eq!(preview.findings[0].rule, "path");
}

#[test]
fn an_attachment_that_is_called_like_a_document_gets_another_name() {
    let mut package = package("benannt");
    let said = toml::toml! { text = "{name}.{ext}" };
    package
        .settings
        .insert("attachments".to_owned(), ".".into());
    package
        .settings
        .insert("attachment_name".to_owned(), said.into());
    let list = "[[attachment]]\nfile = \"a.pdf\"\nfilename = \"INDEX.csv\"\n[[attachment]]\nfile = \"b.jpg\"\nfilename = \"x.jpg\"\n";
    package.files.insert(
        "examples/zwei/attachments.toml".to_owned(),
        list.as_bytes().to_vec(),
    );
    let preview = package.preview(&bundle(), "zwei").unwrap();
    let names: Vec<&str> = preview.files.keys().map(String::as_str).collect();
    // The file number is in no name any more.
    let expected = [
        "INDEX-2.csv",
        "index.csv",
        "losses.txt",
        "meldung.json",
        "x.jpg",
    ];
    assert_eq!(names, expected);
    let index = String::from_utf8_lossy(&preview.files["index.csv"]);
    assert!(index.contains("INDEX-2.csv"));
}

#[test]
fn a_list_of_checksums_has_the_algorithm_the_procedure_wants() {
    for (name, algorithm) in [("md5", Algorithm::Md5), ("sha1", Algorithm::Sha1)] {
        let sums = "checksums = \"SUMS\"";
        let mut files = package("dateien").files;
        let text = String::from_utf8_lossy(&files["package.toml"]).into_owned();
        let wanted = format!("{sums}\nalgorithm = \"{name}\"");
        // The document with an attachment inside has no checksum beforehand.
        let text = text.replacen("attachments = \"none\"", &wanted, 1);
        let template =
            String::from_utf8_lossy(&files["antrag.json"]).replace(".content", ".sha256");
        files.insert("package.toml".to_owned(), text.into_bytes());
        files.insert("antrag.json".to_owned(), template.into_bytes());
        let package = Package::parse(files).unwrap();
        let preview = package.preview(&bundle(), "eins").unwrap();
        assert_eq!(preview.findings, [], "{name}");
        let lines = String::from_utf8(preview.files["SUMS"].clone()).unwrap();
        assert_eq!(lines.lines().count(), 3);
        for line in lines.lines() {
            let (sum, path) = line.split_once("  ").unwrap();
            let made = Checksums::of(&preview.files[path], &[algorithm]);
            assert_eq!(made.get(algorithm), Some(sum), "{path}");
        }
    }
}

#[test]
fn each_file_has_its_checksums_beside_it() {
    let entries = |setting: &str| {
        let sums = format!("checksums = \"SHA256SUMS\"\n{setting}");
        let preview = with("checksums = \"SHA256SUMS\"", &sums).preview(&bundle(), "zwei");
        let preview = preview.unwrap();
        assert_eq!(preview.findings, []);
        let mut files = preview.files.iter();
        let zip = files.find(|(name, _)| name.starts_with("ANTRAG_")).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(zip.1)).unwrap();
        let mut entries = BTreeMap::new();
        for at in 0..archive.len() {
            let mut entry = archive.by_index(at).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            entries.insert(entry.name().to_owned(), bytes);
        }
        entries
    };
    let files = entries("sum_files = [\"md5\", \"sha256\"]");
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    let sum = |name: &str, algorithm: Algorithm| {
        let sums = Checksums::of(&files[name], &[algorithm]);
        sums.get(algorithm).unwrap().to_owned()
    };
    for file in ["dokumente/01-foto.jpg", "antrag.xml"] {
        let name = file.rsplit('/').next().unwrap();
        let md5 = sum(file, Algorithm::Md5);
        assert_eq!(text(&format!("{file}.md5")), format!("{md5}  {name}\n"));
        let sha256 = sum(file, Algorithm::Sha256);
        assert_eq!(
            text(&format!("{file}.sha256")),
            format!("{sha256}  {name}\n")
        );
    }
    assert!(!files.contains_key("SHA256SUMS.md5"));
    let bare = entries("sum_files = [\"md5\"]\nsum_form = \"bare\"");
    let md5 = sum("antrag.xml", Algorithm::Md5);
    assert_eq!(bare["antrag.xml.md5"], md5.into_bytes());
}

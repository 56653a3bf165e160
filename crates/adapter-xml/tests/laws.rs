//! The laws of formats, for XML with a schema of its own.

#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::path::Path;

use amtsbote_adapter::laws::explained::Leaf;
use amtsbote_adapter::laws::format::{Bench, read_package};
use amtsbote_adapter::{Format, Package, ParcelFile};
use amtsbote_adapter_xml::Xml;

struct Packages;

fn package(name: &str) -> Package {
    read_package(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/packages")
            .join(name),
    )
}

fn with(key: &str, value: &str) -> Package {
    let mut package = package("amt");
    package.settings.insert(key.to_owned(), value.into());
    package
}

fn changed(file: &str, from: &str, to: &str) -> Package {
    let mut package = package("amt");
    let text = String::from_utf8_lossy(&package.files[file]).into_owned();
    assert!(text.contains(from), "{from}");
    let text = text.replacen(from, to, 1);
    package.files.insert(file.to_owned(), text.into_bytes());
    package
}

fn without(file: &str) -> Package {
    let mut package = package("amt");
    package.files.remove(file).unwrap();
    package
}

impl Bench for Packages {
    fn format(&self) -> Box<dyn Format> {
        Box::new(Xml)
    }

    fn packages(&self) -> Vec<Package> {
        vec![package("amt"), package("neben"), package("benannt")]
    }

    /// In another encoding: read by another decoder, then as XML.
    fn leaves(&self, _: &Package, file: &ParcelFile, bytes: &[u8]) -> Vec<Leaf> {
        assert!(file.media_type.ends_with("charset=iso-8859-15"));
        let (text, _) = encoding_rs::ISO_8859_15.decode_without_bom_handling(bytes);
        amtsbote_adapter::laws::explained::xml(text.as_bytes())
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        vec![
            ("an unknown setting", with("colour", "red")),
            ("an unknown encoding", with("encoding", "ebcdic")),
            ("a file that leaves the folder", with("file", "../x.xml")),
            ("an unknown placeholder", with("file", "{nr}.xml")),
            (
                "a folder that leaves the folder",
                with("attachments", "a/b"),
            ),
            ("a template that is not there", with("template", "x.xml")),
            ("a schema that is not there", with("schema", "x.xsd")),
            (
                "a schema that imports what is not there",
                without("xsd/typen/typen.xsd"),
            ),
            (
                "a schema that is none",
                changed(
                    "xsd/vorgang.xsd",
                    "<xs:element name=\"Vorgang\">",
                    "<xs:element>",
                ),
            ),
            (
                "a name the encoding does not have",
                changed("vorgang.xml", "version=\"3\"", "věrsion=\"3\""),
            ),
            (
                "a group that has no word",
                changed("vorgang.xml", "<b:group b:each=\".posten\">", "<b:group>"),
            ),
            (
                "a group with an attribute",
                changed(
                    "vorgang.xml",
                    "<b:group b:each=\".posten\">",
                    "<b:group b:each=\".posten\" x=\"1\">",
                ),
            ),
            (
                "an unknown element of ours",
                changed(
                    "vorgang.xml",
                    "<b:group b:if=\".betrag\">\n        <v:Betrag b:from=\".betrag\" b:as=\"number:0.000,00\">1,00</v:Betrag>\n      </b:group>",
                    "<b:choice/>",
                ),
            ),
            (
                "an unknown conversion",
                changed("vorgang.xml", "max:12", "max:0"),
            ),
        ]
    }
}

amtsbote_adapter::format_laws!(Packages);

#[test]
fn a_converted_content_is_refused_and_never_handed_over_in_part() {
    for conversion in ["max:20", "digits", "digits|max:5", "pad-left:500:x|max:30"] {
        let from = "b:from=\".content\"";
        let package = changed(
            "vorgang.xml",
            from,
            &format!("{from} b:as=\"{conversion}\""),
        );
        let preview = package.preview(&Xml, "zwei").unwrap();
        assert!(
            preview
                .findings
                .iter()
                .any(|finding| finding.rule == "attachment-content"),
            "{conversion}: {:?}",
            preview.findings
        );
    }
}

#[test]
fn what_the_schema_refuses_is_told_at_its_place_in_the_application() {
    let preview = package("amt").preview(&Xml, "ohne-ort").unwrap();
    let places: Vec<(&str, &str)> = preview
        .findings
        .iter()
        .map(|finding| (finding.at.as_str(), finding.rule.as_str()))
        .collect();
    assert_eq!(places, [("/personen/0/ort", "cvc-minLength-valid")]);
}

#[test]
fn an_attachment_that_is_called_like_the_document_gets_another_name() {
    let mut package = package("neben");
    let list = "[[attachment]]\nfile = \"plan.txt\"\nfilename = \"Meldung.xml\"\n";
    package.files.insert(
        "examples/eins/attachments.toml".to_owned(),
        list.as_bytes().to_vec(),
    );
    let preview = package.preview(&Xml, "eins").unwrap();
    let names: Vec<&str> = preview.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["Meldung-2.xml", "meldung.xml"]);
    let document = String::from_utf8_lossy(&preview.files["meldung.xml"]);
    assert!(document.contains("<datei>Meldung-2.xml</datei>"));
}

#[test]
fn a_name_of_the_packages_own_needs_files_of_its_own() {
    let mut package = package("benannt");
    package
        .settings
        .insert("attachments".to_owned(), "none".into());
    let findings = Xml.open(&package).err().unwrap();
    assert_eq!(findings[0].at, "package.toml/settings/attachment_name");
}

//! The laws of formats, for both layouts.

use std::path::Path;

use amtsbote_adapter::laws::edge;
use amtsbote_adapter::laws::format::{self, Bench, deployed, read_package};
use amtsbote_adapter::{Format, Package};
use amtsbote_adapter_container::Container;
use amtsbote_validate::json::{Schema, Strings};

struct Packages;

fn package(name: &str) -> Package {
    read_package(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/packages")
            .join(name),
    )
}

fn with(name: &str, key: &str, value: impl Into<toml::Value>) -> Package {
    let mut package = package(name);
    package.settings.insert(key.to_owned(), value.into());
    package
}

impl Bench for Packages {
    fn format(&self) -> Box<dyn Format> {
        Box::new(Container)
    }

    fn packages(&self) -> Vec<Package> {
        vec![package("ordner"), package("eine-datei"), package("benannt")]
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        let mut malformed = package("eine-datei");
        malformed
            .files
            .insert("antrag.xml".to_owned(), b"<antrag>".to_vec());
        let mut bad_codes = package("eine-datei");
        bad_codes
            .files
            .insert("codes/art.toml".to_owned(), b"[codes]\nneu = 1".to_vec());
        vec![
            ("an unknown setting", with("ordner", "colour", "red")),
            ("an unknown layout", with("ordner", "layout", "zip")),
            (
                "a template without XML",
                with("eine-datei", "layout", "folder"),
            ),
            (
                "a template that is not there",
                with("eine-datei", "template", "other.xml"),
            ),
            ("data in one file", with("ordner", "layout", "one-file")),
            (
                "no data at all",
                with("ordner", "data", toml::value::Array::new()),
            ),
            (
                "a file name that leaves the folder",
                with("ordner", "file", "../antrag"),
            ),
            (
                "a root that is no element",
                with("ordner", "root", "1 antrag"),
            ),
            ("a malformed template", malformed),
            ("a faulty code map", bad_codes),
        ]
    }
}

amtsbote_adapter::format_laws!(Packages);

/// The municipalities' packages.
struct Deployed;

impl Bench for Deployed {
    fn format(&self) -> Box<dyn Format> {
        Box::new(Container)
    }

    fn packages(&self) -> Vec<Package> {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
        deployed(&deploy, "container")
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        Vec::new()
    }
}

#[test]
fn every_value_of_the_municipalities_containers_is_explained() {
    format::every_value_is_explained(&Deployed);
    format::every_input_is_used_or_listed_as_lost(&Deployed);
    format::whatever_is_left_out_the_rest_stays_explained(&Deployed);
}

#[test]
fn a_changed_expectation_fails_by_file_and_line() {
    let mut package = package("ordner");
    let path = "examples/mit-anlagen/expected/antrag.xml";
    let text = String::from_utf8_lossy(&package.files[path]).replace("12.5", "12.6");
    package.files.insert(path.to_owned(), text.into_bytes());
    package.files.insert(
        "examples/mit-anlagen/expected/left.txt".to_owned(),
        Vec::new(),
    );
    package
        .files
        .insert("examples/vergessen/input.json".to_owned(), b"{}".to_vec());
    let report = package.check(&Container);
    assert!(!report.passed());
    let text = report.to_string();
    assert!(text.contains("antrag.xml:7 differs"), "{text}");
    assert!(text.contains("expected/left.txt is there"), "{text}");
    assert!(text.contains("examples/vergessen"), "{text}");
}

/// Applications for each package; `AMTSBOTE_LONG=1` tries many more.
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told by the environment how long it may take"
)]
fn rounds() -> usize {
    if std::env::var_os("AMTSBOTE_LONG").is_some() {
        300
    } else {
        6
    }
}

#[test]
fn whatever_a_service_takes_is_handed_over_and_explained() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let compile = |bytes: &[u8]| -> edge::Check {
        let schema = Schema::compile_with(bytes, Strings::GroupC).unwrap();
        Box::new(move |data| schema.check(data))
    };
    let refused = edge::refusals(&Deployed, &schemas, rounds(), compile);
    assert!(refused.is_empty(), "refused though valid: {refused:#?}");
}

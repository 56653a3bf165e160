//! The laws of formats, for JSON.

use std::path::Path;

use amtsbote_adapter::laws::edge;
use amtsbote_adapter::laws::format::{Bench, deployed, read_package};
use amtsbote_adapter::{Format, Package};
use amtsbote_adapter_json::Json;
use amtsbote_validate::json::{Schema, Strings};

struct Packages;

fn package(name: &str) -> Package {
    read_package(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/packages")
            .join(name),
    )
}

fn with(key: &str, value: &str) -> Package {
    let mut package = package("rest");
    package.settings.insert(key.to_owned(), value.into());
    package
}

fn sample(from: &str, to: &str) -> Package {
    let mut package = package("rest");
    let text = String::from_utf8_lossy(&package.files["vorgang.json"]).into_owned();
    assert!(text.contains(from), "{from}");
    package.files.insert(
        "vorgang.json".to_owned(),
        text.replacen(from, to, 1).into_bytes(),
    );
    package
}

impl Bench for Packages {
    fn format(&self) -> Box<dyn Format> {
        Box::new(Json)
    }

    fn packages(&self) -> Vec<Package> {
        vec![package("rest"), package("zeile"), package("benannt")]
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        vec![
            ("an unknown setting", with("colour", "red")),
            ("an unknown form", with("form", "pretty")),
            ("a file that leaves the folder", with("file", "../x.json")),
            (
                "a folder that leaves the folder",
                with("attachments", "a/../b"),
            ),
            ("a sample that is not there", with("template", "other.json")),
            ("a sample that is no JSON", sample("{", "")),
            ("an unknown word", sample("$codes", "$code")),
            ("an unknown code map", sample("\"art\" }", "\"arten\" }")),
            ("an unknown conversion", sample("date:", "datum:")),
            ("an expression that is none", sample(".kinder", ".[")),
            (
                "a repeated member that is no item",
                sample("\"$empty\": \"drop\"", "\"$each\": \".x\""),
            ),
        ]
    }
}

amtsbote_adapter::format_laws!(Packages);

/// The municipalities' packages.
struct Deployed;

impl Bench for Deployed {
    fn format(&self) -> Box<dyn Format> {
        Box::new(Json)
    }

    fn packages(&self) -> Vec<Package> {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
        deployed(&deploy, "json")
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        Vec::new()
    }
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

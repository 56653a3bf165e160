//! The laws of formats, for CSV and fixed width.

use std::path::Path;

use amtsbote_adapter::laws::format::{Bench, read_package};
use amtsbote_adapter::{Format, Package};
use amtsbote_adapter_table::Table;

struct Packages;

fn package(name: &str) -> Package {
    read_package(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/packages")
            .join(name),
    )
}

fn with(name: &str, key: &str, value: &str) -> Package {
    let mut package = package(name);
    package.settings.insert(key.to_owned(), value.into());
    package
}

fn columns(name: &str, file: &str, from: &str, to: &str) -> Package {
    let mut package = package(name);
    let text = String::from_utf8_lossy(&package.files[file]).into_owned();
    assert!(text.contains(from), "{from}");
    package
        .files
        .insert(file.to_owned(), text.replacen(from, to, 1).into_bytes());
    package
}

impl Bench for Packages {
    fn format(&self) -> Box<dyn Format> {
        Box::new(Table)
    }

    fn packages(&self) -> Vec<Package> {
        vec![package("csv"), package("fest")]
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        vec![
            ("an unknown setting", with("csv", "colour", "red")),
            ("an unknown encoding", with("csv", "encoding", "ebcdic")),
            ("a letter as separator", with("csv", "separator", "a")),
            ("a quote as separator", with("csv", "separator", "\"")),
            ("a width's unit in CSV", with("csv", "width_in", "bytes")),
            ("a separator in fixed width", with("fest", "separator", ";")),
            ("breaks in fixed width", with("fest", "line_breaks", "keep")),
            (
                "a file that leaves the folder",
                with("csv", "file", "../x.csv"),
            ),
            (
                "a column list that is not there",
                with("csv", "columns", "other.toml"),
            ),
            (
                "a field without width",
                columns("fest", "saetze.toml", "width = 1\n", ""),
            ),
            (
                "names in fixed width",
                columns(
                    "fest",
                    "saetze.toml",
                    "[[before]]",
                    "header = true\n[[before]]",
                ),
            ),
            (
                "a constant the encoding lacks",
                columns("csv", "spalten.toml", "Summe", "Сумма"),
            ),
            (
                "a name the encoding lacks",
                columns("csv", "spalten.toml", "RASSE", "ПОРОДА"),
            ),
            (
                "an unknown conversion",
                columns("csv", "spalten.toml", "number:0,00", "money"),
            ),
        ]
    }
}

amtsbote_adapter::format_laws!(Packages);

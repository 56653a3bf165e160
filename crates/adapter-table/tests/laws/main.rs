//! The laws of formats, for CSV and fixed width.

#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod faulty;
mod read;

use std::path::Path;

use amtsbote_adapter::laws::edge;
use amtsbote_adapter::laws::explained::Leaf;
use amtsbote_adapter::laws::format::{self, Bench, deployed, read_package};
use amtsbote_adapter::{Encoding, Format, Package, ParcelFile};
use amtsbote_adapter_table::Table;
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
        vec![
            package("csv"),
            package("dos"),
            package("fest"),
            package("satzarten"),
            package("schluessel"),
            package("properties"),
            package("segmente"),
            package("segmente-hl7"),
            package("benannt"),
        ]
    }

    fn leaves(&self, package: &Package, _: &ParcelFile, bytes: &[u8]) -> Vec<Leaf> {
        cells(package, bytes)
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        [faulty::cells(), faulty::sections(), faulty::segments()].concat()
    }
}

amtsbote_adapter::format_laws!(Packages);

/// The municipalities' packages.
struct Deployed;

impl Bench for Deployed {
    fn format(&self) -> Box<dyn Format> {
        Box::new(Table)
    }

    fn packages(&self) -> Vec<Package> {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
        deployed(&deploy, "table")
    }

    fn leaves(&self, package: &Package, _: &ParcelFile, bytes: &[u8]) -> Vec<Leaf> {
        cells(package, bytes)
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        Vec::new()
    }
}

#[test]
fn every_cell_of_the_municipalities_is_explained() {
    format::every_value_is_explained(&Deployed);
    format::every_input_is_used_or_listed_as_lost(&Deployed);
    format::whatever_is_left_out_the_rest_stays_explained(&Deployed);
}

/// The cells of a file as they stand there, with quotes and padding: what the writer did is to be explained, too.
fn cells(package: &Package, bytes: &[u8]) -> Vec<Leaf> {
    let setting = |key: &str| package.settings.get(key).and_then(toml::Value::as_str);
    let mut leaves = Vec::new();
    let mut bytes = bytes;
    if let Some(end) = setting("end_of_file") {
        bytes = bytes.strip_suffix(b"\x1a").unwrap();
        leaves.push(("file[1]/@end_of_file".to_owned(), end.to_owned()));
    }
    leaves.extend(values(
        package,
        &text_of(setting("encoding").unwrap(), bytes),
    ));
    leaves
}

fn text_of(encoding: &str, bytes: &[u8]) -> String {
    if encoding.starts_with("cp") {
        // No other implementation of code pages is at hand; the table has its own test.
        return Encoding::named(encoding).unwrap().shown(bytes);
    }
    let label = encoding.trim_end_matches("-bom");
    let (text, _, lossy) = encoding_rs::Encoding::for_label(label.as_bytes())
        .unwrap()
        .decode(bytes);
    assert!(!lossy);
    text.into_owned()
}

fn values(package: &Package, text: &str) -> Vec<Leaf> {
    let setting = |key: &str| package.settings.get(key).and_then(toml::Value::as_str);
    let list: toml::Table =
        toml::from_str(package.text(setting("columns").unwrap()).unwrap()).unwrap();
    match setting("kind") {
        Some("keys") => {
            let separator = setting("separator").unwrap_or("=");
            return read::keys(&list, text, separator.trim());
        }
        Some("segments") => return read::segments(&list, text, &package.settings),
        _ => {}
    }
    let fields = |group: &str| list.get(group).and_then(toml::Value::as_array).cloned();
    let fixed = setting("kind") == Some("fixed");
    let records = if fixed {
        text.lines().map(|line| vec![line.to_owned()]).collect()
    } else {
        let separator = setting("separator").unwrap_or(";").chars().next().unwrap();
        csv_records(text, separator)
    };
    if list.contains_key("record") {
        let lines: Vec<&str> = text.lines().collect();
        return kinds(&list, &lines);
    }
    let header = list.get("header").and_then(toml::Value::as_bool) == Some(true);
    let first_row = usize::from(header) + usize::from(fields("before").is_some());
    let last_row = records.len() - usize::from(fields("after").is_some());
    let mut leaves = Vec::new();
    for (index, record) in records.into_iter().enumerate() {
        let (group, place) = match index {
            0 if header => ("column", "header".to_owned()),
            index if index < first_row => ("before", "before".to_owned()),
            index if index < last_row => ("column", format!("row[{}]", index + 1 - first_row)),
            _ => ("after", "after".to_owned()),
        };
        let fields = fields(group).unwrap();
        let record = if fixed {
            columns_of(&record[0], &fields)
        } else {
            record
        };
        assert_eq!(record.len(), fields.len(), "{}: {place}", package.name);
        for (field, cell) in fields.iter().zip(record) {
            let name = field["name"].as_str().unwrap();
            leaves.push((format!("{place}/{name}"), cell));
        }
    }
    leaves
}

/// The fields of lines whose kind their first field tells, as a reader of the procedure sees them.
fn kinds(list: &toml::Table, lines: &[&str]) -> Vec<Leaf> {
    fn all<'a>(table: &'a toml::Table, into: &mut Vec<&'a toml::Table>) {
        let records = table.get("record").and_then(toml::Value::as_array);
        for record in records.into_iter().flatten() {
            into.push(record.as_table().unwrap());
            all(record.as_table().unwrap(), into);
        }
    }
    let mut known = Vec::new();
    all(list, &mut known);
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    let mut leaves = Vec::new();
    for line in lines {
        let of_kind = |record: &&&toml::Table| {
            let word = record["field"][0]["text"].as_str().unwrap();
            line.starts_with(word)
        };
        let record = known.iter().find(of_kind).unwrap();
        let name = record["name"].as_str().unwrap();
        let nth = seen.entry(name).or_default();
        *nth += 1;
        let fields = record["field"].as_array().unwrap();
        let width: i64 = fields
            .iter()
            .map(|field| field["width"].as_integer().unwrap())
            .sum();
        assert_eq!(
            line.chars().count(),
            usize::try_from(width).unwrap(),
            "{name}"
        );
        for (field, cell) in fields.iter().zip(columns_of(line, fields)) {
            let field = field["name"].as_str().unwrap();
            leaves.push((format!("{name}[{nth}]/{field}"), cell));
        }
    }
    leaves
}

fn columns_of(line: &str, fields: &[toml::Value]) -> Vec<String> {
    let mut rest = line.chars();
    let mut cell = |field: &toml::Value| {
        let width = usize::try_from(field["width"].as_integer().unwrap()).unwrap();
        rest.by_ref().take(width).collect()
    };
    fields.iter().map(&mut cell).collect()
}

/// RFC 4180, with any separator; cells keep their quotes.
fn csv_records(text: &str, separator: char) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let (mut record, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                cell.push_str("\"\"");
            }
            '"' => {
                quoted = !quoted;
                cell.push(c);
            }
            c if c == separator && !quoted => record.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            '\r' if !quoted => {}
            c => cell.push(c),
        }
    }
    assert!(cell.is_empty() && record.is_empty(), "a last line end");
    records
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
    let mut refused = edge::refusals(&Deployed, &schemas, rounds(), compile);
    // The file's encoding and its columns are narrower than the service: that is said.
    refused.retain(|finding, _| {
        let narrower = [": table-unmappable /", ": translate-too-wide /"];
        !narrower.iter().any(|rule| finding.contains(rule))
    });
    assert!(refused.is_empty(), "refused though valid: {refused:#?}");
}

#[test]
fn what_a_file_has_no_way_to_write_is_found_by_its_place() {
    let report = toml::toml! { escape = "report" };
    for (package, at, rule) in [
        (
            with("segmente", "segments", report),
            "/halter",
            "table-separator-inside",
        ),
        (
            with("schluessel", "line_breaks", "blank"),
            "/halter",
            "table-quote-inside",
        ),
        (
            with("schluessel", "line_breaks", "report"),
            "/hunde/0/bemerkung",
            "table-line-break",
        ),
        (
            with("segmente", "line_breaks", "report"),
            "/hunde/0/bemerkung",
            "table-line-break",
        ),
    ] {
        let preview = package.preview(&Table, "zwei-hunde").unwrap();
        let found = preview.findings.iter().find(|found| found.rule == rule);
        let found = found.unwrap_or_else(|| panic!("{rule}: {:?}", preview.findings));
        assert_eq!(found.at, at);
        assert_ne!(found.detail.de, found.detail.en);
    }
}

#[test]
fn names_of_columns_stand_bare_above_quoted_texts_if_the_package_says_so() {
    let (from, bare) = ("each", "header = true\nheader_quoted = false\neach");
    let package = columns("dos", "spalten.toml", from, bare);
    let preview = package.preview(&Table, "zwei-hunde").unwrap();
    let text = text_of("cp850", &preview.files["HUNDE.TXT"]);
    let mut lines = text.lines();
    let head = lines.next().unwrap();
    assert!(head.starts_with("NR,SATZ,HALTER,"), "{head}");
    assert!(!head.contains('"'), "{head}");
    let row = lines.next().unwrap();
    assert!(row.starts_with("1,\"01\",\""), "{row}");

    let mut unquoted = columns("dos", "spalten.toml", from, bare);
    unquoted
        .settings
        .insert("quote".to_owned(), "needed".into());
    let refused = Table.open(&unquoted).err().unwrap();
    let at = "spalten.toml: header_quoted";
    assert!(
        refused.iter().any(|finding| finding.at == at),
        "{refused:?}"
    );
}

#[test]
fn a_heading_stands_in_the_line_of_names_instead_of_the_name() {
    let (name, bare) = ("name = \"RASSE\"\n", "name = \"RASSE\"\nheading = \"\"\n");
    let package = columns("csv", "spalten.toml", name, bare);
    let preview = package.preview(&Table, "zwei-hunde").unwrap();
    let text = text_of("windows-1252", &preview.files["hunde.csv"]);
    let head = text.lines().next().unwrap();
    assert!(head.starts_with("NR;HALTER;;"), "{head}");
}

//! The laws of target formats.

#![expect(
    clippy::missing_panics_doc,
    reason = "a law panics where it is broken; that is its answer"
)]

use std::collections::BTreeMap;
use std::path::Path;

use amtsbote_problem::Findings;
use amtsbote_translate::{Lineage, Root};
use serde_json::Value;

use super::explained::{self, Leaf};
use crate::check::collect;
use crate::example::Case;
use crate::{Files, Format, Mapping, Package, ParcelFile, Product};

const MARK: &str = "Geheimnis\u{b}7f3a";

/// A format with packages to try it on.
pub trait Bench {
    /// The format.
    fn format(&self) -> Box<dyn Format>;

    /// Packages in good order, with examples.
    fn packages(&self) -> Vec<Package>;

    /// Packages the format has to refuse, each with a word on why.
    fn faulty(&self) -> Vec<(&'static str, Package)>;

    /// The values of a file that is neither XML nor JSON, by their outputs in the lineage; empty ones may be left out.
    fn leaves(&self, package: &Package, file: &ParcelFile, bytes: &[u8]) -> Vec<Leaf> {
        let _ = bytes;
        panic!("{}: {file:?} needs a reader", package.name)
    }
}

/// Reads a package from its folder.
pub fn read_package(folder: &Path) -> Package {
    let mut files = Files::new();
    read_below(folder, "", &mut files);
    Package::parse(files).unwrap_or_else(|findings| panic!("{}: {findings:?}", folder.display()))
}

/// The packages of one format in any folder below `folder`.
pub fn deployed(folder: &Path, format: &str) -> Vec<Package> {
    if folder.join("package.toml").exists() {
        let package = read_package(folder);
        return if package.format == format {
            vec![package]
        } else {
            Vec::new()
        };
    }
    let mut inside: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter(|path| path.is_dir())
        .collect();
    inside.sort();
    inside
        .iter()
        .flat_map(|path| deployed(path, format))
        .collect()
}

fn read_below(folder: &Path, prefix: &str, files: &mut Files) {
    for entry in std::fs::read_dir(folder).expect("the package's folder") {
        let path = entry.expect("an entry of the package's folder").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            read_below(&path, &format!("{prefix}{name}/"), files);
        } else {
            files.insert(
                format!("{prefix}{name}"),
                std::fs::read(&path).expect("a file of the package"),
            );
        }
    }
}

pub(super) fn mapping(bench: &impl Bench, package: &Package) -> Box<dyn Mapping> {
    bench
        .format()
        .open(package)
        .expect("a package in good order")
}

fn bytes(product: &Product) -> BTreeMap<String, Vec<u8>> {
    let read = |file: &ParcelFile| {
        (
            file.path.as_str().to_owned(),
            collect(file).expect("in memory"),
        )
    };
    product.files.iter().map(read).collect()
}

/// Runs `with` on every example that can be translated; at least one has to be.
pub(super) fn each_product(
    bench: &impl Bench,
    mut with: impl FnMut(&Package, &dyn Mapping, &Value, Product),
) {
    let mut some = false;
    for package in bench.packages() {
        let mapping = mapping(bench, &package);
        for example in &package.examples {
            let case = Case::read(&package, &example.name).expect("an example in good order");
            let opened = case.opened(&package);
            if let Ok(product) = mapping.translate(&opened) {
                some = true;
                assert!(!product.files.is_empty());
                with(&package, mapping.as_ref(), opened.data.reveal(), product);
            }
        }
    }
    assert!(some, "no example was translated");
}

/// The packages' own tests pass.
pub fn the_examples_pass(bench: &impl Bench) {
    for package in bench.packages() {
        let report = package.check(bench.format().as_ref());
        assert!(report.passed(), "{}:\n{report}", package.name);
    }
}

/// The same input gives the same bytes, also from a mapping opened anew.
pub fn the_same_input_gives_the_same_bytes(bench: &impl Bench) {
    for package in bench.packages() {
        for example in &package.examples {
            let case = Case::read(&package, &example.name).expect("an example in good order");
            let runs = [mapping(bench, &package), mapping(bench, &package)];
            let made: Vec<_> = runs
                .iter()
                .flat_map(|mapping| {
                    [
                        mapping.translate(&case.opened(&package)),
                        mapping.translate(&case.opened(&package)),
                    ]
                })
                .map(|outcome| {
                    outcome.map(|product| (bytes(&product), product.lineage, product.losses))
                })
                .collect();
            assert!(
                made.windows(2).all(|two| two[0] == two[1]),
                "{}/{}",
                package.name,
                example.name
            );
        }
    }
}

/// Each value of each file has a lineage with its input, its constant of the template (file and line) or what the format
/// makes it of; each lineage has its output.
pub fn every_value_is_explained(bench: &impl Bench) {
    each_product(bench, |package, _, data, product| {
        explained::check(package, data, &product, |file, bytes| {
            bench.leaves(package, file, bytes)
        });
    });
}

/// With each leaf and each branch of the data left out in turn: whatever is still translated stays explained both ways.
pub fn whatever_is_left_out_the_rest_stays_explained(bench: &impl Bench) {
    for package in bench.packages() {
        let mapping = mapping(bench, &package);
        let read =
            || Case::read(&package, &package.examples[0].name).expect("an example in good order");
        let data = read().opened(&package).data.reveal().clone();
        let mut places = Vec::new();
        collect_places(&data, "", &mut places);
        for place in places {
            let mut data = data.clone();
            remove(&mut data, &place);
            let case = read().with_data(data);
            let opened = case.opened(&package);
            if let Ok(product) = mapping.translate(&opened) {
                let data = opened.data.reveal();
                explained::check(&package, data, &product, |file, bytes| {
                    bench.leaves(&package, file, bytes)
                });
                nothing_vanishes(&package, data, &product);
            }
        }
    }
}

/// Translates the first example of `package` with `mapping`. What comes out is explained both ways; its files by path, those of an archive
/// out of it. What is refused is refused with findings that have a text.
///
/// # Errors
/// What the mapping found.
pub fn translated_and_explained(
    bench: &impl Bench,
    mapping: &dyn Mapping,
    package: &Package,
) -> Result<Files, Findings> {
    let case = Case::read(package, &package.examples[0].name).expect("an example in good order");
    let opened = case.opened(package);
    let product = match mapping.translate(&opened) {
        Ok(product) => product,
        Err(findings) => {
            let is_told = |finding: &amtsbote_problem::Finding| {
                !finding.detail.de.is_empty() && !finding.detail.en.is_empty()
            };
            assert!(!findings.is_empty() && findings.iter().all(is_told));
            return Err(findings);
        }
    };
    let data = opened.data.reveal();
    explained::check(package, data, &product, |file, bytes| {
        bench.leaves(package, file, bytes)
    });
    nothing_vanishes(package, data, &product);
    let files = product.files.iter().flat_map(explained::inside);
    Ok(files
        .map(|file| {
            let bytes = collect(file).expect("in memory");
            (file.path.as_str().to_owned(), bytes)
        })
        .collect())
}

fn collect_places(value: &Value, at: &str, places: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        Value::Array(items) => {
            let item = |(index, item)| (format!("{at}/{index}"), item);
            items.iter().enumerate().map(item).collect()
        }
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| {
                let key = key.replace('~', "~0").replace('/', "~1");
                (format!("{at}/{key}"), member)
            })
            .collect(),
    };
    for (at, value) in below {
        collect_places(value, &at, places);
        places.push(at);
    }
}

fn remove(data: &mut Value, place: &str) {
    let (above, last) = place.rsplit_once('/').expect("a place below the root");
    match data.pointer_mut(above).expect("a branch of this data") {
        Value::Array(items) => {
            items.remove(last.parse().expect("an index"));
        }
        Value::Object(members) => {
            members.remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Each leaf of the data that holds something has an output that names it as source, or is listed as lost, or is left
/// out on purpose; and each lineage names an output.
pub fn every_input_is_used_or_listed_as_lost(bench: &impl Bench) {
    each_product(bench, |package, _, data, product| {
        nothing_vanishes(package, data, &product);
    });
}

fn nothing_vanishes(package: &Package, data: &Value, product: &Product) {
    assert!(!product.lineage.is_empty());
    let mut leaves = Vec::new();
    collect_leaves(data, "", &mut leaves);
    for leaf in leaves {
        let used = product.lineage.iter().any(|lineage| names(lineage, &leaf));
        let lost = product.losses.contains(&leaf);
        let ignored = package.ignore.iter().any(|pattern| matches(pattern, &leaf));
        assert!(used || lost || ignored, "{}: {leaf} vanished", package.name);
    }
}

fn names(lineage: &Lineage, leaf: &str) -> bool {
    let covers = |pointer: &str| {
        leaf.strip_prefix(pointer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    lineage
        .sources
        .iter()
        .any(|place| place.root() == Root::Data && covers(place.pointer()))
}

fn matches(pattern: &str, leaf: &str) -> bool {
    let (mut want, mut is) = (pattern.split('/'), leaf.split('/'));
    want.all(|part| is.next().is_some_and(|here| part == "*" || part == here))
}

fn collect_leaves(value: &Value, at: &str, leaves: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => leaves.push(at.to_owned()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_leaves(item, &format!("{at}/{index}"), leaves);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect_leaves(member, &format!("{at}/{key}"), leaves);
            }
        }
    }
}

/// Every leaf in turn becomes a marked text that fits nothing (with a character no XML can hold), then a list of it:
/// whatever is found, no finding tells the value.
pub fn findings_never_carry_values(bench: &impl Bench) {
    let mut refused = 0_usize;
    for package in bench.packages() {
        let mapping = mapping(bench, &package);
        let mut leaves = Vec::new();
        let read =
            || Case::read(&package, &package.examples[0].name).expect("an example in good order");
        let case = read();
        let data = case.opened(&package).data.reveal().clone();
        collect_leaves(&data, "", &mut leaves);
        for leaf in leaves {
            for bad in [
                Value::from(MARK.repeat(50)),
                Value::from(vec![MARK, MARK]),
                Value::from(format!("{MARK}\u{1f4a5}")),
            ] {
                let mut data = data.clone();
                *data.pointer_mut(&leaf).expect("a leaf of this data") = bad;
                let case = read().with_data(data);
                if let Err(findings) = mapping.translate(&case.opened(&package)) {
                    refused += 1;
                    assert_no_values(&findings, &leaf);
                }
            }
        }
    }
    assert!(
        refused > 0 || bench.packages().is_empty(),
        "no bad value was ever refused: the law saw nothing"
    );
}

/// Texts that break files where nobody thinks of them: characters no XML holds, marks of byte order, directions and joins, what
/// markup and tables take for their own, letters outside DIN 91379, and sheer length.
const ODD: [&str; 17] = [
    "\u{0}",
    "\u{b}\u{1f}",
    "\u{7f}\u{85}\u{9f}",
    "\u{feff}",
    "\u{fffe}\u{ffff}",
    "\u{202e}\u{202c}\u{200f}",
    "\u{200b}\u{200d}\u{ad}",
    "\u{2028}\u{2029}",
    "\u{1f468}\u{200d}\u{1f469}\u{1f4a5}",
    "\u{e000}\u{e001}",
    "\u{10ffff}\u{fdd0}",
    "\r\n\t\r",
    "]]><!--<?x?>&amp;&#0;</a>",
    "\"';\t,|=cmd()",
    "e\u{301}\u{327}\u{30c}",
    "Жуков 漢字 שלום",
    "   ",
];

/// Whatever a text holds, the document is well formed and has it to the letter (or tells what was changed), or there is a finding that
/// does not tell it.
pub fn odd_texts_are_found_or_written_to_the_letter(bench: &impl Bench) {
    let (mut refused, mut written) = (0_usize, 0_usize);
    for package in bench.packages() {
        let mapping = mapping(bench, &package);
        let read =
            || Case::read(&package, &package.examples[0].name).expect("an example in good order");
        let data = read().opened(&package).data.reveal().clone();
        let mut leaves = Vec::new();
        collect_leaves(&data, "", &mut leaves);
        let is_text = |leaf: &String| data.pointer(leaf).is_some_and(Value::is_string);
        let long = "ä".repeat(70_000);
        leaves.retain(is_text);
        // Each odd text in about three places: all of them in all places takes minutes and shows no more.
        let step = leaves.len().div_ceil(3).max(1);
        for (nr, odd) in ODD.into_iter().chain([long.as_str()]).enumerate() {
            for leaf in leaves.iter().skip(nr % step).step_by(step) {
                let mut data = data.clone();
                let text = data.pointer_mut(leaf).expect("a leaf of this data");
                *text = Value::from(format!("Geheimnis{odd}Ada"));
                let case = read().with_data(data);
                let opened = case.opened(&package);
                match mapping.translate(&opened) {
                    Ok(product) => {
                        written += 1;
                        let data = opened.data.reveal();
                        explained::check(&package, data, &product, |file, bytes| {
                            bench.leaves(&package, file, bytes)
                        });
                        nothing_vanishes(&package, data, &product);
                    }
                    Err(findings) => {
                        refused += 1;
                        assert_no_values(&findings, leaf);
                    }
                }
            }
        }
    }
    let is_seen = refused > 0 && written > 0;
    assert!(
        is_seen || bench.packages().is_empty(),
        "{refused} refused, {written} written"
    );
}

fn assert_no_values(findings: &Findings, leaf: &str) {
    assert!(!findings.is_empty());
    let printed = format!("{findings:?}");
    assert!(
        !printed.contains("Geheimnis") && !printed.contains("7f3a"),
        "a finding about {leaf} tells its value"
    );
}

/// What is wrong with a package is found when it is opened, with findings.
pub fn a_faulty_package_is_refused_when_opened(bench: &impl Bench) {
    let faulty = bench.faulty();
    assert!(!faulty.is_empty());
    for (why, package) in faulty {
        match bench.format().open(&package) {
            Ok(_) => panic!("opened although: {why}"),
            Err(findings) => assert!(!findings.is_empty(), "{why}"),
        }
        assert!(!package.check(bench.format().as_ref()).passed(), "{why}");
    }
}

/// A package that names another format never runs.
pub fn a_package_for_another_format_is_refused(bench: &impl Bench) {
    for mut package in bench.packages() {
        package.format.push('x');
        assert!(!package.check(bench.format().as_ref()).passed());
    }
}

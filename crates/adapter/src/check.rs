//! Runs a package's examples: the test that decides whether it may be activated.
//!
//! Examples are invented, so a difference shows the lines. Layout of an example: see `example.rs` and the README.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::Lineage;
use futures_util::FutureExt as _;

use crate::example::Case;
use crate::placement::Names;
use crate::{Example, Files, Format, Mapping, Opened, Package, ParcelFile, Piece, Product};

/// In front of what stands in a destination's settings.
const RECEIVER: &str = "$receiver";
const LOSSES: &str = "losses.txt";
const FINDINGS: &str = "findings.txt";

/// What the examples of a package gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What is wrong with the package itself; then no example ran.
    pub faults: Findings,
    /// One per example, in the package's order.
    pub results: Vec<ExampleResult>,
}

/// What one example gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleResult {
    /// Name of the example.
    pub name: String,
    /// Findings of an example that should have been translated, or of its own files.
    pub findings: Findings,
    /// Where the output is not as expected.
    pub differences: Vec<Difference>,
}

/// Where the output of an example is not as expected. Paths are below `expected/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Expected, but not made.
    NotMade {
        /// The file.
        path: String,
    },
    /// Made, but not expected.
    NotExpected {
        /// The file.
        path: String,
    },
    /// Not the same bytes.
    Content {
        /// The file.
        path: String,
        /// First line that differs, from 1.
        line: usize,
        /// That line as expected (cut to 200 characters).
        expected: String,
        /// That line as made (cut to 200 characters).
        made: String,
    },
}

/// What an example gives, to look at or to keep as expected output.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The product's files, and `losses.txt` or `findings.txt` if there are any. Paths are below `expected/`.
    pub files: Files,
    /// What lineage calls each file of the parcel (`file[1]`, in an archive `file[1]/entry[1]`), and its path.
    pub parcel: Vec<(String, String)>,
    /// Which output came from which input.
    pub lineage: Vec<Lineage>,
    /// Inputs that no output used, sorted.
    pub losses: Vec<String>,
    /// Why the submission was refused; then there are no files of a product.
    pub findings: Findings,
}

impl Report {
    /// Whether the package may be activated.
    pub fn passed(&self) -> bool {
        self.faults.is_empty() && self.results.iter().all(ExampleResult::passed)
    }
}

impl ExampleResult {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.findings.is_empty() && self.differences.is_empty()
    }
}

impl Package {
    /// Runs all examples. A package whose report has not passed may not be activated.
    pub fn check(&self, format: &dyn Format) -> Report {
        match self.compile(format) {
            Err(faults) => Report {
                faults,
                results: Vec::new(),
            },
            Ok(mapping) => Report {
                faults: self.unlisted(),
                results: self
                    .examples
                    .iter()
                    .map(|example| self.run(mapping.as_ref(), example))
                    .collect(),
            },
        }
    }

    /// What the example `name` gives, whatever is expected.
    pub fn preview(&self, format: &dyn Format, name: &str) -> Result<Preview, Findings> {
        self.preview_called(format, name, &Names::Paths)
    }

    /// The same for a way that has documents call the files so.
    pub fn preview_called(
        &self,
        format: &dyn Format,
        name: &str,
        names: &Names,
    ) -> Result<Preview, Findings> {
        let mapping = self.compile(format)?;
        self.preview_with(mapping.as_ref(), name, names)
    }

    /// What a destination does not name, or names in a way the package cannot use: findings of the examples with that `$receiver`
    /// instead of their own, each place and rule once. What no example reaches is not found.
    pub fn lacking(&self, mapping: &dyn Mapping, receiver: &serde_json::Value) -> Findings {
        let mut seen = BTreeSet::new();
        let cases = self
            .examples
            .iter()
            .filter_map(|example| Case::read(self, &example.name).ok());
        let of_receiver = |finding: &Finding| finding.at.starts_with(RECEIVER);
        cases
            .filter_map(|case| {
                let opened = Opened {
                    receiver,
                    ..case.opened(self)
                };
                mapping.translate(&opened).err()
            })
            .flatten()
            .filter(of_receiver)
            .filter(|finding| seen.insert((finding.at.clone(), finding.rule.clone())))
            .collect()
    }

    /// The files below `examples/*/expected/` that would make every example pass, with their full paths. The caller
    /// replaces what is there; a person has to look at them first.
    pub fn bless(&self, format: &dyn Format) -> Result<Files, Findings> {
        let mapping = self.compile(format)?;
        let mut files = Files::new();
        for example in &self.examples {
            let preview = self.preview_with(mapping.as_ref(), &example.name, &Names::Paths)?;
            for (path, bytes) in preview.files {
                files.insert(format!("examples/{}/expected/{path}", example.name), bytes);
            }
        }
        Ok(files)
    }

    fn compile(&self, format: &dyn Format) -> Result<Box<dyn Mapping>, Findings> {
        if self.format != format.name() {
            return Err(vec![fault(
                "package.toml",
                "format",
                "das Paket ist für ein anderes Zielformat",
                "the package is for another format",
            )]);
        }
        format.open(self)
    }

    fn unlisted(&self) -> Findings {
        let listed: BTreeSet<&str> = self
            .examples
            .iter()
            .map(|example| example.name.as_str())
            .collect();
        let folders = self
            .files
            .keys()
            .filter_map(|path| path.strip_prefix("examples/")?.split_once('/'));
        let unlisted: BTreeSet<&str> = folders
            .map(|(folder, _)| folder)
            .filter(|folder| !listed.contains(folder))
            .collect();
        unlisted
            .into_iter()
            .map(|folder| {
                fault(
                    &format!("examples/{folder}"),
                    "unlisted",
                    "das Beispiel fehlt in package.toml ([[example]])",
                    "the example is not listed in package.toml ([[example]])",
                )
            })
            .collect()
    }

    fn run(&self, mapping: &dyn Mapping, example: &Example) -> ExampleResult {
        let name = example.name.clone();
        match self.preview_with(mapping, &name, &Names::Paths) {
            Err(findings) => ExampleResult {
                name,
                findings,
                differences: Vec::new(),
            },
            Ok(preview) => {
                let expected = self.expected(&name);
                // A refusal nobody expected is told in full, not as a missing file.
                let refused = !preview.findings.is_empty() && !expected.contains_key(FINDINGS);
                let differences = if refused {
                    Vec::new()
                } else {
                    differences(&expected, &preview.files)
                };
                ExampleResult {
                    name,
                    findings: if refused {
                        preview.findings
                    } else {
                        Vec::new()
                    },
                    differences,
                }
            }
        }
    }

    fn expected(&self, name: &str) -> BTreeMap<&str, &[u8]> {
        let prefix = format!("examples/{name}/expected/");
        self.files
            .iter()
            .filter_map(|(path, bytes)| Some((path.strip_prefix(&prefix)?, bytes.as_slice())))
            .collect()
    }

    fn preview_with(
        &self,
        mapping: &dyn Mapping,
        name: &str,
        names: &Names,
    ) -> Result<Preview, Findings> {
        let case = Case::read(self, name)?;
        let opened = Opened {
            names,
            ..case.opened(self)
        };
        match mapping.translate(&opened) {
            Ok(product) => preview(product, name),
            Err(findings) => {
                let files = Files::from([(
                    FINDINGS.to_owned(),
                    lines(findings.iter().map(|f| format!("{} {}", f.rule, f.at))),
                )]);
                Ok(Preview {
                    files,
                    parcel: Vec::new(),
                    lineage: Vec::new(),
                    losses: Vec::new(),
                    findings,
                })
            }
        }
    }
}

fn preview(product: Product, name: &str) -> Result<Preview, Findings> {
    let mut files = Files::new();
    for file in &product.files {
        let path = file.path.as_str();
        let at = format!("examples/{name}");
        let bytes = collect(file).ok_or_else(|| {
            vec![fault(
                &at,
                "source",
                "eine Quelle gab ihre Bytes nicht her",
                "a source did not give its bytes",
            )]
        })?;
        if path == LOSSES || path == FINDINGS || files.insert(path.to_owned(), bytes).is_some() {
            return Err(vec![fault(
                &at,
                "path",
                &format!("{path} ist vergeben oder doppelt"),
                &format!("{path} is reserved or there twice"),
            )]);
        }
    }
    let parcel = numbered(&product);
    let mut losses = product.losses;
    losses.sort();
    if !losses.is_empty() {
        files.insert(LOSSES.to_owned(), lines(losses.iter().cloned()));
    }
    Ok(Preview {
        files,
        parcel,
        lineage: product.lineage,
        losses,
        findings: Vec::new(),
    })
}

/// The files by their names in the lineage.
pub(crate) fn numbered(product: &Product) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (index, file) in product.files.iter().enumerate() {
        let name = format!("file[{}]", index + 1);
        let inside = match file.pieces.as_slice() {
            [Piece::Zip(archive)] => archive.files(),
            _ => &[],
        };
        let entry = |(index, file): (usize, &ParcelFile)| {
            let entry = format!("{name}/entry[{}]", index + 1);
            (entry, file.path.to_string())
        };
        let inside: Vec<_> = inside.iter().enumerate().map(entry).collect();
        all.push((name, file.path.to_string()));
        all.extend(inside);
    }
    all
}

/// The bytes of a file whose sources are all in memory, as examples' are.
pub(crate) fn collect(file: &ParcelFile) -> Option<Vec<u8>> {
    let mut reader = file.read();
    let mut all = Vec::new();
    while let Some(bytes) = reader.next().now_or_never()?.ok()? {
        all.extend_from_slice(&bytes);
    }
    Some(all)
}

/// The bytes of a file whatever its sources.
pub(crate) async fn collect_async(file: &ParcelFile) -> Option<Vec<u8>> {
    let mut reader = file.read();
    let mut all = Vec::new();
    while let Some(bytes) = reader.next().await.ok()? {
        all.extend_from_slice(&bytes);
    }
    Some(all)
}

fn lines(lines: impl Iterator<Item = String>) -> Vec<u8> {
    let sorted: BTreeSet<String> = lines.collect();
    sorted
        .into_iter()
        .flat_map(|line| format!("{line}\n").into_bytes())
        .collect()
}

fn differences(expected: &BTreeMap<&str, &[u8]>, made: &Files) -> Vec<Difference> {
    let paths: BTreeSet<&str> = expected
        .keys()
        .copied()
        .chain(made.keys().map(String::as_str))
        .collect();
    paths
        .into_iter()
        .filter_map(|path| match (expected.get(path), made.get(path)) {
            (Some(_), None) => Some(Difference::NotMade {
                path: path.to_owned(),
            }),
            (None, Some(_)) => Some(Difference::NotExpected {
                path: path.to_owned(),
            }),
            (Some(expected), Some(made)) if *expected != made => {
                Some(first_difference(path, expected, made))
            }
            (Some(_), Some(_)) | (None, None) => None,
        })
        .collect()
}

fn first_difference(path: &str, expected: &[u8], made: &[u8]) -> Difference {
    // Split after the line end, so that a differing line end shows.
    let lines = |bytes: &[u8]| -> Vec<String> {
        bytes.split_inclusive(|b| *b == b'\n').map(shown).collect()
    };
    let same = expected
        .split_inclusive(|b| *b == b'\n')
        .zip(made.split_inclusive(|b| *b == b'\n'))
        .take_while(|(a, b)| a == b)
        .count();
    let line = |lines: Vec<String>| lines.into_iter().nth(same).unwrap_or_default();
    Difference::Content {
        path: path.to_owned(),
        line: same + 1,
        expected: line(lines(expected)),
        made: line(lines(made)),
    }
}

fn shown(line: &[u8]) -> String {
    let text = match std::str::from_utf8(line) {
        Ok(text) => text.to_owned(),
        // One byte per character, as tables of administrations are.
        Err(_) => crate::Encoding::Windows1252.shown(line),
    };
    text.escape_debug().to_string().chars().take(200).collect()
}

fn fault(at: &str, rule: &str, de: &str, en: &str) -> Finding {
    Finding::new(at, rule, Bilingual::new(de, en))
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMade { path } => {
                write!(f, "expected/{path} is there, but no such file was made")
            }
            Self::NotExpected { path } => {
                write!(f, "{path} was made, but expected/{path} is not there")
            }
            Self::Content {
                path,
                line,
                expected,
                made,
            } => {
                write!(
                    f,
                    "{path}:{line} differs\n  expected: {expected}\n  made:     {made}"
                )
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.faults {
            writeln!(
                f,
                "fault {}: {} ({})",
                finding.at, finding.detail.en, finding.rule
            )?;
        }
        for result in &self.results {
            writeln!(
                f,
                "{} {}",
                if result.passed() { "ok  " } else { "FAIL" },
                result.name
            )?;
            for finding in &result.findings {
                writeln!(
                    f,
                    "  {}: {} ({})",
                    finding.at, finding.detail.en, finding.rule
                )?;
            }
            for difference in &result.differences {
                writeln!(f, "  {difference}")?;
            }
        }
        Ok(())
    }
}

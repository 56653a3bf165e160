//! Packages at the edge of what their service takes: applications made from its schema, translated, and every value explained.

use std::collections::BTreeMap;
use std::path::Path;

use amtsbote_problem::{Finding, Findings};
use serde_json::Value;

use super::format::{Bench, translated_and_explained};
use super::generate::Generator;
use crate::{Files, Package};

/// Moments of receipt: the last one of a leap day, both sides of a change of the clock, the first day of an edition, ages ago.
const MOMENTS: [&str; 7] = [
    "2026-01-02T03:04:05.678Z",
    "2024-02-29T23:59:59.999Z",
    "2026-04-30T22:00:00Z",
    "2026-10-25T00:59:59.001Z",
    "2026-12-31T23:30:00Z",
    "1970-01-01T00:00:00Z",
    "2400-02-29T12:00:00Z",
];

/// Whether an application is valid: the check of its service.
pub type Check = Box<dyn Fn(&Value) -> Findings>;

/// One application and what came of it.
pub struct Outcome<'a> {
    /// The package, with the application as its only example.
    pub package: &'a Package,
    /// The application.
    pub data: &'a Value,
    /// The files, or what was found.
    pub outcome: Result<Files, Findings>,
}

/// Makes `rounds` valid applications for each of the bench's packages and hands over what came of each. `schemas` is the folder of
/// services, `compile` makes the check of one from its schema.
///
/// # Panics
/// If a schema can't be read, a value is not explained, an input vanishes, or valid applications can hardly be made.
pub fn applications(
    bench: &impl Bench,
    schemas: &Path,
    rounds: usize,
    compile: impl Fn(&[u8]) -> Check,
    mut with: impl FnMut(&Outcome<'_>),
) {
    let format = bench.format();
    for package in bench.packages() {
        let service = package.schema_uri.split('/').nth_back(2);
        let path = schemas
            .join(service.expect("a schema URI with service and version"))
            .join("schema.json");
        let bytes =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let schema: Value = serde_json::from_slice(&bytes).expect("JSON");
        let check = compile(&bytes);
        let mapping = format.open(&package).expect("a package in good order");
        let seed = package
            .name
            .to_string()
            .bytes()
            .fold(17, |seed: u64, byte| {
                seed.wrapping_mul(31).wrapping_add(u64::from(byte))
            });
        let mut generator = Generator::new(&schema, seed);
        let (mut made, mut left) = (0_usize, Findings::new());
        for round in 0..rounds {
            let data = match generator.application(&*check) {
                Ok(data) => data,
                Err(findings) => {
                    left = findings;
                    continue;
                }
            };
            made += 1;
            let one = with_input(&package, &data, MOMENTS[round % MOMENTS.len()]);
            let outcome = translated_and_explained(bench, mapping.as_ref(), &one);
            with(&Outcome {
                package: &one,
                data: &data,
                outcome,
            });
        }
        assert!(
            made * 10 >= rounds * 9,
            "{}: only {made} of {rounds} applications could be made valid: {left:?}",
            package.name
        );
    }
}

/// What was refused of such applications, counted: package, rule, place and text of each finding.
///
/// # Panics
/// As [`applications`].
pub fn refusals(
    bench: &impl Bench,
    schemas: &Path,
    rounds: usize,
    compile: impl Fn(&[u8]) -> Check,
) -> BTreeMap<String, usize> {
    let mut refused = BTreeMap::new();
    applications(bench, schemas, rounds, compile, |one| {
        for finding in one.outcome.as_ref().err().into_iter().flatten() {
            *refused.entry(named(one.package, finding)).or_default() += 1;
        }
    });
    refused
}

/// A finding with its package, for a count.
pub fn named(package: &Package, finding: &Finding) -> String {
    let Finding {
        at, rule, detail, ..
    } = finding;
    format!("{}: {rule} {at}: {}", package.name, detail.en)
}

/// The package with this data, received at that moment, as its only example.
#[must_use]
pub fn with_input(package: &Package, data: &Value, received_at: &str) -> Package {
    let mut package = package.clone();
    package.examples.truncate(1);
    let folder = format!("examples/{}/", package.examples[0].name);
    let receiver = format!("{folder}receiver.json");
    package
        .files
        .retain(|path, _| !path.starts_with("examples/") || *path == receiver);
    let case = format!("received_at = \"{received_at}\"\n");
    package
        .files
        .insert(format!("{folder}case.toml"), case.into_bytes());
    package
        .files
        .insert(format!("{folder}input.json"), data.to_string().into_bytes());
    for listed in data["anlagen"].as_array().into_iter().flatten() {
        if let Some(name) = listed["dateiname"].as_str() {
            package
                .files
                .insert(format!("{folder}attachments/{name}"), b"%PDF-1.4".to_vec());
        }
    }
    package
}

//! The `XDatenfelder` samples the official material has.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment says where the official material is"
)]

use std::path::{Path, PathBuf};

use amtsbote_propose::{Foreign, service};

/// The folder with the samples, or the reason why there is none. In CI there has to be one.
fn samples() -> Option<PathBuf> {
    let shared = std::env::var_os("AMTSBOTE_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let fim = shared.join("reference/xoev/fim");
    if fim.join("xdatenfelder-samples").is_dir() {
        return Some(fim);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "no samples in {}",
        fim.display()
    );
    eprintln!("skipped: no samples in {}", fim.display());
    None
}

#[test]
fn every_schema_held_becomes_a_service_and_nothing_else_does() {
    let Some(fim) = samples() else { return };
    let mut files: Vec<PathBuf> = ["v2-data", "v3-data"]
        .iter()
        .flat_map(|folder| {
            std::fs::read_dir(fim.join("xdatenfelder-samples").join(folder)).unwrap()
        })
        .map(|entry| entry.unwrap().path())
        .collect();
    files.push(fim.join("xdf3.xml"));
    let mut made = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_schema = text.contains("xdatenfelder.stammdatenschema.0102")
            && !text.contains("xdatenfelder_unknown");
        match service(&Foreign::Xdf(text.as_bytes())) {
            Ok(one) => {
                assert!(is_schema, "{}", file.display());
                let (id, version) = one.fim.unwrap();
                assert!(!id.is_empty() && !version.is_empty(), "{}", file.display());
                let fields = text.matches("<xdf:datenfeld>").count();
                let told = one.schema.to_string();
                let kept = told.matches("\"x-fim\":\"F").count();
                assert!(
                    kept + one.losses.len() >= fields,
                    "{}: {kept} of {fields} fields",
                    file.display()
                );
                made += 1;
            }
            Err(unusable) => {
                assert!(!is_schema, "{}: {}", file.display(), unusable.text.en);
            }
        }
    }
    assert!(made >= 9, "{made} schemas");
}

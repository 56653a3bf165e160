//! Checks data before it is sent: `cargo run -p amtsbote-validate --example preflight -- schemas/hundesteuer DATA.json`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use amtsbote_problem::{Language, report};
use amtsbote_validate::json::{Limits, parse};
use amtsbote_validate::service::{MANIFEST, SCHEMA, Service};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(data)) = (args.next(), args.next()) else {
        return Err("name the service's folder and a file with data".into());
    };
    let service = load(Path::new(&folder))?;
    let findings = match parse(&std::fs::read(data)?, Limits::default()) {
        Ok(value) => service.check(&value),
        Err(findings) => findings,
    };
    let sections = service.schema().sections();
    let text = report::text(&findings, &sections, Language::German);
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

// The manifest, the schema, and the examples the manifest names.
fn load(folder: &Path) -> Result<Service, Box<dyn Error>> {
    let mut files = BTreeMap::new();
    for name in [MANIFEST, SCHEMA] {
        files.insert(name.to_owned(), std::fs::read(folder.join(name))?);
    }
    for entry in std::fs::read_dir(folder.join("examples"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        files.insert(format!("examples/{name}"), std::fs::read(&path)?);
    }
    Service::load(files).map_err(|findings| {
        let text = report::text(&findings, &[], Language::German);
        text.into()
    })
}

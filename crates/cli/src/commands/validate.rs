//! `amtsbote validate FILE…`: everything that is wrong with data, before it is sent; offline.

use std::io::{BufRead as _, Read as _};
use std::sync::Arc;

use amtsbote_problem::{Bilingual, Finding, Findings, Language, report};
use amtsbote_validate::json::{self, Limits};
use amtsbote_validate::service::{Catalogue, Service};
use amtsbote_validate::xsd::XmlSchema;
use anyhow::Result;
use serde_json::{Value, json};

use crate::args::Validate;
use crate::talk::{Form, Talk};
use crate::{folder, services, xsd};

/// The longest line of the line protocol, and the largest document.
const LINE_MAX_BYTES: u64 = 20_000_000;

/// Something was found: exit code 1. All is said already.
#[derive(Debug)]
pub(crate) struct Found;

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("findings")
    }
}

impl std::error::Error for Found {}

/// Nothing could be checked: exit code 2.
#[derive(Debug)]
pub(crate) struct Unusable;

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("validate")
    }
}

impl std::error::Error for Unusable {}

pub(crate) fn run(args: &Validate, talk: Talk) -> Result<()> {
    let faulty = checked(args, talk).map_err(|error| error.context(Unusable))?;
    if faulty == 0 {
        Ok(())
    } else {
        Err(Found.into())
    }
}

/// The number of documents with findings.
fn checked(args: &Validate, talk: Talk) -> Result<usize> {
    let catalogue = services::load(args.schemas.as_deref(), talk)?;
    let service = match &args.service {
        Some(name) => Some(named(&catalogue, name).ok_or_else(|| unknown(&catalogue, name, talk))?),
        None => None,
    };
    let check = Check {
        service,
        catalogue: &catalogue,
        sets: xsd::schemas(&xsd::load(args.xsd_dir.as_deref(), talk)?),
    };
    if args.stdin {
        lines(&check, talk)
    } else {
        files(&check, args, talk)
    }
}

fn named<'c>(catalogue: &'c Catalogue, name: &str) -> Option<&'c Service> {
    catalogue
        .by_name(name)
        .or_else(|| catalogue.by_schema(name))
        .or_else(|| {
            catalogue
                .iter()
                .filter(|service| service.id().to_string() == name)
                .last()
        })
}

fn unknown(catalogue: &Catalogue, name: &str, talk: Talk) -> anyhow::Error {
    let names: Vec<_> = catalogue.iter().map(Service::name).collect();
    let names = names.join(", ");
    talk.error(
        format_args!("keine Leistung heißt „{name}“; es gibt: {names}"),
        format_args!("no service is called \"{name}\"; there are: {names}"),
    )
}

struct Check<'c> {
    service: Option<&'c Service>,
    catalogue: &'c Catalogue,
    sets: Vec<(Vec<String>, Arc<dyn XmlSchema>)>,
}

/// A document's findings, and the parts of its form in their order.
struct Checked {
    findings: Findings,
    sections: Vec<Bilingual>,
}

impl Check<'_> {
    fn document(&self, bytes: &[u8]) -> Checked {
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        if text.trim_ascii_start().starts_with(b"<") {
            return Checked {
                findings: self.xml(bytes),
                sections: Vec::new(),
            };
        }
        let (findings, service) = match json::parse(bytes, WIDE) {
            Err(findings) => (findings, None),
            Ok(value) if is_request(&value) => {
                let uri = value.get("service").and_then(Value::as_str);
                let service = self
                    .service
                    .or_else(|| uri.and_then(|uri| named(self.catalogue, uri)));
                let found = amtsbote_gateway::preflight(bytes, service, self.catalogue);
                (with_service(found, service), service)
            }
            Ok(_) => match self.service {
                Some(service) => (data(bytes, service), Some(service)),
                None => (vec![no_service()], None),
            },
        };
        Checked {
            findings,
            sections: service.map_or_else(Vec::new, |service| service.schema().sections()),
        }
    }

    // The set that knows the root element; each says so of itself.
    fn xml(&self, bytes: &[u8]) -> Findings {
        let mut last =
            vec![Finding::new(
            "",
            "xsd",
            Bilingual::new(
                "für dieses XML-Dokument ist kein Schemasatz vorhanden",
                "there is no set of schemas for this XML document",
            ),
        )
        .hint(Bilingual::new(
            "Schemas mit `amtsbote schema add` hinzufügen und den Ordner mit --xsd-dir nennen",
            "add schemas with `amtsbote schema add` and name the folder with --xsd-dir",
        ))];
        for (_, set) in &self.sets {
            let findings = set.check(bytes);
            if !findings.iter().any(|finding| finding.rule == UNKNOWN_ROOT) {
                return findings;
            }
            last = findings;
        }
        last
    }
}

// Read again within the bounds the intake has for data.
fn data(bytes: &[u8], service: &Service) -> Findings {
    match json::parse(bytes, Limits::default()) {
        Ok(value) => service.check(&value),
        Err(findings) => findings,
    }
}

const UNKNOWN_ROOT: &str = "cvc-elt.1";
/// Attachments make a request larger than data may be; the data inside is bounded again.
const WIDE: Limits = Limits {
    size_max_bytes: 20_000_000,
    depth_max: 66,
    values_max: 400_000,
};

// A request of the intake: data beside a service or a destination.
fn is_request(value: &Value) -> bool {
    value.get("data").is_some()
        && ["service", "destinationId", "region"]
            .iter()
            .any(|name| value.get(name).is_some())
}

fn with_service(mut findings: Findings, service: Option<&Service>) -> Findings {
    if service.is_none() {
        findings.push(no_service());
    }
    findings
}

fn no_service() -> Finding {
    Finding::new(
        "",
        "service",
        Bilingual::new(
            "die Leistung ist nicht bekannt; die Fachdaten sind nicht geprüft",
            "the service is not known; the data is not checked",
        ),
    )
    .hint(Bilingual::new(
        "die Leistung mit --service nennen; mit --schemas den Ordner, in dem sie steht",
        "name the service with --service, and its folder with --schemas",
    ))
}

fn files(check: &Check<'_>, args: &Validate, talk: Talk) -> Result<usize> {
    let count = args.files.len();
    let mut faulty = 0;
    let mut rows = Vec::new();
    for (at, path) in args.files.iter().enumerate() {
        talk.progress(&format!("{}/{count} {}", at + 1, path.display()));
        let checked = check.document(&folder::read_file(path)?);
        talk.progress_done();
        faulty += usize::from(!checked.findings.is_empty());
        match talk.form() {
            Form::Json => rows.push(row(&path.display().to_string(), &checked)),
            Form::Text => tell(&path.display().to_string(), &checked, talk)?,
        }
    }
    match talk.form() {
        Form::Json => talk.json(&json!({ "valid": faulty == 0, "documents": rows }))?,
        Form::Text if count > 1 => {
            let valid = count - faulty;
            talk.data(match talk.language() {
                Language::German => {
                    format!("{count} Dateien: {valid} gültig, {faulty} mit Befunden")
                }
                Language::English => {
                    format!("{count} files: {valid} valid, {faulty} with findings")
                }
            })?;
        }
        Form::Text => {}
    }
    Ok(faulty)
}

fn tell(name: &str, checked: &Checked, talk: Talk) -> Result<()> {
    if checked.findings.is_empty() {
        talk.data(format_args!("✓ {name}: {}", talk.pick("gültig", "valid")))?;
        return Ok(());
    }
    let count = checked.findings.len();
    let word = match count {
        1 => talk.pick("Befund", "finding"),
        _ => talk.pick("Befunde", "findings"),
    };
    talk.data(format_args!("✗ {name}: {count} {word}"))?;
    let text = report::text(&checked.findings, &checked.sections, talk.language());
    talk.data(text)?;
    Ok(())
}

fn row(name: &str, checked: &Checked) -> Value {
    json!({ "file": name, "valid": checked.findings.is_empty(), "findings": checked.findings })
}

// One answer for each line, also for one that is no JSON or too long; an empty line has none.
fn lines(check: &Check<'_>, talk: Talk) -> Result<usize> {
    let mut stdin = std::io::stdin().lock();
    let mut faulty = 0;
    loop {
        let mut line = Vec::new();
        let read = (&mut stdin)
            .take(LINE_MAX_BYTES + 1)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(faulty);
        }
        if read as u64 > LINE_MAX_BYTES && line.last() != Some(&b'\n') {
            return Err(talk.error(
                format_args!("eine Zeile ist länger als {LINE_MAX_BYTES} Byte"),
                format_args!("a line is longer than {LINE_MAX_BYTES} bytes"),
            ));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let checked = check.document(&line);
        let valid = checked.findings.is_empty();
        faulty += usize::from(!valid);
        talk.data(json!({ "valid": valid, "findings": checked.findings }))?;
    }
}

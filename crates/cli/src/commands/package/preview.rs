//! `amtsbote package preview DIR`: output, lineage both ways, losses and findings of one input.

use std::collections::BTreeMap;
use std::path::Path;

use amtsbote_adapter::transport::WAY;
use amtsbote_adapter::{Change, Encoding, Example, Lineage, Package as Mapping, Preview, Trace};
use amtsbote_problem::{Finding, Whose};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::read;
use crate::args::{LineageBy, Preview as Args};
use crate::folder;
use crate::registry::{self, Registry};
use crate::talk::{Form, Talk};

const NAME: &str = "preview";
const SHOWN_BYTES: usize = 100_000;

pub(crate) fn run(args: &Args, registry: &Registry, talk: Talk) -> Result<()> {
    let mut package = read(&args.dir, talk)?;
    let name = match &args.input {
        None => example(&package, args.example.as_deref(), talk)?,
        Some(input) => with_input(&mut package, input)?,
    };
    if let Some(receiver) = &args.receiver {
        package.files.insert(
            format!("examples/{name}/receiver.json"),
            receiver_json(receiver)?,
        );
    }
    let format = registry.format(&package.format)?;
    let way = args.outbound.as_deref();
    let way = way
        .map(|settings| outbound(&package, settings))
        .transpose()?;
    let names = way.as_ref().map(registry::names).transpose()?;
    let names = names.unwrap_or_default();
    let preview = package.preview_called(format, &name, &names);
    let mut preview = preview.map_err(|findings| {
        talk.findings(&findings);
        talk.error(
            format_args!(
                "{} lässt sich nicht ausführen; die Befunde stehen darüber",
                args.dir.display()
            ),
            format_args!(
                "{} cannot be run; the findings stand above",
                args.dir.display()
            ),
        )
    })?;
    if let Some(way) = &way {
        let files = preview.parcel.iter();
        let files = files.filter(|(name, _)| !name.contains('/')).count();
        preview.lineage.extend(registry::said(way, files)?);
    }
    tell(&preview, args.by, (&encodings(&package.settings), talk))
}

/// The encoding the package says; of a part by the name of its file, of all else by no name.
type Encodings<'p> = BTreeMap<&'p str, &'p str>;

fn encodings(settings: &toml::Table) -> Encodings<'_> {
    fn word<'p>(table: &'p toml::Table, key: &str) -> Option<&'p str> {
        table.get(key).and_then(toml::Value::as_str)
    }
    let parts = settings.get("part").and_then(toml::Value::as_array);
    let parts = parts
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_table);
    parts
        .filter_map(|part| Some((word(part, "file")?, word(part, "encoding")?)))
        .chain(word(settings, "encoding").map(|said| ("", said)))
        .collect()
}

/// On a terminal a lone carriage return would write over the line.
pub(super) fn in_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The way out of the settings that name the package, else the first one.
fn outbound(package: &Mapping, settings: &Path) -> Result<toml::Table> {
    let text = folder::read_text(settings)?;
    let table: toml::Table =
        toml::from_str(&text).with_context(|| format!("{} is not TOML", settings.display()))?;
    let list = |of: &toml::Table, key: &str| of.get(key).and_then(toml::Value::as_array).cloned();
    let agent = table.get("agent").and_then(toml::Value::as_table);
    let agents = agent.and_then(|agent| list(agent, "destination"));
    let places: Vec<toml::Table> = [list(&table, "way"), agents]
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|place| place.as_table().cloned())
        .chain(std::iter::once(table.clone()))
        .filter(|place| place.contains_key("outbound"))
        .collect();
    let names = |place: &&toml::Table| {
        let packages = place.get("packages").and_then(toml::Value::as_array);
        let mut names = packages
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str);
        names.any(|name| name == package.name.to_string())
    };
    let place = places.iter().find(names).or(places.first());
    let outbound = place.and_then(|place| place.get("outbound")?.as_table());
    let outbound = outbound.with_context(|| format!("{} has no [outbound]", settings.display()))?;
    Ok(outbound.clone())
}

fn example(package: &Mapping, wanted: Option<&str>, talk: Talk) -> Result<String> {
    let mut names = package.examples.iter().map(|example| &example.name);
    let found = names.find(|name| wanted.is_none_or(|wanted| wanted == name.as_str()));
    found.cloned().ok_or_else(|| {
        let known: Vec<&str> = package
            .examples
            .iter()
            .map(|example| example.name.as_str())
            .collect();
        talk.error(
            format_args!(
                "es gibt kein solches Beispiel; vorhanden: {}",
                known.join(", ")
            ),
            format_args!("there is no such example; there are: {}", known.join(", ")),
        )
    })
}

/// A further example, in memory only: the given input with the first example's surroundings.
fn with_input(package: &mut Mapping, input: &Path) -> Result<String> {
    let first = package
        .examples
        .first()
        .map(|example| example.name.clone())
        .unwrap_or_default();
    let prefix = format!("examples/{first}/");
    let surroundings: Vec<(String, Vec<u8>)> = package
        .files
        .iter()
        .filter_map(|(path, bytes)| Some((path.strip_prefix(&prefix)?.to_owned(), bytes.clone())))
        .filter(|(path, _)| matches!(path.as_str(), "receiver.json" | "sender.json" | "case.toml"))
        .collect();
    for (path, bytes) in surroundings {
        package
            .files
            .insert(format!("examples/{NAME}/{path}"), bytes);
    }
    package.files.insert(
        format!("examples/{NAME}/input.json"),
        data_of(&folder::read_file(input)?)?,
    );
    package.examples.push(Example {
        name: NAME.to_owned(),
        about: String::new(),
    });
    Ok(NAME.to_owned())
}

/// Data alone, or the `data` of an intake request.
fn data_of(bytes: &[u8]) -> Result<Vec<u8>> {
    let value: Value = serde_json::from_slice(bytes).context("the input is not JSON")?;
    let data = value
        .get("data")
        .filter(|_| value.get("service").is_some() || value.get("destinationId").is_some());
    Ok(data.map_or_else(|| bytes.to_vec(), |data| data.to_string().into_bytes()))
}

fn receiver_json(path: &Path) -> Result<Vec<u8>> {
    let text = folder::read_text(path)?;
    let value: Value = match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(_) => toml::from_str(&text)
            .with_context(|| format!("{} is neither JSON nor TOML", path.display()))?,
    };
    Ok(value
        .get("receiver")
        .unwrap_or(&value)
        .to_string()
        .into_bytes())
}

fn tell(preview: &Preview, by: LineageBy, (encodings, talk): (&Encodings<'_>, Talk)) -> Result<()> {
    if talk.form() == Form::Json {
        talk.json(&row(preview))?;
    } else {
        show(preview, by, (encodings, talk))?;
    }
    if preview.findings.is_empty() {
        Ok(())
    } else {
        let is_ours = |finding: &Finding| finding.whose == Whose::Receiver;
        if preview.findings.iter().any(is_ours) {
            bail!(
                "{}",
                talk.pick(
                    "das Paket oder die Einstellungen sind zu berichtigen: ein gültiger Antrag bliebe als Störung package-faulty liegen, abgelehnt wird er dafür nicht",
                    "the package or the settings have to be mended: a valid application would wait as the incident package-faulty, it is not refused for that"
                )
            )
        }
        bail!(
            "{}",
            talk.pick(
                "die Einreichung würde abgelehnt",
                "the submission would be refused"
            )
        )
    }
}

/// Each input and the outputs it went into.
fn by_input(preview: &Preview) -> BTreeMap<String, Vec<&str>> {
    let mut inputs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for line in &preview.lineage {
        for source in &line.sources {
            inputs
                .entry(source.to_string())
                .or_default()
                .push(&line.output);
        }
    }
    inputs
}

/// Each line of a template with a constant, and the outputs it stands in.
fn by_template(preview: &Preview) -> BTreeMap<(&str, u32), Vec<&str>> {
    let mut lines: BTreeMap<(&str, u32), Vec<&str>> = BTreeMap::new();
    for line in &preview.lineage {
        let is_constant = line.trace == Trace::Constant;
        let file = line.template.as_deref().filter(|_| is_constant);
        if let Some(place) = file.zip(line.template_line) {
            lines.entry(place).or_default().push(&line.output);
        }
    }
    lines
}

/// File and line of the template, if a template is behind it.
fn template_of(line: &Lineage) -> Option<String> {
    let file = line.template.as_deref()?;
    Some(match line.template_line {
        Some(at) => format!("{file}:{at}"),
        None => file.to_owned(),
    })
}

/// What is behind an output, in a word where it is no input.
fn reason(line: &Lineage, talk: Talk) -> String {
    let sources: Vec<String> = line.sources.iter().map(ToString::to_string).collect();
    let sources = sources.join(", ");
    let word = match line.trace {
        Trace::Exact | Trace::Computed => return sources,
        Trace::Default => talk.pick(
            "Vorgabe der Vorlage anstelle von",
            "the template's default for",
        ),
        Trace::Constant => talk.pick("Konstante der Vorlage", "constant of the template"),
        Trace::Made if line.output.starts_with(WAY) => {
            talk.pick("vom Transportweg", "made by the way out")
        }
        Trace::Made if line.output.starts_with('$') => talk.pick("gebildet aus", "made of"),
        Trace::Made => talk.pick("vom Zielformat", "made by the format"),
        Trace::Decides => talk.pick("entschieden durch", "decided by"),
    };
    format!("{word} {sources}").trim_end().to_owned()
}

/// What the writer of the file changed, in words.
const fn change_of(change: Change, talk: Talk) -> &'static str {
    match change {
        Change::Cut => talk.pick("auf die Breite gekürzt", "cut to the width"),
        Change::Composed => talk.pick("Zeichen zusammengesetzt (NFC)", "characters composed (NFC)"),
        Change::LineBreaks => talk.pick("Zeilenumbrüche ersetzt", "line breaks replaced"),
        Change::Transliterated => talk.pick("Zeichen ersetzt", "characters replaced"),
        Change::Guarded => talk.pick("Apostroph vor Formel", "apostrophe before a formula"),
        Change::Quoted => talk.pick("in Anführungszeichen", "in quotation marks"),
        Change::Padded => talk.pick("aufgefüllt", "padded"),
        Change::Escaped => talk.pick("mit Fluchtzeichen", "with escape characters"),
    }
}

const fn trace_name(trace: Trace) -> &'static str {
    match trace {
        Trace::Exact => "exact",
        Trace::Computed => "computed",
        Trace::Default => "default",
        Trace::Constant => "constant",
        Trace::Made => "made",
        Trace::Decides => "decides",
    }
}

fn show_by_output(preview: &Preview, talk: Talk) -> Result<()> {
    talk.data(format_args!("── {}", talk.pick("Herkunft", "lineage")))?;
    for line in &preview.lineage {
        let at = template_of(line)
            .map(|at| format!("  {at}"))
            .unwrap_or_default();
        let how = line
            .conversion
            .as_ref()
            .map(|how| format!("  [{how}]"))
            .unwrap_or_default();
        let changed: Vec<&str> = line
            .changes
            .iter()
            .map(|change| change_of(*change, talk))
            .collect();
        let changed = if changed.is_empty() {
            String::new()
        } else {
            format!("  ({})", changed.join(", "))
        };
        talk.data(format_args!(
            "{}  ←  {}{how}{changed}{at}",
            line.output,
            reason(line, talk)
        ))?;
    }
    Ok(())
}

fn show_by_input(preview: &Preview, talk: Talk) -> Result<()> {
    talk.data(format_args!(
        "── {}",
        talk.pick("Verbleib der Angaben", "where inputs went")
    ))?;
    for (input, outputs) in by_input(preview) {
        talk.data(format_args!("{input}  →  {}", outputs.join(", ")))?;
    }
    talk.data(format_args!(
        "── {}",
        talk.pick("Konstanten der Vorlage", "constants of the template")
    ))?;
    for ((file, line), outputs) in by_template(preview) {
        talk.data(format_args!("{file}:{line}  →  {}", outputs.join(", ")))?;
    }
    Ok(())
}

/// What lineage calls a file of the parcel, and what it calls those inside, with their paths.
fn named<'p>(preview: &'p Preview, path: &str) -> (&'p str, Vec<(&'p str, &'p str)>) {
    let is_file = |(name, at): &&(String, String)| !name.contains('/') && at == path;
    let name = preview.parcel.iter().find(is_file);
    let name = name.map_or("", |(name, _)| name.as_str());
    let inside = preview.parcel.iter().filter_map(|(entry, path)| {
        let rest = entry.strip_prefix(name)?;
        rest.starts_with('/')
            .then_some((entry.as_str(), path.as_str()))
    });
    (name, inside.collect())
}

/// By the package or the XML declaration; the others differ in the signs of code page 1252 only.
fn one_byte(bytes: &[u8], said: &str) -> (&'static str, Encoding) {
    let head = String::from_utf8_lossy(bytes.get(..100).unwrap_or(bytes)).to_lowercase();
    let is = |encoding: &Encoding| {
        Encoding::named(said) == Some(*encoding) || head.contains(encoding.charset())
    };
    let known = [Encoding::Latin9, Encoding::Cp850, Encoding::Cp437];
    match known.into_iter().find(is) {
        Some(encoding) => (encoding.name(), encoding),
        None => ("windows-1252", Encoding::Windows1252),
    }
}

pub(super) fn is_text(bytes: &[u8]) -> bool {
    // DOS ends files with this.
    let bytes = bytes.strip_suffix(b"\x1a").unwrap_or(bytes);
    bytes
        .iter()
        .all(|byte| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r'))
}

/// Without the sign that ends files of DOS; a line end of CR alone would write lines over each other.
fn for_a_screen(text: &str) -> String {
    in_lines(text.trim_end_matches('\u{1a}').trim_end())
}

fn show(preview: &Preview, by: LineageBy, (encodings, talk): (&Encodings<'_>, Talk)) -> Result<()> {
    // What is lost and what was found stands below; neither is handed over.
    let notes = ["losses.txt", "findings.txt"];
    let files = preview.files.iter();
    for (path, bytes) in files.filter(|(path, _)| !notes.contains(&path.as_str())) {
        let (name, inside) = named(preview, path);
        talk.data(format_args!("── {path}  ({} bytes, {name})", bytes.len()))?;
        for (name, path) in inside {
            talk.data(format_args!("   {path}  ({name})"))?;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if bytes.len() <= SHOWN_BYTES => {
                talk.data(for_a_screen(text))?;
            }
            Err(_) if bytes.len() <= SHOWN_BYTES && is_text(bytes) => {
                let said = encodings.get(path.as_str()).or(encodings.get(""));
                let (name, encoding) = one_byte(bytes, said.copied().unwrap_or_default());
                talk.data(format_args!(
                    "   ({} {name})",
                    talk.pick(
                        "ein Byte je Zeichen; hier gelesen als",
                        "one byte per character; read here as"
                    )
                ))?;
                talk.data(for_a_screen(&encoding.shown(bytes)))?;
            }
            Ok(_) | Err(_) => {
                talk.data(talk.pick("   (nicht als Text gezeigt)", "   (not shown as text)"))?;
            }
        }
    }
    if by != LineageBy::Input {
        show_by_output(preview, talk)?;
    }
    if by != LineageBy::Output {
        show_by_input(preview, talk)?;
    }
    talk.data(format_args!(
        "── {} ({})",
        talk.pick("Verluste", "losses"),
        preview.losses.len()
    ))?;
    for loss in &preview.losses {
        talk.data(loss)?;
    }
    talk.findings(&preview.findings);
    Ok(())
}

fn row(preview: &Preview) -> Value {
    let files: Vec<Value> = preview
        .files
        .iter()
        .map(|(path, bytes)| json!({ "path": path, "bytes": bytes.len(), "text": std::str::from_utf8(bytes).ok() }))
        .collect();
    let lineage: Vec<Value> = preview
        .lineage
        .iter()
        .map(|line| {
            let sources: Vec<String> = line.sources.iter().map(ToString::to_string).collect();
            json!({ "output": line.output, "sources": sources, "trace": trace_name(line.trace),
                    "template": line.template.as_deref(), "templateLine": line.template_line, "conversion": line.conversion,
                    "changes": line.changes.iter().map(|change| change.name()).collect::<Vec<_>>() })
        })
        .collect();
    let by_template: BTreeMap<String, Vec<&str>> = by_template(preview)
        .into_iter()
        .map(|((file, line), outputs)| (format!("{file}:{line}"), outputs))
        .collect();
    let parcel: Vec<Value> = preview
        .parcel
        .iter()
        .map(|(name, path)| json!({ "output": name, "path": path }))
        .collect();
    json!({ "files": files, "parcel": parcel, "lineage": lineage, "byInput": by_input(preview), "byTemplate": by_template, "losses": preview.losses, "findings": preview.findings })
}

//! `amtsbote package new SAMPLE --service NAME`: proposes a package.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use amtsbote_adapter::{Package as Mapping, Preview};
use amtsbote_propose::{Ask, Column, Note, NoteKind, Proposal, Sample, Several, package};
use amtsbote_validate::service::Service;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::parse;
use super::sample::{Source, Told, ending, source, told, told_of};
use crate::args::{NewPackage, SampleKind};
use crate::folder::{self, Files, Readers};
use crate::registry::Registry;
use crate::schema_files::SchemaFiles;
use crate::services;
use crate::talk::{Form, Talk};

pub(super) fn run(args: &NewPackage, talk: Talk) -> Result<()> {
    let services = services::load(args.schemas.as_deref(), talk)?;
    let service = services
        .by_name(&args.service)
        .or_else(|| services.by_schema(&args.service))
        .ok_or_else(|| {
            let known: Vec<&str> = services.iter().map(Service::name).collect();
            talk.error(
                format_args!("es gibt keine Leistung {:?}; vorhanden: {} (eine neue legt `amtsbote service new` an)", args.service, known.join(", ")),
                format_args!("there is no service {:?}; there are: {} (`amtsbote service new` adds one)", args.service, known.join(", ")),
            )
        })?;
    let source = source(args, talk)?;
    let several = match &source {
        Source::One => None,
        Source::Several(files, archive) => {
            let sorted = Several::sorted(files);
            let sorted =
                sorted.map_err(|unusable| talk.error(&unusable.text.de, &unusable.text.en))?;
            Some((sorted, archive.as_deref()))
        }
    };
    let told = match &several {
        None => told(args, talk)?,
        Some((several, _)) => told_of(several),
    };
    let kind = told.kind;
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| format!("{}-{}", service.name(), kind.map_or("paket", suffix)));
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(&name));
    if out.exists() {
        return Err(talk.error(
            format_args!(
                "{} gibt es schon; mit --name oder --out etwas anderes nennen",
                out.display()
            ),
            format_args!(
                "{} is there already; name something else with --name or --out",
                out.display()
            ),
        ));
    }
    let proposal = match (kind, &several) {
        (Some(kind), _) => proposed(args, (service, kind, &name), talk)?,
        (None, Some(several)) => of_several(args, (service, &name), several, talk)?,
        (None, None) => bail!("a sample of one file has a kind"),
    };
    let mut files = proposal.files.clone();
    let package = parse(files.clone(), &name, talk)?;
    let preview = filled(&package, &mut files, talk)?;
    let left = Left {
        proposal: &proposal,
        preview: &preview,
        name: &name,
        dir: &out,
        told: &told,
    };
    let page = talk.pick("VORSCHLAG.md", "PROPOSAL.md");
    files.insert(page.to_owned(), left.page(talk).into_bytes());
    written(&out, &files)?;
    left.tell(page, talk)
}

const fn suffix(kind: SampleKind) -> &'static str {
    match kind {
        SampleKind::Xml | SampleKind::Xsd => "xml",
        SampleKind::Csv => "csv",
        SampleKind::Fixed => "festbreite",
        SampleKind::Keys => "schluessel",
        SampleKind::Segments => "segmente",
        SampleKind::Json => "json",
    }
}

fn proposed(
    args: &NewPackage,
    (service, kind, name): (&Service, SampleKind, &str),
    talk: Talk,
) -> Result<Proposal> {
    let bytes = folder::read_file(&args.sample)?;
    let columns = match &args.fields {
        None => None,
        Some(fields) => {
            let path = Path::new(fields);
            let text = if path.is_file() {
                folder::read_text(path)?
            } else {
                fields.clone()
            };
            Some(
                Column::list(&text)
                    .map_err(|unusable| talk.error(&unusable.text.de, &unusable.text.en))?,
            )
        }
    };
    let schema_files = match (kind, &args.xsd) {
        (SampleKind::Xsd, _) => Some(schemas(&args.sample, talk)?),
        (SampleKind::Xml, Some(xsd)) => Some(schemas(xsd, talk)?),
        (
            SampleKind::Xml
            | SampleKind::Csv
            | SampleKind::Fixed
            | SampleKind::Keys
            | SampleKind::Segments
            | SampleKind::Json,
            _,
        ) => None,
    };
    let kept = schema_files
        .as_ref()
        .map(|files| files.schemas(args.root.as_deref()));
    let sample = match kind {
        SampleKind::Xml => Sample::Xml(&bytes, kept),
        SampleKind::Csv => Sample::Csv(&bytes),
        SampleKind::Fixed => Sample::Fixed(&bytes, columns.as_deref()),
        SampleKind::Keys => Sample::Keys(&bytes),
        SampleKind::Segments => Sample::Segments(&bytes),
        SampleKind::Json => Sample::Json(&bytes),
        SampleKind::Xsd => Sample::Xsd(kept.context("an XSD sample has schema files")?),
    };
    ask(args, (service, name), sample, talk)
}

/// A package of several documents.
fn of_several(
    args: &NewPackage,
    (service, name): (&Service, &str),
    (files, archive): &(Several<'_>, Option<&str>),
    talk: Talk,
) -> Result<Proposal> {
    let xsd = args.xsd.as_deref();
    let schema_files = xsd.map(|xsd| schemas(xsd, talk)).transpose()?;
    let kept = schema_files.as_ref();
    let kept = kept.map(|files| files.schemas(args.root.as_deref()));
    let sample = Sample::Several(files, kept, *archive);
    ask(args, (service, name), sample, talk)
}

fn ask(
    args: &NewPackage,
    (service, name): (&Service, &str),
    sample: Sample<'_>,
    talk: Talk,
) -> Result<Proposal> {
    let schema: Value = serde_json::from_slice(service.schema_bytes())
        .context("the service's schema is not JSON")?;
    let (example_name, example) = example(service, args.example.as_deref(), talk)?;
    let ending = ending(args);
    let ask = Ask {
        name,
        service: service.id().as_str(),
        label: service.label(),
        schema_uri: service.schema_uri(),
        schema: &schema,
        example,
        example_name: &example_name,
        sample,
        ending: ending.as_deref(),
    };
    package(&ask).map_err(|unusable| talk.error(&unusable.text.de, &unusable.text.en))
}

/// The schema files a package takes along: all of them, or it could not check its output.
fn schemas(main: &Path, talk: Talk) -> Result<SchemaFiles> {
    let files = SchemaFiles::read(main)?;
    if files.missing.is_empty() {
        return Ok(files);
    }
    for (file, address) in &files.missing {
        talk.say(crate::commands::service::missing(file, address, talk));
    }
    Err(talk.error(
        "dem Schema fehlen Dateien (oben mit !); sie gehören zur XSD, das Verfahren hat sie",
        "files of the schema are missing (! above); they belong to the XSD, the procedure has them",
    ))
}

fn example<'s>(
    service: &'s Service,
    wanted: Option<&str>,
    talk: Talk,
) -> Result<(String, &'s [u8])> {
    let stem = |file: &str| {
        Path::new(file)
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let valid = || service.examples().iter().filter(|example| example.valid);
    let found = valid().find(|example| wanted.is_none_or(|wanted| stem(&example.file) == wanted));
    let bytes =
        found.and_then(|example| Some((stem(&example.file), service.example(&example.file)?)));
    bytes.ok_or_else(|| {
        let known: Vec<String> = valid().map(|example| stem(&example.file)).collect();
        talk.error(
            format_args!(
                "die Leistung {} hat kein solches gültiges Beispiel; vorhanden: {}",
                service.name(),
                known.join(", ")
            ),
            format_args!(
                "the service {} has no such valid example; there are: {}",
                service.name(),
                known.join(", ")
            ),
        )
    })
}

/// Runs the example and keeps what it gives as expected.
fn filled(package: &Mapping, files: &mut Files, talk: Talk) -> Result<Preview> {
    let registry = Registry::new(&[]);
    let format = registry.format(&package.format)?;
    let name = package
        .examples
        .first()
        .map(|example| example.name.clone())
        .unwrap_or_default();
    let preview = package.preview(format, &name).map_err(|findings| {
        talk.findings(&findings);
        talk.error(
            "aus dem Muster wurde keine Vorlage, die sich lesen lässt; die Befunde stehen darüber",
            "the sample did not become a template that can be read; the findings stand above",
        )
    })?;
    for (path, bytes) in &preview.files {
        files.insert(format!("examples/{name}/expected/{path}"), bytes.clone());
    }
    Ok(preview)
}

/// All files beside, then renamed: a folder that is there is whole.
fn written(out: &Path, files: &Files) -> Result<()> {
    let name = out
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let beside = out.with_file_name(format!(".{name}.part"));
    if beside.exists() {
        std::fs::remove_dir_all(&beside)
            .with_context(|| format!("cannot remove {}", beside.display()))?;
    }
    for (path, bytes) in files {
        folder::write(&beside.join(path), bytes, Readers::All)?;
    }
    std::fs::rename(&beside, out).with_context(|| format!("cannot write {}", out.display()))
}

/// What was proposed and what is left to do.
struct Left<'l> {
    proposal: &'l Proposal,
    preview: &'l Preview,
    name: &'l str,
    dir: &'l Path,
    told: &'l Told,
}

impl Left<'_> {
    fn proposed(&self) -> impl Iterator<Item = (&Note, i32)> {
        self.proposal
            .notes
            .iter()
            .filter_map(|note| match note.kind {
                NoteKind::Proposed(score) => Some((note, score)),
                NoteKind::Unmapped
                | NoteKind::Constant
                | NoteKind::MaybeMissing
                | NoteKind::FirstOnly
                | NoteKind::Repeat
                | NoteKind::Unit
                | NoteKind::Layout
                | NoteKind::Info => None,
            })
    }

    fn open(&self) -> impl Iterator<Item = &Note> {
        self.proposal
            .notes
            .iter()
            .filter(|note| note.kind.is_open())
    }

    fn others(&self) -> impl Iterator<Item = &Note> {
        let is_other =
            |note: &&Note| !note.kind.is_open() && !matches!(note.kind, NoteKind::Proposed(_));
        self.proposal.notes.iter().filter(is_other)
    }

    /// Losses are known once the example passes.
    fn not_yet(talk: Talk) -> &'static str {
        talk.pick(
            "was vom Beispiel nirgends ankommt, zeigt `package preview`, sobald keine Stelle mehr offen ist",
            "what of the example arrives nowhere is shown by `package preview` once no place is open any more",
        )
    }

    fn steps(&self, talk: Talk) -> String {
        let dir = self.dir.display();
        let steps = [
            (talk.pick("Vorlage ansehen, Zuordnungen und Codeabbildungen (codes/) bestätigen oder ändern", "look at the template; confirm or change matches and code maps (codes/)"), String::new()),
            (talk.pick("Ergebnis, Herkunft und Verluste ansehen", "look at output, lineage and losses"), format!("amtsbote package preview {dir}")),
            (talk.pick("richtige Ausgabe als erwartete behalten", "keep the right output as expected"), format!("amtsbote package expect {dir}")),
            (talk.pick("`draft = true` aus package.toml entfernen, prüfen", "remove `draft = true` from package.toml, check"), format!("amtsbote package check {dir}")),
            (talk.pick("aktivieren", "activate"), format!("amtsbote package activate {dir}")),
        ];
        let mut text = String::new();
        for (nr, (what, command)) in steps.iter().enumerate() {
            let command = if command.is_empty() {
                String::new()
            } else {
                format!(": `{command}`")
            };
            let _ = writeln!(text, "{}. {what}{command}", nr + 1);
        }
        text
    }

    fn page(&self, talk: Talk) -> String {
        let mut text = format!(
            "# {} {}\n\n{}\n\n",
            talk.pick("Vorschlag", "Proposal"),
            self.name,
            self.told.line(talk)
        );
        let _ = writeln!(
            text,
            "## {}\n\n| {} | {} | % |\n|---|---|---|",
            talk.pick("Zuordnungen, zu bestätigen", "Matches, to be confirmed"),
            talk.pick("Stelle", "place"),
            talk.pick("Quelle", "source")
        );
        for (note, score) in self.proposed() {
            let doubt = if score < 80 {
                talk.pick(" genau prüfen", " look twice")
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "| `{}` | {} | {score}{doubt} |",
                note.at,
                talk.text(&note.text).replace('|', "\\|")
            );
        }
        let _ = writeln!(text, "\n## {}\n", talk.pick("Noch zu tun", "Left to do"));
        for note in self.open() {
            let _ = writeln!(text, "- `{}`: {}", note.at, talk.text(&note.text));
        }
        for finding in &self.preview.findings {
            let _ = writeln!(
                text,
                "- `{}`: {} [{}]",
                finding.at,
                talk.text(&finding.detail),
                finding.rule
            );
        }
        let _ = writeln!(
            text,
            "\n## {}\n",
            talk.pick(
                "Angaben des Beispiels, die nirgends ankommen",
                "Inputs of the example that arrive nowhere"
            )
        );
        if !self.preview.findings.is_empty() {
            let _ = writeln!(text, "{}", Self::not_yet(talk));
        }
        for loss in &self.preview.losses {
            let _ = writeln!(text, "- `{loss}`");
        }
        let _ = writeln!(text, "\n## {}\n", talk.pick("Hinweise", "To know"));
        for note in self.others() {
            let _ = writeln!(text, "- `{}`: {}", note.at, talk.text(&note.text));
        }
        let _ = write!(
            text,
            "\n## {}\n\n{}",
            talk.pick("Weiter", "Next"),
            self.steps(talk)
        );
        text
    }

    fn tell(&self, page: &str, talk: Talk) -> Result<()> {
        if talk.form() == Form::Json {
            let notes: Vec<Value> = self
                .proposal
                .notes
                .iter()
                .map(|note| {
                    let score = match note.kind {
                        NoteKind::Proposed(score) => Some(score),
                        NoteKind::Unmapped | NoteKind::Constant | NoteKind::MaybeMissing | NoteKind::FirstOnly | NoteKind::Repeat | NoteKind::Unit | NoteKind::Layout | NoteKind::Info => None,
                    };
                    json!({ "kind": note.kind.name(), "at": note.at, "text": talk.text(&note.text), "score": score })
                })
                .collect();
            talk.json(&json!({ "package": self.name, "dir": self.dir, "kind": self.told.name(), "why": talk.text(&self.told.why), "notes": notes, "losses": self.preview.losses, "findings": self.preview.findings }))?;
            return Ok(());
        }
        talk.data(format_args!("✓ {}", self.dir.display()))?;
        talk.data(format_args!("  {}", self.told.line(talk)))?;
        talk.data(format_args!(
            "  {} {}",
            self.proposed().count(),
            talk.pick(
                "Zuordnungen vorgeschlagen, zu bestätigen",
                "matches proposed, to be confirmed"
            )
        ))?;
        for (note, score) in self.proposed() {
            talk.data(format_args!(
                "    {score:>3} %  {}  ←  {}",
                note.at,
                talk.text(&note.text)
            ))?;
        }
        let open = self.open().count() + self.preview.findings.len();
        talk.data(format_args!(
            "  {open} {}",
            talk.pick("Stellen sind noch zu klären", "places are left to do")
        ))?;
        for note in self.open() {
            talk.data(format_args!("    ! {}: {}", note.at, talk.text(&note.text)))?;
        }
        talk.findings(&self.preview.findings);
        if !self.preview.findings.is_empty() {
            talk.data(format_args!(
                "  {}; {} {page}",
                Self::not_yet(talk),
                talk.pick("alles steht in", "everything stands in")
            ))?;
            talk.say(self.steps(talk).trim_end());
            return Ok(());
        }
        talk.data(format_args!(
            "  {} {} {page}",
            self.preview.losses.len(),
            talk.pick(
                "Angaben des Beispiels kommen nirgends an; alles steht in",
                "inputs of the example arrive nowhere; everything stands in"
            )
        ))?;
        talk.say(self.steps(talk).trim_end());
        Ok(())
    }
}

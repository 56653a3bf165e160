//! `amtsbote service new --from FILE`: a service from a schema of others.

use std::fmt::Write as _;
use std::path::Path;

use amtsbote_problem::Findings;
use amtsbote_propose::{Foreign, NewService, service};
use amtsbote_validate::service::Service as Loaded;
use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::args::{ForeignKind, NewServiceArgs, Service};
use crate::folder::{self, Files, Readers};
use crate::schema_files::SchemaFiles;
use crate::talk::{Form, Talk};

/// How often the example is mended by leaving out what does not fit.
const MENDS: usize = 40;

pub(crate) fn run(args: &Service, talk: Talk) -> Result<()> {
    match args {
        Service::New(args) => new(args, talk),
    }
}

fn new(args: &NewServiceArgs, talk: Talk) -> Result<()> {
    let out = args.schemas.join(&args.name);
    let is_name = !args.name.is_empty()
        && args
            .name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_name {
        return Err(talk.error(
            "--name besteht aus a-z, 0-9 und -",
            "--name consists of a-z, 0-9 and -",
        ));
    }
    if out.exists() {
        return Err(talk.error(
            format_args!(
                "{} gibt es schon; mit --name etwas anderes nennen",
                out.display()
            ),
            format_args!(
                "{} is there already; name something else with --name",
                out.display()
            ),
        ));
    }
    let made = converted(args, talk)?;
    let uri = schema_uri(args, &made, talk)?;
    let mut schema = made.schema.clone();
    schema["$id"] = json!(uri);
    let files = Files::from([
        (
            "schema.json".to_owned(),
            format!("{schema:#}\n").into_bytes(),
        ),
        (
            "service.toml".to_owned(),
            manifest(args, &made, &uri, "").into_bytes(),
        ),
    ]);
    let loaded = Loaded::load(files.clone()).map_err(|findings| {
        talk.findings(&findings);
        talk.error(
            "das Schema lässt sich so nicht verwenden; die Befunde stehen darüber",
            "the schema cannot be used like this; the findings stand above",
        )
    })?;
    let (examples, left) = fitting_ones(&made, |example| loaded.check(example));
    let files = with_examples(files, (args, &made, &uri), &examples, &left);
    let page = talk.pick("UMWANDLUNG.md", "CONVERSION.md");
    let told = Told {
        args,
        made: &made,
        left: &left,
        examples: examples.len(),
        dir: &out,
    };
    let mut files = files;
    files.insert(page.to_owned(), told.page(talk).into_bytes());
    written(&out, &files)?;
    told.tell(page, talk)
}

fn converted(args: &NewServiceArgs, talk: Talk) -> Result<NewService> {
    let bytes = folder::read_file(&args.from)?;
    let kind = args.kind.unwrap_or_else(|| kind_of(&args.from, &bytes));
    let files;
    let foreign = match kind {
        ForeignKind::JsonSchema => Foreign::JsonSchema(&bytes),
        ForeignKind::Xdf => Foreign::Xdf(&bytes),
        ForeignKind::Xsd => {
            files = SchemaFiles::read(&args.from)?;
            for (file, address) in &files.missing {
                talk.say(missing(file, address, talk));
            }
            Foreign::Xsd(files.schemas(args.root.as_deref()))
        }
    };
    service(&foreign).map_err(|unusable| talk.error(&unusable.text.de, &unusable.text.en))
}

/// What to do about an address that leads nowhere.
pub(crate) fn missing(file: &str, address: &str, talk: Talk) -> String {
    match talk.pick("de", "en") {
        "de" => format!("  ! {file} bindet {address} ein; die Datei fehlt: neben {file} legen"),
        _ => format!("  ! {file} includes {address}; that file is missing: put it beside {file}"),
    }
}

fn kind_of(path: &Path, bytes: &[u8]) -> ForeignKind {
    let is_xsd = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("xsd"));
    let is_xml = bytes
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|byte| matches!(byte, b'<' | 0xEF));
    match (is_xsd, is_xml) {
        (true, _) => ForeignKind::Xsd,
        (false, true) => ForeignKind::Xdf,
        (false, false) => ForeignKind::JsonSchema,
    }
}

/// As given, as in the schema, or as FIM calls its own.
fn schema_uri(args: &NewServiceArgs, made: &NewService, talk: Talk) -> Result<String> {
    let own = || {
        made.schema
            .get("$id")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let of_fim = || {
        let (id, version) = made.fim.as_ref()?;
        Some(format!(
            "https://schema.fitko.de/fim/{}_{version}.schema.json",
            id.to_lowercase()
        ))
    };
    args.schema_uri
        .clone()
        .or_else(own)
        .or_else(of_fim)
        .ok_or_else(|| {
            talk.error(
                "das Schema hat keine Adresse ($id); mit --schema-uri eine nennen",
                "the schema has no address ($id); name one with --schema-uri",
            )
        })
}

fn manifest(args: &NewServiceArgs, made: &NewService, uri: &str, example: &str) -> String {
    let label = args
        .label
        .clone()
        .or_else(|| made.label.clone())
        .unwrap_or_else(|| args.name.clone());
    let text = |text: &str| Value::from(text).to_string();
    let version = made
        .fim
        .as_ref()
        .map_or("1.0.0", |(_, version)| version.as_str());
    format!(
        "name = {}\nservice = {}\nlabel = {{ de = {}, en = {} }}\nversion = {}\nschema_uri = {}\nmime_type = \"application/json\"\n\n\
         [attachments]\nmax_count = 20\nmax_total_bytes = 50000000\npurposes = [\"attachment\", \"form\"]\nmime_types = [\"application/pdf\", \"image/png\", \"image/jpeg\"]\n{example}",
        text(&args.name),
        text(&args.urn),
        text(&label),
        text(&label),
        text(if version.is_empty() { "1.0.0" } else { version }),
        text(uri)
    )
}

/// Leaves out what does not fit until the rest does; what is still wrong then is told.
fn fitting(mut example: Value, check: impl Fn(&Value) -> Findings) -> (Value, Findings) {
    for _ in 0..MENDS {
        let findings = check(&example);
        let removed = findings
            .iter()
            .filter(|finding| finding.rule != "required")
            .any(|finding| remove(&mut example, &finding.at));
        if findings.is_empty() || !removed {
            return (example, findings);
        }
    }
    let findings = check(&example);
    (example, findings)
}

/// The examples that fit, none of them twice; if none does, the first one, and what is wrong with it.
fn fitting_ones(made: &NewService, check: impl Fn(&Value) -> Findings) -> (Vec<Value>, Findings) {
    let mut fit = Vec::new();
    let mut first = None;
    for example in &made.examples {
        let (example, left) = fitting(example.clone(), &check);
        if !left.is_empty() {
            first.get_or_insert((example, left));
        } else if !fit.contains(&example) {
            fit.push(example);
        }
    }
    if fit.is_empty() {
        let (least, left) = fitting(made.least.clone(), &check);
        fit.extend(left.is_empty().then_some(least));
    }
    match first {
        Some((example, left)) if fit.is_empty() => (vec![example], left),
        Some(_) | None => (fit, Findings::new()),
    }
}

/// The file of the example `nr`, from 1.
fn example_file(nr: usize) -> String {
    match nr {
        1 => "examples/beispiel.json".to_owned(),
        _ => format!("examples/beispiel-{nr}.json"),
    }
}

fn remove(example: &mut Value, at: &str) -> bool {
    let Some((above, name)) = at.rsplit_once('/') else {
        return false;
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    match example.pointer_mut(above) {
        Some(Value::Object(members)) => members.remove(&name).is_some(),
        Some(Value::Array(items)) => match name.parse::<usize>() {
            Ok(index) if index < items.len() => {
                items.remove(index);
                true
            }
            Ok(_) | Err(_) => false,
        },
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => false,
    }
}

fn with_examples(
    mut files: Files,
    (args, made, uri): (&NewServiceArgs, &NewService, &str),
    examples: &[Value],
    left: &Findings,
) -> Files {
    let mut named = String::new();
    for (index, example) in examples.iter().enumerate() {
        let file = if left.is_empty() {
            let file = example_file(index + 1);
            let _ = write!(named, "\n[[example]]\nfile = \"{file}\"\nvalid = true\n");
            file
        } else {
            // Not named in service.toml: a start for whoever completes it.
            "examples/entwurf.json".to_owned()
        };
        files.insert(file, format!("{example:#}\n").into_bytes());
    }
    files.insert(
        "service.toml".to_owned(),
        manifest(args, made, uri, &named).into_bytes(),
    );
    files
}

fn written(out: &Path, files: &Files) -> Result<()> {
    let name = out
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let part = out.with_file_name(format!(".{name}.part"));
    if part.exists() {
        std::fs::remove_dir_all(&part)
            .with_context(|| format!("cannot remove {}", part.display()))?;
    }
    for (path, bytes) in files {
        folder::write(&part.join(path), bytes, Readers::All)?;
    }
    std::fs::rename(&part, out).with_context(|| format!("cannot write {}", out.display()))
}

struct Told<'t> {
    args: &'t NewServiceArgs,
    made: &'t NewService,
    left: &'t Findings,
    examples: usize,
    dir: &'t Path,
}

impl Told<'_> {
    fn page(&self, talk: Talk) -> String {
        let mut text = format!(
            "# {}\n\n{} {}\n\n",
            self.args.name,
            talk.pick(
                "Nicht oder anders übernommen:",
                "Not carried over, or otherwise:"
            ),
            self.made.losses.len()
        );
        for note in &self.made.losses {
            text.push_str("- `");
            text.push_str(if note.at.is_empty() { "/" } else { &note.at });
            text.push_str("`: ");
            text.push_str(talk.text(&note.text));
            text.push('\n');
        }
        text
    }

    fn tell(&self, page: &str, talk: Talk) -> Result<()> {
        if talk.form() == Form::Json {
            let losses: Vec<Value> = self
                .made
                .losses
                .iter()
                .map(|note| json!({ "at": note.at, "text": talk.text(&note.text) }))
                .collect();
            talk.json(&json!({ "service": self.args.name, "dir": self.dir, "losses": losses, "exampleIsValid": self.left.is_empty(), "findings": self.left }))?;
            return Ok(());
        }
        talk.data(format_args!("✓ {}", self.dir.display()))?;
        talk.data(format_args!(
            "  {} {} {page}",
            self.made.losses.len(),
            talk.pick(
                "Stellen gehen nicht oder anders mit; siehe",
                "places are not carried over, or otherwise; see"
            )
        ))?;
        for note in self.made.losses.iter().take(30) {
            talk.data(format_args!("    · {}: {}", note.at, talk.text(&note.text)))?;
        }
        if self.left.is_empty() {
            for nr in 1..=self.examples {
                talk.data(format_args!("  ✓ {}", example_file(nr)))?;
            }
        } else {
            talk.findings(self.left);
            talk.say(talk.pick(
                "Aus dem Schema ließ sich kein gültiges Beispiel erzeugen: examples/entwurf.json berichtigen, als examples/beispiel.json speichern und in service.toml als [[example]] nennen.",
                "No valid example could be made of the schema: mend examples/entwurf.json, keep it as examples/beispiel.json and name it in service.toml as [[example]].",
            ));
        }
        talk.say(format_args!(
            "{} amtsbote package new SAMPLE --service {} --schemas {}",
            talk.pick("Weiter:", "Next:"),
            self.args.name,
            self.args.schemas.display()
        ));
        Ok(())
    }
}

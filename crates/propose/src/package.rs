//! The whole package: `package.toml`, template, code maps, one example, and what is left to do.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use amtsbote_problem::Bilingual;
use amtsbote_translate::Encoding;
use serde_json::{Map, Value};

use crate::binding::{Maps, quoted};
use crate::fields::{Field, fields};
use crate::fixed::Column;
use crate::matching::{Match, Offer, Source};
use crate::names;
use crate::several::{Bundle, Names, Part};
use crate::slots::Slot;
use crate::{Schemas, Several, Unusable, dom, json, tables, xml, xsd};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// Name of the package.
    pub name: &'a str,
    /// URN of the service.
    pub service: &'a str,
    /// The service's name.
    pub label: &'a Bilingual,
    /// URI of the schema.
    pub schema_uri: &'a str,
    /// The schema.
    pub schema: &'a Value,
    /// A valid submission, as it stands in the service's folder: becomes the package's example.
    pub example: &'a [u8],
    /// Name of the example.
    pub example_name: &'a str,
    /// The sample.
    pub sample: Sample<'a>,
    /// What the sample's file name ends in, without the dot: so does that of the file that is made.
    pub ending: Option<&'a str>,
}

/// What the procedure reads.
#[derive(Debug, Clone)]
pub enum Sample<'a> {
    /// A sample message, and the schema it keeps if that is known.
    Xml(&'a [u8], Option<Schemas<'a>>),
    /// A sample file with one column name per column in its first line.
    Csv(&'a [u8]),
    /// A sample file, and its columns if they are known.
    Fixed(&'a [u8], Option<&'a [Column]>),
    /// A sample file of keys and values.
    Keys(&'a [u8]),
    /// A sample file of segments.
    Segments(&'a [u8]),
    /// A sample document.
    Json(&'a [u8]),
    /// Schema files.
    Xsd(Schemas<'a>),
    /// Files that belong together, and the schema that XML among them keeps if that is known; the name of the archive they came in.
    Several(&'a Several<'a>, Option<Schemas<'a>>, Option<&'a str>),
}

/// What a person should know of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is.
    pub kind: NoteKind,
    /// Where in the format.
    pub at: String,
    /// What, and what to do.
    pub text: Bilingual,
}

/// Kinds of notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// A source was proposed; 62 (look twice) to 100 (the same name).
    Proposed(i32),
    /// Nothing fits a place that wants a value.
    Unmapped,
    /// The sample's own text would be handed over.
    Constant,
    /// The procedure needs it, the application may lack it.
    MaybeMissing,
    /// A list of the data is left out but for its first item.
    FirstOnly,
    /// A part that repeats.
    Repeat,
    /// It may be counted in another unit: cents or euros.
    Unit,
    /// The sample is laid out in a way the proposal does not follow: glued fields, several messages.
    Layout,
    /// Something to know.
    Info,
}

impl NoteKind {
    /// The stable name, for scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proposed(_) => "proposed",
            Self::Unmapped => "unmapped",
            Self::Constant => "constant",
            Self::MaybeMissing => "may-be-missing",
            Self::FirstOnly => "first-only",
            Self::Repeat => "repeat",
            Self::Unit => "unit",
            Self::Layout => "layout",
            Self::Info => "info",
        }
    }

    /// Whether a person has to do something before the package is right.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Unmapped
            | Self::Constant
            | Self::MaybeMissing
            | Self::FirstOnly
            | Self::Unit
            | Self::Layout => true,
            Self::Proposed(_) | Self::Repeat | Self::Info => false,
        }
    }
}

impl Note {
    pub(crate) fn new(kind: NoteKind, at: String, de: &str, en: &str) -> Self {
        Self {
            kind,
            at,
            text: Bilingual::new(de, en),
        }
    }

    pub(crate) fn proposed(at: &str, found: &Match, fields: &[Field]) -> Self {
        let source = match &found.source {
            Source::Beside(beside) => beside.expression.to_owned(),
            Source::Field(field) => fields.get(*field).map(described).unwrap_or_default(),
        };
        Self {
            kind: NoteKind::Proposed(found.score),
            at: at.to_owned(),
            text: Bilingual::new(source.clone(), source),
        }
    }

    /// As it stands in the template.
    pub(crate) fn remark(&self) -> String {
        match self.kind {
            NoteKind::Proposed(score) => {
                let doubt = if score < 80 {
                    ", bitte genau prüfen / look twice"
                } else {
                    ""
                };
                format!("Vorschlag / proposal ({score} %{doubt}): {}", self.text.de)
            }
            NoteKind::Unmapped
            | NoteKind::Constant
            | NoteKind::MaybeMissing
            | NoteKind::FirstOnly
            | NoteKind::Repeat
            | NoteKind::Unit
            | NoteKind::Layout
            | NoteKind::Info => {
                format!("{} / {}", self.text.de, self.text.en)
            }
        }
    }
}

fn described(field: &Field) -> String {
    let label = field.leaf().1.replace(['\n', '\r'], " ");
    if label.is_empty() {
        field.pointer()
    } else {
        format!("{} \"{label}\"", field.pointer())
    }
}

/// A proposed package.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Files of the package; expected output is still missing.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Place by place, in the format's order.
    pub notes: Vec<Note>,
}

/// What the format's part gave.
pub(crate) struct Made {
    pub(crate) format: &'static str,
    pub(crate) settings: String,
    pub(crate) template: (&'static str, String),
    pub(crate) notes: Vec<Note>,
    /// Header data of the receiver the template reads: name → sample value.
    pub(crate) receiver: Map<String, Value>,
}

/// What the file that is made is called after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) name: &'a str,
    pub(crate) ending: Option<&'a str>,
}

impl Named<'_> {
    /// The setting's value; `usual` is how such files end.
    pub(crate) fn file(&self, usual: &str) -> String {
        let is_plain = |ending: &&str| {
            (1..=ENDING_MAX).contains(&ending.len())
                && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let ending = self.ending.filter(is_plain).unwrap_or(usual);
        quoted(&format!("{}.{ending}", file_name(self.name)))
    }
}

const ENDING_MAX: usize = 12;

/// Proposes a package.
pub fn package(ask: &Ask<'_>) -> Result<Proposal, Unusable> {
    let example: Value = serde_json::from_slice(ask.example).map_err(|_| {
        Unusable::new(
            "das Beispiel der Leistung ist kein JSON",
            "the service's example is not JSON",
        )
    })?;
    let fields = fields(ask.schema);
    if fields.is_empty() {
        return Err(Unusable::new(
            "das Schema der Leistung nennt keine Felder",
            "the service's schema names no fields",
        ));
    }
    let known = if let Sample::Several(files, ..) = &ask.sample {
        Names::of(files)
    } else {
        Names::default()
    };
    let offer = Offer {
        fields: &fields,
        example: &example,
        files: &known,
    };
    let mut maps = Maps::default();
    let (name, ending) = (ask.name, ask.ending);
    let named = Named { name, ending };
    let bundle = if let Sample::Several(files, schemas, archive) = &ask.sample {
        let part = |part: &Part<'_>| {
            let ending = part.path.rsplit_once('.').map(|(_, ending)| ending);
            let named = Named { ending, ..named };
            made(&part.sample(*schemas), named, (&offer, &mut maps))
        };
        let parts: Result<Vec<Made>, Unusable> = files.parts().iter().map(part).collect();
        files.together(parts?, *archive)
    } else {
        Bundle::one(made(&ask.sample, named, (&offer, &mut maps))?)
    };
    let mut files = BTreeMap::new();
    files.insert(
        "package.toml".to_owned(),
        manifest(ask, &bundle).into_bytes(),
    );
    for (path, text) in bundle.templates {
        files.insert(path, text.into_bytes());
    }
    for (name, text) in maps.0 {
        files.insert(format!("codes/{name}.toml"), text.into_bytes());
    }
    if let Sample::Xsd(schemas)
    | Sample::Xml(_, Some(schemas))
    | Sample::Several(_, Some(schemas), _) = &ask.sample
    {
        let in_package =
            |(path, bytes): (&String, &Vec<u8>)| (format!("xsd/{path}"), bytes.clone());
        files.extend(schemas.files.iter().map(in_package));
    }
    let folder = format!("examples/{}", ask.example_name);
    files.insert(format!("{folder}/input.json"), ask.example.to_vec());
    if !bundle.receiver.is_empty() {
        let receiver = format!("{:#}\n", Value::Object(bundle.receiver));
        files.insert(format!("{folder}/receiver.json"), receiver.into_bytes());
    }
    Ok(Proposal {
        files,
        notes: merged(bundle.notes),
    })
}

/// What one document of the procedure becomes.
fn made(
    sample: &Sample<'_>,
    named: Named<'_>,
    (offer, maps): (&Offer<'_>, &mut Maps),
) -> Result<Made, Unusable> {
    Ok(match sample {
        Sample::Xml(bytes, schemas) => {
            let encoding = dom::encoding(bytes).map_or("utf-8", Encoding::name);
            let kept = schemas.as_ref();
            let mut root = dom::parse(bytes)?;
            if let Some(schemas) = kept {
                told(&mut root, schemas);
            }
            from_xml(root, (encoding, kept, named.ending), (offer, maps))
        }
        Sample::Xsd(schemas) => {
            let root = xsd::sample(schemas, xsd::Choices::First)?;
            from_xml(root, ("utf-8", Some(schemas), None), (offer, maps))
        }
        Sample::Csv(bytes) => tables::from_csv(named, bytes, offer, maps)?,
        Sample::Fixed(bytes, columns) => tables::from_fixed(named, bytes, *columns, (offer, maps))?,
        Sample::Keys(bytes) => tables::from_keys(named, bytes, (offer, maps))?,
        Sample::Segments(bytes) => tables::from_segments(named, bytes, (offer, maps))?,
        Sample::Json(bytes) => from_json(named, bytes, offer, maps)?,
        Sample::Several(..) => {
            return Err(Unusable::new(
                "mehrere Dateien in einer",
                "several files in one",
            ));
        }
    })
}

/// What the schema says of a sample's elements. A schema that lacks the sample's root says nothing; the check of the output will.
fn told(root: &mut dom::Element, schemas: &Schemas<'_>) {
    let name = root.local().to_owned();
    let of_root = Schemas {
        root: Some(&name),
        ..*schemas
    };
    if let Ok(known) = xsd::sample(&of_root, xsd::Choices::All) {
        xml::tell(root, &known);
    }
}

/// What is said of several places is said once.
fn merged(notes: Vec<Note>) -> Vec<Note> {
    let mut kept: Vec<Note> = Vec::new();
    for note in notes {
        let same = kept.iter_mut().find(|known| {
            known.kind == NoteKind::FirstOnly && known.kind == note.kind && known.text == note.text
        });
        match same {
            Some(known) => known.at = format!("{}, {}", known.at, note.at),
            None => kept.push(note),
        }
    }
    for note in &mut kept {
        note.at = together(&note.at);
    }
    kept
}

/// Several places, as what they have in common: `/antrag/person/…`. Columns have no such thing.
fn together(places: &str) -> String {
    let all: Vec<&str> = places.split(", ").collect();
    let [first, rest @ ..] = all.as_slice() else {
        return places.to_owned();
    };
    let parts: Vec<&str> = first.split('/').collect();
    let shared = (1..parts.len())
        .rev()
        .map(|to| parts.get(..to).unwrap_or_default().join("/"))
        .find(|prefix| {
            rest.iter()
                .all(|place| place.starts_with(&format!("{prefix}/")))
        });
    match shared {
        Some(prefix) if !rest.is_empty() && prefix.starts_with('/') => format!("{prefix}/…"),
        Some(_) | None => places.to_owned(),
    }
}

fn manifest(ask: &Ask<'_>, made: &Bundle) -> String {
    let mut text = String::from(
        "# Vorschlag. Bitte jede Zuordnung der Vorlage bestätigen, dann die Zeile `draft = true` entfernen.\n# A proposal. Confirm each match of the template, then remove the line `draft = true`.\ndraft = true\n",
    );
    let _ = write!(
        text,
        "name = {}\nversion = \"0.1.0\"\nlabel = {{ de = {}, en = {} }}\nservice = {}\nschema = {}\nformat = {}\n\n",
        quoted(ask.name),
        quoted(&ask.label.de),
        quoted(&ask.label.en),
        quoted(ask.service),
        quoted(ask.schema_uri),
        quoted(made.format)
    );
    text.push_str(
        "# Angaben, die absichtlich nicht übergeben werden, mit ihrem Grund / inputs left out on purpose, with their reason:\n# ignore = [\"/erklaerungen\"]\n\n",
    );
    let _ = write!(
        text,
        "[settings]\n{}\n[[example]]\nname = {}\nabout = \"aus der Leistung / from the service\"\n",
        made.settings,
        quoted(ask.example_name)
    );
    text
}

/// Sample values for what templates read of `$receiver`.
pub(crate) fn receiver<'m>(
    found: impl Iterator<Item = (&'m Slot, &'m Match)>,
) -> Map<String, Value> {
    let mut receiver = Map::new();
    for (slot, found) in found {
        if let Source::Beside(beside) = &found.source
            && let Some(key) = beside.expression.strip_prefix("$receiver.")
        {
            let value = slot
                .values
                .iter()
                .find(|value| !value.is_empty())
                .map_or("?", String::as_str);
            receiver.insert(key.to_owned(), Value::from(value));
        }
    }
    receiver
}

fn from_xml(
    root: dom::Element,
    (encoding, schemas, ending): (&str, Option<&xsd::Schemas<'_>>, Option<&str>),
    (offer, maps): (&Offer<'_>, &mut Maps),
) -> Made {
    let name = root.local().to_owned();
    let named = Named {
        name: &name,
        ending,
    };
    let drafted = xml::draft(root, offer, maps);
    let text = dom::print(&drafted.root, Encoding::named(encoding));
    // What `$receiver` has to hold is told by the template itself.
    let mut receiver = Map::new();
    for key in ["mandant", "ars", "name"] {
        if text.contains(&format!("\"$receiver.{key}\"")) {
            receiver.insert(key.to_owned(), Value::from("?"));
        }
    }
    let mut settings = format!(
        "template = \"vorlage.xml\"\nfile = {}\nencoding = {}\n",
        named.file("xml"),
        quoted(encoding)
    );
    match schemas {
        Some(schemas) => {
            let path = format!("xsd/{}", schemas.main);
            let _ = writeln!(settings, "schema = {}", quoted(&path));
        }
        None => settings.push_str(
            "# Die XSD des Verfahrens ins Paket legen, dann wird jede Ausgabe geprüft / put the procedure's XSD into the package:\n# schema = \"xsd/NAME.xsd\"\n",
        ),
    }
    settings.push_str(attachments(&text));
    Made {
        format: "xml",
        settings,
        template: ("vorlage.xml", text),
        notes: drafted.notes,
        receiver,
    }
}

/// Where attachments go: a template that holds their content takes them along itself.
fn attachments(template: &str) -> &'static str {
    if template.contains("\".content\"") {
        "# Die Anlagen stehen im Dokument / the attachments are in the document:\nattachments = \"none\"\n"
    } else {
        "# Anlagen: Ordner, \".\" (neben dem Dokument) oder \"none\" / attachments: folder, \".\" (beside the document) or \"none\"\nattachments = \"anlagen\"\n"
    }
}

fn file_name(name: &str) -> String {
    let name = names::folded(name);
    let name: String = name.chars().take(40).collect();
    if name.is_empty() {
        "antrag".to_owned()
    } else {
        name
    }
}

fn is_json_lines(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.all(|line| serde_json::from_str::<Map<String, Value>>(line).is_ok())
}

fn from_json(
    named: Named<'_>,
    bytes: &[u8],
    offer: &Offer<'_>,
    maps: &mut Maps,
) -> Result<Made, Unusable> {
    let (encoding, text) = crate::text::decoded(bytes)?;
    if !encoding.starts_with("utf-8") {
        return Err(Unusable::new(
            "das JSON-Muster ist nicht in UTF-8; JSON ist immer UTF-8 (RFC 8259): umwandeln, etwa iconv -f ISO-8859-1 -t UTF-8",
            "the JSON sample is not UTF-8; JSON always is (RFC 8259): convert it, such as iconv -f ISO-8859-1 -t UTF-8",
        ));
    }
    let sample: Value = serde_json::from_str(&text).map_err(|error| {
        if is_json_lines(&text) {
            return Unusable::new(
                "das Muster enthält mehrere JSON-Dokumente, eines je Zeile (JSON Lines); eine Übergabe ist ein Dokument: eine Zeile allein als Muster nehmen, in package.toml dann form = \"one-line\"",
                "the sample holds several JSON documents, one per line (JSON Lines); a handover is one document: take one line as the sample, and say form = \"one-line\" in package.toml",
            );
        }
        let (line, column) = (error.line(), error.column());
        Unusable::new(
            format!("das Muster ist kein JSON (Zeile {line}, Spalte {column})"),
            format!("the sample is not JSON: {error}"),
        )
    })?;
    if sample.get("$schema").is_some() && sample.get("properties").is_some() {
        return Err(Unusable::new(
            "das ist ein JSON Schema, kein Musterdokument; ein Dokument mit erfundenem Inhalt angeben",
            "this is a JSON Schema, not a sample document; give a document with invented content",
        ));
    }
    let drafted = json::draft(&sample, offer, maps);
    let text = format!("{:#}\n", drafted.sample);
    let open = drafted.notes.iter();
    let open = open.filter(|note| note.kind == NoteKind::Constant);
    // JSON has no comments.
    let mut marks = String::new();
    for note in open {
        let at = &note.at;
        let _ = writeln!(
            marks,
            "# offen: {at} hat den Wert des Musters / open: has the sample's value"
        );
    }
    Ok(Made {
        format: "json",
        settings: format!(
            "template = \"vorlage.json\"\n{marks}file = {}\n{}",
            named.file("json"),
            attachments(&text)
        ),
        template: ("vorlage.json", text),
        notes: drafted.notes,
        receiver: receiver(drafted.found.iter().map(|(slot, found)| (slot, found))),
    })
}

//! An XML sample becomes a template: binding attributes where a field fits, remarks everywhere a person has to look.

mod attachment;
mod shape;
mod writer;

use amtsbote_problem::Bilingual;
use amtsbote_translate::xml::NAMESPACE;

use crate::binding::{Context, Maps};
use crate::dom::Element;
use crate::fields::Step;
use crate::matching::{Offer, matches};
use crate::names;
use crate::package::{Note, NoteKind};
use shape::{collapse, collect, grouped, prefix, renamed};
use writer::Writer;

pub(crate) use shape::tell;

/// Attributes that say which code list or version something has: constants of the format.
const FIXED_ATTRIBUTES: &[&str] = &["listURI", "listVersionID", "version", "lang", "encoding"];

/// What became of the sample.
pub(crate) struct Drafted {
    pub(crate) root: Element,
    pub(crate) notes: Vec<Note>,
}

pub(crate) fn draft(mut root: Element, offer: &Offer<'_>, maps: &mut Maps) -> Drafted {
    let mut notes = Vec::new();
    grouped(&mut root);
    collapse(&mut root, "", &mut notes);
    let mut slots = Vec::new();
    collect(&root, &mut Vec::new(), &mut slots);
    let found = matches(&slots, offer);
    let prefix = prefix(&root);
    let mut writer = Writer {
        prefix: &prefix,
        slots: &slots,
        found: &found,
        fields: offer.fields,
        files: offer.files,
        maps,
        notes,
        next: 0,
    };
    writer.element(&mut root, &Context::default(), None);
    let notes = writer.notes;
    renamed(&mut root, &format!("{prefix}:group"));
    root.attributes
        .push((format!("xmlns:{prefix}"), NAMESPACE.to_owned()));
    Drafted { root, notes }
}

/// What became of a list of attachments.
pub(crate) fn of_attachments(at: String) -> Note {
    Note::new(
        NoteKind::Info,
        at,
        "Vorschlag: die Anlagen des Antrags; Inhalt mit .content geht in Base64 mit, dann steht attachments = \"none\" in package.toml. Zum Ansehen eine Datei nach examples/…/attachments/ legen",
        "proposal: the application's attachments; content goes along in base64 with .content, and package.toml says attachments = \"none\". To see them, put a file into examples/…/attachments/",
    )
}

/// The conversion that writes a number as wide as the sample's, if that has zeros in front.
pub(crate) fn padded(sample: &str) -> Option<String> {
    let sample = sample.trim();
    let is_padded = sample.len() > 1
        && sample.starts_with('0')
        && sample.bytes().all(|byte| byte.is_ascii_digit());
    is_padded.then(|| format!("number:{}", "0".repeat(sample.len())))
}

/// Whether a name means a running number.
pub(crate) fn is_counter(name: &str) -> bool {
    [
        "nr",
        "lfd",
        "lfdnr",
        "lfdnummer",
        "laufendenummer",
        "position",
        "pos",
        "positionsnummer",
        "index",
    ]
    .contains(&names::folded(name).as_str())
}

/// Of a list only the first item goes along.
pub(crate) fn first_only(at: &str, list: &str) -> Note {
    Note {
        kind: NoteKind::FirstOnly,
        at: at.to_owned(),
        text: Bilingual::new(
            format!(
                "nur der erste Eintrag von {list}; sollen alle mit, das Element mit each wiederholen"
            ),
            format!("only the first item of {list}; to take all along, repeat with each"),
        ),
    }
}

/// The way to the first list below the context, its items included.
pub(crate) fn first_list<'f>(steps: &'f [Step], context: &Context) -> Option<&'f [Step]> {
    let from = if steps.starts_with(&context.0) {
        context.0.len()
    } else {
        0
    };
    let below = steps
        .get(from..)?
        .iter()
        .position(|step| *step == Step::Items)?;
    steps.get(..=from + below)
}

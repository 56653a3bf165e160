//! Where each output came from, and which input went nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jaq_json::Val;

use crate::place::Place;
use crate::run::Used;

/// How sure the sources of an output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Copied (and perhaps converted) from exactly these places.
    Exact,
    /// Computed. Listed is every place the expression mentions, on this submission; it may not have used all of them.
    Computed,
    /// The template's default, as the listed places gave nothing.
    Default,
    /// A constant: it stands so in the template, and nothing of the submission is in it.
    Constant,
    /// Made by the format itself, of what `conversion` says: a running number, a name it fixes.
    Made,
    /// No value: the listed places decided whether or how often the output is there, or gave nothing it could show.
    Decides,
}

/// What a file's writer changed of a value so that the file can hold it. Told beside the conversions, which the template asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// Cut to the width of its column (`overflow = "cut"`).
    Cut,
    /// Letters and their marks put together (Unicode normalisation form C).
    Composed,
    /// Line breaks and tabs written another way: as blanks, or as one character.
    LineBreaks,
    /// Characters that may not stand there, replaced by the closest ones that may.
    Transliterated,
    /// An apostrophe before what a spreadsheet would run as a formula.
    Guarded,
    /// In quotation marks, those inside doubled.
    Quoted,
    /// Filled up to the width of its column.
    Padded,
    /// Line breaks and signs that mean something in the file, written with an escape character.
    Escaped,
}

impl Change {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Composed => "composed",
            Self::LineBreaks => "line-breaks",
            Self::Transliterated => "transliterated",
            Self::Guarded => "guarded",
            Self::Quoted => "quoted",
            Self::Padded => "padded",
            Self::Escaped => "escaped",
        }
    }
}

/// One output and its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// Where in the output: `/a/b[2]/@c` (XML), a JSON pointer, or `row/column`; `file[2]/@name` for what is said of a file
    /// rather than in it; a source that is itself made of others, such as `$message/uuid`.
    pub output: String,
    /// Where in the input.
    pub sources: Vec<Place>,
    /// File of the template, if a template is behind it.
    pub template: Option<Arc<str>>,
    /// Line of the template, where the template knows lines.
    pub template_line: Option<u32>,
    /// How sure.
    pub trace: Trace,
    /// The conversions and code map on the way, as written in the template.
    pub conversion: Option<String>,
    /// What the file's writer changed then, in this order.
    pub changes: Vec<Change>,
}

/// Where an output came from, before it is known where the output will stand.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) sources: Vec<Place>,
    pub(crate) template_line: Option<u32>,
    pub(crate) trace: Trace,
    pub(crate) conversion: Option<String>,
}

impl Lineage {
    /// An output the format makes itself; `how` says of what, `sources` are the places it looks at.
    pub fn made(output: impl Into<String>, sources: Vec<Place>, how: &str) -> Self {
        Self {
            output: output.into(),
            sources,
            template: None,
            template_line: None,
            trace: Trace::Made,
            conversion: Some(how.to_owned()),
            changes: Vec::new(),
        }
    }

    /// An output that is exactly one input.
    pub fn copied(output: impl Into<String>, source: Place) -> Self {
        Self {
            output: output.into(),
            sources: vec![source],
            template: None,
            template_line: None,
            trace: Trace::Exact,
            conversion: None,
            changes: Vec::new(),
        }
    }
}

impl Origin {
    /// Of a constant at `line` of the template.
    pub(crate) const fn constant(line: Option<u32>) -> Self {
        Self {
            sources: Vec::new(),
            template_line: line,
            trace: Trace::Constant,
            conversion: None,
        }
    }

    /// Of what the format makes itself.
    pub(crate) fn made(line: Option<u32>, how: &str) -> Self {
        Self {
            sources: Vec::new(),
            template_line: line,
            trace: Trace::Made,
            conversion: Some(how.to_owned()),
        }
    }

    pub(crate) fn at(self, output: String) -> Lineage {
        Lineage {
            output,
            sources: self.sources,
            template: None,
            template_line: self.template_line,
            trace: self.trace,
            conversion: self.conversion,
            changes: Vec::new(),
        }
    }
}

/// Inputs a package knowingly leaves out: JSON pointers, each with all below it; `*` stands for any one part.
#[derive(Debug, Clone, Default)]
pub struct Ignored(Vec<Vec<String>>);

impl Ignored {
    /// From pointers such as `/antragsteller/*/newsletter`.
    pub fn new(pointers: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self(pointers.into_iter().map(|p| parts(p.as_ref())).collect())
    }

    fn covers(&self, place: &Place) -> bool {
        let place = parts(place.pointer());
        self.0.iter().any(|pattern| {
            pattern.len() <= place.len()
                && pattern
                    .iter()
                    .zip(&place)
                    .all(|(want, is)| want == "*" || want == is)
        })
    }
}

fn parts(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(str::to_owned).collect()
}

/// What was used without being in any output, by the part of the template that asked for it.
pub(crate) fn deciding(lineage: &[Lineage], used: &Used) -> Vec<Lineage> {
    let shown: BTreeSet<&Place> = lineage.iter().flat_map(|one| &one.sources).collect();
    let mut parts: BTreeMap<(&str, Option<u32>), Vec<Place>> = BTreeMap::new();
    for (place, (output, line)) in used {
        if !shown.contains(place) {
            parts
                .entry((output, *line))
                .or_default()
                .push(place.clone());
        }
    }
    parts
        .into_iter()
        .map(|((output, template_line), sources)| Lineage {
            output: output.to_owned(),
            sources,
            template: None,
            template_line,
            trace: Trace::Decides,
            conversion: None,
            changes: Vec::new(),
        })
        .collect()
}

/// The leaves of `data` that hold something, that no place in `used` covers and that are not ignored.
pub(crate) fn losses(data: &Val, used: &Used, ignored: &Ignored) -> Vec<Place> {
    let mut losses = Vec::new();
    collect(data, &Place::of(crate::Root::Data), used, &mut losses);
    losses.retain(|place| !ignored.covers(place));
    losses
}

fn collect(value: &Val, at: &Place, used: &Used, losses: &mut Vec<Place>) {
    if used.contains_key(at) {
        return;
    }
    match value {
        Val::Arr(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &at.index(index), used, losses);
            }
        }
        Val::Obj(members) => {
            for (key, member) in members.iter() {
                collect(member, &at.key(&crate::value::key_text(key)), used, losses);
            }
        }
        Val::Null => {}
        Val::TStr(text) if text.is_empty() => {}
        Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => losses.push(at.clone()),
    }
}

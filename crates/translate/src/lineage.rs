//! Where each output came from, and which input went nowhere.

use std::collections::BTreeSet;

use jaq_json::Val;

use crate::place::Place;

/// How sure the sources of an output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Copied (and perhaps converted) from exactly these places.
    Exact,
    /// Computed. Listed is every place the expression mentions, on this submission; it may not have used all of them.
    Computed,
    /// The template's default, as the listed places gave nothing.
    Default,
}

/// One output and its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// Where in the output: `/a/b[2]/@c` (XML), a JSON pointer, or `row/column`.
    pub output: String,
    /// Where in the input.
    pub sources: Vec<Place>,
    /// Line of the template, where the template knows lines.
    pub template_line: Option<u32>,
    /// How sure.
    pub trace: Trace,
    /// The conversions and code map on the way, as written in the template.
    pub conversion: Option<String>,
}

/// Where an output came from, before it is known where the output will stand.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) sources: Vec<Place>,
    pub(crate) template_line: Option<u32>,
    pub(crate) trace: Trace,
    pub(crate) conversion: Option<String>,
}

impl Origin {
    pub(crate) fn at(self, output: String) -> Lineage {
        Lineage {
            output,
            sources: self.sources,
            template_line: self.template_line,
            trace: self.trace,
            conversion: self.conversion,
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

/// The leaves of `data` that hold something, that no place in `used` covers and that are not ignored.
pub(crate) fn losses(data: &Val, used: &BTreeSet<Place>, ignored: &Ignored) -> Vec<Place> {
    let mut losses = Vec::new();
    collect(data, &Place::of(crate::Root::Data), used, &mut losses);
    losses.retain(|place| !ignored.covers(place));
    losses
}

fn collect(value: &Val, at: &Place, used: &BTreeSet<Place>, losses: &mut Vec<Place>) {
    if used.contains(at) {
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

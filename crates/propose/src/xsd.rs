//! A sample from an XSD root: required elements, then the optional ones marked as such; of a choice the first alternative,
//! with the others named; of an abstract type the first that can stand there (`xsi:type`), of an abstract element the first of its
//! substitution group. A sequence that repeats becomes `b:group`.

mod attributes;
mod maker;
pub(crate) mod pattern;
mod reading;
mod set;
mod together;

use std::collections::BTreeMap;

use crate::Unusable;
use crate::dom::{self, Element, local};
use maker::{Maker, Spot};
use set::{File, Found, Set, is_abstract};

/// What stands where the schema only says that there is text.
pub(crate) const PLACEHOLDER: &str = "OFFEN";

/// How the remark on an attribute begins that may be left out.
pub(crate) const LATER_ATTRIBUTE: &str = "optionales Attribut / optional attribute: ";

/// The element that stands for several; the template's prefix takes its place.
pub(crate) const GROUP: &str = "b:group";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

const NODES_MAX: usize = 4_000;
const DEPTH_MAX: usize = 14;

/// A schema of several files.
#[derive(Debug, Clone, Copy)]
pub struct Schemas<'a> {
    /// All files by path, as their addresses name them.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// The file to begin with.
    pub main: &'a str,
    /// The root element, if the file has several.
    pub root: Option<&'a str>,
}

const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// What a choice becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choices {
    /// The first alternative: a message holds one.
    First,
    /// All of them, none required: data may hold any.
    All,
}

/// Makes the sample of a root element.
pub(crate) fn sample(schemas: &Schemas<'_>, choices: Choices) -> Result<Element, Unusable> {
    let mut parsed = Vec::new();
    for (path, bytes) in schemas.files {
        let root = dom::parse(bytes).map_err(|unusable| {
            Unusable::new(
                format!("{path}: {}", unusable.text.de),
                format!("{path}: {}", unusable.text.en),
            )
        })?;
        if root.local() == "schema" {
            parsed.push(File {
                is_main: path == schemas.main,
                namespace: root.attribute("targetNamespace").unwrap_or("").to_owned(),
                is_qualified: root.attribute("elementFormDefault") == Some("qualified"),
                root,
            });
        }
    }
    let set = Set { files: parsed };
    let (definition, file) = find_root(&set, schemas.root)?;
    let mut maker = Maker {
        set: &set,
        prefixes: BTreeMap::new(),
        types: Vec::new(),
        groups: Vec::new(),
        nodes: 0,
        choices,
        limits: Vec::new(),
    };
    let mut made = maker
        .element(
            definition,
            Spot {
                file,
                is_global: true,
                is_required: true,
            },
        )
        .ok_or_else(|| {
            Unusable::new(
                "das Wurzelelement hat keinen Namen",
                "the root element has no name",
            )
        })?;
    for (namespace, prefix) in &maker.prefixes {
        made.attributes
            .insert(0, (format!("xmlns:{prefix}"), namespace.clone()));
    }
    Ok(made)
}

fn find_root<'s>(set: &'s Set, wanted: Option<&str>) -> Result<Found<'s>, Unusable> {
    let all: Vec<(&str, Found<'s>)> = set
        .files
        .iter()
        .enumerate()
        .flat_map(|(at, file)| {
            file.root
                .children_named("element")
                .map(move |one| (one, at))
        })
        .filter_map(|(one, at)| Some((one.attribute("name")?, (one, at))))
        .collect();
    let names = || {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).take(60).collect();
        names.join(", ")
    };
    let begin = likely_roots(set, &all);
    match (wanted, begin.as_slice()) {
        (None, [only]) => Ok(*only),
        (_, _) if all.is_empty() => Err(Unusable::new(
            "die XSD-Dateien haben kein globales Element",
            "the XSD files have no global element",
        )),
        (None, _) => Err(Unusable::new(
            format!("mit --root das Wurzelelement nennen: {}", names()),
            format!("name the root element with --root: {}", names()),
        )),
        (Some(wanted), _) => all
            .iter()
            .find(|(name, _)| *name == local(wanted))
            .map(|(_, found)| *found)
            .ok_or_else(|| {
                Unusable::new(
                    format!(
                        "es gibt kein globales Element {wanted}; vorhanden: {}",
                        names()
                    ),
                    format!(
                        "there is no global element {wanted}; there are: {}",
                        names()
                    ),
                )
            }),
    }
}

/// The elements a message can begin with: of the main file, not abstract, used by no other.
fn likely_roots<'s>(set: &'s Set, all: &[(&str, Found<'s>)]) -> Vec<Found<'s>> {
    let is_main = |at: usize| set.file(at).is_some_and(|file| file.is_main);
    let mut used = Vec::new();
    for file in &set.files {
        references(&file.root, &mut used);
    }
    let in_main = all.iter().filter(|(_, (_, at))| is_main(*at));
    let fits = in_main.filter(|(name, (one, _))| {
        !is_abstract(one) && one.attribute("substitutionGroup").is_none() && !used.contains(name)
    });
    fits.map(|(_, found)| *found).collect()
}

fn references<'e>(element: &'e Element, used: &mut Vec<&'e str>) {
    for child in &element.children {
        if child.local() == "element" {
            used.extend(child.attribute("ref").map(local));
        }
        references(child, used);
    }
}

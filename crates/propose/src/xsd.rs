//! A sample from an XSD root: required elements, then the optional ones marked as such; of a choice the first alternative,
//! with the others named.

use std::collections::BTreeMap;

use crate::Unusable;
use crate::dom::{self, Element, local};

/// What stands where the schema only says that there is text.
pub(crate) const PLACEHOLDER: &str = "OFFEN";

const NODES_MAX: usize = 4_000;
const DEPTH_MAX: usize = 14;

/// One schema file.
struct File {
    root: Element,
    namespace: String,
    is_qualified: bool,
}

impl File {
    /// Namespace and local name of a `QName` used in this file.
    fn named(&self, name: &str) -> (String, String) {
        let (prefix, own) = name.split_once(':').unwrap_or(("", name));
        let declared = if prefix.is_empty() {
            self.root.attribute("xmlns")
        } else {
            self.root.attribute(&format!("xmlns:{prefix}"))
        };
        let namespace = declared.map_or_else(
            || {
                if prefix.is_empty() {
                    self.namespace.clone()
                } else {
                    String::new()
                }
            },
            str::to_owned,
        );
        (namespace, own.to_owned())
    }
}

const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// A definition and the file it stands in.
type Found<'s> = (&'s Element, usize);

/// Where an element is declared, and whether it has to be there.
#[derive(Clone, Copy)]
struct Spot {
    file: usize,
    /// Global elements always have their namespace.
    is_global: bool,
    is_required: bool,
}

struct Set {
    files: Vec<File>,
}

impl Set {
    /// The global definition of that kind (`element`, `complexType` …).
    fn global(&self, kind: &str, (namespace, name): &(String, String)) -> Option<Found<'_>> {
        let in_file = |(at, file): (usize, &'_ File)| {
            (file.namespace == *namespace || file.namespace.is_empty()).then_some(at)
        };
        self.files
            .iter()
            .enumerate()
            .filter_map(in_file)
            .find_map(|at| {
                let file = self.files.get(at)?;
                let found = file
                    .root
                    .children
                    .iter()
                    .find(|one| one.local() == kind && one.attribute("name") == Some(name));
                found.map(|found| (found, at))
            })
    }

    fn file(&self, at: usize) -> Option<&File> {
        self.files.get(at)
    }
}

/// Makes the sample of a root element.
pub(crate) fn sample(
    files: &BTreeMap<String, Vec<u8>>,
    root: Option<&str>,
) -> Result<Element, Unusable> {
    let mut parsed = Vec::new();
    for (path, bytes) in files {
        let root = dom::parse(bytes).map_err(|unusable| {
            Unusable::new(
                format!("{path}: {}", unusable.text.de),
                format!("{path}: {}", unusable.text.en),
            )
        })?;
        if root.local() == "schema" {
            parsed.push(File {
                namespace: root.attribute("targetNamespace").unwrap_or("").to_owned(),
                is_qualified: root.attribute("elementFormDefault") == Some("qualified"),
                root,
            });
        }
    }
    let set = Set { files: parsed };
    let (definition, file) = find_root(&set, root)?;
    let mut maker = Maker {
        set: &set,
        prefixes: BTreeMap::new(),
        types: Vec::new(),
        nodes: 0,
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
    match (wanted, all.as_slice()) {
        (_, []) => Err(Unusable::new(
            "die XSD-Dateien haben kein globales Element",
            "the XSD files have no global element",
        )),
        (None, [(_, only)]) => Ok(*only),
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

struct Maker<'s> {
    set: &'s Set,
    prefixes: BTreeMap<String, String>,
    /// The types that are open: one inside itself is not gone into again.
    types: Vec<(String, String)>,
    nodes: usize,
}

impl<'s> Maker<'s> {
    /// The prefix of a namespace: as some file declares it, else a new one.
    fn prefix(&mut self, namespace: &str) -> String {
        if let Some(known) = self.prefixes.get(namespace) {
            return known.clone();
        }
        let declared = self.set.files.iter().find_map(|file| {
            file.root.attributes.iter().find_map(|(name, value)| {
                (value == namespace)
                    .then(|| name.strip_prefix("xmlns:"))
                    .flatten()
            })
        });
        let wanted = declared
            .filter(|prefix| *prefix != "b")
            .unwrap_or("n")
            .to_owned();
        let mut prefix = wanted.clone();
        let mut next = 1;
        while self.prefixes.values().any(|known| *known == prefix) {
            prefix = format!("{wanted}{next}");
            next += 1;
        }
        self.prefixes.insert(namespace.to_owned(), prefix.clone());
        prefix
    }

    fn element(&mut self, definition: &'s Element, spot: Spot) -> Option<Element> {
        let Spot {
            file,
            is_global,
            is_required,
        } = spot;
        self.nodes += 1;
        if let Some(reference) = definition.attribute("ref") {
            let name = self.set.file(file)?.named(reference);
            let (target, at) = self.set.global("element", &name)?;
            let mut made = self.element(
                target,
                Spot {
                    file: at,
                    is_global: true,
                    is_required,
                },
            )?;
            made.repeats = repeats(definition);
            return Some(made);
        }
        let of = self.set.file(file)?;
        let own = definition.attribute("name")?;
        let is_qualified = match definition.attribute("form") {
            Some(form) => form == "qualified",
            None => is_global || of.is_qualified,
        };
        let namespace = of.namespace.clone();
        let name = if is_qualified && !namespace.is_empty() {
            format!("{}:{own}", self.prefix(&namespace))
        } else {
            own.to_owned()
        };
        let mut made = Element::new(name);
        made.is_required = Some(is_required);
        made.repeats = repeats(definition);
        if !is_required {
            made.remarks.push("optional".to_owned());
        }
        self.content(definition, file, &mut made);
        if let Some(text) = definition
            .attribute("fixed")
            .or_else(|| definition.attribute("default"))
        {
            text.clone_into(&mut made.text);
        }
        Some(made)
    }

    /// What the element's type says.
    fn content(&mut self, definition: &'s Element, file: usize, made: &mut Element) {
        if let Some(inline) = definition.child("complexType") {
            return self.complex(inline, file, made);
        }
        if let Some(inline) = definition.child("simpleType") {
            return self.simple(inline, file, made);
        }
        match definition.attribute("type") {
            Some(name) => self.typed(name, file, made),
            None => PLACEHOLDER.clone_into(&mut made.text),
        }
    }

    fn typed(&mut self, name: &str, file: usize, made: &mut Element) {
        let Some(of) = self.set.file(file) else {
            return;
        };
        let name = of.named(name);
        if name.0 == XSD {
            builtin(&name.1).clone_into(&mut made.text);
            return;
        }
        if let Some((found, at)) = self.set.global("complexType", &name) {
            if self.types.contains(&name) || self.types.len() >= DEPTH_MAX || self.nodes > NODES_MAX
            {
                made.remarks.push(format!(
                    "nicht weiter aufgefaltet / not unfolded further: {}",
                    name.1
                ));
                return;
            }
            self.types.push(name);
            self.complex(found, at, made);
            self.types.pop();
        } else if let Some((found, at)) = self.set.global("simpleType", &name) {
            self.simple(found, at, made);
        } else {
            PLACEHOLDER.clone_into(&mut made.text);
            made.remarks
                .push(format!("Typ nicht gefunden / type not found: {}", name.1));
        }
    }

    fn simple(&mut self, definition: &'s Element, file: usize, made: &mut Element) {
        let Some(restriction) = definition.child("restriction") else {
            PLACEHOLDER.clone_into(&mut made.text);
            return;
        };
        let codes: Vec<String> = restriction
            .children_named("enumeration")
            .filter_map(|one| one.attribute("value"))
            .map(str::to_owned)
            .collect();
        if let Some(first) = codes.first() {
            first.clone_into(&mut made.text);
            made.codes = codes;
        } else if let Some(base) = restriction.attribute("base") {
            self.typed(base, file, made);
            made.facets.extend(facets(restriction));
        } else {
            PLACEHOLDER.clone_into(&mut made.text);
        }
    }

    fn complex(&mut self, definition: &'s Element, file: usize, made: &mut Element) {
        let content = definition
            .child("complexContent")
            .or_else(|| definition.child("simpleContent"));
        let Some(content) = content else {
            if definition.attribute("abstract") == Some("true") {
                made.remarks.push(
                    "abstrakter Typ: xsi:type nötig / abstract type: needs xsi:type".to_owned(),
                );
            }
            return self.particles_and_attributes(definition, file, made);
        };
        if let Some(extension) = content.child("extension") {
            if let Some(base) = extension.attribute("base") {
                self.typed(base, file, made);
            }
            self.particles_and_attributes(extension, file, made);
        } else if let Some(restriction) = content.child("restriction") {
            if content.local() == "simpleContent" {
                self.simple_restricted(restriction, file, made);
            }
            self.particles_and_attributes(restriction, file, made);
        }
    }

    fn simple_restricted(&mut self, restriction: &'s Element, file: usize, made: &mut Element) {
        if let Some(base) = restriction.attribute("base") {
            self.typed(base, file, made);
        }
    }

    fn particles_and_attributes(&mut self, holder: &'s Element, file: usize, made: &mut Element) {
        let mut children = std::mem::take(&mut made.children);
        for child in &holder.children {
            match child.local() {
                "attribute" => self.attribute(child, file, made),
                "attributeGroup" => {
                    let of = self
                        .set
                        .file(file)
                        .and_then(|of| Some(of.named(child.attribute("ref")?)));
                    if let Some((group, at)) =
                        of.and_then(|name| self.set.global("attributeGroup", &name))
                    {
                        for attribute in group.children_named("attribute") {
                            self.attribute(attribute, at, made);
                        }
                    }
                }
                _ => self.particle(child, (file, true), &mut children),
            }
        }
        made.children = children;
        if !made.children.is_empty() {
            made.text.clear();
        }
    }

    fn attribute(&mut self, definition: &'s Element, file: usize, made: &mut Element) {
        let Some(name) = definition.attribute("name") else {
            return;
        };
        let fixed = definition
            .attribute("fixed")
            .or_else(|| definition.attribute("default"));
        if definition.attribute("use") != Some("required") || made.attribute(name).is_some() {
            return;
        }
        let mut typed = Element::new(name);
        match fixed {
            Some(text) => text.clone_into(&mut typed.text),
            None => self.content(definition, file, &mut typed),
        }
        made.attributes.push((name.to_owned(), typed.text));
    }

    fn particle(
        &mut self,
        particle: &'s Element,
        (file, is_required): (usize, bool),
        out: &mut Vec<Element>,
    ) {
        let is_required = is_required && particle.attribute("minOccurs") != Some("0");
        match particle.local() {
            "element" if self.nodes <= NODES_MAX => {
                out.extend(self.element(
                    particle,
                    Spot {
                        file,
                        is_global: false,
                        is_required,
                    },
                ));
            }
            "sequence" | "all" => {
                for child in &particle.children {
                    self.particle(child, (file, is_required), out);
                }
            }
            "choice" => self.choice(particle, (file, is_required), out),
            "group" => {
                let name = self
                    .set
                    .file(file)
                    .and_then(|of| Some(of.named(particle.attribute("ref")?)));
                if let Some((group, at)) = name.and_then(|name| self.set.global("group", &name)) {
                    for child in &group.children {
                        self.particle(child, (at, is_required), out);
                    }
                }
            }
            _ => {}
        }
    }

    fn choice(&mut self, choice: &'s Element, at: (usize, bool), out: &mut Vec<Element>) {
        let alternatives: Vec<&Element> = choice
            .children
            .iter()
            .filter(|child| child.local() != "annotation")
            .collect();
        let names: Vec<String> = alternatives.iter().map(|one| named(one)).collect();
        let from = out.len();
        if let Some(first) = alternatives.first() {
            self.particle(first, at, out);
        }
        if let Some(made) = out.get_mut(from)
            && names.len() > 1
        {
            made.remarks.push(format!(
                "Auswahl, nur eines davon / choice, one of: {}",
                names.join(" | ")
            ));
        }
    }
}

/// What a restriction says beyond its codes.
fn facets(restriction: &Element) -> impl Iterator<Item = (String, String)> {
    restriction
        .children
        .iter()
        .filter(|facet| !matches!(facet.local(), "enumeration" | "annotation" | "simpleType"))
        .filter_map(|facet| {
            Some((
                facet.local().to_owned(),
                facet.attribute("value")?.to_owned(),
            ))
        })
}

/// The names an alternative of a choice has.
fn named(particle: &Element) -> String {
    let name = particle
        .attribute("name")
        .or_else(|| particle.attribute("ref"));
    if let Some(name) = name {
        return local(name).to_owned();
    }
    let inside: Vec<String> = particle
        .children
        .iter()
        .filter(|child| child.local() != "annotation")
        .map(named)
        .collect();
    format!("({})", inside.join(", "))
}

fn repeats(definition: &Element) -> bool {
    definition
        .attribute("maxOccurs")
        .is_some_and(|most| most != "0" && most != "1")
}

/// A value of a built-in type, to stand in the sample.
fn builtin(name: &str) -> &'static str {
    match name {
        "date" => "2026-01-31",
        "dateTime" => "2026-01-31T08:00:00+01:00",
        "time" => "08:00:00",
        "boolean" => "true",
        "decimal" | "double" | "float" => "0.00",
        "integer" | "int" | "long" | "short" | "nonNegativeInteger" | "positiveInteger"
        | "unsignedInt" => "1",
        "gYear" => "2026",
        "gYearMonth" => "2026-01",
        "base64Binary" | "hexBinary" => "",
        "anyURI" => "urn:example",
        _ => PLACEHOLDER,
    }
}

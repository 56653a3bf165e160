//! A sample from an XSD root: required elements, then the optional ones marked as such; of a choice the first alternative,
//! with the others named; of an abstract type the first that can stand there (`xsi:type`), of an abstract element the first of its
//! substitution group. A sequence that repeats becomes `b:group`.

use std::collections::BTreeMap;

use crate::Unusable;
use crate::dom::{self, Element, local};

/// What stands where the schema only says that there is text.
pub(crate) const PLACEHOLDER: &str = "OFFEN";

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

/// One schema file.
struct File {
    is_main: bool,
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

    /// All global definitions of that kind, with their names.
    fn globals<'s>(
        &'s self,
        kind: &'static str,
    ) -> impl Iterator<Item = ((String, String), Found<'s>)> {
        self.files.iter().enumerate().flat_map(move |(at, file)| {
            file.root.children_named(kind).filter_map(move |one| {
                let name = one.attribute("name")?;
                Some(((file.namespace.clone(), name.to_owned()), (one, at)))
            })
        })
    }

    /// The types that can stand for an abstract one, over all levels.
    fn derived(&self, base: &(String, String)) -> Vec<((String, String), Found<'_>)> {
        let mut wanted = vec![base.clone()];
        let mut found: Vec<((String, String), Found<'_>)> = Vec::new();
        while let Some(base) = wanted.pop() {
            for (name, (one, at)) in self.globals("complexType") {
                let is_new = !found.iter().any(|(known, _)| *known == name) && name != base;
                if is_new && self.base(one, at).as_ref() == Some(&base) {
                    wanted.push(name.clone());
                    found.push((name, (one, at)));
                }
            }
        }
        found.retain(|(_, (one, _))| !is_abstract(one));
        found
    }

    fn base(&self, definition: &Element, at: usize) -> Option<(String, String)> {
        let content = definition.child("complexContent")?;
        let from = content
            .child("extension")
            .or_else(|| content.child("restriction"))?;
        Some(self.file(at)?.named(from.attribute("base")?))
    }

    /// The elements that can stand for an abstract one.
    fn substitutes(&self, head: &(String, String)) -> Vec<Found<'_>> {
        let mut wanted = vec![head.clone()];
        let mut found: Vec<((String, String), Found<'_>)> = Vec::new();
        while let Some(head) = wanted.pop() {
            for (name, (one, at)) in self.globals("element") {
                let of = one.attribute("substitutionGroup");
                let of = of.and_then(|of| Some(self.file(at)?.named(of)));
                if of.as_ref() == Some(&head) && !found.iter().any(|(known, _)| *known == name) {
                    wanted.push(name.clone());
                    found.push((name, (one, at)));
                }
            }
        }
        let found = found.into_iter().map(|(_, found)| found);
        found.filter(|(one, _)| !is_abstract(one)).collect()
    }
}

fn is_abstract(definition: &Element) -> bool {
    matches!(definition.attribute("abstract"), Some("true" | "1"))
}

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

struct Maker<'s> {
    set: &'s Set,
    prefixes: BTreeMap<String, String>,
    /// The types that are open: one inside itself is not gone into again.
    types: Vec<(String, String)>,
    /// The groups that are open, for the same reason.
    groups: Vec<&'s Element>,
    nodes: usize,
    choices: Choices,
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
            if is_abstract(target) {
                return self.substitute(&name, definition, spot);
            }
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

    /// The first element that can stand for an abstract one, with the others named.
    fn substitute(
        &mut self,
        head: &(String, String),
        reference: &Element,
        spot: Spot,
    ) -> Option<Element> {
        let all = self.set.substitutes(head);
        let names: Vec<&str> = all
            .iter()
            .filter_map(|(one, _)| one.attribute("name"))
            .collect();
        let (first, file) = *all.first()?;
        let mut made = self.element(
            first,
            Spot {
                file,
                is_global: true,
                is_required: spot.is_required,
            },
        )?;
        made.repeats = repeats(reference);
        if names.len() > 1 {
            made.remarks.push(format!(
                "steht für {}, eines davon / stands for {}, one of: {}",
                head.1,
                head.1,
                names.join(" | ")
            ));
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
            if is_abstract(found) && made.attribute("xsi:type").is_none() && !self.is_base(&name) {
                return self.concrete(&name, made);
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

    /// Whether the type is the base of one that is open: then it stands for itself.
    fn is_base(&self, name: &(String, String)) -> bool {
        let base = |open: &(String, String)| {
            let (one, at) = self.set.global("complexType", open)?;
            self.set.base(one, at)
        };
        self.types
            .iter()
            .any(|open| base(open).as_ref() == Some(name))
    }

    /// The first type that can stand for an abstract one, with the others named.
    fn concrete(&mut self, base: &(String, String), made: &mut Element) {
        let all = self.set.derived(base);
        let names: Vec<&str> = all.iter().map(|((_, name), _)| name.as_str()).collect();
        let Some((name, (definition, at))) = all.first() else {
            made.remarks.push(format!(
                "abstrakter Typ ohne einen, der für ihn stehen kann / abstract type, nothing can stand for it: {}",
                base.1
            ));
            return;
        };
        self.prefixes.insert(INSTANCE.to_owned(), "xsi".to_owned());
        let qualified = if name.0.is_empty() {
            name.1.clone()
        } else {
            format!("{}:{}", self.prefix(&name.0), name.1)
        };
        made.attributes.push(("xsi:type".to_owned(), qualified));
        if names.len() > 1 {
            made.remarks.push(format!(
                "abstrakter Typ, xsi:type ist eines von / abstract type, xsi:type is one of: {}",
                names.join(" | ")
            ));
        }
        self.types.push(name.clone());
        self.complex(definition, *at, made);
        self.types.pop();
    }

    fn simple(&mut self, definition: &'s Element, file: usize, made: &mut Element) {
        let Some(restriction) = definition.child("restriction") else {
            PLACEHOLDER.clone_into(&mut made.text);
            let of = |kind: &str, key: &str| {
                let types = definition.child(kind)?.attribute(key)?;
                types.split_whitespace().next()
            };
            if let Some(first) = of("union", "memberTypes").or_else(|| of("list", "itemType")) {
                self.typed(first, file, made);
            }
            return;
        };
        let (codes, labels): (Vec<String>, Vec<String>) = restriction
            .children_named("enumeration")
            .filter_map(|one| Some((one.attribute("value")?.to_owned(), documented(one))))
            .unzip();
        if let Some(first) = codes.first() {
            first.clone_into(&mut made.text);
            made.codes = codes;
            made.code_labels = labels;
        } else if let Some(base) = restriction.attribute("base") {
            self.typed(base, file, made);
            made.facets.extend(facets(restriction));
            let mut patterns = restriction.children_named("pattern");
            let date = patterns.find_map(|one| date_like(one.attribute("value")?));
            if let Some(date) = date {
                date.clone_into(&mut made.text);
            }
        } else {
            PLACEHOLDER.clone_into(&mut made.text);
        }
    }

    fn complex(&mut self, definition: &'s Element, file: usize, made: &mut Element) {
        let content = definition
            .child("complexContent")
            .or_else(|| definition.child("simpleContent"));
        let Some(content) = content else {
            self.particles_and_attributes(definition, file, made);
            let is_mixed = matches!(definition.attribute("mixed"), Some("true" | "1"));
            made.takes_no_text = made.children.is_empty() && made.text.is_empty() && !is_mixed;
            return;
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
        if made.attribute(name).is_some() {
            return;
        }
        if definition.attribute("use") != Some("required") {
            if definition.attribute("use") != Some("prohibited") {
                made.remarks
                    .push(format!("optionales Attribut / optional attribute: {name}"));
            }
            return;
        }
        let mut typed = Element::new(name);
        match fixed {
            Some(text) => text.clone_into(&mut typed.text),
            None => self.content(definition, file, &mut typed),
        }
        if !typed.codes.is_empty() {
            made.attribute_codes.push((name.to_owned(), typed.codes));
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
            "sequence" | "all" | "choice" => {
                let mut inside = Vec::new();
                if particle.local() == "choice" {
                    self.choice(particle, (file, is_required), &mut inside);
                } else {
                    for child in &particle.children {
                        self.particle(child, (file, is_required), &mut inside);
                    }
                }
                self.repeated((particle, is_required), inside, out);
            }
            "any" => {
                if let Some(last) = out.last_mut() {
                    last.remarks.push(
                        "danach darf ein beliebiges Element stehen (xs:any) / any element may follow (xs:any)".to_owned(),
                    );
                }
            }
            "group" => {
                let name = self
                    .set
                    .file(file)
                    .and_then(|of| Some(of.named(particle.attribute("ref")?)));
                if let Some((group, at)) = name.and_then(|name| self.set.global("group", &name))
                    && self.nodes <= NODES_MAX
                    && !self.groups.iter().any(|open| std::ptr::eq(*open, group))
                {
                    self.groups.push(group);
                    let mut inside = Vec::new();
                    for child in &group.children {
                        self.particle(child, (at, is_required), &mut inside);
                    }
                    self.groups.pop();
                    self.repeated((particle, is_required), inside, out);
                }
            }
            _ => {}
        }
    }

    /// What a compositor holds: itself, or as a group if it may stand there several times. One element alone repeats by itself.
    fn repeated(
        &mut self,
        (particle, is_required): (&Element, bool),
        mut inside: Vec<Element>,
        out: &mut Vec<Element>,
    ) {
        if !repeats(particle) {
            out.extend(inside);
        } else if let [only] = inside.as_mut_slice() {
            only.repeats = true;
            out.extend(inside);
        } else if self.choices == Choices::All {
            for one in &mut inside {
                one.repeats = true;
            }
            out.extend(inside);
        } else if !inside.is_empty() {
            let mut group = Element::new(GROUP);
            group.repeats = true;
            group.is_required = Some(is_required);
            group.children = inside;
            group.remarks.push(
                "die Elemente darin wiederholen sich gemeinsam; b:group selbst steht nicht in der Ausgabe / the elements inside repeat together; b:group itself is not in the output".to_owned(),
            );
            out.push(group);
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
        if self.choices == Choices::All {
            for one in alternatives {
                self.particle(one, (at.0, false), out);
            }
            return;
        }
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

/// What a definition says of itself in one line: its documentation, or `wert` as XÖV writes it.
fn documented(definition: &Element) -> String {
    let Some(annotation) = definition.child("annotation") else {
        return String::new();
    };
    let own = annotation.child("documentation").map(|one| one.text.trim());
    let own = own.filter(|text| !text.is_empty());
    let told = own.or_else(|| annotation.text_at(&["appinfo", "wert"]));
    let words: Vec<&str> = told.unwrap_or_default().split_whitespace().collect();
    words.join(" ").chars().take(60).collect()
}

/// A date as the usual patterns of German procedures want it: the place of digits and what stands between them tell.
fn date_like(pattern: &str) -> Option<&'static str> {
    match shape(pattern)?.as_str() {
        "99.99.9999" => Some("31.01.2026"),
        "9999-99-99" => Some("2026-01-31"),
        "99/99/9999" => Some("31/01/2026"),
        _ => None,
    }
}

/// A pattern of single characters, classes of digits and fixed numbers of them, with `9` for each digit; nothing for any other.
fn shape(pattern: &str) -> Option<String> {
    let mut shape = String::new();
    let mut rest = pattern.trim_start_matches('^').trim_end_matches('$');
    while let Some(first) = rest.chars().next() {
        let (one, length) = if rest.starts_with("\\d") {
            ('9', 2)
        } else if let Some(escaped) = rest.strip_prefix('\\') {
            (
                escaped
                    .chars()
                    .next()
                    .filter(|c| matches!(c, '.' | '-' | '/'))?,
                2,
            )
        } else if first == '[' {
            let end = rest.find(']')?;
            (class(rest.get(1..end)?)?, end + 1)
        } else if first.is_ascii_digit() || matches!(first, '-' | '/') {
            (if first.is_ascii_digit() { '9' } else { first }, 1)
        } else {
            return None;
        };
        rest = rest.get(length..)?;
        let mut times = 1;
        if let Some(counted) = rest.strip_prefix('{') {
            let end = counted.find('}')?;
            times = counted
                .get(..end)?
                .parse::<usize>()
                .ok()
                .filter(|times| *times <= 8)?;
            rest = counted.get(end + 1..)?;
        }
        shape.extend(std::iter::repeat_n(one, times));
        if shape.len() > 20 {
            return None;
        }
    }
    Some(shape)
}

/// `[0-3]`, `[12]` are digits, `[.]` is a dot.
fn class(inside: &str) -> Option<char> {
    let is_digits = |c: char| c.is_ascii_digit() || c == '-';
    match inside {
        "." | "/" => inside.chars().next(),
        _ if inside.chars().all(is_digits) && inside.chars().any(|c| c != '-') => Some('9'),
        _ => None,
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

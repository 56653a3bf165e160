//! Makes elements of definitions.

use std::collections::BTreeMap;

use super::attributes::ANY;
use super::reading::{
    builtin, date_like, documentation, documented, facets, named, occurs, patterns, repeats,
};
use super::set::{Set, is_abstract};
use super::{Choices, DEPTH_MAX, GROUP, INSTANCE, NODES_MAX, PLACEHOLDER, XSD};
use crate::dom::{Alternatives, Element};

/// Where an element is declared, and whether it has to be there.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub(super) file: usize,
    /// Global elements always have their namespace.
    pub(super) is_global: bool,
    pub(super) is_required: bool,
}

pub(super) struct Maker<'s> {
    pub(super) set: &'s Set,
    pub(super) prefixes: BTreeMap<String, String>,
    /// The types that are open: one inside itself is not gone into again.
    pub(super) types: Vec<(String, String)>,
    /// The groups that are open, for the same reason.
    pub(super) groups: Vec<&'s Element>,
    pub(super) nodes: usize,
    pub(super) choices: Choices,
    /// What of the type that is being read may stand together.
    pub(super) limits: Vec<Alternatives>,
}

impl<'s> Maker<'s> {
    /// The prefix of a namespace: as some file declares it, else a new one.
    pub(super) fn prefix(&mut self, namespace: &str) -> String {
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

    pub(super) fn element(&mut self, definition: &'s Element, spot: Spot) -> Option<Element> {
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
            count(&mut made, definition);
            let own = documentation(definition);
            if !own.is_empty() {
                made.documentation = own;
            }
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
        made.documentation = documentation(definition);
        count(&mut made, definition);
        if !is_required {
            made.remarks.push("optional".to_owned());
        }
        self.content(definition, file, &mut made);
        if self.choices == Choices::All {
            made.remarks.extend(untold(definition));
        }
        if let Some(text) = definition
            .attribute("fixed")
            .or_else(|| definition.attribute("default"))
        {
            text.clone_into(&mut made.text);
        }
        made.facets.extend(fixed(definition));
        Some(made)
    }

    /// The first element that can stand for an abstract one, with the others named.
    pub(super) fn substitute(
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
    pub(super) fn content(&mut self, definition: &'s Element, file: usize, made: &mut Element) {
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

    pub(super) fn typed(&mut self, name: &str, file: usize, made: &mut Element) {
        let Some(of) = self.set.file(file) else {
            return;
        };
        let name = of.named(name);
        if name.0 == XSD {
            builtin(&name.1).clone_into(&mut made.text);
            made.is_binary = name.1 == "base64Binary";
            made.base = name.1;
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
    pub(super) fn is_base(&self, name: &(String, String)) -> bool {
        let base = |open: &(String, String)| {
            let (one, at) = self.set.global("complexType", open)?;
            self.set.base(one, at)
        };
        self.types
            .iter()
            .any(|open| base(open).as_ref() == Some(name))
    }

    /// The first type that can stand for an abstract one, with the others named.
    pub(super) fn concrete(&mut self, base: &(String, String), made: &mut Element) {
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

    pub(super) fn simple(&mut self, definition: &'s Element, file: usize, made: &mut Element) {
        let Some(restriction) = definition.child("restriction") else {
            PLACEHOLDER.clone_into(&mut made.text);
            if let Some(union) = definition.child("union") {
                self.union(union, file, made);
            } else if let Some(list) = definition.child("list") {
                if let Some(item) = list.attribute("itemType") {
                    self.typed(item, file, made);
                } else if let Some(inline) = list.child("simpleType") {
                    self.simple(inline, file, made);
                }
                let item = list.attribute("itemType").unwrap_or_default();
                made.facets.push(("list".to_owned(), item.to_owned()));
            }
            return;
        };
        if coded(restriction, made) {
            made.facets.extend(facets(restriction));
            made.facets.extend(patterns(restriction));
        } else if let Some(base) = restriction.attribute("base") {
            self.typed(base, file, made);
            made.facets.extend(facets(restriction));
            made.facets.extend(patterns(restriction));
            let mut patterns = restriction.children_named("pattern");
            let date = patterns.find_map(|one| date_like(one.attribute("value")?));
            if let Some(date) = date {
                date.clone_into(&mut made.text);
            }
        } else if let Some(inline) = restriction.child("simpleType") {
            self.simple(inline, file, made);
            made.facets.extend(facets(restriction));
            made.facets.extend(patterns(restriction));
        } else {
            PLACEHOLDER.clone_into(&mut made.text);
        }
    }

    /// Each of its types; the text is one of the first.
    fn union(&mut self, union: &'s Element, file: usize, made: &mut Element) {
        let named = union.attribute("memberTypes").unwrap_or_default();
        for name in named.split_whitespace() {
            let mut one = Element::new(name);
            self.typed(name, file, &mut one);
            made.union.push(one);
        }
        for inline in union.children_named("simpleType") {
            let mut one = Element::new(made.name.clone());
            self.simple(inline, file, &mut one);
            made.union.push(one);
        }
        if let Some(first) = made.union.first() {
            first.text.clone_into(&mut made.text);
            made.codes.clone_from(&first.codes);
            made.code_labels.clone_from(&first.code_labels);
        }
    }

    pub(super) fn complex(&mut self, definition: &'s Element, file: usize, made: &mut Element) {
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
            } else if let Some(base) = restriction.attribute("base") {
                self.inherited(base, file, made);
            }
            self.particles_and_attributes(restriction, file, made);
        }
    }

    pub(super) fn simple_restricted(
        &mut self,
        restriction: &'s Element,
        file: usize,
        made: &mut Element,
    ) {
        if let Some(base) = restriction.attribute("base") {
            self.typed(base, file, made);
        }
        coded(restriction, made);
        made.facets.extend(facets(restriction));
        made.facets.extend(patterns(restriction));
    }

    pub(super) fn particles_and_attributes(
        &mut self,
        holder: &'s Element,
        file: usize,
        made: &mut Element,
    ) {
        let mut children = std::mem::take(&mut made.children);
        let limits = std::mem::take(&mut self.limits);
        for child in &holder.children {
            match child.local() {
                "attribute" => self.attribute(child, file, made),
                "attributeGroup" => self.attribute_group(child, (file, 0), made),
                "anyAttribute" => made.remarks.push(ANY.to_owned()),
                _ => self.particle(child, (file, true), &mut children),
            }
        }
        made.children = children;
        made.limits
            .extend(std::mem::replace(&mut self.limits, limits));
        if made.children.is_empty() && holds_any(holder) {
            made.remarks.push(
                "darf beliebige Elemente haben (xs:any); sie gehen nicht mit / may have any elements (xs:any); they are not carried over".to_owned(),
            );
        }
        if !made.children.is_empty() {
            made.text.clear();
        }
    }

    pub(super) fn particle(
        &mut self,
        particle: &'s Element,
        (file, is_required): (usize, bool),
        out: &mut Vec<Element>,
    ) {
        let is_required = is_required && particle.attribute("minOccurs") != Some("0");
        match particle.local() {
            "element" if self.nodes <= NODES_MAX => {
                if self.choices == Choices::All
                    && self.substituted(particle, (file, is_required), out)
                {
                    return;
                }
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
                    let all: Vec<&Element> = particle.children.iter().collect();
                    self.row(particle, &all, (file, is_required), &mut inside);
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
                    let all: Vec<&Element> = group.children.iter().collect();
                    self.row(particle, &all, (at, is_required), &mut inside);
                    self.groups.pop();
                    self.repeated((particle, is_required), inside, out);
                }
            }
            _ => {}
        }
    }

    /// What a compositor holds: itself, or as a group if it may stand there several times. One element alone repeats by itself.
    pub(super) fn repeated(
        &mut self,
        (particle, is_required): (&Element, bool),
        mut inside: Vec<Element>,
        out: &mut Vec<Element>,
    ) {
        if !repeats(particle) {
            out.extend(inside);
        } else if let [only] = inside.as_mut_slice() {
            only.repeats = true;
            times(only, particle);
            out.extend(inside);
        } else if self.choices == Choices::All {
            self.limits.clear();
            let names: Vec<&str> = inside.iter().map(Element::local).collect();
            let told = format!(
                "wiederholt sich gemeinsam mit anderen ({0}); was zusammengehört, wird nicht geprüft / repeats together with others ({0}); what belongs together is not checked",
                names.join(", ")
            );
            for (index, one) in inside.iter_mut().enumerate() {
                one.repeats = true;
                times(one, particle);
                one.remarks.extend((index == 0).then(|| told.clone()));
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

    pub(super) fn choice(
        &mut self,
        choice: &'s Element,
        at: (usize, bool),
        out: &mut Vec<Element>,
    ) {
        let alternatives: Vec<&Element> = choice
            .children
            .iter()
            .filter(|child| child.local() != "annotation")
            .collect();
        let names: Vec<String> = alternatives.iter().map(|one| named(one)).collect();
        if self.choices == Choices::All {
            return self.all_of(choice, &alternatives, (at.0, out));
        }
        let from = out.len();
        if let Some(first) = alternatives.first() {
            self.particle(first, at, out);
        }
        if let Some(made) = out.get_mut(from)
            && names.len() > 1
        {
            made.remarks.push(one_of(&names));
        }
    }
}

/// As often as the element in its compositor, times the compositor.
fn times(one: &mut Element, particle: &Element) {
    let (least, most) = occurs(particle);
    one.least = one.least.map(|own| own.saturating_mul(least));
    one.most = one
        .most
        .zip(most)
        .map(|(own, outer)| own.saturating_mul(outer));
}

pub(super) fn count(made: &mut Element, definition: &Element) {
    let (least, most) = occurs(definition);
    made.repeats = repeats(definition);
    (made.least, made.most) = (Some(least), most);
}

/// What a definition fixes, as a restriction.
pub(super) fn fixed(definition: &Element) -> Option<(String, String)> {
    let text = definition.attribute("fixed")?;
    Some(("fixed".to_owned(), text.to_owned()))
}

/// What a declaration says and a service does not carry over.
fn untold(definition: &Element) -> Vec<String> {
    let mut told = Vec::new();
    if matches!(definition.attribute("nillable"), Some("true" | "1")) {
        told.push("darf ausdrücklich leer sein (xsi:nil); das geht nicht mit / may be nil (xsi:nil); that is not carried over".to_owned());
    }
    for kind in ["key", "unique", "keyref"] {
        for one in definition.children_named(kind) {
            let name = one.attribute("name").unwrap_or_default();
            told.push(format!(
                "xs:{kind} {name} wird nicht geprüft / xs:{kind} {name} is not checked"
            ));
        }
    }
    told
}

/// The values a restriction allows one by one; whether there are any.
fn coded(restriction: &Element, made: &mut Element) -> bool {
    let (codes, labels): (Vec<String>, Vec<String>) = restriction
        .children_named("enumeration")
        .filter_map(|one| Some((one.attribute("value")?.to_owned(), documented(one))))
        .unzip();
    let Some(first) = codes.first() else {
        return false;
    };
    first.clone_into(&mut made.text);
    made.codes = codes;
    made.code_labels = labels;
    true
}

fn holds_any(holder: &Element) -> bool {
    holder
        .children
        .iter()
        .any(|child| child.local() == "any" || holds_any(child))
}

pub(super) fn one_of(names: &[String]) -> String {
    format!(
        "Auswahl, nur eines davon / choice, one of: {}",
        names.join(" | ")
    )
}

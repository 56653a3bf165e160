//! The attributes of a type: its own, those of its groups, and what a restricted type takes over from its base.

use super::maker::{Maker, fixed};
use super::reading::documentation;
use super::{DEPTH_MAX, LATER_ATTRIBUTE};
use crate::dom::{Element, local};

impl<'s> Maker<'s> {
    /// Those of a group, with those of the groups in it.
    pub(super) fn attribute_group(
        &mut self,
        reference: &'s Element,
        (file, depth): (usize, usize),
        made: &mut Element,
    ) {
        let name = self
            .set
            .file(file)
            .and_then(|of| Some(of.named(reference.attribute("ref")?)));
        let found = name.and_then(|name| self.set.global("attributeGroup", &name));
        let Some((group, at)) = found.filter(|_| depth <= DEPTH_MAX) else {
            return;
        };
        for child in &group.children {
            match child.local() {
                "attribute" => self.attribute(child, at, made),
                "attributeGroup" => self.attribute_group(child, (at, depth + 1), made),
                "anyAttribute" => made.remarks.push(ANY.to_owned()),
                _ => {}
            }
        }
    }

    /// A restricted type keeps the attributes of its base, though not its elements.
    pub(super) fn inherited(&mut self, base: &str, file: usize, made: &mut Element) {
        let name = self.set.file(file).map(|of| of.named(base));
        let Some(name) = name.filter(|_| self.types.len() < DEPTH_MAX) else {
            return;
        };
        let Some((definition, at)) = self.set.global("complexType", &name) else {
            return;
        };
        if self.types.contains(&name) {
            return;
        }
        let mut of_base = Element::new(made.name.clone());
        self.types.push(name);
        self.complex(definition, at, &mut of_base);
        self.types.pop();
        self.limits.clear();
        let is_own = |name: &str| made.attribute(name).is_some();
        of_base.attributes.retain(|(name, _)| !is_own(name));
        made.attributes.extend(of_base.attributes);
        made.attribute_codes.extend(of_base.attribute_codes);
        made.attribute_types.extend(of_base.attribute_types);
        let told = of_base.remarks.into_iter();
        made.remarks
            .extend(told.filter(|remark| remark.starts_with(LATER_ATTRIBUTE)));
    }

    pub(super) fn attribute(&mut self, definition: &'s Element, file: usize, made: &mut Element) {
        let usage = definition.attribute("use");
        if usage == Some("prohibited") {
            let name = definition.attribute("name").or(definition.attribute("ref"));
            return forget(made, local(name.unwrap_or_default()));
        }
        let Some(name) = definition.attribute("name") else {
            return self.referred(definition, file, made);
        };
        let is_required = usage == Some("required");
        forget(made, name);
        let typed = self.attribute_type(definition, (file, is_required));
        if is_required {
            let is_open = definition.attribute("fixed").is_none()
                && definition.attribute("default").is_none();
            if is_open && !typed.codes.is_empty() {
                let codes = typed.codes.clone();
                made.attribute_codes.push((name.to_owned(), codes));
            }
            made.attributes.push((name.to_owned(), typed.text.clone()));
        } else {
            made.remarks.push(format!("{LATER_ATTRIBUTE}{name}"));
        }
        made.attribute_types.push(typed);
    }

    /// An attribute that is declared elsewhere.
    fn referred(&mut self, definition: &'s Element, file: usize, made: &mut Element) {
        let Some(reference) = definition.attribute("ref") else {
            return;
        };
        let name = self.set.file(file).map(|of| of.named(reference));
        let found = name.and_then(|name| self.set.global("attribute", &name));
        let mut typed = match found {
            Some((target, at)) => self.attribute_type(target, (at, false)),
            None => Element::new(reference),
        };
        typed.is_required = Some(definition.attribute("use") == Some("required"));
        made.attribute_types.push(typed);
    }

    fn attribute_type(
        &mut self,
        definition: &'s Element,
        (file, is_required): (usize, bool),
    ) -> Element {
        let mut typed = Element::new(definition.attribute("name").unwrap_or_default());
        typed.is_required = Some(is_required);
        typed.documentation = documentation(definition);
        self.content(definition, file, &mut typed);
        let said = definition
            .attribute("fixed")
            .or_else(|| definition.attribute("default"));
        if let Some(text) = said {
            text.clone_into(&mut typed.text);
        }
        typed.facets.extend(fixed(definition));
        typed
    }
}

/// Said of a type that takes attributes the schema does not name.
pub(super) const ANY: &str = "darf beliebige Attribute haben (xs:anyAttribute); sie gehen nicht mit / may have any attributes (xs:anyAttribute); they are not carried over";

/// Takes back what is known of an attribute.
fn forget(made: &mut Element, name: &str) {
    made.attributes.retain(|(known, _)| known != name);
    made.attribute_codes.retain(|(known, _)| known != name);
    made.attribute_types.retain(|known| known.local() != name);
    let later = format!("{LATER_ATTRIBUTE}{name}");
    made.remarks.retain(|remark| *remark != later);
}

//! The sample as it is: what repeats, what is alike, what is a value.

use super::FIXED_ATTRIBUTES;
use crate::dom::{Element, local};
use crate::package::{Note, NoteKind};
use crate::slots::Slot;
use crate::xsd::GROUP;

/// Prefixes of attributes that speak of the document itself.
const OF_XML: &[&str] = &["xmlns", "xml", "xsi"];

pub(super) fn prefix(root: &Element) -> String {
    let taken = |prefix: &str| root.attribute(&format!("xmlns:{prefix}")).is_some();
    if taken("b") { "bind" } else { "b" }.to_owned()
}

/// Siblings that alternate (`Nr Text Nr Text`) repeat together: one group of them stays.
pub(super) fn grouped(element: &mut Element) {
    let names: Vec<&str> = element
        .children
        .iter()
        .map(|child| child.name.as_str())
        .collect();
    if let Some((from, length, times)) = alternating(&names) {
        let mut after = element.children.split_off(from);
        let rest = after.split_off(length * times);
        let mut group = Element::new(GROUP);
        let further = after.split_off(length);
        group.children = after;
        group.repeats = true;
        for (at, other) in further.iter().enumerate() {
            if let Some(known) = group.children.get_mut(at % length) {
                absorb(known, other);
            }
        }
        element.children.push(group);
        element.children.extend(rest);
    }
    for child in &mut element.children {
        grouped(child);
    }
}

/// Where names begin to alternate, how many there are, and how often.
pub(super) fn alternating(names: &[&str]) -> Option<(usize, usize, usize)> {
    const LENGTH_MAX: usize = 30;
    for from in 0..names.len() {
        for length in 2..=LENGTH_MAX.min((names.len() - from) / 2) {
            // Most places end here, so a long list costs little.
            if names.get(from) != names.get(from + length) {
                continue;
            }
            let pattern = names.get(from..from + length)?;
            let differ = (1..length).all(|at| {
                pattern
                    .get(at)
                    .is_some_and(|name| !pattern[..at].contains(name))
            });
            // Before counting: in a list of one name nothing alternates.
            if !differ {
                continue;
            }
            let times = names
                .get(from..)?
                .chunks(length)
                .take_while(|chunk| *chunk == pattern)
                .count();
            if times > 1 {
                return Some((from, length, times));
            }
        }
    }
    None
}

/// Groups carry the template's own prefix.
pub(super) fn renamed(element: &mut Element, name: &str) {
    if element.name == GROUP {
        name.clone_into(&mut element.name);
    }
    for child in &mut element.children {
        renamed(child, name);
    }
}

/// Of siblings with one name the first stays, marked as repeated.
pub(super) fn collapse(element: &mut Element, above: &str, notes: &mut Vec<Note>) {
    let at = format!("{above}/{}", element.name);
    let mut kept: Vec<Element> = Vec::new();
    for child in std::mem::take(&mut element.children) {
        match kept.iter_mut().find(|known| known.name == child.name) {
            None => kept.push(child),
            Some(first) => {
                if !first.repeats {
                    notes.push(Note::new(
                        NoteKind::Repeat,
                        format!("{at}/{}", child.name),
                        "kommt im Muster mehrmals vor; die Vorlage enthält das erste davon",
                        "stands in the sample several times; the template has the first of them",
                    ));
                }
                first.repeats = true;
                first.others += 1;
                absorb(first, &child);
            }
        }
    }
    if !kept.is_empty() && !element.text.trim().is_empty() {
        notes.push(Note::new(
            NoteKind::Info,
            at.clone(),
            "Text neben Elementen kann eine Vorlage nicht enthalten; er wurde entfernt",
            "a template cannot hold text beside elements; it was removed",
        ));
        element.text.clear();
    }
    for child in &mut kept {
        collapse(child, &at, notes);
    }
    element.children = kept;
}

/// Keeps the texts of an element that another stands for: they tell dates, codes and numbers apart.
pub(super) fn absorb(kept: &mut Element, other: &Element) {
    if !text_of(other).trim().is_empty() {
        kept.further.push(text_of(other).trim().to_owned());
    }
    let at = |kept: &Element, name: &str| {
        let mut names = kept.children.iter().map(|known| known.name.as_str());
        names.position(|known| known == name)
    };
    for (nr, child) in other.children.iter().enumerate() {
        let known = at(kept, &child.name);
        if let Some(known) = known.and_then(|at| kept.children.get_mut(at)) {
            absorb(known, child);
            continue;
        }
        // It belongs before what it stands before there.
        let mut after = other.children.iter().skip(nr + 1);
        let before = after.find_map(|next| at(kept, &next.name));
        let mut child = child.clone();
        child.remarks.push(SOMETIMES.to_owned());
        let end = kept.children.len();
        kept.children.insert(before.unwrap_or(end), child);
    }
}

/// Of what some of the elements have that one of them stands for: a choice, or what may be left out.
const SOMETIMES: &str = "offen: nur in manchen der Elemente des Musters, b:if sagt wann / open: in some of the sample's elements only, b:if says when";

/// An element that takes one text: none inside, or `<code>` alone.
pub(super) fn is_leaf(element: &Element) -> bool {
    match element.children.as_slice() {
        [] => true,
        [only] => only.local() == "code" && only.children.is_empty(),
        [_, _, ..] => false,
    }
}

pub(super) fn text_of(element: &Element) -> &str {
    element
        .children
        .first()
        .map_or(element.text.as_str(), |code| code.text.as_str())
}

/// Whether nothing may be written into it: it is empty and says what it says in attributes, or its type says so.
pub(super) fn holds_nothing(element: &Element) -> bool {
    let is_empty =
        element.children.is_empty() && element.text.trim().is_empty() && element.further.is_empty();
    // The template's words may stand there already.
    let is_word = |name: &str| name.starts_with("b:") || name.starts_with("bind:");
    let mut names = element.attributes.iter().map(|(name, _)| name.as_str());
    let has_attributes = names.any(|name| bindable(name) && !is_word(name));
    is_empty && (has_attributes || element.takes_no_text)
}

/// What a schema says of a sample's elements: what has to be there, repeats, which codes there are.
pub(crate) fn tell(element: &mut Element, known: &Element) {
    if known.is_required == Some(true) {
        element.is_required = known.is_required;
    }
    element.repeats |= known.repeats;
    element.takes_no_text |= known.takes_no_text;
    element.is_binary |= known.is_binary;
    element.codes.clone_from(&known.codes);
    element.code_labels.clone_from(&known.code_labels);
    element.attribute_codes.clone_from(&known.attribute_codes);
    for child in &mut element.children {
        if let Some(known) = known.child(local(&child.name)) {
            tell(child, known);
        }
    }
}

/// The sample's text, unless it only holds a place.
pub(super) fn known_text(element: &Element) -> Vec<String> {
    let text = text_of(element).trim();
    if text == crate::xsd::PLACEHOLDER {
        Vec::new()
    } else {
        [&[text.to_owned()], element.further.as_slice()].concat()
    }
}

pub(super) fn bindable(name: &str) -> bool {
    let (prefix, own) = name.split_once(':').unwrap_or(("", name));
    !OF_XML.contains(&prefix) && name != "xmlns" && !FIXED_ATTRIBUTES.contains(&own)
}

/// Whether the attributes are all it says, as columns of a line are.
fn is_record(element: &Element) -> bool {
    let is_bare = element.children.is_empty() && element.text.trim().is_empty();
    let attributes = element.attributes.iter();
    is_bare && attributes.filter(|(name, _)| bindable(name)).count() > 1
}

/// Slots in the order in which [`Writer`] walks.
pub(super) fn collect(element: &Element, above: &mut Vec<String>, slots: &mut Vec<Slot>) {
    let at = format!(
        "/{}",
        [above.as_slice(), std::slice::from_ref(&element.name)]
            .concat()
            .join("/")
    );
    for (name, value) in element.attributes.iter().filter(|(name, _)| bindable(name)) {
        slots.push(Slot {
            at: format!("{at}/@{name}"),
            name: local(name).to_owned(),
            // Without the root: what is called as the whole tells nothing of a part.
            above: above
                .iter()
                .chain([&element.name])
                .skip(1)
                .cloned()
                .collect(),
            values: vec![value.clone()],
            codes: element
                .attribute_codes
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, codes)| codes.clone())
                .unwrap_or_default(),
            is_attribute: !is_record(element),
            ..Slot::default()
        });
    }
    if is_leaf(element) {
        slots.push(Slot {
            at,
            name: if holds_nothing(element) {
                String::new()
            } else {
                element.local().to_owned()
            },
            above: above.iter().skip(1).cloned().collect(),
            values: known_text(element),
            is_required: element.is_required,
            codes: element
                .children
                .first()
                .map_or_else(|| element.codes.clone(), |code| code.codes.clone()),
            code_labels: element.children.first().map_or_else(
                || element.code_labels.clone(),
                |code| code.code_labels.clone(),
            ),
            is_attribute: false,
            group: String::new(),
        });
        return;
    }
    let is_group = element.name == GROUP;
    if !is_group {
        above.push(element.name.clone());
    }
    for child in &element.children {
        collect(child, above, slots);
    }
    if !is_group {
        above.pop();
    }
}

pub(super) fn count(element: &Element) -> usize {
    let own = element
        .attributes
        .iter()
        .filter(|(name, _)| bindable(name))
        .count();
    if is_leaf(element) {
        own + 1
    } else {
        own + element.children.iter().map(count).sum::<usize>()
    }
}

//! Attachments in an XML sample: what is said of each, and where their content is.

use super::of_attachments;
use super::shape::count;
use super::writer::Writer;
use crate::attached::{self, Content};
use crate::dom::{Element, local};
use crate::package::{Note, NoteKind};
use crate::several::of_document;

impl Writer<'_> {
    /// Whether an element holds a file in base64 and what is said of it, whatever it is called.
    pub(super) fn holds_file(&self, element: &Element) -> bool {
        if element.children.is_empty() {
            return is_file(element);
        }
        let (files, others): (Vec<&Element>, Vec<&Element>) =
            element.children.iter().partition(|child| is_file(child));
        let range = self.next..self.next + count(element);
        let of_data = range.filter(|at| self.field(*at).is_some()).count();
        let told = others
            .iter()
            .filter(|child| attached::source(child.local()).is_some());
        let is_flat = others.iter().all(|child| child.children.is_empty());
        let is_told = element.repeats || told.count() * 2 > others.len();
        // A person with a photo is no attachment.
        files.len() == 1 && is_flat && is_told && of_data < 2
    }

    /// An attachment: what is said of it, and its content.
    pub(super) fn attachment(&mut self, element: &mut Element, parent: &str) {
        let list = self.files.list(leaves(element)).unwrap_or("$attachments");
        self.word(element, "each", list);
        element
            .remarks
            .push(format!("Vorschlag / proposal: each {list}"));
        let attributes: Vec<(String, String)> = element
            .attributes
            .iter()
            .filter(|(name, _)| self.is_bound(name))
            .cloned()
            .collect();
        let at = format!("{parent}/{}", element.name);
        for (name, value) in &attributes {
            let known = attached::attribute(local(name)).filter(|from| attached::fits(from, value));
            let known = known.map(|from| attached::as_long(from, name, value));
            match self.files.member(value).or(known) {
                Some("$nr") => self.counter(element, name),
                Some(from) => self.said(element, &format!("-{}", dotted(name)), (from, value)),
                None => {
                    element.remarks.push(format!("@{name}: {OPEN}"));
                    self.notes.push(constant(format!("{at}/@{name}")));
                }
            }
        }
        // An entry of a list of files has its content elsewhere: it is empty and names the file.
        let text = element.text.trim().to_owned();
        if let Some(from) = self.files.member(&text) {
            self.said(element, "", (from, &text));
        } else if element.children.is_empty() && !names_a_file(element) {
            self.word(element, "from", ".content");
        }
        let is_content =
            |child: &Element| is_file(child) || attached::source(child.local()) == Some(".content");
        let content = if element.children.iter().any(is_content) {
            Content::Inside
        } else {
            Content::Beside
        };
        self.told(element, &at, content);
        self.notes.push(of_attachments(at));
    }

    /// What the elements below say of an attachment, also in parts of it.
    fn told(&mut self, element: &mut Element, at: &str, content: Content) {
        for child in &mut element.children {
            let place = format!("{at}/{}", child.name);
            if !child.children.is_empty() {
                self.told(child, &place, content);
                continue;
            }
            let value = child.text.trim().to_owned();
            let source = if is_file(child) {
                Some(".content")
            } else {
                let named = self.files.member(&value);
                named.or_else(|| attached::told(child.local(), &value, content))
            };
            match source {
                Some(from) => self.said(child, "", (from, &value)),
                None if !value.is_empty() => {
                    child.remarks.push(OPEN.to_owned());
                    self.notes.push(constant(place));
                }
                None => {}
            }
        }
    }
}

impl Writer<'_> {
    /// What is said of a file, as the sample writes it; `of` is empty or `-NAME` of an attribute.
    fn said(&self, element: &mut Element, of: &str, (from, value): (&str, &str)) {
        let word = if of.is_empty() {
            "from".to_owned()
        } else {
            format!("attr{of}")
        };
        self.word(element, &word, from);
        if let Some(convert) = attached::convert(from, value) {
            self.word(element, &format!("as{of}"), convert);
        }
        if attached::may_lack(from) {
            self.word(element, &format!("missing{of}"), "empty");
        }
    }

    /// Whether an element that repeats names files of the sample.
    pub(super) fn lists_files(&self, element: &Element) -> bool {
        let is_list = element.repeats || attached::is_list(element.local());
        let names = |element: &Element| self.files.list(leaves(element)).is_some();
        // Of a list and its items the items repeat.
        let is_within = element
            .children
            .iter()
            .any(|child| child.repeats && names(child));
        is_list && names(element) && !is_within
    }

    /// Binds what names a document of the sample, and what is said of it beside.
    pub(super) fn of_document(&self, element: &mut Element) -> bool {
        let Some(nr) = self.files.document(leaves(element)) else {
            return false;
        };
        // A whole message may name a document somewhere.
        if element
            .children
            .iter()
            .any(|child| !child.children.is_empty())
        {
            return false;
        }
        let member = |name: &str, value: &str| {
            let from = self.files.said(local(name), value)?;
            Some(of_document(nr, from))
        };
        let attributes = element.attributes.clone();
        for (name, value) in attributes.iter().filter(|(name, _)| self.is_bound(name)) {
            if let Some(from) = member(name, value) {
                self.said(element, &format!("-{}", dotted(name)), (&from, value));
            }
        }
        let (name, text) = (element.name.clone(), element.text.trim().to_owned());
        if let Some(from) = member(&name, &text).filter(|_| !text.is_empty()) {
            self.said(element, "", (&from, &text));
        }
        for child in &mut element.children {
            let (name, text) = (child.name.clone(), child.text.trim().to_owned());
            match member(&name, &text) {
                Some(from) => self.said(child, "", (&from, &text)),
                None => child.remarks.push(OPEN.to_owned()),
            }
        }
        true
    }
}

const OPEN: &str = "offen: Konstante aus dem Muster / open: constant of the sample";

/// A prefix is parted by a dot in a word.
fn dotted(name: &str) -> String {
    name.replace(':', ".")
}

/// Texts and attributes of an element and those below.
fn leaves(element: &Element) -> Vec<&str> {
    let own = element.attributes.iter().map(|(_, value)| value.as_str());
    let below = element.children.iter().flat_map(leaves);
    own.chain([element.text.as_str()]).chain(below).collect()
}

/// Whether an empty element says in an attribute which file it means.
fn names_a_file(element: &Element) -> bool {
    let names = |name: &str| matches!(attached::attribute(name), Some(".file" | ".path"));
    element.text.trim().is_empty() && element.attributes.iter().any(|(name, _)| names(name))
}

/// A value of the sample that nothing fits.
fn constant(at: String) -> Note {
    Note::new(
        NoteKind::Constant,
        at,
        "keine Quelle gefunden; der Wert des Musters würde so übergeben",
        "no source found; the sample's value would be handed over as it is",
    )
}

/// Whether it holds a file in base64, by its type or by the sample.
fn is_file(element: &Element) -> bool {
    let is_binary = element.is_binary || attached::is_base64(&element.text);
    element.children.is_empty() && is_binary && attached::may_hold_file(element.local())
}

pub(super) fn is_attachment(element: &Element) -> bool {
    let attributes = element.attributes.iter().map(|(name, _)| name.as_str());
    let children = element.children.iter().map(Element::local);
    attached::is_named(element.local(), attributes.clone())
        || attached::is_attachment(element.local(), attributes.chain(children))
}

//! Attachments in an XML sample: what is said of each, and where their content is.

use super::of_attachments;
use super::shape::count;
use super::writer::{Writer, of};
use crate::attached::{self, Content};
use crate::dom::{Element, local};
use crate::package::{Note, NoteKind};

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
        self.word(element, "each", "$attachments");
        element
            .remarks
            .push("Vorschlag / proposal: each $attachments".to_owned());
        let attributes: Vec<(String, String)> = element
            .attributes
            .iter()
            .filter(|(name, _)| self.is_bound(name))
            .cloned()
            .collect();
        let at = format!("{parent}/{}", element.name);
        for (name, value) in &attributes {
            match attached::attribute(local(name)).map(|from| attached::as_long(from, name, value))
            {
                Some("$nr") => self.counter(element, name),
                Some(from) => {
                    self.word(element, &of("attr", name), from);
                    if attached::may_lack(from) {
                        self.word(element, &of("missing", name), "empty");
                    }
                }
                None => self.notes.push(constant(format!("{at}/@{name}"))),
            }
        }
        // An entry of a list of files has its content elsewhere: it is empty and names the file.
        if element.children.is_empty() && !names_a_file(element) {
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
            let value = child.text.trim();
            let source = if is_file(child) {
                Some(".content")
            } else {
                attached::told(child.local(), value, content)
            };
            match source {
                Some(from) => {
                    self.word(child, "from", from);
                    if attached::may_lack(from) {
                        self.word(child, "missing", "empty");
                    }
                }
                None if !value.is_empty() => {
                    child.remarks.push(
                        "offen: Konstante aus dem Muster / open: constant of the sample".to_owned(),
                    );
                    self.notes.push(constant(place));
                }
                None => {}
            }
        }
    }
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

//! Writes the finished tree and says where each of its texts stands.

use std::collections::BTreeMap;
use std::fmt::Write;

use quick_xml::escape::escape;

use crate::lineage::{Lineage, Origin};
use crate::run::Halt;

/// An element of the document.
pub(super) struct OutElement<'t> {
    pub(super) name: &'t str,
    pub(super) attributes: Vec<OutText<'t>>,
    pub(super) content: OutContent<'t>,
}

pub(super) enum OutContent<'t> {
    Text(OutText<'t>),
    Children(Vec<OutElement<'t>>),
}

/// A text of the document: an attribute's, or (with an empty name) an element's.
pub(super) struct OutText<'t> {
    pub(super) name: &'t str,
    pub(super) text: String,
    /// None where there is no value: blank text, or a draft's gap.
    pub(super) origin: Option<Origin>,
}

pub(super) fn write(
    root: OutElement<'_>,
    bytes_max: usize,
) -> Result<(Vec<u8>, Vec<Lineage>), Halt> {
    let mut document = Document {
        text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
        lineage: Vec::new(),
        bytes_max,
    };
    let path = format!("/{}", root.name);
    document.element(root, &path, 0)?;
    Ok((document.text.into_bytes(), document.lineage))
}

struct Document {
    text: String,
    lineage: Vec<Lineage>,
    bytes_max: usize,
}

impl Document {
    fn element(&mut self, element: OutElement<'_>, path: &str, depth: usize) -> Result<(), Halt> {
        let indent = "  ".repeat(depth);
        let _ = write!(self.text, "{indent}<{}", element.name);
        for attribute in element.attributes {
            let value = escaped(&attribute.text, Where::Attribute);
            let _ = write!(self.text, " {}=\"{value}\"", attribute.name);
            self.lineage.extend(
                attribute
                    .origin
                    .map(|origin| origin.at(format!("{path}/@{}", attribute.name))),
            );
        }
        match element.content {
            OutContent::Text(text) if text.text.is_empty() => {
                self.text.push_str("/>\n");
                self.lineage
                    .extend(text.origin.map(|origin| origin.at(path.to_owned())));
            }
            OutContent::Text(text) => {
                let value = escaped(&text.text, Where::Text);
                let _ = writeln!(self.text, ">{value}</{}>", element.name);
                self.lineage
                    .extend(text.origin.map(|origin| origin.at(path.to_owned())));
            }
            OutContent::Children(children) if children.is_empty() => self.text.push_str("/>\n"),
            OutContent::Children(children) => {
                self.text.push_str(">\n");
                self.children(children, path, depth)?;
                let _ = writeln!(self.text, "{indent}</{}>", element.name);
            }
        }
        if self.text.len() > self.bytes_max {
            return Err(Halt::Bytes);
        }
        Ok(())
    }

    fn children(
        &mut self,
        children: Vec<OutElement<'_>>,
        path: &str,
        depth: usize,
    ) -> Result<(), Halt> {
        let mut alike: BTreeMap<String, usize> = BTreeMap::new();
        for child in &children {
            *alike.entry(child.name.to_owned()).or_default() += 1;
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for child in children {
            let nth = seen.entry(child.name.to_owned()).or_default();
            *nth += 1;
            let several = alike.get(child.name).is_some_and(|count| *count > 1);
            let index = if several {
                format!("[{nth}]")
            } else {
                String::new()
            };
            let path = format!("{path}/{}{index}", child.name);
            self.element(child, &path, depth + 1)?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Text,
    Attribute,
}

/// Escaped so that a parser gives the same text back: line ends and tabs would be changed on the way
/// (XML 1.0 §2.11, §3.3.3).
fn escaped(text: &str, place: Where) -> String {
    let escaped = escape(text).replace('\r', "&#13;");
    match place {
        Where::Text => escaped,
        Where::Attribute => escaped.replace('\n', "&#10;").replace('\t', "&#9;"),
    }
}

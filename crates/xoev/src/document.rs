//! A message, read again after it was written: what can be known of it without a schema.

use std::collections::BTreeMap;

use amtsbote_problem::{Bilingual, Finding, Findings};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::standard::{Keys, Standard};
use crate::{Directory, DirectoryKey, Head};

/// The deepest nesting of elements.
const DEPTH_MAX: usize = 64;
/// The most elements.
const NODES_MAX: usize = 400_000;
/// The most attributes of one element.
const ATTRIBUTES_MAX: usize = 256;

/// The bytes are not the XML this crate writes: not well-formed, too deep, too many elements, a document type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where, as in lineage: `/a/b[2]`.
    pub path: String,
    /// Its name with prefix.
    pub name: String,
    /// Its namespace, empty for none.
    pub namespace: String,
    /// Attributes but namespace declarations.
    pub attributes: Vec<(String, String)>,
    /// Namespaces declared here: prefix (empty for none) and name.
    pub declared: Vec<(String, String)>,
    /// Its text; empty for elements with children.
    pub text: String,
    /// Whether it has children.
    pub has_children: bool,
    /// Index of its parent.
    pub parent: Option<usize>,
    /// Its own index.
    index: usize,
    /// The index behind its last descendant.
    end: usize,
}

/// A message, its elements in document order: the root first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    nodes: Vec<Node>,
}

struct Reading {
    nodes: Vec<Node>,
    declared: Vec<Vec<(String, String)>>,
    open: Vec<usize>,
}

impl Document {
    /// Reads a message.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
        let mut reader = Reader::from_str(text);
        let mut reading = Reading {
            nodes: Vec::new(),
            declared: Vec::new(),
            open: Vec::new(),
        };
        loop {
            match reader.read_event().map_err(|_| Malformed)? {
                Event::Start(start) => reading.start(&start)?,
                Event::Empty(start) => {
                    reading.start(&start)?;
                    reading.end();
                }
                Event::End(_) => reading.end(),
                Event::Text(text) => reading.text(&text.xml10_content())?,
                Event::CData(text) => reading.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    let escaped = format!("&{};", &*reference);
                    let text = quick_xml::escape::unescape(&escaped).map_err(|_| Malformed)?;
                    reading.text(&text)?;
                }
                Event::DocType(_) => return Err(Malformed),
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
                Event::Eof => break,
            }
        }
        if reading.nodes.is_empty() || !reading.open.is_empty() {
            return Err(Malformed);
        }
        Ok(Self {
            nodes: with_paths(reading.nodes),
        })
    }

    /// The elements in document order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The root.
    pub fn root(&self) -> &Node {
        &self.nodes[0]
    }

    /// The element at `path` below the root, local names divided by `/`: the first if there are several.
    pub fn below(&self, path: &str) -> Option<&Node> {
        self.all(path).into_iter().next()
    }

    /// All elements at `path` below the root, in document order.
    pub fn all(&self, path: &str) -> Vec<&Node> {
        self.all_in(self.root(), path)
    }

    /// All elements at `path` below `node`, in document order.
    pub fn all_in(&self, node: &Node, path: &str) -> Vec<&Node> {
        let mut at = vec![node.index];
        for step in path.split('/') {
            at = at
                .into_iter()
                .flat_map(|parent| self.children(parent))
                .filter(|child| self.nodes[*child].local() == step)
                .collect();
        }
        at.into_iter().filter_map(|at| self.nodes.get(at)).collect()
    }

    /// The children of `node`, in order.
    pub fn children_of(&self, node: &Node) -> Vec<&Node> {
        self.children(node.index)
            .map(|at| &self.nodes[at])
            .collect()
    }

    /// The text at `path` below the root, without space around; none if there is none.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.below(path)
            .map(|node| node.text.trim())
            .filter(|text| !text.is_empty())
    }

    /// Elements follow their parent, so the search ends where its last descendant does.
    fn children(&self, parent: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.nodes.get(parent).map_or(0, |node| node.end);
        (parent + 1..end).filter(move |at| self.nodes[*at].parent == Some(parent))
    }

    /// The message written again, with the prefixes and namespaces it was read with. Comments, processing instructions and the
    /// white space between elements are not kept; everything else is.
    pub fn write(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let mut open: Vec<&Node> = Vec::new();
        for node in &self.nodes {
            while open
                .last()
                .is_some_and(|last| Some(last.index) != node.parent)
            {
                close(open.pop(), &mut out);
            }
            start(node, &mut out);
            open.push(node);
        }
        while !open.is_empty() {
            close(open.pop(), &mut out);
        }
        out
    }

    /// Empty elements (XBau Schematron sch-xbau-gen-001: none may be sent).
    pub fn empty_elements(&self) -> Findings {
        let empty = |node: &&Node| !node.has_children && node.text.trim().is_empty();
        self.nodes
            .iter()
            .filter(empty)
            .map(|node| {
                Finding::new(
                    &node.path,
                    "xoev-empty",
                    Bilingual::new(
                        "das Element wäre leer; leere Elemente dürfen nicht übermittelt werden",
                        "the element would be empty; empty elements may not be sent",
                    ),
                )
            })
            .collect()
    }

    /// Keys of the DVDV in the header: their form, and that the reader is an authority the standard is for. `strict` wants three small
    /// letters and digits (XBau Schematron sch-xbau-001 and -002).
    pub fn directory_keys(&self, standard: &Standard, directory: &dyn Directory) -> Findings {
        let Some(head) = Head::read(self) else {
            return Findings::new();
        };
        let strict = standard.keys == Keys::LettersAndDigits;
        let mut findings = Findings::new();
        for (side, party) in [("leser", &head.reader), ("autor", &head.author)] {
            if party.directory.as_deref() != Some("DVDV") {
                continue;
            }
            let key = party.key.as_deref().and_then(DirectoryKey::parse);
            let fits = key.as_ref().is_some_and(|key| !strict || is_strict(key));
            if !fits {
                findings.push(wrong_key(&party.path));
            } else if let (Some(key), "leser") = (key, side) {
                findings.extend(wrong_reader(&key, standard, directory).map(|detail| {
                    Finding::new(format!("{}/kennung", party.path), "xoev-reader", detail)
                }));
            }
        }
        findings
    }
}

fn is_strict(key: &DirectoryKey<'_>) -> bool {
    key.prefix.len() == 3
        && key.prefix.bytes().all(|b| b.is_ascii_lowercase())
        && key.key.bytes().all(|b| b.is_ascii_digit())
}

fn wrong_key(path: &str) -> Finding {
    Finding::new(
        format!("{path}/kennung"),
        "xoev-dvdv",
        Bilingual::new(
            "eine Kennung im DVDV hat die Form bab:06414000",
            "a key in the DVDV has the form bab:06414000",
        ),
    )
    .hint(Bilingual::new(
        "Einstellung receiver des Zustellpunkts berichtigen",
        "correct the destination's receiver setting",
    ))
}

/// A prefix the directory knows as that of another kind of authority. One it does not know is let pass.
fn wrong_reader(
    key: &DirectoryKey<'_>,
    standard: &Standard,
    directory: &dyn Directory,
) -> Option<Bilingual> {
    let category = directory.category(key.prefix)?;
    if standard.readers.is_empty() || standard.readers.contains(&key.prefix) {
        return None;
    }
    let expected = standard.readers.join(", ");
    Some(Bilingual::new(
        format!(
            "der Leser ist im DVDV „{category}“; {} geht an {expected}",
            standard.label
        ),
        format!(
            "the reader is \"{category}\" in the DVDV; {} goes to {expected}",
            standard.label
        ),
    ))
}

fn start(node: &Node, out: &mut String) {
    out.push('<');
    out.push_str(&node.name);
    for (prefix, namespace) in &node.declared {
        let colon = if prefix.is_empty() { "" } else { ":" };
        attribute(&format!("xmlns{colon}{prefix}"), namespace, out);
    }
    for (name, value) in &node.attributes {
        attribute(name, value, out);
    }
    out.push('>');
    out.push_str(&quick_xml::escape::escape(node.text.as_str()).replace('\r', "&#13;"));
}

fn attribute(name: &str, value: &str, out: &mut String) {
    let value = quick_xml::escape::escape(value)
        .replace('\t', "&#9;")
        .replace('\n', "&#10;")
        .replace('\r', "&#13;");
    for part in [" ", name, "=\"", &value, "\""] {
        out.push_str(part);
    }
}

fn close(node: Option<&Node>, out: &mut String) {
    if let Some(node) = node {
        for part in ["</", &node.name, ">"] {
            out.push_str(part);
        }
    }
}

impl Node {
    /// Its name without prefix.
    pub fn local(&self) -> &str {
        self.name.rsplit(':').next().unwrap_or_default()
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Reading {
    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), Malformed> {
        let second_root = self.open.is_empty() && !self.nodes.is_empty();
        if second_root || self.open.len() >= DEPTH_MAX || self.nodes.len() >= NODES_MAX {
            return Err(Malformed);
        }
        let (mut attributes, mut declared) = (Vec::new(), Vec::new());
        for (count, attribute) in start.attributes().enumerate() {
            let attribute = attribute.map_err(|_| Malformed)?;
            if count >= ATTRIBUTES_MAX {
                return Err(Malformed);
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| Malformed)?;
            let name: &str = attribute.key.as_ref();
            match name.strip_prefix("xmlns") {
                Some("") => declared.push((String::new(), value.into_owned())),
                Some(prefix) if prefix.starts_with(':') => {
                    declared.push((prefix[1..].to_owned(), value.into_owned()));
                }
                Some(_) | None => attributes.push((name.to_owned(), value.into_owned())),
            }
        }
        let name: String = start.name().as_ref().to_owned();
        let parent = self.open.last().copied();
        if let Some(parent) = parent {
            self.nodes[parent].has_children = true;
        }
        self.declared.push(declared.clone());
        let prefix = name
            .split_once(':')
            .map_or("", |(prefix, _)| prefix)
            .to_owned();
        let namespace = self.namespace(&prefix)?;
        self.open.push(self.nodes.len());
        self.nodes.push(Node {
            path: String::new(),
            name,
            namespace,
            attributes,
            declared,
            text: String::new(),
            has_children: false,
            parent,
            index: self.nodes.len(),
            end: self.nodes.len() + 1,
        });
        Ok(())
    }

    fn namespace(&self, prefix: &str) -> Result<String, Malformed> {
        let found = self
            .declared
            .iter()
            .rev()
            .flat_map(|declared| declared.iter().rev())
            .find(|(known, _)| known == prefix);
        match found {
            Some((_, namespace)) => Ok(namespace.clone()),
            None if prefix.is_empty() => Ok(String::new()),
            None => Err(Malformed),
        }
    }

    fn end(&mut self) {
        self.declared.pop();
        if let Some(at) = self.open.pop() {
            self.nodes[at].end = self.nodes.len();
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Malformed> {
        match self.open.last() {
            Some(at) => self.nodes[*at].text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(Malformed),
        }
        Ok(())
    }
}

/// The nodes with their paths: an index where a parent has several children of one name.
fn with_paths(mut nodes: Vec<Node>) -> Vec<Node> {
    let mut alike: BTreeMap<(Option<usize>, String), usize> = BTreeMap::new();
    for node in &nodes {
        *alike.entry((node.parent, node.name.clone())).or_default() += 1;
    }
    let mut seen: BTreeMap<(Option<usize>, String), usize> = BTreeMap::new();
    for at in 0..nodes.len() {
        let key = (nodes[at].parent, nodes[at].name.clone());
        let nth = seen.entry(key.clone()).or_default();
        *nth += 1;
        let above = nodes[at]
            .parent
            .map(|parent| nodes[parent].path.clone())
            .unwrap_or_default();
        let several = alike.get(&key).is_some_and(|count| *count > 1);
        let index = if several {
            format!("[{nth}]")
        } else {
            String::new()
        };
        nodes[at].path = format!("{above}/{}{index}", key.1);
        if nodes[at].has_children {
            nodes[at].text.clear();
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_has_a_bounded_number_of_attributes() {
        let with = |count| {
            let attributes =
                (0..count).fold(String::new(), |all, nr| all + &format!(" a{nr}=\"\""));
            Document::read(format!("<a{attributes}/>").as_bytes()).map(drop)
        };
        assert_eq!(with(ATTRIBUTES_MAX), Ok(()));
        assert_eq!(with(ATTRIBUTES_MAX + 1), Err(Malformed));
    }
}

//! A message, read again after it was written: what can be known of it without a schema.

use std::collections::BTreeMap;

use amtsbote_problem::{Bilingual, Finding, Findings};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// The deepest nesting of elements.
const DEPTH_MAX: usize = 64;
/// The most elements.
const NODES_MAX: usize = 400_000;

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
    /// Its text; empty for elements with children.
    pub text: String,
    /// Whether it has children.
    pub has_children: bool,
    /// Index of its parent.
    pub parent: Option<usize>,
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
        let mut at = 0;
        for step in path.split('/') {
            at = self
                .nodes
                .iter()
                .position(|node| node.parent == Some(at) && node.local() == step)?;
        }
        self.nodes.get(at)
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

    /// Keys of the DVDV: three small letters, a colon, digits (XBau Schematron sch-xbau-001 and -002).
    pub fn directory_keys(&self) -> Findings {
        let wrong = |side: &&str| {
            let header = format!("nachrichtenkopf.g2g/{side}");
            let text = |path: &str| {
                self.below(&format!("{header}/{path}"))
                    .map(|node| node.text.trim())
            };
            text("verzeichnisdienst/code") == Some("DVDV")
                && !text("kennung").is_some_and(is_dvdv_key)
        };
        ["leser", "autor"]
            .into_iter()
            .filter(wrong)
            .map(|side| {
                Finding::new(
                    format!("{}/nachrichtenkopf.g2g/{side}/kennung", self.root().path),
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
            })
            .collect()
    }
}

fn is_dvdv_key(key: &str) -> bool {
    key.split_once(':').is_some_and(|(prefix, digits)| {
        prefix.len() == 3
            && prefix.bytes().all(|b| b.is_ascii_lowercase())
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
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
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| Malformed)?;
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
        self.declared.push(declared);
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
            text: String::new(),
            has_children: false,
            parent,
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
        self.open.pop();
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

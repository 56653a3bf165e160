//! A small tree of an XML file: for samples, XSD files and `XDatenfelder`. Bounded; a document type is refused.

use std::fmt::Write as _;

use amtsbote_translate::Encoding;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::{Unusable, text};

const SIZE_MAX_BYTES: usize = 16 * 1024 * 1024;
const DEPTH_MAX: usize = 60;
const NODES_MAX: usize = 400_000;

/// An element, its attributes and what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
    /// All text directly inside.
    pub(crate) text: String,
    /// Said before the element, as a comment.
    pub(crate) remarks: Vec<String>,
    /// Whether the procedure needs it; `None` if only a sample is known.
    pub(crate) is_required: Option<bool>,
    /// Whether its type allows no text in it.
    pub(crate) takes_no_text: bool,
    /// Whether its type is base64.
    pub(crate) is_binary: bool,
    /// Whether it may stand there several times.
    pub(crate) repeats: bool,
    /// How many further elements of its name the sample has beside it.
    pub(crate) others: usize,
    /// Texts of further elements of the sample that this one stands for.
    pub(crate) further: Vec<String>,
    /// Restrictions of its type.
    pub(crate) facets: Vec<(String, String)>,
    /// The codes its type allows, if that is known.
    pub(crate) codes: Vec<String>,
    /// What the schema says each of them means, in the same order; empty where it says nothing.
    pub(crate) code_labels: Vec<String>,
    /// The same of its attributes, by name.
    pub(crate) attribute_codes: Vec<(String, Vec<String>)>,
    /// All attributes its type has, as if each were an element.
    pub(crate) attribute_types: Vec<Element>,
    /// The types its text may be of, if there are several.
    pub(crate) union: Vec<Element>,
    /// Which of its children may stand together, where not all of them may.
    pub(crate) limits: Vec<Alternatives>,
    /// The built-in type of XSD that its text is of.
    pub(crate) base: String,
    /// What the schema says of it.
    pub(crate) documentation: String,
    /// How often it has to stand there, if that is known.
    pub(crate) least: Option<u32>,
    /// How often it may, if that is known.
    pub(crate) most: Option<u32>,
}

/// One of several sets of children stands there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Alternatives {
    pub(crate) branches: Vec<Branch>,
}

/// A set of children, by local name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) required: Vec<String>,
    pub(crate) all: Vec<String>,
    pub(crate) limits: Vec<Alternatives>,
}

impl Element {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// The name without prefix.
    pub(crate) fn local(&self) -> &str {
        local(&self.name)
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first child of that local name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.local() == name)
    }

    /// All children of that local name.
    pub(crate) fn children_named<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children
            .iter()
            .filter(move |child| child.local() == name)
    }
}

impl Element {
    /// The trimmed text below a path of local names; nothing if it is empty.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<&str> {
        let mut at = self;
        for name in path {
            at = at.child(name)?;
        }
        Some(at.text.trim()).filter(|text| !text.is_empty())
    }
}

/// The part after the prefix.
pub(crate) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Reads a file.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, Unusable> {
    if bytes.len() > SIZE_MAX_BYTES {
        return Err(Unusable::new(
            "die XML-Datei ist größer als 16 MB",
            "the XML file is larger than 16 MB",
        ));
    }
    let text = decoded(bytes)?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let mut reader = Reader::from_str(text);
    let mut tree = Tree::default();
    loop {
        match reader.read_event().map_err(|error| broken(&error))? {
            Event::Start(start) => tree.start(&start)?,
            Event::Empty(start) => {
                tree.start(&start)?;
                tree.end();
            }
            Event::End(_) => tree.end(),
            Event::Text(text) => tree.text(&text.xml10_content()),
            Event::CData(text) => tree.text(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let escaped = format!("&{};", &*reference);
                tree.text(&quick_xml::escape::unescape(&escaped).map_err(|error| broken(&error))?);
            }
            Event::DocType(_) => {
                return Err(Unusable::new(
                    "die XML-Datei hat eine DOCTYPE-Zeile; sie muss entfernt werden",
                    "the XML file has a DOCTYPE line; remove it",
                ));
            }
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            Event::Eof => break,
        }
    }
    match (tree.open.is_empty(), tree.root) {
        (true, Some(root)) => Ok(root),
        (true, None) | (false, _) => Err(Unusable::new(
            "die XML-Datei ist nicht vollständig",
            "the XML file is not complete",
        )),
    }
}

/// The text of a file in the encoding its declaration names.
fn decoded(bytes: &[u8]) -> Result<String, Unusable> {
    if let Some(text) = text::utf_16(bytes) {
        return text;
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    match encoding(bytes) {
        Some(encoding) => Ok(encoding.shown(bytes)),
        None => Err(Unusable::new(
            "die XML-Datei ist nicht in UTF-8 und nennt in ihrer ersten Zeile keine andere Kodierung (encoding=\"ISO-8859-1\"); bitte ergänzen, oder umwandeln: iconv -f ISO-8859-1 -t UTF-8",
            "the XML file is not UTF-8 and names no other encoding in its first line (encoding=\"ISO-8859-1\"); add it, or convert: iconv -f ISO-8859-1 -t UTF-8",
        )),
    }
}

/// The encoding of one byte per character that the declaration names.
pub(crate) fn encoding(bytes: &[u8]) -> Option<Encoding> {
    let head: String = bytes
        .iter()
        .take(200)
        .map(|byte| char::from(*byte).to_ascii_lowercase())
        .take_while(|c| *c != '>')
        .collect();
    let (_, named) = head.split_once("encoding")?;
    let named = named.trim_start_matches(['=', ' ', '"', '\'']);
    // The longer name first.
    let known = [
        Encoding::Latin9,
        Encoding::Latin1,
        Encoding::Windows1252,
        Encoding::Cp850,
        Encoding::Cp437,
    ];
    let is = |encoding: &Encoding| {
        named.starts_with(encoding.name()) || named.starts_with(encoding.charset())
    };
    known.into_iter().find(is)
}

fn broken(error: &dyn std::fmt::Display) -> Unusable {
    Unusable::new(
        format!("die XML-Datei ist nicht wohlgeformt ({error})"),
        format!("the XML file is not well-formed: {error}"),
    )
}

#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    nodes: usize,
}

impl Tree {
    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), Unusable> {
        let mut element = Element::new(start.name().as_ref());
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| broken(&error))?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| broken(&error))?;
            element
                .attributes
                .push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        self.nodes += 1 + element.attributes.len();
        if self.open.len() >= DEPTH_MAX || self.nodes > NODES_MAX {
            return Err(Unusable::new(
                format!("die XML-Datei ist zu tief oder hat mehr als {NODES_MAX} Teile"),
                format!("the XML file is too deep or has more than {NODES_MAX} parts"),
            ));
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(broken(&"a second root element"));
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) {
        if let Some(element) = self.open.pop() {
            match self.open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => self.root = Some(element),
            }
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(element) = self.open.last_mut() {
            element.text.push_str(text);
        }
    }
}

/// Writes the tree, indented by two, with its remarks as comments.
/// What the output's encoding lacks is a character reference, in values.
pub(crate) fn print(root: &Element, encoding: Option<Encoding>) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    element(root, 0, (&mut out, encoding));
    out
}

fn referenced(text: &str, encoding: Option<Encoding>) -> String {
    let Some(encoding) = encoding else {
        return text.to_owned();
    };
    let mut out = String::new();
    for c in text.chars() {
        if encoding.put(c, &mut Vec::new()).is_ok() {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
    }
    out
}

fn element(at: &Element, depth: usize, (out, encoding): (&mut String, Option<Encoding>)) {
    let indent = "  ".repeat(depth);
    for remark in &at.remarks {
        // Two hyphens may not stand in a comment.
        let remark = remark.replace("--", "- -");
        let _ = writeln!(out, "{indent}<!-- {remark} -->");
    }
    let _ = write!(out, "{indent}<{}", at.name);
    for (name, value) in &at.attributes {
        let value = quick_xml::escape::escape(value.as_str())
            .replace('\n', "&#10;")
            .replace('\t', "&#9;");
        let value = referenced(&value, encoding);
        let _ = write!(out, " {name}=\"{value}\"");
    }
    let text = at.text.trim();
    if at.children.is_empty() && text.is_empty() {
        out.push_str("/>\n");
    } else if at.children.is_empty() {
        let text = referenced(&quick_xml::escape::escape(text), encoding);
        let _ = writeln!(out, ">{text}</{}>", at.name);
    } else {
        out.push_str(">\n");
        for child in &at.children {
            element(child, depth + 1, (out, encoding));
        }
        let _ = writeln!(out, "{indent}</{}>", at.name);
    }
}

//! Reads the sample and finds all its faults.

use std::collections::BTreeSet;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::{
    Attribute, AttributeValue, Content, DEPTH_MAX, Element, NAMESPACE, SAMPLE_MAX_BYTES,
    SAMPLE_NODES_MAX, is_declaration, render,
};
use crate::codes::CodeMaps;
use crate::fault::{Fault, FaultKind, Faults};
use crate::word::{Binding, Scope, Words, line_at};

pub(super) fn read(file: &str, bytes: &[u8], codes: &CodeMaps) -> Result<Element, Faults> {
    let whole = |kind| {
        Faults::one(Fault {
            file: file.to_owned(),
            line: None,
            at: String::new(),
            kind,
        })
    };
    if bytes.len() > SAMPLE_MAX_BYTES {
        let (bytes, max) = (bytes.len(), SAMPLE_MAX_BYTES);
        return Err(whole(FaultKind::TooLarge { bytes, max }));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole(FaultKind::NotUtf8))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let (raw, prefix) = RawReader::new(text).read().map_err(|(line, kind)| {
        Faults::one(Fault {
            file: file.to_owned(),
            line: Some(line),
            at: String::new(),
            kind,
        })
    })?;
    let mut prefixes = BTreeSet::new();
    raw.declared(&mut prefixes);
    let mut builder = Builder {
        file,
        prefix,
        prefixes,
        codes,
        faults: Vec::new(),
    };
    let root = builder.element(raw, &Pinned::default(), "");
    Faults::unless_none(builder.faults, root)
}

/// An element as it stands in the file.
struct RawElement {
    name: String,
    line: u32,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<RawElement>,
}

impl RawElement {
    fn declared(&self, prefixes: &mut BTreeSet<String>) {
        let names = self.attributes.iter().map(|(name, _)| name);
        prefixes.extend(names.filter_map(|name| name.strip_prefix("xmlns:").map(str::to_owned)));
        for child in &self.children {
            child.declared(prefixes);
        }
    }
}

/// What cannot be gone past: the file's line and what is wrong.
type Stop = (u32, FaultKind);

struct RawReader<'f> {
    text: &'f str,
    open: Vec<RawElement>,
    root: Option<RawElement>,
    nodes: usize,
    /// Up to where lines were counted, and the line there: counting anew for each part would take quadratic time.
    counted: (usize, u32),
}

impl<'f> RawReader<'f> {
    const fn new(text: &'f str) -> Self {
        Self {
            text,
            open: Vec::new(),
            root: None,
            nodes: 0,
            counted: (0, 1),
        }
    }

    /// The root element, and the prefix its binding attributes have.
    fn read(mut self) -> Result<(RawElement, String), Stop> {
        let mut reader = Reader::from_str(self.text);
        loop {
            let offset = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let line = self.line_at(self.skip_blank(offset));
            let event = reader
                .read_event()
                .map_err(|error| malformed(line, &error.to_string()))?;
            match event {
                Event::Start(start) => self.start(&start, line)?,
                Event::Empty(start) => {
                    self.start(&start, line)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.push_text(&text.xml10_content(), line)?,
                Event::CData(text) => self.push_text(&text.xml10_content(), line)?,
                Event::GeneralRef(reference) => {
                    let escaped = format!("&{};", &*reference);
                    let text = quick_xml::escape::unescape(&escaped)
                        .map_err(|error| malformed(line, &error.to_string()))?;
                    self.push_text(&text, line)?;
                }
                Event::DocType(_) => return Err((line, FaultKind::DocumentType)),
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
                Event::Eof => break,
            }
        }
        let end = line_at(self.text, self.text.len());
        if !self.open.is_empty() {
            return Err(malformed(end, "the file ends inside an element"));
        }
        let root = self
            .root
            .ok_or_else(|| malformed(end, "there is no element"))?;
        let prefix = root.attributes.iter().find_map(|(name, value)| {
            (value == NAMESPACE)
                .then(|| name.strip_prefix("xmlns:"))
                .flatten()
                .map(str::to_owned)
        });
        let prefix = prefix.ok_or((root.line, FaultKind::NoNamespace))?;
        Ok((root, prefix))
    }

    /// The line of byte `offset`, which only grows.
    fn line_at(&mut self, offset: usize) -> u32 {
        let (from, line) = self.counted;
        let since = self.text.get(from..offset.min(self.text.len()));
        let line = line.saturating_add(since.map_or(0, |since| line_at(since, since.len()) - 1));
        if since.is_some() {
            self.counted = (offset.min(self.text.len()), line);
        }
        line
    }

    fn skip_blank(&self, offset: usize) -> usize {
        let rest = self.text.as_bytes().iter().skip(offset);
        offset.saturating_add(rest.take_while(|byte| byte.is_ascii_whitespace()).count())
    }

    fn start(&mut self, start: &BytesStart<'_>, line: u32) -> Result<(), Stop> {
        if self.open.len() >= DEPTH_MAX {
            return Err((line, FaultKind::TooDeep { max: DEPTH_MAX }));
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(malformed(line, "a second root element"));
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| malformed(line, &error.to_string()))?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| malformed(line, &error.to_string()))?;
            if !value.chars().all(render::is_xml_char) {
                return Err(malformed(line, "a character XML does not allow"));
            }
            attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        self.nodes += 1 + attributes.len();
        if self.nodes > SAMPLE_NODES_MAX {
            return Err((
                line,
                FaultKind::TooMany {
                    max: SAMPLE_NODES_MAX,
                },
            ));
        }
        self.open.push(RawElement {
            name: start.name().as_ref().to_owned(),
            line,
            attributes,
            text: String::new(),
            children: Vec::new(),
        });
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

    fn push_text(&mut self, text: &str, line: u32) -> Result<(), Stop> {
        if !text.chars().all(render::is_xml_char) {
            return Err(malformed(line, "a character XML does not allow"));
        }
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(malformed(line, "text outside the root element")),
        }
        Ok(())
    }
}

fn malformed(line: u32, reason: &str) -> Stop {
    (
        line,
        FaultKind::Malformed {
            reason: reason.to_owned(),
        },
    )
}

/// Code list attributes the sample pins, of the nearest element that has them.
#[derive(Clone, Default)]
struct Pinned {
    uri: Option<String>,
    version: Option<String>,
}

const KNOWN_WORDS: &str =
    "from, as, codes, missing, each, if, empty, attr-NAME, as-NAME, codes-NAME, missing-NAME";

/// The binding attributes of one element, by word.
struct BindingWords(Vec<(String, String)>);

impl BindingWords {
    fn word(&self, word: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == word)
            .map(|(_, value)| value.as_str())
    }

    fn words(&self) -> Words<'_> {
        Words {
            from: self.word("from"),
            convert: self.word("as"),
            codes: self.word("codes"),
            missing: self.word("missing"),
        }
    }

    fn words_of(&self, attribute: &str) -> Words<'_> {
        Words {
            from: self.word(&format!("attr-{attribute}")),
            convert: self.word(&format!("as-{attribute}")),
            codes: self.word(&format!("codes-{attribute}")),
            missing: self.word(&format!("missing-{attribute}")),
        }
    }

    /// The attributes bound, in the sample's order.
    fn bound(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter_map(|(word, _)| word.strip_prefix("attr-"))
    }
}

struct Builder<'f> {
    file: &'f str,
    prefix: String,
    /// Every prefix the file declares.
    prefixes: BTreeSet<String>,
    codes: &'f CodeMaps,
    faults: Vec<Fault>,
}

impl Builder<'_> {
    fn fault(&mut self, line: u32, at: &str, kind: FaultKind) {
        self.faults.push(Fault {
            file: self.file.to_owned(),
            line: Some(line),
            at: at.to_owned(),
            kind,
        });
    }

    fn element(&mut self, raw: RawElement, above_pins: &Pinned, above: &str) -> Element {
        let (line, at) = (raw.line, format!("{above}/{}", raw.name));
        let (words, plain) = self.split(raw.attributes, line, &at);
        let mut pins = above_pins.clone();
        for (name, value) in &plain {
            match name.as_str() {
                "listURI" => pins.uri = Some(value.clone()),
                "listVersionID" => pins.version = Some(value.clone()),
                _ => {}
            }
        }
        let is_group = self.is_group(&raw.name, &plain, &words, (line, &at));
        self.check_words(&words, line, &at);
        if above.is_empty() {
            self.check_root(&words, line, &at);
        }
        let mut kinds = Vec::new();
        let scope = Scope::read(
            words.word("each"),
            words.word("if"),
            words.word("empty"),
            &mut kinds,
        );
        let binding = words.words().read(Some(line), self.codes, &mut kinds);
        for kind in kinds {
            self.fault(line, &at, kind);
        }
        let attributes = self.attributes(plain, &words, line, &at);
        let content = match binding {
            Some(binding) => {
                self.check_pins(&binding, &pins, line, &at);
                self.bound(binding, &raw.text, raw.children, &at)
            }
            None => self.plain_content(raw.text, raw.children, &pins, (line, &at)),
        };
        if is_group && !matches!(content, Content::Children(_)) {
            let (word, needs) = (raw.name.clone(), "elements inside".to_owned());
            self.fault(line, &at, FaultKind::Needs { word, needs });
        }
        Element {
            name: raw.name,
            line,
            is_group,
            scope,
            attributes,
            content,
        }
    }

    /// Binding attributes apart from the others.
    fn split(
        &mut self,
        attributes: Vec<(String, String)>,
        line: u32,
        at: &str,
    ) -> (BindingWords, Vec<(String, String)>) {
        let (mut words, mut plain) = (Vec::new(), Vec::new());
        let declaration = format!("xmlns:{}", self.prefix);
        let root = at.matches('/').count() == 1;
        for (name, value) in attributes {
            let word = name
                .strip_prefix(&self.prefix)
                .and_then(|rest| rest.strip_prefix(':'));
            if let Some(word) = word {
                words.push((word.to_owned(), value));
            } else if name == declaration || (is_declaration(&name) && value == NAMESPACE) {
                if !root || name != declaration {
                    self.fault(line, at, FaultKind::MisplacedNamespace);
                }
            } else {
                plain.push((name, value));
            }
        }
        (BindingWords(words), plain)
    }

    fn check_words(&mut self, words: &BindingWords, line: u32, at: &str) {
        const PLAIN: [&str; 7] = ["from", "as", "codes", "missing", "each", "if", "empty"];
        for (word, _) in &words.0 {
            let attribute = ["attr-", "as-", "codes-", "missing-"]
                .iter()
                .find_map(|start| word.strip_prefix(start));
            let known = match attribute {
                Some(name) => !name.is_empty() && !is_declaration(name),
                None => PLAIN.contains(&word.as_str()),
            };
            let word = word.clone();
            if !known {
                let known = KNOWN_WORDS.to_owned();
                self.fault(line, at, FaultKind::UnknownWord { word, known });
            } else if let Some(name) = attribute
                && words.word(&format!("attr-{name}")).is_none()
            {
                let needs = format!("attr-{name}");
                self.fault(line, at, FaultKind::Needs { word, needs });
            }
        }
        if let Some(word) = words.words().orphan() {
            let (word, needs) = (word.to_owned(), "from".to_owned());
            self.fault(line, at, FaultKind::Needs { word, needs });
        }
    }

    /// Whether it is `b:group`, which is no element of the output: then it has nothing but words on how often it stands there.
    fn is_group(
        &mut self,
        name: &str,
        plain: &[(String, String)],
        words: &BindingWords,
        (line, at): (u32, &str),
    ) -> bool {
        let own = name
            .strip_prefix(&self.prefix)
            .and_then(|rest| rest.strip_prefix(':'));
        let Some(own) = own else { return false };
        let is_scope = |(word, _): &(String, String)| ["each", "if", "empty"].contains(&&**word);
        let word = name.to_owned();
        if own != "group" {
            let known = format!("{}:group", self.prefix);
            self.fault(line, at, FaultKind::UnknownWord { word, known });
        } else if !plain.is_empty() || !words.0.iter().all(is_scope) || words.0.is_empty() {
            let needs = "each, if or empty, and nothing else".to_owned();
            self.fault(line, at, FaultKind::Needs { word, needs });
        } else if at.matches('/').count() == 1 {
            let reason = "the root element stands exactly once".to_owned();
            self.fault(line, at, FaultKind::Misplaced { word, reason });
        }
        true
    }

    /// The root element can neither be repeated nor left out.
    fn check_root(&mut self, words: &BindingWords, line: u32, at: &str) {
        for (word, value) in &words.0 {
            let scoped = ["each", "if", "empty"].contains(&word.as_str());
            if scoped || (word == "missing" && value == "drop") {
                let (word, reason) = (word.clone(), "the root element stands exactly once");
                let reason = reason.to_owned();
                self.fault(line, at, FaultKind::Misplaced { word, reason });
            }
        }
    }

    fn attributes(
        &mut self,
        plain: Vec<(String, String)>,
        words: &BindingWords,
        line: u32,
        at: &str,
    ) -> Vec<Attribute> {
        let mut attributes: Vec<Attribute> = plain
            .into_iter()
            .map(|(name, value)| Attribute {
                name,
                value: AttributeValue::Constant(value),
            })
            .collect();
        for word in words.bound() {
            let mut kinds = Vec::new();
            let binding = words
                .words_of(word)
                .read(Some(line), self.codes, &mut kinds);
            let name = &self.attribute_name(word, &attributes);
            for kind in kinds {
                self.fault(line, &format!("{at}/@{name}"), kind);
            }
            let Some(binding) = binding else { continue };
            let value = AttributeValue::Bound(binding);
            match attributes
                .iter_mut()
                .find(|attribute| attribute.name == *name)
            {
                Some(attribute) => attribute.value = value,
                None => attributes.push(Attribute {
                    name: name.clone(),
                    value,
                }),
            }
        }
        attributes
    }

    /// `xsi.nil` stands for `xsi:nil`: a binding attribute has a prefix of its own already, and a name has one colon at most.
    fn attribute_name(&self, word: &str, attributes: &[Attribute]) -> String {
        let is_there = attributes.iter().any(|attribute| attribute.name == word);
        match word.split_once('.') {
            Some((prefix, name)) if !is_there && self.prefixes.contains(prefix) => {
                format!("{prefix}:{name}")
            }
            Some(_) | None => word.to_owned(),
        }
    }

    /// The sample's code list and the code map's target have to be the same, where both say.
    fn check_pins(&mut self, binding: &Binding, pins: &Pinned, line: u32, at: &str) {
        let Some(map) = &binding.codes else { return };
        let to = map.to_list();
        let pairs = [
            ("listURI", &pins.uri, &to.uri),
            ("listVersionID", &pins.version, &to.version),
        ];
        for (attribute, sample, map) in pairs {
            if let (Some(sample), Some(map)) = (sample, map)
                && sample != map
            {
                let kind = FaultKind::CodeListMismatch {
                    attribute: attribute.to_owned(),
                    sample: sample.clone(),
                    map: map.clone(),
                };
                self.fault(line, at, kind);
            }
        }
    }

    fn bound(
        &mut self,
        binding: Binding,
        text: &str,
        children: Vec<RawElement>,
        at: &str,
    ) -> Content {
        let mut children = children.into_iter();
        let (first, second) = (children.next(), children.next());
        let Some(inner) = first else {
            return Content::Bound {
                binding,
                within: None,
            };
        };
        let line = inner.line;
        let inner = self.element(inner, &Pinned::default(), at);
        let plain = matches!(inner.content, Content::Text(_))
            && inner.scope.each.is_none()
            && inner.scope.condition.is_none();
        if second.is_some() || !plain || !text.trim().is_empty() {
            self.fault(line, at, FaultKind::BoundElementHasChildren);
        }
        Content::Bound {
            binding,
            within: Some(Box::new(inner)),
        }
    }

    fn plain_content(
        &mut self,
        text: String,
        children: Vec<RawElement>,
        pins: &Pinned,
        (line, at): (u32, &str),
    ) -> Content {
        if children.is_empty() {
            let blank = text.trim().is_empty();
            return Content::Text(if blank { String::new() } else { text });
        }
        if !text.trim().is_empty() {
            self.fault(line, at, FaultKind::MixedContent);
        }
        let children = children
            .into_iter()
            .map(|child| self.element(child, pins, at));
        Content::Children(children.collect())
    }
}

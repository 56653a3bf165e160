//! Small XML documents as trees, within bounds; and text that goes into XML. Pure.

use std::borrow::Cow;

use amtsbote_model::Personal;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

/// What an envelope may be like at most.
const DEPTH_MAX: usize = 32;
const ELEMENTS_MAX: usize = 20_000;
const ATTRIBUTES_MAX: usize = 32;

/// The bytes are no envelope: not well-formed UTF-8 XML, beyond the bounds, or with a document type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an XML document within the bounds")]
pub(crate) struct Malformed;

/// An element. Names are compared with their namespace where it matters and without where peers differ.
#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    pub(crate) namespace: String,
    /// Local name.
    pub(crate) name: String,
    /// Local names; declarations of namespaces are left out.
    attributes: Vec<(String, Personal<String>)>,
    text: Text,
    children: Vec<Element>,
}

#[derive(Debug, Clone)]
struct Text(Personal<String>);

impl Default for Text {
    fn default() -> Self {
        Self(Personal::new(String::new()))
    }
}

impl Element {
    /// Reads a document. `bytes` are bounded by the caller.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
        let mut reader = Reader::from_str(text);
        let mut reading = Reading::default();
        loop {
            match reader.read_event().map_err(|_| Malformed)? {
                Event::Start(start) => reading.start(&start)?,
                Event::Empty(start) => {
                    reading.start(&start)?;
                    reading.end()?;
                }
                Event::End(_) => reading.end()?,
                Event::Text(text) => reading.text(&text.xml10_content())?,
                Event::CData(text) => reading.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => reading.text(&referenced(&reference)?)?,
                Event::Decl(declaration) => match declaration.encoding() {
                    None => {}
                    Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") => {}
                    Some(_) => return Err(Malformed),
                },
                // SOAP 1.2 part 1, section 5: neither document types nor processing instructions.
                Event::DocType(_) | Event::PI(_) => return Err(Malformed),
                Event::Comment(_) => {}
                Event::Eof => break,
            }
        }
        reading
            .root
            .filter(|_| reading.open.is_empty())
            .ok_or(Malformed)
    }

    /// The first child of that local name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of that local name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(crate) fn children(&self) -> &[Self] {
        &self.children
    }

    /// The element at a path of local names divided by `/`.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |at, name| at.child(name))
    }

    /// The first descendant of that local name, in document order.
    pub(crate) fn descendant(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|child| {
            if child.name == name {
                Some(child)
            } else {
                child.descendant(name)
            }
        })
    }

    /// Its own text without white space at the ends.
    pub(crate) fn text(&self) -> &str {
        self.text.0.reveal().trim()
    }

    /// The text at a path; empty if there is nothing.
    pub(crate) fn text_at(&self, path: &str) -> &str {
        self.at(path).map_or("", Self::text)
    }

    /// An attribute by its local name; empty if there is none.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.reveal().trim())
    }
}

fn referenced(reference: &BytesRef<'_>) -> Result<String, Malformed> {
    let escaped = format!("&{};", &**reference);
    // Predefined entities and characters only: without a document type there are no others.
    quick_xml::escape::unescape(&escaped)
        .map(Cow::into_owned)
        .map_err(|_| Malformed)
}

#[derive(Default)]
struct Reading {
    root: Option<Element>,
    open: Vec<Element>,
    declared: Vec<Vec<(String, String)>>,
    count: usize,
}

impl Reading {
    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), Malformed> {
        self.count += 1;
        if self.open.len() >= DEPTH_MAX || self.count > ELEMENTS_MAX || self.root.is_some() {
            return Err(Malformed);
        }
        let mut declared = Vec::new();
        let mut attributes = Vec::new();
        for (count, attribute) in start.attributes().enumerate() {
            let attribute = attribute.map_err(|_| Malformed)?;
            if count >= ATTRIBUTES_MAX {
                return Err(Malformed);
            }
            let key: &str = attribute.key.as_ref();
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| Malformed)?
                .into_owned();
            match key.split_once(':') {
                None if key == "xmlns" => declared.push((String::new(), value)),
                Some(("xmlns", prefix)) => declared.push((prefix.to_owned(), value)),
                None => attributes.push((key.to_owned(), Personal::new(value))),
                Some((_, local)) => attributes.push((local.to_owned(), Personal::new(value))),
            }
        }
        self.declared.push(declared);
        let name = start.name();
        let name: &str = name.as_ref();
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        self.open.push(Element {
            namespace: self.namespace(prefix)?,
            name: local.to_owned(),
            attributes,
            ..Element::default()
        });
        Ok(())
    }

    fn namespace(&self, prefix: &str) -> Result<String, Malformed> {
        let known = self.declared.iter().rev().flatten();
        match known.into_iter().find(|(declared, _)| declared == prefix) {
            Some((_, namespace)) => Ok(namespace.clone()),
            None if prefix.is_empty() => Ok(String::new()),
            None => Err(Malformed),
        }
    }

    fn end(&mut self) -> Result<(), Malformed> {
        let ended = self.open.pop().ok_or(Malformed)?;
        self.declared.pop();
        match self.open.last_mut() {
            Some(above) => above.children.push(ended),
            None => self.root = Some(ended),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Malformed> {
        match self.open.last_mut() {
            Some(element) => {
                let mut all = std::mem::take(&mut element.text).0.into_revealed();
                all.push_str(text);
                element.text = Text(Personal::new(all));
                Ok(())
            }
            None if text.trim().is_empty() => Ok(()),
            None => Err(Malformed),
        }
    }
}

/// Text as it stands in an element or an attribute in double quotes; what XML 1.0 cannot hold becomes U+FFFD.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.extend(["&#", &u32::from(c).to_string(), ";"]),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(xml: &str, expected: Result<(), Malformed>) {
        assert_eq!(Element::read(xml.as_bytes()).map(drop), expected, "{xml}");
    }

    #[test]
    fn reads_names_namespaces_attributes_and_text() {
        let xml = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- x --><a:b xmlns:a=\"urn:a\" a:k=\"1 &amp; 2\"><c xmlns=\"urn:c\"> x<![CDATA[<y>]]>&#228;&lt; </c></a:b>";
        let root = Element::read(xml.as_bytes()).unwrap();
        assert_eq!(
            (root.namespace.as_str(), root.name.as_str()),
            ("urn:a", "b")
        );
        assert_eq!(root.attribute("k"), "1 & 2");
        let c = root.child("c").unwrap();
        assert_eq!((c.namespace.as_str(), c.text()), ("urn:c", "x<y>ä<"));
        assert_eq!(root.text_at("c/d"), "");
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        check("<a/>", Ok(()));
        for bad in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<p:a/>",
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<a>&x;</a>",
            "<?pi x?><a/>",
            "<a b=\"1\" b=\"2\"/>",
            "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>",
        ] {
            check(bad, Err(Malformed));
        }
        assert!(Element::read(b"<a>\xe4</a>").is_err());
        assert!(
            Element::read(
                &"<a/>"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<_>>()
            )
            .is_err()
        );
    }

    #[test]
    fn bounds_hold() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        check(&nested(DEPTH_MAX), Ok(()));
        check(&nested(DEPTH_MAX + 1), Err(Malformed));
        check(
            &format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX)),
            Err(Malformed),
        );
        let attributes =
            (0..=ATTRIBUTES_MAX).fold(String::new(), |all, nr| all + &format!(" a{nr}=\"\""));
        check(&format!("<a{attributes}/>"), Err(Malformed));
    }

    #[test]
    fn a_document_cut_anywhere_is_refused_and_nothing_panics() {
        let xml = "<?xml version=\"1.0\"?><s:E xmlns:s=\"urn:s\"><s:B a=\"ä\">x&amp;<![CDATA[y]]></s:B></s:E>".as_bytes();
        for end in 0..xml.len() {
            assert!(Element::read(&xml[..end]).is_err(), "{end}");
        }
        for at in 0..xml.len() {
            for byte in [0, b'<', b'>', b'&', b'"', 0xff] {
                let mut changed = xml.to_vec();
                changed[at] = byte;
                let _ = Element::read(&changed);
            }
        }
    }

    #[test]
    fn what_was_escaped_is_read_again() {
        for text in ["a<b>&\"'c", "ä\u{1F600}", "a\tb\nc\rd"] {
            let xml = format!("<a k=\"{}\"/>", escaped(text));
            assert_eq!(Element::read(xml.as_bytes()).unwrap().attribute("k"), text);
        }
        assert_eq!(escaped("a\u{1}b\u{ffff}"), "a\u{fffd}b\u{fffd}");
    }
}

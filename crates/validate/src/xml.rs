//! XML before any schema: bounds, no document types, no entities; and DIN 91379 for all text of a document.

mod names;

use std::collections::HashMap;

use amtsbote_problem::{Bilingual, Finding, Findings};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesDecl, BytesStart, Event};

pub use names::label;

use crate::charset::{self, Group};
use crate::json::FINDINGS_MAX;
use crate::pointer::UNSHOWN;

/// Bounds of an XML document. The default: 32 MiB, 128 levels, 64 attributes per element, 1 000 000 nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length in bytes.
    pub size_max_bytes: usize,
    /// Nesting of elements.
    pub depth_max: usize,
    /// Attributes and namespace declarations of one element.
    pub attributes_max: usize,
    /// Elements, attributes, runs of text.
    pub nodes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size_max_bytes: 32 << 20,
            depth_max: 128,
            attributes_max: 64,
            nodes_max: 1_000_000,
        }
    }
}

/// Refuses a document that is too large, too deep or too wide, not UTF-8, not well-formed in its tags, or that has a
/// document type or entities of its own. Gives the text without byte-order mark.
pub fn guard(bytes: &[u8], limits: Limits) -> Result<&str, Findings> {
    if bytes.len() > limits.size_max_bytes {
        let max = limits.size_max_bytes;
        return Err(refusal(
            "size",
            "",
            &format!("ist größer als {max} Byte"),
            &format!("is larger than {max} bytes"),
        ));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(refusal(
            "encoding",
            "",
            "ist nicht in UTF-8",
            "is not UTF-8",
        ));
    };
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut walk = Walk {
        text,
        reader: Reader::from_str(text),
        limits,
        depth: 0,
        nodes: 0,
    };
    walk.run().map(|()| text)
}

struct Walk<'x> {
    text: &'x str,
    reader: Reader<&'x [u8]>,
    limits: Limits,
    depth: usize,
    nodes: usize,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), Findings> {
        self.reader.config_mut().allow_dangling_amp = false;
        loop {
            let Ok(event) = self.reader.read_event() else {
                return Err(self.fault(
                    "xml",
                    "ist kein wohlgeformtes XML",
                    "is not well-formed XML",
                ));
            };
            self.nodes += 1;
            match event {
                Event::Start(tag) => {
                    self.depth += 1;
                    self.tag(&tag)?;
                }
                Event::Empty(tag) => self.tag(&tag)?,
                Event::End(_) => self.depth = self.depth.saturating_sub(1),
                Event::DocType(_) => {
                    return Err(self.fault(
                        "doctype",
                        "enthält eine Dokumenttyp-Deklaration",
                        "has a document type declaration",
                    ));
                }
                Event::GeneralRef(reference) => {
                    let known = matches!(
                        &*reference.xml10_content(),
                        "amp" | "lt" | "gt" | "quot" | "apos"
                    );
                    if !known && !reference.is_char_ref() {
                        return Err(self.fault(
                            "entity",
                            "verwendet eine unbekannte Entität",
                            "uses an unknown entity",
                        ));
                    }
                }
                Event::Decl(declaration) => self.declaration(&declaration)?,
                Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof if self.depth > 0 => {
                    return Err(self.fault("xml", "endet vorzeitig", "ends too early"));
                }
                Event::Eof => return Ok(()),
            }
            if self.nodes > self.limits.nodes_max {
                let max = self.limits.nodes_max;
                return Err(self.fault(
                    "size",
                    &format!("hat mehr als {max} Knoten"),
                    &format!("has more than {max} nodes"),
                ));
            }
        }
    }

    fn declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), Findings> {
        let name = declaration.encoding().and_then(Result::ok);
        let fits = |name: &str| {
            name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("us-ascii")
        };
        if name.as_deref().is_none_or(fits) {
            return Ok(());
        }
        Err(self.fault(
            "encoding",
            "nennt eine andere Kodierung als UTF-8",
            "names an encoding other than UTF-8",
        ))
    }

    fn tag(&mut self, tag: &BytesStart<'_>) -> Result<(), Findings> {
        if self.depth > self.limits.depth_max {
            let max = self.limits.depth_max;
            return Err(self.fault(
                "depth",
                &format!("ist tiefer geschachtelt als {max} Ebenen"),
                &format!("is nested deeper than {max} levels"),
            ));
        }
        let mut attributes = tag.attributes();
        // Bounded before they are compared with each other.
        let count = attributes
            .with_checks(false)
            .take(self.limits.attributes_max + 1)
            .count();
        if count > self.limits.attributes_max {
            let max = self.limits.attributes_max;
            return Err(self.fault(
                "attributes",
                &format!("hat ein Element mit mehr als {max} Attributen"),
                &format!("has an element with more than {max} attributes"),
            ));
        }
        self.nodes += count;
        Ok(())
    }

    fn fault(&self, rule: &str, de: &str, en: &str) -> Findings {
        let offset = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        let line = line(self.text, offset);
        refusal(
            rule,
            "",
            &format!("{de} (Zeile {line})"),
            &format!("{en} (line {line})"),
        )
    }
}

/// The line of a byte offset, from 1.
pub(crate) fn line(text: &str, offset: usize) -> usize {
    let end = offset.min(text.len());
    // `end` may cut a character; bytes above ASCII are no line feeds.
    String::from_utf8_lossy(&text.as_bytes()[..end])
        .matches('\n')
        .count()
        + 1
}

pub(crate) fn refusal(rule: &str, at: &str, de: &str, en: &str) -> Findings {
    vec![Finding::new(at, rule, Bilingual::new(de, en))]
}

/// A name of an element or attribute as it may be shown: schemas give it, but a hostile document may not.
pub(crate) fn shown_name(name: &str) -> &str {
    let fits = (1..=100).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.äöüÄÖÜß".contains(c));
    if fits { name } else { UNSHOWN }
}

/// DIN 91379 for all text and attributes of a document; `at` is `/document/child[2]/@attribute`, by local names.
pub fn check_charset(bytes: &[u8], group: Group, limits: Limits) -> Findings {
    let text = match guard(bytes, limits) {
        Ok(text) => text,
        Err(findings) => return findings,
    };
    let mut check = Charset {
        group,
        path: Vec::new(),
        run: String::new(),
        findings: Findings::new(),
    };
    let mut reader = Reader::from_str(text);
    // The guard has read the whole document without an error.
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) => check.open(&tag),
            Event::Empty(tag) => {
                check.open(&tag);
                check.close();
            }
            Event::End(_) => check.close(),
            Event::Text(run) => check.run.push_str(&run.xml10_content()),
            Event::CData(run) => check.run.push_str(&run.xml10_content()),
            Event::GeneralRef(reference) => {
                // The five predefined ones are in every group.
                check
                    .run
                    .extend(reference.resolve_char_ref().ok().flatten());
            }
            Event::Eof => break,
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::DocType(_) => {}
        }
        if check.findings.len() > FINDINGS_MAX {
            check.findings.truncate(FINDINGS_MAX);
            check.findings.push(crate::more());
            break;
        }
    }
    check.findings
}

struct Step {
    shown: String,
    children: HashMap<String, usize>,
}

struct Charset {
    group: Group,
    path: Vec<Step>,
    run: String,
    findings: Findings,
}

impl Charset {
    fn open(&mut self, tag: &BytesStart<'_>) {
        self.flush();
        let name = tag.local_name().into_inner().to_owned();
        let mut shown = shown_name(&name).to_owned();
        if let Some(parent) = self.path.last_mut() {
            let number = parent.children.entry(name).or_default();
            *number += 1;
            if *number > 1 {
                shown = format!("{shown}[{number}]");
            }
        }
        self.path.push(Step {
            shown,
            children: HashMap::new(),
        });
        for attribute in tag.attributes().with_checks(false).flatten() {
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .unwrap_or_default();
            if let Some(offence) = charset::check(&value, self.group) {
                let name = shown_name(attribute.key.local_name().into_inner());
                let at = format!("{}/@{name}", self.at());
                self.findings
                    .push(Finding::new(at, "din-91379", offence.detail(self.group)));
            }
        }
    }

    fn close(&mut self) {
        self.flush();
        self.path.pop();
    }

    fn flush(&mut self) {
        let run = std::mem::take(&mut self.run);
        if let Some(offence) = charset::check(&run, self.group) {
            self.findings.push(Finding::new(
                self.at(),
                "din-91379",
                offence.detail(self.group),
            ));
        }
    }

    fn at(&self) -> String {
        self.path
            .iter()
            .fold(String::new(), |at, step| at + "/" + &step.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(xml: &str, expected: &[(&str, &str)]) {
        let limits = Limits {
            size_max_bytes: 100_000,
            depth_max: 5,
            attributes_max: 10,
            nodes_max: 200,
        };
        let findings = check_charset(xml.as_bytes(), Group::C, limits);
        let found: Vec<_> = findings
            .iter()
            .map(|f| (f.at.as_str(), f.rule.as_str()))
            .collect();
        assert_eq!(found, expected, "{xml:.80}");
    }

    #[test]
    fn text_and_attributes_outside_the_set_are_found() {
        check(
            "<a><b>Müller</b><b>Ив</b><c x='😀'/><d>C&#x300;</d><e><![CDATA[α]]></e></a>",
            &[
                ("/a/b[2]", "din-91379"),
                ("/a/c/@x", "din-91379"),
                ("/a/e", "din-91379"),
            ],
        );
        check("<a>&#x1F600;</a>", &[("/a", "din-91379")]);
        check("<Ж>Ж</Ж>", &[("/…", "din-91379")]);
    }

    #[test]
    fn hostile_documents_are_refused_before_they_are_read() {
        let laughs = r#"<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>"#;
        check(laughs, &[("", "doctype")]);
        check("<a>&b;</a>", &[("", "entity")]);
        check("<a><a><a><a><a><a/></a></a></a></a></a>", &[]);
        check(
            "<a><a><a><a><a><a></a></a></a></a></a></a>",
            &[("", "depth")],
        );
        let wide = " a=''".repeat(10_000);
        check(&format!("<a{wide}/>"), &[("", "attributes")]);
        check(&"<a/>".repeat(30_000), &[("", "size")]);
        check(&format!("<a>{}</a>", "<b/>".repeat(300)), &[("", "size")]);
        check("<a><b></a>", &[("", "xml")]);
        check("<a>", &[("", "xml")]);
        check(
            "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
            &[("", "encoding")],
        );
        let found = guard(b"<a>\xE4</a>", Limits::default()).unwrap_err();
        assert_eq!(found[0].rule, "encoding");
    }

    proptest::proptest! {
        #[test]
        fn any_text_gets_an_answer(text in "[<>/a&;'\"= !x\\[\\]\\-?#0-9\\PC]{0,60}") {
            let _ = check_charset(text.as_bytes(), Group::C, Limits::default());
        }
    }
}

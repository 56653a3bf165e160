//! Translation from outside: template and submission in, document, lineage, losses and findings out.

#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "tables of cases, and values written at the call"
)]

mod columns;
mod expressions;
mod json;
mod reference;
mod template_faults;
mod xml;

use std::collections::BTreeMap;

use amtsbote_translate::{
    CodeMap, CodeMaps, Finding, Ignored, Limits, Refusal, Root, Sources, Trace, Translation,
    xml::Sample,
};
use quick_xml::events::Event;
use serde_json::{Value, json};

pub(crate) fn codes() -> CodeMaps {
    let map =
        "[to]\nuri = \"urn:rechtsform\"\nversion = \"2\"\n[codes]\ngmbh = \"110\"\nag = \"120\"\n";
    let or = |unmapped: &str| format!("unmapped = \"{unmapped}\"\n{map}");
    CodeMaps::new([
        CodeMap::parse("rechtsform", "codes/rechtsform.toml", map).unwrap(),
        CodeMap::parse("or-keep", "k", &or("keep")).unwrap(),
        CodeMap::parse("or-drop", "d", &or("drop")).unwrap(),
        CodeMap::parse("or-999", "d", &or("default:999")).unwrap(),
    ])
}

pub(crate) fn sources(data: &Value) -> Sources {
    Sources::new(data)
        .with(Root::Receiver, json!({"ags": "06414000"}))
        .with(Root::ReceivedAt, json!("2026-07-01T22:30:00.250Z"))
        .with(
            Root::Message,
            json!({"uuid": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}),
        )
}

/// `inner` inside a root element that declares the binding namespace; it is on line 2.
pub(crate) fn wrapped(inner: &str) -> String {
    format!("<a xmlns:b=\"https://amtsbote.example/ns/binding/1\">\n{inner}\n</a>")
}

pub(crate) fn sample(template: &str) -> Sample {
    Sample::parse("sample.xml", template.as_bytes(), &codes())
        .unwrap_or_else(|faults| panic!("{faults} in {template}"))
}

pub(crate) fn translate(template: &str, data: &Value) -> Result<Translation, Refusal> {
    let sample = sample(template);
    let result = sample.translate(&sources(data), &Limits::default(), &Ignored::default());
    match &result {
        Ok(translation) => every_text_is_explained(&sample, translation),
        Err(Refusal::Incomplete { draft, .. }) => every_text_is_explained(&sample, draft),
        Err(Refusal::TooManyNodes { .. } | Refusal::TooLarge { .. }) => {}
    }
    result
}

/// The document inside the root element, without indents and line ends.
pub(crate) fn check(inner: &str, data: Value, expected: &str) {
    let translation =
        translate(&wrapped(inner), &data).unwrap_or_else(|refusal| panic!("{inner}: {refusal:?}"));
    let document = String::from_utf8(translation.document.reveal().clone()).unwrap();
    let lines: String = document.lines().skip(1).map(str::trim_start).collect();
    let inner_document = lines
        .strip_prefix("<a>")
        .and_then(|rest| rest.strip_suffix("</a>"));
    let document = inner_document.unwrap_or(if lines == "<a/>" { "" } else { &lines });
    assert_eq!(document, expected, "{inner}");
}

pub(crate) fn findings(inner: &str, data: Value) -> Vec<Finding> {
    match translate(&wrapped(inner), &data) {
        Err(Refusal::Incomplete { findings, .. }) => findings,
        other => panic!("{inner}: no findings but {other:?}"),
    }
}

/// Each finding as `rule at template-line`.
pub(crate) fn check_findings(inner: &str, data: Value, expected: &[&str]) {
    let findings = findings(inner, data);
    let line = |line: Option<u32>| line.map_or(String::new(), |line| line.to_string());
    let found: Vec<String> = findings
        .iter()
        .map(|finding| {
            format!(
                "{} {} {}",
                finding.rule.name(),
                finding.at,
                line(finding.template_line)
            )
        })
        .collect();
    assert_eq!(found, expected, "{inner}");
}

/// Every text and attribute of the document has a lineage, or is a constant of the sample; and no lineage points nowhere.
fn every_text_is_explained(sample: &Sample, translation: &Translation) {
    let document = String::from_utf8(translation.document.reveal().clone()).unwrap();
    let texts = texts(&document);
    let constants = sample.constants();
    let bare = |path: &str| {
        let cut = |part: &str| part.split('[').next().unwrap_or_default().to_owned();
        path.split('/').map(cut).collect::<Vec<_>>().join("/")
    };
    for (path, text) in &texts {
        let bound = translation.lineage.iter().any(|line| line.output == *path);
        let constant = constants
            .iter()
            .any(|constant| constant.at == bare(path) && constant.text == *text);
        assert!(!constant || bound, "a constant without lineage: {path}");
        assert!(
            bound || constant || text.is_empty(),
            "unexplained: {path} in {document}"
        );
    }
    for line in &translation.lineage {
        assert_eq!(line.template.as_deref(), Some("sample.xml"));
        if line.trace == Trace::Decides {
            continue;
        }
        assert!(
            texts.contains_key(&line.output),
            "points nowhere: {} in {document}",
            line.output
        );
        assert!(line.template_line.is_some_and(|line| line > 0));
    }
}

/// Every attribute and every childless element's text, by path, as an independent reader sees them.
fn texts(document: &str) -> BTreeMap<String, String> {
    struct Open {
        path: String,
        text: String,
        names: Vec<String>,
    }
    let totals = child_counts(document);
    let mut reader = quick_xml::Reader::from_str(document);
    let mut open = vec![Open {
        path: String::new(),
        text: String::new(),
        names: Vec::new(),
    }];
    let mut texts = BTreeMap::new();
    let mut order = 0;
    loop {
        let event = reader.read_event().unwrap();
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                let name = start.name().as_ref().to_owned();
                let parent = open.last_mut().unwrap();
                parent.names.push(name.clone());
                let nth = parent.names.iter().filter(|known| **known == name).count();
                let several = totals
                    .get(&parent.path)
                    .is_some_and(|names| names.iter().filter(|n| **n == name).count() > 1);
                let index = if several {
                    format!("[{nth}]")
                } else {
                    String::new()
                };
                let path = format!("{}/{name}{index}", parent.path);
                for attribute in start.attributes() {
                    let attribute = attribute.unwrap();
                    let value = attribute
                        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                        .unwrap()
                        .into_owned();
                    if !attribute.key.as_ref().starts_with("xmlns") {
                        texts.insert(format!("{path}/@{}", attribute.key.as_ref()), value);
                    }
                }
                if matches!(event, Event::Empty(_)) {
                    texts.insert(path, String::new());
                } else {
                    open.push(Open {
                        path,
                        text: String::new(),
                        names: Vec::new(),
                    });
                }
            }
            Event::End(_) => {
                let closed = open.pop().unwrap();
                if closed.names.is_empty() {
                    texts.insert(closed.path, closed.text);
                }
            }
            Event::Text(text) => open
                .last_mut()
                .unwrap()
                .text
                .push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let text = quick_xml::escape::unescape(&format!("&{};", &*reference))
                    .unwrap()
                    .into_owned();
                open.last_mut().unwrap().text.push_str(&text);
            }
            Event::Eof => return texts,
            Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
        order += 1;
        assert!(order < 1_000_000);
    }
}

/// The names of each element's children, by a path that counts every child of a name once it repeats.
fn child_counts(document: &str) -> BTreeMap<String, Vec<String>> {
    // Two passes over a plain tree: names first, then paths.
    #[derive(Default)]
    struct Tree {
        name: String,
        children: Vec<Tree>,
    }
    fn walk(tree: &Tree, path: &str, counts: &mut BTreeMap<String, Vec<String>>) {
        let names: Vec<String> = tree
            .children
            .iter()
            .map(|child| child.name.clone())
            .collect();
        for (at, child) in tree.children.iter().enumerate() {
            let several = names.iter().filter(|name| **name == child.name).count() > 1;
            let nth = names
                .iter()
                .take(at + 1)
                .filter(|name| **name == child.name)
                .count();
            let index = if several {
                format!("[{nth}]")
            } else {
                String::new()
            };
            walk(child, &format!("{path}/{}{index}", child.name), counts);
        }
        counts.insert(path.to_owned(), names);
    }
    let mut reader = quick_xml::Reader::from_str(document);
    let mut open = vec![Tree::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => open.push(Tree {
                name: start.name().as_ref().to_owned(),
                children: Vec::new(),
            }),
            Event::Empty(start) => {
                let child = Tree {
                    name: start.name().as_ref().to_owned(),
                    children: Vec::new(),
                };
                open.last_mut().unwrap().children.push(child);
            }
            Event::End(_) => {
                let child = open.pop().unwrap();
                open.last_mut().unwrap().children.push(child);
            }
            Event::Eof => break,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
    let mut counts = BTreeMap::new();
    walk(&open[0], "", &mut counts);
    counts
}

//! Builds the document's tree from the sample and one submission.

use std::borrow::Cow;

use super::output::{self, OutContent, OutElement, OutText};
use super::{AttributeValue, Content, Element, is_declaration};
use crate::expression::Spot;
use crate::finding::Rule;
use crate::lineage::{Ignored, Origin};
use crate::run::{Asked, Bound, Halt, Limits, Refusal, Run, Translation};
use crate::source::Sources;
use crate::word::{Binding, WhenEmpty};

pub(super) fn render(
    root: &Element,
    sources: &Sources,
    limits: &Limits,
    ignored: &Ignored,
) -> Result<Translation, Refusal> {
    let mut run = Run::new(sources, limits);
    let here = run.start();
    let written = element(root, &here, "", &mut run).and_then(|tree| {
        let bare = || OutElement {
            name: &root.name,
            attributes: Vec::new(),
            content: OutContent::Children(Vec::new()),
        };
        output::write(tree.unwrap_or_else(bare), limits.document_max_bytes)
    });
    let (document, lineage) = written.map_err(|halt| halt.refusal(limits))?;
    run.finish(document, lineage, ignored)
}

/// The element in one context; none if it is left out.
fn element<'t>(
    element: &'t Element,
    here: &Spot,
    above: &str,
    run: &mut Run<'_>,
) -> Result<Option<OutElement<'t>>, Halt> {
    run.count_node()?;
    let path = format!("{above}/{}", element.name);
    let mark = run.mark();
    let attributes = attributes(element, here, &path, run)?;
    let content = match &element.content {
        Content::Text(text) => Some(OutContent::Text(constant("", text, element.line))),
        Content::Children(children) => Some(OutContent::Children(self::children(
            children, here, &path, run,
        )?)),
        Content::Bound { binding, within } => bound(binding, within.as_deref(), here, &path, run)?,
    };
    let left_out = element.scope.when_empty == WhenEmpty::Drop && run.stayed_empty_since(mark);
    Ok(content.filter(|_| !left_out).map(|content| OutElement {
        name: &element.name,
        attributes,
        content,
    }))
}

fn children<'t>(
    children: &'t [Element],
    here: &Spot,
    path: &str,
    run: &mut Run<'_>,
) -> Result<Vec<OutElement<'t>>, Halt> {
    let mut elements = Vec::new();
    for child in children {
        let output = if child.is_group {
            path.to_owned()
        } else {
            format!("{path}/{}", child.name)
        };
        let asked = Asked {
            output: &output,
            line: Some(child.line),
        };
        for context in run.contexts(&child.scope, here, asked) {
            let outer = run.enter(&context);
            match &child.content {
                Content::Children(inside) if child.is_group => {
                    elements.extend(group((child, inside), &context.spot, path, run)?);
                }
                Content::Children(_) | Content::Text(_) | Content::Bound { .. } => {
                    elements.extend(element(child, &context.spot, path, run)?);
                }
            }
            run.world.number(outer);
        }
    }
    Ok(elements)
}

/// The elements inside `b:group`, in its place.
fn group<'t>(
    (group, inside): (&'t Element, &'t [Element]),
    here: &Spot,
    path: &str,
    run: &mut Run<'_>,
) -> Result<Vec<OutElement<'t>>, Halt> {
    run.count_node()?;
    let mark = run.mark();
    let mut elements = children(inside, here, path, run)?;
    if group.scope.when_empty == WhenEmpty::Drop && run.stayed_empty_since(mark) {
        elements.clear();
    }
    Ok(elements)
}

fn bound<'t>(
    binding: &Binding,
    within: Option<&'t Element>,
    here: &Spot,
    path: &str,
    run: &mut Run<'_>,
) -> Result<Option<OutContent<'t>>, Halt> {
    let inner_path =
        within.map_or_else(|| path.to_owned(), |inner| format!("{path}/{}", inner.name));
    let Some(text) = text(binding, here, &inner_path, run) else {
        return Ok(None);
    };
    let text = OutContent::Text(OutText {
        name: "",
        text: text.0.into_owned(),
        origin: text.1,
    });
    let Some(inner) = within else {
        return Ok(Some(text));
    };
    run.count_node()?;
    Ok(Some(OutContent::Children(vec![OutElement {
        name: &inner.name,
        attributes: attributes(inner, here, &inner_path, run)?,
        content: text,
    }])))
}

fn attributes<'t>(
    element: &'t Element,
    here: &Spot,
    path: &str,
    run: &mut Run<'_>,
) -> Result<Vec<OutText<'t>>, Halt> {
    let mut texts = Vec::new();
    for attribute in &element.attributes {
        run.count_node()?;
        match &attribute.value {
            AttributeValue::Constant(value) => {
                texts.push(constant(&attribute.name, value, element.line));
            }
            AttributeValue::Bound(binding) => {
                let path = format!("{path}/@{}", attribute.name);
                let text = text(binding, here, &path, run);
                texts.extend(text.map(|(text, origin)| OutText {
                    name: &attribute.name,
                    text: text.into_owned(),
                    origin,
                }));
            }
        }
    }
    Ok(texts)
}

fn constant<'t>(name: &'t str, text: &str, line: u32) -> OutText<'t> {
    OutText {
        name,
        text: text.to_owned(),
        origin: (!text.trim().is_empty() && !is_declaration(name))
            .then(|| Origin::constant(Some(line))),
    }
}

/// The text of a binding; none if the part is left out. Where there is a finding, the draft shows nothing.
fn text(
    binding: &Binding,
    here: &Spot,
    path: &str,
    run: &mut Run<'_>,
) -> Option<(Cow<'static, str>, Option<Origin>)> {
    match run.bind(binding, here, path) {
        Bound::Value { text, origin, .. } => {
            if text.chars().all(is_xml_char) {
                return Some((text.into(), Some(origin)));
            }
            let asked = Asked {
                output: path,
                line: binding.line,
            };
            run.find(Rule::InvalidCharacter, origin.sources.first(), asked, "");
            Some(("".into(), None))
        }
        Bound::Substitute { text, origin } => Some((text.into(), Some(origin))),
        Bound::Faulty => Some(("".into(), None)),
        Bound::Absent => None,
    }
}

/// XML 1.0 §2.2, production 2.
pub(super) fn is_xml_char(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

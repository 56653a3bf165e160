//! Builds the document's tree from the sample and one submission.

use serde_json::Value;

use super::output::{self, OutNode};
use super::{Content, Node, below};
use crate::expression::Spot;
use crate::lineage::{Ignored, Origin};
use crate::run::{Asked, Bound, Halt, Limits, Refusal, Run, Translation};
use crate::source::Sources;
use crate::value;
use crate::word::{Binding, Missing, WhenEmpty};

pub(super) fn render(
    root: &Node,
    sources: &Sources,
    limits: &Limits,
    ignored: &Ignored,
) -> Result<Translation, Refusal> {
    let mut run = Run::new(sources, limits);
    let here = run.start();
    let written = node(root, &here, "", &mut run).and_then(|tree| {
        let nothing = || OutNode::Leaf(Value::Null, None);
        output::write(tree.unwrap_or_else(nothing), limits.document_max_bytes)
    });
    let (document, lineage) = written.map_err(|halt| halt.refusal(limits))?;
    run.finish(document, lineage, ignored)
}

/// The value in one context; none if it is left out.
fn node(node: &Node, here: &Spot, at: &str, run: &mut Run<'_>) -> Result<Option<OutNode>, Halt> {
    run.count_node()?;
    let mark = run.mark();
    let out = match &node.content {
        Content::Constant(value) => Some(OutNode::Leaf(
            value.clone(),
            Some(Origin::constant(node.line)),
        )),
        Content::Bound(binding) => bound(binding, here, at, run),
        Content::Object(members) => {
            let mut object = Vec::new();
            for (name, member) in members {
                let at = below(at, name);
                let found = repeated(member, here, &at, run)?.pop();
                object.extend(found.map(|value| (name.clone(), value)));
            }
            Some(OutNode::Object(object))
        }
        Content::List(items) => {
            let mut list = Vec::new();
            for (index, item) in items.iter().enumerate() {
                list.extend(repeated(item, here, &format!("{at}/{index}"), run)?);
            }
            Some(OutNode::List(list))
        }
    };
    let left_out = node.scope.when_empty == WhenEmpty::Drop && run.stayed_empty_since(mark);
    Ok(out.filter(|_| !left_out))
}

fn repeated(child: &Node, here: &Spot, at: &str, run: &mut Run<'_>) -> Result<Vec<OutNode>, Halt> {
    let contexts = run.contexts(
        &child.scope,
        here,
        Asked {
            output: at,
            line: child.line,
        },
    );
    let mut nodes = Vec::new();
    for context in contexts {
        let outer = run.enter(&context);
        nodes.extend(node(child, &context.spot, at, run)?);
        run.world.number(outer);
    }
    Ok(nodes)
}

fn bound(binding: &Binding, here: &Spot, at: &str, run: &mut Run<'_>) -> Option<OutNode> {
    match run.bind(binding, here, at) {
        Bound::Value {
            text,
            typed,
            origin,
        } => {
            let as_it_is = binding.conversions.is_empty() && binding.codes.is_none();
            let value = if as_it_is {
                value::to_json(&typed)
            } else {
                typed_text(binding, text)
            };
            Some(OutNode::Leaf(value, Some(origin)))
        }
        Bound::Substitute { text, origin } => {
            let null = binding.missing == Missing::Empty;
            let value = if null {
                Value::Null
            } else {
                typed_text(binding, text)
            };
            Some(OutNode::Leaf(value, Some(origin)))
        }
        Bound::Faulty => Some(OutNode::Leaf(Value::Null, None)),
        Bound::Absent => None,
    }
}

/// The JSON value of a converted text: a number or boolean where the last conversion makes one, and JSON can write it so.
fn typed_text(binding: &Binding, text: String) -> Value {
    let last = binding
        .conversions
        .last()
        .filter(|_| binding.codes.is_none());
    let parsed = serde_json::from_str::<Value>(&text).ok();
    let wanted = match (parsed, last) {
        (Some(value @ Value::Number(_)), Some(last)) => last.is_number().then_some(value),
        (Some(value @ Value::Bool(_)), Some(last)) => last.is_boolean().then_some(value),
        _ => None,
    };
    wanted.unwrap_or(Value::String(text))
}

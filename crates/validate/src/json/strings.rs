//! The character set of every string of a document (DIN 91379), as the schema annotates it.

use amtsbote_problem::Bilingual;
use serde_json::Value;

use super::outline::Outline;
use super::schema::Strings;
use crate::charset::{self, Group};
use crate::pointer;

const RULE: &str = "din-91379";
const BLANK: &str = "blank";

type Report<'r> = dyn FnMut(&str, &[&Value], &'static str, Bilingual) + 'r;

/// Reports each string that leaves its character set, and, where there is a default set, each that has to hold something and is blank:
/// place, schema nodes of the place, rule, what is wrong.
pub(super) fn check(
    outline: &Outline,
    default: Strings,
    document: &Value,
    report: &mut Report<'_>,
) {
    let mut walk = Walk {
        outline,
        default,
        at: String::new(),
        report,
    };
    walk.value(document, &outline.top());
}

struct Walk<'s, 'r> {
    outline: &'s Outline,
    default: Strings,
    at: String,
    report: &'s mut Report<'r>,
}

impl Walk<'_, '_> {
    fn value(&mut self, value: &Value, nodes: &[&Value]) {
        match value {
            Value::String(text) => {
                if let Some(group) = self.group(nodes)
                    && let Some(offence) = charset::check(text, group)
                {
                    (self.report)(&self.at, nodes, RULE, offence.detail(group));
                }
                if self.default == Strings::GroupC && is_blank(text) && has_to_be_filled(nodes) {
                    (self.report)(&self.at, nodes, BLANK, blank());
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.child(item, nodes, &index.to_string());
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.child(member, nodes, name);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn child(&mut self, value: &Value, nodes: &[&Value], name: &str) {
        let outline = self.outline;
        let below = outline.child(nodes, name);
        // A member that must not be there is refused as a whole.
        if below.iter().any(|node| node.as_bool() == Some(false))
            && !below.iter().any(|node| node.is_object())
        {
            return;
        }
        let length = self.at.len();
        pointer::push(&mut self.at, name);
        self.value(value, &below);
        self.at.truncate(length);
    }

    fn group(&self, nodes: &[&Value]) -> Option<Group> {
        let named = nodes
            .iter()
            .find_map(|node| node.get("x-charset").and_then(Value::as_str));
        match (named, self.default) {
            // `any` is the only annotation that is no group: others were refused at compile time.
            (Some(name), _) => Group::from_annotation(name),
            (None, Strings::GroupC) => Some(Group::C),
            (None, Strings::Any) => None,
        }
    }
}

// XML and tables take blanks around a text for nothing, so nothing would arrive. An empty text is the schema's own matter.
fn is_blank(text: &str) -> bool {
    !text.is_empty() && text.chars().all(char::is_whitespace)
}

// Who gives a pattern wants more than blanks.
fn has_to_be_filled(nodes: &[&Value]) -> bool {
    let at_least_one = |node: &&Value| node.get("minLength").and_then(Value::as_u64) > Some(0);
    nodes
        .iter()
        .any(|node| at_least_one(node) || node.get("pattern").is_some())
}

fn blank() -> Bilingual {
    Bilingual::new("besteht nur aus Leerzeichen", "consists of blanks only")
}

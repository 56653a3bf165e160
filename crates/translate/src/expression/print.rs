//! Prints a [`Tree`] as jq for the library, with a count of steps wherever one value may become several, and a check of size
//! wherever values may grow. Every term is in brackets, so precedence is never a question.

use std::fmt::Write;

use super::builtin::Kind;
use super::tree::{Optional, Step, TextPart, Tree};

/// What the head of a path is printed as: itself, or `.` since it is the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PrintHead {
    AsIs,
    AsInput,
}

pub(super) fn print(tree: &Tree, head: PrintHead) -> String {
    use PrintHead::AsIs;
    let inner = |tree: &Tree| print(tree, AsIs);
    match tree {
        Tree::Here => ".".to_owned(),
        Tree::Root(_) if head == PrintHead::AsInput => ".".to_owned(),
        Tree::Root(root) => root.variable().to_owned(),
        Tree::Variable(name) => name.clone(),
        Tree::Number(text) => text.clone(),
        Tree::Text(parts) => text(parts),
        Tree::List(None) => "[]".to_owned(),
        Tree::List(Some(items)) => format!("([{}] | fits)", inner(items)),
        Tree::Negative(of) => format!("(-({} | a_number))", inner(of)),
        Tree::Pipe(left, right) => format!("({} | one_step | {})", print(left, head), inner(right)),
        Tree::Bind(left, name, right) => {
            format!("({} as {name} | one_step | {})", inner(left), inner(right))
        }
        Tree::Comma(left, right) => {
            format!(
                "(({} | one_step), ({} | one_step))",
                print(left, head),
                print(right, head)
            )
        }
        Tree::Else(left, right) => format!("({} // {})", print(left, head), print(right, head)),
        Tree::Logic(left, op, right) => format!("({} {op} {})", inner(left), inner(right)),
        Tree::Plus(left, right) => format!("({} + {} | fits)", inner(left), inner(right)),
        Tree::Arithmetic(left, op, right) => {
            format!(
                "(({} | a_number) {op} ({} | a_number) | fits)",
                inner(left),
                inner(right)
            )
        }
        Tree::Compare(left, op, right) => {
            format!("(({} | fits) {op} ({} | fits))", inner(left), inner(right))
        }
        Tree::If(branches, otherwise) => branch(branches, otherwise.as_deref()),
        Tree::Try(of) => format!("({})?", inner(of)),
        Tree::Call(builtin, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(inner).collect();
            let call = match arguments.as_slice() {
                [] => builtin.code.to_owned(),
                arguments => format!("{}({})", builtin.code, arguments.join("; ")),
            };
            match builtin.kind {
                Kind::Nothing | Kind::Constant | Kind::Filter | Kind::Item | Kind::Argument => call,
                Kind::PerItem
                | Kind::Items
                | Kind::Consumes
                | Kind::ConsumesArgument
                | Kind::ConsumesItems
                | Kind::Regex => {
                    format!("(fits | {call} | fits)")
                }
            }
        }
        Tree::Path(start, steps) => path(&print(start, head), steps),
    }
}

fn branch(branches: &[(Tree, Tree)], otherwise: Option<&Tree>) -> String {
    let mut code = String::from("(");
    for (nth, (condition, then)) in branches.iter().enumerate() {
        let word = if nth == 0 { "if" } else { " elif" };
        let (condition, then) = (
            print(condition, PrintHead::AsIs),
            print(then, PrintHead::AsIs),
        );
        let _ = write!(code, "{word} {condition} then {then}");
    }
    if let Some(otherwise) = otherwise {
        let _ = write!(code, " else {}", print(otherwise, PrintHead::AsIs));
    }
    code.push_str(" end)");
    code
}

fn path(start: &str, steps: &[(Step, Optional)]) -> String {
    let mut code = format!("({start})");
    for (step, optional) in steps {
        let mark = if *optional == Optional::Yes { "?" } else { "" };
        let bound = |bound: &Option<i64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
        code = match step {
            Step::Key(key) => format!("{code}[{}]{mark}", quoted(key)),
            Step::Index(index) => format!("{code}[{index}]{mark}"),
            Step::Slice(from, to) => format!("{code}[{}:{}]{mark}", bound(from), bound(to)),
            Step::All => format!("({code}[]{mark} | one_step)"),
        };
    }
    code
}

fn text(parts: &[TextPart]) -> String {
    let mut code = String::from("(\"");
    for part in parts {
        match part {
            TextPart::Constant(text) => code.push_str(bare(&quoted(text))),
            TextPart::Tree(tree) => {
                let _ = write!(code, "\\({} | fits)", print(tree, PrintHead::AsIs));
            }
        }
    }
    code.push_str("\" | fits)");
    code
}

/// Without the two quotes around it.
fn bare(quoted: &str) -> &str {
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(quoted)
}

/// As a JSON text, which is also a jq text without interpolation (jq's `\(` cannot arise: a backslash is doubled).
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

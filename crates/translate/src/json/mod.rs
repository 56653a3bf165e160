//! The JSON sample: the sample document of the procedure, in which an object with `$from` is a binding.
//!
//! ```json
//! { "version": "1.2",
//!   "eingang": {"$from": "$received_at", "$as": "date"},
//!   "personen": [
//!     {"$each": ".antragsteller",
//!      "name": {"$from": ".familienname"},
//!      "kinder": {"$from": ".kinder", "$as": "number", "$missing": "default:0"},
//!      "anschrift": {"$if": ".anschrift", "$empty": "drop", "ort": {"$from": ".anschrift.ort"}}}
//!   ] }
//! ```
//!
//! - `$from`, `$as`, `$codes`, `$missing` are the words `from` … of XML samples ([`crate::xml`]). Without `$as` and `$codes` a
//!   number or boolean stays one; `number` and `boolean` give a JSON number or boolean where the text is one; all else gives text.
//!   `$missing: "drop"` leaves out the member or item, `"empty"` gives `null`.
//! - `$each` (items of lists only), `$if` and `$empty` stand in an object beside its members, or beside `$from`.
//! - A member whose name begins with `$` is written with two: `$$schema`.
//!
//! Everything else stays as it is; [`Sample::constants`] lists it.

mod lines;
mod output;
mod read;
mod render;

use std::sync::Arc;

use serde_json::Value;

use crate::Constant;
use crate::codes::CodeMaps;
use crate::fault::Faults;
use crate::lineage::Ignored;
use crate::run::{Limits, Refusal, Translation, from_template};
use crate::source::Sources;
use crate::word::{Binding, Scope};

/// The largest sample, in bytes.
pub const SAMPLE_MAX_BYTES: usize = 2 * 1024 * 1024;
/// The deepest nesting.
pub const DEPTH_MAX: usize = 64;
/// The most values of a sample.
pub const SAMPLE_NODES_MAX: usize = 20_000;

/// A parsed JSON sample. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sample {
    file: Arc<str>,
    root: Arc<Node>,
}

#[derive(Debug, Clone)]
struct Node {
    line: Option<u32>,
    scope: Scope,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Constant(Value),
    Bound(Binding),
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
}

impl Sample {
    /// Reads a sample; `file` names it in faults. All faults are reported at once, each with its JSON pointer.
    pub fn parse(file: &str, bytes: &[u8], codes: &CodeMaps) -> Result<Self, Faults> {
        let root = read::read(file, bytes, codes)?;
        Ok(Self {
            file: file.into(),
            root: Arc::new(root),
        })
    }

    /// Translates one submission.
    pub fn translate(
        &self,
        sources: &Sources,
        limits: &Limits,
        ignored: &Ignored,
    ) -> Result<Translation, Refusal> {
        let outcome = render::render(&self.root, sources, limits, ignored);
        from_template(outcome, &self.file)
    }

    /// Every value no binding replaces, in the sample's order, by its JSON pointer in the sample.
    pub fn constants(&self) -> Vec<Constant> {
        let mut constants = Vec::new();
        self.root.constants("", &mut constants);
        constants
    }
}

impl Node {
    fn constants(&self, at: &str, constants: &mut Vec<Constant>) {
        match &self.content {
            Content::Bound(_) => {}
            Content::Constant(value) => {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                constants.push(Constant {
                    at: at.to_owned(),
                    line: self.line,
                    text,
                });
            }
            Content::Object(members) => {
                for (name, member) in members {
                    member.constants(&below(at, name), constants);
                }
            }
            Content::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.constants(&format!("{at}/{index}"), constants);
                }
            }
        }
    }
}

/// The JSON pointer of the member `name` (RFC 6901 §3).
fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

//! The XML sample: a sample message of the procedure with attributes in the namespace [`NAMESPACE`], usually bound to the
//! prefix `b`. Ignoring those attributes it stays the sample it was.
//!
//! ```xml
//! <antrag xmlns="urn:example:antrag" xmlns:b="https://amtsbote.example/ns/binding/1" version="1.2">
//!   <eingang b:from="$received_at" b:as="date">2026-01-31</eingang>
//!   <antragsteller b:each=".antragsteller" art="natuerlich" b:attr-art=".art" b:missing-art="drop">
//!     <name b:from=".familienname">Mustermann</name>
//!     <geburtsdatum b:from=".geburtsdatum" b:as="date" b:missing="drop">1980-02-29</geburtsdatum>
//!     <anschrift b:if=".anschrift" b:empty="drop">
//!       <ort b:from=".anschrift.ort">Kassel</ort>
//!     </anschrift>
//!     <rechtsform listURI="urn:…" listVersionID="2" b:from=".rechtsform" b:codes="rechtsform"><code>110</code></rechtsform>
//!   </antragsteller>
//! </antrag>
//! ```
//!
//! | word | on | value | meaning |
//! |---|---|---|---|
//! | `from` | element | expression | its text; the sample's text is replaced. With one plain child element (`code`), that child's text |
//! | `as` | beside `from` | conversions, divided by `\|` | see below; `text` if absent |
//! | `codes` | beside `from` | name | through this code map; pinned `listURI`/`listVersionID` have to agree with it |
//! | `missing` | beside `from` | `report` (the rule), `drop`, `empty`, `default:TEXT` | what happens without a value |
//! | `attr-NAME` | element | expression | the attribute `NAME`; `as-NAME`, `codes-NAME`, `missing-NAME` belong to it |
//! | `each` | element, not the root | expression | once per item of the list (or per value); inside, `.` is the item; `null` gives none |
//! | `if` | element, not the root | expression | left out unless the value is true in jq's sense; after `each`, per item |
//! | `empty` | element, not the root | `drop`, `keep` (the rule) | left out if no binding inside got a value from the input; its findings of missing values are then void |
//!
//! - An attribute with a prefix is bound with a dot: `b:attr-xsi.nil` stands for `xsi:nil`.
//! - `<b:group b:each="…">`, with `each`, `if`, `empty`, is no element of the output: the elements inside stand in its place. It repeats
//!   or leaves out several that follow each other.
//!
//! No value means `null`, absent, or text of white space only.
//!
//! | conversion | takes | gives |
//! |---|---|---|
//! | `text` | text, number, boolean | itself |
//! | `trim`, `spaces`, `upper`, `lower` | the same | without outer white space; white space runs as one blank; upper; lower case |
//! | `ascii`, `digits` | the same | `Änne Groß` as `Aenne Gross`; nothing but the digits |
//! | `max:40` | the same | its first 40 characters, the only conversion that cuts |
//! | `pad-left:8:0`, `pad-right:20` | the same | filled to that length with that character (a blank); what is longer is a finding |
//! | `date`, `date:dd.MM.yyyy` | `yyyy-MM-dd`, `31.1.2026`, or a moment | date (of a moment: in German legal time); `d`, `M`, `H` print without a zero in front |
//! | `partial-date`, `partial-date:dd.MM.yyyy` | `{jahr, monat?, tag?}`, `yyyy`, `yyyy-MM`, `yyyy-MM-dd` | `yyyy[-MM[-dd]]`; in a pattern unknown parts are zeros |
//! | `time`, `time:HH:mm` | `HH:mm[:ss]`, or a moment | time of day |
//! | `date-time`, `date-time:local`, `date-time:dd.MM.yyyy HH:mm` | a moment | as written; German legal time with offset; by pattern |
//! | `number`, `number:0,00`, `number:0.000,00` | number | no needless zeros; by sample: least digits, separator, exact decimals, sign between groups. Never rounds; only what a sum of decimals adds behind the 15th digit goes |
//! | `boolean`, `boolean:ja/nein` | boolean, `1`, `0`, `ja`, `nein`, `j`, `n`, `yes`, `no` | `true`/`false`, or the two words |
//!
//! Text without a binding stays: [`Sample::constants`] lists it for review. Attributes and declaration of the binding
//! namespace, comments and processing instructions are left out of the output; white space between elements becomes an
//! indent of two; order, prefixes and other declarations stay. Output is UTF-8 with an XML declaration; every value is escaped.

mod output;
mod read;
mod render;

use std::sync::Arc;

use crate::Constant;
use crate::codes::CodeMaps;
use crate::fault::Faults;
use crate::lineage::Ignored;
use crate::run::{Limits, Refusal, Translation, from_template};
use crate::source::Sources;
use crate::word::{Binding, Scope};

/// The namespace of the binding attributes.
pub const NAMESPACE: &str = "https://amtsbote.example/ns/binding/1";

/// The largest sample, in bytes.
pub const SAMPLE_MAX_BYTES: usize = 2 * 1024 * 1024;
/// The deepest nesting of elements.
pub const DEPTH_MAX: usize = 64;
/// The most elements and attributes of a sample.
pub const SAMPLE_NODES_MAX: usize = 20_000;

/// A parsed XML sample. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sample {
    file: Arc<str>,
    root: Arc<Element>,
}

/// An element of the sample.
#[derive(Debug, Clone)]
struct Element {
    name: String,
    line: u32,
    /// Not an element of its own: its children stand in its place.
    is_group: bool,
    scope: Scope,
    attributes: Vec<Attribute>,
    content: Content,
}

#[derive(Debug, Clone)]
struct Attribute {
    name: String,
    value: AttributeValue,
}

#[derive(Debug, Clone)]
enum AttributeValue {
    Constant(String),
    Bound(Binding),
}

#[derive(Debug, Clone)]
enum Content {
    Text(String),
    Children(Vec<Element>),
    /// The text goes into `within` if there is one, else into the element itself.
    Bound {
        binding: Binding,
        within: Option<Box<Element>>,
    },
}

impl Sample {
    /// Reads a sample; `file` names it in faults. All faults are reported at once, each with its line.
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

    /// Every text and attribute value no binding replaces, in the sample's order. Namespace declarations are not listed.
    pub fn constants(&self) -> Vec<Constant> {
        let mut constants = Vec::new();
        self.root.constants("", &mut constants);
        constants
    }
}

impl Element {
    fn constants(&self, above: &str, constants: &mut Vec<Constant>) {
        let at = if self.is_group {
            above.to_owned()
        } else {
            format!("{above}/{}", self.name)
        };
        let mut keep = |at: String, text: &str| {
            let text = text.to_owned();
            constants.push(Constant {
                at,
                line: Some(self.line),
                text,
            });
        };
        for attribute in &self.attributes {
            match &attribute.value {
                AttributeValue::Constant(text) if !is_declaration(&attribute.name) => {
                    keep(format!("{at}/@{}", attribute.name), text);
                }
                AttributeValue::Constant(_) | AttributeValue::Bound(_) => {}
            }
        }
        match &self.content {
            Content::Text(text) if !text.trim().is_empty() => keep(at, text),
            Content::Text(_) => {}
            Content::Children(children) => {
                for child in children {
                    child.constants(&at, constants);
                }
            }
            Content::Bound { within, .. } => {
                if let Some(within) = within {
                    within.constants(&at, constants);
                }
            }
        }
    }
}

fn is_declaration(name: &str) -> bool {
    name == "xmlns" || name.starts_with("xmlns:")
}

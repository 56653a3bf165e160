//! The generic rendering of JSON as XML; its rules stand in the README.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use amtsbote_problem::{Bilingual, Finding, Findings};
use quick_xml::escape::escape;
use serde_json::Value;

/// As deep as crate `serde_json` reads.
const DEPTH_MAX: usize = 128;

/// A text or attribute that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Path in the XML, such as `/antrag/kind[2]/@type`.
    pub(crate) path: String,
    /// JSON pointer to the value it is about.
    pub(crate) pointer: String,
    pub(crate) what: What,
}

/// What a leaf says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Itself.
    Value,
    /// `type`.
    Type,
    /// `key`.
    Key,
}

/// Renders `value` as the element `name`, indented by `indent` steps of two blanks; gives what was written. The finding
/// tells the place in `value`.
pub(crate) fn element(
    out: &mut String,
    name: &str,
    value: &Value,
    indent: usize,
) -> Result<Vec<Leaf>, Findings> {
    let mut rendering = Rendering {
        out,
        leaves: Vec::new(),
    };
    let path = format!("/{name}");
    rendering.element((name, ""), value, (&path, ""), indent)?;
    Ok(rendering.leaves)
}

/// The closest XML name: letters, digits, `-`, `_`, `.`; beginning with a letter or `_` (XML 1.0 §2.3, without colon).
pub(crate) fn element_name(key: &str) -> String {
    let mut name: String = key
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "ÄÖÜäöüß-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let begins_well = name.starts_with(|c: char| c == '_' || c.is_alphabetic());
    // Names beginning with `xml` are reserved.
    if !begins_well || name.to_lowercase().starts_with("xml") {
        name.insert(0, '_');
    }
    name
}

/// `text` for an attribute or element; a finding at `at` if no XML 1.0 document can hold it (§2.2).
pub(crate) fn escaped(text: &str, at: &str) -> Result<String, Findings> {
    let fits = |c: char| {
        matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
    };
    if text.chars().all(fits) {
        // A bare carriage return would come back as line feed (XML 1.0 §2.11).
        Ok(escape(text).replace('\r', "&#13;"))
    } else {
        Err(vec![Finding::new(
            at,
            "translate-invalid-character",
            Bilingual::new(
                "ein Zeichen, das in XML nicht stehen darf",
                "a character XML cannot hold",
            ),
        )])
    }
}

struct Rendering<'o> {
    out: &'o mut String,
    leaves: Vec<Leaf>,
}

impl Rendering<'_> {
    fn element(
        &mut self,
        (name, attribute): (&str, &str),
        value: &Value,
        (path, at): (&str, &str),
        indent: usize,
    ) -> Result<(), Findings> {
        if indent > DEPTH_MAX {
            return Err(vec![Finding::new(
                at,
                "too-deep",
                Bilingual::new("tiefer als 128 Ebenen", "nested deeper than 128 levels"),
            )]);
        }
        self.leaf(path, at, value, attribute);
        let pad = "  ".repeat(indent);
        let leaf =
            |kind: &str, text: &str| format!("{pad}<{name}{attribute}{kind}>{text}</{name}>\n");
        let text = match value {
            Value::Null => leaf(" type=\"null\"", ""),
            Value::Bool(flag) => leaf(" type=\"boolean\"", &flag.to_string()),
            Value::Number(number) => leaf(" type=\"number\"", &number.to_string()),
            Value::String(text) => leaf("", &escaped(text, at)?),
            Value::Array(items) => {
                let _ = writeln!(self.out, "{pad}<{name}{attribute} type=\"array\">");
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}/item[{}]", index + 1);
                    let at = format!("{at}/{index}");
                    self.element(("item", ""), item, (&path, &at), indent + 1)?;
                }
                format!("{pad}</{name}>\n")
            }
            Value::Object(members) => {
                let _ = writeln!(self.out, "{pad}<{name}{attribute}>");
                let mut seen = Seen::new();
                for (key, member) in members {
                    self.member((key, member), (path, at), indent + 1, &mut seen)?;
                }
                format!("{pad}</{name}>\n")
            }
        };
        self.out.push_str(&text);
        Ok(())
    }

    fn leaf(&mut self, path: &str, pointer: &str, value: &Value, attribute: &str) {
        let mut put = |path: String, what: What| {
            self.leaves.push(Leaf {
                path,
                pointer: pointer.to_owned(),
                what,
            });
        };
        if !attribute.is_empty() {
            put(format!("{path}/@key"), What::Key);
        }
        match value {
            Value::Null | Value::Array(_) => put(format!("{path}/@type"), What::Type),
            Value::Bool(_) | Value::Number(_) => {
                put(format!("{path}/@type"), What::Type);
                put(path.to_owned(), What::Value);
            }
            Value::String(_) => put(path.to_owned(), What::Value),
            Value::Object(_) => {}
        }
    }

    fn member(
        &mut self,
        (key, value): (&str, &Value),
        (path, at): (&str, &str),
        indent: usize,
        seen: &mut Seen,
    ) -> Result<(), Findings> {
        let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        let name = element_name(key);
        let attribute = if name == key {
            String::new()
        } else {
            format!(" key=\"{}\"", escaped(key, &at)?)
        };
        match value {
            // A list in an object is its element, repeated: what importers expect.
            Value::Array(items) if !items.is_empty() && !items.iter().any(Value::is_array) => {
                for (index, item) in items.iter().enumerate() {
                    let path = nth(path, &name, seen);
                    let at = format!("{at}/{index}");
                    self.element((&name, &attribute), item, (&path, &at), indent)?;
                }
                Ok(())
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => {
                let path = nth(path, &name, seen);
                self.element((&name, &attribute), value, (&path, &at), indent)
            }
        }
    }
}

/// How often each name came in an element.
type Seen = BTreeMap<String, usize>;

fn nth(above: &str, name: &str, seen: &mut Seen) -> String {
    let nth = seen.entry(name.to_owned()).or_default();
    *nth += 1;
    format!("{above}/{name}[{nth}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let mut out = String::new();
        let outcome = element(&mut out, "a", &serde_json::from_str(json).unwrap(), 0);
        let text = outcome.map_or_else(
            |findings| format!("! {} {}", findings[0].rule, findings[0].at),
            |_| out.split_whitespace().collect::<Vec<_>>().join(" "),
        );
        assert_eq!(text, expected, "{json}");
    }

    #[test]
    fn every_kind_of_value_has_its_form() {
        check(
            r#"{"b":"x","c":1.50,"d":true,"e":null}"#,
            r#"<a> <b>x</b> <c type="number">1.5</c> <d type="boolean">true</d> <e type="null"></e> </a>"#,
        );
        check(
            r#"{"b":["x",{"c":"y"}],"l":[]}"#,
            r#"<a> <b>x</b> <b> <c>y</c> </b> <l type="array"> </l> </a>"#,
        );
        check(
            r#"{"b":[["x"],["y"]]}"#,
            r#"<a> <b type="array"> <item type="array"> <item>x</item> </item> <item type="array"> <item>y</item> </item> </b> </a>"#,
        );
        check(r#"["x"]"#, r#"<a type="array"> <item>x</item> </a>"#);
    }

    #[test]
    fn names_and_texts_are_safe() {
        check(
            r#"{"straße":"<&>\"","1 b":"x","xmlns":"y"}"#,
            r#"<a> <straße>&lt;&amp;&gt;&quot;</straße> <_1_b key="1 b">x</_1_b> <_xmlns key="xmlns">y</_xmlns> </a>"#,
        );
        check(r#"{"b":["\u0000"]}"#, "! translate-invalid-character /b/0");
    }
}

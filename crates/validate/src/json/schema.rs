//! A compiled schema and the check of a document against it.

use std::collections::HashSet;

use amtsbote_problem::{Bilingual, Finding, Findings};
use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{PatternOptions, Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;

use super::outline::Outline;
use super::parse::{Limits, parse};
use super::{bounds, branches, people, strings, wording};
use crate::pointer;

/// Findings of one check; one more says that there are others.
pub(crate) const FINDINGS_MAX: usize = 200;
pub(crate) const ALLOWED_MAX: usize = 30;
const LIMITS: Limits = Limits {
    size_max_bytes: 4 << 20,
    depth_max: 64,
    values_max: 400_000,
};
const PATTERN_MAX_BYTES: usize = 4 << 20;

/// What is asked of strings for which the schema names no character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    /// DIN 91379 data type C, the rule for our services.
    GroupC,
    /// Nothing: for schemas of others.
    Any,
}

/// A JSON Schema of draft 2020-12, compiled. Nothing outside the schema is ever read: a reference to elsewhere is a finding.
///
/// Annotations it understands: `title` and `x-label-en` (label; beside a `$ref` they win over the target's), `x-hint-de`
/// and `x-hint-en`, `x-charset` (`din-91379-a` … `-e`, or `any`).
pub struct Schema {
    validator: Validator,
    outline: Outline,
    strings: Strings,
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schema")
            .field("strings", &self.strings)
            .finish_non_exhaustive()
    }
}

/// A finding, and the member it is about where that is not the place itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    pub(crate) finding: Finding,
    pub(crate) member: Option<String>,
    // The place as the document has it: may hold names that must not be shown.
    pub(super) raw: String,
}

struct Refusing;

impl Retrieve for Refusing {
    fn retrieve(&self, _: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err("references outside the schema are not followed".into())
    }
}

impl Schema {
    /// Compiles a schema in which strings without `x-charset` are free.
    pub fn compile(bytes: &[u8]) -> Result<Self, Findings> {
        Self::compile_with(bytes, Strings::Any)
    }

    /// Compiles a schema. Findings point into the schema.
    pub fn compile_with(bytes: &[u8], strings: Strings) -> Result<Self, Findings> {
        let root = parse(bytes, LIMITS)?;
        if !root.is_object() {
            let detail = Bilingual::new("ist kein Objekt", "is not an object");
            return Err(vec![Finding::new("", "schema", detail)]);
        }
        let outline = Outline::new(root);
        let refused = bounds::check(&outline);
        if !refused.is_empty() {
            return Err(refused);
        }
        let built = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .with_format("date", is_day)
            .with_retriever(Refusing)
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_MAX_BYTES))
            .build(outline.root());
        match built {
            Ok(validator) => Ok(Self {
                validator,
                outline,
                strings,
            }),
            Err(error) => Err(vec![broken(&error)]),
        }
    }

    /// Everything that is wrong with `document`, at most 200 findings and one that says there are more.
    pub fn check(&self, document: &Value) -> Findings {
        self.named(document)
            .into_iter()
            .map(|named| named.finding)
            .collect()
    }

    /// The schema's own title and `x-label-en`.
    pub fn label(&self) -> Option<Bilingual> {
        label(&[self.outline.root()])
    }

    /// The labels of the parts of the form, in the order of display (`x-order`, else as written).
    pub fn sections(&self) -> Vec<Bilingual> {
        people::sections(&self.outline)
    }

    /// Completes findings of another check, as of a message made of `document`, whose places are in `document`: label, part of the
    /// form and place in words are those of the form; what was given and what is allowed only where the other check does not say.
    pub fn explain(&self, document: &Value, findings: &mut Findings) {
        for finding in findings.iter_mut() {
            if document.pointer(&finding.at).is_none() || finding.at.is_empty() {
                continue;
            }
            let mut named = Named {
                finding: finding.clone(),
                member: None,
                raw: finding.at.clone(),
            };
            named.finding.label = label(&self.outline.at(&finding.at)).or(finding.label.take());
            people::tell(&self.outline, document, &mut named);
            let before = std::mem::replace(finding, named.finding);
            finding.given = before.given.or(finding.given.take());
            finding.expected = before.expected.or(finding.expected.take());
        }
    }

    pub(crate) fn named(&self, document: &Value) -> Vec<Named> {
        let mut found = Vec::new();
        for error in self.validator.iter_errors(document) {
            self.describe(&error, &mut found);
            if found.len() > FINDINGS_MAX {
                break;
            }
        }
        strings::check(
            &self.outline,
            self.strings,
            document,
            &mut |at, nodes, rule, detail| {
                if found.len() <= FINDINGS_MAX {
                    found.push(self.named_at(at, nodes, rule, detail));
                }
            },
        );
        let mut kept = capped(found);
        for named in &mut kept {
            people::tell(&self.outline, document, named);
        }
        kept
    }

    /// Adds the findings of one error.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other kinds are worded in `wording`, which names them all"
    )]
    pub(super) fn describe(&self, error: &ValidationError<'_>, found: &mut Vec<Named>) {
        let at = error.instance_path().as_str();
        let nodes = self.nodes(error);
        match error.kind() {
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                branches::describe(self, error, context, found);
            }
            Kind::Required { property } => {
                let name = wording::plain(property);
                let about = self.outline.child(&self.outline.at(at), &name);
                let mut named = self.named_at(at, &about, rule(error), wording::missing(&name));
                named.member = Some(name);
                found.push(named);
            }
            Kind::AdditionalProperties { unexpected }
            | Kind::UnevaluatedProperties { unexpected } => {
                for name in unexpected.iter().take(FINDINGS_MAX + 1) {
                    let mut named = self.named_at(at, &[], rule(error), wording::unknown(name));
                    named.member = Some(name.clone());
                    found.push(named);
                }
            }
            kind => {
                let mut named = self.named_at(at, &nodes, rule(error), wording::detail(kind));
                named.finding.allowed = allowed(kind);
                found.push(named);
            }
        }
    }

    /// A finding with place, label and hint.
    pub(super) fn named_at(
        &self,
        at: &str,
        nodes: &[&Value],
        rule: &str,
        detail: Bilingual,
    ) -> Named {
        let mut finding = Finding::new(self.shown(at), rule, detail);
        finding.label = label(nodes);
        finding.hint = hint(nodes);
        Named {
            finding,
            member: None,
            raw: at.to_owned(),
        }
    }

    // First the node that failed, then all that apply to the place: a condition seldom repeats the label.
    pub(super) fn nodes(&self, error: &ValidationError<'_>) -> Vec<&Value> {
        let mut nodes = self.outline.at(error.instance_path().as_str());
        let keyword = error.schema_path().as_str();
        let parent = keyword.rsplit_once('/').map_or("", |(parent, _)| parent);
        if let Some(node) = self
            .outline
            .node(parent)
            .filter(|node| hint(&[*node]).is_some())
        {
            // Its hint is the most exact one; the label beside a `$ref` still wins.
            let at = usize::from(
                !nodes.is_empty() && label(&nodes[..1]).is_some() && hint(&nodes[..1]).is_none(),
            );
            nodes.insert(at, node);
        }
        nodes
    }

    pub(super) const fn outline(&self) -> &Outline {
        &self.outline
    }

    // Names of members that neither the schema has nor are harmless are left out.
    fn shown(&self, at: &str) -> String {
        let mut shown = String::with_capacity(at.len());
        for step in pointer::steps(at) {
            let fits = pointer::showable(&step) || self.outline.knows(&step);
            pointer::push(&mut shown, if fits { &step } else { pointer::UNSHOWN });
        }
        shown
    }
}

fn rule<'e>(error: &'e ValidationError<'_>) -> &'e str {
    let path = error.schema_path().as_str();
    let dependent = path
        .rsplit('/')
        .take(3)
        .any(|step| step == "dependentRequired");
    if dependent {
        "dependentRequired"
    } else {
        error.kind().keyword()
    }
}

pub(super) fn label(nodes: &[&Value]) -> Option<Bilingual> {
    let text = |node: &Value, key: &str| node.get(key).and_then(Value::as_str).map(str::to_owned);
    let node = nodes.iter().find(|node| node.get("title").is_some())?;
    let de = text(node, "title")?;
    let en = text(node, "x-label-en").unwrap_or_else(|| de.clone());
    Some(Bilingual { de, en })
}

fn hint(nodes: &[&Value]) -> Option<Bilingual> {
    nodes.iter().find_map(|node| {
        let de = node.get("x-hint-de").and_then(Value::as_str)?;
        let en = node.get("x-hint-en").and_then(Value::as_str)?;
        Some(Bilingual::new(de, en))
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "two of the library's kinds list values"
)]
fn allowed(kind: &Kind) -> Vec<String> {
    let values = match kind {
        Kind::Enum { options } => options.as_array().map(Vec::as_slice).unwrap_or_default(),
        Kind::Constant { expected_value } => std::slice::from_ref(&**expected_value),
        _ => return Vec::new(),
    };
    short_list(values.iter())
}

/// The values as texts, if they are few.
pub(super) fn short_list<'v>(values: impl Iterator<Item = &'v Value>) -> Vec<String> {
    let list: Vec<_> = values.take(ALLOWED_MAX + 1).map(wording::plain).collect();
    if list.len() > ALLOWED_MAX {
        Vec::new()
    } else {
        list
    }
}

fn capped(found: Vec<Named>) -> Vec<Named> {
    let mut seen = HashSet::new();
    let mut kept: Vec<Named> = Vec::new();
    for named in found {
        let finding = &named.finding;
        if seen.insert((
            finding.at.clone(),
            finding.rule.clone(),
            finding.detail.en.clone(),
        )) {
            kept.push(named);
        }
    }
    if kept.len() > FINDINGS_MAX {
        kept.truncate(FINDINGS_MAX);
        kept.push(Named {
            finding: crate::more(),
            member: None,
            raw: String::new(),
        });
    }
    kept
}

/// A day as RFC 3339 has it, but for the year 0000: XML Schema 1.0 has none, nor has anybody's calendar.
fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| -> Option<u32> {
        let part = bytes.get(range)?;
        part.iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit()
                .then(|| number * 10 + u32::from(byte - b'0'))
        })
    };
    let ([Some(year), Some(month), Some(day)], 10) =
        ([digits(0..4), digits(5..7), digits(8..10)], bytes.len())
    else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    year > 0 && bytes[4] == b'-' && bytes[7] == b'-' && (1..=last).contains(&day)
}

// The message of a schema's fault is about the schema, but may quote it at length.
fn broken(error: &ValidationError<'_>) -> Finding {
    let at = error.instance_path().as_str();
    let rule = error.kind().keyword().to_owned();
    Finding::new(
        at,
        rule,
        Bilingual::new(
            "ist nach JSON Schema 2020-12 nicht zulässig oder übersteigt die Grenzen für Muster",
            "is not valid JSON Schema 2020-12 or exceeds the limits for patterns",
        ),
    )
}

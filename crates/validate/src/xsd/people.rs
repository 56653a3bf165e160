//! What people need beside the path: the label, the part of the message, the place in words, the shape of what was given, and
//! what the schema allows and says there.

use amtsbote_problem::{Bilingual, Finding};
use xsd_schema::arenas::ResolvedAttributeUse;
use xsd_schema::parser::frames::{AttributeUseKind, AttributeUseResult};
use xsd_schema::parser::location::SourceMapStorage;
use xsd_schema::schema::annotation::{Annotation, AnnotationItem};
use xsd_schema::validation::{InstancePath, PathStep};
use xsd_schema::{AttributeGroupKey, ComplexTypeKey, ElementKey, SchemaSet, TypeKey};

use super::facets::Allowed;
use crate::json::{shape, two};
use crate::pointer::UNSHOWN;
use crate::xml;

/// The longest sentence of a schema's documentation that is told.
const SENTENCE_MAX_CHARS: usize = 240;
const DERIVED_MAX: usize = 100;
const NO_ATTRIBUTE: &str = "cvc-complex-type.4";

/// What is known of the element, or of its attribute, where an error happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    pub(super) element: Option<ElementKey>,
    pub(super) kind: Option<TypeKey>,
    /// The text so far, for its shape alone.
    pub(super) text: String,
    pub(super) has_children: bool,
    /// The names of the attributes it has.
    pub(super) attributes: Vec<String>,
    /// Name and value of the attribute, if it is about one.
    pub(super) attribute: Option<(String, String)>,
}

/// Rules about a value, for which the shape and what is allowed help.
fn is_about_a_value(rule: &str) -> bool {
    [
        "cvc-datatype",
        "cvc-simple",
        "cvc-attribute",
        "cvc-elt.5",
        "cvc-au",
        "cvc-id",
    ]
    .iter()
    .any(|prefix| rule.starts_with(prefix))
        || rule.ends_with("-valid")
}

/// Completes a finding.
pub(super) fn tell(
    set: &SchemaSet,
    finding: &mut Finding,
    path: Option<&InstancePath>,
    declared: &Declared,
) {
    if let Some(path) = path {
        named(finding, path);
    }
    if is_about_a_value(&finding.rule) {
        let given = match &declared.attribute {
            Some((_, value)) => Some(value.as_str()),
            None if declared.has_children => None,
            None => Some(declared.text.as_str()),
        };
        finding.given = given.map(shape::of_text);
        let allowed = allowed(set, declared);
        finding.expected = allowed.words;
        if finding.allowed.is_empty() {
            finding.allowed = allowed.values;
        }
    } else if finding.rule == NO_ATTRIBUTE {
        finding.allowed = lacking(set, declared);
        let names = finding.allowed.join(", ");
        finding.expected = (!names.is_empty())
            .then(|| two(format!("Attribut {names}"), format!("attribute {names}")));
    } else if !finding.allowed.is_empty() {
        let names: Vec<String> = finding
            .allowed
            .iter()
            .map(|name| format!("<{name}>"))
            .collect();
        let names = names.join(", ");
        finding.expected = Some(two(
            format!("als Nächstes: {names}"),
            format!("next: {names}"),
        ));
    }
    if declared.attribute.is_none() && finding.hint.is_none() {
        finding.hint = sentence(set, declared);
    }
}

/// Label, part and place, from the names of the elements on the way.
fn named(finding: &mut Finding, path: &InstancePath) {
    let words: Vec<Bilingual> = path.steps().map(step).collect();
    finding.label = words.last().cloned();
    finding.group = words.get(1).filter(|_| !is_attribute(path)).cloned();
    if let Some(group) = &mut finding.group {
        // A group is a part of the message, whichever of several it is.
        let first = path.steps().nth(1).map(|step| shown(step).to_owned());
        *group = xml::label(first.as_deref().unwrap_or_default());
    }
    // The root says which message it is; the place begins inside.
    let inside = if words.len() > 1 {
        &words[1..]
    } else {
        &words[..]
    };
    let joined = |pick: fn(&Bilingual) -> &String| {
        inside
            .iter()
            .map(|word| pick(word).as_str())
            .collect::<Vec<_>>()
            .join(" › ")
    };
    finding.place =
        (!inside.is_empty()).then(|| two(joined(|word| &word.de), joined(|word| &word.en)));
}

// An attribute of the root is about the message as a whole.
fn is_attribute(path: &InstancePath) -> bool {
    path.len() == 2 && !matches!(path.last(), Some(PathStep::Element { .. }))
}

fn shown(step: &PathStep) -> &str {
    xml::shown_name(step.name().local_name())
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library may add kinds of steps"
)]
fn step(step: &PathStep) -> Bilingual {
    let name = shown(step);
    if name == UNSHOWN {
        return two(UNSHOWN, UNSHOWN);
    }
    let label = xml::label(name);
    match step {
        PathStep::Element { position, .. } if *position > 1 => two(
            format!("{} {position}", label.de),
            format!("{} {position}", label.en),
        ),
        PathStep::Element { .. } => label,
        _ => two(format!("Attribut {name}"), format!("attribute {name}")),
    }
}

fn allowed(set: &SchemaSet, declared: &Declared) -> Allowed {
    if let Some((name, _)) = &declared.attribute {
        let Some(TypeKey::Complex(complex)) = declared.kind else {
            return Allowed::default();
        };
        return attribute(set, complex, name).unwrap_or_default();
    }
    let fixed = declared
        .element
        .and_then(|element| set.arenas.get_element(element)?.fixed_value.clone());
    match (fixed, declared.kind) {
        (Some(fixed), _) => Allowed::fixed(&fixed),
        (None, Some(kind)) => Allowed::of(set, kind),
        (None, None) => Allowed::default(),
    }
}

/// The attributes an element has to have and has not.
fn lacking(set: &SchemaSet, declared: &Declared) -> Vec<String> {
    let Some(TypeKey::Complex(complex)) = declared.kind else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for (one, _) in uses(set, complex) {
        let local =
            one.attribute
                .name
                .or(one.attribute.ref_name.as_ref().map(|name| name.local_name));
        let name = local
            .map(|local| set.name_table.resolve(local))
            .unwrap_or_default();
        let is_there = declared.attributes.contains(&name) || names.contains(&name);
        if one.use_kind == AttributeUseKind::Required && !is_there {
            names.push(name);
        }
    }
    names
}

/// What a complex type allows for an attribute.
fn attribute(set: &SchemaSet, complex: ComplexTypeKey, name: &str) -> Option<Allowed> {
    let (one, resolved) = uses(set, complex).into_iter().find(|(one, _)| {
        let local =
            one.attribute
                .name
                .or(one.attribute.ref_name.as_ref().map(|name| name.local_name));
        local.is_some_and(|local| set.name_table.resolve_ref(local) == name)
    })?;
    Some(match (&one.attribute.fixed_value, resolved.resolved_type) {
        (Some(fixed), _) => Allowed::fixed(fixed),
        (None, Some(kind)) => Allowed::of(set, kind),
        (None, None) => Allowed::default(),
    })
}

type Use<'s> = (&'s AttributeUseResult, &'s ResolvedAttributeUse);

/// The attributes of a complex type: its own, those of its groups, then those of its base.
fn uses(set: &SchemaSet, complex: ComplexTypeKey) -> Vec<Use<'_>> {
    let mut uses = Vec::new();
    let mut groups: Vec<AttributeGroupKey> = Vec::new();
    let mut next = Some(TypeKey::Complex(complex));
    for _ in 0..DERIVED_MAX {
        let Some(TypeKey::Complex(key)) = next else {
            break;
        };
        let Some(data) = set.arenas.get_complex_type(key) else {
            break;
        };
        uses.extend(data.attributes.iter().zip(&data.resolved_attributes));
        groups.extend(&data.resolved_attribute_groups);
        next = data.resolved_base_type;
    }
    let mut at = 0;
    while let Some(data) = groups
        .get(at)
        .and_then(|key| set.arenas.attribute_groups.get(*key))
    {
        uses.extend(data.attributes.iter().zip(&data.resolved_attributes));
        for inside in &data.resolved_attribute_groups {
            if !groups.contains(inside) {
                groups.push(*inside);
            }
        }
        at += 1;
    }
    uses
}

/// The first sentence the schema says of the element, else of its type.
fn sentence(set: &SchemaSet, declared: &Declared) -> Option<Bilingual> {
    let element = declared.element.and_then(|key| set.arenas.get_element(key));
    let element = element.and_then(|data| documentation(set, data.annotation.as_ref()));
    let kind = || match declared.kind? {
        TypeKey::Simple(key) => {
            documentation(set, set.arenas.get_simple_type(key)?.annotation.as_ref())
        }
        TypeKey::Complex(key) => {
            documentation(set, set.arenas.get_complex_type(key)?.annotation.as_ref())
        }
    };
    let text = element.or_else(kind)?;
    Some(two(
        format!("Das Schema sagt dazu: {text}"),
        format!("The schema says (in German): {text}"),
    ))
}

fn documentation(set: &SchemaSet, annotation: Option<&Annotation>) -> Option<String> {
    let items = annotation?.items.iter();
    let mut fragments = items.filter_map(|item| match item {
        AnnotationItem::Documentation(documentation) => Some(&documentation.content),
        AnnotationItem::AppInfo(_) => None,
    });
    let fragment = fragments.next()?;
    let SourceMapStorage::Full(files) = &set.source_maps else {
        return None;
    };
    // The library keeps the place of the start tag alone.
    let file = files.get(usize::try_from(fragment.doc_id).ok()?)?;
    let (text, end) = file.text.get(fragment.span.end..)?.split_once('<')?;
    end.starts_with('/').then(|| first_sentence(text))?
}

/// The first sentence of a schema's text; none if it has no end within bounds.
fn first_sentence(raw: &str) -> Option<String> {
    let text = raw.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return None;
    }
    let text = quick_xml::escape::unescape(&text).ok()?.into_owned();
    // An abbreviation is no end: a sentence begins with a capital behind a blank.
    let mut from = 0;
    while let Some(at) = text[from..].find(". ") {
        let end = from + at + 1;
        let before = &text[..end - 1];
        let word = before.rsplit(' ').next().unwrap_or_default();
        let next = text[end..].trim_start().chars().next();
        if word.chars().count() > 3 && next.is_some_and(char::is_uppercase) {
            let sentence = &text[..end];
            return (sentence.chars().count() <= SENTENCE_MAX_CHARS).then(|| sentence.to_owned());
        }
        from = end;
    }
    (text.chars().count() <= SENTENCE_MAX_CHARS).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_sentence_is_short_and_plain() {
        let long = "x".repeat(300);
        for (raw, expected) in [
            ("Der Name. Mehr dazu.", Some("Der Name.")),
            (
                "Nachnamen, z. B. mit Adel. Mehr.",
                Some("Nachnamen, z. B. mit Adel."),
            ),
            ("a\n   b &amp; c", Some("a b & c")),
            ("", None),
            (long.as_str(), None),
        ] {
            assert_eq!(first_sentence(raw).as_deref(), expected, "{raw}");
        }
    }
}

//! Findings as people read them: by part of the form, in the order of the form.

use std::fmt::Write as _;

use crate::{Bilingual, Finding, Language};

/// The findings of one part of the form.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'f> {
    /// The part's label; none for the form as a whole.
    pub label: Option<&'f Bilingual>,
    /// Its findings, by place.
    pub findings: Vec<&'f Finding>,
}

/// Findings by part of the form: first the form as a whole, then in the order of `sections`, then whatever else.
pub fn grouped<'f>(findings: &'f [Finding], sections: &[Bilingual]) -> Vec<Group<'f>> {
    let mut groups: Vec<Group<'f>> = Vec::new();
    for finding in findings {
        let label = finding.group.as_ref();
        match groups.iter_mut().find(|group| group.label == label) {
            Some(group) => group.findings.push(finding),
            None => groups.push(Group {
                label,
                findings: vec![finding],
            }),
        }
    }
    groups.sort_by_key(|group| {
        group.label.map(|label| {
            let listed = sections.iter().position(|section| section == label);
            listed.unwrap_or(sections.len())
        })
    });
    for group in &mut groups {
        group
            .findings
            .sort_by_cached_key(|finding| order(&finding.at));
    }
    groups
}

// The tenth entry comes after the second one; in XML entries are counted by name: `/a/b[10]`.
fn order(at: &str) -> Vec<(u64, String, u64)> {
    let each = |step: &str| {
        let (name, number) = step
            .strip_suffix(']')
            .and_then(|step| step.split_once('['))
            .unwrap_or((step, "1"));
        (
            step.parse().unwrap_or(u64::MAX),
            name.to_owned(),
            number.parse().unwrap_or(u64::MAX),
        )
    };
    at.split('/').map(each).collect()
}

/// The findings as a text: a heading for each part of the form; for each finding the place in words, what is wrong, the
/// place for programs, the shape of what was given, what is allowed, advice.
pub fn text(findings: &[Finding], sections: &[Bilingual], language: Language) -> String {
    let mut text = String::new();
    let general = Bilingual::new("Allgemein", "General");
    for group in grouped(findings, sections) {
        let heading = group.label.unwrap_or(&general).in_language(language);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{heading}");
        for finding in group.findings {
            one(&mut text, finding, language);
        }
    }
    text
}

fn one(text: &mut String, finding: &Finding, language: Language) {
    let pick = |de, en| match language {
        Language::German => de,
        Language::English => en,
    };
    let detail = finding.detail.in_language(language);
    let _ = match finding.place.as_ref().or(finding.label.as_ref()) {
        Some(place) => writeln!(text, "  ✗ {}: {detail}", place.in_language(language)),
        None => writeln!(text, "  ✗ {detail}"),
    };
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "      {name:<9} {value}");
    };
    let at = if finding.at.is_empty() {
        "/"
    } else {
        &finding.at
    };
    line(
        pick("Stelle:", "place:"),
        &format!("{at} [{}]", finding.rule),
    );
    if let Some(given) = &finding.given {
        line(pick("gegeben:", "given:"), given.in_language(language));
    }
    if let Some(expected) = &finding.expected {
        line(pick("erlaubt:", "allowed:"), expected.in_language(language));
    } else if !finding.allowed.is_empty() {
        line(pick("erlaubt:", "allowed:"), &finding.allowed.join(", "));
    }
    if let Some(hint) = &finding.hint
        && !is_told(finding)
    {
        line(pick("Hinweis:", "hint:"), hint.in_language(language));
    }
}

// Limits are in the detail, and a closer one of a condition is not in the advice; values and kinds are in what is allowed.
fn is_told(finding: &Finding) -> bool {
    let limits = [
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
    ];
    let rule = finding.rule.as_str();
    limits.contains(&rule)
        || (finding.expected.is_some() && ["enum", "const", "type"].contains(&rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(at: &str, group: Option<&str>) -> Finding {
        let mut finding = Finding::new(at, "type", Bilingual::new("falsch", "wrong"));
        finding.group = group.map(|label| Bilingual::new(label, label));
        finding
    }

    #[test]
    fn groups_come_in_the_order_of_the_form_and_entries_by_number() {
        let findings = [
            finding("/x/1", Some("Fremd")),
            finding("/b/10", Some("B")),
            finding("/b/2", Some("B")),
            finding("/a[10]/c", Some("A")),
            finding("/a[2]/c", Some("A")),
            finding("/a", Some("A")),
            finding("", None),
        ];
        let sections = ["A", "B"].map(|label| Bilingual::new(label, label));
        let found: Vec<(Option<&str>, Vec<&str>)> = grouped(&findings, &sections)
            .into_iter()
            .map(|group| {
                let places = group.findings.iter().map(|f| f.at.as_str()).collect();
                (group.label.map(|label| label.de.as_str()), places)
            })
            .collect();
        assert_eq!(
            found,
            [
                (None, vec![""]),
                (Some("A"), vec!["/a", "/a[2]/c", "/a[10]/c"]),
                (Some("B"), vec!["/b/2", "/b/10"]),
                (Some("Fremd"), vec!["/x/1"]),
            ]
        );
    }
}

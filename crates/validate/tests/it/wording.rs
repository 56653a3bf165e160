//! The wording of typical mistakes: the faulty examples of each service, German and English.

use std::fmt::Write as _;

use amtsbote_problem::{Bilingual, Finding, Findings, Language, report};
use amtsbote_validate::json::{Limits, parse};
use serde_json::{Value, json};

#[test]
fn typical_mistakes_are_told_in_words_of_the_form() {
    for service in crate::services::all() {
        let mut told = String::new();
        for example in service.examples().iter().filter(|example| !example.valid) {
            let data = parse(service.example(&example.file).unwrap(), Limits::default()).unwrap();
            let findings = service.check(&data);
            let sections = service.schema().sections();
            for (name, language) in [("de", Language::German), ("en", Language::English)] {
                let text = report::text(&findings, &sections, language);
                writeln!(told, "== {} ({name})\n{text}", example.file).unwrap();
            }
        }
        insta::assert_snapshot!(service.name(), told);
    }
}

/// The findings of the first valid example of a service with one member changed.
fn changed(service: &str, at: &str, value: Value) -> Findings {
    let all = crate::services::all();
    let service = all.iter().find(|one| one.name() == service).unwrap();
    let example = service
        .examples()
        .iter()
        .find(|example| example.valid)
        .unwrap();
    let mut data = parse(service.example(&example.file).unwrap(), Limits::default()).unwrap();
    let (above, last) = at.rsplit_once('/').unwrap();
    let above = data
        .pointer_mut(above)
        .and_then(Value::as_object_mut)
        .unwrap();
    above.insert(last.to_owned(), value);
    service.check(&data)
}

#[test]
fn a_day_that_its_year_does_not_have_is_refused() {
    for (year, is_leap) in [(2024, true), (2000, true), (2023, false), (1900, false)] {
        let date = json!({ "jahr": year, "monat": 2, "tag": 29 });
        let findings = changed("hundesteuer", "/antragsteller/0/geburtsdatum", date);
        assert_eq!(findings.is_empty(), is_leap, "{year}: {findings:?}");
        for finding in findings {
            assert_eq!(finding.at, "/antragsteller/0/geburtsdatum/jahr");
            assert!(finding.hint.unwrap().de.contains("Schaltjahr"), "{year}");
        }
    }
    let date = json!({ "jahr": 2024, "monat": 4, "tag": 31 });
    assert_eq!(changed("hundesteuer", "/hunde/0/wurfdatum", date).len(), 1);
}

#[test]
fn blanks_are_no_answer() {
    for blank in [" ", "  ", "\u{a0}"] {
        let findings = changed("hundesteuer", "/antragsteller/0/familienname", blank.into());
        assert!(
            findings.iter().any(|finding| finding.rule == "blank"),
            "{findings:?}"
        );
    }
    assert_eq!(
        changed(
            "hundesteuer",
            "/antragsteller/0/familienname",
            " Au ".into()
        ),
        []
    );
}

#[test]
fn findings_of_a_message_get_the_words_of_the_form() {
    let all = crate::services::all();
    let service = all.iter().find(|one| one.name() == "hundesteuer").unwrap();
    let example = service
        .examples()
        .iter()
        .find(|example| example.valid)
        .unwrap();
    let data = parse(service.example(&example.file).unwrap(), Limits::default()).unwrap();
    let of_xml = Finding::new(
        "/antragsteller/0/familienname",
        "cvc-maxLength-valid",
        Bilingual::new("ist zu lang", "is too long"),
    )
    .label(Bilingual::new("Name", "Name"));
    let elsewhere = Finding::new("/m:nachricht/m:kopf", "cvc-elt.1", Bilingual::new("a", "a"));
    let mut findings = vec![
        Finding {
            expected: Some(Bilingual::new(
                "höchstens 5 Zeichen",
                "at most 5 characters",
            )),
            ..of_xml
        },
        elsewhere.clone(),
    ];
    service.schema().explain(&data, &mut findings);
    assert_eq!(findings[1], elsewhere);
    let told = &findings[0];
    assert_eq!(told.label.as_ref().unwrap().de, "Familienname");
    assert!(
        told.place
            .as_ref()
            .unwrap()
            .de
            .ends_with("1 › Familienname"),
        "{told:?}"
    );
    assert!(told.group.is_some() && told.given.is_some());
    assert_eq!(told.expected.as_ref().unwrap().de, "höchstens 5 Zeichen");
}

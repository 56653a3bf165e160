//! The wording of typical mistakes: the faulty examples of each service, German and English.

use std::fmt::Write as _;

use amtsbote_problem::{Language, report};
use amtsbote_validate::json::{Limits, parse};

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

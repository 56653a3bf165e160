//! Faults of templates: all at once, each with its line.

use amtsbote_translate::CodeMap;
use amtsbote_translate::xml::{SAMPLE_MAX_BYTES, Sample};

use crate::{codes, wrapped};

fn faults(template: &str) -> Vec<String> {
    let faults = Sample::parse("s.xml", template.as_bytes(), &codes()).expect_err(template);
    faults.iter().map(ToString::to_string).collect()
}

fn check(inner: &str, expected: &[&str]) {
    let found = faults(&wrapped(inner));
    assert_eq!(found.len(), expected.len(), "{inner}: {found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{inner}: {found}");
    }
}

#[test]
fn all_faults_come_at_once_with_their_lines() {
    check(
        "<n b:form='.x'/>\n<d b:from='.d' b:as='dat'/>\n\n<c b:from='.c' b:codes='gibt-es-nicht' b:missing='egal'/>\n<e b:each='range(9)' b:empty='x'/>",
        &[
            "s.xml:2 (/a/n): unknown word `form`",
            "s.xml:3 (/a/d): unknown conversion",
            "s.xml:5 (/a/c): no code map named `gibt-es-nicht`",
            "s.xml:5 (/a/c): bad value `egal` of `missing`",
            "s.xml:6 (/a/e): expression refused",
            "s.xml:6 (/a/e): bad value `x` of `empty`",
        ],
    );
}

#[test]
fn words_need_their_partners() {
    check("<n b:as='date'/>", &["`as` needs `from`"]);
    check("<n b:codes-x='rechtsform'/>", &["`codes-x` needs `attr-x`"]);
    check("<n b:missing='drop'/>", &["`missing` needs `from`"]);
    check("<n b:attr-='.x'/>", &["unknown word `attr-`"]);
    check("<n b:attr-xmlns='.x'/>", &["unknown word `attr-xmlns`"]);
}

#[test]
fn content_of_bound_elements_is_simple() {
    check(
        "<n b:from='.x'><code/><name/></n>",
        &["exactly one plain element"],
    );
    check(
        "<n b:from='.x'>text<code/></n>",
        &["exactly one plain element"],
    );
    check(
        "<n b:from='.x'><code><c/></code></n>",
        &["exactly one plain element"],
    );
    check(
        "<n b:from='.x'><code b:from='.y'/></n>",
        &["exactly one plain element"],
    );
    check("<n>text<m/></n>", &["text beside elements"]);
}

#[test]
fn a_pinned_code_list_agrees_with_the_map() {
    check(
        "<r listURI='urn:andere' listVersionID='1'><code b:from='.r' b:codes='rechtsform'/></r>",
        &["pins listURI `urn:andere`", "pins listVersionID `1`"],
    );
}

#[test]
fn bad_conversions_are_refused() {
    for conversion in [
        "",
        "date:",
        "date:yyyy-MM-dd HH",
        "date:TT.MM.JJJJ",
        "time:yyyy",
        "number:#",
        "boolean:ja",
        "boolean:a/a",
        "text:x",
        "upper | nix",
        "partial-date:HH",
    ] {
        check(
            &format!("<n b:from='.x' b:as='{conversion}'/>"),
            &["unknown conversion"],
        );
    }
}

#[test]
fn the_root_stands_exactly_once() {
    let root = |word: &str| {
        faults(&format!(
            "<a xmlns:b='https://amtsbote.example/ns/binding/1' {word}/>"
        ))
    };
    for word in [
        "b:each='.x'",
        "b:if='.x'",
        "b:empty='drop'",
        "b:from='.x' b:missing='drop'",
    ] {
        assert!(root(word)[0].contains("is not allowed here"), "{word}");
    }
}

#[test]
fn what_is_no_sample_is_refused() {
    let ns = "xmlns:b='https://amtsbote.example/ns/binding/1'";
    let cases = [
        (String::new(), "there is no element"),
        ("<a/>".to_owned(), "declare xmlns:b"),
        (format!("<a {ns}><c {ns}/></a>"), "on the root element only"),
        (
            format!("<a {ns} xmlns:q='https://amtsbote.example/ns/binding/1'/>"),
            "on the root element only",
        ),
        (format!("<a {ns}>"), "not well-formed"),
        (format!("<a {ns}></b>"), "not well-formed"),
        (format!("<a {ns}/><a/>"), "second root"),
        (format!("<a {ns}/>x"), "text outside"),
        (format!("<a {ns} x='1' x='2'/>"), "not well-formed"),
        (format!("<a {ns}>&unbekannt;</a>"), "not well-formed"),
        (format!("<a {ns}>&#1;</a>"), "not well-formed"),
        (
            format!("<!DOCTYPE a [<!ENTITY x 'y'>]><a {ns}>&x;</a>"),
            "document type",
        ),
        (
            format!("<a {ns}>{}</a>", "<c>".repeat(100)),
            "nested deeper",
        ),
        (
            format!("<a {ns}>{}</a>", "<c/>".repeat(30_000)),
            "more than",
        ),
        (
            format!("<a {ns}>{}</a>", " ".repeat(SAMPLE_MAX_BYTES)),
            "bytes long",
        ),
    ];
    for (template, expected) in cases {
        let found = faults(&template);
        assert!(
            found[0].contains(expected),
            "{found:?} for {}",
            template.chars().take(200).collect::<String>()
        );
    }
    assert!(
        Sample::parse("s", b"<a>\xff</a>", &codes())
            .unwrap_err()
            .to_string()
            .contains("not UTF-8")
    );
}

#[test]
fn code_maps_are_checked() {
    let map = |text: &str| CodeMap::parse("m", "m.toml", text).map_err(|faults| faults.to_string());
    let good = map("[from]\nuri='u'\nversion='1'\n[codes]\nb='2'\na='1'").unwrap();
    assert_eq!(good.pairs().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
    assert_eq!(good.from_list().version.as_deref(), Some("1"));
    assert!(
        map("[codes]\na='1'\na='2'")
            .unwrap_err()
            .starts_with("m.toml:3: not well-formed")
    );
    assert!(
        map("unmapped='x'\n[codes]")
            .unwrap_err()
            .contains("bad value `x` of `unmapped`")
    );
    assert!(map("[codes]\na=1").unwrap_err().starts_with("m.toml:2"));
    assert!(map("x=1\n[codes]").is_err());
    assert!(map("").is_err());
}

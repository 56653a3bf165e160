use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::*;
use crate::shared;

const SMALL: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:small" version="7" elementFormDefault="qualified">
  <xs:element name="antrag"><xs:complexType>
    <xs:sequence>
      <xs:element name="name"><xs:simpleType><xs:restriction base="xs:string"><xs:maxLength value="5"/></xs:restriction></xs:simpleType></xs:element>
      <xs:element name="datum" type="xs:date" maxOccurs="2"/>
      <xs:element name="art" minOccurs="0"><xs:simpleType><xs:restriction base="xs:token"><xs:enumeration value="a"/><xs:enumeration value="b"/></xs:restriction></xs:simpleType></xs:element>
      <xs:element name="ziel" type="xs:ID" minOccurs="0"/><xs:element name="verweis" type="xs:IDREF" minOccurs="0"/>
    </xs:sequence>
    <xs:attribute name="version" fixed="1" use="required"/>
  </xs:complexType></xs:element>
</xs:schema>"#;

fn set(files: &[(&str, &str)]) -> Result<Set, Findings> {
    let files = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
        .collect();
    Set::compile(
        Sources {
            files,
            ..Sources::default()
        },
        Options::default(),
    )
}

fn summary(findings: &Findings) -> Vec<String> {
    findings
        .iter()
        .map(|f| {
            format!(
                "{} {}: {}{}",
                f.at,
                f.rule,
                f.detail.en,
                if f.allowed.is_empty() {
                    String::new()
                } else {
                    format!(" {:?}", f.allowed)
                }
            )
        })
        .collect()
}

fn check(body: &str, expected: &[&str]) {
    let set = set(&[("small.xsd", SMALL)]).unwrap();
    let document = format!(
        "<antrag xmlns='urn:small' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' {body}</antrag>"
    );
    assert_eq!(
        summary(&set.check(document.as_bytes())),
        expected,
        "{document}"
    );
}

#[test]
fn documents_are_checked_with_path_line_and_rule() {
    check("version='1'><name>Ada</name><datum>2026-01-02</datum>", &[]);
    check(
        "version='1'>\n<name>Geheimnis</name>\n<datum>2026-13-02</datum><art>c</art>",
        &[
            "/antrag/name cvc-maxLength-valid: is too long (line 2)",
            "/antrag/datum cvc-datatype-valid: is not a valid value of the data type (line 3)",
            "/antrag/art cvc-enumeration-valid: is none of the allowed values (line 3) [\"a\", \"b\"]",
        ],
    );
}

#[test]
fn what_is_expected_at_a_misplaced_or_missing_element_is_told() {
    check(
        "version='1'><name>Ada</name>",
        &["/antrag cvc-complex-type.2.4: lacks an element (line 1) [\"datum\"]"],
    );
    check(
        "version='1'><name>Ada</name>\n<farbe/><datum>2026-01-02</datum>",
        &["/antrag/farbe cvc-complex-type.2.4: is not allowed here (line 2) [\"datum\"]"],
    );
}

#[test]
fn attributes_and_roots_are_checked() {
    check(
        "><name>Ada</name><datum>2026-01-02</datum>",
        &["/antrag cvc-complex-type.4: a required attribute is missing (line 1) [\"version\"]"],
    );
    check(
        "version='2' farbe='rot'><name>Ada</name><datum>2026-01-02</datum>",
        &[
            "/antrag/@version cvc-attribute.4: does not have the fixed value (line 1) [\"1\"]",
            "/antrag/@farbe cvc-complex-type.3.2.2: the attribute is not allowed here (line 1)",
        ],
    );
    let set = set(&[("small.xsd", SMALL)]).unwrap();
    assert_eq!(
        summary(&set.check(b"<andere/>")),
        ["/andere cvc-elt.1: the schema does not know this root element (line 1)"]
    );
}

#[test]
fn each_alternative_of_a_pattern_is_the_whole_value() {
    let schema = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a"><xs:simpleType>
        <xs:restriction base="xs:string"><xs:pattern value="[A-Z]|x|[0-9]{2}"/></xs:restriction></xs:simpleType></xs:element></xs:schema>"#;
    let set = set(&[("a.xsd", schema)]).unwrap();
    for (value, is_valid) in [
        ("A", true),
        ("x", true),
        ("12", true),
        ("A2A", false),
        ("Ax", false),
        ("112", false),
        ("xx", false),
    ] {
        let findings = set.check(format!("<a>{value}</a>").as_bytes());
        assert_eq!(findings.is_empty(), is_valid, "{value}: {findings:?}");
    }
}

/// Pattern, values it takes, values it does not; libxml2 says the same of all of them.
const PATTERNS: [(&str, &[&str], &[&str]); 29] = [
    ("^a", &["^a"], &["a"]),
    ("a$", &["a$"], &["a"]),
    ("a^b|$", &["a^b", "$"], &["a", ""]),
    ("[a-z-[aeiou]]+", &["bcd"], &["abc", "-", "b-"]),
    ("[^a-z-[b]]", &["A", "-"], &["a", "b"]),
    (
        r"\i\c*",
        &["abc", "äb", "_x", "é·", "a-b.c:d"],
        &["1a", "·"],
    ),
    (r"[\i-[:]][\c-[:]]*", &["abc", "ä1"], &["a:b", ":a"]),
    (r"\I", &["1"], &["a", "ä"]),
    (r"[\I1]\C", &["1$"], &["a$", "1ü"]),
    (r"[\C]", &["$"], &["a", "ü"]),
    (r"\s*x", &["x", " x"], &["\u{a0}x"]),
    (r"\S[\S]", &["aa", "\u{a0}\u{a0}"], &["a ", " a"]),
    (r"\w+", &["aä", "𝐀", "ẞ", "€"], &["_", "-"]),
    (r"[\w-]+", &["aä-", "ẞ"], &["_"]),
    (r"\W[\W]", &["-_"], &["aa", "-a"]),
    (r"\p{Lu}", &["A", "Ä", "𝐀"], &["a"]),
    (r"[\p{Lu}\p{Ll}]+", &["aß"], &["1"]),
    (r"[^\p{L}]", &["1"], &["ä"]),
    (r"\p{IsBasicLatin}+", &["abc"], &["ä"]),
    (r"[\p{IsLatin-1Supplement}]", &["ä"], &["a"]),
    (r"\P{IsBasicLatin}", &["ä"], &["a"]),
    (r"\d[\d]", &["12", "٣٣"], &["a1"]),
    (r"\D[\D]", &["ab", "𝐀a"], &["1a", "a1"]),
    ("[a&amp;&amp;b]", &["a", "&amp;", "b"], &["c"]),
    ("[a~~b]", &["~", "a"], &["c"]),
    ("[^-a]", &["b"], &["-", "a"]),
    (r"[\-\]\[\\]", &["-", "]", "[", "\\"], &["a"]),
    ("[$^]", &["$", "^"], &["a"]),
    ("[^^]", &["a"], &["^"]),
];

#[test]
fn patterns_mean_what_xml_schema_means() {
    for (pattern, good, bad) in PATTERNS {
        let schema = format!(
            "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'><xs:element name='a'><xs:simpleType>
            <xs:restriction base='xs:string'><xs:pattern value='{pattern}'/></xs:restriction></xs:simpleType></xs:element></xs:schema>"
        );
        let set = set(&[("a.xsd", schema.as_str())]).unwrap_or_else(|f| panic!("{pattern}: {f:?}"));
        let takes = |value: &&&str| set.check(format!("<a>{value}</a>").as_bytes()).is_empty();
        let refused: Vec<_> = good.iter().filter(|value| !takes(value)).collect();
        let taken: Vec<_> = bad.iter().filter(takes).collect();
        assert_eq!((refused, taken), (vec![], vec![]), "{pattern}");
    }
}

#[test]
fn dangling_references_can_be_warnings() {
    let document = br"<antrag xmlns='urn:small' version='1'><name>A</name><datum>2026-01-02</datum><verweis>weg</verweis></antrag>";
    let strict = set(&[("small.xsd", SMALL)]).unwrap().report(document);
    assert_eq!((strict.errors.len(), strict.warnings.len()), (1, 0));
    let files = BTreeMap::from([("small.xsd".to_owned(), SMALL.as_bytes().to_vec())]);
    let options = Options {
        dangling_references: Severity::Warning,
        ..Options::default()
    };
    let lenient = Set::compile(
        Sources {
            files,
            ..Sources::default()
        },
        options,
    )
    .unwrap()
    .report(document);
    assert_eq!((lenient.errors.len(), lenient.warnings.len()), (0, 1));
    assert_eq!(lenient.warnings[0].rule, "cvc-id.1");
}

#[test]
fn hostile_documents_are_refused() {
    let set = set(&[("small.xsd", SMALL)]).unwrap();
    let rule = |document: &str| {
        set.check(document.as_bytes())
            .first()
            .map(|finding| finding.rule.clone())
            .unwrap_or_default()
    };
    assert_eq!(
        rule("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><a>&x;</a>"),
        "doctype"
    );
    assert_eq!(rule(&"<a>".repeat(100_000)), "depth");
    let wide = " a=''".repeat(100_000);
    assert_eq!(rule(&format!("<a{wide}/>")), "attributes");
    assert_eq!(rule("<a:b/>"), "xml");
    assert_eq!(rule(""), "xml");
    assert_eq!(rule("<!-- nothing -->"), "xml");
    let twice = set.check(b"<antrag/><antrag/>");
    assert_eq!(
        twice.last().map(|finding| finding.rule.as_str()),
        Some("xml")
    );
}

#[test]
fn values_and_strange_names_never_show() {
    let set = set(&[("small.xsd", SMALL)]).unwrap();
    let document = "<antrag xmlns='urn:small' version='geheim1'>geheim2<name>geheim3</name><datum>geheim4</datum><Ж/></antrag>";
    let shown = format!("{:?}", set.report(document.as_bytes()));
    assert!(!shown.contains("geheim") && !shown.contains('Ж'), "{shown}");
}

fn import(location: &str) -> String {
    format!(
        r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:s="urn:small" targetNamespace="urn:main">
        <xs:import namespace="urn:small" schemaLocation="{location}"/><xs:element name="a"><xs:complexType><xs:sequence><xs:element ref="s:antrag"/></xs:sequence></xs:complexType></xs:element></xs:schema>"#
    )
}

#[test]
fn imports_are_found_by_path_name_or_namespace_and_nowhere_else() {
    for location in [
        "small.xsd",
        "../lib/small.xsd",
        "https://schemas.example/v7/small.xsd",
        "https://schemas.example/other-name.xsd",
    ] {
        let main = import(location);
        assert!(
            set(&[("main.xsd", &main), ("sub/small.xsd", SMALL)]).is_ok(),
            "{location}"
        );
    }
    for location in ["file:///etc/passwd", "http://127.0.0.1:9/x.xsd", "weg.xsd"] {
        let findings = set(&[("main.xsd", &import(location))]).unwrap_err();
        assert!(!findings.is_empty(), "{location}");
    }
}

#[test]
fn a_failed_import_is_an_error_even_if_nothing_needs_it() {
    let main = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:import namespace="urn:weg" schemaLocation="weg.xsd"/><xs:element name="a"/></xs:schema>"#;
    let findings = set(&[("main.xsd", main)]).unwrap_err();
    assert_eq!(findings[0].rule, "import");
    assert!(findings[0].detail.en.contains("weg.xsd"), "{findings:?}");
    assert!(findings[0].at.starts_with("main.xsd"), "{findings:?}");
}

#[test]
fn a_set_tells_what_it_contains() {
    let set = set(&[("small.xsd", SMALL)]).unwrap();
    assert_eq!(set.namespaces(), ["urn:small"]);
    assert_eq!(set.contents()[0].version.as_deref(), Some("7"));
    let no_schema = BTreeMap::from([
        ("a.xsd".to_owned(), b"<a/>".to_vec()),
        ("b.xsd".to_owned(), Vec::new()),
    ]);
    assert_eq!(contents(&no_schema).unwrap_err().len(), 2);
}

#[test]
fn without_threads_the_findings_are_the_same() {
    let files = BTreeMap::from([("small.xsd".to_owned(), SMALL.as_bytes().to_vec())]);
    let locations = Locations::new(Sources {
        files,
        ..Sources::default()
    })
    .unwrap();
    let alone = Workers::nobody(&locations, Options::default()).unwrap();
    let set = set(&[("small.xsd", SMALL)]).unwrap();
    for document in [
        "<andere/>",
        "<antrag xmlns='urn:small' version='2'><name>Geheimnis</name></antrag>",
    ] {
        assert_eq!(alone.report(document), set.report(document.as_bytes()));
    }
}

#[test]
fn several_threads_share_a_set() {
    let set = set(&[("small.xsd", SMALL)]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(set.check(b"<andere/>").len(), 1));
        }
    });
}

#[test]
fn a_set_outlives_documents_with_ever_new_names() {
    let set = set(&[("small.xsd", SMALL)]).unwrap();
    for round in 0..12 {
        let names = (0..2000).fold(String::from("<andere>"), |mut all, n| {
            let _ = write!(all, "<n{round}x{n}{}/>", "a".repeat(900));
            all
        });
        let document = names + "</andere>";
        assert!(!set.check(document.as_bytes()).is_empty());
    }
    check("version='1'><name>Ada</name><datum>2026-01-02</datum>", &[]);
}

pub(super) fn official(folder: &str) -> Option<Set> {
    let files = shared::files(&shared::path(&format!("reference/xoev/{folder}"))?, ".xsd");
    let mut library = shared::files(&shared::path("reference/xoev/xoev-lib")?, ".xsd");
    library.extend(shared::files(
        &shared::path("reference/xoev/xinneres-module/xsd")?,
        ".xsd",
    ));
    let sources = Sources {
        files,
        library,
        ..Sources::default()
    };
    // Public samples refer to things they leave out.
    let options = Options {
        dangling_references: Severity::Warning,
        ..Options::default()
    };
    let set = Set::compile(sources, options);
    Some(set.unwrap_or_else(|findings| panic!("{folder}: {findings:#?}")))
}

pub(super) const APPLICATION: &str = include_str!("antrag.1200.xml");

#[test]
fn an_application_of_the_xbau_core_module_is_checked() {
    let Some(set) = official("xbau-kernmodul-1.3.0/xsd") else {
        return;
    };
    assert_eq!(
        set.namespaces(),
        ["http://www.xleitstelle.de/xbau/kernmodul/1/3/0"]
    );
    assert!(
        set.contents()
            .iter()
            .all(|file| file.version.as_deref() == Some("1.3.0"))
    );
    assert_eq!(summary(&set.check(APPLICATION.as_bytes())), [""; 0]);
    for (from, to, rule) in [
        ("version=\"1.3.0\"", "version=\"1.2.0\"", "cvc-attribute.4"),
        (
            "<code>1200</code>",
            "<code>9999</code>",
            "cvc-enumeration-valid",
        ),
        ("<zaehler>12</zaehler>", "", "cvc-complex-type.2.4"),
        (
            "2026-03-01T10:00:00+01:00",
            "1.3.2026",
            "cvc-datatype-valid",
        ),
        (
            "<name>Musterbau GmbH</name>",
            "<name>Ж</name>",
            "cvc-pattern-valid",
        ),
    ] {
        let broken = APPLICATION.replacen(from, to, 1);
        assert_ne!(broken, APPLICATION, "{from}");
        let findings = set.check(broken.as_bytes());
        assert!(
            findings.iter().any(|finding| finding.rule == rule),
            "{from}: {:?}",
            summary(&findings)
        );
    }
}

#[test]
fn official_sets_compile_and_judge_their_samples() {
    // Set, samples, how many of these the standard's own schema refuses.
    for (folder, samples, refused) in [
        ("xbau-2.6/xsd", None, 0),
        ("xbeteiligung/xsd", Some("xbeteiligung/samples"), 0),
        ("xwasser/V1_0_0", Some("xwasser/samples"), 2),
        (
            "xpersonenstand-26.11/xsd-auszug",
            Some("xpersonenstand-26.11/samples"),
            0,
        ),
    ] {
        let Some(set) = official(folder) else { return };
        let Some(samples) = samples else { continue };
        let samples = shared::files(
            &shared::path(&format!("reference/xoev/{samples}")).unwrap(),
            ".xml",
        );
        assert!(!samples.is_empty(), "{folder}");
        let bad: Vec<_> = samples
            .iter()
            .map(|(name, bytes)| (name, summary(&set.check(bytes))))
            .filter(|(_, found)| !found.is_empty())
            .collect();
        assert_eq!(bad.len(), refused, "{folder}: {bad:#?}");
    }
}

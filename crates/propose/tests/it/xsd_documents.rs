//! Services from XSD, whole documents: the proposed JSON Schema takes the data of those the XSD takes.

use std::fmt::Write as _;

use amtsbote_propose::NewService;
use amtsbote_validate::json::Schema;
use amtsbote_validate::xsd::XmlSchema as _;
use serde_json::{Value, json};

use crate::from_xsd::{losses, made, schema_file, set};

/// Asks both about whole documents: the XML and the data that mean the same.
fn agree_on(xsd: &str, documents: &[(&str, Value)]) -> NewService {
    let made = made(&schema_file(xsd));
    let (ours, theirs) = (
        Schema::compile(made.schema.to_string().as_bytes()).expect("a JSON Schema"),
        set(&schema_file(xsd)),
    );
    let mut verdicts = [0, 0];
    for (document, data) in documents {
        let xsd_takes = theirs.check(document.as_bytes()).is_empty();
        let json_takes = ours.check(data).is_empty();
        assert_eq!(json_takes, xsd_takes, "{document} {:#}", made.schema);
        verdicts[usize::from(xsd_takes)] += 1;
    }
    assert!(verdicts[0] > 0 && verdicts[1] > 0, "{verdicts:?} {xsd}");
    made
}

fn root(inside: &str) -> String {
    format!("<xs:element name=\"r\"><xs:complexType>{inside}</xs:complexType></xs:element>")
}

fn texts(names: &str) -> String {
    let one = |name| format!("<xs:element name=\"{name}\" type=\"xs:string\"/>");
    names.split(' ').map(one).collect()
}

/// Each subset of `a`, `b` and `c`, as both.
fn subsets() -> Vec<(String, Value)> {
    let names = ["a", "b", "c"];
    let subset = |bits: usize| -> Vec<&str> {
        let taken = names
            .iter()
            .enumerate()
            .filter(|(at, _)| bits >> at & 1 == 1);
        taken.map(|(_, name)| *name).collect()
    };
    let both = |names: Vec<&str>| {
        let xml: String = names.iter().fold(String::new(), |mut xml, name| {
            let _ = write!(xml, "<{name}>x</{name}>");
            xml
        });
        let data = names.iter().map(|name| ((*name).to_owned(), json!("x")));
        (format!("<r>{xml}</r>"), Value::Object(data.collect()))
    };
    (0..8).map(|bits| both(subset(bits))).collect()
}

#[test]
fn what_of_a_choice_may_stand_together_is_carried_over() {
    let (a, b, c, ab) = (texts("a"), texts("b"), texts("c"), texts("a b"));
    let heads = "<xs:element name=\"h\" abstract=\"true\" type=\"xs:string\"/><xs:element name=\"a\" substitutionGroup=\"h\"/><xs:element name=\"b\" type=\"xs:string\" substitutionGroup=\"a\"/>";
    for xsd in [
        root(&format!("<xs:choice>{a}{b}{c}</xs:choice>")),
        root(&format!("<xs:choice minOccurs=\"0\">{a}{b}</xs:choice>")),
        root(&format!(
            "<xs:choice><xs:sequence>{ab}</xs:sequence>{c}</xs:choice>"
        )),
        root(&format!(
            "<xs:choice><xs:sequence>{ab}</xs:sequence><xs:sequence>{b}{c}</xs:sequence></xs:choice>"
        )),
        root(&format!(
            "<xs:sequence><xs:sequence minOccurs=\"0\">{ab}</xs:sequence>{c}</xs:sequence>"
        )),
        root(&format!(
            "<xs:sequence>{a}<xs:choice>{b}{c}</xs:choice></xs:sequence>"
        )),
        root(&format!(
            "<xs:choice><xs:sequence>{a}<xs:choice minOccurs=\"0\">{b}{c}</xs:choice></xs:sequence><xs:sequence/></xs:choice>"
        )),
        format!(
            "{heads}{}",
            root(&format!(
                "<xs:sequence><xs:element ref=\"h\"/>{c}</xs:sequence>"
            ))
        ),
        format!(
            "<xs:group name=\"g\"><xs:sequence>{ab}</xs:sequence></xs:group>{}",
            root(&format!(
                "<xs:sequence><xs:group ref=\"g\" minOccurs=\"0\"/>{c}</xs:sequence>"
            ))
        ),
    ] {
        let documents = subsets();
        let documents: Vec<(&str, Value)> = documents
            .iter()
            .map(|(xml, data)| (xml.as_str(), data.clone()))
            .collect();
        let made = agree_on(&xsd, &documents);
        assert_eq!(losses(&made), [""; 0], "{xsd}");
        let schema = Schema::compile(made.schema.to_string().as_bytes()).expect("a JSON Schema");
        let fits = made
            .examples
            .iter()
            .filter(|one| schema.check(one).is_empty());
        assert!(fits.count() > 0, "{:#?}", made.examples);
    }
}

fn valued(kind: &str, texts: &[&str]) {
    let xsd = root(&format!(
        "<xs:sequence><xs:element name=\"v\"><xs:simpleType>{kind}</xs:simpleType></xs:element></xs:sequence>"
    ));
    let documents: Vec<String> = texts
        .iter()
        .map(|text| format!("<r><v>{text}</v></r>"))
        .collect();
    let pairs = documents.iter().zip(texts);
    let pairs: Vec<(&str, Value)> = pairs
        .map(|(xml, text)| (xml.as_str(), json!({ "v": text })))
        .collect();
    agree_on(&xsd, &pairs);
}

#[test]
fn unions_codes_with_restrictions_and_built_in_types_are_carried_over() {
    let inline = "<xs:simpleType><xs:restriction base=\"xs:string\"><xs:enumeration value=\"a\"/></xs:restriction></xs:simpleType>";
    valued(
        &format!("<xs:union memberTypes=\"xs:date xs:gYear\">{inline}</xs:union>"),
        &["2026-01-01", "2026", "a", "x"],
    );
    valued(
        "<xs:restriction base=\"xs:string\"><xs:enumeration value=\"a\"/><xs:enumeration value=\"bb\"/><xs:maxLength value=\"1\"/></xs:restriction>",
        &["a", "bb"],
    );
    valued(
        "<xs:restriction base=\"xs:hexBinary\"><xs:length value=\"2\"/></xs:restriction>",
        &["0aFF", "0a", "0axx"],
    );
    for (base, texts) in [
        ("NCName", ["ab", "ä1", "a b", "1a", "a:b"]),
        ("NMTOKEN", ["1a", "a:b", "a b", "a$", "-"]),
        ("Name", ["a:b", "_", "1", "-a", "a b"]),
        ("language", ["de-DE", "de", "_", "d1", "de-"]),
        ("duration", ["P1D", "PT1.5S", "x", "1D", "D"]),
        ("gMonthDay", ["--01-31", "--12-01", "x", "--13-01", "01-31"]),
    ] {
        valued(&format!("<xs:restriction base=\"xs:{base}\"/>"), &texts);
    }
}

#[test]
fn a_restricted_type_keeps_the_attributes_of_its_base() {
    let base = "<xs:complexType name=\"b\"><xs:sequence><xs:element name=\"a\" type=\"xs:string\"/><xs:element name=\"c\" type=\"xs:string\" minOccurs=\"0\"/></xs:sequence>\
        <xs:attribute name=\"id\" type=\"xs:string\" use=\"required\"/><xs:attribute name=\"alt\" type=\"xs:string\"/></xs:complexType>";
    let restricted = root(
        "<xs:complexContent><xs:restriction base=\"b\"><xs:sequence><xs:element name=\"a\" type=\"xs:string\"/></xs:sequence><xs:attribute name=\"alt\" use=\"prohibited\"/></xs:restriction></xs:complexContent>",
    );
    let documents = [
        ("<r id='1'><a>x</a></r>", json!({"a": "x", "id": "1"})),
        ("<r><a>x</a></r>", json!({"a": "x"})),
        (
            "<r id='1'><a>x</a><c>y</c></r>",
            json!({"a": "x", "id": "1", "c": "y"}),
        ),
        (
            "<r id='1' alt='2'><a>x</a></r>",
            json!({"a": "x", "id": "1", "alt": "2"}),
        ),
    ];
    agree_on(&format!("{base}{restricted}"), &documents);
}

#[test]
fn groups_in_groups_and_restricted_texts_with_attributes_are_carried_over() {
    let groups = "<xs:attributeGroup name=\"g\"><xs:attributeGroup ref=\"h\"/></xs:attributeGroup><xs:attributeGroup name=\"h\"><xs:attribute name=\"y\" type=\"xs:int\" use=\"required\"/></xs:attributeGroup>";
    let with = root(
        "<xs:sequence><xs:element name=\"a\" type=\"xs:string\"/></xs:sequence><xs:attributeGroup ref=\"g\"/>",
    );
    let documents = [
        ("<r y='2'><a>x</a></r>", json!({"a": "x", "y": 2})),
        ("<r><a>x</a></r>", json!({"a": "x"})),
    ];
    agree_on(&format!("{groups}{with}"), &documents);
    let coded = "<xs:complexType name=\"b\"><xs:simpleContent><xs:extension base=\"xs:string\"><xs:attribute name=\"k\"/></xs:extension></xs:simpleContent></xs:complexType>";
    let with = root(
        "<xs:sequence><xs:element name=\"v\"><xs:complexType><xs:simpleContent><xs:restriction base=\"b\"><xs:enumeration value=\"a\"/></xs:restriction></xs:simpleContent></xs:complexType></xs:element></xs:sequence>",
    );
    let documents = [
        (
            "<r><v k='1'>a</v></r>",
            json!({"v": {"wert": "a", "k": "1"}}),
        ),
        (
            "<r><v k='1'>b</v></r>",
            json!({"v": {"wert": "b", "k": "1"}}),
        ),
    ];
    agree_on(&format!("{coded}{with}"), &documents);
}

#[test]
fn an_element_that_stands_twice_is_a_list() {
    let (a, b) = (texts("a"), texts("b"));
    let twice = root(&format!("<xs:sequence>{a}{b}{a}</xs:sequence>"));
    let documents = [
        (
            "<r><a>x</a><b>y</b><a>z</a></r>",
            json!({"a": ["x", "z"], "b": "y"}),
        ),
        ("<r><a>x</a><b>y</b></r>", json!({"a": ["x"], "b": "y"})),
    ];
    agree_on(&twice, &documents);
}

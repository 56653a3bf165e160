//! The wording of typical mistakes in messages, German and English, and what they never tell.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use amtsbote_problem::{Language, report};

use super::tests::{APPLICATION, official};
use super::{Options, Set, Sources};

const SCHEMA: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:melde" targetNamespace="urn:melde" elementFormDefault="qualified">
  <xs:simpleType name="Plz"><xs:annotation><xs:documentation>Die Postleitzahl, z. B. die eines Postfachs. Nur im Inland.</xs:documentation></xs:annotation>
    <xs:restriction base="xs:token"><xs:pattern value="[0-9]{5}"/></xs:restriction></xs:simpleType>
  <xs:simpleType name="Kurz"><xs:restriction base="xs:string"><xs:minLength value="1"/><xs:maxLength value="10"/></xs:restriction></xs:simpleType>
  <xs:complexType name="Code"><xs:sequence><xs:element name="code" form="unqualified"><xs:simpleType><xs:restriction base="xs:token">
    <xs:enumeration value="01"/><xs:enumeration value="02"/></xs:restriction></xs:simpleType></xs:element></xs:sequence>
    <xs:attribute name="listURI" type="xs:anyURI" fixed="urn:liste"/><xs:attribute name="listVersionID" type="xs:token" use="required"/></xs:complexType>
  <xs:complexType name="Person"><xs:sequence>
    <xs:element name="familienname" type="Kurz"><xs:annotation><xs:documentation>Der Name, den die Person führt.</xs:documentation></xs:annotation></xs:element>
    <xs:element name="vorname" type="Kurz" maxOccurs="3"/>
    <xs:element name="geburtsdatum" type="xs:date"/>
    <xs:choice><xs:element name="wohnung" type="Plz"/><xs:element name="postfach" type="Plz"/></xs:choice>
    <xs:element name="anzahlKinder" minOccurs="0"><xs:simpleType><xs:restriction base="xs:nonNegativeInteger"><xs:maxInclusive value="30"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="betrag" minOccurs="0"><xs:simpleType><xs:restriction base="xs:decimal"><xs:totalDigits value="6"/><xs:fractionDigits value="2"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="istVertreter" type="xs:boolean" fixed="true" minOccurs="0"/>
  </xs:sequence></xs:complexType>
  <xs:element name="anmeldung"><xs:complexType><xs:sequence>
    <xs:element name="grund" type="Code"/>
    <xs:element name="natuerlichePerson" type="Person" maxOccurs="unbounded"/>
  </xs:sequence><xs:attribute name="version" use="required" fixed="2.6"/></xs:complexType></xs:element>
</xs:schema>"#;

const GOOD: &str = "<anmeldung xmlns='urn:melde' version='2.6'>
<grund listVersionID='1'><code xmlns=''>01</code></grund>
<natuerlichePerson><familienname>Muster</familienname><vorname>Ada</vorname><geburtsdatum>1980-02-29</geburtsdatum><wohnung>65183</wohnung></natuerlichePerson>
<natuerlichePerson><familienname>Muster</familienname><vorname>Eva</vorname><vorname>Ida</vorname><geburtsdatum>1981-03-01</geburtsdatum><postfach>65183</postfach>
<anzahlKinder>2</anzahlKinder><betrag>1234.50</betrag><istVertreter>true</istVertreter></natuerlichePerson>
</anmeldung>";

/// What is changed, and into what.
const SLIPS: [(&str, &str); 18] = [
    (
        "<familienname>Muster</familienname><vorname>Ada",
        "<vorname>Ada",
    ),
    (
        "<vorname>Eva</vorname><vorname>Ida</vorname>",
        "<vorname>Eva</vorname><vorname>Ida</vorname><vorname>x</vorname><vorname>x</vorname>",
    ),
    (
        "<familienname>Muster</familienname><vorname>Ada</vorname>",
        "<vorname>Ada</vorname><familienname>Muster</familienname>",
    ),
    ("<code xmlns=''>01", "<code xmlns=''>09"),
    ("<code xmlns=''>", "<code>"),
    (" listVersionID='1'", ""),
    (
        " listVersionID='1'",
        " listURI='urn:andere' listVersionID='1'",
    ),
    (" version='2.6'", " version='2.4'"),
    (" version='2.6'", ""),
    (
        "<anmeldung xmlns='urn:melde'",
        "<anmeldung xmlns='urn:melde:2'",
    ),
    (
        "<familienname>Muster</familienname><vorname>Eva",
        "<familienname>Geheimnisvoll-Lang</familienname><vorname>Eva",
    ),
    ("1981-03-01", "01.03.1981"),
    ("<wohnung>65183", "<wohnung>6518Q"),
    ("<wohnung>65183</wohnung>", ""),
    ("<anzahlKinder>2", "<anzahlKinder>31"),
    ("1234.50", "1234,50"),
    ("<istVertreter>true", "<istVertreter>false"),
    ("</natuerlichePerson>\n</anmeldung>", "</natuerlichePerson>"),
];

fn told(set: &Set, document: &str) -> String {
    let findings = set.report(document.as_bytes()).errors;
    assert!(!findings.is_empty(), "{document}");
    let mut told = String::new();
    for (name, language) in [("de", Language::German), ("en", Language::English)] {
        let text = report::text(&findings, &[], language);
        writeln!(told, "-- {name}\n{text}").unwrap();
    }
    told
}

#[test]
fn slips_are_told_with_label_place_given_and_allowed() {
    let files = BTreeMap::from([("melde.xsd".to_owned(), SCHEMA.as_bytes().to_vec())]);
    let sources = Sources {
        files,
        ..Sources::default()
    };
    let set = Set::compile(sources, Options::default()).unwrap();
    assert_eq!(set.report(GOOD.as_bytes()).errors, []);
    let mut all = String::new();
    for (from, to) in SLIPS {
        let slip = GOOD.replacen(from, to, 1);
        assert_ne!(slip, GOOD, "{from}");
        let told = told(&set, &slip);
        for value in ["Geheimnis", "Ada", "6518Q", "01.03.1981", "1234"] {
            assert!(!told.contains(value), "{value}: {told}");
        }
        writeln!(all, "== {from} => {to}\n{told}").unwrap();
    }
    insta::assert_snapshot!("slips", all);
}

#[test]
fn slips_in_a_message_of_the_core_module_are_told_as_its_schema_puts_it() {
    let Some(set) = official("xbau-kernmodul-1.3.0/xsd") else {
        return;
    };
    let mut all = String::new();
    for (from, to) in [
        ("version=\"1.3.0\"", "version=\"1.2.0\""),
        ("kernmodul/1/3/0", "kernmodul/1/2/1/1"),
        ("<code>1200</code>", "<code>9999</code>"),
        ("<zaehler>12</zaehler>", ""),
        ("2026-03-01T10:00:00+01:00", "1.3.2026"),
        ("<name>Musterbau GmbH</name>", "<name>Ж</name>"),
        ("<autor>", "<verfasser>"),
    ] {
        let slip = APPLICATION.replacen(from, to, 1).replace(
            "</autor>",
            if from == "<autor>" {
                "</verfasser>"
            } else {
                "</autor>"
            },
        );
        writeln!(all, "== {from} => {to}\n{}", told(&set, &slip)).unwrap();
    }
    insta::assert_snapshot!("core_module", all);
}

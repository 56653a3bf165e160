//! Services from XSD: attributes, restrictions and labels come along, and the proposed JSON Schema takes what the XSD takes.

use std::collections::BTreeMap;

use amtsbote_propose::{Foreign, NewService, Schemas, service};
use amtsbote_validate::json::Schema;
use amtsbote_validate::xsd::{Options, Set, Sources, XmlSchema as _};
use serde_json::{Value, json};

pub(crate) fn schema_file(inside: &str) -> String {
    format!("<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">{inside}</xs:schema>")
}

pub(crate) fn made(xsd: &str) -> NewService {
    let files = BTreeMap::from([("a.xsd".to_owned(), xsd.as_bytes().to_vec())]);
    let schemas = Schemas {
        files: &files,
        main: "a.xsd",
        root: Some("r"),
    };
    service(&Foreign::Xsd(schemas)).expect("a service")
}

pub(crate) fn set(xsd: &str) -> Set {
    let files = BTreeMap::from([("a.xsd".to_owned(), xsd.as_bytes().to_vec())]);
    let sources = Sources {
        files,
        ..Sources::default()
    };
    Set::compile(sources, Options::default()).expect("a schema")
}

pub(crate) fn losses(made: &NewService) -> Vec<String> {
    let lines = made.losses.iter().filter(|note| !note.at.is_empty());
    lines
        .map(|note| format!("{}: {}", note.at, note.text.en))
        .collect()
}

#[test]
fn attributes_are_members_and_what_is_fixed_is_told() {
    let xsd = schema_file(
        r#"<xs:element name="r"><xs:complexType><xs:sequence>
        <xs:element name="betrag" maxOccurs="3"><xs:annotation><xs:documentation>Betrag der Forderung</xs:documentation></xs:annotation>
          <xs:complexType><xs:simpleContent><xs:extension base="xs:decimal">
            <xs:attribute name="waehrung" use="required"><xs:simpleType><xs:restriction base="xs:string">
              <xs:enumeration value="EUR"><xs:annotation><xs:documentation>Euro</xs:documentation></xs:annotation></xs:enumeration>
              <xs:enumeration value="CHF"/></xs:restriction></xs:simpleType></xs:attribute>
            <xs:attribute name="liste" fixed="urn:x"/>
          </xs:extension></xs:simpleContent></xs:complexType></xs:element>
        <xs:element name="leer" minOccurs="0"><xs:complexType><xs:attribute name="grund" type="xs:string"/></xs:complexType></xs:element>
        <xs:element name="id" minOccurs="0" type="xs:string"/>
      </xs:sequence><xs:attribute name="id" type="xs:positiveInteger" use="required"/></xs:complexType></xs:element>"#,
    );
    let made = made(&xsd);
    let properties = &made.schema["properties"];
    let amount = &properties["betrag"]["items"];
    assert_eq!(properties["betrag"]["title"], "Betrag der Forderung");
    assert_eq!(
        (
            &properties["betrag"]["minItems"],
            &properties["betrag"]["maxItems"]
        ),
        (&json!(1), &json!(3))
    );
    assert_eq!(amount["required"], json!(["wert", "waehrung"]));
    assert_eq!(amount["properties"]["wert"]["type"], "number");
    let currency = &amount["properties"]["waehrung"];
    assert_eq!(currency["enum"], json!(["EUR", "CHF"]));
    assert_eq!(currency["x-enum-labels"]["EUR"]["de"], "Euro");
    assert_eq!(amount["properties"].get("liste"), None);
    assert_eq!(
        properties["leer"]["properties"]["grund"]["type"],
        json!("string")
    );
    assert_eq!(properties["leer"].get("required"), None);
    assert_eq!(properties["id-attribut"]["minimum"], 1);
    assert_eq!(made.schema["required"], json!(["betrag", "id-attribut"]));
    assert_eq!(
        losses(&made),
        [
            "/r/betrag/@liste: is fixed and not in the data",
            "/r/betrag: has text and attributes: the text is the member wert",
        ]
    );
    let example = &made.examples[0];
    assert_eq!(example["betrag"][0]["waehrung"], "EUR");
    let schema = Schema::compile(made.schema.to_string().as_bytes()).expect("a JSON Schema");
    assert_eq!(schema.check(example), []);
}

#[test]
fn what_json_schema_has_nothing_for_is_listed_with_its_place() {
    let simple = |name: &str, inside: &str| {
        format!(
            "<xs:element name=\"{name}\" minOccurs=\"0\"><xs:simpleType>{inside}</xs:simpleType></xs:element>"
        )
    };
    let restricted = |facet: &str, base: &str| {
        format!("<xs:restriction base=\"xs:{base}\">{facet}</xs:restriction>")
    };
    let parts = [
        simple("a", &restricted("<xs:pattern value=\"[a-z-[aeiou]]\"/>", "string")),
        simple("c", "<xs:list itemType=\"xs:date\"/>"),
        simple("d", &restricted("<xs:minInclusive value=\"2020-01-01\"/>", "date")),
        simple("e", &restricted("<xs:fractionDigits value=\"2\"/><xs:totalDigits value=\"4\"/>", "decimal")),
        "<xs:element name=\"f\" type=\"xs:date\" nillable=\"true\"/>".to_owned(),
        "<xs:sequence maxOccurs=\"3\"><xs:element name=\"g\" type=\"xs:date\"/><xs:element name=\"h\" type=\"xs:date\"/></xs:sequence>".to_owned(),
        "<xs:element name=\"i\"><xs:complexType><xs:sequence><xs:any/></xs:sequence><xs:anyAttribute/></xs:complexType><xs:unique name=\"u\"/></xs:element>".to_owned(),
        "<xs:element name=\"d\" type=\"xs:int\"/>".to_owned(),
    ];
    let parts = parts.concat();
    let made = made(&schema_file(&format!(
        "<xs:element name=\"r\"><xs:complexType><xs:sequence>{parts}</xs:sequence></xs:complexType></xs:element>"
    )));
    let losses = losses(&made);
    for (line, expected) in losses.iter().zip([
        "/r/a: the pattern [a-z-[aeiou]] has no equal",
        "/r/c: is a list of values",
        "/r/d: the restriction minInclusive = 2020-01-01 is not checked",
        "/r/e: at most 4 digits",
        "/r/f: darf ausdrücklich leer sein",
        "/r/g: wiederholt sich gemeinsam mit anderen (g, h)",
        "/r/i: darf beliebige Attribute",
        "/r/i: darf beliebige Elemente",
        "/r/i: xs:unique u",
        "/r/d: stands there twice with different types",
    ]) {
        assert!(line.starts_with(expected), "{losses:#?}");
    }
    assert_eq!(losses.len(), 10, "{losses:#?}");
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit
    }
}

/// Restriction of a text, characters to try, texts to begin with. No blanks: XSD takes them away from most types before it looks.
const TEXTS: [(&str, &str, &[&str]); 19] = [
    ("<xs:pattern value=\"\\i\\c*\"/>", "aä1-:·", &["aä", "_1"]),
    ("<xs:pattern value=\"^x|y$\"/>", "^x$y", &["^x", "y$"]),
    (
        "<xs:pattern value=\"\\p{IsBasicLatin}[\\w]\"/>",
        "aäẞ_1",
        &["aä", "1ẞ"],
    ),
    ("<xs:maxLength value=\"3\"/>", "aé𝄞Z", &["ab", "é𝄞a"]),
    (
        "<xs:minLength value=\"2\"/><xs:maxLength value=\"4\"/>",
        "ab",
        &["aba"],
    ),
    ("<xs:length value=\"3\"/>", "xyz", &["xyz"]),
    (
        "<xs:pattern value=\"[0-9]{5}\"/>",
        "0123456789a",
        &["65183", "00000"],
    ),
    (
        "<xs:pattern value=\"\\d{2}\"/><xs:pattern value=\"([A-Z]|x)\"/>",
        "0189AZxy",
        &["12", "A", "x"],
    ),
    ("<xs:pattern value=\"(a|bc)+d?\"/>", "abcd", &["abcad", "a"]),
    ("<xs:pattern value=\"(a|b)\"/>", "abc", &["a", "b"]),
    ("<xs:pattern value=\"x[$^]{1,2}\"/>", "^x$y", &["x$", "x^$"]),
    (
        "<xs:pattern value=\"[^a-c\\-]*\"/>",
        "abcd-ä^",
        &["dä", "^"],
    ),
    (
        "<xs:pattern value=\"[-+]?[0-9]+(\\.[0-9]{1,2})?\"/>",
        "+-.0159",
        &["-1.25", "7"],
    ),
    (
        "<xs:pattern value=\"\\p{Lu}\\p{Ll}*\"/>",
        "ÄäAaß1",
        &["Äa", "A"],
    ),
    (
        "<xs:pattern value=\"\\P{L}\\S\\w\"/>",
        "1a_-ä",
        &["1a1", "-ää"],
    ),
    ("<xs:pattern value=\".{2}\"/>", "a𝄞{}.", &["a𝄞", ".."]),
    (
        "<xs:pattern value=\"[\\[\\]\\\\^]{1,3}\"/>",
        "[]\\^a",
        &["[]", "\\^"],
    ),
    (
        "<xs:pattern value=\"DE[0-9]{0,12}\"/><xs:maxLength value=\"6\"/>",
        "DE016",
        &["DE06", "DE"],
    ),
    (
        "<xs:enumeration value=\"a\"/><xs:enumeration value=\"b c\"/>",
        "abc ",
        &["a", "b c"],
    ),
];

const ROUNDS: usize = 400;

/// A text near `seed`: some characters changed, left out or put in.
fn near(seed: &str, alphabet: &[char], dice: &mut Dice) -> String {
    let mut text: Vec<char> = seed.chars().collect();
    for _ in 0..dice.below(4) {
        let at = dice.below(text.len() + 1);
        let one = alphabet[dice.below(alphabet.len())];
        match dice.below(3) {
            0 if at < text.len() => text[at] = one,
            1 if at < text.len() => drop(text.remove(at)),
            _ => text.insert(at, one),
        }
    }
    text.into_iter().collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Asks both about each value; gives how many both take.
fn agree(kind: &str, values: impl Iterator<Item = (String, Value)>) -> usize {
    let xsd = schema_file(&format!(
        "<xs:element name=\"r\"><xs:complexType><xs:sequence><xs:element name=\"v\"><xs:simpleType>{kind}</xs:simpleType></xs:element></xs:sequence></xs:complexType></xs:element>"
    ));
    let made = made(&xsd);
    assert_eq!(losses(&made), [""; 0], "{kind}");
    let (ours, theirs) = (
        Schema::compile(made.schema.to_string().as_bytes()).expect("a JSON Schema"),
        set(&xsd),
    );
    let mut both = 0;
    for (text, value) in values {
        let document = format!("<r><v>{}</v></r>", escaped(&text));
        let xsd_takes = theirs.check(document.as_bytes()).is_empty();
        let json_takes = ours.check(&json!({ "v": value })).is_empty();
        assert_eq!(json_takes, xsd_takes, "{kind}: {text:?} {}", made.schema);
        both += usize::from(xsd_takes);
    }
    both
}

#[test]
fn texts_the_json_schema_takes_are_those_the_xsd_takes() {
    for (seed, (facets, alphabet, seeds)) in TEXTS.into_iter().enumerate() {
        let (mut dice, alphabet) = (Dice(seed as u64 + 3), alphabet.chars().collect::<Vec<_>>());
        let near = (0..ROUNDS).map(|round| near(seeds[round % seeds.len()], &alphabet, &mut dice));
        // Empty texts are not accepted here, whatever the XSD says.
        let texts: Vec<String> = near.filter(|text| !text.is_empty()).collect();
        let count = texts.len();
        let values = texts.into_iter().map(|text| (text.clone(), json!(text)));
        let kind = format!("<xs:restriction base=\"xs:string\">{facets}</xs:restriction>");
        let taken = agree(&kind, values);
        assert!(taken > 50 && taken < count, "{facets}: {taken} of {count}");
    }
}

#[test]
fn numbers_the_json_schema_takes_are_those_the_xsd_takes() {
    for (base, facets) in [
        ("positiveInteger", "<xs:totalDigits value=\"2\"/>"),
        ("unsignedByte", ""),
        ("short", "<xs:minInclusive value=\"-7\"/>"),
        ("integer", "<xs:totalDigits value=\"3\"/>"),
        ("nonNegativeInteger", "<xs:maxExclusive value=\"100\"/>"),
        (
            "decimal",
            "<xs:minExclusive value=\"-0.5\"/><xs:maxInclusive value=\"99.5\"/>",
        ),
        ("decimal", "<xs:fractionDigits value=\"0\"/>"),
        ("decimal", "<xs:fractionDigits value=\"1\"/>"),
        ("decimal", "<xs:maxInclusive value=\"+07.5\"/>"),
    ] {
        let mut dice = Dice(11);
        let bounds = [
            0, 1, 7, 99, 100, 127, 128, 255, 256, 999, 1000, 32_767, 32_768,
        ];
        let values = (0..ROUNDS).map(|_| {
            let whole = bounds[dice.below(bounds.len())];
            let sign = ["", "-"][dice.below(2)];
            let rest = ["", "", ".5", ".25"][dice.below(4)];
            let text = format!("{sign}{whole}{rest}");
            let value = serde_json::from_str(&text).expect("a number");
            (text, value)
        });
        let kind = format!("<xs:restriction base=\"xs:{base}\">{facets}</xs:restriction>");
        let taken = agree(&kind, values);
        assert!(taken > 20 && taken < ROUNDS, "{base} {facets}: {taken}");
    }
}

//! Packages from samples.

use std::collections::BTreeMap;
use std::path::Path;

use amtsbote_propose::{Ask, Column, NoteKind, Proposal, Sample, Schemas, package};
use serde_json::Value;

/// Schema, its URI, and an example of a service.
pub(crate) fn proposed(service: &str, example: &str, sample: Sample<'_>) -> Proposal {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../schemas")
        .join(service);
    let schema: Value =
        serde_json::from_slice(&std::fs::read(folder.join("schema.json")).unwrap()).unwrap();
    let example = std::fs::read(folder.join(format!("examples/{example}.json"))).unwrap();
    let ask = Ask {
        name: "probe",
        service: "urn:de:fim:leika:leistung:99102013002000",
        label: &amtsbote_problem::Bilingual::new("Probe", "Try"),
        schema_uri: schema["$id"].as_str().unwrap(),
        schema: &schema,
        example: &example,
        example_name: "beispiel",
        sample,
        ending: None,
    };
    let proposal = package(&ask).unwrap();
    assert_eq!(
        package(&ask).unwrap().files,
        proposal.files,
        "the same input gives the same files"
    );
    proposal
}

/// Place in the format → place in the data.
pub(crate) fn sources(proposal: &Proposal) -> BTreeMap<String, String> {
    let proposed = proposal
        .notes
        .iter()
        .filter(|note| matches!(note.kind, NoteKind::Proposed(_)));
    proposed
        .map(|note| {
            let source = note.text.de.split(' ').next().unwrap_or_default();
            let place = note.at.rsplit('/').next().unwrap_or_default();
            (place.to_owned(), source.to_owned())
        })
        .collect()
}

pub(crate) fn schemas(files: &BTreeMap<String, Vec<u8>>) -> Schemas<'_> {
    Schemas {
        files,
        main: "a.xsd",
        root: None,
    }
}

pub(crate) fn text<'p>(proposal: &'p Proposal, file: &str) -> &'p str {
    std::str::from_utf8(&proposal.files[file]).unwrap()
}

const CSV: &[u8] = b"LFDNR;MANDANT;EINGANG;HALTER_NACHNAME;HALTER_VORNAME;GEBDAT;STRASSE;HNR;PLZ;WOHNORT;TEL;EMAIL;HUNDENAME;RASSE;GESCHLECHT;WURFTAG;CHIPNR;GEFAEHRLICH;ZAHLART;IBAN;KASSENZEICHEN\r\n\
1;7;31.01.2026;Mustermann;Erika;29.02.1980;Hauptstr.;5;12345;Musterstadt;0611 1;e@example.org;Bello;Dackel;R\xfcde;01.05.2021;276000000000001;J;L;DE02120300000000202051;\r\n";

#[test]
fn columns_of_a_csv_find_their_fields_by_name_synonym_and_value() {
    let proposal = proposed("hundesteuer", "familie", Sample::Csv(CSV));
    let found = sources(&proposal);
    for (column, source) in [
        ("HALTER_NACHNAME", "/antragsteller/*/familienname"),
        ("HALTER_VORNAME", "/antragsteller/*/vornamen"),
        ("GEBDAT", "/antragsteller/*/geburtsdatum"),
        ("STRASSE", "/antragsteller/*/anschrift/strasse"),
        ("HNR", "/antragsteller/*/anschrift/hausnummer"),
        ("WOHNORT", "/antragsteller/*/anschrift/ort"),
        ("EMAIL", "/antragsteller/*/erreichbarkeit/email"),
        ("HUNDENAME", "/hunde/*/rufname"),
        ("WURFTAG", "/hunde/*/wurfdatum"),
        ("GEFAEHRLICH", "/hunde/*/istGefaehrlich"),
        ("IBAN", "/zahlung/sepaMandat/iban"),
        ("ZAHLART", "/zahlung/art"),
        ("EINGANG", "$received_at"),
        ("MANDANT", "$receiver.mandant"),
    ] {
        assert_eq!(
            found.get(column).map(String::as_str),
            Some(source),
            "{column}"
        );
    }
    assert!(
        !found.contains_key("KASSENZEICHEN"),
        "nothing fits: nothing is proposed"
    );
    let list = text(&proposal, "spalten.toml");
    for part in [
        "each = \".hunde\"",
        "as = \"partial-date:dd.MM.yyyy\"",
        "as = \"boolean:J/N\"",
        "count = \"row\"",
        "from = \"$root.antragsteller[0].familienname\"",
    ] {
        assert!(list.contains(part), "{part}\n{list}");
    }
    let manifest = text(&proposal, "package.toml");
    for part in [
        "draft = true",
        "encoding = \"iso-8859-1\"",
        "separator = \";\"",
        "line_end = \"crlf\"",
    ] {
        assert!(manifest.contains(part), "{part}\n{manifest}");
    }
    // The sample's word for a code is taken; the other code is marked as not confirmed.
    let codes = text(&proposal, "codes/geschlecht.toml");
    assert!(codes.contains("\"ruede\" = \"Rüde\""), "{codes}");
    assert!(codes.contains("\"huendin\" = \"huendin\"  # ?"), "{codes}");
}

#[test]
fn an_xml_sample_is_repeated_where_it_repeats_and_keeps_constants_in_sight() {
    let sample = br#"<a:Anmeldung xmlns:a="urn:example:a" version="3">
      <a:Halter><a:Nachname>M</a:Nachname><a:Ort>K</a:Ort></a:Halter>
      <a:Tiere><a:Hund><a:Name>Bello</a:Name><a:Geschlecht>R</a:Geschlecht><a:Steuerklasse>1</a:Steuerklasse></a:Hund>
               <a:Hund><a:Name>Wilma</a:Name><a:Geschlecht>H</a:Geschlecht><a:Steuerklasse>1</a:Steuerklasse></a:Hund></a:Tiere>
    </a:Anmeldung>"#;
    let proposal = proposed("hundesteuer", "familie", Sample::Xml(sample, None));
    let template = text(&proposal, "vorlage.xml");
    for part in [
        "<a:Hund b:each=\".hunde\">",
        "<a:Name b:from=\".rufname\">",
        "b:from=\".antragsteller[0].familienname\"",
        "b:from=\".antragsteller[0].anschrift.ort\"",
        "<a:Steuerklasse>1</a:Steuerklasse>",
    ] {
        assert!(template.contains(part), "{part}\n{template}");
    }
    let constant = proposal
        .notes
        .iter()
        .find(|note| note.kind == NoteKind::Constant)
        .unwrap();
    assert!(constant.at.ends_with("a:Steuerklasse"));
    let codes = text(&proposal, "codes/geschlecht.toml");
    assert!(
        codes.contains("\"ruede\" = \"R\"  # ?") && codes.contains("\"huendin\" = \"H\"  # ?"),
        "{codes}"
    );
}

#[test]
fn fixed_width_takes_the_record_description() {
    let columns = Column::list("NACHNAME:20,VORNAME:15\nGEBDAT;8\nBETRAG:7").unwrap();
    let line = "Mustermann          Erika          290219800000500\n";
    let proposal = proposed(
        "hundesteuer",
        "familie",
        Sample::Fixed(line.as_bytes(), Some(&columns)),
    );
    let list = text(&proposal, "saetze.toml");
    for part in [
        "width = 20",
        "as = \"partial-date:ddMMyyyy\"",
        "align = \"right\"\npad = \"0\"",
    ] {
        assert!(list.contains(part), "{part}\n{list}");
    }
    for bad in ["", "NAME", "NAME:0", "NAME:x"] {
        assert!(Column::list(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_json_sample_with_english_names_finds_german_fields() {
    let sample = br#"{"$schema":"x","owner":{"lastName":"Doe","dateOfBirth":"1980-02-29","address":{"zip":"12345","houseNumber":"5"}},
        "dogs":[{"name":"Bello","dangerous":true}],"payment":{"iban":"DE02120300000000202051"}}"#;
    let proposal = proposed("hundesteuer", "familie", Sample::Json(sample));
    let sample: Value = serde_json::from_str(text(&proposal, "vorlage.json")).unwrap();
    assert_eq!(sample["$$schema"], "x");
    assert_eq!(
        sample["owner"]["dateOfBirth"]["$from"],
        ".antragsteller[0].geburtsdatum"
    );
    assert_eq!(
        sample["owner"]["address"]["houseNumber"]["$from"],
        ".antragsteller[0].anschrift.hausnummer"
    );
    assert_eq!(sample["dogs"][0]["$each"], ".hunde");
    assert_eq!(sample["dogs"][0]["dangerous"]["$from"], ".istGefaehrlich");
}

const XSD: &[u8] = br#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:h="urn:example:h" targetNamespace="urn:example:h" elementFormDefault="qualified">
  <xs:element name="Anmeldung"><xs:complexType><xs:sequence>
    <xs:element name="Halter" type="h:Person" maxOccurs="unbounded"/>
    <xs:element name="Zahlung" minOccurs="0"><xs:complexType><xs:choice>
      <xs:element name="IBAN" type="xs:string"/><xs:element name="Bar" type="xs:boolean"/></xs:choice></xs:complexType></xs:element>
    <xs:element name="Bescheid" type="xs:string" minOccurs="0"/>
  </xs:sequence><xs:attribute name="version" use="required" fixed="4"/></xs:complexType></xs:element>
  <xs:complexType name="Person"><xs:sequence>
    <xs:element name="Familienname" type="xs:string"/><xs:element name="Kassennummer" type="xs:string"/>
    <xs:element name="Vorgesetzter" type="h:Person" minOccurs="0"/></xs:sequence></xs:complexType>
</xs:schema>"#;

#[test]
fn an_xsd_root_gives_a_sample_with_choices_explained_and_open_places_named() {
    let files = BTreeMap::from([("a.xsd".to_owned(), XSD.to_vec())]);
    let proposal = proposed("hundesteuer", "familie", Sample::Xsd(schemas(&files)));
    let template = text(&proposal, "vorlage.xml");
    for part in [
        "<h:Halter b:each=\".antragsteller\">",
        "version=\"4\"",
        "one of: IBAN | Bar",
        "optional, not used: h:Bescheid",
    ] {
        assert!(template.contains(part), "{part}\n{template}");
    }
    let open: Vec<&str> = proposal
        .notes
        .iter()
        .filter(|note| note.kind == NoteKind::Unmapped)
        .map(|note| note.at.as_str())
        .collect();
    assert_eq!(open, ["/h:Anmeldung/h:Halter/h:Kassennummer"]);
}

#[test]
fn what_cannot_be_read_is_refused_with_a_hint_in_both_languages() {
    let empty = BTreeMap::new();
    let huge = "<a>".repeat(100);
    for sample in [
        Sample::Xml(b"<a><b></a>", None),
        Sample::Xml(b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", None),
        Sample::Xml(huge.as_bytes(), None),
        Sample::Json(b"{"),
        Sample::Json(b"{\"a\":1}\n{\"a\":2}\n"),
        Sample::Csv(b""),
        Sample::Fixed(b"\n\n", None),
        Sample::Xsd(schemas(&empty)),
    ] {
        let schema = serde_json::json!({ "properties": { "a": { "type": "string" } } });
        let ask = Ask {
            name: "probe",
            service: "urn:x",
            label: &amtsbote_problem::Bilingual::new("a", "b"),
            schema_uri: "urn:y",
            schema: &schema,
            example: b"{}",
            example_name: "x",
            sample: sample.clone(),
            ending: None,
        };
        let refused = package(&ask).unwrap_err();
        assert!(
            !refused.text.de.is_empty() && !refused.text.en.is_empty(),
            "{sample:?}"
        );
    }
}

const WITH_TYPES: &[u8] = br#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:h="urn:example:h" targetNamespace="urn:example:h" elementFormDefault="qualified">
  <xs:include schemaLocation="b.xsd"/>
  <xs:element name="Meldung"><xs:complexType><xs:sequence>
    <xs:element name="Eingang" type="h:Datum"/>
    <xs:element name="Person" type="h:Person" maxOccurs="unbounded"/>
    <xs:element ref="h:Hinweis"/>
    <xs:sequence maxOccurs="unbounded"><xs:element name="Nr" type="xs:int"/><xs:element name="Rufname" type="xs:string"/></xs:sequence>
    <xs:element name="Anlage" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:simpleContent><xs:extension base="xs:base64Binary">
      <xs:attribute name="dateiname" type="xs:string" use="required"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"#;

const TYPES: &[u8] = br#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:h="urn:example:h" targetNamespace="urn:example:h" elementFormDefault="qualified">
  <xs:simpleType name="Datum"><xs:restriction base="xs:string"><xs:pattern value="[0-9]{2}\.[0-9]{2}\.[0-9]{4}"/></xs:restriction></xs:simpleType>
  <xs:complexType name="Person" abstract="true"><xs:sequence><xs:element name="Telefon" type="xs:string" minOccurs="0"/></xs:sequence></xs:complexType>
  <xs:complexType name="Mensch"><xs:complexContent><xs:extension base="h:Person"><xs:sequence><xs:element name="Nachname" type="xs:string"/><xs:group ref="h:Mehr"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
  <xs:complexType name="Firma"><xs:complexContent><xs:extension base="h:Person"><xs:sequence/></xs:extension></xs:complexContent></xs:complexType>
  <xs:group name="Mehr"><xs:sequence><xs:element name="Ort" type="xs:string"/><xs:group ref="h:Mehr" minOccurs="0"/></xs:sequence></xs:group>
  <xs:element name="Hinweis" type="xs:string" abstract="true"/>
  <xs:element name="Bemerkung" type="xs:string" substitutionGroup="h:Hinweis"/>
  <xs:element name="Warnung" type="xs:string" substitutionGroup="h:Hinweis"/>
</xs:schema>"#;

#[test]
fn an_xsd_with_abstract_types_substitutes_repeated_sequences_and_recursion_gives_a_sample_it_takes()
{
    let files = BTreeMap::from([
        ("a.xsd".to_owned(), WITH_TYPES.to_vec()),
        ("b.xsd".to_owned(), TYPES.to_vec()),
    ]);
    let proposal = proposed("hundesteuer", "familie", Sample::Xsd(schemas(&files)));
    let template = text(&proposal, "vorlage.xml");
    for part in [
        "b:as=\"date:dd.MM.yyyy\"",
        "<h:Person xsi:type=\"h:Mensch\" b:each=\".antragsteller\">",
        "xsi:type is one of: Mensch | Firma",
        "<h:Bemerkung b:from=\".bemerkung\"",
        "one of: Bemerkung | Warnung",
        "<b:group b:each=\".hunde\">",
        "<h:Nr b:from=\"$nr\">",
        "b:attr-dateiname=\".filename\"",
        "b:from=\".content\"",
    ] {
        assert!(template.contains(part), "{part}\n{template}");
    }
    assert_eq!(template.matches("<h:Ort").count(), 1, "{template}");
    let manifest = text(&proposal, "package.toml");
    assert!(
        manifest.contains("format = \"xml\"") && manifest.contains("schema = \"xsd/a.xsd\""),
        "{manifest}"
    );
    assert!(proposal.files.contains_key("xsd/b.xsd"));
}

#[test]
fn elements_that_alternate_repeat_together_and_a_long_list_costs_little() {
    let pair = "<Nr>1</Nr><Rufname>Bello</Rufname>".repeat(3);
    let sample = format!("<Meldung><Tiere><Kopf>x</Kopf>{pair}<Ende>x</Ende></Tiere></Meldung>");
    let proposal = proposed(
        "hundesteuer",
        "familie",
        Sample::Xml(sample.as_bytes(), None),
    );
    let template = text(&proposal, "vorlage.xml");
    assert!(
        template.contains("<b:group b:each=\".hunde\">"),
        "{template}"
    );
    assert_eq!(template.matches("<Rufname").count(), 1, "{template}");
    let long = format!("<a>{}</a>", "<Nachname>x</Nachname>".repeat(100_000));
    proposed("hundesteuer", "familie", Sample::Xml(long.as_bytes(), None));
}

#[test]
fn a_list_of_attachments_in_json_is_known_by_its_names() {
    let sample = br#"{"tiere":[{"lfdNr":1,"rufname":"Bello","rasse":"Dackel"}],"dokumente":[{"dateiname":"x.pdf","mimeType":"application/pdf","groesse":1,"inhalt":"AAAA","klasse":"A"}]}"#;
    let proposal = proposed("hundesteuer", "familie", Sample::Json(sample));
    let sample: Value = serde_json::from_str(text(&proposal, "vorlage.json")).unwrap();
    let file = &sample["dokumente"][0];
    assert_eq!(file["$each"], "$attachments");
    assert_eq!(file["inhalt"]["$from"], ".content");
    assert_eq!(file["groesse"]["$from"], ".size_bytes");
    assert_eq!(file["klasse"], "A");
    assert_eq!(sample["tiere"][0]["lfdNr"]["$from"], "$nr");
}

#[test]
fn samples_in_the_encodings_of_procedures_are_read() {
    let umlaut = |encoding: &str, bytes: &[u8]| {
        let head = format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?><a><Nachname>");
        [head.as_bytes(), bytes, b"</Nachname></a>"].concat()
    };
    for (encoding, bytes, written) in [
        ("ISO-8859-15", &b"M\xfcller \xa4"[..], "iso-8859-15"),
        ("Windows-1252", b"M\xfcller \x80", "windows-1252"),
        ("ISO-8859-1", b"M\xfcller", "iso-8859-1"),
    ] {
        let proposal = proposed(
            "hundesteuer",
            "familie",
            Sample::Xml(&umlaut(encoding, bytes), None),
        );
        let manifest = text(&proposal, "package.toml");
        assert!(
            manifest.contains(&format!("encoding = \"{written}\"")),
            "{manifest}"
        );
        assert!(text(&proposal, "vorlage.xml").contains("Müller"));
    }
    let wide: Vec<u8> = "<a><Nachname>Müller</Nachname></a>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let wide = [&[0xFF, 0xFE], wide.as_slice()].concat();
    let proposal = proposed("hundesteuer", "familie", Sample::Xml(&wide, None));
    assert!(text(&proposal, "vorlage.xml").contains("Müller"));
}

#[test]
fn a_table_of_dos_is_known_by_its_umlauts_quotes_and_end() {
    let sample = b"NAME,VORNAME,GEBDAT,RASSE,LFDNR\r\n\"M\x81ller\",\"J\x94rg\",31.01.1980,\"Dackel\",1\r\n\"Wei\xe1\",\"\",,\"Mops\",2\r\n\x1a";
    let proposal = proposed("hundesteuer", "familie", Sample::Csv(sample));
    let manifest = text(&proposal, "package.toml");
    for part in [
        "encoding = \"cp850\"",
        "quote = \"texts\"",
        "line_end = \"crlf\"",
        "end_of_file = \"1A\"",
    ] {
        assert!(manifest.contains(part), "{part}\n{manifest}");
    }
    let list = text(&proposal, "spalten.toml");
    assert!(list.contains("header_quoted = false"), "{list}");
    assert_eq!(list.matches("\nquoted = ").count(), 1, "{list}");
    assert!(
        list.contains("as = \"partial-date:dd.MM.yyyy\"\nmissing = \"empty\"\nquoted = false")
            || list.contains("as = \"partial-date:dd.MM.yyyy\"\nquoted = false"),
        "{list}"
    );
    let lines = sample.map(|byte| if byte == b'\n' { b' ' } else { byte });
    let proposal = proposed("hundesteuer", "familie", Sample::Csv(&lines));
    assert!(text(&proposal, "package.toml").contains("line_end = \"cr\""));
    // Where quotes are only needed, nothing is said of texts.
    let needed = b"NAME;ORT\n\"a;b\";Kassel\nc;Fulda\n";
    let proposal = proposed("hundesteuer", "familie", Sample::Csv(needed));
    assert!(text(&proposal, "package.toml").contains("quote = \"needed\""));
}

//! Shapes of samples that other proposals got wrong: amounts in another unit, empty elements, heads, named files, schemas beside samples.

use std::collections::BTreeMap;

use amtsbote_propose::{NoteKind, Sample};

use crate::samples::{proposed, schemas, sources, text};

#[test]
fn an_amount_in_cents_is_divided_where_the_sample_has_euros_and_asked_about_where_it_does_not_tell()
{
    let csv = b"KIND_NAME;KIND_GEB;UNTERHALT\r\nMuster;01.04.2020;120,00\r\n";
    let proposal = proposed("unterhaltsvorschuss", "getrennt", Sample::Csv(csv));
    let columns = text(&proposal, "spalten.toml");
    assert!(
        columns.contains("from = \".unterhaltMonatlichCent | values / 100\"\nas = \"number:0,00\""),
        "{columns}"
    );
    let whole = b"KIND_NAME;KIND_GEB;UNTERHALT\r\nMuster;01.04.2020;120\r\n";
    let proposal = proposed("unterhaltsvorschuss", "getrennt", Sample::Csv(whole));
    assert!(!text(&proposal, "spalten.toml").contains("/ 100"));
    let unit = |kind| kind == NoteKind::Unit;
    assert!(
        proposal
            .notes
            .iter()
            .any(|note| unit(note.kind) && note.at == "column/UNTERHALT")
    );
    let cents = b"KIND_NAME;KIND_GEB;UNTERHALT_CENT\r\nMuster;01.04.2020;12000\r\n";
    let proposal = proposed("unterhaltsvorschuss", "getrennt", Sample::Csv(cents));
    assert!(!proposal.notes.iter().any(|note| unit(note.kind)));
}

#[test]
fn a_name_before_the_column_tells_whose_it_is_even_shortened() {
    let csv = b"ANTRAGST_NAME;ANTRAGST_VORNAME;ANTRAGST_GEB;KIND_NAME;KIND_VORNAME;KIND_GEB\r\nM;E;01.04.1990;M;Max;01.04.2020\r\nM;E;01.04.1990;M;Mia;01.04.2021\r\n";
    let proposal = proposed("unterhaltsvorschuss", "getrennt", Sample::Csv(csv));
    let found = sources(&proposal);
    for (column, source) in [
        ("ANTRAGST_NAME", "/antragsteller/*/familienname"),
        ("ANTRAGST_VORNAME", "/antragsteller/*/vornamen"),
        ("ANTRAGST_GEB", "/antragsteller/*/geburtsdatum"),
        ("KIND_NAME", "/kinder/*/familienname"),
        ("KIND_VORNAME", "/kinder/*/vornamen"),
        ("KIND_GEB", "/kinder/*/geburtsdatum"),
    ] {
        assert_eq!(
            found.get(column).map(String::as_str),
            Some(source),
            "{column}"
        );
    }
}

const CASE: &[u8] = br#"<f:Fall xmlns:f="urn:f">
 <f:Kopf><f:Name>Amt</f:Name><f:Erstellt>05.02.2026</f:Erstellt></f:Kopf>
 <f:Antragsteller nr="0001"><f:Name nachname="Muster" vorname="Erika"/><f:Plz>35390</f:Plz><f:Familienstand>LED</f:Familienstand></f:Antragsteller>
 <f:Konto><f:Inhaber>E</f:Inhaber></f:Konto>
</f:Fall>"#;

#[test]
fn an_element_that_speaks_in_attributes_gets_no_text_and_a_head_no_person() {
    let proposal = proposed("unterhaltsvorschuss", "getrennt", Sample::Xml(CASE, None));
    let template = text(&proposal, "vorlage.xml");
    let name = template
        .lines()
        .find(|line| line.contains("nachname=\"Muster\""))
        .unwrap();
    assert!(
        name.contains("b:attr-nachname=\".antragsteller[0].familienname\""),
        "{name}"
    );
    assert!(
        !name.contains("b:from") && !name.contains("b:missing="),
        "{name}"
    );
    assert!(template.contains("<f:Name>Amt</f:Name>"), "{template}");
    assert!(
        template.contains("<f:Erstellt b:from=\"$message.created_at\" b:as=\"date:dd.MM.yyyy\">"),
        "{template}"
    );
    assert!(
        template.contains("<f:Inhaber b:from=\".bankverbindung.kontoinhaber\""),
        "{template}"
    );
}

const CASE_XSD: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:f="urn:f" targetNamespace="urn:f" elementFormDefault="qualified">
 <xs:element name="Fall"><xs:complexType><xs:sequence>
  <xs:element name="Kopf"><xs:complexType><xs:sequence><xs:element name="Name" type="xs:string"/><xs:element name="Erstellt" type="f:Tag"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="Antragsteller" maxOccurs="unbounded"><xs:complexType><xs:sequence>
   <xs:element name="Name"><xs:complexType><xs:attribute name="nachname" type="xs:string" use="required"/><xs:attribute name="vorname" type="xs:string"/></xs:complexType></xs:element>
   <xs:element name="Plz" type="xs:string"/>
   <xs:element name="Familienstand"><xs:simpleType><xs:restriction base="xs:string">
     <xs:enumeration value="LED"><xs:annotation><xs:documentation>ledig</xs:documentation></xs:annotation></xs:enumeration>
     <xs:enumeration value="VH"><xs:annotation><xs:documentation>verheiratet</xs:documentation></xs:annotation></xs:enumeration>
   </xs:restriction></xs:simpleType></xs:element></xs:sequence><xs:attribute name="nr" type="xs:string"/></xs:complexType></xs:element>
  <xs:element name="GebDat" type="f:Tag" minOccurs="0"/>
  <xs:element name="Konto" minOccurs="0"><xs:complexType><xs:sequence><xs:element name="Inhaber" type="xs:string"/></xs:sequence></xs:complexType></xs:element>
 </xs:sequence></xs:complexType></xs:element>
 <xs:simpleType name="Tag"><xs:restriction base="xs:string"><xs:pattern value="[0-3][0-9]\.[01][0-9]\.[12][0-9]{3}"/></xs:restriction></xs:simpleType>
</xs:schema>"#;

#[test]
fn a_schema_beside_the_sample_tells_what_repeats_is_needed_and_means() {
    let files = BTreeMap::from([("a.xsd".to_owned(), CASE_XSD.as_bytes().to_vec())]);
    let sample = Sample::Xml(CASE, Some(schemas(&files)));
    let proposal = proposed("unterhaltsvorschuss", "getrennt", sample);
    let template = text(&proposal, "vorlage.xml");
    assert!(template.contains("b:each=\".antragsteller\""), "{template}");
    assert!(
        template.contains("b:attr-nr=\"$nr\" b:as-nr=\"number:0000\""),
        "{template}"
    );
    let codes = text(&proposal, "codes/familienstand.toml");
    assert!(codes.contains("LED (ledig), VH (verheiratet)"), "{codes}");
    assert!(codes.contains("\"verheiratet\" = \"VH\""), "{codes}");
    let may_lack = |note: &&amtsbote_propose::Note| note.kind == NoteKind::MaybeMissing;
    assert!(
        proposal
            .notes
            .iter()
            .filter(may_lack)
            .any(|note| note.at.ends_with("f:Plz"))
    );
    let from_schema = proposed(
        "unterhaltsvorschuss",
        "getrennt",
        Sample::Xsd(schemas(&files)),
    );
    let template = text(&from_schema, "vorlage.xml");
    assert!(
        template.contains("b:as=\"partial-date:dd.MM.yyyy\""),
        "{template}"
    );
    assert!(
        !template.contains("<f:Name nachname=\"OFFEN\" b:attr-nachname=\".familienname\" b:from"),
        "{template}"
    );
}

#[test]
fn an_index_of_files_is_the_list_of_attachments() {
    let index = br#"<index><dokumente>
      <dokument nr="0001" datei="BAU_0001.pdf" original="Plan.pdf" groesse="12" md5="d41d" ablage="A7"/>
      <dokument nr="0002" datei="BAU_0002.pdf" original="Schnitt.pdf" groesse="12" md5="d41d" ablage="A7"/>
    </dokumente></index>"#;
    let proposal = proposed("bauantrag", "minimal", Sample::Xml(index, None));
    let template = text(&proposal, "vorlage.xml");
    for wanted in [
        "b:each=\"$attachments\"",
        "b:attr-nr=\"$nr\" b:as-nr=\"number:0000\"",
        "b:attr-datei=\".file\"",
        "b:attr-original=\".filename\"",
        "b:attr-groesse=\".size_bytes\"",
        "b:attr-md5=\".md5\"",
    ] {
        assert!(
            template.contains(wanted),
            "{wanted} is missing in {template}"
        );
    }
    assert!(!template.contains(".content"), "{template}");
    let open = |note: &&amtsbote_propose::Note| note.kind == NoteKind::Constant;
    assert!(
        proposal
            .notes
            .iter()
            .filter(open)
            .any(|note| note.at.ends_with("@ablage"))
    );
}

#[test]
fn json_keeps_its_types_and_takes_attachments_once() {
    let sample = br#"{ "anschrift": { "strasse": "Lindenweg 5", "plz": "35390" }, "laufzeitMonate": 12, "laufzeit": "12",
        "anlagen": [ { "dateiname": "a.pdf", "inhalt": "AAAA" } ] }"#;
    let proposal = proposed("bewohnerparkausweis", "neu", Sample::Json(sample));
    let template: serde_json::Value =
        serde_json::from_str(text(&proposal, "vorlage.json")).unwrap();
    assert_eq!(template["laufzeitMonate"]["$from"], ".laufzeitMonate");
    assert_eq!(template["laufzeitMonate"].get("$codes"), None);
    assert_eq!(template["laufzeitMonate"].get("$as"), None);
    assert_eq!(
        template["anschrift"]["strasse"]["$from"],
        "[.antragsteller[0].anschrift | .strasse, .hausnummer | values] | join(\" \")"
    );
    let manifest = text(&proposal, "package.toml");
    assert!(
        manifest.contains("\nattachments = \"none\"\n"),
        "{manifest}"
    );
}

#[test]
fn places_with_one_reason_are_told_by_what_they_share() {
    let proposal = proposed("unterhaltsvorschuss", "getrennt", Sample::Xml(CASE, None));
    let first = proposal
        .notes
        .iter()
        .find(|note| note.kind == NoteKind::FirstOnly);
    assert_eq!(first.unwrap().at, "/f:Fall/f:Antragsteller/…");
}

#[test]
fn an_attribute_with_a_prefix_is_a_place_like_any_other() {
    let xml = br#"<p:Auftrag xmlns:p="urn:p" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:p p.xsd" p:nummer="4711" p:version="3"><p:Zone>1</p:Zone><p:Halter p:nachname="Muster" p:vorname="Erika"/></p:Auftrag>"#;
    let proposal = proposed("bewohnerparkausweis", "neu", Sample::Xml(xml, None));
    let open: Vec<&str> = proposal
        .notes
        .iter()
        .filter(|note| note.kind == NoteKind::Constant)
        .map(|note| note.at.as_str())
        .collect();
    assert!(open.contains(&"/p:Auftrag/@p:nummer"), "{open:?}");
    assert!(
        !open
            .iter()
            .any(|at| at.contains("xsi:") || at.contains("version"))
    );
    let template = text(&proposal, "vorlage.xml");
    assert!(
        template.contains("b:attr-p.nachname=\".antragsteller[0].familienname\""),
        "{template}"
    );
}

#[test]
fn what_the_encoding_of_the_sample_lacks_stays_a_reference() {
    let xml = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<a typ=\"&#352;\"><b>&#352;koda \xfc</b></a>";
    let proposal = proposed("bewohnerparkausweis", "neu", Sample::Xml(xml, None));
    let template = text(&proposal, "vorlage.xml");
    assert!(template.contains("typ=\"&#352;\""), "{template}");
    assert!(template.contains("&#352;koda ü"), "{template}");
}

#[test]
fn a_list_of_constants_keeps_all_of_them() {
    let json = br#"{ "zeilen": ["Amt 17", "3. Stock"], "klassen": ["B", "L"] }"#;
    let proposal = proposed("fuehrerschein", "umtausch", Sample::Json(json));
    let template = text(&proposal, "vorlage.json");
    assert!(template.contains("\"3. Stock\""), "{template}");
    let note = |note: &&amtsbote_propose::Note| note.at == "/zeilen/0";
    let kind = proposal.notes.iter().find(note).map(|note| note.kind);
    assert_eq!(kind, Some(NoteKind::Constant));
    assert!(template.contains("\"$each\": \".klassen\""), "{template}");
}

#[test]
fn numbers_in_a_head_line_stay_bare_where_texts_are_quoted() {
    let csv =
        b"\"EXTF\";700;\"\";;\"WG\"\r\nBETRAG;\"NAME\";\"ORT\"\r\n12,50;\"Muster\";\"Kassel\"\r\n";
    let proposal = proposed("wohngeld", "miete", Sample::Csv(csv));
    let list = text(&proposal, "spalten.toml");
    for (name, is_bare) in [(1, false), (2, true), (3, false), (4, true), (5, false)] {
        let (_, field) = list.split_once(&format!("name = \"FELD{name}\"")).unwrap();
        let field = field.split("[[").next().unwrap();
        assert_eq!(field.contains("quoted = false"), is_bare, "{field}");
    }
}

#[test]
fn names_without_quotes_above_quoted_texts_stay_bare() {
    let sample = b"NAME;ORT;BETRAG\r\n\"Muster\";\"Kassel\";12,50\r\n";
    let bare = proposed("wohngeld", "miete", Sample::Csv(sample));
    assert!(text(&bare, "spalten.toml").contains("header = true\nheader_quoted = false\n"));
    let sample = b"\"NAME\";\"ORT\";\"BETRAG\"\r\n\"Muster\";\"Kassel\";12,50\r\n";
    let quoted = proposed("wohngeld", "miete", Sample::Csv(sample));
    assert!(!text(&quoted, "spalten.toml").contains("header_quoted"));
}

const BINARY_XSD: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="Antrag"><xs:complexType><xs:sequence>
 <xs:element name="Signaturwert" type="xs:base64Binary"/>
 <xs:element name="Person"><xs:complexType><xs:sequence><xs:element name="Nachname" type="xs:string"/>
   <xs:element name="Vorname" type="xs:string"/><xs:element name="Lichtbild" type="xs:base64Binary" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
 <xs:element name="Nachweis" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence><xs:element name="Bezeichnung" type="xs:string"/>
   <xs:element name="Blob" type="Blob"/></xs:sequence></xs:complexType></xs:element>
 <xs:element name="Scan" type="Blob" minOccurs="0" maxOccurs="unbounded"/>
</xs:sequence></xs:complexType></xs:element>
<xs:simpleType name="Blob"><xs:restriction base="xs:base64Binary"/></xs:simpleType></xs:schema>"#;

#[test]
fn what_is_base64_by_the_schema_is_an_attachment_whatever_it_is_called() {
    let files = BTreeMap::from([("a.xsd".to_owned(), BINARY_XSD.as_bytes().to_vec())]);
    let sample = b"<Antrag><Signaturwert>QUJD</Signaturwert><Person><Nachname>M</Nachname><Vorname>E</Vorname></Person>\
        <Nachweis><Bezeichnung>x</Bezeichnung><Blob>QUJD</Blob></Nachweis><Scan>QUJD</Scan></Antrag>";
    for sample in [
        Sample::Xsd(schemas(&files)),
        Sample::Xml(sample, Some(schemas(&files))),
    ] {
        let proposal = proposed("unterhaltsvorschuss", "getrennt", sample);
        let template = text(&proposal, "vorlage.xml");
        for wanted in [
            "<Nachweis b:each=\"$attachments\">",
            "<Bezeichnung b:from=\".filename\"",
            "<Blob b:from=\".content\"",
            "<Scan b:each=\"$attachments\" b:from=\".content\"",
        ] {
            assert!(template.contains(wanted), "{wanted}: {template}");
        }
        assert!(!template.contains("<Person b:each=\"$att"), "{template}");
        assert!(!template.contains("<Signaturwert b:"), "{template}");
        let manifest = text(&proposal, "package.toml");
        assert!(manifest.contains("attachments = \"none\""), "{manifest}");
    }
}

#[test]
fn a_long_base64_text_in_a_sample_is_a_file() {
    let content = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0".repeat(4);
    let sample = format!("<a><Name>M</Name><Plan>{content}</Plan><Digest>{content}</Digest></a>");
    let proposal = proposed("bauantrag", "minimal", Sample::Xml(sample.as_bytes(), None));
    let template = text(&proposal, "vorlage.xml");
    let plan = "<Plan b:each=\"$attachments\" b:from=\".content\"";
    assert!(template.contains(plan), "{template}");
    assert!(!template.contains("<Digest b:"), "{template}");
}

/// What is said of the layout of a sample of fixed width, in German.
fn layout(sample: &str) -> Option<String> {
    let sample = Sample::Fixed(sample.as_bytes(), None);
    let proposal = proposed("hundesteuer", "familie", sample);
    let mut notes = proposal.notes.into_iter();
    let note = notes.find(|note| note.kind == NoteKind::Layout)?;
    Some(note.text.de)
}

#[test]
fn glued_fields_are_told_with_an_example_of_the_record_description() {
    let glued = layout("MUSTERMANN20260131DACKEL    \nMEIER     20260201PUDEL     \n").unwrap();
    assert!(
        glued.contains("--fields 'FELD1:10,FELD2:8,FELD3:10'"),
        "{glued}"
    );
    let kinds = "0120260131STADT     \n02MUSTERMANN29021980M\n02MEIER     01011990W\n99000002\n";
    let glued = layout(kinds).unwrap();
    assert!(
        glued.contains("[01],SATZART:2,FELD2:8,FELD3:10,[02],SATZART:2,FELD2:10,FELD3:8,FELD4:1,[99],SATZART:2,FELD2:6"),
        "{glued}"
    );
    assert_eq!(
        layout("MUSTERMANN 20260131 DACKEL\nMEIER      20260201 PUDEL\n"),
        None
    );
}

#[test]
fn lines_of_a_title_above_the_names_are_no_names() {
    let sample = "Anmeldungen;;;\r\nStand: 02.01.2026;;;\r\n\r\nNachname;Vorname;Ort;Rasse\r\nM\u{fc}ller;Erika;Kassel;Dackel\r\n";
    let proposal = proposed("hundesteuer", "familie", Sample::Csv(sample.as_bytes()));
    let list = text(&proposal, "spalten.toml");
    assert!(list.contains("header = \"below\""), "{list}");
    assert!(list.contains("text = \"Anmeldungen\""), "{list}");
    assert!(list.contains("name = \"Vorname\"\nfrom = "), "{list}");
    let layout = |note: &&amtsbote_propose::Note| note.kind == NoteKind::Layout;
    let told = proposal.notes.iter().find(layout).unwrap();
    assert!(
        told.text.en.starts_with("2 lines stand above"),
        "{}",
        told.text.en
    );
}

#[test]
fn kinds_whose_lines_differ_in_length_are_told_with_the_way_to_describe_them() {
    let told = layout("EDI_DC40  0001\nE2HUND    000001 Bello Dackel\nE2HUND    000002 Rex Mops\n");
    assert!(told.unwrap().contains("--fields '[E2KOPF]"));
}

//! Answers of procedures: read, and nothing foreign panics.

use amtsbote_adapter::{Answer, AnswerContent, AnswerKind, Format as _};
use amtsbote_model::Personal;

use crate::packages::bare;
use crate::shared::{self, refusal};

const DVDV: &str = r#"<verzeichnisdienst listURI="urn:xoev-de:kosit:codeliste:verzeichnisdienst" listVersionID="3"><code>DVDV</code></verzeichnisdienst>"#;
const UUID: &str = "11111111-1111-4111-8111-1111111111AA";
pub(crate) const ASKED: &str = "22222222-2222-4222-8222-2222222222bb";

/// A message with this root, list of messages, number and content.
fn message(root: (&str, &str), head: (&str, &str, &str), content: &str) -> String {
    let ((name, namespace), (standard, version, list)) = (root, head);
    let number = name.rsplit('.').next().unwrap();
    let inneres = if namespace.contains("xleitstelle") {
        ("", "")
    } else {
        (
            r#"<erreichbarkeit><kanal listURI="urn:de:xoev:codeliste:erreichbarkeit" listVersionID="3"><code>01</code></kanal><kennung>amt@example.org</kennung></erreichbarkeit>"#,
            "<anschrift.autor><gebaeude><postleitzahl>65183</postleitzahl><strasse>Musterplatz</strasse><wohnort>Musterstadt</wohnort></gebaeude></anschrift.autor>",
        )
    };
    format!(
        r#"<m:{name} xmlns:m="{namespace}" produkt="P" produkthersteller="H" standard="{standard}" version="{version}" test="ja">
        <nachrichtenkopf.g2g><identifikation.nachricht><nachrichtenUUID>{UUID}</nachrichtenUUID>
        <nachrichtentyp {list}><code>{number}</code></nachrichtentyp><erstellungszeitpunkt>2026-11-02T09:15:00+01:00</erstellungszeitpunkt></identifikation.nachricht>
        <leser>{DVDV}<kennung>bap:06000000</kennung><name>Portal</name></leser>
        <autor>{DVDV}<kennung>bab:06414000</kennung><name>Amt</name>{}</autor></nachrichtenkopf.g2g>{}{content}</m:{name}>"#,
        inneres.0, inneres.1
    )
}

fn bau(name: &str, content: &str) -> String {
    message(
        (
            &format!("prozessnachrichten.{name}"),
            "http://www.xleitstelle.de/xbau/kernmodul/1/3/0",
        ),
        (
            "XBau-Kernmodul",
            "1.3.0",
            r#"listURI="urn:xoev-de:xbau-kernmodul:codeliste:xbau-kernmodul-nachrichten" listVersionID="3.0""#,
        ),
        content,
    )
}

fn read(format: &'static str, document: &str) -> Answer {
    bare(format)
        .read_answer(document.as_bytes())
        .unwrap_or_else(|findings| panic!("{findings:?}"))
}

/// Reads it, after both the schema at hand and our own check took it.
fn read_valid(format: &'static str, document: &str) -> Answer {
    if let Some((official, installed)) = shared::both() {
        assert_eq!(refusal(&official, document.as_bytes()), None, "{document}");
        let read = amtsbote_xoev::Document::read(document.as_bytes()).unwrap();
        let schema = installed.schemas.set(&read.root().namespace).unwrap();
        assert_eq!(schema.check(document.as_bytes()), []);
    }
    read(format, document)
}

fn revealed(text: Option<&Personal<String>>) -> Option<&str> {
    text.map(|text| text.reveal().as_str())
}

fn relation(file_number: &str) -> String {
    format!(
        r#"<bezug><referenz>{ASKED}</referenz>{file_number}<bezugNachricht xmlns:g="http://xoev.de/schemata/basisnachricht/g2g/1_1"><g:nachrichtenUUID>{ASKED}</g:nachrichtenUUID><g:nachrichtentyp listURI="urn:x" listVersionID="1"><code>1200</code></g:nachrichtentyp><g:erstellungszeitpunkt>2026-11-01T09:15:00+01:00</g:erstellungszeitpunkt></bezugNachricht></bezug>"#
    )
}

#[test]
fn a_file_number_is_read() {
    let file_number = "<vorgang>63-2026-00017</vorgang>";
    let answer = read_valid("xbau", &bau("aktenzeichen.1121", &relation(file_number)));
    assert_eq!(answer.kind, AnswerKind::FileNumber);
    assert_eq!(revealed(answer.file_number.as_ref()), Some("63-2026-00017"));
    assert_eq!(answer.in_reply_to.as_deref(), Some(ASKED));
    assert_eq!(revealed(answer.reference.as_ref()), Some(ASKED));
    assert_eq!(answer.id, UUID.to_ascii_lowercase());
    assert_eq!(answer.message, "XBau-Kernmodul 1.3.0 1121");
    assert!(answer.is_test);
}

#[test]
fn a_receipt_and_a_status_are_read() {
    let words = "<information><textabsatz>Eingegangen.</textabsatz><textabsatz>Danke.</textabsatz></information>";
    let answer = read_valid(
        "xbau",
        &bau("eingangsbestaetigung.1120", &(relation("") + words)),
    );
    assert_eq!(answer.kind, AnswerKind::Received);
    assert_eq!(revealed(answer.text.as_ref()), Some("Eingegangen.\nDanke."));
    let status = r#"<statusAntragsportal listURI="urn:xoev-de:xbau:codeliste:statusbauportal" listVersionID="3.0"><code>17</code></statusAntragsportal><frist>2026-12-24</frist>"#;
    let answer = read_valid(
        "xbau",
        &bau("statusFuerAntragsportal.1170", &(relation("") + status)),
    );
    assert_eq!(answer.kind, AnswerKind::Status);
    let status = answer.status.unwrap();
    assert_eq!(
        (status.code.as_str(), status.list_version.as_deref()),
        ("17", Some("3.0"))
    );
    assert_eq!(answer.due.as_deref(), Some("2026-12-24"));
}

#[test]
fn reasons_of_a_rejection_become_findings() {
    let reason = |code: &str| {
        format!(
            r#"<rueckweisungsgrund><grund listURI="urn:xoev-de:xbau:codeliste:xbau-fehlerkennzahlen" listVersionID="2.2"><code>{code}</code></grund><fehlertext>Herr Geheim</fehlertext></rueckweisungsgrund>"#
        )
    };
    let id = format!(
        r#"<idNachricht xmlns:g="http://xoev.de/schemata/basisnachricht/g2g/1_1"><g:nachrichtenUUID>{ASKED}</g:nachrichtenUUID><g:nachrichtentyp listURI="urn:x" listVersionID="1"><code>1200</code></g:nachrichtentyp><g:erstellungszeitpunkt>2026-11-01T09:15:00+01:00</g:erstellungszeitpunkt></idNachricht><nachricht>PGEvPg==</nachricht>"#
    );
    let content = format!(
        "<rueckweisungDaten>{}{}{}{id}</rueckweisungDaten>",
        reason("X001"),
        reason("X011"),
        reason("A004")
    );
    let answer = read_valid("xbau", &bau("rueckweisung.G2G.1100", &content));
    assert_eq!(answer.kind, AnswerKind::Rejected);
    assert_eq!(answer.in_reply_to.as_deref(), Some(ASKED));
    let rules: Vec<&str> = answer
        .findings
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect();
    assert_eq!(rules, ["X001", "S011", "rejection-A004"]);
    assert!(!format!("{answer:?}").contains("Geheim"));
}

#[test]
fn the_rejection_of_the_interior_standards_is_read_by_each_of_them() {
    let content = format!(
        "<rueckweisung><rueckweisungsgrund><grund><code>V000</code></grund></rueckweisungsgrund><rueckweisungsgrund><grund><code>S999</code></grund><grundSpezifisch><fehlercode listURI=\"urn:x\" listVersionID=\"1\"><code>F 12</code></fehlercode></grundSpezifisch></rueckweisungsgrund><idNachricht><nachrichtenUUID>{ASKED}</nachrichtenUUID></idNachricht><nachricht>PGEvPg==</nachricht></rueckweisung>"
    );
    let document = message(
        (
            "rueckweisung.asynchron.0010",
            "http://www.osci.de/xinneres/rueckweisung/6",
        ),
        ("XInneres-Rueckweisung", "6", ""),
        &content,
    );
    for format in ["xpersonenstand", "xmeld", "xauslaender"] {
        let answer = read(format, &document);
        assert_eq!(answer.kind, AnswerKind::Rejected);
        let rules: Vec<&str> = answer
            .findings
            .iter()
            .map(|finding| finding.rule.as_str())
            .collect();
        assert_eq!(rules, ["V000", "S999", "rejection-?"]);
    }
    assert!(bare("xbau").read_answer(document.as_bytes()).is_err());
}

#[test]
fn answers_of_register_standesamt_and_immigration_office_are_read() {
    let document = message(
        (
            "OZG.Statusmeldung.130104",
            "http://www.osci.de/xauslaender2611",
        ),
        (
            "XAusländer",
            "26.11",
            r#"listURI="urn:de:xauslaender:codelist:nachrichtentyp" listVersionID="19""#,
        ),
        &format!(
            "<m:antragsidentifikation>A-1</m:antragsidentifikation><m:ausloeserUUID>{ASKED}</m:ausloeserUUID><m:status><code>02</code></m:status><m:anhang><m:dokument>JVBERi0=</m:dokument><m:dokumententyp><code>1</code></m:dokumententyp></m:anhang>"
        ),
    );
    let answer = read_valid("xauslaender", &document);
    assert_eq!(answer.kind, AnswerKind::Status);
    assert_eq!(answer.status.unwrap().code, "02");
    assert_eq!(
        answer.documents[0].content,
        AnswerContent::Inside(Personal::new(b"%PDF-".to_vec()))
    );
    let document = message(
        ("stA2portal.Geburt.081033", "http://xpsw.domap.de/xpsw2611"),
        (
            "XPersonenstand",
            "26.11",
            r#"listURI="urn:xoev-de:xpersonenstand:codelist:nachrichtentyp" listVersionID="26.11""#,
        ),
        r#"<m:antragsteller><m:natuerlichePerson><m:anrede>Frau</m:anrede><m:familienname><name>M</name></m:familienname><m:vorname><name>E</name></m:vorname><m:kommunikation><kanal listURI="urn:de:xoev:codeliste:erreichbarkeit" listVersionID="3"><code>01</code></kanal><kennung>e@example.org</kennung></m:kommunikation></m:natuerlichePerson></m:antragsteller><m:zuordnung>Z-7</m:zuordnung><m:anhang><m:dokumentid>d1</m:dokumentid><m:dokumentart>Geburtsurkunde</m:dokumentart></m:anhang>"#,
    );
    let answer = read_valid("xpersonenstand", &document);
    assert_eq!(answer.kind, AnswerKind::Result);
    assert_eq!(revealed(answer.reference.as_ref()), Some("Z-7"));
    assert_eq!(
        answer.documents[0].content,
        AnswerContent::Beside(Personal::new("d1".to_owned()))
    );
    let document = message(
        (
            "onlinedienste.meldebescheinigungAntwort.1701",
            "http://www.osci.de/xmeld2611",
        ),
        (
            "XMeld",
            "26.11",
            r#"listURI="urn:de:xmeld:schluesseltabelle:xmeld.nachrichten" listVersionID="26.11""#,
        ),
        &format!(
            "<m:antwortAbrufanfrage><m:grundDerRueckweisung><code>01</code></m:grundDerRueckweisung></m:antwortAbrufanfrage><m:ursprungsnachricht><nachrichtenUUID>{ASKED}</nachrichtenUUID><nachrichtentyp><code>1700</code></nachrichtentyp><erstellungszeitpunkt>2026-11-02T09:15:00+01:00</erstellungszeitpunkt></m:ursprungsnachricht>"
        ),
    );
    let answer = read_valid("xmeld", &document);
    assert_eq!(answer.kind, AnswerKind::Rejected);
    assert_eq!(answer.findings[0].rule, "rejection-01");
}

/// An answer of a DMS to the process `ASKED`.
pub(crate) fn dms(name: &str, version: &str, content: &str) -> String {
    let number = name.rsplit('.').next().unwrap();
    let session = if number == "0630" {
        "<x:FVSessionID>1</x:FVSessionID>"
    } else {
        ""
    };
    format!(
        "<x:{name} xmlns:x=\"urn:xoev-de:xdomea:schema:{version}\"><x:Kopf><x:ProzessID>{ASKED}</x:ProzessID><x:Nachrichtentyp><code>{number}</code></x:Nachrichtentyp><x:Erstellungszeitpunkt>2026-11-02T09:15:00+01:00</x:Erstellungszeitpunkt><x:Absender><x:Institution><x:Name>DMS</x:Name></x:Institution></x:Absender><x:Empfaenger><x:Institution><x:Name>Amt</x:Name></x:Institution></x:Empfaenger>{session}</x:Kopf>{content}</x:{name}>"
    )
}

fn object(content: &str) -> String {
    format!("<x:AbgegebenesObjekt><x:IDSGO>{UUID}</x:IDSGO>{content}</x:AbgegebenesObjekt>")
}

fn report(content: &str) -> String {
    format!(
        "<x:ErfolgOderMisserfolg><x:Rueckmeldung>{content}</x:Rueckmeldung></x:ErfolgOderMisserfolg>"
    )
}

fn rules(answer: &Answer) -> Vec<&str> {
    let rules = answer.findings.iter().map(|finding| finding.rule.as_str());
    rules.collect()
}

#[test]
fn a_dms_confirms_receipt_and_import() {
    for name in [
        "Abgabe.EmpfangBestaetigen.0403",
        "FVDaten.EmpfangBestaetigen.0629",
    ] {
        let answer = read_valid("xdomea", &dms(name, "3.1.0", ""));
        assert_eq!(answer.kind, AnswerKind::Received);
        assert_eq!(answer.in_reply_to.as_deref(), Some(ASKED));
        assert_eq!(rules(&answer), [""; 0]);
    }
    let content =
        object("<x:Erfolgreich>1</x:Erfolgreich>") + &object("<x:Erfolgreich>true</x:Erfolgreich>");
    let answer = read_valid(
        "xdomea",
        &dms("Abgabe.ImportBestaetigen.0402", "3.1.0", &content),
    );
    assert_eq!(answer.kind, AnswerKind::Received);
    assert_eq!(answer.message, "xdomea 3.1.0 0402");
    let content =
        report("<x:AllgemeineRueckmeldung><code>0000000</code></x:AllgemeineRueckmeldung>");
    let number = format!(
        "<x:Rueckgabeparameter><x:IDSGO>{UUID}</x:IDSGO><x:Parameter><x:AllgemeinerRueckgabeparameter><x:Name>Aktenzeichen</x:Name><x:Wert>32-17/2026</x:Wert></x:AllgemeinerRueckgabeparameter></x:Parameter><x:Erfolgreich>true</x:Erfolgreich></x:Rueckgabeparameter></x:ErfolgOderMisserfolg>"
    );
    let name = "FVDaten.ImportBestaetigen.0630";
    assert_eq!(
        read_valid("xdomea", &dms(name, "3.1.0", &content)).kind,
        AnswerKind::Received
    );
    let content = content.replace("</x:ErfolgOderMisserfolg>", &number);
    let answer = read_valid("xdomea", &dms(name, "3.1.0", &content));
    assert_eq!(answer.kind, AnswerKind::FileNumber);
    assert_eq!(revealed(answer.file_number.as_ref()), Some("32-17/2026"));
    assert!(!format!("{answer:?}").contains("32-17"));
}

#[test]
fn what_a_dms_did_not_take_on_is_told_by_its_codes_alone() {
    let failed =
        object("<x:Erfolgreich>0</x:Erfolgreich><x:Fehlermeldung>Frau Geheim</x:Fehlermeldung>");
    let coded = object(
        "<x:Erfolgreich>0</x:Erfolgreich><x:FehlermeldungCode listURI=\"urn:x\" listVersionID=\"1\"><code>E7</code></x:FehlermeldungCode>",
    );
    let content = object("<x:Erfolgreich>1</x:Erfolgreich>") + &failed + &coded;
    let answer = read_valid(
        "xdomea",
        &dms("Abgabe.ImportBestaetigen.0402", "3.1.0", &content),
    );
    assert_eq!(answer.kind, AnswerKind::Rejected);
    assert_eq!(rules(&answer), ["rejection-?", "rejection-E7"]);
    assert!(!format!("{answer:?}").contains("Geheim"));
    for (content, expected) in [
        (
            "<x:AllgemeineRueckmeldung><code>0000008</code></x:AllgemeineRueckmeldung>",
            "rejection-0000008",
        ),
        (
            "<x:SpezifischeFehlermeldung0604><code>0604001</code></x:SpezifischeFehlermeldung0604>",
            "rejection-0604001",
        ),
        (
            "<x:SpezifischeFehlermeldung0605><code>0605005</code></x:SpezifischeFehlermeldung0605>",
            "rejection-0605005",
        ),
        (
            "<x:SonstigeFehlermeldung>Frau Geheim</x:SonstigeFehlermeldung>",
            "rejection-?",
        ),
    ] {
        let answer = read_valid(
            "xdomea",
            &dms("FVDaten.ImportBestaetigen.0630", "3.1.0", &report(content)),
        );
        assert_eq!(
            (answer.kind, rules(&answer)),
            (AnswerKind::Rejected, vec![expected]),
            "{content}"
        );
        assert!(!format!("{answer:?}").contains("Geheim"));
    }
}

#[test]
fn confirmations_of_xdomea_3_0_0_are_read_too() {
    let Some(official) = shared::official().filter(|_| shared::xmllint_is_here()) else {
        return;
    };
    let content = object("<x:Erfolgreich>1</x:Erfolgreich>");
    let document = dms("Abgabe.ImportBestaetigen.0402", "3.0.0", &content);
    let schema = official.join("xdomea/3.0.0/xdomea-Nachrichten-AbgabeDurchfuehren.xsd");
    assert_eq!(
        shared::refusal_by(&official, &schema, document.as_bytes()),
        None
    );
    assert_eq!(read("xdomea", &document).message, "xdomea 3.0.0 0402");
}

/// An answer of the immigration office.
fn immigration(name: &str, content: &str) -> String {
    message(
        (name, "http://www.osci.de/xauslaender2611"),
        (
            "XAusländer",
            "26.11",
            r#"listURI="urn:de:xauslaender:codelist:nachrichtentyp" listVersionID="19""#,
        ),
        &format!(
            "<m:antragsidentifikation>A-1</m:antragsidentifikation><m:ausloeserUUID>{ASKED}</m:ausloeserUUID>{content}"
        ),
    )
}

#[test]
fn every_answer_of_the_immigration_office_is_read() {
    let paper = |name: &str| {
        format!(
            "<m:{name}><m:dokument>JVBERi0=</m:dokument><m:dokumententyp><code>1</code></m:dokumententyp></m:{name}>"
        )
    };
    for (name, content, kind, due, words, documents) in [
        (
            "OZG.RueckkanalFrage.130102",
            "<m:frage>Wo?</m:frage><m:fristdatum>2026-12-24</m:fristdatum>".to_owned()
                + &paper("anlage"),
            AnswerKind::Question,
            Some("2026-12-24"),
            Some("Wo?"),
            1,
        ),
        (
            "OZG.Terminmitteilung.130105",
            paper("terminmitteilung")
                + &paper("gebuehrenmitteilung")
                + "<m:weitereHinweise>Pass mitbringen.</m:weitereHinweise>",
            AnswerKind::Appointment,
            None,
            Some("Pass mitbringen."),
            2,
        ),
        (
            "OZG.RuecknahmeReaktion.130107",
            "<m:rueckmeldung>Zurückgenommen.</m:rueckmeldung>".to_owned(),
            AnswerKind::Received,
            None,
            Some("Zurückgenommen."),
            0,
        ),
        (
            "OZG.Unzustaendig.130109",
            "<m:hinweis>Nicht hier.</m:hinweis>".to_owned(),
            AnswerKind::NotResponsible,
            None,
            Some("Nicht hier."),
            0,
        ),
        (
            "OZG.BeabsichtigteAblehnung.130110",
            paper("mitteilung"),
            AnswerKind::Question,
            None,
            None,
            1,
        ),
    ] {
        let answer = read_valid("xauslaender", &immigration(name, &content));
        assert_eq!(answer.kind, kind, "{name}");
        assert_eq!(answer.due.as_deref(), due, "{name}");
        assert_eq!(revealed(answer.text.as_ref()), words, "{name}");
        assert_eq!(answer.documents.len(), documents, "{name}");
        assert_eq!(answer.in_reply_to.as_deref(), Some(ASKED), "{name}");
        assert_eq!(revealed(answer.reference.as_ref()), Some("A-1"), "{name}");
    }
}

#[test]
fn certificates_of_marriage_partnership_and_death_are_read_and_orders_are_none() {
    let content = r#"<m:antragsteller><m:natuerlichePerson><m:anrede>Frau</m:anrede><m:familienname><name>M</name></m:familienname><m:vorname><name>E</name></m:vorname><m:kommunikation><kanal listURI="urn:de:xoev:codeliste:erreichbarkeit" listVersionID="3"><code>01</code></kanal><kennung>e@example.org</kennung></m:kommunikation></m:natuerlichePerson></m:antragsteller><m:zuordnung>Z-7</m:zuordnung><m:anhang><m:dokumentid>d1</m:dokumentid><m:dokumentart>Urkunde</m:dokumentart></m:anhang><m:anhang><m:dokumentid>d2</m:dokumentid><m:dokumentart>Bescheid</m:dokumentart></m:anhang>"#;
    let certificate = |name: &str| {
        message(
            (name, "http://xpsw.domap.de/xpsw2611"),
            (
                "XPersonenstand",
                "26.11",
                r#"listURI="urn:xoev-de:xpersonenstand:codelist:nachrichtentyp" listVersionID="26.11""#,
            ),
            content,
        )
    };
    for name in [
        "stA2portal.Ehe.082033",
        "stA2portal.LP.083033",
        "stA2portal.Sterbefall.084033",
    ] {
        let answer = read_valid("xpersonenstand", &certificate(name));
        assert_eq!(answer.kind, AnswerKind::Result, "{name}");
        assert_eq!(revealed(answer.reference.as_ref()), Some("Z-7"), "{name}");
        assert_eq!(answer.documents.len(), 2, "{name}");
    }
    for name in ["portal2StA.Geburt.081031", "portal2StA.Ehe.082032"] {
        assert!(
            bare("xpersonenstand")
                .read_answer(certificate(name).as_bytes())
                .is_err(),
            "{name}"
        );
    }
}

#[test]
fn status_and_refusal_of_a_registration_are_read() {
    let Some(official) = shared::official() else {
        return;
    };
    // Who it is about, as the sample of the registration has it.
    let samples = shared::read(&official.join("xmeld-26.11/samples"), "xml");
    let (_, sample) = samples
        .into_iter()
        .find(|(name, _)| name.contains("1704"))
        .unwrap();
    let sample = String::from_utf8(sample).unwrap();
    let end = "</m:identifikation>";
    let (from, to) = (
        sample.find("<m:identifikation>").unwrap(),
        sample.find(end).unwrap() + end.len(),
    );
    let person = &sample[from..to];
    let asked = format!(
        "<m:ursprungsnachricht><nachrichtenUUID>{ASKED}</nachrichtenUUID><nachrichtentyp><code>1704</code></nachrichtentyp><erstellungszeitpunkt>2026-11-02T09:15:00+01:00</erstellungszeitpunkt></m:ursprungsnachricht>"
    );
    let head = (
        "XMeld",
        "26.11",
        r#"listURI="urn:de:xmeld:schluesseltabelle:xmeld.nachrichten" listVersionID="26.11""#,
    );
    let register = |name: &str, content: &str| {
        let content = format!("{person}<m:aktenzeichen>33-4711</m:aktenzeichen>{content}{asked}");
        message((name, "http://www.osci.de/xmeld2611"), head, &content)
    };
    let status = "<m:status><code>02</code></m:status><m:pdfDokument>JVBERi0=</m:pdfDokument><m:fristende>2026-12-24</m:fristende>";
    let answer = read_valid(
        "xmeld",
        &register("onlinedienste.anmeldung.statusmitteilung.1705", status),
    );
    assert_eq!(answer.kind, AnswerKind::Status);
    assert_eq!(answer.status.unwrap().code, "02");
    assert_eq!(answer.due.as_deref(), Some("2026-12-24"));
    assert_eq!(revealed(answer.file_number.as_ref()), Some("33-4711"));
    assert_eq!(answer.documents.len(), 1);
    let refusal = "<m:ergebnis><m:ablehnung><m:status><code>03</code></m:status><m:pdfDokument>JVBERi0=</m:pdfDokument></m:ablehnung></m:ergebnis>";
    let answer = read_valid(
        "xmeld",
        &register("onlinedienste.anmeldung.ergebnis.1707", refusal),
    );
    assert_eq!(answer.kind, AnswerKind::Result);
    assert_eq!(answer.status.unwrap().code, "03");
    assert_eq!(answer.documents.len(), 1);
    assert_eq!(answer.in_reply_to.as_deref(), Some(ASKED));
}

#[test]
fn what_is_no_answer_is_a_finding() {
    let application = bau("aktenzeichen.1121", &relation(""));
    for (format, document) in [
        ("xbau", String::new()),
        ("xbau", "<a/>".to_owned()),
        ("xbau", application.replace("1121", "1200")),
        (
            "xbau",
            application.replace("kernmodul/1/3/0", "kernmodul/9"),
        ),
        ("xmeld", application.clone()),
        ("xgewerbe", application.clone()),
        ("xdomea", application.clone()),
        ("xdomea", dms("Abgabe.Abgabe.0401", "3.1.0", "")),
        ("xdomea", dms("Abgabe.EmpfangBestaetigen.0403", "2.4.0", "")),
        (
            "xdomea",
            dms("Abgabe.EmpfangBestaetigen.0403", "3.1.0", "").replace("<code>0403", "<code>0402"),
        ),
        ("xbau", dms("Abgabe.EmpfangBestaetigen.0403", "3.1.0", "")),
        (
            "xbau",
            application
                .replace("<leser>", "<x>")
                .replace("</leser>", "</x>"),
        ),
    ] {
        assert!(
            bare(format).read_answer(document.as_bytes()).is_err(),
            "{format} {document}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn any_part_of_an_answer_gets_an_answer(from in 0_usize..2000, to in 0_usize..2000) {
        let document = bau("aktenzeichen.1121", &relation("<vorgang>1</vorgang>"));
        let bytes = document.as_bytes();
        let (from, to) = (from.min(bytes.len()), to.min(bytes.len()));
        let _ = bare("xbau").read_answer(&bytes[from.min(to)..to.max(from)]);
    }
}

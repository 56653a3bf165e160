//! What a DMS answers: xdomea 0402 and 0403 to a hand-over, 0629 and 0630 to what a procedure sends (3.0.0 and 3.1.0).
//!
//! The header has no id of the message itself: its process, kind and moment stand for one.

use amtsbote_adapter::{Answer, AnswerKind};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_xoev::{Document, Node};

const NAMESPACES: [&str; 2] = [
    "urn:xoev-de:xdomea:schema:3.1.0",
    "urn:xoev-de:xdomea:schema:3.0.0",
];
/// The code of list `allgemeinerueckmeldung` that says all went well.
const DONE: &str = "0000000";
/// How a DMS may call the number it gave. The standard leaves the names of returned parameters to both sides.
const NUMBERS: [&str; 4] = [
    "aktenzeichen",
    "kennzeichen",
    "geschäftszeichen",
    "geschaeftszeichen",
];
const REASONS_MAX: usize = 100;

/// Codes of the lists `spezifischefehlermeldung0604` and `…0605`, 1.0, in our words.
const KNOWN: [(&str, &str, &str); 15] = [
    (
        "0604001",
        "die ID des Containers ist dem DMS unbekannt",
        "the DMS does not know the id of the container",
    ),
    (
        "0604002",
        "der Typ des Schriftgutobjekts ist nicht definiert",
        "the type of the record is not defined",
    ),
    (
        "0604003",
        "das Schriftgutobjekt kann nicht angelegt werden",
        "the record cannot be created",
    ),
    (
        "0604004",
        "das Objekt kann nicht geöffnet werden",
        "the object cannot be opened",
    ),
    (
        "0604005",
        "der Name eines Metadatums enthält ungültige Zeichen",
        "the name of a piece of metadata has invalid characters",
    ),
    (
        "0604006",
        "der Wert eines Metadatums enthält ungültige Zeichen",
        "the value of a piece of metadata has invalid characters",
    ),
    (
        "0604007",
        "die Beschreibung eines Metadatums enthält ungültige Zeichen",
        "the description of a piece of metadata has invalid characters",
    ),
    (
        "0605001",
        "die ID des Containers ist dem DMS unbekannt",
        "the DMS does not know the id of the container",
    ),
    (
        "0605002",
        "das Verzeichnis ist ungültig",
        "the folder is not valid",
    ),
    ("0605003", "die URL ist ungültig", "the URL is not valid"),
    (
        "0605004",
        "eine Datei kann nicht gefunden werden",
        "a file cannot be found",
    ),
    (
        "0605005",
        "eine Datei kann im DMS nicht abgelegt werden",
        "a file cannot be filed in the DMS",
    ),
    (
        "0605006",
        "der Name eines Metadatums enthält ungültige Zeichen",
        "the name of a piece of metadata has invalid characters",
    ),
    (
        "0605007",
        "der Wert eines Metadatums enthält ungültige Zeichen",
        "the value of a piece of metadata has invalid characters",
    ),
    (
        "0605008",
        "die Beschreibung eines Metadatums enthält ungültige Zeichen",
        "the description of a piece of metadata has invalid characters",
    ),
];

/// Reads the answer of a DMS; none if it is none of those.
pub(super) fn read(document: &Document) -> Option<Answer> {
    let root = document.root();
    if !NAMESPACES.contains(&root.namespace.as_str()) {
        return None;
    }
    let number = document.text("Kopf/Nachrichtentyp/code")?;
    let process = document.text("Kopf/ProzessID")?.to_ascii_lowercase();
    let moment = document.text("Kopf/Erstellungszeitpunkt")?;
    let (kind, findings) = match (root.local(), number) {
        ("Abgabe.EmpfangBestaetigen.0403", "0403")
        | ("FVDaten.EmpfangBestaetigen.0629", "0629") => (AnswerKind::Received, Findings::new()),
        ("Abgabe.ImportBestaetigen.0402", "0402") => imported(document),
        ("FVDaten.ImportBestaetigen.0630", "0630") => done(document),
        _ => return None,
    };
    let file_number = file_number(document).filter(|_| kind == AnswerKind::Received);
    let version = root.namespace.rsplit(':').next().unwrap_or_default();
    Some(Answer {
        kind: if file_number.is_some() {
            AnswerKind::FileNumber
        } else {
            kind
        },
        message: format!("xdomea {version} {number}"),
        id: format!("{process}/{number}/{moment}"),
        is_test: false,
        in_reply_to: Some(process),
        reference: None,
        file_number: file_number.map(Personal::new),
        status: None,
        due: None,
        text: None,
        findings,
        documents: Vec::new(),
    })
}

fn is_true(text: &str) -> bool {
    ["1", "true"].contains(&text.trim())
}

fn child<'d>(document: &'d Document, node: &Node, path: &str) -> Option<&'d str> {
    let found = document.all_in(node, path).into_iter().next()?;
    Some(found.text.trim())
}

/// 0402: taken on if each object was.
fn imported(document: &Document) -> (AnswerKind, Findings) {
    let mut findings = Findings::new();
    let objects = document.all("AbgegebenesObjekt");
    for object in &objects {
        if child(document, object, "Erfolgreich").is_some_and(is_true) {
            continue;
        }
        let codes = document.all_in(object, "FehlermeldungCode/code");
        if codes.is_empty() {
            findings.push(not_imported(&object.path));
        }
        findings.extend(codes.into_iter().map(reason));
    }
    if objects.is_empty() {
        findings.push(not_imported(&document.root().path));
    }
    judged(findings)
}

/// 0630: done if every report is the code for it, and every returned parameter was successful.
fn done(document: &Document) -> (AnswerKind, Findings) {
    let mut findings = Findings::new();
    let reports = document.all("ErfolgOderMisserfolg/Rueckmeldung");
    for report in &reports {
        findings.extend(reported(document, report));
    }
    for parameter in document.all("ErfolgOderMisserfolg/Rueckgabeparameter") {
        if child(document, parameter, "Erfolgreich").is_some_and(is_true) {
            continue;
        }
        let inside = document.all_in(parameter, "Rueckmeldung");
        if inside.is_empty() {
            findings.push(not_imported(&parameter.path));
        }
        let inside = inside.into_iter();
        findings.extend(inside.filter_map(|report| reported(document, report)));
    }
    if reports.is_empty() {
        findings.push(not_imported(&document.root().path));
    }
    judged(findings)
}

/// What one report says is wrong.
fn reported(document: &Document, report: &Node) -> Option<Finding> {
    let kind = document.children_of(report).into_iter().next()?;
    match document.all_in(kind, "code").into_iter().next() {
        Some(code) if code.text.trim() == DONE => None,
        Some(code) => Some(reason(code)),
        None => Some(not_imported(&kind.path)),
    }
}

fn judged(mut findings: Findings) -> (AnswerKind, Findings) {
    findings.truncate(REASONS_MAX);
    let kind = if findings.is_empty() {
        AnswerKind::Received
    } else {
        AnswerKind::Rejected
    };
    (kind, findings)
}

/// A code as a finding. Free words of the DMS stay out: they may tell of persons.
fn reason(code: &Node) -> Finding {
    let text = code.text.trim();
    if let Some((known, de, en)) = KNOWN.iter().find(|(known, ..)| *known == text) {
        return Finding::new(
            &code.path,
            format!("rejection-{known}"),
            Bilingual::new(*de, *en),
        );
    }
    let is_harmless =
        (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let shown = if is_harmless { text } else { "?" };
    Finding::new(
        &code.path,
        format!("rejection-{shown}"),
        Bilingual::new(
            format!("das DMS hat nicht übernommen; es meldet den Fehler {shown}"),
            format!("the DMS did not take it on; it reports error {shown}"),
        ),
    )
}

fn not_imported(at: &str) -> Finding {
    Finding::new(
        at,
        "rejection-?",
        Bilingual::new(
            "das DMS hat nicht übernommen; ein Fehlercode steht nicht dabei",
            "the DMS did not take it on; there is no error code",
        ),
    )
}

/// The number among the returned parameters, if there is but one.
fn file_number(document: &Document) -> Option<String> {
    let fields = document
        .all("ErfolgOderMisserfolg/Rueckgabeparameter/Parameter/AllgemeinerRueckgabeparameter");
    let mut values: Vec<&str> = fields
        .into_iter()
        .filter(|field| {
            let name = child(document, field, "Name")
                .unwrap_or_default()
                .to_lowercase();
            NUMBERS.contains(&name.as_str())
        })
        .filter_map(|field| child(document, field, "Wert"))
        .filter(|value| !value.is_empty())
        .collect();
    values.dedup();
    match values.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    }
}

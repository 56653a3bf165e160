//! What procedures answer: file numbers, states, rejections, certificates.
//!
//! Sources: XBau-Kernmodul 1.2.1.1 and 1.3.0 (1100, 1120, 1121, 1170, 1180), XInneres rueckweisung 6 (0010); for XPersonenstand, XMeld
//! and XAusländer 26.11 excerpts of the schema files.

mod packed;
mod xdomea;

use amtsbote_adapter::{Answer, AnswerContent, AnswerDocument, AnswerKind, Status};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_xoev::{Document, ErrorCode, Head, Node};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

pub(crate) use self::packed::read_archive;

/// The longest answer read. Documents may be inside.
const ANSWER_MAX_BYTES: usize = 64 << 20;
/// The most reasons of a rejection that are told.
const REASONS_MAX: usize = 100;

/// The format whose answers have a header of their own.
pub(crate) const XDOMEA: &str = "xdomea";

const KERNMODUL: [&str; 2] = [
    "http://www.xleitstelle.de/xbau/kernmodul/1/2/1/1",
    "http://www.xleitstelle.de/xbau/kernmodul/1/3/0",
];
const PERSONENSTAND: [&str; 1] = ["http://xpsw.domap.de/xpsw2611"];
const MELD: [&str; 1] = ["http://www.osci.de/xmeld2611"];
const AUSLAENDER: [&str; 1] = ["http://www.osci.de/xauslaender2611"];
const REJECTION: &str = "http://www.osci.de/xinneres/rueckweisung/6";

/// The list of codes in a rejection of XInneres; messages may leave it out, since the schema fixes it.
const REJECTION_LIST: &str = "urn:de:xinneres:codeliste:fehlercodes";

/// Where in an answer is what: paths of local names below the root, empty for nothing.
struct Reading {
    namespaces: &'static [&'static str],
    number: &'static str,
    kind: AnswerKind,
    in_reply_to: &'static str,
    reference: &'static str,
    file_number: &'static str,
    status: &'static str,
    due: &'static str,
    text: &'static str,
    /// Elements with the bytes of a document, base64.
    documents: &'static [&'static str],
}

const NOTHING: Reading = Reading {
    namespaces: &[],
    number: "",
    kind: AnswerKind::Received,
    in_reply_to: "",
    reference: "",
    file_number: "",
    status: "",
    due: "",
    text: "",
    documents: &[],
};

const BAU: Reading = Reading {
    namespaces: &KERNMODUL,
    in_reply_to: "bezug/bezugNachricht/nachrichtenUUID",
    reference: "bezug/referenz",
    file_number: "bezug/vorgang",
    text: "information/textabsatz",
    ..NOTHING
};

const AUSLAND: Reading = Reading {
    namespaces: &AUSLAENDER,
    in_reply_to: "ausloeserUUID",
    reference: "antragsidentifikation",
    ..NOTHING
};

const CERTIFICATE: Reading = Reading {
    namespaces: &PERSONENSTAND,
    kind: AnswerKind::Result,
    reference: "zuordnung",
    ..NOTHING
};

const REGISTER: Reading = Reading {
    namespaces: &MELD,
    in_reply_to: "ursprungsnachricht/nachrichtenUUID",
    file_number: "aktenzeichen",
    ..NOTHING
};

static READINGS: [Reading; 19] = [
    Reading {
        number: "1100",
        kind: AnswerKind::Rejected,
        in_reply_to: "rueckweisungDaten/idNachricht/nachrichtenUUID",
        ..BAU
    },
    Reading {
        number: "1120",
        kind: AnswerKind::Received,
        ..BAU
    },
    Reading {
        number: "1121",
        kind: AnswerKind::FileNumber,
        ..BAU
    },
    Reading {
        number: "1170",
        kind: AnswerKind::Status,
        status: "statusAntragsportal",
        due: "frist",
        text: "",
        documents: &["begruendung/text"],
        ..BAU
    },
    Reading {
        number: "1180",
        kind: AnswerKind::Received,
        ..BAU
    },
    Reading {
        number: "081033",
        ..CERTIFICATE
    },
    Reading {
        number: "082033",
        ..CERTIFICATE
    },
    Reading {
        number: "083033",
        ..CERTIFICATE
    },
    Reading {
        number: "084033",
        ..CERTIFICATE
    },
    Reading {
        number: "1701",
        kind: AnswerKind::Result,
        status: "antwortAbrufanfrage/auskunft/ergebnisstatus",
        ..REGISTER
    },
    Reading {
        number: "1705",
        kind: AnswerKind::Status,
        status: "status",
        due: "fristende",
        documents: &["pdfDokument"],
        ..REGISTER
    },
    Reading {
        number: "1707",
        kind: AnswerKind::Result,
        status: "ergebnis/ablehnung/status",
        documents: &["ergebnis/ablehnung/pdfDokument"],
        ..REGISTER
    },
    Reading {
        number: "130102",
        kind: AnswerKind::Question,
        text: "frage",
        due: "fristdatum",
        documents: &["anlage/dokument"],
        ..AUSLAND
    },
    Reading {
        number: "130104",
        kind: AnswerKind::Status,
        status: "status",
        documents: &["anhang/dokument"],
        ..AUSLAND
    },
    Reading {
        number: "130105",
        kind: AnswerKind::Appointment,
        due: "strukturierteTermininformationen/datum",
        text: "weitereHinweise",
        documents: &["terminmitteilung/dokument", "gebuehrenmitteilung/dokument"],
        ..AUSLAND
    },
    Reading {
        number: "130107",
        kind: AnswerKind::Received,
        text: "rueckmeldung",
        documents: &["anlage/dokument"],
        ..AUSLAND
    },
    Reading {
        number: "130109",
        kind: AnswerKind::NotResponsible,
        text: "hinweis",
        ..AUSLAND
    },
    Reading {
        number: "130110",
        kind: AnswerKind::Question,
        documents: &["mitteilung/dokument", "gebuehrenmitteilung/dokument"],
        ..AUSLAND
    },
    Reading {
        namespaces: &[REJECTION],
        number: "0010",
        kind: AnswerKind::Rejected,
        in_reply_to: "rueckweisung/idNachricht/nachrichtenUUID",
        ..NOTHING
    },
];

/// Reads an answer to messages of the format `format`.
pub(crate) fn read(format: &str, bytes: &[u8]) -> Result<Answer, Findings> {
    if bytes.len() > ANSWER_MAX_BYTES {
        return Err(refused(
            "size",
            (
                "die Antwort ist größer als 64 MiB",
                "the answer is larger than 64 MiB",
            ),
        ));
    }
    let Ok(document) = Document::read(bytes) else {
        return Err(refused(
            "xml",
            (
                "die Antwort ist kein XML, das gelesen werden kann",
                "the answer is no XML that can be read",
            ),
        ));
    };
    if format == XDOMEA {
        return xdomea::read(&document).ok_or_else(no_answer);
    }
    let Some(head) = Head::read(&document) else {
        return Err(refused(
            "xoev-head",
            (
                "die Antwort hat keinen vollständigen Nachrichtenkopf",
                "the answer has no complete header",
            ),
        ));
    };
    let namespace = &document.root().namespace;
    let reading = READINGS.iter().find(|reading| {
        reading.number == head.number
            && reading.namespaces.contains(&namespace.as_str())
            && (namespace != REJECTION || is_inneres(format))
            && (namespace == REJECTION || belongs(reading, format))
            && document.root().local().ends_with(reading.number)
    });
    match reading {
        Some(reading) => Ok(answer(&document, head, reading)),
        None => Err(no_answer()),
    }
}

fn no_answer() -> Findings {
    refused(
        "answer",
        (
            "diese Nachricht ist keine Antwort, die dieses Zielformat kennt",
            "this message is no answer this format knows",
        ),
    )
}

fn is_inneres(format: &str) -> bool {
    ["xpersonenstand", "xmeld", "xauslaender"].contains(&format)
}

fn belongs(reading: &Reading, format: &str) -> bool {
    let own: &[&str] = match format {
        "xbau" => &KERNMODUL,
        "xpersonenstand" => &PERSONENSTAND,
        "xmeld" => &MELD,
        "xauslaender" => &AUSLAENDER,
        _ => &[],
    };
    reading.namespaces == own
}

fn answer(document: &Document, head: Head, reading: &Reading) -> Answer {
    let text = |path: &str| text(document, path);
    let personal = |path: &str| text(path).map(Personal::new);
    let root = document.root();
    let paragraphs: Vec<&str> = at(document, reading.text)
        .into_iter()
        .map(|node| node.text.trim())
        .filter(|text| !text.is_empty())
        .collect();
    let kind = if has(document, "antwortAbrufanfrage/grundDerRueckweisung") {
        AnswerKind::Rejected
    } else {
        reading.kind
    };
    Answer {
        kind,
        message: format!(
            "{} {} {}",
            plain(root.attribute("standard")),
            plain(root.attribute("version")),
            reading.number
        ),
        id: head.uuid,
        is_test: root.attribute("test").is_some(),
        in_reply_to: text(reading.in_reply_to).map(|id| id.to_ascii_lowercase()),
        reference: personal(reading.reference),
        file_number: personal(reading.file_number),
        status: at(document, reading.status)
            .first()
            .and_then(|node| status(document, node)),
        due: text(reading.due),
        text: (!paragraphs.is_empty()).then(|| Personal::new(paragraphs.join("\n"))),
        findings: reasons(document),
        documents: documents(document, reading),
    }
}

/// A standard's name or version as the answer writes it, as far as it is harmless.
fn plain(text: Option<&str>) -> String {
    text.unwrap_or_default()
        .chars()
        .filter(|c| c.is_alphanumeric() || "-.".contains(*c))
        .take(40)
        .collect()
}

fn at<'a>(document: &'a Document, path: &str) -> Vec<&'a Node> {
    if path.is_empty() {
        Vec::new()
    } else {
        document.all(path)
    }
}

fn has(document: &Document, path: &str) -> bool {
    !at(document, path).is_empty()
}

fn text(document: &Document, path: &str) -> Option<String> {
    at(document, path)
        .first()
        .map(|node| node.text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

fn status(document: &Document, node: &Node) -> Option<Status> {
    let child = |name: &str| {
        document
            .all_in(node, name)
            .first()
            .map(|child| child.text.trim().to_owned())
    };
    Some(Status {
        list_uri: node.attribute("listURI").map(str::to_owned),
        list_version: node.attribute("listVersionID").map(str::to_owned),
        code: child("code").filter(|code| !code.is_empty())?,
        name: child("name"),
    })
}

/// The reasons of a rejection: XBau's, XInneres's, and that of a request to the register.
fn reasons(document: &Document) -> Findings {
    let mut findings = Findings::new();
    for (path, own_list) in [
        ("rueckweisungDaten/rueckweisungsgrund/grund", ""),
        ("rueckweisung/rueckweisungsgrund/grund", REJECTION_LIST),
        (
            "rueckweisung/rueckweisungsgrund/grundSpezifisch/fehlercode",
            "",
        ),
        (
            "rueckweisung/nichtVerarbeitbarerEinzelfall/grund/grund",
            REJECTION_LIST,
        ),
        (
            "antwortAbrufanfrage/grundDerRueckweisung",
            "urn:xoev-de:xmeld:codeliste:onlinedienste.nichterstellung.grund",
        ),
    ] {
        for node in document.all(path) {
            let list = node.attribute("listURI").unwrap_or(own_list);
            let code = document
                .all_in(node, "code")
                .first()
                .map_or("", |code| code.text.trim());
            findings.push(reason(&node.path, list, code));
        }
    }
    findings.truncate(REASONS_MAX);
    findings
}

/// A reason as a finding. Free words of the answer stay out: they may tell of persons.
fn reason(at: &str, list: &str, code: &str) -> Finding {
    if let Some(known) = ErrorCode::read(list, code) {
        return Finding::new(at, known.as_str(), known.words());
    }
    let harmless =
        (1..=20).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric());
    let code = if harmless { code } else { "?" };
    Finding::new(
        at,
        format!("rejection-{code}"),
        Bilingual::new(
            format!("der Empfänger weist die Nachricht mit seinem eigenen Grund {code} zurück"),
            format!("the receiver rejects the message for its own reason {code}"),
        ),
    )
}

fn documents(document: &Document, reading: &Reading) -> Vec<AnswerDocument> {
    let inside = reading.documents.iter().flat_map(|path| at(document, path));
    let inside = inside.filter_map(|node| {
        let packed: String = node.text.split_ascii_whitespace().collect();
        let bytes = BASE64.decode(packed).ok()?;
        Some(AnswerDocument {
            name: None,
            content: AnswerContent::Inside(Personal::new(bytes)),
        })
    });
    // XPersonenstand names attachments that travel beside the message; XBau the files of `anlagen`.
    let beside = at(document, "anhang").into_iter().filter_map(|node| {
        let child = |name: &str| {
            document
                .all_in(node, name)
                .first()
                .map(|child| child.text.trim().to_owned())
        };
        Some(AnswerDocument {
            name: child("dokumentart").map(Personal::new),
            content: AnswerContent::Beside(Personal::new(child("dokumentid")?)),
        })
    });
    inside.chain(beside).collect()
}

fn refused(rule: &str, (de, en): (&str, &str)) -> Findings {
    vec![Finding::new("", rule, Bilingual::new(de, en))]
}

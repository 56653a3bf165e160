//! Answers of a DMS in archives: the message is found, its documents come along, and what is none stays a document.

use std::io::{Cursor, Write as _};

use amtsbote_adapter::{Answer, AnswerContent, AnswerKind, Format as _};
use amtsbote_problem::Findings;
use zip::write::SimpleFileOptions;

use crate::answers::{ASKED, dms};
use crate::packages::bare;
use crate::shared;

const PDF: &[u8] = b"%PDF-1.7 the decision";

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn read(files: &[(&str, &[u8])]) -> Option<Result<Answer, Findings>> {
    bare("xdomea").read_archive(&zipped(files))
}

fn refused_by(read: Option<Result<Answer, Findings>>) -> String {
    let findings = read.expect("a message").expect_err("no answer");
    findings[0].rule.clone()
}

#[test]
fn each_kind_of_answer_is_read_out_of_its_archive_with_its_documents() {
    for (name, kind) in [
        ("Abgabe.EmpfangBestaetigen.0403", AnswerKind::Received),
        ("Abgabe.ImportBestaetigen.0402", AnswerKind::Rejected),
        ("FVDaten.EmpfangBestaetigen.0629", AnswerKind::Received),
        ("FVDaten.ImportBestaetigen.0630", AnswerKind::Rejected),
    ] {
        let message = dms(name, "3.1.0", "");
        let file = format!("{ASKED}_{name}.xml");
        let answer = read(&[
            ("anlagen/Eingangsbestätigung.pdf", PDF),
            (&file, message.as_bytes()),
            ("anlagen/rechnung.xml", b"<rechnung/>"),
        ]);
        let answer = answer.unwrap().unwrap();
        assert_eq!(answer.kind, kind, "{name}");
        assert_eq!(answer.in_reply_to.as_deref(), Some(ASKED));
        let documents: Vec<_> = answer
            .documents
            .iter()
            .map(|document| {
                let AnswerContent::Inside(bytes) = &document.content else {
                    panic!("beside");
                };
                (
                    document.name.as_ref().unwrap().reveal().as_str(),
                    bytes.reveal().as_slice(),
                )
            })
            .collect();
        assert_eq!(
            documents,
            [
                ("Eingangsbestätigung.pdf", PDF),
                ("rechnung.xml", b"<rechnung/>")
            ]
        );
    }
}

#[test]
fn documents_without_a_message_are_documents() {
    assert_eq!(read(&[("bescheid.pdf", PDF)]), None);
    assert_eq!(
        read(&[("bescheid.pdf", PDF), ("rechnung.xml", b"<rechnung/>")]),
        None
    );
    let message = dms("Abgabe.EmpfangBestaetigen.0403", "3.1.0", "");
    let archive = zipped(&[("a.xml", message.as_bytes())]);
    assert_eq!(bare("xbau").read_archive(&archive), None);
}

#[test]
fn what_is_broken_or_says_several_things_waits_for_a_person() {
    let message = dms("Abgabe.EmpfangBestaetigen.0403", "3.1.0", "");
    let message = message.as_bytes();
    let two = read(&[("a.xml", message), ("b.xml", message)]);
    assert_eq!(refused_by(two), "archive");
    let half = &message[..message.len() / 2];
    let name = "x_Abgabe.EmpfangBestaetigen.0403.xml";
    assert_eq!(refused_by(read(&[(name, half), ("b.pdf", PDF)])), "xml");
    let application = dms("Abgabe.Abgabe.0401", "3.1.0", "");
    assert_eq!(
        refused_by(read(&[("a.xml", application.as_bytes())])),
        "answer"
    );
    let archive = zipped(&[(name, message)]);
    let cut = bare("xdomea").read_archive(&archive[..archive.len() - 30]);
    assert_eq!(refused_by(cut), "archive");
    let large = vec![b' '; 49 << 20];
    let bomb = read(&[(name, message), ("b.pdf", &large)]);
    assert_eq!(refused_by(bomb), "archive");
}

#[test]
fn packed_messages_of_other_kinds_are_found_and_said_to_be_no_answers() {
    let Some(official) = shared::official() else {
        return;
    };
    let archives = shared::read(&official.join("xdomea/samples/x-man"), "zip");
    assert!(!archives.is_empty());
    for (name, bytes) in archives {
        let read = bare("xdomea").read_archive(&bytes);
        assert_eq!(refused_by(read), "answer", "{name}");
    }
}

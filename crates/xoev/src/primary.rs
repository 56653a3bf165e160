//! Primary documents (*Primärdokumente*) of xdomea: the files that go along with a message, and how it names them.
//!
//! Source: types `PrimaerdokumentType` and `stringDateinameType` of the schema files of xdomea 3.1.0.

use std::collections::BTreeSet;

use amtsbote_problem::{Bilingual, Finding, Findings};

use crate::Document;

/// Elements that name a file.
const NAMES: [&str; 2] = ["Dateiname", "SignaturSiegelDatei"];

impl Document {
    /// Whether the message is of this process, names each of the files that go along, and no other.
    pub fn primary_documents(&self, process: &str, files: &[String]) -> Findings {
        let mut findings = Findings::new();
        if self.text("Kopf/ProzessID") != Some(process) {
            findings.push(finding(
                format!("{}/Kopf/ProzessID", self.root().path),
                "xdomea-process",
                "die ProzessID ist nicht die der Datei ($message.uuid)",
                "the process id is not that of the file ($message.uuid)",
            ));
        }
        let files: BTreeSet<&str> = files.iter().map(String::as_str).collect();
        let mut named = BTreeSet::new();
        for node in self.nodes() {
            if !NAMES.contains(&node.local()) {
                continue;
            }
            if files.contains(node.text.trim()) {
                named.insert(node.text.trim());
            } else {
                findings.push(finding(
                    node.path.clone(),
                    "xdomea-file",
                    "die Nachricht nennt eine Datei, die nicht mitgeht",
                    "the message names a file that does not go along",
                ));
            }
        }
        if named.len() < files.len() {
            findings.push(finding(
                self.root().path.clone(),
                "xdomea-file",
                "eine Datei geht mit, die die Nachricht nicht nennt",
                "a file goes along that the message does not name",
            ));
        }
        findings
    }
}

fn finding(at: String, rule: &str, de: &str, en: &str) -> Finding {
    Finding::new(at, rule, Bilingual::new(de, en)).hint(Bilingual::new(
        "Vorlage des Pakets berichtigen",
        "correct the package's template",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(process: &str, files: &[&str], expected: &[&str]) {
        let message = "<a><Kopf><ProzessID>1</ProzessID></Kopf><Dateiname>x</Dateiname>\
             <SignaturSiegelDatei>y</SignaturSiegelDatei></a>";
        let document = Document::read(message.as_bytes()).unwrap();
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let found: Vec<String> = document
            .primary_documents(process, &files)
            .into_iter()
            .map(|one| format!("{} {}", one.rule, one.at))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_message_names_what_goes_along_and_nothing_else() {
        check("1", &["x", "y"], &[]);
        check("2", &["x", "y"], &["xdomea-process /a/Kopf/ProzessID"]);
        check("1", &["x"], &["xdomea-file /a/SignaturSiegelDatei"]);
        check("1", &["x", "y", "z"], &["xdomea-file /a"]);
    }
}

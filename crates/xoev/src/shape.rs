//! The structure of messages no schema is at hand for, as rules in our own words.
//!
//! A rule says which children an element has, in which order, how often. Derived from published sample messages: what all of them have is
//! needed, what only some have may be left out. A child no sample has is let pass, so these rules refuse less than a schema would.
//!
//! Source: sample messages of XGewerbeanzeige 2.1 and 2.2 of the validator configuration its publisher keeps.

use amtsbote_problem::{Bilingual, Finding, Findings};

use crate::standard::{GEWERBEANZEIGE_2_2, Standard};
use crate::{Document, Node};

/// How often a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Maybe,
    Some,
    Any,
}

use Times::{Any, Maybe, Once, Some as Several};

/// The end of an element's path (local names) and its children.
type Rule = (&'static str, &'static [(&'static str, Times)]);

const AUTHORITY: &[(&str, Times)] = &[
    ("behoerdenkennung", Once),
    ("erreichbarkeit", Any),
    ("anschrift", Once),
    ("behoerdenname", Once),
];

const GEWERBE: &[Rule] = &[
    (
        "gewerbemeldung",
        &[("nachrichtenkopf", Once), ("satz", Several)],
    ),
    (
        "nachrichtenkopf",
        &[
            ("identifikation.nachricht", Once),
            ("leser", Once),
            ("autor", Once),
        ],
    ),
    (
        "identifikation.nachricht",
        &[
            ("nachrichtenUUID", Once),
            ("nachrichtentyp", Once),
            ("erstellungszeitpunkt", Once),
        ],
    ),
    ("leser", AUTHORITY),
    ("autor", AUTHORITY),
    ("behoerdenkennung", &[("praefix", Once), ("kennung", Once)]),
    ("erreichbarkeit", &[("kanal", Once), ("kennung", Once)]),
    (
        "satz/anmeldung",
        &[
            ("satzErstellung", Once),
            ("ereigniszeitpunkt", Once),
            ("autor", Once),
            ("istKorrektur", Once),
            ("gemeindeSchluessel", Once),
            ("gemeindeMeldungNr", Maybe),
            ("gewerbebetriebID", Maybe),
            ("uuid", Once),
            ("gewerbe", Once),
            ("gueltigAb", Once),
            ("datumMeldung", Once),
            ("taetigkeitenGesamt", Once),
            ("grundAnmeldungSchluessel", Once),
        ],
    ),
    (
        "anmeldung/gewerbe",
        &[
            ("betrieb", Once),
            ("anzahlVollzeitBeschaeftigte", Once),
            ("anzahlTeilzeitBeschaeftigte", Once),
            ("betriebArt", Once),
            ("niederlassungArt", Once),
            ("istReisegewerbe", Maybe),
            ("istNebenerwerb", Maybe),
            ("erlaubnis", Maybe),
            ("handwerkskarte", Maybe),
            ("anschrift", Several),
            ("beteiligtePerson", Several),
        ],
    ),
    (
        "gewerbe/betrieb",
        &[
            ("ID", Once),
            ("eingetragenerName", Maybe),
            ("geschaeftsbezeichnung", Maybe),
            ("eintragungNr", Maybe),
            ("eintragungOrt", Maybe),
            ("eintragungPLZ", Maybe),
            ("eintragungArt", Maybe),
            ("gerichtSchluessel", Maybe),
            ("rechtsformSchluessel", Once),
        ],
    ),
    (
        "betriebArt",
        &[
            ("industrie", Once),
            ("handwerk", Once),
            ("handel", Once),
            ("sonstiges", Once),
        ],
    ),
    (
        "beteiligtePerson",
        &[
            ("personFunktion", Once),
            ("familienname", Once),
            ("vorname", Once),
            ("geschlecht", Maybe),
            ("geburtsname", Maybe),
            ("geburtsdatum", Maybe),
            ("geburtsort", Maybe),
            ("geburtsland", Maybe),
            ("staatangehoerigkeiten", Maybe),
            ("anschrift", Maybe),
            ("erreichbarkeit", Any),
            ("aufenthaltstitel", Maybe),
        ],
    ),
    (
        "gewerbe/anschrift",
        &[
            ("strasse", Once),
            ("strassenschluessel", Maybe),
            ("hausNrVon", Maybe),
            ("ort", Once),
            ("plz", Once),
            ("nationSchluessel", Maybe),
        ],
    ),
    (
        "taetigkeitenGesamt",
        &[("schwerpunkt", Once), ("weitereTaetigkeiten", Maybe)],
    ),
    (
        "schwerpunkt",
        &[
            ("taetigkeitSchwerpunkt", Once),
            ("taetigkeitSchluessel", Maybe),
            ("stichwort", Maybe),
        ],
    ),
];

/// The rules of a standard; none where schemas are the measure.
fn rules(standard: &Standard) -> &'static [Rule] {
    if *standard == GEWERBEANZEIGE_2_2 {
        GEWERBE
    } else {
        &[]
    }
}

impl Document {
    /// Where the message leaves the shape that sample messages have. Empty for standards with schemas.
    pub fn shape(&self, standard: &Standard) -> Findings {
        let rules = rules(standard);
        let mut findings = Findings::new();
        for node in self.nodes().iter().filter(|_| !rules.is_empty()) {
            let path = self.local_path(node);
            let rule = rules.iter().find(|(end, _)| ends_with(&path, end));
            if let Some((_, children)) = rule {
                self.compare(node, children, &mut findings);
            }
        }
        findings
    }

    fn compare(&self, node: &Node, rule: &[(&str, Times)], findings: &mut Findings) {
        let children = self.children_of(node);
        for (name, times) in rule {
            let count = children
                .iter()
                .filter(|child| child.local() == *name)
                .count();
            let fits = match times {
                Times::Once => count == 1,
                Times::Maybe => count <= 1,
                Times::Some => count >= 1,
                Times::Any => true,
            };
            if !fits {
                findings.push(shape(
                    &format!("{}/{name}", node.path),
                    (
                        "das Element fehlt oder steht zu oft",
                        "the element is missing or stands too often",
                    ),
                ));
            }
        }
        let places: Vec<usize> = children
            .iter()
            .filter_map(|child| rule.iter().position(|(name, _)| *name == child.local()))
            .collect();
        if !places.is_sorted() {
            findings.push(shape(
                &node.path,
                (
                    "die Elemente darin stehen in anderer Reihenfolge als vorgesehen",
                    "the elements in it stand in another order than laid down",
                ),
            ));
        }
    }

    fn local_path(&self, node: &Node) -> String {
        let mut steps = vec![node.local()];
        let mut at = node.parent;
        while let Some(parent) = at.and_then(|at| self.nodes().get(at)) {
            steps.push(parent.local());
            at = parent.parent;
        }
        steps.reverse();
        steps.join("/")
    }
}

/// The root's name has the message's number behind a dot and the receiver before one.
fn ends_with(path: &str, end: &str) -> bool {
    if end == "gewerbemeldung" {
        return !path.contains('/') && path.contains(".gewerbemeldung.");
    }
    path == end || path.ends_with(&format!("/{end}"))
}

fn shape(at: &str, (de, en): (&str, &str)) -> Finding {
    Finding::new(at, "xoev-shape", Bilingual::new(de, en))
}

//! Names of steps that ways over files share.

use crate::Step;

/// To look at the folder.
pub const LOOK_AT_FOLDER: Step = Step::new("Ansehen des Ordners", "look at the folder");
/// To make the parcel's folder.
pub const MAKE_PARCEL: Step = Step::new(
    "Anlegen des Ordners der Sendung",
    "make the parcel's folder",
);
/// To write the parcel.
pub const WRITE_PARCEL: Step = Step::new("Schreiben der Sendung", "write the parcel");
/// To make the parcel durable.
pub const SYNC_PARCEL: Step = Step::new(
    "Sichern der Sendung auf der Platte",
    "make the parcel durable",
);
/// To look at the parcel.
pub const LOOK_AT_PARCEL: Step = Step::new("Ansehen der Sendung", "look at the parcel");
/// To make the parcel visible.
pub const SHOW_PARCEL: Step = Step::new("Sichtbarmachen der Sendung", "make the parcel visible");
/// To read the ledger.
pub const READ_LEDGER: Step = Step::new("Lesen des Übergabebuchs", "read the ledger");
/// To write the ledger.
pub const WRITE_LEDGER: Step = Step::new("Schreiben des Übergabebuchs", "write the ledger");
/// To tidy up.
pub const TIDY_UP: Step = Step::new("Aufräumen", "tidy up");
/// To move an answer away.
pub const MOVE_ANSWER: Step = Step::new("Verschieben einer Antwort", "move an answer away");
/// To read a file of an answer.
pub const READ_ANSWER_FILE: Step = Step::new(
    "Lesen einer Datei einer Antwort",
    "read a file of an answer",
);

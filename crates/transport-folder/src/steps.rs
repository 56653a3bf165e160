//! The steps a fault can name.

use amtsbote_adapter::Step;
pub(crate) use amtsbote_adapter::steps::{
    LOOK_AT_FOLDER, LOOK_AT_PARCEL, MAKE_PARCEL, MOVE_ANSWER, READ_ANSWER_FILE, READ_LEDGER,
    SHOW_PARCEL, SYNC_PARCEL, TIDY_UP, WRITE_LEDGER, WRITE_PARCEL,
};

pub(crate) const OPEN_FOLDER: Step = Step::new("Öffnen des Ordners", "open the folder");
pub(crate) const OPEN_WORK_FOLDER: Step =
    Step::new("Öffnen des Arbeitsordners", "open the work folder");
pub(crate) const MAKE_FOLDER: Step = Step::new("Anlegen des Ordners", "make the folder");
pub(crate) const MAKE_UNFINISHED: Step = Step::new(
    "Anlegen des Ordners für unfertige Sendungen",
    "make the folder for unfinished parcels",
);
pub(crate) const MAKE_LEDGER: Step = Step::new(
    "Anlegen des Ordners für das Übergabebuch",
    "make the ledger's folder",
);
pub(crate) const WRITE_INTO_FOLDER: Step =
    Step::new("Schreiben in den Ordner", "write into the folder");
pub(crate) const SYNC_FOLDER: Step = Step::new(
    "Sichern des Ordners auf der Platte",
    "make the folder durable",
);
pub(crate) const LOCK_PARCEL: Step = Step::new("Sperren der Sendung", "lock the parcel");
pub(crate) const OPEN_ANSWERS: Step = Step::new(
    "Öffnen des Ordners der Antworten",
    "open the folder of answers",
);
pub(crate) const READ_ANSWERS: Step = Step::new(
    "Lesen des Ordners der Antworten",
    "read the folder of answers",
);
pub(crate) const LOOK_AT_ANSWER: Step = Step::new("Ansehen einer Antwort", "look at an answer");
pub(crate) const OPEN_ANSWER_FILE: Step = Step::new(
    "Öffnen einer Datei einer Antwort",
    "open a file of an answer",
);

//! The steps a fault can name.

use amtsbote_adapter::Step;

pub(crate) const BEGIN: Step = Step::new("Beginn von SFTP", "begin with SFTP");
pub(crate) const OPEN_PATH: Step = Step::new("Öffnen des Ordners path", "open the folder path");
pub(crate) const OPEN_WORK_PATH: Step =
    Step::new("Öffnen des Ordners work_path", "open the folder work_path");
pub(crate) const MAKE_FOLDERS: Step = Step::new(
    "Anlegen der Ordner für unfertige Sendungen und das Übergabebuch",
    "make the folders for unfinished parcels and the ledger",
);
pub(crate) const WRITE_UNFINISHED: Step = Step::new(
    "Schreiben in den Ordner für unfertige Sendungen",
    "write into the folder for unfinished parcels",
);
pub(crate) const LOOK_AT_FOLDER: Step = Step::new("Ansehen des Ordners", "look at the folder");
pub(crate) const READ_LEDGER: Step = Step::new("Lesen des Übergabebuchs", "read the ledger");
pub(crate) const WRITE_LEDGER: Step = Step::new("Schreiben des Übergabebuchs", "write the ledger");
pub(crate) const MAKE_PARCEL: Step = Step::new(
    "Anlegen des Ordners der Sendung",
    "make the parcel's folder",
);
pub(crate) const WRITE_PARCEL: Step = Step::new("Schreiben der Sendung", "write the parcel");
pub(crate) const SYNC_PARCEL: Step = Step::new(
    "Sichern der Sendung auf der Platte",
    "make the parcel durable",
);
pub(crate) const LOOK_AT_PARCEL: Step = Step::new("Ansehen der Sendung", "look at the parcel");
pub(crate) const SHOW_PARCEL: Step =
    Step::new("Sichtbarmachen der Sendung", "make the parcel visible");
pub(crate) const TIDY_UP: Step = Step::new("Aufräumen", "tidy up");
pub(crate) const LOOK_AT_ANSWERS: Step = Step::new(
    "Ansehen des Ordners der Antworten",
    "look at the folder of answers",
);
pub(crate) const READ_ANSWER_FILE: Step = Step::new(
    "Lesen einer Datei einer Antwort",
    "read a file of an answer",
);
pub(crate) const MOVE_ANSWER: Step = Step::new("Verschieben einer Antwort", "move an answer away");

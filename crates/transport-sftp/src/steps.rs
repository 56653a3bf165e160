//! The steps a fault can name.

use amtsbote_adapter::Step;
pub(crate) use amtsbote_adapter::steps::{
    LOOK_AT_FOLDER, LOOK_AT_PARCEL, MAKE_PARCEL, MOVE_ANSWER, READ_ANSWER_FILE, READ_LEDGER,
    SHOW_PARCEL, SYNC_PARCEL, TIDY_UP, WRITE_LEDGER, WRITE_PARCEL,
};

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
pub(crate) const LOOK_AT_ANSWERS: Step = Step::new(
    "Ansehen des Ordners der Antworten",
    "look at the folder of answers",
);

//! The steps on a disk that a fault can name.

use amtsbote_adapter::Step;

pub(crate) const OPEN_BOX: Step = Step::new("Öffnen des Postfachs", "open the message box");
pub(crate) const WRITE_BOX: Step =
    Step::new("Schreiben in das Postfach", "write into the message box");
pub(crate) const READ_INBOX: Step = Step::new("Lesen des Eingangs", "read the inbox");
pub(crate) const WRITE_INBOX: Step = Step::new("Schreiben in den Eingang", "write into the inbox");
pub(crate) const READ_LEDGER: Step = Step::new("Lesen des Übergabebuchs", "read the ledger");
pub(crate) const WRITE_LEDGER: Step = Step::new("Schreiben des Übergabebuchs", "write the ledger");

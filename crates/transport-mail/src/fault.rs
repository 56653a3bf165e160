//! Texts of faults in both languages. They name no address.

use amtsbote_adapter::Fault;
use amtsbote_jose::cms::RefusedRecipient;

/// The certificates cannot be used.
pub(crate) fn unfit(error: &RefusedRecipient) -> Fault {
    let german = match error {
        RefusedRecipient::Nobody => "kein Zertifikat ist angegeben".to_owned(),
        RefusedRecipient::Unreadable(nr) => {
            format!("Zertifikat {nr} ist nicht lesbar; erwartet wird eines in der Form PEM")
        }
        RefusedRecipient::OutOfDate(nr) => {
            format!("Zertifikat {nr} ist jetzt nicht gültig; ein neues eintragen")
        }
        RefusedRecipient::UnfitKey(nr) => format!(
            "Zertifikat {nr} hat keinen Schlüssel zum Verschlüsseln: RSA ab 2048 Bit oder eine Kurve ab 256 Bit ist nötig"
        ),
    };
    Fault::misconfigured(
        format!("certificate_files: {german}"),
        format!("certificate_files: {error}"),
    )
}

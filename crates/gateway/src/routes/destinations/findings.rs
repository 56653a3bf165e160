//! What can be wrong with a destination besides its form and its keys.

use amtsbote_model::Destination;
use amtsbote_problem::{Bilingual, Finding};

pub(super) fn kid_mismatch() -> Finding {
    let text = Bilingual::new(
        "stimmt nicht mit encryptionPublicKey.kid überein",
        "differs from encryptionPublicKey.kid",
    );
    Finding::new("/encryptionKid", "const", text)
}

pub(super) fn kid_repeated() -> Finding {
    let text = Bilingual::new(
        "ist auch der Name des anderen Schlüssels",
        "is the other key's name, too",
    );
    Finding::new("/signingPublicKey/kid", "uniqueItems", text)
}

pub(super) fn kid_unknown() -> Finding {
    let text = Bilingual::new(
        "nennt keinen Verschlüsselungsschlüssel dieses Zustellpunkts",
        "names no encryption key of this destination",
    );
    let hint = Bilingual::new(
        "Schlüssel zuerst mit POST …/keys hinzufügen",
        "add the key with POST …/keys first",
    );
    Finding::new("/encryptionKid", "known-key", text).hint(hint)
}

pub(super) fn step_illegal(stored: &Destination, next: &Destination) -> Finding {
    let (from, to) = (stored.status, next.status);
    let text = Bilingual::new(
        format!("auf {from} kann {to} nicht folgen"),
        format!("{to} cannot follow {from}"),
    );
    Finding::new("/status", "destination-step-illegal", text)
}

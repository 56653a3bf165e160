//! What types of values in settings say of a text that is none, in German. Each type tells in English, where it is defined.

/// How the English sentence begins, and all of it in German.
const SENTENCES: [(&str, &str); 20] = [
    (
        "not a JSON pointer:",
        "kein JSON-Pointer: leer, oder vor jedem Namen ein Schrägstrich, wie /vorgang/aktenzeichen",
    ),
    (
        "not a UUID:",
        "keine UUID: 32 hexadezimale Ziffern angeben, mit oder ohne Striche",
    ),
    (
        "not a URL:",
        "keine URL: https://rechner/pfad angeben, ohne Benutzernamen und `#`, mit {parcel} nur in Pfad oder Abfrage",
    ),
    (
        "not a client id:",
        "keine Kennung eines API-Clients: 1 bis 128 sichtbare ASCII-Zeichen angeben",
    ),
    (
        "not a duration:",
        "keine Dauer: wie 250ms, 30s, 5m, 2h oder 7d angeben",
    ),
    (
        "not a folder on the server:",
        "kein Ordner auf dem Server: 1 bis 400 Zeichen angeben, ohne `..` und ohne Steuerzeichen",
    ),
    (
        "not a host key:",
        "kein Schlüssel eines Servers: als `ssh-ed25519 AAAA…` oder `ecdsa-sha2-nistp256 AAAA…` angeben (RSA wird nicht unterstützt), oder den Fingerabdruck als `SHA256:…`",
    ),
    (
        "not a kind of answer:",
        "keine Art von Antwort: received, fileNumber, status, rejected, notResponsible, question, appointment oder result angeben",
    ),
    (
        "not a mail address of the plain form",
        "keine Mailadresse: name@rechner.example in ASCII angeben",
    ),
    (
        "not a mail address:",
        "keine Mailadresse: name@domain in ASCII angeben",
    ),
    (
        "not a marker:",
        "keine Markierungsdatei: 1 bis 40 Zeichen angeben, die in Dateinamen sicher sind",
    ),
    (
        "not a mode:",
        "keine Dateirechte: oktale Ziffern wie \"0640\" ohne Schreibrecht für andere angeben, oder \"inherit\"",
    ),
    (
        "not a moment:",
        "kein Zeitpunkt: wie \"2026-11-23T08:15:00Z\" angeben",
    ),
    (
        "not a name pattern:",
        "kein Namensmuster: 1 bis 80 Zeichen angeben, die in Dateinamen sicher sind, mit `{parcel}` genau einmal",
    ),
    (
        "not a region:",
        "kein Gebiet: `DE` und 0 bis 12 Ziffern eines ARS angeben",
    ),
    (
        "not a safe relative path:",
        "kein sicherer relativer Pfad: 1 bis 8 Teile mit 1 bis 120 Zeichen angeben, keiner mit einem Punkt am Anfang",
    ),
    (
        "not a service:",
        "keine Verwaltungsleistung: eine URN mit 7 bis 255 Zeichen angeben, wie urn:de:fim:leika:leistung:99012008001000",
    ),
    (
        "not a status of an answer:",
        "kein Status einer Antwort: 200 bis 599 angeben",
    ),
    (
        "not a subject:",
        "kein Betreff: 1 bis 100 ASCII-Zeichen angeben",
    ),
    (
        "not an ARS:",
        "kein ARS: 2, 3, 5, 9 oder 12 Ziffern angeben",
    ),
];

pub(super) fn german(told: &str) -> Option<String> {
    if let Some((name, _)) = told.split_once(" is not a file name: ") {
        return Some(format!(
            "{name} ist kein Dateiname: 1 bis 60 Zeichen angeben, die in Dateinamen sicher sind; Platzhalter sind {{date}}, {{time}}, {{parcel}}, {{submission}}, {{case}}"
        ));
    }
    let known = SENTENCES.iter().find(|(start, _)| told.starts_with(start));
    known.map(|(_, german)| (*german).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_values_are_told_in_german_with_their_name_if_any() {
        assert_eq!(
            german("not a duration: write 250ms, 30s, 5m, 2h or 7d").as_deref(),
            Some("keine Dauer: wie 250ms, 30s, 5m, 2h oder 7d angeben")
        );
        let told = german("\"a/b\" is not a file name: 1 to 60 characters").unwrap();
        assert!(told.starts_with("\"a/b\" ist kein Dateiname: "), "{told}");
        assert_eq!(german("something new"), None);
    }
}

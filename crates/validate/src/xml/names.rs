//! Names of elements as people read them. XÖV writes names in German, in one word, without umlauts.

use amtsbote_problem::Bilingual;

/// Elements that many standards have, with labels in both languages.
const KNOWN: [(&str, &str, &str); 64] = [
    ("aktenzeichen", "Aktenzeichen", "File number"),
    ("anhang", "Anhang", "Enclosure"),
    ("anlage", "Anlage", "Attachment"),
    ("anlagen", "Anlagen", "Attachments"),
    ("anlageart", "Art der Anlage", "Kind of attachment"),
    ("anrede", "Anrede", "Form of address"),
    ("anschrift", "Anschrift", "Address"),
    (
        "anschrift.autor",
        "Anschrift des Absenders",
        "Sender's address",
    ),
    (
        "anschrift.leser",
        "Anschrift des Empfängers",
        "Receiver's address",
    ),
    ("antragsteller", "Antragsteller", "Applicant"),
    ("autor", "Absender", "Sender"),
    ("bauherr", "Bauherr", "Principal"),
    ("bauvorhaben", "Bauvorhaben", "Building project"),
    ("begruendung", "Begründung", "Reasons"),
    ("bezeichnung", "Bezeichnung", "Name"),
    ("bezug", "Bezug", "Reference"),
    ("code", "Schlüssel", "Code"),
    ("dateiname", "Dateiname", "File name"),
    ("datum", "Datum", "Date"),
    ("dokument", "Dokument", "Document"),
    ("entwurfsverfasser", "Entwurfsverfasser", "Designer"),
    ("erreichbarkeit", "Erreichbarkeit", "Ways to reach"),
    (
        "erstellungszeitpunkt",
        "Zeitpunkt der Erstellung",
        "Moment of creation",
    ),
    ("familienname", "Familienname", "Family name"),
    ("flurstueck", "Flurstück", "Parcel of land"),
    ("geburtsdatum", "Geburtsdatum", "Date of birth"),
    ("geburtsname", "Geburtsname", "Name at birth"),
    ("geburtsort", "Geburtsort", "Place of birth"),
    ("gemarkung", "Gemarkung", "Cadastral district"),
    (
        "gemeindeschluessel",
        "Gemeindeschlüssel",
        "Municipality code",
    ),
    ("geschlecht", "Geschlecht", "Gender"),
    ("grundstueck", "Grundstück", "Plot"),
    ("hausnummer", "Hausnummer", "House number"),
    ("id", "Kennung", "Id"),
    (
        "identifikation.nachricht",
        "Kennzeichnung der Nachricht",
        "Identification of the message",
    ),
    ("kanal", "Kanal", "Channel"),
    ("kennung", "Kennung", "Id"),
    ("kommunikation", "Erreichbarkeit", "Ways to reach"),
    ("kopf", "Nachrichtenkopf", "Header"),
    ("leser", "Empfänger", "Receiver"),
    ("name", "Name", "Name"),
    ("nachrichtenkopf", "Nachrichtenkopf", "Header"),
    ("nachrichtenkopf.g2g", "Nachrichtenkopf", "Header"),
    ("nachrichtentyp", "Art der Nachricht", "Kind of message"),
    (
        "nachrichtenuuid",
        "Kennung der Nachricht (UUID)",
        "Id of the message (UUID)",
    ),
    ("natuerlicheperson", "Natürliche Person", "Natural person"),
    ("organisation", "Organisation", "Organisation"),
    ("ort", "Ort", "Place"),
    ("ortsteil", "Ortsteil", "Part of the place"),
    ("plz", "Postleitzahl", "Postcode"),
    ("postfach", "Postfach", "P.O. box"),
    ("postleitzahl", "Postleitzahl", "Postcode"),
    ("prozessid", "Kennung des Vorgangs", "Id of the process"),
    ("staat", "Staat", "State"),
    ("staatsangehoerigkeit", "Staatsangehörigkeit", "Nationality"),
    ("strasse", "Straße", "Street"),
    ("textabsatz", "Text", "Text"),
    (
        "verzeichnisdienst",
        "Verzeichnisdienst",
        "Directory service",
    ),
    ("vorgang", "Vorgang", "Case"),
    ("vorname", "Vorname", "Given name"),
    ("wohnort", "Wohnort", "Place of residence"),
    ("wohnung", "Wohnung", "Residence"),
    (
        "zaehler",
        "Flurstücksnummer, Zähler",
        "Parcel number, numerator",
    ),
    ("zusatz", "Zusatz", "Addition"),
];

/// Where a name without umlauts means one. Only what is no other word by chance.
const UMLAUTS: [(&str, &str); 30] = [
    ("strasse", "straße"),
    ("natuerlich", "natürlich"),
    ("gebuehr", "gebühr"),
    ("schluessel", "schlüssel"),
    ("behoerde", "behörde"),
    ("stueck", "stück"),
    ("geschaeft", "geschäft"),
    ("eigentuemer", "eigentümer"),
    ("gebaeude", "gebäude"),
    ("angehoerig", "angehörig"),
    ("empfaenger", "empfänger"),
    ("fuehr", "führ"),
    ("pruef", "prüf"),
    ("verfueg", "verfüg"),
    ("laenge", "länge"),
    ("groesse", "größe"),
    ("hoehe", "höhe"),
    ("flaeche", "fläche"),
    ("erklaer", "erklär"),
    ("zusaetz", "zusätz"),
    ("rueck", "rück"),
    ("aender", "änder"),
    ("begruend", "begründ"),
    ("taetig", "tätig"),
    ("zustaendig", "zuständig"),
    ("bestaetig", "bestätig"),
    ("uebermitt", "übermitt"),
    ("fuer", "für"),
    ("zaehl", "zähl"),
    ("auslaend", "ausländ"),
];

/// Words that stay small between others.
const SMALL: [&str; 14] = [
    "der", "des", "die", "das", "und", "oder", "zur", "zum", "zu", "im", "in", "mit", "ohne", "für",
];

/// The label of an element or attribute of that local name.
pub fn label(local: &str) -> Bilingual {
    let key = local.to_lowercase();
    if let Some((_, de, en)) = KNOWN.iter().find(|(known, ..)| *known == key) {
        return Bilingual::new(*de, *en);
    }
    let words = words(local);
    Bilingual::new(words.clone(), words)
}

/// `strasseUndHausnummer` as "Straße und Hausnummer".
fn words(local: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut small_before = false;
    for c in local.chars() {
        let is_split = c == '.' || c == '_' || c == '-';
        if is_split || (c.is_uppercase() && small_before) || words.is_empty() {
            words.push(String::new());
        }
        small_before = c.is_lowercase();
        if let (Some(last), false) = (words.last_mut(), is_split) {
            last.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    let each = |(index, word): (usize, &String)| {
        let mut word = word.clone();
        for (from, to) in UMLAUTS {
            word = word.replace(from, to).replace(&capital(from), &capital(to));
        }
        let small = word.to_lowercase();
        if index > 0 && SMALL.contains(&small.as_str()) {
            small
        } else {
            capital(&word)
        }
    };
    let words: Vec<String> = words.iter().enumerate().map(each).collect();
    words.join(" ")
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        for (name, expected) in [
            ("familienname", "Familienname"),
            ("nachrichtenUUID", "Kennung der Nachricht (UUID)"),
            ("strasseUndHausnummer", "Straße und Hausnummer"),
            ("artDerBaulichenAnlage", "Art der Baulichen Anlage"),
            ("natuerlichePersonAusland", "Natürliche Person Ausland"),
            ("baugenehmigung.antrag.0200", "Baugenehmigung Antrag 0200"),
            ("steuerberater", "Steuerberater"),
            ("neueBerechnung", "Neue Berechnung"),
            ("Rueckmeldung", "Rückmeldung"),
            ("listVersionID", "List Version ID"),
            ("", ""),
        ] {
            assert_eq!(label(name).de, expected, "{name}");
        }
    }
}

//! How alike two names are: German and English field names, abbreviations and labels of administrative forms.

use std::collections::BTreeSet;

/// Words that mean the same. The first is the group's name. A word may be in several groups.
const GROUPS: &[&[&str]] = &[
    &[
        "familienname",
        "nachname",
        "name",
        "zuname",
        "famname",
        "nname",
        "surname",
        "lastname",
        "familyname",
        "fname",
    ],
    &["vornamen", "vorname", "firstname", "givenname", "vname"],
    &["geburtsname", "gebname", "birthname"],
    &[
        "geburtsdatum",
        "gebdat",
        "gebdatum",
        "geburtstag",
        "geboren",
        "geborenam",
        "birthdate",
        "dateofbirth",
        "datebirth",
        "gebtag",
        "geb",
    ],
    &["geburtsort", "gebort", "birthplace"],
    &[
        "strasse",
        "str",
        "strassenname",
        "street",
        "strname",
        "strassenbezeichnung",
    ],
    &["hausnummer", "hausnr", "hnr", "hsnr", "housenumber"],
    &[
        "plz",
        "postleitzahl",
        "postcode",
        "zip",
        "zipcode",
        "postalcode",
    ],
    &[
        "ort", "wohnort", "stadt", "gemeinde", "city", "ortsname", "town",
    ],
    &["ortsteil", "stadtteil", "district"],
    &["adresszusatz", "zusatz", "anschriftzusatz"],
    &["staat", "land", "country", "staatencode"],
    &[
        "staatsangehoerigkeit",
        "nationalitaet",
        "nationality",
        "staatsang",
    ],
    &[
        "telefon",
        "tel",
        "telnr",
        "telefonnummer",
        "fon",
        "phone",
        "rufnummer",
        "telephone",
    ],
    &["email", "mail", "emailadresse", "mailadresse", "epost"],
    &["iban", "kontonummer", "konto", "accountnumber"],
    &["bic", "swift", "bankleitzahl"],
    &["kontoinhaber", "kontoinh", "accountholder"],
    &["zahlungsart", "zahlart", "zahlweise"],
    &["rhythmus", "zahlungsrhythmus", "turnus", "faelligkeit"],
    &["rasse", "hunderasse", "breed"],
    &["rufname", "hundename", "tiername", "name", "dogname"],
    &[
        "chipnummer",
        "chipnr",
        "chip",
        "transpondernummer",
        "microchip",
    ],
    &[
        "gefaehrlich",
        "istgefaehrlich",
        "gefaehrlicherhund",
        "kampfhund",
        "dangerous",
        "isdangerous",
        "gef",
    ],
    &["wurfdatum", "wurftag", "wurf"],
    &["geschlecht", "sex", "gender"],
    &[
        "kennzeichen",
        "kfzkennzeichen",
        "amtlicheskennzeichen",
        "licenseplate",
        "kfz",
        "nummernschild",
    ],
    &[
        "antragsteller",
        "halter",
        "hundehalter",
        "person",
        "anmelder",
        "anmeldende",
        "applicant",
        "owner",
        "antragstellerin",
        "bewohner",
        "inhaber",
        "betriebsinhaber",
        "gewerbetreibender",
        "beteiligter",
        "keeper",
        "halterin",
        "antragstellende",
    ],
    &["kinder", "kind", "child", "children"],
    &["hunde", "hund", "tier", "tiere", "dog", "dogs"],
    &[
        "fahrzeuge",
        "fahrzeug",
        "auto",
        "pkw",
        "vehicle",
        "vehicles",
    ],
    &["anschrift", "adresse", "address", "wohnanschrift"],
    &["erreichbarkeit", "kontakt", "kommunikation", "contact"],
    &["sepamandat", "mandat", "lastschrift", "sepa"],
    &["zahlung", "bankverbindung", "bank", "payment"],
    &["anlass", "grund", "anmeldegrund", "reason"],
    &[
        "beginn",
        "ab",
        "seit",
        "von",
        "gueltigab",
        "start",
        "startdate",
    ],
    &[
        "bemerkung",
        "bemerkungen",
        "hinweis",
        "anmerkung",
        "remark",
        "notiz",
        "freitext",
    ],
    &["eigeneszeichen", "kundenzeichen", "ihrzeichen"],
    &["betrieb", "firma", "unternehmen", "company", "firmenname"],
    &[
        "eingetragenername",
        "firma",
        "organisationsname",
        "firmenname",
    ],
    &["rechtsform", "legalform"],
    &[
        "taetigkeit",
        "gewerbe",
        "taetigkeitsbeschreibung",
        "activity",
    ],
    &["flurstueck", "flurstuecksnummer"],
    &["gemarkung", "gemarkungsname"],
    &["aktenzeichen", "az", "geschaeftszeichen"],
    &["laufzeit", "laufzeitmonate", "dauer"],
    &["klassen", "klasse", "fahrerlaubnisklasse"],
    &["haltungseit", "haltungsbeginn", "since", "seit", "beginn"],
    &["ermaessigung", "befreiung", "verguenstigung"],
    &[
        "eingang",
        "eingangsdatum",
        "antragsdatum",
        "eingegangenam",
        "receivedat",
        "datumeingang",
        "eingangam",
        "eingangszeitpunkt",
        "eingangszeit",
    ],
    &[
        "antragsnummer",
        "vorgangsnummer",
        "vorgangsid",
        "antragsid",
        "einreichung",
        "submissionid",
        "vorgang",
        "antragsnr",
        "vorgangsnr",
        "onlineid",
        "fremdid",
        "externeid",
        "azextern",
    ],
    &[
        "nachrichtenuuid",
        "nachrichtid",
        "nachrichtenid",
        "messageid",
        "uuid",
    ],
    &[
        "erstellungszeitpunkt",
        "erstelltam",
        "createdat",
        "erstellt",
        "zeitstempel",
        "erstellungsdatum",
    ],
    &["mandant", "mandantennummer", "client"],
    &[
        "ars",
        "ags",
        "regionalschluessel",
        "gemeindeschluessel",
        "gemeindekennzahl",
    ],
    &["behoerde", "empfaenger", "dienststelle"],
    &[
        "lfdnr",
        "lfd",
        "laufnr",
        "laufendenummer",
        "lfdnummer",
        "satznummer",
        "zeile",
    ],
];

/// Words that alone say nothing: `Kassennummer` is no `nummer`.
const GENERIC: &[&str] = &[
    "nummer", "datum", "name", "grund", "status", "text", "code", "kind", "typ", "wert", "monat",
];

const FILLERS: &[&str] = &[
    "der", "die", "das", "des", "dem", "den", "und", "oder", "zur", "zum", "the", "of", "angaben",
    "angabe", "feld",
];

/// `ä` becomes `ae`, marks go, only small letters and digits stay.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'ä' => out.push_str("ae"),
            'ö' => out.push_str("oe"),
            'ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            'é' | 'è' | 'ê' => out.push('e'),
            'á' | 'à' | 'â' => out.push('a'),
            c if c.is_ascii_alphanumeric() => out.push(c),
            _ => {}
        }
    }
    out
}

/// The words of a name: `HALTER_STRASSE`, `halterStrasse`, `Straße des Halters`.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let breaks = !c.is_alphanumeric() || (c.is_uppercase() && was_lower);
        if breaks {
            words.push(String::new());
        }
        was_lower = c.is_lowercase() || c.is_ascii_digit();
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c);
        }
    }
    words
        .iter()
        .map(|word| folded(word))
        .filter(|word| !word.is_empty() && !FILLERS.contains(&word.as_str()))
        .collect()
}

/// What a word means: the names of its groups, or itself.
pub(crate) fn meanings(word: &str) -> BTreeSet<String> {
    let groups: BTreeSet<String> = GROUPS
        .iter()
        .filter(|group| group.contains(&word))
        .filter_map(|group| group.first())
        .map(|name| (*name).to_owned())
        .collect();
    if groups.is_empty() {
        BTreeSet::from([singular(word)])
    } else {
        groups
    }
}

/// Close enough to the singular for comparing: `fahrzeuge` and `fahrzeug`.
fn singular(word: &str) -> String {
    for end in ["en", "e", "n", "s"] {
        if let Some(stem) = word.strip_suffix(end)
            && stem.len() >= 4
        {
            return stem.to_owned();
        }
    }
    word.to_owned()
}

pub(crate) fn same_meaning(one: &str, other: &str) -> bool {
    one == other || !meanings(one).is_disjoint(&meanings(other))
}

/// Whether a list of words that mean the same has both.
pub(crate) fn is_known_as(one: &str, other: &str) -> bool {
    GROUPS
        .iter()
        .any(|group| group.contains(&one) && group.contains(&other))
}

/// `ANTRAGST_NAME`: a beginning of at least four letters stands for the whole word.
pub(crate) fn is_short_for(short: &str, word: &str) -> bool {
    short.len() >= 4 && short.len() < word.len() && word.starts_with(short)
}

/// The words of a name, compounds of known words divided: `halterstrasse` is `halter`, `strasse`.
pub(crate) fn parts(name: &str) -> Vec<String> {
    words(name)
        .into_iter()
        .flat_map(|word| divided(&word).unwrap_or_else(|| vec![word]))
        .collect()
}

fn divided(word: &str) -> Option<Vec<String>> {
    let known = |part: &str| part.len() >= 3 && GROUPS.iter().any(|group| group.contains(&part));
    if known(word) {
        return None;
    }
    (3..word.len().saturating_sub(2)).rev().find_map(|at| {
        let (head, tail) = (word.get(..at)?, word.get(at..)?);
        (known(head) && known(tail)).then(|| vec![head.to_owned(), tail.to_owned()])
    })
}

/// 0 (nothing) to 100 (the same name).
pub(crate) fn alike(one: &[String], other: &str) -> i32 {
    let joined: String = one.concat();
    let whole = folded(other);
    if joined.is_empty() || whole.is_empty() {
        return 0;
    }
    if joined == whole {
        return 100;
    }
    if same_meaning(&joined, &whole) {
        return 90;
    }
    let given = other;
    let other = parts(given);
    let shared = one
        .iter()
        .filter(|word| other.iter().any(|other| same_meaning(word, other)))
        .count();
    let of_words = 160 * shared / (one.len() + other.len()).max(1);
    let (short, long) = if joined.len() < whole.len() {
        (&joined, &whole)
    } else {
        (&whole, &joined)
    };
    let tells = !GENERIC.contains(&short.as_str());
    // `untervermietet` is no `miete`.
    let is_part = |long: &str| long.starts_with(short.as_str()) || long.ends_with(short.as_str());
    let is_part = is_part(long)
        || (joined.len() < whole.len() && words(given).iter().any(|word| is_part(word)));
    let contained = if tells && short.len() >= 4 && is_part {
        45 + 40 * short.len() / long.len()
    } else {
        0
    };
    i32::try_from(of_words.max(contained).min(88)).unwrap_or(0)
}

//! Keys of authorities in the DVDV (*Deutsches Verwaltungsdiensteverzeichnis*): `prefix:key`.
//!
//! The directory itself is closed to programs outside the administration; so it stands behind [`Directory`], and a table of the
//! prefixes our standards need is shipped.
//!
//! Source: code list `urn:xoev-de:bund:bmi:bit:codeliste:dvdv.praefix` 51 (prefix and category of authority).

/// What is asked of a directory.
pub trait Directory: Send + Sync {
    /// The category of authority a prefix stands for (German, as the directory names it); none if the directory has no such prefix
    /// or this implementation does not know.
    fn category(&self, prefix: &str) -> Option<&str>;
}

/// The prefixes shipped with the program.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShippedDirectory;

/// Prefix and category.
const PREFIXES: [(&str, &str); 30] = [
    ("MELDID", "Gewerbe"),
    ("ags", "Meldebehörde"),
    ("alp", "Ausländerportal"),
    ("azr", "Ausländerbehörde"),
    ("bab", "Bauaufsichtsbehörde"),
    ("bap", "Bauportal"),
    ("egs", "Elterngeldstelle"),
    ("eid", "eID-Kartebehörde"),
    ("fap", "Familienportal"),
    ("feb", "Fahrerlaubnisbehörde"),
    ("fep", "Fahrerlaubnisportal"),
    ("ghb", "Gesundheitsbehörde"),
    ("jga", "Jugendamt"),
    ("kka", "Kommunalkasse"),
    ("kop", "Kommunalportal"),
    ("lap", "Landesportal"),
    ("mbp", "Meldebehördenportal"),
    ("ora", "Ordnungsamt"),
    ("pab", "Personalausweisbehörde"),
    ("pap", "Passausweisportal"),
    ("psb", "Passbehörde"),
    ("psw", "Standesamt"),
    ("sap", "Standesamtsportal"),
    ("soa", "Sozialamt"),
    ("sop", "Sozialportal"),
    ("ubb", "Untere Bauaufsichtsbehörde"),
    ("uvs", "Unterhaltsvorschussstelle"),
    ("wgb", "Wohngeldbehörde"),
    ("wgp", "Wohngeldportal"),
    ("xga", "Empfangsstelle Gewerbeanzeige"),
];

impl Directory for ShippedDirectory {
    fn category(&self, prefix: &str) -> Option<&str> {
        PREFIXES
            .iter()
            .find(|(known, _)| *known == prefix)
            .map(|(_, category)| *category)
    }
}

/// A key of the form `prefix:key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryKey<'a> {
    /// Before the colon: three to six letters.
    pub prefix: &'a str,
    /// After it: letters and digits, such as an AGS or a number given out.
    pub key: &'a str,
}

impl<'a> DirectoryKey<'a> {
    /// From its text; none if it has another form.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (prefix, key) = text.split_once(':')?;
        let letters =
            (3..=6).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_alphabetic());
        let plain = (1..=40).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric());
        (letters && plain).then_some(Self { prefix, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_prefix_and_a_key() {
        for (text, expected) in [
            ("bab:06414000", Some(("bab", "06414000"))),
            ("MELDID:12052000", Some(("MELDID", "12052000"))),
            ("azr:990002", Some(("azr", "990002"))),
            ("06414000", None),
            ("ba:06414000", None),
            ("bab:", None),
            ("bab:06 414", None),
            (":1", None),
        ] {
            let parsed = DirectoryKey::parse(text).map(|key| (key.prefix, key.key));
            assert_eq!(parsed, expected, "{text}");
        }
    }
}

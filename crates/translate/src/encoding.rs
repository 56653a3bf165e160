//! Encodings of files that procedures read: characters to bytes, and the closest letters for those an encoding does not have.

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Encoding of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Encoding {
    /// Without a byte order mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// With a byte order mark, as spreadsheets want it.
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    /// ISO/IEC 8859-1.
    #[serde(rename = "iso-8859-1")]
    Latin1,
    /// ISO/IEC 8859-15.
    #[serde(rename = "iso-8859-15")]
    Latin9,
    /// Microsoft code page 1252.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// Code page 850, of DOS in western Europe.
    #[serde(rename = "cp850")]
    Cp850,
    /// Code page 437, of the first PCs.
    #[serde(rename = "cp437")]
    Cp437,
}

/// All of them.
const ENCODINGS: [Encoding; 7] = [
    Encoding::Utf8,
    Encoding::Utf8Bom,
    Encoding::Latin1,
    Encoding::Latin9,
    Encoding::Windows1252,
    Encoding::Cp850,
    Encoding::Cp437,
];

/// What stands above ASCII in an encoding of one byte per character.
enum Upper {
    /// What ISO 8859-1 has, but for these.
    Differs(&'static [(u8, char)]),
    /// Characters in an order of its own.
    Own(&'static [char; 128]),
}

// Where ISO 8859-15 differs from ISO 8859-1.
const LATIN9: [(u8, char); 8] = [
    (0xa4, '€'),
    (0xa6, 'Š'),
    (0xa8, 'š'),
    (0xb4, 'Ž'),
    (0xb8, 'ž'),
    (0xbc, 'Œ'),
    (0xbd, 'œ'),
    (0xbe, 'Ÿ'),
];

// 0x80 to 0x9f of code page 1252; five are not assigned.
const WINDOWS: [(u8, char); 27] = [
    (0x80, '€'),
    (0x82, '‚'),
    (0x83, 'ƒ'),
    (0x84, '„'),
    (0x85, '…'),
    (0x86, '†'),
    (0x87, '‡'),
    (0x88, 'ˆ'),
    (0x89, '‰'),
    (0x8a, 'Š'),
    (0x8b, '‹'),
    (0x8c, 'Œ'),
    (0x8e, 'Ž'),
    (0x91, '‘'),
    (0x92, '’'),
    (0x93, '“'),
    (0x94, '”'),
    (0x95, '•'),
    (0x96, '–'),
    (0x97, '—'),
    (0x98, '˜'),
    (0x99, '™'),
    (0x9a, 'š'),
    (0x9b, '›'),
    (0x9c, 'œ'),
    (0x9e, 'ž'),
    (0x9f, 'Ÿ'),
];

// 0x80 to 0xff of the code pages of DOS; below they are ASCII.
const CP850: [char; 128] = [
    'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å', 'É', 'æ', 'Æ',
    'ô', 'ö', 'ò', 'û', 'ù', 'ÿ', 'Ö', 'Ü', 'ø', '£', 'Ø', '×', 'ƒ', 'á', 'í', 'ó', 'ú', 'ñ', 'Ñ',
    'ª', 'º', '¿', '®', '¬', '½', '¼', '¡', '«', '»', '░', '▒', '▓', '│', '┤', 'Á', 'Â', 'À', '©',
    '╣', '║', '╗', '╝', '¢', '¥', '┐', '└', '┴', '┬', '├', '─', '┼', 'ã', 'Ã', '╚', '╔', '╩', '╦',
    '╠', '═', '╬', '¤', 'ð', 'Ð', 'Ê', 'Ë', 'È', 'ı', 'Í', 'Î', 'Ï', '┘', '┌', '█', '▄', '¦', 'Ì',
    '▀', 'Ó', 'ß', 'Ô', 'Ò', 'õ', 'Õ', 'µ', 'þ', 'Þ', 'Ú', 'Û', 'Ù', 'ý', 'Ý', '¯', '´', '\u{ad}',
    '±', '‗', '¾', '¶', '§', '÷', '¸', '°', '¨', '·', '¹', '³', '²', '■', '\u{a0}',
];

const CP437: [char; 128] = [
    'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å', 'É', 'æ', 'Æ',
    'ô', 'ö', 'ò', 'û', 'ù', 'ÿ', 'Ö', 'Ü', '¢', '£', '¥', '₧', 'ƒ', 'á', 'í', 'ó', 'ú', 'ñ', 'Ñ',
    'ª', 'º', '¿', '⌐', '¬', '½', '¼', '¡', '«', '»', '░', '▒', '▓', '│', '┤', '╡', '╢', '╖', '╕',
    '╣', '║', '╗', '╝', '╜', '╛', '┐', '└', '┴', '┬', '├', '─', '┼', '╞', '╟', '╚', '╔', '╩', '╦',
    '╠', '═', '╬', '╧', '╨', '╤', '╥', '╙', '╘', '╒', '╓', '╫', '╪', '┘', '┌', '█', '▄', '▌', '▐',
    '▀', 'α', 'ß', 'Γ', 'π', 'Σ', 'σ', 'µ', 'τ', 'Φ', 'Θ', 'Ω', 'δ', '∞', 'φ', 'ε', '∩', '≡', '±',
    '≥', '≤', '⌠', '⌡', '÷', '≈', '°', '∙', '·', '√', 'ⁿ', '²', '■', '\u{a0}',
];

impl Encoding {
    /// What stands before the first line.
    pub const fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8Bom => b"\xef\xbb\xbf",
            Self::Utf8
            | Self::Latin1
            | Self::Latin9
            | Self::Windows1252
            | Self::Cp850
            | Self::Cp437 => b"",
        }
    }

    /// The name for MIME types and XML declarations.
    pub const fn charset(self) -> &'static str {
        match self {
            Self::Utf8 | Self::Utf8Bom => "utf-8",
            Self::Latin1 => "iso-8859-1",
            Self::Latin9 => "iso-8859-15",
            Self::Windows1252 => "windows-1252",
            Self::Cp850 => "ibm850",
            Self::Cp437 => "ibm437",
        }
    }

    /// The name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8Bom => "utf-8-bom",
            Self::Cp850 => "cp850",
            Self::Cp437 => "cp437",
            Self::Utf8 | Self::Latin1 | Self::Latin9 | Self::Windows1252 => self.charset(),
        }
    }

    /// The encoding that settings call so.
    pub fn named(name: &str) -> Option<Self> {
        ENCODINGS
            .into_iter()
            .find(|encoding| encoding.name() == name)
    }

    /// How it differs from ISO 8859-1 above ASCII.
    const fn upper(self) -> Upper {
        match self {
            Self::Latin1 | Self::Utf8 | Self::Utf8Bom => Upper::Differs(&[]),
            Self::Latin9 => Upper::Differs(&LATIN9),
            Self::Windows1252 => Upper::Differs(&WINDOWS),
            Self::Cp850 => Upper::Own(&CP850),
            Self::Cp437 => Upper::Own(&CP437),
        }
    }

    /// The byte of `c`, in an encoding of one byte per character.
    fn byte(self, c: char) -> Option<u8> {
        match self.upper() {
            Upper::Own(_) if c.is_ascii() => u8::try_from(c).ok(),
            Upper::Own(table) => {
                let at = table.iter().position(|known| *known == c)?;
                u8::try_from(at + 0x80).ok()
            }
            Upper::Differs(special) => {
                if let Some((byte, _)) = special.iter().find(|(_, known)| *known == c) {
                    return Some(*byte);
                }
                let byte = u8::try_from(c).ok()?;
                // The controls of 0x80 to 0x9f are no text in any of them.
                let taken =
                    (0x80..0xa0).contains(&byte) || special.iter().any(|(known, _)| *known == byte);
                (!taken).then_some(byte)
            }
        }
    }

    /// Appends `c`; the character itself if the encoding does not have it.
    pub fn put(self, c: char, out: &mut Vec<u8>) -> Result<(), char> {
        match self {
            Self::Utf8 | Self::Utf8Bom => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Self::Latin1 | Self::Latin9 | Self::Windows1252 | Self::Cp850 | Self::Cp437 => {
                out.push(self.byte(c).ok_or(c)?);
            }
        }
        Ok(())
    }

    /// The text of bytes in this encoding, for people to look at: what is no text in it becomes `\u{fffd}`.
    pub fn shown(self, bytes: &[u8]) -> String {
        if matches!(self, Self::Utf8 | Self::Utf8Bom) {
            return String::from_utf8_lossy(bytes).into_owned();
        }
        bytes.iter().map(|byte| self.letter(*byte)).collect()
    }

    /// The character of a byte, in an encoding of one byte per character.
    fn letter(self, byte: u8) -> char {
        let known = match self.upper() {
            Upper::Own(table) => byte
                .checked_sub(0x80)
                .and_then(|at| table.get(usize::from(at)).copied()),
            Upper::Differs(special) => {
                let known = special.iter().find(|(known, _)| *known == byte);
                let unknown = (0x80..0xa0).contains(&byte).then_some('\u{fffd}');
                known.map(|(_, letter)| *letter).or(unknown)
            }
        };
        known.unwrap_or(char::from(byte))
    }

    /// Whether every character of `text` has its bytes.
    pub fn has(self, text: &str) -> bool {
        text.chars().all(|c| self.put(c, &mut Vec::new()).is_ok())
    }

    /// `text` with what the encoding does not have replaced by the closest letters it has; none if there are none.
    pub fn transliterated(self, text: &str) -> Option<String> {
        let mut out = String::new();
        for c in text.nfc() {
            if self.has(c.encode_utf8(&mut [0; 4])) {
                out.push(c);
            } else if !is_combining_mark(c) {
                // A mark that no letter took up is left out, like the marks of letters taken apart.
                out.push_str(&closest(c).filter(|closest| self.has(closest))?);
            }
        }
        Some(out)
    }
}

/// The table of the README.
fn closest(c: char) -> Option<String> {
    let known = match c {
        '‘' | '’' | '‚' | '‹' | '›' | 'ʼ' | 'ʻ' | 'ʹ' => "'",
        '“' | '”' | '„' | 'ʺ' => "\"",
        '–' | '—' | '‐' | '‑' => "-",
        '…' => "...",
        '•' => "*",
        '€' => "EUR",
        '™' => "TM",
        'ẞ' => "SS",
        'œ' => "oe",
        'Œ' => "OE",
        'ł' => "l",
        'Ł' => "L",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'ħ' => "h",
        'Ħ' => "H",
        'ŧ' => "t",
        'Ŧ' => "T",
        'ı' => "i",
        'ŋ' => "n",
        'Ŋ' => "N",
        'ə' => "e",
        'Ə' => "E",
        '\u{2000}'..='\u{200a}' | '\u{202f}' => " ",
        _ => "",
    };
    if !known.is_empty() {
        return Some(known.to_owned());
    }
    let base: String = std::iter::once(c)
        .nfd()
        .filter(|part| !is_combining_mark(*part))
        .collect();
    (!base.starts_with(c)).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINGLE: [(Encoding, &encoding_rs::Encoding); 2] = [
        (Encoding::Windows1252, encoding_rs::WINDOWS_1252),
        (Encoding::Latin9, encoding_rs::ISO_8859_15),
    ];

    #[test]
    fn every_byte_agrees_with_an_independent_implementation() {
        for (encoding, other) in SINGLE {
            for byte in (0x20..0x7f_u8).chain(0xa0..=0xff).chain(
                WINDOWS
                    .iter()
                    .map(|(byte, _)| *byte)
                    .filter(|_| encoding == Encoding::Windows1252),
            ) {
                let (text, _) = other.decode_without_bom_handling(std::slice::from_ref(&byte));
                let c = text.chars().next().unwrap();
                assert_eq!(encoding.byte(c), Some(byte), "{c}");
                assert_eq!(encoding.shown(&[byte]), text, "{c}");
            }
        }
        for byte in (0x20..0x7f_u8).chain(0xa0..=0xff) {
            assert_eq!(Encoding::Latin1.byte(char::from(byte)), Some(byte));
        }
    }

    #[test]
    fn every_byte_of_the_code_pages_of_dos_comes_back() {
        for encoding in [Encoding::Cp850, Encoding::Cp437] {
            for byte in 0..=0xff_u8 {
                let shown = encoding.shown(&[byte]);
                let c = shown.chars().next().unwrap();
                assert_eq!(encoding.byte(c), Some(byte), "{c}");
                assert_eq!(byte < 0x80, c.is_ascii());
            }
        }
        // As DOS wrote them.
        let german = [0x84, 0x94, 0x81, 0x8e, 0x99, 0x9a, 0xe1];
        assert_eq!(Encoding::Cp850.shown(&german), "äöüÄÖÜß");
        assert_eq!(Encoding::Cp437.shown(&german), "äöüÄÖÜß");
    }

    #[test]
    fn encodings_are_called_as_settings_call_them() {
        for encoding in ENCODINGS {
            assert_eq!(Encoding::named(encoding.name()), Some(encoding));
            let value = toml::Value::String(encoding.name().to_owned());
            assert_eq!(value.try_into(), Ok(encoding));
        }
    }

    #[test]
    fn what_an_encoding_lacks_is_said() {
        for (encoding, text, has) in [
            (Encoding::Latin1, "Größe", true),
            (Encoding::Latin1, "€", false),
            (Encoding::Latin9, "€ Ÿ ž", true),
            (Encoding::Latin9, "¤", false),
            (Encoding::Windows1252, "„€“ – …", true),
            (Encoding::Windows1252, "Č", false),
            (Encoding::Windows1252, "\u{81}", false),
            (Encoding::Cp850, "Größe ½ Ð", true),
            (Encoding::Cp850, "€", false),
            (Encoding::Cp437, "Größe Ω", true),
            (Encoding::Cp437, "Ã", false),
            (Encoding::Utf8, "Č Жуков", true),
        ] {
            assert_eq!(encoding.has(text), has, "{text}");
        }
    }

    #[test]
    fn closest_letters_are_the_ones_of_the_table() {
        for (text, expected) in [
            ("Čapek Łódź Đorđe", Some("Capek Lódz Dorde")),
            ("„Größe“ – 5 €", Some("\"Größe\" - 5 EUR")),
            ("J\u{30c}ovan", Some("Jovan")),
            ("A\u{308}nne", Some("Änne")),
            ("Жуков", None),
            ("💥", None),
        ] {
            assert_eq!(
                Encoding::Latin1.transliterated(text).as_deref(),
                expected,
                "{text}"
            );
        }
    }
}

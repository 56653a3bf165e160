//! Texts of samples in the encodings that files of administrations have.

use amtsbote_translate::Encoding;

use crate::Unusable;

/// The text of a file in UTF-16 with a byte order mark; none if it has none.
pub(crate) fn utf_16(bytes: &[u8]) -> Option<Result<String, Unusable>> {
    let (rest, is_little) = match bytes {
        [0xFF, 0xFE, rest @ ..] => (rest, true),
        [0xFE, 0xFF, rest @ ..] => (rest, false),
        _ => return None,
    };
    let unit = |pair: [u8; 2]| {
        if is_little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        }
    };
    let units = rest
        .chunks_exact(2)
        .filter_map(|pair| Some(unit(pair.try_into().ok()?)));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    Some(text.map_err(|_| {
        Unusable::new(
            "die Datei ist in UTF-16, aber beschädigt; neu als UTF-8 speichern",
            "the file is UTF-16, but damaged; save it anew as UTF-8",
        )
    }))
}

/// The text of a sample in one of the encodings that formats of administrations have, and the encoding's name in settings.
pub(crate) fn decoded(bytes: &[u8]) -> Result<(&'static str, String), Unusable> {
    if utf_16(bytes).is_some() {
        return Err(Unusable::new(
            "die Musterdatei ist in UTF-16; das kann die Ausgabe nicht: als UTF-8 oder in Windows-1252 speichern",
            "the sample is UTF-16, which the output cannot be: save it as UTF-8 or Windows-1252",
        ));
    }
    let encoding = encoding(bytes);
    let mark = encoding.mark();
    let text = encoding.shown(bytes.strip_prefix(mark).unwrap_or(bytes));
    Ok((encoding.name(), text))
}

fn encoding(bytes: &[u8]) -> Encoding {
    if std::str::from_utf8(bytes).is_ok() {
        return if bytes.starts_with(Encoding::Utf8Bom.mark()) {
            Encoding::Utf8Bom
        } else {
            Encoding::Utf8
        };
    }
    if is_dos(bytes) {
        Encoding::Cp850
    } else if bytes.iter().any(|byte| (0x80..0xA0).contains(byte)) {
        Encoding::Windows1252
    } else {
        Encoding::Latin1
    }
}

/// Whether the umlauts are those of DOS (code pages 850 and 437 have them at the same places). Among letters the bytes of its
/// umlauts are rare signs elsewhere: `M\u{201d}ller` for `Möller`.
fn is_dos(bytes: &[u8]) -> bool {
    let at = |index: Option<usize>| index.and_then(|index| bytes.get(index)).copied();
    let is_lower =
        |byte: u8| byte.is_ascii_lowercase() || matches!(byte, 0x81 | 0x84 | 0x94 | 0xE1);
    let (mut dos, mut other) = (0_usize, 0_usize);
    for (index, byte) in bytes.iter().enumerate() {
        let before = at(index.checked_sub(1)).unwrap_or(b' ');
        let after = at(index.checked_add(1)).unwrap_or(b' ');
        let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0x80;
        let is_umlaut = match byte {
            // ä ö ü inside of words; at their ends they are quotation marks elsewhere.
            0x81 | 0x84 | 0x94 => before.is_ascii_alphabetic() && is_letter(after),
            // Ä Ö Ü begin words, or stand between capitals.
            0x8E | 0x99 | 0x9A => !is_lower(before) && is_letter(after),
            // ß follows a vowel, á mostly does not.
            0xE1 => b"aeiouyAEIOUY\x81\x84\x94".contains(&before),
            _ => false,
        };
        dos += usize::from(is_umlaut);
        other += usize::from(matches!(
            byte,
            0xC4 | 0xD6 | 0xDC | 0xDF | 0xE4 | 0xF6 | 0xFC
        ));
    }
    dos > other
}

/// What a sample's text says of how its lines and it itself end: the setting `line_end`, and whether the sign of DOS ends the file.
pub(crate) struct Ends {
    pub(crate) line_end: &'static str,
    pub(crate) is_closed: bool,
}

/// The text without that sign, with `\n` at the end of lines.
pub(crate) fn lines(text: &str) -> (String, Ends) {
    let open = text.trim_end_matches(['\r', '\n']);
    let closed = open.strip_suffix('\u{1a}');
    let is_closed = closed.is_some();
    let text = closed.unwrap_or(text);
    let (line_end, text) = match (text.contains('\n'), text.contains("\r\n")) {
        (true, true) => ("crlf", text.replace("\r\n", "\n")),
        (false, _) if text.contains('\r') => ("cr", text.replace('\r', "\n")),
        (true | false, _) => ("lf", text.to_owned()),
    };
    let ends = Ends {
        line_end,
        is_closed,
    };
    (text, ends)
}

impl Ends {
    /// The lines of `[settings]`.
    pub(crate) fn settings(&self) -> String {
        let end = if self.is_closed {
            "end_of_file = \"1A\"\n"
        } else {
            ""
        };
        format!("line_end = \"{}\"\n{end}", self.line_end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_umlauts_of_dos_are_told_from_those_of_windows() {
        let texts = [
            "Müller",
            "Möller",
            "Straße",
            "Über",
            "Österreich",
            "GRÖSSE",
            "Jäger, ältere Größe",
            "Nachname;Größe\r\nBärbel Weiß;1",
        ];
        for text in texts {
            for encoding in [Encoding::Cp850, Encoding::Windows1252] {
                let mut bytes = Vec::new();
                for c in text.chars() {
                    encoding.put(c, &mut bytes).unwrap();
                }
                let found = is_dos(&bytes);
                assert_eq!(found, encoding == Encoding::Cp850, "{text} {encoding:?}");
            }
        }
        // Quotation marks, signs and letters of others are no umlauts.
        for text in [
            "„GmbH“",
            "„Haus am See“ – 5 €",
            "Almási",
            "„x”",
            "Acme™ Co",
            "Škoda…",
        ] {
            let mut bytes = Vec::new();
            for c in text.chars() {
                Encoding::Windows1252.put(c, &mut bytes).unwrap();
            }
            assert!(!is_dos(&bytes), "{text}");
        }
    }

    #[test]
    fn ends_of_lines_and_of_the_file_are_told() {
        for (text, line_end, is_closed) in [
            ("a\r\nb\r\n\u{1a}", "crlf", true),
            ("a\nb\n", "lf", false),
            ("a\rb\r", "cr", false),
            ("a\rb\r\u{1a}\r", "cr", true),
        ] {
            let (lines, ends) = lines(text);
            assert_eq!(lines, "a\nb\n", "{text:?}");
            assert_eq!((ends.line_end, ends.is_closed), (line_end, is_closed));
        }
    }
}

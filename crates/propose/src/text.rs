//! Texts of samples in the encodings that files of administrations have.

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

/// The text of bytes that stand for one character each.
pub(crate) fn one_byte(bytes: &[u8], encoding: &str) -> String {
    let letter = match encoding {
        "windows-1252" => windows,
        "iso-8859-15" => latin_9,
        _ => char::from,
    };
    bytes.iter().map(|byte| letter(*byte)).collect()
}

/// ISO 8859-15, where it differs from ISO 8859-1.
fn latin_9(byte: u8) -> char {
    match byte {
        0xA4 => '€',
        0xA6 => 'Š',
        0xA8 => 'š',
        0xB4 => 'Ž',
        0xB8 => 'ž',
        0xBC => 'Œ',
        0xBD => 'œ',
        0xBE => 'Ÿ',
        other => char::from(other),
    }
}

/// Code page 1252, where it differs from ISO 8859-1.
fn windows(byte: u8) -> char {
    const UPPER: &[char; 32] = &[
        '€', '?', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '?', 'Ž', '?', '?', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '?', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9F => UPPER.get(usize::from(byte - 0x80)).copied().unwrap_or('?'),
        other => char::from(other),
    }
}

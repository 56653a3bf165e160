//! base64url without padding (RFC 7515 §2), strictly: no padding, no foreign character, no set bits behind the last octet.

use base64::Engine as _;
pub(crate) use base64::engine::general_purpose::URL_SAFE_NO_PAD as ENGINE;

/// The text for `bytes`.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    ENGINE.encode(bytes)
}

/// The octets of `text`, or `None` if it is not strict base64url.
pub(crate) fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// The value of one character of the alphabet.
const fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

const IN_ALPHABET: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    loop {
        table[byte as usize] = value(byte).is_some();
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// How many leading bytes of `text` belong to the alphabet.
pub(crate) fn run(text: &[u8]) -> usize {
    text.iter()
        .position(|byte| !IN_ALPHABET[usize::from(*byte)])
        .unwrap_or(text.len())
}

/// Whether a text of `chars` characters that ends in `last` may stand: no lonely character, no bits behind the last octet.
pub(crate) fn ends_well(chars: u64, last: u8) -> bool {
    let spare = match chars % 4 {
        0 => return true,
        2 => 0b1111,
        3 => 0b11,
        _ => return false,
    };
    value(last).is_some_and(|bits| bits & spare == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&[u8]>) {
        assert_eq!(decode(text).as_deref(), expected, "{text:?}");
        let by_rule = run(text.as_bytes()) == text.len()
            && ends_well(text.len() as u64, text.bytes().last().unwrap_or(b'A'));
        assert_eq!(
            by_rule,
            expected.is_some(),
            "the streamed rule agrees on {text:?}"
        );
    }

    #[test]
    fn only_the_canonical_spelling_is_taken() {
        check("", Some(b""));
        check("_-8", Some(b"\xff\xef"));
        check("AQAB", Some(b"\x01\x00\x01"));
        check("AQ", Some(b"\x01"));
        check("AQ==", None);
        check("AR", None);
        check("AAF", None);
        check("A", None);
        check("/+8", None);
        check("AQ AB", None);
        check("AQAB\n", None);
    }
}

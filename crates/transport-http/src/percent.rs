//! Texts as one part of a path.

use std::fmt::Write as _;

/// What is not unreserved is encoded, the slash too (RFC 3986 §2.3).
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_could_mean_something_is_encoded() {
        assert_eq!(encoded("Az-1._~"), "Az-1._~");
        assert_eq!(encoded("a/b ä?%"), "a%2Fb%20%C3%A4%3F%25");
    }
}

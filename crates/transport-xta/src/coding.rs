//! How an answer is coded (`Content-Encoding`): some servers compress whatever was asked.

use std::io::Read as _;

use amtsbote_adapter::Fault;
use flate2::read::MultiGzDecoder;

/// As it was read, and unpacked.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Plain,
    Gzip,
    Other,
}

impl Coding {
    pub(crate) fn of(header: &str) -> Self {
        match header.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Self::Plain,
            "gzip" | "x-gzip" => Self::Gzip,
            _ => Self::Other,
        }
    }

    pub(crate) fn decoded(self, bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Plain => Ok(bytes),
            Self::Gzip => unpacked(&bytes),
            Self::Other => Err(Fault::misconfigured(
                "der XTA-Server komprimiert seine Antworten anders als mit gzip; das dort ausschalten",
                "the XTA server compresses its answers by another method than gzip; turn that off there",
            )),
        }
    }
}

fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut plain = Vec::new();
    let mut bounded = MultiGzDecoder::new(bytes).take(ANSWER_MAX_BYTES as u64 + 1);
    let read = bounded.read_to_end(&mut plain);
    if read.is_ok() && plain.len() <= ANSWER_MAX_BYTES {
        return Ok(plain);
    }
    Err(Fault::unavailable(
        "die komprimierte Antwort des XTA-Servers ist beschädigt oder zu groß",
        "the XTA server's compressed answer is broken or too large",
    ))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use amtsbote_adapter::laws::is_told_in_two_languages;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_unpacked_within_bounds_and_other_codings_are_told() {
        let decoded = |header: &str, bytes: &[u8]| Coding::of(header).decoded(bytes.to_vec());
        assert_eq!(decoded("", b"<a/>").unwrap(), b"<a/>");
        assert_eq!(decoded("GZIP", &packed(b"<a/>")).unwrap(), b"<a/>");
        let most = vec![b' '; ANSWER_MAX_BYTES];
        assert_eq!(decoded("gzip", &packed(&most)).unwrap(), most);
        let (bomb, whole) = (packed(&vec![b' '; ANSWER_MAX_BYTES + 1]), packed(b"<abc/>"));
        for broken in [bomb.as_slice(), b"<a/>", &whole[..whole.len() - 3]] {
            let fault = decoded("gzip", broken).unwrap_err();
            assert!(matches!(fault, Fault::Unavailable { .. }), "{fault:?}");
            is_told_in_two_languages(&fault);
        }
        let fault = decoded("br", b"x").unwrap_err();
        assert!(matches!(fault, Fault::Misconfigured { .. }), "{fault:?}");
        is_told_in_two_languages(&fault);
    }
}

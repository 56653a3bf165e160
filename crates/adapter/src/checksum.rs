//! Checksums of files. MD5 and SHA-1 are here only because control files of some procedures ask for them: they tell a file that was cut or
//! damaged, and nothing against anybody who means to deceive. Nothing of ours relies on them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use md5::Md5;
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use crate::{Package, Piece};

/// How a checksum is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// MD5 (RFC 1321).
    Md5,
    /// SHA-1 (FIPS 180-4).
    Sha1,
    /// SHA-256 (FIPS 180-4).
    #[default]
    Sha256,
    /// SHA-512 (FIPS 180-4).
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// Its name in settings and templates.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// Checksums of one file, in lower-case hex.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checksums(BTreeMap<Algorithm, String>);

impl Checksums {
    /// Of bytes in memory.
    pub fn of(bytes: &[u8], algorithms: &[Algorithm]) -> Self {
        let mut summing = Summing::new(algorithms);
        summing.push(bytes);
        summing.finish()
    }

    /// Of a file whose content is here already; none where an attachment is in it, which streams.
    pub fn of_pieces(pieces: &[Piece], algorithms: &[Algorithm]) -> Option<Self> {
        let mut summing = Summing::new(algorithms);
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => summing.push(bytes.reveal()),
                Piece::Attachment(_) | Piece::Base64(_) | Piece::Zip(_) => return None,
            }
        }
        Some(summing.finish())
    }

    /// The one that was made so, if it was.
    pub fn get(&self, algorithm: Algorithm) -> Option<&str> {
        self.0.get(&algorithm).map(String::as_str)
    }

    /// Whether all of these are here.
    pub fn has(&self, algorithms: &[Algorithm]) -> bool {
        algorithms.iter().all(|one| self.0.contains_key(one))
    }

    /// With one that is known.
    #[must_use]
    pub fn with(mut self, algorithm: Algorithm, sum: &str) -> Self {
        self.0.insert(algorithm, sum.to_owned());
        self
    }
}

/// Checksums of a file that comes in pieces.
#[derive(Default)]
pub struct Summing {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
}

impl Summing {
    /// Nothing summed yet.
    pub fn new(algorithms: &[Algorithm]) -> Self {
        let mut summing = Self::default();
        for algorithm in algorithms {
            match algorithm {
                Algorithm::Md5 => summing.md5 = Some(Md5::default()),
                Algorithm::Sha1 => summing.sha1 = Some(Sha1::default()),
                Algorithm::Sha256 => summing.sha256 = Some(Sha256::default()),
                Algorithm::Sha512 => summing.sha512 = Some(Sha512::default()),
            }
        }
        summing
    }

    /// Takes the next piece.
    pub fn push(&mut self, bytes: &[u8]) {
        // Two generations of one trait: the crates of MD5 and SHA-1 have gone on, sha2 stays with josekit.
        if let Some(md5) = &mut self.md5 {
            md5::Digest::update(md5, bytes);
        }
        if let Some(sha1) = &mut self.sha1 {
            sha1::Digest::update(sha1, bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
    }

    /// The checksums of all pieces.
    pub fn finish(self) -> Checksums {
        let sums = [
            (
                Algorithm::Md5,
                self.md5.map(|md5| hex(&md5::Digest::finalize(md5))),
            ),
            (
                Algorithm::Sha1,
                self.sha1.map(|sha1| hex(&sha1::Digest::finalize(sha1))),
            ),
            (
                Algorithm::Sha256,
                self.sha256.map(|sha256| hex(&sha256.finalize())),
            ),
            (
                Algorithm::Sha512,
                self.sha512.map(|sha512| hex(&sha512.finalize())),
            ),
        ];
        let made = sums.into_iter();
        Checksums(made.filter_map(|(one, sum)| Some((one, sum?))).collect())
    }
}

impl Package {
    /// MD5 and SHA-1, if a template or a setting of the package names them: they cost time for every attachment, so they are made only
    /// where they may be asked for.
    pub fn old_checksums(&self) -> Vec<Algorithm> {
        let is_ours = |path: &String| {
            !path.starts_with("examples/") && !path.to_ascii_lowercase().ends_with(".xsd")
        };
        let asked = |algorithm: &Algorithm| {
            let name = algorithm.name().as_bytes();
            let mut ours = self.files.iter().filter(|(path, _)| is_ours(path));
            ours.any(|(_, bytes)| bytes.windows(name.len()).any(|part| part == name))
        };
        let old = [Algorithm::Md5, Algorithm::Sha1];
        old.into_iter().filter(asked).collect()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use amtsbote_model::Personal;
    use bytes::Bytes;

    use super::*;
    use crate::{Files, bytes_source};

    #[test]
    fn sums_are_those_of_the_standards_whole_and_in_pieces() {
        // RFC 1321 A.5; FIPS 180-4, examples.
        let expected = [
            "900150983cd24fb0d6963f7d28e17f72",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ];
        let whole = Checksums::of(b"abc", &Algorithm::ALL);
        let mut pieces = Summing::new(&Algorithm::ALL);
        for piece in [&b"a"[..], b"", b"bc"] {
            pieces.push(piece);
        }
        assert_eq!(pieces.finish(), whole);
        for (algorithm, expected) in Algorithm::ALL.into_iter().zip(expected) {
            assert_eq!(whole.get(algorithm), Some(expected), "{algorithm:?}");
        }
        let one = Checksums::of(b"abc", &[Algorithm::Sha1]);
        assert_eq!(one.get(Algorithm::Md5), None);
        assert!(one.has(&[Algorithm::Sha1]) && !one.has(&Algorithm::ALL));
    }

    #[test]
    fn what_streams_has_no_sum_beforehand() {
        let bytes = || Piece::Bytes(Personal::new(Bytes::from_static(b"ab")));
        let algorithms = &[Algorithm::Md5];
        let sums = Checksums::of_pieces(&[bytes(), bytes()], algorithms);
        assert_eq!(sums, Some(Checksums::of(b"abab", algorithms)));
        let streamed = Piece::Attachment(bytes_source(Bytes::new()));
        assert_eq!(Checksums::of_pieces(&[bytes(), streamed], algorithms), None);
    }

    #[test]
    fn old_sums_are_made_where_a_package_names_them() {
        let manifest = "name = \"a\"\nversion = \"1.0.0\"\nlabel = { de = \"a\", en = \"a\" }\nservice = \"urn:de:fim:leika:leistung:99012008001000\"\n\
            schema = \"urn:example:a:1\"\nformat = \"json\"\n[[example]]\nname = \"a\"\nabout = \"a\"\n";
        let asked = |path: &str, text: &str| {
            let files = Files::from([
                ("package.toml".to_owned(), manifest.into()),
                (path.to_owned(), text.into()),
            ]);
            Package::parse(files).unwrap().old_checksums()
        };
        let template = "{ \"pruefsumme\": { \"$from\": \".md5\" } }";
        assert_eq!(asked("a.json", template), [Algorithm::Md5]);
        assert_eq!(asked("a.toml", "from = \".sha1\""), [Algorithm::Sha1]);
        assert_eq!(asked("a.toml", "from = \".sha256\""), []);
        for unasked in ["examples/a/input.json", "xsd/a.XSD"] {
            assert_eq!(asked(unasked, template), [], "{unasked}");
        }
    }
}

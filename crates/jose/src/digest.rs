//! SHA-2 in lower-case hex, as metadata carries it (`hash.content`, metadata schema 1.0.0 and 2.1.0).

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256, SHA512, digest};

/// SHA-512 of `bytes`: 128 hex digits.
pub fn sha512_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA512, bytes).as_ref())
}

/// SHA-256 of `bytes`: 64 hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// SHA-512 over bytes that come in pieces.
#[derive(Clone)]
pub struct Sha512Stream(Context);

impl Sha512Stream {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self(Context::new(&SHA512))
    }

    /// Takes the next piece.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all pieces: 128 hex digits.
    pub fn finish_hex(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

impl Default for Sha512Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Sha512Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha512Stream(…)")
    }
}

/// SHA-256 over bytes that come in pieces.
#[derive(Clone)]
pub struct Sha256Stream(Context);

impl Sha256Stream {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Takes the next piece.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all pieces: 64 hex digits.
    pub fn finish_hex(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

impl Default for Sha256Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Sha256Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256Stream(…)")
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing into a String cannot fail");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_fips_180() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let abc = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                   2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(sha512_hex(b"abc"), abc);
        let mut stream = Sha512Stream::new();
        for piece in [&b"a"[..], b"", b"bc"] {
            stream.push(piece);
        }
        assert_eq!(stream.finish_hex(), abc);
        let mut stream = Sha256Stream::new();
        for piece in [&b"a"[..], b"", b"bc"] {
            stream.push(piece);
        }
        assert_eq!(stream.finish_hex(), sha256_hex(b"abc"));
    }
}

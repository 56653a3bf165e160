//! Keyed hashes: callbacks (HMAC-SHA-512), fingerprints (HMAC-SHA-256), and comparing in constant time.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{self, Context, HMAC_SHA256, HMAC_SHA512, Key};

use crate::digest::hex;

/// The value of the header `callback-authentication`: HMAC-SHA-512 over `<timestamp>.<body>`, lower-case hex
/// ("FIT-Connect, Callbacks"). `timestamp` is the text of the header `callback-timestamp`, `body` the raw bytes as sent.
pub fn callback(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut context = Context::with_key(&Key::new(HMAC_SHA512, secret.as_bytes()));
    context.update(timestamp.as_bytes());
    context.update(b".");
    context.update(body);
    hex(context.sign().as_ref())
}

/// Whether `claimed` is the callback's value; in constant time. The age of the timestamp is the caller's to check.
pub fn is_callback(claimed: &str, secret: &str, timestamp: &str, body: &[u8]) -> bool {
    same(
        claimed.as_bytes(),
        callback(secret, timestamp, body).as_bytes(),
    )
}

/// HMAC-SHA-512 of `message`, lower-case hex.
pub fn hmac_sha512_hex(key: &[u8], message: &[u8]) -> String {
    hex(hmac::sign(&Key::new(HMAC_SHA512, key), message).as_ref())
}

/// HMAC-SHA-256 of `message`: a fingerprint that tells nothing to who lacks the key (idempotency keys, request bodies).
pub fn fingerprint(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut octets = [0; 32];
    octets.copy_from_slice(hmac::sign(&Key::new(HMAC_SHA256, key), message).as_ref());
    octets
}

/// Whether both are the same; the time taken depends on the length only.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    verify_slices_are_equal(one, other).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 §4.3, test case 2.
    #[test]
    fn macs_are_those_of_rfc_4231() {
        let message = b"what do ya want for nothing?";
        assert_eq!(
            hmac_sha512_hex(b"Jefe", message),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
        assert_eq!(
            hex(&fingerprint(b"Jefe", message)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_callback_is_known_only_by_secret_timestamp_and_body() {
        let mac = callback("secret", "1", b"body");
        assert!(is_callback(&mac, "secret", "1", b"body"));
        assert!(!is_callback(&mac, "Secret", "1", b"body"));
        assert!(!is_callback(&mac, "secret", "2", b"body"));
        assert!(!is_callback(&mac, "secret", "1", b"body "));
        assert!(!is_callback(&mac[..127], "secret", "1", b"body"));
        assert!(!is_callback("", "secret", "1", b"body"));
    }
}

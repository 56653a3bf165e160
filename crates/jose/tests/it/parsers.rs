//! Whatever comes in, the parsers answer: no panic, and the same in pieces as in one.

use amtsbote_jose::{
    Jwe, JweScanner, Jws, KeySet, KeyUse, OpenReader, PrivateKey, PublicKey, TokenKey, X5c, seal,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use crate::keys::{ENCRYPTION, SIGNATURE};

fn scan(text: &[u8], piece: usize) -> Result<amtsbote_jose::Envelope, amtsbote_jose::Malformed> {
    let mut scanner = JweScanner::new(10_000);
    text.chunks(piece)
        .try_for_each(|piece| scanner.push(piece))?;
    scanner.finish()
}

fn check_all(text: &[u8], piece: usize) {
    let whole = Jwe::parse(text, 10_000).map(Jwe::into_envelope);
    assert_eq!(scan(text, piece), whole);
    let mut reader = OpenReader::new(&[], 10_000, 10_000);
    let mut plain = Vec::new();
    let read = text
        .chunks(piece)
        .try_for_each(|piece| reader.push(piece, &mut plain));
    assert!(
        read.and_then(|()| reader.finish(&mut plain).map(|_| ()))
            .is_err(),
        "without a key nothing opens"
    );
    let text = String::from_utf8_lossy(text);
    if let Ok(jws) = Jws::parse(&text, 10_000) {
        assert!(jws.verify(SIGNATURE.public()).is_err());
    }
    assert!(TokenKey::generate().read(&text, 0).is_err());
    for key_use in [KeyUse::Encryption, KeyUse::Signature] {
        assert!(PublicKey::parse(&text, key_use, X5c::Optional).is_err());
        assert!(PrivateKey::parse(&text, key_use, X5c::Optional).is_err());
        let set = KeySet::parse(&text, key_use, X5c::Optional);
        assert!(set.is_err() || set.is_ok_and(|set| set.keys().is_empty()));
    }
}

proptest! {
    #[test]
    fn any_octets_are_answered(text in proptest::collection::vec(any::<u8>(), 0..300), piece in 1usize..50) {
        check_all(&text, piece);
    }

    #[test]
    fn any_parts_are_answered(text in "[A-Za-z0-9_.=-]{0,200}", piece in 1usize..50) {
        check_all(text.as_bytes(), piece);
    }

    #[test]
    fn any_header_is_answered(
        header in r#"\{("(alg|enc|kid|cty|crit|zip)":("RSA-OAEP-256"|"A256GCM"|"PS512"|"DEF"|\[\]|null|1),?){0,5}\}?"#,
        rest in "(\\.[A-Za-z0-9_-]{0,30}){2,4}",
        piece in 1usize..50,
    ) {
        check_all(format!("{}{rest}", URL_SAFE_NO_PAD.encode(header)).as_bytes(), piece);
    }

    #[test]
    fn any_object_is_answered(text in r#"\{("(kty|alg|kid|key_ops|n|e|d|x5c|keys)":("RSA"|"AQAB"|\[\{\}\]|\["verify"\]|null|1),?){0,6}\}"#) {
        check_all(text.as_bytes(), 7);
    }

    #[test]
    fn one_changed_octet_of_a_real_text_is_answered_alike_in_pieces(at in 0usize..2000, octet: u8, piece in 1usize..200) {
        let mut text = SEALED.clone().into_bytes();
        let at = at % text.len();
        text[at] = octet;
        check_all(&text, piece);
    }
}

static SEALED: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| seal(b"some content", ENCRYPTION.public(), "text/plain").unwrap());

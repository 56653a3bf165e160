//! Sealing and opening, whole and in pieces, among ourselves and with `josekit` as a peer that shares no code with ours.

use amtsbote_jose::{
    Jwe, JweScanner, NotOpened, NotSealed, OpenReader, PrivateKey, PublicKey, SealWriter, Tag,
    open, seal,
};
use josekit::jwe::{JweHeader, RSA_OAEP_256, deserialize_compact, serialize_compact};
use josekit::jwk::Jwk;
use proptest::prelude::*;
use serde_json::Value;

use crate::keys::{ENCRYPTION, OTHER_ENCRYPTION, SIGNATURE};

const MAX: u64 = 1_000_000;

pub(crate) fn seal_in_pieces(plain: &[u8], key: &PublicKey, piece: usize) -> (String, Tag) {
    let mut writer = SealWriter::new(key, "application/json").unwrap();
    let mut text = String::new();
    for piece in plain.chunks(piece) {
        writer.push(piece, &mut text).unwrap();
    }
    let tag = writer.finish(&mut text).unwrap();
    (text, tag)
}

pub(crate) fn open_in_pieces(
    text: &str,
    keys: &[PrivateKey],
    piece: usize,
) -> Result<Vec<u8>, NotOpened> {
    let mut reader = OpenReader::new(keys, MAX, MAX);
    let mut plain = Vec::new();
    for piece in text.as_bytes().chunks(piece) {
        reader.push(piece, &mut plain)?;
    }
    reader.finish(&mut plain)?;
    Ok(plain)
}

pub(crate) fn open_whole(text: &str, keys: &[PrivateKey]) -> Result<Vec<u8>, NotOpened> {
    let jwe = Jwe::parse(text, MAX).map_err(NotOpened::Malformed)?;
    open(&jwe, keys, MAX).map(|plain| plain.to_vec())
}

/// `josekit`'s own form of a key; it refuses `key_ops` with `wrapKey` (J5).
pub(crate) fn as_josekit(json: &str) -> Jwk {
    let mut map: serde_json::Map<String, Value> = serde_json::from_str(json).unwrap();
    map.remove("key_ops");
    Jwk::from_map(map).unwrap()
}

pub(crate) fn josekit_seal(plain: &[u8], header: &[(&str, &str)]) -> String {
    let mut encrypter = RSA_OAEP_256
        .encrypter_from_jwk(&as_josekit(&ENCRYPTION.public().to_json().to_string()))
        .unwrap();
    encrypter.remove_key_id();
    let mut all = JweHeader::new();
    all.set_content_encryption("A256GCM");
    for (name, value) in header {
        all.set_claim(name, Some(Value::from(*value))).unwrap();
    }
    serialize_compact(plain, &all, &encrypter).unwrap()
}

fn josekit_open(text: &str) -> Vec<u8> {
    let decrypter = RSA_OAEP_256
        .decrypter_from_jwk(&as_josekit(&ENCRYPTION.to_secret_json()))
        .unwrap();
    deserialize_compact(text, &decrypter).unwrap().0
}

fn check_round_trip(plain: &[u8], seal_piece: usize, open_piece: usize) {
    let keys = [ENCRYPTION.clone()];
    let whole = seal(plain, ENCRYPTION.public(), "application/json").unwrap();
    let (pieces, tag) = seal_in_pieces(plain, ENCRYPTION.public(), seal_piece);
    assert_eq!(Jwe::parse(&pieces, MAX).unwrap().tag(), &tag);
    for text in [whole, pieces] {
        assert_eq!(open_whole(&text, &keys).unwrap(), plain);
        assert_eq!(open_in_pieces(&text, &keys, open_piece).unwrap(), plain);
        assert_eq!(josekit_open(&text), plain);
    }
}

fn check_peer(plain: &[u8], header: &[(&str, &str)], open_piece: usize) {
    let keys = [
        OTHER_ENCRYPTION.clone(),
        SIGNATURE.clone(),
        ENCRYPTION.clone(),
    ];
    let text = josekit_seal(plain, header);
    assert_eq!(open_whole(&text, &keys).unwrap(), plain, "{header:?}");
    assert_eq!(
        open_in_pieces(&text, &keys, open_piece).unwrap(),
        plain,
        "{header:?}"
    );
}

#[test]
fn every_way_of_sealing_opens_in_every_way_and_with_josekit() {
    for length in [0, 1, 2, 3, 15, 16, 17, 48 * 1024, 100_000] {
        let plain: Vec<u8> = (0..length)
            .map(|index| u8::try_from(index % 251).unwrap())
            .collect();
        check_round_trip(&plain, 1000, 997);
    }
    check_round_trip(b"one octet at a time", 1, 1);
}

#[test]
fn what_josekit_seals_opens_here_packed_or_not() {
    let long = b"Antrag auf Baugenehmigung ".repeat(5000);
    for plain in [&b""[..], b"x", &long] {
        check_peer(plain, &[], 4096);
        check_peer(
            plain,
            &[("kid", "first-wrapKey"), ("cty", "application/xml")],
            4097,
        );
        check_peer(plain, &[("zip", "DEF")], 333);
    }
}

#[test]
fn a_key_is_found_by_name_by_thumbprint_or_by_trying() {
    check_peer(b"by name", &[("kid", "first-wrapKey")], 100);
    check_peer(
        b"by thumbprint",
        &[("kid", &ENCRYPTION.public().thumbprint())],
        100,
    );
    check_peer(b"by trying", &[("kid", "somebody-else")], 100);
}

#[test]
fn the_header_says_what_it_should() {
    let text = seal(b"", ENCRYPTION.public(), "application/json").unwrap();
    let jwe = Jwe::parse(&text, MAX).unwrap();
    assert_eq!(jwe.header().kid(), Some("first-wrapKey"));
    assert_eq!(jwe.header().cty(), Some("application/json"));
    assert_eq!(jwe.header().typ(), None);
    assert!(!jwe.header().is_packed());
    assert_eq!(jwe.tag().as_str().len(), 22);
    assert!(
        text.len() >= 776,
        "the documented lower bound of a JWE with an empty plaintext"
    );
}

#[test]
fn opening_tells_nothing_about_why_it_failed() {
    let text = seal(b"content", ENCRYPTION.public(), "text/plain").unwrap();
    let parts: Vec<&str> = text.split('.').collect();
    let flip = |part: usize| {
        let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        let first = if parts[part].starts_with('B') {
            "C"
        } else {
            "B"
        };
        parts[part].replace_range(0..1, first);
        parts.join(".")
    };
    let mine = [ENCRYPTION.clone()];
    let wrong = [OTHER_ENCRYPTION.clone()];
    let mut all: Vec<(String, &[PrivateKey], NotOpened)> = (1..5)
        .map(|part| (flip(part), &mine[..], NotOpened::Refused))
        .collect();
    all.push((text.clone(), &wrong, NotOpened::UnknownKey));
    all.push((flip(1), &wrong, NotOpened::UnknownKey));
    all.push((text, &[], NotOpened::UnknownKey));
    for (text, keys, expected) in all {
        assert_eq!(open_whole(&text, keys), Err(expected));
        assert_eq!(open_in_pieces(&text, keys, 50), Err(expected));
    }
}

#[test]
fn an_altered_header_does_not_open() {
    let text = seal(b"content", ENCRYPTION.public(), "text/plain").unwrap();
    let other = seal(b"content", ENCRYPTION.public(), "text/html").unwrap();
    let (_, rest) = text.split_once('.').unwrap();
    let (header, _) = other.split_once('.').unwrap();
    assert_eq!(
        open_whole(
            &format!("{header}.{rest}"),
            std::slice::from_ref(&ENCRYPTION)
        ),
        Err(NotOpened::Refused)
    );
}

#[test]
fn a_signature_key_seals_nothing_and_a_content_type_is_needed() {
    assert_eq!(
        seal(b"", SIGNATURE.public(), "a/b"),
        Err(NotSealed::WrongUse)
    );
    assert_eq!(
        SealWriter::new(SIGNATURE.public(), "a/b").err(),
        Some(NotSealed::WrongUse)
    );
    for cty in ["", "ä/b", "a\n/b", &"a".repeat(256)] {
        assert_eq!(
            seal(b"", ENCRYPTION.public(), cty),
            Err(NotSealed::ContentType),
            "{cty:?}"
        );
    }
}

#[test]
fn a_bomb_is_stopped_at_the_bound_and_only_after_the_tag_has_held() {
    let bomb = josekit_seal(
        &vec![0; 5_000_000],
        &[("zip", "DEF"), ("kid", "first-wrapKey")],
    );
    assert!(bomb.len() < 10_000);
    let keys = [ENCRYPTION.clone()];
    assert_eq!(open_whole(&bomb, &keys), Err(NotOpened::TooLarge));
    let mut reader = OpenReader::new(&keys, MAX, MAX);
    let mut plain = Vec::new();
    for piece in bomb.as_bytes().chunks(1000) {
        assert_eq!(
            reader.push(piece, &mut plain),
            Ok(()),
            "a fault of the content is not told before the tag has held"
        );
        assert!(plain.len() as u64 <= MAX);
    }
    assert_eq!(reader.finish(&mut plain), Err(NotOpened::TooLarge));

    let (rest, _) = bomb.rsplit_once('.').unwrap();
    let forged = format!("{rest}.AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(open_whole(&forged, &keys), Err(NotOpened::Refused));
    assert_eq!(
        open_in_pieces(&forged, &keys, 1000),
        Err(NotOpened::Refused)
    );
}

#[test]
fn exactly_the_bound_may_come_out() {
    let keys = [ENCRYPTION.clone()];
    let text = josekit_seal(&vec![7; 70_000], &[("zip", "DEF")]);
    let jwe = Jwe::parse(&text, MAX).unwrap();
    assert_eq!(open(&jwe, &keys, 70_000).unwrap().len(), 70_000);
    assert_eq!(open(&jwe, &keys, 69_999), Err(NotOpened::TooLarge));
}

#[test]
fn broken_packing_is_told_apart_once_the_tag_has_held() {
    use std::io::Write as _;
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(b"content").unwrap();
    let packed = packer.finish().unwrap();
    let trailing: Vec<u8> = packed.iter().copied().chain([0]).collect();
    for content in [&packed[..packed.len() - 1], &trailing, b"\xff\xff\xff", b""] {
        let text = seal_packed_as_is(content);
        let keys = [ENCRYPTION.clone()];
        assert_eq!(
            open_whole(&text, &keys),
            Err(NotOpened::Inflate),
            "{content:?}"
        );
        assert_eq!(
            open_in_pieces(&text, &keys, 7),
            Err(NotOpened::Inflate),
            "{content:?}"
        );
    }
    assert_eq!(
        open_whole(
            &seal_packed_as_is(&packed),
            std::slice::from_ref(&ENCRYPTION)
        )
        .unwrap(),
        b"content"
    );
}

/// A JWE whose header claims `zip`, around content that is taken as it is.
fn seal_packed_as_is(content: &[u8]) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let key =
        josekit::jwk::alg::rsa::RsaKeyPair::from_jwk(&as_josekit(&ENCRYPTION.to_secret_json()))
            .unwrap();
    let header = URL_SAFE_NO_PAD
        .encode(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF","kid":"first-wrapKey"}"#);
    let (cek, iv, mut tag) = ([1; 32], [2; 12], [0; 16]);
    let public =
        openssl::pkey::PKey::public_key_from_der(&josekit::jwk::KeyPair::to_der_public_key(&key))
            .unwrap();
    let mut wrap = openssl::encrypt::Encrypter::new(&public).unwrap();
    wrap.set_rsa_padding(openssl::rsa::Padding::PKCS1_OAEP)
        .unwrap();
    wrap.set_rsa_oaep_md(openssl::hash::MessageDigest::sha256())
        .unwrap();
    wrap.set_rsa_mgf1_md(openssl::hash::MessageDigest::sha256())
        .unwrap();
    let mut wrapped = vec![0; wrap.encrypt_len(&cek).unwrap()];
    let length = wrap.encrypt(&cek, &mut wrapped).unwrap();
    let cipher = openssl::symm::Cipher::aes_256_gcm();
    let body = openssl::symm::encrypt_aead(
        cipher,
        &cek,
        Some(&iv),
        header.as_bytes(),
        content,
        &mut tag,
    )
    .unwrap();
    let parts = [&wrapped[..length], &iv, &body, &tag].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{}", parts.join("."))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn whatever_is_sealed_opens(plain in proptest::collection::vec(any::<u8>(), 0..3000), seal_piece in 1usize..400, open_piece in 1usize..400) {
        check_round_trip(&plain, seal_piece, open_piece);
    }
}

#[test]
fn the_scanner_agrees_with_the_whole_parser_at_every_cut() {
    let text = seal(b"some content", ENCRYPTION.public(), "text/plain").unwrap();
    let envelope = Jwe::parse(&text, MAX).unwrap().into_envelope();
    for cut in 0..text.len() {
        let mut scanner = JweScanner::new(MAX);
        scanner.push(&text.as_bytes()[..cut]).unwrap();
        scanner.push(&text.as_bytes()[cut..]).unwrap();
        assert_eq!(scanner.finish().unwrap(), envelope);
    }
}

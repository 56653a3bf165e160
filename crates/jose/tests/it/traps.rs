//! What lax JOSE libraries let pass, each as a case that must not.

use amtsbote_jose::{
    Jwe, JweScanner, KeyFault, KeyUse, Malformed, PrivateKey, PublicKey, X5c, open, seal,
};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

use crate::keys::{ENCRYPTION, SIGNATURE};

const MAX: u64 = 100_000;

fn sealed() -> [String; 5] {
    let text = seal(b"content.", ENCRYPTION.public(), "text/plain").unwrap();
    let parts: Vec<String> = text.split('.').map(ToOwned::to_owned).collect();
    parts.try_into().unwrap()
}

fn with_part(index: usize, part: &str) -> String {
    let mut parts = sealed();
    part.clone_into(&mut parts[index]);
    parts.join(".")
}

fn with_header(json: &str) -> String {
    with_part(0, &URL_SAFE_NO_PAD.encode(json))
}

/// Whole, in one go, and character by character, the answer is the same.
fn check(text: &str, expected: Malformed) {
    assert_eq!(Jwe::parse(text, MAX).err(), Some(expected), "{text:?}");
    let mut scanner = JweScanner::new(MAX);
    let fault = text
        .as_bytes()
        .chunks(1)
        .find_map(|byte| scanner.push(byte).err());
    assert_eq!(
        fault.or_else(|| scanner.finish().err()),
        Some(expected),
        "in pieces: {text:?}"
    );
}

#[test]
fn j1_a_shortened_tag_is_refused() {
    for length in [0, 1, 4, 8, 12, 15] {
        check(
            &with_part(4, &URL_SAFE_NO_PAD.encode(vec![7; length])),
            Malformed::Tag,
        );
    }
    check(
        &with_part(4, &URL_SAFE_NO_PAD.encode([7; 17])),
        Malformed::Tag,
    );
    check(
        &with_part(4, &URL_SAFE_NO_PAD.encode([7; 64])),
        Malformed::Tag,
    );
}

#[test]
fn j2_an_iv_of_another_length_is_refused() {
    for length in [0, 1, 8, 11, 13, 16, 100] {
        check(
            &with_part(2, &URL_SAFE_NO_PAD.encode(vec![7; length])),
            Malformed::Iv,
        );
    }
}

#[test]
fn j3_crit_is_refused_whatever_it_holds() {
    for crit in ["[]", r#"["exp"]"#, "null", r#""kid""#, "1"] {
        let header = format!(r#"{{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":{crit}}}"#);
        check(&with_header(&header), Malformed::Critical);
    }
}

#[test]
fn j4_only_def_may_pack_and_its_bound_holds() {
    check(
        &with_header(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"GZIP"}"#),
        Malformed::Compression,
    );
    // The bound itself: `sealing::a_bomb_is_stopped_at_the_bound_and_only_after_the_tag_has_held`.
}

#[test]
fn j5_keys_with_wrap_key_are_taken_and_used() {
    let json = ENCRYPTION.public().to_json();
    assert_eq!(json["key_ops"], serde_json::json!(["wrapKey"]));
    let key = PublicKey::from_json(&json, KeyUse::Encryption, X5c::Required).unwrap();
    let private = PrivateKey::parse(
        &ENCRYPTION.to_secret_json(),
        KeyUse::Encryption,
        X5c::Required,
    )
    .unwrap();
    let text = seal(b"content", &key, "text/plain").unwrap();
    assert_eq!(
        *open(&Jwe::parse(&text, MAX).unwrap(), &[private], 0).unwrap(),
        b"content"
    );
}

#[test]
fn j6_ordinary_rsa_keys_sign_with_ps512() {
    let key = PrivateKey::parse(
        &SIGNATURE.to_secret_json(),
        KeyUse::Signature,
        X5c::Required,
    )
    .unwrap();
    let text = amtsbote_jose::sign(b"{}", &key, "secevent+jwt").unwrap();
    assert_eq!(
        amtsbote_jose::Jws::parse(&text, 10_000)
            .unwrap()
            .verify(key.public()),
        Ok(&b"{}"[..])
    );
}

#[test]
fn j7_a_text_without_kid_opens() {
    let text = crate::sealing::josekit_seal(b"content", &[]);
    let jwe = Jwe::parse(&text, MAX).unwrap();
    assert_eq!(jwe.header().kid(), None);
    assert_eq!(
        *open(&jwe, std::slice::from_ref(&ENCRYPTION), 0).unwrap(),
        b"content"
    );
}

#[test]
fn j8_padding_and_foreign_characters_are_refused_in_every_part() {
    for (index, part) in sealed().iter().enumerate() {
        let octets = URL_SAFE_NO_PAD.decode(part).unwrap();
        let padded = URL_SAFE.encode(&octets);
        if padded != *part {
            check(&with_part(index, &padded), Malformed::Encoding);
        }
        for foreign in ["+", "/", " ", "\n", "\0", "ä"] {
            let mut dirty = part.clone();
            dirty.replace_range(0..1, foreign);
            check(&with_part(index, &dirty), Malformed::Encoding);
        }
    }
}

#[test]
fn j8_bits_behind_the_last_octet_are_refused() {
    // 8 octets end in a character with two spare bits, 16 and 512 octets with four.
    for (index, part) in sealed()
        .iter()
        .enumerate()
        .filter(|(_, part)| part.len() % 4 != 0)
        .skip(1)
    {
        let last = part.chars().last().unwrap();
        let next = char::from(u8::try_from(last).unwrap() + 1);
        if next.is_ascii_alphanumeric() {
            let mut other = part.clone();
            other.replace_range(part.len() - 1.., &next.to_string());
            check(&with_part(index, &other), Malformed::Encoding);
        }
    }
    check(&with_part(3, "AB"), Malformed::Encoding);
    check(&with_part(3, "AAB"), Malformed::Encoding);
    check(&with_part(3, "A"), Malformed::Encoding);
}

#[test]
fn j8_weak_keys_are_refused() {
    let check = |member: &str, value: &str, expected: KeyFault| {
        let mut json = ENCRYPTION.public().to_json();
        json[member] = value.into();
        json.as_object_mut().unwrap().remove("x5c");
        let refused = PublicKey::from_json(&json, KeyUse::Encryption, X5c::Optional).unwrap_err();
        assert_eq!(refused.faults, [expected], "{member}");
    };
    check("e", "AQ", KeyFault::Exponent);
    check("e", "Aw", KeyFault::Exponent);
    check("e", "AAEAAQ", KeyFault::Exponent);
    let short = URL_SAFE_NO_PAD.encode([0xC1; 256]);
    check("n", &short, KeyFault::ModulusSize { bits: 2048 });
    check(
        "n",
        &URL_SAFE_NO_PAD.encode([0x7F; 512]),
        KeyFault::ModulusSize { bits: 4095 },
    );
    check(
        "n",
        &URL_SAFE_NO_PAD.encode([0xFF; 1025]),
        KeyFault::ModulusSize { bits: 8200 },
    );
    check(
        "n",
        &URL_SAFE_NO_PAD.encode([0xFE; 512]),
        KeyFault::WeakModulus,
    );
    check("n", &format!("AAAA{}", "B".repeat(683)), KeyFault::Modulus);
    check("n", "", KeyFault::Modulus);
}

#[test]
fn other_algorithms_are_refused() {
    check(
        &with_header(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#),
        Malformed::Algorithm,
    );
    check(
        &with_header(r#"{"alg":"dir","enc":"A256GCM"}"#),
        Malformed::Algorithm,
    );
    check(
        &with_header(r#"{"alg":"RSA-OAEP-256","enc":"A128CBC-HS256"}"#),
        Malformed::Encryption,
    );
    for header in [
        r#"{"enc":"A256GCM"}"#,
        r#"{"alg":"RSA-OAEP-256"}"#,
        r#"{"alg":["RSA-OAEP-256"],"enc":"A256GCM"}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","alg":"RSA-OAEP-256"}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":1}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"a\nb"}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"} "x""#,
        "[]",
        "",
        "{",
    ] {
        check(&with_header(header), Malformed::Header);
    }
}

#[test]
fn a_header_is_bounded_in_length_and_depth() {
    let long = format!(
        r#"{{"alg":"RSA-OAEP-256","enc":"A256GCM","x":"{}"}}"#,
        "x".repeat(9000)
    );
    check(&with_header(&long), Malformed::Header);
    let deep = format!(
        r#"{{"alg":"RSA-OAEP-256","enc":"A256GCM","x":{}}}"#,
        "[".repeat(4000)
    );
    check(&with_header(&deep), Malformed::Header);
    let kid = format!(
        r#"{{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"{}"}}"#,
        "x".repeat(256)
    );
    check(&with_header(&kid), Malformed::Header);
}

#[test]
fn a_wrapped_key_is_as_long_as_a_modulus() {
    for length in [0, 1, 256, 511, 1025, 4000] {
        check(
            &with_part(1, &URL_SAFE_NO_PAD.encode(vec![7; length])),
            Malformed::WrappedKey,
        );
    }
}

#[test]
fn five_parts_and_no_more_are_taken() {
    let parts = sealed();
    for count in 1..5 {
        check(&parts[..count].join("."), Malformed::Parts);
    }
    check("", Malformed::Parts);
    check(&format!("{}.", parts.join(".")), Malformed::Parts);
    check(&format!("{}.AAAA", parts.join(".")), Malformed::Parts);
    check("....", Malformed::Header);
}

#[test]
fn a_text_beyond_the_callers_bound_is_refused_early() {
    let text = sealed().join(".");
    assert!(Jwe::parse(&text, text.len() as u64).is_ok());
    assert_eq!(
        Jwe::parse(&text, text.len() as u64 - 1).err(),
        Some(Malformed::TooLong)
    );
    let mut scanner = JweScanner::new(10);
    assert_eq!(
        scanner.push(&text.as_bytes()[..11]),
        Err(Malformed::TooLong)
    );
    assert_eq!(
        scanner.push(b""),
        Err(Malformed::TooLong),
        "the first fault stays"
    );
    assert_eq!(scanner.finish(), Err(Malformed::TooLong));
}

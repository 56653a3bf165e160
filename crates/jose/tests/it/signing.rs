//! PS512, among ourselves and with `josekit` as a peer.

use amtsbote_jose::{Jws, MalformedJws, NotSigned, NotVerified, sign};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jws::PS512;

use crate::keys::{ENCRYPTION, OTHER_SIGNATURE, SIGNATURE};
use crate::sealing::as_josekit;

const MAX: usize = 100_000;
const HEADER: &str = r#"{"typ":"secevent+jwt","alg":"PS512","kid":"first-verify"}"#;

fn signed(payload: &[u8]) -> String {
    sign(payload, &SIGNATURE, "secevent+jwt").unwrap()
}

fn verify(text: &str) -> Result<Vec<u8>, NotVerified> {
    Jws::parse(text, MAX)
        .unwrap()
        .verify(SIGNATURE.public())
        .map(<[u8]>::to_vec)
}

#[test]
fn what_is_signed_verifies_here_and_with_josekit_byte_for_byte() {
    for payload in [&b""[..], b"{}", br#"{"iss":"https:\/\/a"}"#, &[0, 255, 10]] {
        let text = signed(payload);
        assert_eq!(verify(&text).unwrap(), payload);
        let jws = Jws::parse(&text, MAX).unwrap();
        assert_eq!(
            (jws.header().kid(), jws.header().typ()),
            ("first-verify", Some("secevent+jwt"))
        );
        assert_eq!(jws.unverified_payload(), payload);
        let peer = PS512
            .verifier_from_jwk(&as_josekit(&SIGNATURE.public().to_json().to_string()))
            .unwrap();
        assert_eq!(
            josekit::jws::deserialize_compact(&text, &peer).unwrap().0,
            payload
        );
    }
}

#[test]
fn what_josekit_signs_verifies_here() {
    let signer = PS512
        .signer_from_jwk(&as_josekit(&SIGNATURE.to_secret_json()))
        .unwrap();
    let text =
        josekit::jws::serialize_compact(b"payload", &josekit::jws::JwsHeader::new(), &signer)
            .unwrap();
    assert_eq!(verify(&text).unwrap(), b"payload");
}

#[test]
fn anything_altered_does_not_verify() {
    let text = signed(b"payload");
    let [header, payload, signature]: [&str; 3] =
        text.split('.').collect::<Vec<_>>().try_into().unwrap();
    let other = URL_SAFE_NO_PAD.encode("another");
    let padded = URL_SAFE_NO_PAD.encode([0; 512]);
    let short = URL_SAFE_NO_PAD.encode(&URL_SAFE_NO_PAD.decode(signature).unwrap()[1..]);
    let typ = URL_SAFE_NO_PAD.encode(HEADER.replace("secevent+jwt", "jwt"));
    for altered in [
        format!("{header}.{other}.{signature}"),
        format!("{header}.{payload}.{padded}"),
        format!("{header}.{payload}.{short}"),
        format!("{header}.{payload}."),
        format!("{typ}.{payload}.{signature}"),
    ] {
        assert_eq!(verify(&altered), Err(NotVerified::Signature));
    }
}

#[test]
fn the_wrong_key_is_told_apart_from_a_wrong_signature() {
    let text = signed(b"payload");
    let jws = Jws::parse(&text, MAX).unwrap();
    assert_eq!(
        jws.verify(OTHER_SIGNATURE.public()),
        Err(NotVerified::AnotherKey)
    );
    assert_eq!(jws.verify(ENCRYPTION.public()), Err(NotVerified::WrongUse));
    assert_eq!(sign(b"", &ENCRYPTION, "jwt"), Err(NotSigned::WrongUse));
}

/// Signs with OpenSSL and the padding as told.
fn openssl_signed(set: impl FnOnce(&mut openssl::sign::Signer<'_>)) -> String {
    let pair =
        josekit::jwk::alg::rsa::RsaKeyPair::from_jwk(&as_josekit(&SIGNATURE.to_secret_json()))
            .unwrap();
    let key = openssl::pkey::PKey::private_key_from_der(
        &josekit::jwk::KeyPair::to_der_private_key(&pair),
    )
    .unwrap();
    let mut signer =
        openssl::sign::Signer::new(openssl::hash::MessageDigest::sha512(), &key).unwrap();
    set(&mut signer);
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(HEADER),
        URL_SAFE_NO_PAD.encode("payload")
    );
    let signature = signer.sign_oneshot_to_vec(text.as_bytes()).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn only_pss_with_a_salt_of_64_octets_counts() {
    use openssl::rsa::Padding;
    use openssl::sign::RsaPssSaltlen;
    let with_salt = |octets| {
        openssl_signed(|signer| {
            signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            signer
                .set_rsa_pss_saltlen(RsaPssSaltlen::custom(octets))
                .unwrap();
        })
    };
    assert_eq!(verify(&with_salt(64)).unwrap(), b"payload");
    for octets in [0, 20, 32, 63, 65] {
        assert_eq!(
            verify(&with_salt(octets)),
            Err(NotVerified::Signature),
            "{octets}"
        );
    }
    assert_eq!(
        verify(&openssl_signed(|_| {})),
        Err(NotVerified::Signature),
        "PKCS #1 v1.5"
    );
}

fn check(text: &str, expected: MalformedJws) {
    assert_eq!(Jws::parse(text, MAX).err(), Some(expected), "{text:?}");
}

fn check_header(json: &str, expected: MalformedJws) {
    check(
        &format!("{}.AAAA.AAAA", URL_SAFE_NO_PAD.encode(json)),
        expected,
    );
}

#[test]
fn a_token_out_of_form_is_refused() {
    for text in ["", "a", "a.b", "a.b.c.d", "...."] {
        check(text, MalformedJws::Parts);
    }
    let header = URL_SAFE_NO_PAD.encode(HEADER);
    for text in [
        "é.AA.AA".to_owned(),
        format!("{header}=.AA.AA"),
        format!("{header}.AB.AA"),
        format!("{header}.AA.A"),
    ] {
        check(&text, MalformedJws::Encoding);
    }
    assert_eq!(Jws::parse("a.b.c", 4).err(), Some(MalformedJws::TooLong));
}

#[test]
fn a_header_out_of_rule_is_refused() {
    for alg in ["none", "HS512", "PS256", "RS512", "ps512", ""] {
        check_header(
            &format!(r#"{{"alg":"{alg}","kid":"k"}}"#),
            MalformedJws::Algorithm,
        );
    }
    for header in [
        "",
        "[]",
        "{}",
        r#"{"alg":1}"#,
        r#"{"alg":"PS512","alg":"PS512","kid":"k"}"#,
        r#"{"alg":"PS512","kid":[]}"#,
    ] {
        check_header(header, MalformedJws::Header);
    }
    check_header(
        &format!(r#"{{"alg":"PS512","kid":"{}"}}"#, "k".repeat(9000)),
        MalformedJws::Header,
    );
    for kid in ["", r#","kid":null"#, r#","kid":"""#, r#","kid":"a\nb""#] {
        check_header(&format!(r#"{{"alg":"PS512"{kid}}}"#), MalformedJws::KeyId);
    }
    for asks in [
        r#""crit":[]"#,
        r#""crit":["b64"],"b64":false"#,
        r#""b64":false"#,
        r#""crit":null"#,
    ] {
        check_header(
            &format!(r#"{{"alg":"PS512","kid":"k",{asks}}}"#),
            MalformedJws::Critical,
        );
    }
}

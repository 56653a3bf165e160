//! Certificates of keys, up to trust anchors.

use std::sync::LazyLock;

use amtsbote_jose::{CertificateRule, KeyFault, KeyUse, PublicKey, TrustAnchors, X5c};
use base64::{
    Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD,
};
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Rsa;
use openssl::x509::extension::BasicConstraints;
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};
use serde_json::json;

use crate::keys::{ENCRYPTION, SIGNED};

const NOW_S: i64 = 1_750_000_000;

/// An authority: its key signs with RSASSA-PSS alone, as the administration's PKI does, or with PKCS#1.
struct Authority {
    key: PKey<Private>,
    certificate: X509,
}

static PSS_ROOT: LazyLock<Authority> = LazyLock::new(|| root(Id::RSA_PSS, 4096, "root"));
static PSS_MIDDLE: LazyLock<Authority> = LazyLock::new(|| middle(&PSS_ROOT, "middle"));

fn authority_key(id: Id, bits: u32) -> PKey<Private> {
    let mut context = PkeyCtx::new_id(id).unwrap();
    context.keygen_init().unwrap();
    context.set_rsa_keygen_bits(bits).unwrap();
    context.keygen().unwrap()
}

fn root(id: Id, bits: u32, name: &str) -> Authority {
    let key = authority_key(id, bits);
    let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
    let wish = Wish::ca(name, name, &public);
    Authority {
        certificate: wish.signed(&key, MessageDigest::sha512()),
        key,
    }
}

fn middle(root: &Authority, name: &str) -> Authority {
    let key = authority_key(Id::RSA_PSS, 4096);
    let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
    let wish = Wish::ca(name, "root", &public);
    Authority {
        certificate: wish.signed(&root.key, MessageDigest::sha512()),
        key,
    }
}

/// What a certificate shall say.
struct Wish<'a> {
    subject: &'a str,
    issuer: &'a str,
    public: &'a PKey<Public>,
    is_authority: Option<BasicConstraints>,
    not_after_s: i64,
}

impl<'a> Wish<'a> {
    fn ca(subject: &'a str, issuer: &'a str, public: &'a PKey<Public>) -> Self {
        let mut constraints = BasicConstraints::new();
        constraints.critical().ca();
        Self {
            is_authority: Some(constraints),
            ..Self::leaf(subject, issuer, public)
        }
    }

    fn leaf(subject: &'a str, issuer: &'a str, public: &'a PKey<Public>) -> Self {
        Self {
            subject,
            issuer,
            public,
            is_authority: None,
            not_after_s: SIGNED.not_after_s,
        }
    }

    fn signed(&self, key: &PKey<Private>, digest: MessageDigest) -> X509 {
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let serial = Asn1Integer::from_bn(&BigNum::from_u32(7).unwrap()).unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&name(self.subject)).unwrap();
        builder.set_issuer_name(&name(self.issuer)).unwrap();
        let time = |s| Asn1Time::from_unix(s).unwrap();
        builder.set_not_before(&time(SIGNED.not_before_s)).unwrap();
        builder.set_not_after(&time(self.not_after_s)).unwrap();
        builder.set_pubkey(self.public).unwrap();
        if let Some(constraints) = &self.is_authority {
            builder
                .append_extension(constraints.build().unwrap())
                .unwrap();
        }
        builder.sign(key, digest).unwrap();
        builder.build()
    }
}

fn name(text: &str) -> X509Name {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, text).unwrap();
    name.build()
}

/// The public half of the destination's encryption key.
fn own_key() -> PKey<Public> {
    let n = ENCRYPTION.public().to_json()["n"]
        .as_str()
        .map(|n| URL_SAFE_NO_PAD.decode(n).unwrap())
        .unwrap();
    let n = BigNum::from_slice(&n).unwrap();
    let rsa = Rsa::from_public_components(n, BigNum::from_u32(65_537).unwrap()).unwrap();
    PKey::from_rsa(rsa).unwrap()
}

/// The destination's key with these certificates.
fn with_chain(chain: &[&X509]) -> PublicKey {
    let mut jwk = ENCRYPTION.public().to_json();
    let texts: Vec<String> = chain
        .iter()
        .map(|certificate| STANDARD.encode(certificate.to_der().unwrap()))
        .collect();
    jwk["x5c"] = json!(texts);
    PublicKey::from_json(&jwk, KeyUse::Encryption, X5c::Required).unwrap()
}

fn anchors(roots: &[&X509]) -> TrustAnchors {
    let pem: Vec<u8> = roots
        .iter()
        .flat_map(|root| root.to_pem().unwrap())
        .collect();
    TrustAnchors::from_pem(&pem).unwrap()
}

fn trusting(roots: &[&X509]) -> CertificateRule {
    CertificateRule::from(X5c::Required).trusting(anchors(roots))
}

#[test]
fn a_chain_of_pss_signatures_leads_from_the_key_to_the_root() {
    let public = own_key();
    let leaf = Wish::leaf("Teststelle", "middle", &public)
        .signed(&PSS_MIDDLE.key, MessageDigest::sha512());
    let rule = trusting(&[&PSS_ROOT.certificate]);
    let (middle, root) = (&PSS_MIDDLE.certificate, &PSS_ROOT.certificate);
    // The root may come along or not.
    for chain in [&[&leaf, middle, root][..], &[&leaf, middle]] {
        assert_eq!(rule.check(&with_chain(chain), NOW_S), Ok(()));
    }
    assert_eq!(
        rule.check(&with_chain(&[&leaf]), NOW_S),
        Err(KeyFault::CertificateUntrusted),
        "the certificate between is missing"
    );
    let late = SIGNED.not_after_s + 1;
    assert_eq!(
        rule.check(&with_chain(&[&leaf, middle]), late),
        Err(KeyFault::CertificateNotValidNow)
    );
}

#[test]
fn strangers_and_those_that_may_not_sign_vouch_for_nobody() {
    let public = own_key();
    let rule = trusting(&[&PSS_ROOT.certificate]);
    let stranger = root(Id::RSA, 2048, "root");
    let leaf = |issuer: &str, key: &PKey<Private>| {
        Wish::leaf("Teststelle", issuer, &public).signed(key, MessageDigest::sha512())
    };
    let foreign = leaf("root", &stranger.key);
    for chain in [&[&foreign][..], &[&foreign, &stranger.certificate]] {
        assert_eq!(
            rule.check(&with_chain(chain), NOW_S),
            Err(KeyFault::CertificateUntrusted),
            "same name, another key"
        );
    }
    // A leaf of the trusted root that plays authority.
    let key = authority_key(Id::RSA, 2048);
    let key_public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
    let no_authority =
        Wish::leaf("middle", "root", &key_public).signed(&PSS_ROOT.key, MessageDigest::sha512());
    let below = leaf("middle", &key);
    assert_eq!(
        rule.check(&with_chain(&[&below, &no_authority]), NOW_S),
        Err(KeyFault::CertificateUntrusted)
    );
    // An authority whose time is over.
    let mut past = Wish::ca("middle", "root", &key_public);
    past.not_after_s = NOW_S - 1;
    let past = past.signed(&PSS_ROOT.key, MessageDigest::sha512());
    assert_eq!(
        rule.check(&with_chain(&[&below, &past]), NOW_S),
        Err(KeyFault::CertificateNotValidNow)
    );
}

#[test]
fn pkcs1_signatures_do_and_weak_ones_do_not() {
    let public = own_key();
    let root = root(Id::RSA, 2048, "root");
    let rule = trusting(&[&root.certificate]);
    let signed = |digest| Wish::leaf("Teststelle", "root", &public).signed(&root.key, digest);
    assert_eq!(
        rule.check(&with_chain(&[&signed(MessageDigest::sha256())]), NOW_S),
        Ok(())
    );
    assert_eq!(
        rule.check(&with_chain(&[&signed(MessageDigest::sha1())]), NOW_S),
        Err(KeyFault::CertificateWeak)
    );
}

#[test]
fn self_signed_keys_pass_without_anchors_or_with_danger() {
    let own = ENCRYPTION.public();
    let rule = trusting(&[&PSS_ROOT.certificate]);
    assert_eq!(
        CertificateRule::from(X5c::Required).check(own, NOW_S),
        Ok(())
    );
    assert_eq!(rule.check(own, NOW_S), Err(KeyFault::CertificateSelfSigned));
    let danger = rule.danger_self_signed();
    assert_eq!(danger.check(own, NOW_S), Ok(()));
    assert_eq!(
        danger.check(own, SIGNED.not_before_s - 1),
        Err(KeyFault::CertificateNotValidNow)
    );
}

#[test]
fn a_file_of_anchors_holds_at_least_one_certificate() {
    for text in [
        "",
        "nothing",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert!(TrustAnchors::from_pem(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(
        format!("{:?}", anchors(&[&PSS_ROOT.certificate])),
        "TrustAnchors(1)"
    );
}

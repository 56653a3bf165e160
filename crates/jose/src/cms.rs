//! Encrypted mail (S/MIME 4.0, RFC 8551): CMS for the owners of certificates. Not JOSE, but it lives here because this is the one
//! place for keys and for OpenSSL.

use openssl::asn1::Asn1Time;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::pkey::Id;
use openssl::stack::Stack;
use openssl::symm::Cipher;
use openssl::x509::X509;

/// Smallest RSA key that is encrypted for.
const RSA_MIN_BITS: u32 = 2048;
/// Smallest key on an elliptic curve that is encrypted for.
const EC_MIN_BITS: u32 = 256;

/// Who can open what [`Recipients::seal`] makes. Holds public keys only.
#[derive(Debug, Clone)]
pub struct Recipients(Vec<X509>);

/// How content is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentCipher {
    /// AES-256-GCM (`AuthEnvelopedData`, RFC 5083): whoever changes a byte is noticed.
    Aes256Gcm,
    /// AES-256-CBC (`EnvelopedData`): for readers that know nothing newer. Changes may go unnoticed.
    Aes256Cbc,
}

/// Why nobody is encrypted for. Positions count from 1, as people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedRecipient {
    /// No certificate at all.
    #[error("no certificate is given")]
    Nobody,
    /// Not one certificate in PEM form.
    #[error("certificate {0} cannot be read; expected one in PEM form")]
    Unreadable(usize),
    /// Its time has not begun or is over.
    #[error("certificate {0} is not valid now")]
    OutOfDate(usize),
    /// Its key is too short or of a kind that cannot be encrypted for.
    #[error(
        "certificate {0} has no key for encryption: RSA from 2048 bits or a curve from 256 bits is needed"
    )]
    UnfitKey(usize),
}

/// OpenSSL refused to encrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the content could not be encrypted for these certificates")]
pub struct NotEncrypted;

impl Recipients {
    /// Reads one certificate (PEM) per recipient. Chains are **not** checked: whose certificate this is, the operator has to know.
    pub fn parse(pems: &[Vec<u8>], now_s: i64) -> Result<Self, RefusedRecipient> {
        if pems.is_empty() {
            return Err(RefusedRecipient::Nobody);
        }
        let mut certificates = Vec::new();
        for (nr, pem) in (1..).zip(pems) {
            let certificate = X509::from_pem(pem).map_err(|_| RefusedRecipient::Unreadable(nr))?;
            if !is_fit(&certificate) {
                return Err(RefusedRecipient::UnfitKey(nr));
            }
            certificates.push(certificate);
        }
        let recipients = Self(certificates);
        recipients.check_dates(now_s)?;
        Ok(recipients)
    }

    /// Whether all certificates are valid at that moment (Unix seconds).
    pub fn check_dates(&self, now_s: i64) -> Result<(), RefusedRecipient> {
        for (nr, certificate) in (1..).zip(&self.0) {
            let valid = Asn1Time::from_unix(now_s).is_ok_and(|now| {
                certificate.not_before() <= now.as_ref() && certificate.not_after() >= now.as_ref()
            });
            if !valid {
                return Err(RefusedRecipient::OutOfDate(nr));
            }
        }
        Ok(())
    }

    /// Encrypts `content` so that each recipient alone can open it. Gives CMS in DER. Takes milliseconds per megabyte.
    pub fn seal(&self, content: &[u8], cipher: ContentCipher) -> Result<Vec<u8>, NotEncrypted> {
        let mut certificates = Stack::new().map_err(|_| NotEncrypted)?;
        for certificate in &self.0 {
            certificates
                .push(certificate.clone())
                .map_err(|_| NotEncrypted)?;
        }
        let cipher = match cipher {
            ContentCipher::Aes256Gcm => Cipher::aes_256_gcm(),
            ContentCipher::Aes256Cbc => Cipher::aes_256_cbc(),
        };
        CmsContentInfo::encrypt(&certificates, content, cipher, CMSOptions::BINARY)
            .and_then(|sealed| sealed.to_der())
            .map_err(|_| NotEncrypted)
    }
}

fn is_fit(certificate: &X509) -> bool {
    let Ok(key) = certificate.public_key() else {
        return false;
    };
    match key.id() {
        Id::RSA => key.bits() >= RSA_MIN_BITS,
        Id::EC => key.bits() >= EC_MIN_BITS,
        _ => false,
    }
}

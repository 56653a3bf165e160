//! PS512 on `aws-lc-rs`, as a signer for `josekit`: SHA-512, MGF1 with SHA-512, salt of 64 octets (RFC 7518 §3.5).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PSS_SHA512;
use josekit::JoseError;
use josekit::jws::alg::rsassa_pss::RsassaPssJwsAlgorithm;
use josekit::jws::{JwsAlgorithm, JwsSigner};

use crate::private::PrivateKey;

/// A private signature key as `josekit` wants it.
#[derive(Debug, Clone)]
pub(crate) struct Ps512Signer(pub(crate) PrivateKey);

impl JwsSigner for Ps512Signer {
    fn algorithm(&self) -> &dyn JwsAlgorithm {
        &RsassaPssJwsAlgorithm::Ps512
    }

    fn key_id(&self) -> Option<&str> {
        Some(self.0.kid())
    }

    fn signature_len(&self) -> usize {
        self.0.public().modulus().len()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JoseError> {
        let refused =
            |cause: aws_lc_rs::error::Unspecified| JoseError::InvalidSignature(cause.into());
        let key = self
            .0
            .signer()
            .ok_or(aws_lc_rs::error::Unspecified)
            .map_err(refused)?;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &RSA_PSS_SHA512,
            &SystemRandom::new(),
            message,
            &mut signature,
        )
        .map_err(refused)?;
        Ok(signature)
    }

    fn box_clone(&self) -> Box<dyn JwsSigner> {
        Box::new(self.clone())
    }
}

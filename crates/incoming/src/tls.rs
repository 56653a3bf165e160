//! TLS of a listener: the same profile as for calls (1.3 and 1.2, AES-GCM with ephemeral NIST curves, BSI TR-02102-2).

use std::sync::Arc;

use rustls::server::{ClientCertVerifierBuilder, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::Speaks;

/// Whether peers show a certificate. Authorities in PEM.
#[derive(Debug, Clone, Copy)]
pub enum ClientCertificates<'a> {
    /// Nobody is asked.
    NotAsked,
    /// Everybody is asked for one of these authorities; who shows none is let in, and the host decides.
    Asked(&'a [u8]),
    /// Who shows none of these authorities is not let in.
    Required(&'a [u8]),
}

/// TLS of a listener is not usable.
#[derive(Debug, thiserror::Error)]
pub enum NotSecured {
    /// No certificate in the chain's file.
    #[error("the server's certificate file holds no certificate in PEM form")]
    Chain,
    /// No key in the key's file.
    #[error("the server's key file holds no private key in PEM form")]
    Key,
    /// No authority in the file of those that issue client certificates.
    #[error(
        "the file of authorities for client certificates holds no usable certificate in PEM form"
    )]
    ClientAuthorities,
    /// The parts do not fit together.
    #[error("TLS cannot be set up with these certificates and this key")]
    Tls(#[source] rustls::Error),
}

/// TLS with this chain and key, both in PEM.
pub fn server_tls(
    (chain, key): (&[u8], &[u8]),
    clients: ClientCertificates<'_>,
    speaks: Speaks,
) -> Result<Arc<ServerConfig>, NotSecured> {
    let chain = certificates(chain).ok_or(NotSecured::Chain)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| NotSecured::Key)?;
    let provider = Arc::new(amtsbote_outgoing::tls_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(NotSecured::Tls)?;
    let verifier = |pem| {
        let roots = authorities(pem).ok_or(NotSecured::ClientAuthorities)?;
        Ok(WebPkiClientVerifier::builder_with_provider(
            roots,
            provider.clone(),
        ))
    };
    let built = |builder: ClientCertVerifierBuilder| {
        builder.build().map_err(|_| NotSecured::ClientAuthorities)
    };
    let builder = match clients {
        ClientCertificates::NotAsked => builder.with_no_client_auth(),
        ClientCertificates::Asked(pem) => {
            builder.with_client_cert_verifier(built(verifier(pem)?.allow_unauthenticated())?)
        }
        ClientCertificates::Required(pem) => {
            builder.with_client_cert_verifier(built(verifier(pem)?)?)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(NotSecured::Tls)?;
    config.alpn_protocols = match speaks {
        Speaks::Http1 => vec![b"http/1.1".to_vec()],
        Speaks::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    read.ok().filter(|chain| !chain.is_empty())
}

fn authorities(pem: &[u8]) -> Option<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).ok()?;
    }
    Some(Arc::new(roots))
}

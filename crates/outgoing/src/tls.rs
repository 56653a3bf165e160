//! The TLS profile: 1.3 and 1.2, AES-GCM with ephemeral NIST curves (BSI TR-02102-2), provider handed over explicitly.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite as suite, kx_group};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::{Identity, NotOpened, PlainHttp, Settings};

pub(crate) fn config(settings: &Settings) -> Result<ClientConfig, NotOpened> {
    let builder = ClientConfig::builder_with_provider(Arc::new(tls_provider()))
        .with_safe_default_protocol_versions()
        .map_err(NotOpened::Tls)?
        .with_root_certificates(roots(settings)?);
    let mut config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = identity_parts(identity).ok_or(NotOpened::Identity)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|_| NotOpened::Identity)?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The same profile for other protocols over TLS. Trusts the authorities given, and no others then; without any, those of the
/// system.
pub fn client_config(roots_pem: Option<&[u8]>) -> Result<ClientConfig, NotOpened> {
    let mut store = RootCertStore::empty();
    match roots_pem {
        Some(pem) => add_roots(&mut store, pem)?,
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() {
        return Err(NotOpened::NoRoots);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(tls_provider()))
        .with_safe_default_protocol_versions()
        .map_err(NotOpened::Tls)?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(config)
}

/// The profile itself, for listeners.
pub fn tls_provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            suite::TLS13_AES_256_GCM_SHA384,
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ],
        kx_groups: vec![
            kx_group::SECP256R1MLKEM768,
            kx_group::SECP256R1,
            kx_group::SECP384R1,
        ],
        ..aws_lc_rs::default_provider()
    }
}

fn roots(settings: &Settings) -> Result<RootCertStore, NotOpened> {
    let mut store = RootCertStore::empty();
    // A certificate of the system that cannot be read is the system's business; the others still count.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = &settings.extra_roots_pem {
        add_roots(&mut store, pem)?;
    }
    if store.is_empty() && settings.plain_http == PlainHttp::Refused {
        return Err(NotOpened::NoRoots);
    }
    Ok(store)
}

fn add_roots(store: &mut RootCertStore, pem: &[u8]) -> Result<(), NotOpened> {
    let before = store.len();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| NotOpened::Roots)?;
        store.add(certificate).map_err(|_| NotOpened::Roots)?;
    }
    if store.len() == before {
        return Err(NotOpened::Roots);
    }
    Ok(())
}

fn identity_parts(
    identity: &Identity,
) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&identity.chain_pem)
        .collect::<Result<_, _>>()
        .ok()?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.reveal().as_bytes()).ok()?;
    (!chain.is_empty()).then_some((chain, key))
}

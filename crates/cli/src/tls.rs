//! A throw-away CA and server certificate for loopback.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::folder::{self, Readers};

/// The CA's certificate; clients must trust it.
pub(crate) const CA: &str = "ca.pem";
const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";

/// Certificate and key for 127.0.0.1 and localhost in `dir`, made if missing; and the CA's file.
pub(crate) fn loopback(dir: &Path) -> Result<(Arc<ServerConfig>, PathBuf)> {
    if !dir.join(KEY).exists() {
        make(dir).context("the throw-away certificates cannot be made")?;
    }
    Ok((
        server_config(&dir.join(CERTIFICATE), &dir.join(KEY))?,
        dir.join(CA),
    ))
}

/// TLS from PEM files, with the provider named instead of taken from the process.
pub(crate) fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let chain_pem = folder::read_file(certificate)?;
    let chain = CertificateDer::pem_slice_iter(&chain_pem)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{} is not a PEM certificate chain", certificate.display()))?;
    let key_der = PrivateKeyDer::from_pem_slice(&folder::read_file(key)?)
        .map_err(|_| anyhow::anyhow!("{} is not a PEM private key", key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .context("certificate and key do not fit together")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn make(dir: &Path) -> Result<()> {
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name
        .push(DnType::CommonName, "Amtsbote throw-away CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;

    let mut server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    server
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;

    folder::write(&dir.join(CA), issuer.pem().as_bytes(), Readers::All)?;
    folder::write(
        &dir.join(CERTIFICATE),
        certificate.pem().as_bytes(),
        Readers::All,
    )?;
    // The key comes last: its presence says that all three are there.
    folder::write(
        &dir.join(KEY),
        key.serialize_pem().as_bytes(),
        Readers::Owner,
    )
}

//! A throw-away CA and server certificate for loopback.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use amtsbote_incoming::{ClientCertificates, Speaks, server_tls};
use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;

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

/// TLS from PEM files.
pub(crate) fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let (chain, key) = (folder::read_file(certificate)?, folder::read_file(key)?);
    server_tls((&chain, &key), ClientCertificates::NotAsked, Speaks::Http2)
        .with_context(|| format!("{} and its key", certificate.display()))
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

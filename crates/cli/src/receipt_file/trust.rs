//! Whom a reader of receipts believes: pinned keys, and certificates that others' certificates must lead to.

use std::path::PathBuf;

use amtsbote_jose::{CertificateRule, KeySet, KeyUse, PublicKey, TrustAnchors, X5c};
use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::folder;

/// Who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// The delivery service.
    Service,
    /// The destination.
    Destination,
}

/// Why a key is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Vouched {
    /// It was given by its reader.
    Pinned,
    /// Its certificate leads to one that was given.
    Certified,
}

/// For whom something counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Both,
    Only(Role),
}

impl For {
    fn takes(self, role: Role) -> bool {
        match self {
            Self::Both => true,
            Self::Only(one) => one == role,
        }
    }
}

/// What is believed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trust {
    pins: Vec<(For, PublicKey)>,
    anchors: Vec<(For, CertificateRule)>,
}

impl Trust {
    /// From `--trust` values: `FILE`, `service=FILE` or `destination=FILE`; PEM certificates, a JWK or a JWK Set.
    pub(crate) fn read(given: &[String]) -> Result<Self> {
        let mut trust = Self::default();
        for given in given {
            let (role, file) = match given.split_once('=') {
                Some(("service", file)) => (For::Only(Role::Service), file),
                Some(("destination", file)) => (For::Only(Role::Destination), file),
                Some(_) | None => (For::Both, given.as_str()),
            };
            trust.add(role, &PathBuf::from(file))?;
        }
        if trust.pins.is_empty() && trust.anchors.is_empty() {
            bail!("no signature key and no certificate in the files given with --trust");
        }
        Ok(trust)
    }

    fn add(&mut self, role: For, path: &std::path::Path) -> Result<()> {
        let text = folder::read_text(path)?;
        if text.contains("-----BEGIN CERTIFICATE-----") {
            let anchors = TrustAnchors::from_pem(text.as_bytes())
                .with_context(|| format!("{} is not usable", path.display()))?;
            let rule = CertificateRule::from(X5c::Required).trusting(anchors);
            self.anchors.push((role, rule));
            return Ok(());
        }
        let keys = match KeySet::parse(&text, KeyUse::Signature, X5c::Optional) {
            Ok(set) => set.keys().to_vec(),
            Err(_) => vec![
                PublicKey::parse(&text, KeyUse::Signature, X5c::Optional).with_context(|| {
                    format!(
                        "{} is neither certificates in PEM nor a JWK Set nor a public signature key",
                        path.display()
                    )
                })?,
            ],
        };
        self.pins.extend(keys.into_iter().map(|key| (role, key)));
        Ok(())
    }

    /// These keys, for what they were fetched for.
    pub(crate) fn pinning(keys: impl IntoIterator<Item = (Role, PublicKey)>) -> Self {
        let pins = keys.into_iter();
        Self {
            pins: pins.map(|(role, key)| (For::Only(role), key)).collect(),
            anchors: Vec::new(),
        }
    }

    /// All pinned keys, whoever they are for.
    pub(crate) fn pinned(&self) -> Vec<PublicKey> {
        self.pins.iter().map(|(_, key)| key.clone()).collect()
    }

    /// A pinned key of the service by its name.
    pub(crate) fn service_key(&self, kid: &str) -> Option<&PublicKey> {
        let mut pins = self.pins.iter();
        let found = pins.find(|(role, key)| role.takes(Role::Service) && key.kid() == kid);
        found.map(|(_, key)| key)
    }

    /// Whether the key may sign for `role`. Its certificate must have been valid at both moments (Unix seconds), the first and the last of
    /// what it signed: what has run out since was good then.
    pub(crate) fn vouches(
        &self,
        key: &PublicKey,
        role: Role,
        (first_s, last_s): (i64, i64),
    ) -> Option<Vouched> {
        let mut pins = self.pins.iter().filter(|(of, _)| of.takes(role));
        if pins.any(|(_, pin)| pin.thumbprint() == key.thumbprint()) {
            return Some(Vouched::Pinned);
        }
        let mut anchors = self.anchors.iter().filter(|(of, _)| of.takes(role));
        let is_certified = anchors
            .any(|(_, rule)| rule.check(key, first_s).is_ok() && rule.check(key, last_s).is_ok());
        is_certified.then_some(Vouched::Certified)
    }
}

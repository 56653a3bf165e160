//! What a folder of settings wants: one folder per destination, with `destination.toml` and public keys.

use std::path::{Path, PathBuf};

use amtsbote_fit_connect::destination::Description;
use amtsbote_jose::{KeyUse, PublicKey, X5c};
use amtsbote_model::destination::ContactInformation;
use amtsbote_model::{
    DestinationId, DestinationStatus, Region, ServiceId, ServiceOffer, SubmissionSchema,
};
use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::folder;

/// The file that notes the id once the destination is there.
const ID_FILE: &str = "destination-id";

/// A destination as its settings want it.
pub(super) struct Wanted {
    pub(super) folder: PathBuf,
    /// Known once it was made.
    pub(super) id: Option<DestinationId>,
    pub(super) status: DestinationStatus,
    pub(super) description: Description,
    pub(super) encryption: PublicKey,
    pub(super) signature: PublicKey,
}

#[derive(Deserialize)]
struct File {
    destination: Raw,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    /// For people.
    #[serde(default, rename = "ars")]
    _ars: Option<String>,
    #[serde(default = "active")]
    status: String,
    contact: ContactInformation,
    #[serde(default)]
    service: Vec<RawOffer>,
    #[serde(default = "metadata_versions")]
    metadata_versions: Vec<String>,
    #[serde(default = "encryption_key")]
    encryption_key: PathBuf,
    #[serde(default = "signature_key")]
    signature_key: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOffer {
    identifier: ServiceId,
    regions: Vec<Region>,
    schema_uri: String,
    mime_type: String,
}

fn active() -> String {
    "active".to_owned()
}

fn metadata_versions() -> Vec<String> {
    vec!["2.1.0".to_owned()]
}

fn encryption_key() -> PathBuf {
    "keys/encryption-public.jwk".into()
}

fn signature_key() -> PathBuf {
    "keys/signature-public.jwk".into()
}

/// All folders with a `destination.toml` in `dir`, by name; what is wrong with one does not hide the others.
pub(super) fn all(dir: &Path) -> Result<Vec<(PathBuf, Result<Wanted>)>> {
    let own = dir
        .join("destination.toml")
        .exists()
        .then(|| dir.to_owned());
    let below = folder::folders(dir)?
        .into_iter()
        .filter(|path| path.join("destination.toml").exists());
    let found: Vec<_> = own
        .into_iter()
        .chain(below)
        .map(|path| {
            let wanted = one(&path);
            (path, wanted)
        })
        .collect();
    if found.is_empty() {
        bail!(
            "no destination.toml in or below {}; deploy/hessen shows how one looks",
            dir.display()
        );
    }
    Ok(found)
}

fn one(folder: &Path) -> Result<Wanted> {
    let path = folder.join("destination.toml");
    let file: File = toml::from_str(&folder::read_text(&path)?)
        .with_context(|| format!("{} cannot be used", path.display()))?;
    let raw = file.destination;
    let key = |path: &Path, key_use| {
        let path = folder.join(path);
        PublicKey::parse(&folder::read_text(&path)?, key_use, X5c::Optional).with_context(|| {
            format!(
                "{} is not usable; `amtsbote keys new destination` makes keys for tests",
                path.display()
            )
        })
    };
    let encryption = key(&raw.encryption_key, KeyUse::Encryption)?;
    let signature = key(&raw.signature_key, KeyUse::Signature)?;
    let id_file = folder.join(ID_FILE);
    let id = if id_file.exists() {
        let text = folder::read_text(&id_file)?;
        Some(
            text.trim()
                .parse()
                .with_context(|| format!("{} is no UUID", id_file.display()))?,
        )
    } else {
        None
    };
    let offers = raw.service.into_iter().map(|raw| ServiceOffer {
        identifier: raw.identifier,
        regions: raw.regions,
        submission_schemas: vec![SubmissionSchema {
            schema_uri: raw.schema_uri,
            mime_type: raw.mime_type,
        }],
    });
    let status: DestinationStatus = raw
        .status
        .parse()
        .with_context(|| format!("status in {}: write active or inactive", path.display()))?;
    if status == DestinationStatus::Created {
        bail!("status in {}: write active or inactive", path.display());
    }
    Ok(Wanted {
        folder: folder.to_owned(),
        id,
        status,
        description: Description {
            name: Some(raw.name),
            contact: raw.contact,
            services: merged(offers),
            encryption_kid: encryption.kid().to_owned(),
            metadata_versions: raw.metadata_versions,
            callback: None,
            reply_channels: None,
        },
        encryption,
        signature,
    })
}

/// One offer per service and regions, with all its schemas.
fn merged(offers: impl Iterator<Item = ServiceOffer>) -> Vec<ServiceOffer> {
    let mut all: Vec<ServiceOffer> = Vec::new();
    for offer in offers {
        let same = |known: &&mut ServiceOffer| {
            known.identifier == offer.identifier && known.regions == offer.regions
        };
        match all.iter_mut().find(same) {
            Some(known) => known.submission_schemas.extend(offer.submission_schemas),
            None => all.push(offer),
        }
    }
    all
}

/// Notes the id beside the settings. Dying before is fine: the next plan finds the destination by its name.
pub(super) fn note_id(folder: &Path, id: DestinationId) -> Result<()> {
    let text = format!("{id}\n");
    folder::write(&folder.join(ID_FILE), text.as_bytes(), folder::Readers::All)
}

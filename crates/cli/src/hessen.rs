//! The six pilot municipalities' settings, built into the program: the blueprint that demo and sandbox use.

use amtsbote_model::destination::ContactInformation;
use amtsbote_model::{Ars, Region, ServiceId, ServiceOffer, SubmissionSchema};
use anyhow::{Context, Result, anyhow};
use include_dir::{Dir, include_dir};
use serde::Deserialize;

use crate::folder::Files;
use crate::services::files_of;

static HESSEN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../deploy/hessen");
static FIXTURES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../fixtures/submissions");

/// A municipality: what its destination offers and where its submissions go.
pub(crate) struct Municipality {
    /// Folder name.
    pub(crate) slug: String,
    /// Name for people.
    pub(crate) name: String,
    pub(crate) ars: Ars,
    pub(crate) contact: ContactInformation,
    pub(crate) offers: Vec<ServiceOffer>,
    /// Header data for templates.
    pub(crate) receiver: toml::Table,
    /// Transport and its settings; paths are below the municipality's folder.
    pub(crate) outbound: toml::Table,
    /// Mapping packages by folder name.
    pub(crate) packages: Vec<(String, Files)>,
}

/// A sample application: an intake request's body.
pub(crate) struct Sample {
    /// File name without `.json`: `<municipality>-<service>`.
    pub(crate) name: String,
    /// Whom it is for.
    pub(crate) region: Option<Ars>,
    pub(crate) body: Vec<u8>,
}

#[derive(Deserialize)]
struct DestinationFile {
    destination: RawDestination,
}

#[derive(Deserialize)]
struct RawDestination {
    name: String,
    ars: Ars,
    contact: ContactInformation,
    service: Vec<RawOffer>,
}

#[derive(Deserialize)]
struct RawOffer {
    identifier: ServiceId,
    regions: Vec<Region>,
    schema_uri: String,
    mime_type: String,
}

#[derive(Deserialize)]
struct AgentFile {
    packages: Vec<String>,
    #[serde(default)]
    receiver: toml::Table,
    outbound: toml::Table,
}

/// All municipalities, by name of their folders.
pub(crate) fn municipalities() -> Result<Vec<Municipality>> {
    let mut all = Vec::new();
    for dir in HESSEN.dirs() {
        let slug = dir.path().display().to_string();
        if dir.get_file(dir.path().join("destination.toml")).is_some() {
            all.push(municipality(&slug, dir).with_context(|| format!("deploy/hessen/{slug}"))?);
        }
    }
    Ok(all)
}

fn municipality(slug: &str, dir: &Dir<'_>) -> Result<Municipality> {
    let destination: DestinationFile = toml::from_str(text(dir, "destination.toml")?)?;
    let agent: AgentFile = toml::from_str(text(dir, "agent.toml")?)?;
    let destination = destination.destination;
    let offers = destination.service.into_iter().map(|raw| ServiceOffer {
        identifier: raw.identifier,
        regions: raw.regions,
        submission_schemas: vec![SubmissionSchema {
            schema_uri: raw.schema_uri,
            mime_type: raw.mime_type,
        }],
    });
    let packages = agent.packages.iter().map(|name| {
        let folder = dir.get_dir(dir.path().join("packages").join(name));
        let folder = folder.ok_or_else(|| anyhow!("there is no package {name}"))?;
        Ok((name.clone(), files_of(folder)))
    });
    Ok(Municipality {
        slug: slug.to_owned(),
        name: destination.name,
        ars: destination.ars,
        contact: destination.contact,
        offers: offers.collect(),
        receiver: agent.receiver,
        outbound: agent.outbound,
        packages: packages.collect::<Result<_>>()?,
    })
}

fn text<'d>(dir: &'d Dir<'_>, name: &str) -> Result<&'d str> {
    let file = dir
        .get_file(dir.path().join(name))
        .ok_or_else(|| anyhow!("{name} is missing"))?;
    file.contents_utf8()
        .ok_or_else(|| anyhow!("{name} is not UTF-8"))
}

/// The sample applications, by name.
pub(crate) fn samples() -> Vec<Sample> {
    let json = FIXTURES
        .files()
        .filter(|file| file.path().extension().is_some_and(|end| end == "json"));
    let mut samples: Vec<Sample> = json
        .map(|file| Sample {
            name: file
                .path()
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default(),
            region: region_of(file.contents()),
            body: file.contents().to_vec(),
        })
        .collect();
    samples.sort_by(|one, other| one.name.cmp(&other.name));
    samples
}

fn region_of(body: &[u8]) -> Option<Ars> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    body.get("region")?.as_str()?.parse().ok()
}

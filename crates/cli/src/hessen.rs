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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::registry;
    use crate::talk::{Form, Talk, Tongue};

    const PLACES: [&str; 2] = ["/etc/amtsbote/", "/var/lib/amtsbote/"];

    fn written(slug: &str) -> toml::Table {
        let dir = HESSEN.get_dir(slug).unwrap();
        text(dir, "agent.toml").unwrap().parse().unwrap()
    }

    fn ways(slug: &str) -> Vec<toml::Table> {
        let ways = written(slug).remove("way").unwrap();
        let toml::Value::Array(ways) = ways else {
            panic!("{slug}: `way` is no list")
        };
        ways.into_iter()
            .map(|way| way.try_into().unwrap())
            .collect()
    }

    /// The placeholders for secrets and keys become files below `home`.
    fn at_home(value: &mut toml::Value, home: &std::path::Path) {
        match value {
            toml::Value::String(text) => {
                let Some(inner) = PLACES.iter().find_map(|place| text.strip_prefix(place)) else {
                    return;
                };
                let path = home.join(inner);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                if let Some(content) = material(inner) {
                    std::fs::write(&path, content).unwrap();
                }
                *text = path.display().to_string();
            }
            toml::Value::Array(items) => {
                for item in items {
                    at_home(item, home);
                }
            }
            toml::Value::Table(table) => {
                for (_, item) in table {
                    at_home(item, home);
                }
            }
            toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_) => {}
        }
    }

    fn material(name: &str) -> Option<String> {
        let (certificate, key) = pair();
        let end = std::path::Path::new(name).extension()?.to_str()?;
        match end {
            "pem" => Some(certificate.clone()),
            "key" => Some(key.clone()),
            _ => Some("secret".to_owned()),
        }
    }

    fn pair() -> &'static (String, String) {
        static PAIR: std::sync::OnceLock<(String, String)> = std::sync::OnceLock::new();
        PAIR.get_or_init(|| {
            let made =
                rcgen::generate_simple_self_signed(vec!["agent.example".to_owned()]).unwrap();
            (made.cert.pem(), made.signing_key.serialize_pem())
        })
    }

    #[test]
    fn every_way_of_production_opens() {
        let home = tempfile::tempdir().unwrap();
        let (mut transports, mut back) = (BTreeSet::new(), BTreeSet::new());
        let known = std::sync::Arc::new(registry::Registry::new(&[]));
        for municipality in municipalities().unwrap() {
            let ways = ways(&municipality.slug);
            assert!(!ways.is_empty(), "{}", municipality.slug);
            for mut way in ways {
                let packages = way.remove("packages").unwrap();
                let mut outbound = way.remove("outbound").unwrap();
                if let Some(mut inbound) = way.remove("inbound") {
                    at_home(&mut inbound, home.path());
                    let inbound: amtsbote_settings::Inbound = inbound.try_into().unwrap();
                    let opened = registry::way_in(&inbound, home.path(), &known);
                    assert!(
                        opened.is_ok(),
                        "{} {packages}: {:?}",
                        municipality.slug,
                        opened.err()
                    );
                    back.insert(inbound.transport);
                }
                assert!(way.is_empty(), "{}: {way:?}", municipality.slug);
                at_home(&mut outbound, home.path());
                let outbound = outbound.as_table().unwrap();
                transports.insert(outbound["transport"].as_str().unwrap().to_owned());
                let opened = registry::outbound(outbound, home.path());
                assert!(
                    opened.is_ok(),
                    "{} {packages}: {:?}",
                    municipality.slug,
                    opened.err()
                );
            }
        }
        let transports: Vec<_> = transports.into_iter().collect();
        assert_eq!(transports, ["http", "mail", "sftp", "xta", "xta-box"]);
        let back: Vec<_> = back.into_iter().collect();
        assert_eq!(back, ["http", "http-callback"]);
    }

    #[test]
    fn a_package_goes_one_way_of_production_at_most() {
        for municipality in municipalities().unwrap() {
            let mut left: Vec<&str> = municipality
                .packages
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            for way in ways(&municipality.slug) {
                for package in way["packages"].as_array().unwrap() {
                    let package = package.as_str().unwrap();
                    let place = left.iter().position(|name| *name == package);
                    let place = place.unwrap_or_else(|| {
                        panic!("{}: {package} is unknown or twice", municipality.slug)
                    });
                    left.remove(place);
                }
            }
        }
    }

    #[test]
    fn every_shared_service_is_wired_differently_in_three_municipalities() {
        let services = crate::services::load(None, Talk::new(Tongue::En, Form::Text)).unwrap();
        let mut wired: std::collections::BTreeMap<String, Vec<String>> =
            std::collections::BTreeMap::new();
        for municipality in municipalities().unwrap() {
            for (name, files) in municipality.packages {
                let package = amtsbote_adapter::Package::parse(files)
                    .unwrap_or_else(|_| panic!("{}/{name}", municipality.slug));
                let how = format!("{} {:?}", package.format, package.settings);
                wired
                    .entry(package.schema_uri.clone())
                    .or_default()
                    .push(how);
            }
        }
        for service in services.iter() {
            let uri = service.schema_uri();
            let ways = wired
                .get_mut(uri)
                .unwrap_or_else(|| panic!("{uri}: nowhere"));
            assert!(ways.len() >= 3, "{uri}: {ways:?}");
            ways.sort();
            ways.dedup();
            assert!(ways.len() >= 3, "{uri}: {ways:?}");
        }
    }
}

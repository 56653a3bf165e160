//! All formats and transports: one line each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use amtsbote_adapter::{Format, Outbound};
use amtsbote_adapter_xbau::xoev::SchemaSets;
use amtsbote_transport_folder::FolderOutbound;
use anyhow::{Context, Result, anyhow, bail};

use crate::xsd::{self, Added};

/// The formats this program knows.
pub(crate) struct Registry(BTreeMap<&'static str, Box<dyn Format>>);

impl Registry {
    /// With the official XSD sets that were added.
    pub(crate) fn new(sets: &[Added]) -> Self {
        let formats: Vec<Box<dyn Format>> = vec![
            Box::new(amtsbote_adapter_container::Container),
            Box::new(amtsbote_adapter_table::Table),
            Box::new(amtsbote_adapter_xbau::Format::new(schema_sets(sets))),
        ];
        Self(
            formats
                .into_iter()
                .map(|format| (format.name(), format))
                .collect(),
        )
    }

    /// The format of that name.
    pub(crate) fn format(&self, name: &str) -> Result<&dyn Format> {
        let known = || self.0.keys().copied().collect::<Vec<_>>().join(", ");
        self.0
            .get(name)
            .map(AsRef::as_ref)
            .ok_or_else(|| anyhow!("there is no format {name:?}; known are {}", known()))
    }
}

fn schema_sets(sets: &[Added]) -> SchemaSets {
    let mut schemas = SchemaSets::new();
    for (namespaces, set) in xsd::schemas(sets) {
        for namespace in namespaces {
            schemas = schemas.with(namespace, set.clone());
        }
    }
    schemas
}

/// Opens the way out that `settings` name; relative paths in it are below `base`.
pub(crate) fn outbound(settings: &toml::Table, base: &Path) -> Result<Arc<dyn Outbound>> {
    let mut settings = settings.clone();
    let transport = settings.remove("transport");
    match transport.as_ref().and_then(toml::Value::as_str) {
        Some("folder") => {
            let mut settings: amtsbote_transport_folder::Settings = settings
                .try_into()
                .context("the settings of the transport `folder` are not usable")?;
            settings.path = base.join(&settings.path);
            settings.work_path = settings.work_path.map(|path| base.join(path));
            for folder in std::iter::once(&settings.path).chain(&settings.work_path) {
                crate::folder::make(folder)?;
            }
            Ok(Arc::new(FolderOutbound::open(settings)?))
        }
        Some(other) => bail!("there is no transport {other:?}; known are folder"),
        None => bail!("outbound.transport must name a transport; known are folder"),
    }
}

//! Which databases the settings name, and where their copies lie.

use std::path::{Path, PathBuf};

use amtsbote_settings::{self as settings, Settings};
use amtsbote_store::BlobId;
use amtsbote_store_postgres::Tables;
use amtsbote_store_sql::{Database, FolderBlobs};
use anyhow::{Result, bail};

/// One database: where it lives, and where its copy lies in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) database: Database,
    /// Folder it lives in.
    pub(crate) folder: PathBuf,
    /// Path of its copy below the backup's folder.
    pub(crate) copy: String,
}

/// Tables on a server, and where their copy lies in a backup.
#[derive(Debug, Clone)]
pub(crate) struct ServerPlace {
    pub(crate) tables: Tables,
    pub(crate) database: settings::Database,
    /// Path of its copy below the backup's folder.
    pub(crate) copy: String,
}

/// What is copied, and filled again.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A file of ours.
    File(Place),
    /// Tables on PostgreSQL.
    Server(ServerPlace),
}

impl Source {
    pub(crate) fn copy(&self) -> &str {
        match self {
            Self::File(place) => &place.copy,
            Self::Server(place) => &place.copy,
        }
    }

    /// Whether attachments are named in it.
    pub(crate) fn is_gateway(&self) -> bool {
        match self {
            Self::File(place) => place.database == Database::Gateway,
            Self::Server(place) => place.tables == Tables::Gateway,
        }
    }
}

/// Files and servers, in the order in which they have to be looked at: agents, uplink, gateway. What one of them has done, the ones behind
/// it know.
pub(crate) fn sources(settings: &Settings) -> Result<Vec<Source>> {
    let server = |tables, database: &settings::Database, copy: &str| {
        Source::Server(ServerPlace {
            tables,
            database: database.clone(),
            copy: copy.to_owned(),
        })
    };
    let mut sources = Vec::new();
    if let Some(agents) = settings
        .agent
        .as_ref()
        .and_then(settings::Agent::shared_database)
    {
        sources.push(server(Tables::Agents, agents, "agent/agents.tables"));
    }
    sources.extend(places(settings)?.into_iter().map(Source::File));
    let gateway = settings.gateway.as_ref();
    if let Some(gateway) = gateway.and_then(settings::Gateway::shared_database) {
        sources.push(server(Tables::Uplinks, gateway, "gateway/uplink.tables"));
        sources.push(server(Tables::Gateway, gateway, "gateway/gateway.tables"));
    }
    Ok(sources)
}

/// All files of databases the settings name, in that order.
pub(crate) fn places(settings: &Settings) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    if let Some(agent) = &settings.agent {
        for service in &agent.services {
            let name = &service.name;
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            if name.is_empty() || name.starts_with('.') || !name.bytes().all(is_plain) {
                bail!(
                    "the service {name:?} cannot name a folder of a backup: use letters, digits, - and _ in its name"
                );
            }
            places.push(Place {
                database: Database::Agent,
                folder: agent.data_dir.join(name),
                copy: format!("agent/{name}/agent.db"),
            });
        }
    }
    let gateway = settings.gateway.as_ref();
    // On a server there are no files.
    if let Some(gateway) = gateway.filter(|gateway| !gateway.has_shared_database()) {
        for database in [Database::Uplink, Database::Gateway] {
            places.push(Place {
                database,
                folder: gateway.data_dir.clone(),
                copy: format!("gateway/{}", database.file_name()),
            });
        }
    }
    Ok(places)
}

/// The folder of attachments, if the settings name one.
pub(crate) fn blobs(settings: &Settings) -> Option<PathBuf> {
    let gateway = settings.gateway.as_ref()?;
    Some(gateway.data_dir.join("blobs"))
}

/// Path of an attachment below the backup's folder.
pub(crate) fn blob_copy(id: &str) -> String {
    format!("blobs/{}/{id}", id.get(..2).unwrap_or(id))
}

/// The attachment whose path that is.
pub(crate) fn blob_id(copy: &str) -> Option<BlobId> {
    let id: BlobId = copy.rsplit('/').next()?.parse().ok()?;
    let is_its_place = blob_copy(id.as_str()) == copy;
    // Only names that a folder of attachments has given.
    (is_its_place && FolderBlobs::file(Path::new(""), &id).is_some()).then_some(id)
}

/// Makes the folder of a copy.
pub(crate) fn make_for(path: &Path) -> Result<()> {
    super::files::make(path.parent().unwrap_or(Path::new(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_attachments_name_attachments() {
        let id = "3f".repeat(16);
        for name in [id.clone(), format!("{id}-s")] {
            assert_eq!(blob_id(&blob_copy(&name)).unwrap().as_str(), name);
        }
        for path in [
            "blobs/../../etc/passwd",
            "blobs/3f",
            "gateway/gateway.db",
            &format!("blobs/aa/{id}"),
            &format!("blobs/3f/{}", "3F".repeat(16)),
            &format!("blobs//{id}"),
        ] {
            assert_eq!(blob_id(path), None, "{path}");
        }
    }
}

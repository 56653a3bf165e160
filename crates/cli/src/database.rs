//! Opens the place where the gateway's rows are kept.

use std::sync::Arc;

use amtsbote_model::Secret;
use amtsbote_settings::{self as settings, Database};
use amtsbote_store::{Chain, References, Store};
use amtsbote_store_postgres::{Encryption, OpenError as NotOpened, PostgresStore, Target};
use amtsbote_store_sql::{OpenError, SqliteStore};
use anyhow::{Context, Result};

use crate::folder;
use crate::patience;
use crate::stop::Stop;

/// One store, by all it can do.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) chain: Arc<dyn Chain>,
    pub(crate) references: Arc<dyn References>,
    /// It again, if other gateways may have it open.
    pub(crate) shared: Option<Arc<PostgresStore>>,
}

/// The file or server that the settings name; tables are made and brought forward.
pub(crate) async fn open(gateway: &settings::Gateway) -> Result<Opened> {
    if let Some(database) = gateway.database.as_ref().filter(|d| d.is_shared()) {
        let store = Arc::new(postgres(database).await?);
        return Ok(Opened {
            store: store.clone(),
            chain: store.clone(),
            references: store.clone(),
            shared: Some(store),
        });
    }
    folder::make(&gateway.data_dir)?;
    let store =
        SqliteStore::open(&gateway.data_dir).context("the gateway's database cannot be opened")?;
    let store = Arc::new(store);
    Ok(Opened {
        store: store.clone(),
        chain: store.clone(),
        references: store,
        shared: None,
    })
}

/// The same; a server that is not there is waited for.
pub(crate) async fn open_when_there(gateway: &settings::Gateway, stop: &Stop) -> Result<Opened> {
    if gateway.has_shared_database() {
        let attempt = async || open(gateway).await;
        return patience::until_there(stop, "the gateway's database", attempt).await;
    }
    open(gateway).await
}

/// It beside the processes that use it, for an operator's commands; tables are neither made nor brought forward. `None` if no
/// gateway has ever run over these settings.
pub(crate) async fn open_beside(gateway: &settings::Gateway) -> Result<Option<Opened>> {
    if let Some(database) = gateway.shared_database() {
        return Ok(postgres_beside(database).await?.map(|store| {
            let store = Arc::new(store);
            Opened {
                store: store.clone(),
                chain: store.clone(),
                references: store.clone(),
                shared: Some(store),
            }
        }));
    }
    let store = match SqliteStore::open_as_guest(&gateway.data_dir) {
        Err(OpenError::Absent { .. }) => return Ok(None),
        opened => Arc::new(opened.context("the gateway's database cannot be opened")?),
    };
    Ok(Some(Opened {
        store: store.clone(),
        chain: store.clone(),
        references: store,
        shared: None,
    }))
}

/// The gateways' store on a server.
pub(crate) async fn postgres(database: &Database) -> Result<PostgresStore> {
    let opened = PostgresStore::open(&target(database)?).await;
    opened.context("the gateway's database cannot be opened")
}

/// The same beside gateways that run; `None` if none has ever run there.
pub(crate) async fn postgres_beside(database: &Database) -> Result<Option<PostgresStore>> {
    match PostgresStore::open_as_guest(&target(database)?).await {
        Err(NotOpened::OtherVersion { found: 0, .. }) => Ok(None),
        opened => Ok(Some(
            opened.context("the gateway's database cannot be opened")?,
        )),
    }
}

/// Where the server is, and how to get there; reads the files that the settings name.
pub(crate) fn target(database: &Database) -> Result<Target> {
    let url = database
        .url
        .as_deref()
        .context("the database's url is missing")?;
    let encryption = if database.danger_plain {
        Encryption::DangerPlain
    } else {
        Encryption::Required
    };
    let mut target = Target::parse(url, encryption)?;
    if let Some(file) = &database.password_file {
        target = target.with_password(&Secret::new(folder::read_text(file)?.trim().to_owned()));
    }
    if let Some(file) = &database.ca_file {
        target = target.trusting(folder::read_file(file)?);
    }
    Ok(target)
}

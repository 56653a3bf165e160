//! Destinations: some columns to look for, the rest as JSON.

use amtsbote_model::{
    Callback, ContactInformation, Destination, DestinationId, Secret, ServiceOffer,
};
use deadpool_postgres::ClientWrapper;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::rows::{id, moment, parsed};
use crate::fault::Fault;

/// The columns that [`read`] needs.
pub(crate) const COLUMNS: &str = "destinations.id, destinations.owner, destinations.status, destinations.created_at, destinations.body";

/// What no query looks for. Fields are only ever added, with a default.
#[derive(Serialize, Deserialize)]
pub(crate) struct Body {
    name: String,
    encryption_kid: String,
    metadata_versions: Vec<String>,
    services: Vec<ServiceOffer>,
    contact: ContactInformation,
    #[serde(default)]
    callback: Option<StoredCallback>,
    #[serde(default)]
    reply_channels: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredCallback {
    url: String,
    secret: String,
}

impl Body {
    pub(crate) fn of(destination: &Destination) -> Self {
        let stored = |callback: &Callback| StoredCallback {
            url: callback.url.clone(),
            secret: callback.secret.reveal().to_owned(),
        };
        Self {
            name: destination.name.clone(),
            encryption_kid: destination.encryption_kid.clone(),
            metadata_versions: destination.metadata_versions.clone(),
            services: destination.services.clone(),
            contact: destination.contact.clone(),
            callback: destination.callback.as_ref().map(stored),
            reply_channels: destination.reply_channels.clone(),
        }
    }
}

pub(crate) fn read(row: &Row) -> Result<Destination, Fault> {
    let body: String = row.try_get("body")?;
    let body: Body = serde_json::from_str(&body).map_err(|_| Fault::Malformed)?;
    Ok(Destination {
        id: id(row, "id", DestinationId::from_uuid)?,
        owner: parsed(row, "owner")?,
        name: body.name,
        status: parsed(row, "status")?,
        encryption_kid: body.encryption_kid,
        metadata_versions: body.metadata_versions,
        services: body.services,
        contact: body.contact,
        callback: body.callback.map(|stored| Callback {
            url: stored.url,
            secret: Secret::new(stored.secret),
        }),
        reply_channels: body.reply_channels,
        created_at: moment(row, "created_at")?,
    })
}

pub(crate) async fn find(
    client: &ClientWrapper,
    wanted: DestinationId,
) -> Result<Option<Destination>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM destinations WHERE id = $1");
    let statement = client.prepare_cached(&sql).await?;
    let found = client.query_opt(&statement, &[&wanted.uuid()]).await?;
    found.as_ref().map(read).transpose()
}

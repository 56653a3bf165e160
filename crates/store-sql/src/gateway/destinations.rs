//! Destinations: some columns to look for, the rest as JSON.

use amtsbote_model::{
    Callback, ContactInformation, Destination, DestinationId, Secret, ServiceOffer,
};
use amtsbote_store::{Conflict, KeyRecord};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use serde::{Deserialize, Serialize};

use super::apply::bytes;
use crate::columns::{execute, first, id, malformed, moment, parsed};

/// The columns that [`read`] needs.
pub(super) const COLUMNS: &str = "destinations.id, destinations.owner, destinations.status, destinations.created_at, destinations.body";

/// What no query looks for. Fields are only ever added, with a default.
#[derive(Serialize, Deserialize)]
struct Body {
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
    fn of(destination: &Destination) -> Self {
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

pub(super) fn read(row: &Row<'_>) -> Result<Destination> {
    let body: String = row.get("body")?;
    let body: Body = serde_json::from_str(&body).map_err(|_| malformed())?;
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

pub(super) fn find(database: &Connection, wanted: DestinationId) -> Result<Option<Destination>> {
    let sql = format!("SELECT {COLUMNS} FROM destinations WHERE id = ?1");
    let mut statement = database.prepare_cached(&sql)?;
    let found = statement.query_row([bytes(wanted.uuid())], read);
    found.optional()
}

pub(super) fn put(
    database: &Connection,
    replaces: Option<&Destination>,
    destination: &Destination,
) -> Result<std::result::Result<(), Conflict>> {
    if find(database, destination.id)?.as_ref() != replaces {
        return Ok(Err(Conflict::DestinationMoved));
    }
    let body = serde_json::to_string(&Body::of(destination)).map_err(|_| malformed())?;
    let destination_id = bytes(destination.id.uuid());
    execute(
        database,
        "INSERT INTO destinations (id, owner, status, created_at, body) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET owner = ?2, status = ?3, created_at = ?4, body = ?5",
        params![
            destination_id,
            destination.owner.as_str(),
            destination.status.name(),
            destination.created_at.as_millis(),
            body,
        ],
    )?;
    let sql = "DELETE FROM offers WHERE destination_id = ?1";
    execute(database, sql, [destination_id])?;
    for offer in &destination.services {
        let sql =
            "INSERT INTO offers (service, destination_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        let row = params![offer.identifier.as_str(), destination_id];
        execute(database, sql, row)?;
    }
    Ok(Ok(()))
}

pub(super) fn drop_one(
    database: &Connection,
    dropped: DestinationId,
) -> Result<std::result::Result<(), Conflict>> {
    let dropped = bytes(dropped.uuid());
    let sql = "SELECT 1 FROM submissions WHERE destination_id = ?1 LIMIT 1";
    let used: Option<i64> = first(database, sql, [dropped])?;
    if used.is_some() {
        return Ok(Err(Conflict::InUse));
    }
    for sql in [
        "DELETE FROM keys WHERE destination_id = ?1",
        "DELETE FROM destinations WHERE id = ?1",
    ] {
        execute(database, sql, [dropped])?;
    }
    Ok(Ok(()))
}

pub(super) fn keys(database: &Connection, of: DestinationId) -> Result<Vec<KeyRecord>> {
    let sql = "SELECT kid, jwk, added_at FROM keys WHERE destination_id = ?1
        ORDER BY added_at DESC, number DESC";
    let mut statement = database.prepare_cached(sql)?;
    let rows = statement.query_map([bytes(of.uuid())], |row| {
        Ok(KeyRecord {
            kid: row.get("kid")?,
            jwk: row.get("jwk")?,
            added_at: moment(row, "added_at")?,
        })
    })?;
    rows.collect()
}

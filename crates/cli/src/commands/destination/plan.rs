//! What has to happen so that the service has what the settings want.

use std::collections::BTreeMap;

use amtsbote_client::{DestinationApi, Fault};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::destination::PrivateDestination;
use amtsbote_model::{DestinationId, DestinationStatus};
use anyhow::Result;
use serde_json::{Map, Value, json};

use super::wanted::Wanted;
use crate::talk::Talk;

/// One step, in the order in which steps are taken.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Make the destination with its two keys.
    Create,
    /// Publish a further key: before it is used.
    AddKey { kid: String, jwk: Value },
    /// Change members; `encryptionKid` among them is the key roll-over.
    Change(Vec<FieldChange>),
    /// Activate or deactivate.
    Status {
        from: DestinationStatus,
        to: DestinationStatus,
    },
}

/// A member that changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FieldChange {
    pub(super) member: String,
    pub(super) from: Value,
    pub(super) to: Value,
}

/// The steps for one destination; none if everything is as wanted.
pub(super) struct Plan {
    pub(super) wanted: Wanted,
    /// None: it has to be made.
    pub(super) id: Option<DestinationId>,
    pub(super) actions: Vec<Action>,
}

/// The destination at the service that settings mean.
pub(super) fn found<'d>(
    wanted: &Wanted,
    (own, noted): (&'d [PrivateDestination], &BTreeMap<DestinationId, usize>),
    talk: Talk,
) -> Result<Option<&'d PrivateDestination>> {
    if let Some(id) = wanted.id {
        // A folder that was copied with its id would change the other's destination.
        if noted.get(&id).is_some_and(|folders| *folders > 1) {
            return Err(talk.error(
                format_args!("ein anderer Ordner hat dieselbe `destination-id` {id}; in der Kopie die Datei `destination-id` löschen und eigene Schlüssel machen"),
                format_args!("another folder has the same `destination-id` {id}; in the copy remove the file `destination-id` and make keys of its own"),
            ));
        }
        let found = own.iter().find(|one| one.public.id == id);
        return found.map(Some).ok_or_else(|| {
            talk.error(
                format_args!("der Dienst kennt unseren Zustellpunkt {id} nicht; gehört `destination-id` zu diesem Dienst und Client?"),
                format_args!("the service does not know our destination {id}; does `destination-id` belong to this service and client?"),
            )
        });
    }
    // Made in an earlier run that could not note the id any more; what belongs to another folder is not meant.
    let mut same = own.iter().filter(|one| {
        one.public.name == wanted.description.name
            && one.public.status != DestinationStatus::Decommissioned
            && !noted.contains_key(&one.public.id)
    });
    match (same.next(), same.next()) {
        (found, None) => Ok(found),
        (_, Some(_)) => Err(talk.error(
            "der Dienst hat mehrere Zustellpunkte dieses Namens; die richtige Id in die Datei `destination-id` schreiben",
            "the service has several destinations of this name; write the right id into the file `destination-id`",
        )),
    }
}

/// Compares; reads keys at the service only where a kid is not the one in use.
pub(super) async fn plan(
    wanted: Wanted,
    found: Option<&PrivateDestination>,
    manager: &DestinationApi,
) -> Result<Plan, Fault> {
    let Some(found) = found else {
        let mut actions = vec![Action::Create];
        if wanted.status != DestinationStatus::Created {
            actions.push(Action::Status {
                from: DestinationStatus::Created,
                to: wanted.status,
            });
        }
        return Ok(Plan {
            wanted,
            id: None,
            actions,
        });
    };
    let id = found.public.id;
    let mut actions = Vec::new();
    for key in [&wanted.encryption, &wanted.signature] {
        if manager.key(id, key.kid()).await?.is_none() {
            actions.push(Action::AddKey {
                kid: key.kid().to_owned(),
                jwk: key.to_json(),
            });
        }
    }
    let version = manager.session().service().version();
    let changes = changes(&wanted, found, version);
    if !changes.is_empty() {
        actions.push(Action::Change(changes));
    }
    if found.public.status != wanted.status {
        actions.push(Action::Status {
            from: found.public.status,
            to: wanted.status,
        });
    }
    Ok(Plan {
        wanted,
        id: Some(id),
        actions,
    })
}

fn changes(wanted: &Wanted, found: &PrivateDestination, version: ApiVersion) -> Vec<FieldChange> {
    let description = &wanted.description;
    let services = version.services_member();
    let members = [
        ("name", json!(found.public.name), json!(description.name)),
        (
            "contactInformation",
            json!(found.contact),
            json!(description.contact),
        ),
        (
            services,
            json!(found.public.services),
            json!(description.services),
        ),
        (
            "encryptionKid",
            json!(found.public.encryption_kid),
            json!(description.encryption_kid),
        ),
        (
            "metadataVersions",
            json!(found.public.metadata_versions),
            json!(description.metadata_versions),
        ),
    ];
    members
        .into_iter()
        .filter(|(_, from, to)| sorted(from) != sorted(to))
        .map(|(member, from, to)| FieldChange {
            member: member.to_owned(),
            from,
            to,
        })
        .collect()
}

/// Order in lists and absent or null members make no difference.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(sorted).collect();
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            let kept = names
                .into_iter()
                .filter(|name| !members[*name].is_null())
                .map(|name| (name.clone(), sorted(&members[name])));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

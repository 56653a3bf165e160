//! What changes a destination: create, replace, and a merge patch.

use amtsbote_model::{
    Callback, ClientId, ContactInformation, Destination, DestinationId, DestinationStatus,
    ServiceOffer, Timestamp,
};
use amtsbote_problem::Findings;
use serde_json::{Map, Value, json};

use super::channels;
use super::members::{
    each_once, is_filled, jwk, kid, metadata_versions, reply_channels, services, status,
    usable_contact,
};
use crate::fields::{self, Fields, Node};
use crate::{ApiVersion, submission};

/// What create and replace have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Name for people.
    pub name: Option<String>,
    /// Who is responsible.
    pub contact: ContactInformation,
    /// What it offers.
    pub services: Vec<ServiceOffer>,
    /// The key to seal for.
    pub encryption_kid: String,
    /// Accepted metadata versions.
    pub metadata_versions: Vec<String>,
    /// Where callbacks go.
    pub callback: Option<Callback>,
    /// v1, deprecated.
    pub reply_channels: Option<Value>,
}

impl Description {
    fn read(fields: &Fields<'_>, version: ApiVersion) -> Option<Self> {
        let name = fields.optional("name", Node::string);
        let contact = fields.required("contactInformation", usable_contact);
        let services = services(fields, version);
        if let Some(services) = &services {
            each_once(fields, version, services);
        }
        let encryption_kid = fields.required("encryptionKid", kid);
        let metadata_versions = fields.required("metadataVersions", metadata_versions);
        let callback = fields.optional("callback", submission::callback);
        let reply_channels = fields
            .optional("replyChannels", reply_channels)
            .filter(is_filled);
        Some(Self {
            name,
            contact: contact?,
            services: services?,
            encryption_kid: encryption_kid?,
            metadata_versions: metadata_versions?,
            callback,
            reply_channels,
        })
    }

    fn body(&self, version: ApiVersion) -> Value {
        let callback = self
            .callback
            .as_ref()
            .map(|c| json!({"url": c.url, "secret": c.secret.reveal()}));
        submission::without_nulls(json!({
            "name": self.name,
            "contactInformation": self.contact,
            version.services_member(): self.services,
            "encryptionKid": self.encryption_kid,
            "metadataVersions": self.metadata_versions,
            "callback": callback,
            "replyChannels": self.reply_channels,
        }))
    }
}

/// Body of `POST destinations`. The keys are objects; whether they are keys of the profile is `jose`'s to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateDestination {
    /// Everything but the keys.
    pub description: Description,
    /// A JWK.
    pub encryption_public_key: Value,
    /// A JWK.
    pub signing_public_key: Value,
}

impl CreateDestination {
    /// From a request body. `version` only decides under which name a missing list of services is reported.
    pub fn parse(bytes: &[u8], version: ApiVersion) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let description = Description::read(&fields, version);
            let encryption_public_key = fields.required("encryptionPublicKey", jwk);
            let signing_public_key = fields.required("signingPublicKey", jwk);
            Some(Self {
                description: description?,
                encryption_public_key: encryption_public_key?,
                signing_public_key: signing_public_key?,
            })
        })
    }

    /// As a request body. May hold the callback's secret: send it, never log it.
    pub fn body(&self, version: ApiVersion) -> Value {
        let mut body = self.description.body(version);
        body["encryptionPublicKey"] = self.encryption_public_key.clone();
        body["signingPublicKey"] = self.signing_public_key.clone();
        body
    }

    /// The destination this makes, in state created. Its name falls back to the authority's.
    pub fn into_destination(
        self,
        id: DestinationId,
        owner: ClientId,
        now: Timestamp,
    ) -> Destination {
        let description = self.description;
        let name = description
            .name
            .unwrap_or_else(|| description.contact.legal_name.clone());
        Destination {
            id,
            owner,
            name,
            status: DestinationStatus::Created,
            encryption_kid: description.encryption_kid,
            metadata_versions: description.metadata_versions,
            services: description.services,
            contact: description.contact,
            callback: description.callback,
            reply_channels: description.reply_channels.map(|v| v.to_string()),
            created_at: now,
        }
    }
}

/// Body of `PUT destinations/{destinationId}`: replaces everything but the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateDestination {
    /// The state it shall have; whether it may, [`DestinationStatus::may_become`] tells.
    pub status: DestinationStatus,
    /// The rest.
    pub description: Description,
}

impl UpdateDestination {
    /// From a request body.
    pub fn parse(bytes: &[u8], version: ApiVersion) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            Self::read(node, version, &DestinationStatus::ALL)
        })
    }

    fn read(node: &Node<'_>, version: ApiVersion, allowed: &[DestinationStatus]) -> Option<Self> {
        let fields = node.object()?;
        let status = fields.required("status", |n| status(n, allowed));
        let description = Description::read(&fields, version);
        Some(Self {
            status: status?,
            description: description?,
        })
    }

    /// The destination after the change. A name that is not sent stays.
    #[must_use]
    pub fn apply(self, destination: &Destination) -> Destination {
        let description = self.description;
        Destination {
            id: destination.id,
            owner: destination.owner.clone(),
            name: description.name.unwrap_or_else(|| destination.name.clone()),
            status: self.status,
            encryption_kid: description.encryption_kid,
            metadata_versions: description.metadata_versions,
            services: description.services,
            contact: description.contact,
            callback: description.callback,
            reply_channels: description.reply_channels.map(|v| v.to_string()),
            created_at: destination.created_at,
        }
    }
}

/// `destination` after a merge patch (RFC 7396). Lists and the callback are replaced whole; members that are
/// unknown here are ignored. Whether the new state may follow, [`DestinationStatus::may_become`] tells.
pub fn patch(
    destination: &Destination,
    patch: &[u8],
    version: ApiVersion,
) -> Result<Destination, Findings> {
    let mut patch = fields::json(patch)?;
    // Checked by itself: the merged document would hide a callback without its secret.
    let (callback, names_callback) = fields::walk(&patch, |node| {
        let fields = node.object()?;
        let callback = fields.optional("callback", submission::callback);
        let patchable = &DestinationStatus::ALL[1..];
        fields.optional("status", |n| status(n, patchable));
        let both = fields.has("services") && fields.has("publicServices");
        if both {
            let text = ("steht unter beiden Namen", "stands under both names");
            fields.say("publicServices", "ambiguous", text);
        }
        Some((callback, node.value().get("callback").is_some()))
    })?;
    if let Some(object) = patch.as_object_mut() {
        object.remove("callback");
        if let Some(services) = object.remove(version.other().services_member()) {
            object.insert(version.services_member().to_owned(), services);
        }
    }
    let mut document = editable(destination, version);
    merge(&mut document, patch);
    let update = fields::walk(&document, |node| {
        UpdateDestination::read(node, version, &DestinationStatus::ALL)
    })?;
    let mut changed = update.apply(destination);
    changed.callback = if names_callback {
        callback
    } else {
        destination.callback.clone()
    };
    Ok(changed)
}

fn editable(destination: &Destination, version: ApiVersion) -> Value {
    json!({
        "name": destination.name,
        "status": destination.status,
        "contactInformation": destination.contact,
        version.services_member(): destination.services,
        "encryptionKid": destination.encryption_kid,
        "metadataVersions": destination.metadata_versions,
        "replyChannels": channels(destination),
    })
}

/// RFC 7396 §2. Depth is bounded by the parser of `patch`.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(object) = target.as_object_mut() else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            object.remove(&name);
        } else {
            merge(object.entry(name).or_insert(Value::Null), value);
        }
    }
}

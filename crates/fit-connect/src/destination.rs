//! Destinations (*Zustellpunkte*): read, create, replace, change in part.
//!
//! v1 says `services`, v2 `publicServices`; on input both are taken under either version. There is no public
//! document of the Destination API: `name` and the optional contact members follow what clients send.

use amtsbote_model::{
    ContactInformation, Destination, DestinationId, DestinationStatus, ServiceOffer,
};
use amtsbote_problem::Findings;
use serde_json::{Value, json};

mod change;
mod members;

use crate::fields::{self, Fields, Node};
use crate::{ApiVersion, Page, submission};
use members::{contact, jwk, kid, metadata_versions, services, status, whole_contact};

pub use change::{CreateDestination, Description, UpdateDestination, patch};
pub(crate) use members::schema;

/// A destination as everybody may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicDestination {
    /// Identifier.
    pub id: DestinationId,
    /// Name for people; v2.
    pub name: Option<String>,
    /// Life cycle; only active ones receive.
    pub status: DestinationStatus,
    /// The key to seal for.
    pub encryption_kid: String,
    /// Accepted metadata versions.
    pub metadata_versions: Vec<String>,
    /// What it offers.
    pub services: Vec<ServiceOffer>,
    /// v1, deprecated; kept as sent.
    pub reply_channels: Option<Value>,
}

impl From<&Destination> for PublicDestination {
    fn from(destination: &Destination) -> Self {
        Self {
            id: destination.id,
            name: Some(destination.name.clone()).filter(|name| !name.is_empty()),
            status: destination.status,
            encryption_kid: destination.encryption_kid.clone(),
            metadata_versions: destination.metadata_versions.clone(),
            services: destination.services.clone(),
            reply_channels: channels(destination),
        }
    }
}

fn channels(destination: &Destination) -> Option<Value> {
    serde_json::from_str(destination.reply_channels.as_deref()?).ok()
}

impl PublicDestination {
    /// From an answer of either version.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| Self::read(&node.object()?))
    }

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let id = fields.required("destinationId", Node::id);
        let name = fields.optional("name", Node::string);
        let status = fields.required("status", |n| status(n, &DestinationStatus::ALL));
        let encryption_kid = fields.required("encryptionKid", kid);
        let metadata_versions = fields.required("metadataVersions", metadata_versions);
        let services = services(fields, ApiVersion::V1);
        let reply_channels = fields.optional("replyChannels", jwk);
        Some(Self {
            id: id?,
            name,
            status: status?,
            encryption_kid: encryption_kid?,
            metadata_versions: metadata_versions?,
            services: services?,
            reply_channels,
        })
    }

    /// As an answer.
    pub fn body(&self, version: ApiVersion) -> Value {
        let reply_channels = match version {
            ApiVersion::V1 => json!(self.reply_channels),
            ApiVersion::V2 => Value::Null,
        };
        submission::without_nulls(json!({
            "destinationId": self.id,
            "name": self.name,
            "status": self.status,
            "encryptionKid": self.encryption_kid,
            "metadataVersions": self.metadata_versions,
            version.services_member(): self.services,
            "replyChannels": reply_channels,
        }))
    }
}

/// A destination as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateDestination {
    /// What everybody may see.
    pub public: PublicDestination,
    /// Who is responsible.
    pub contact: ContactInformation,
    /// Where callbacks go; the secret is never shown.
    pub callback_url: Option<String>,
}

impl From<&Destination> for PrivateDestination {
    fn from(destination: &Destination) -> Self {
        Self {
            public: destination.into(),
            contact: destination.contact.clone(),
            callback_url: destination.callback.as_ref().map(|c| c.url.clone()),
        }
    }
}

impl PrivateDestination {
    /// From an answer of either version.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, Self::read)
    }

    fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.object()?;
        let public = PublicDestination::read(&fields);
        let contact = fields.required("contactInformation", contact);
        let callback_url =
            fields.optional("callback", |n| n.object()?.required("url", Node::string));
        Some(Self {
            public: public?,
            contact: contact?,
            callback_url,
        })
    }

    /// As an answer.
    pub fn body(&self, version: ApiVersion) -> Value {
        let mut body = self.public.body(version);
        body["contactInformation"] = match version {
            ApiVersion::V1 => whole_contact(&self.contact),
            ApiVersion::V2 => json!(self.contact),
        };
        if let Some(url) = &self.callback_url {
            body["callback"] = json!({ "url": url });
        }
        body
    }
}

/// The list of a client's own destinations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationList {
    /// Where this page lies.
    pub page: Page,
    /// At most 500.
    pub destinations: Vec<PrivateDestination>,
}

impl DestinationList {
    /// From an answer of either version.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let destinations =
                fields.required("destinations", |n| n.list(PrivateDestination::read))?;
            Some(Self {
                page: Page::read(&fields, destinations.len()),
                destinations,
            })
        })
    }

    /// As an answer.
    pub fn body(&self, version: ApiVersion) -> Value {
        let mut body = json!(self.page);
        let bodies = self.destinations.iter().map(|d| d.body(version));
        body["destinations"] = bodies.collect();
        body
    }
}

#[cfg(test)]
mod tests;

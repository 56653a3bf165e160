//! Destinations (*Zustellpunkte*): read, create, replace, change in part.
//!
//! v1 says `services`, v2 `publicServices`; on input both are taken under either version. There is no public
//! document of the Destination API: `name` and the optional contact members follow what clients send.

use amtsbote_model::{
    Callback, ClientId, ContactInformation, Destination, DestinationId, DestinationStatus,
    ServiceOffer, SubmissionSchema, Timestamp,
};
use amtsbote_problem::Findings;
use serde_json::{Map, Value, json};

use crate::fields::{self, Fields, Form, Node, REGION, SERVICE};
use crate::{ApiVersion, Page, submission};

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

fn status(node: &Node<'_>, allowed: &[DestinationStatus]) -> Option<DestinationStatus> {
    let names: Vec<_> = allowed.iter().map(|status| status.name()).collect();
    node.one_of(&names).map(|place| allowed[place])
}

/// At most 64 characters (Submission API 1.1.3).
fn kid(node: &Node<'_>) -> Option<String> {
    node.matching(
        |text| (1..=64).contains(&text.chars().count()),
        &Form {
            rule: "maxLength",
            text: (
                "muss 1 bis 64 Zeichen haben",
                "must have 1 to 64 characters",
            ),
        },
    )
}

fn jwk(node: &Node<'_>) -> Option<Value> {
    node.object()?;
    Some(node.value().clone())
}

/// Kept as sent. Channels that Submission API 1.1.3 knows have its form; an empty object says what a missing one does.
fn reply_channels(node: &Node<'_>) -> Option<Value> {
    let fields = node.object()?;
    for channel in ["deMail", "elster", "fink"] {
        fields.optional(channel, |n| n.object().map(|_| ()));
    }
    fields.optional("eMail", |n| {
        n.object()?.optional("usePgp", Node::boolean);
        Some(())
    });
    Some(bare(node.value()))
}

fn is_filled(channels: &Value) -> bool {
    channels
        .as_object()
        .is_some_and(|object| !object.is_empty())
}

/// Without members that are null: they say what missing ones do. Depth is bounded by the parser.
fn bare(value: &Value) -> Value {
    match value.as_object() {
        Some(object) => object
            .iter()
            .filter(|(_, member)| !member.is_null())
            .map(|(name, member)| (name.clone(), bare(member)))
            .collect(),
        None => value.clone(),
    }
}

fn metadata_versions(node: &Node<'_>) -> Option<Vec<String>> {
    let versions = node.some_list(|n| {
        n.matching(
            |text| fields::version(text).is_some(),
            &Form {
                rule: "pattern",
                text: (
                    "ist keine Version der Form 2.1.0",
                    "is not a version such as 2.1.0",
                ),
            },
        )
    })?;
    unique(node, &versions);
    Some(versions)
}

fn unique<T: PartialEq>(node: &Node<'_>, items: &[T]) {
    if is_repeating(items) {
        node.say("uniqueItems", REPEATS);
    }
}

const REPEATS: (&str, &str) = ("enthält Wiederholungen", "holds repetitions");

fn is_repeating<T: PartialEq>(items: &[T]) -> bool {
    items
        .iter()
        .enumerate()
        .any(|(place, item)| items[..place].contains(item))
}

/// Under which of its two names the list of services stands, or should.
fn services_name(fields: &Fields<'_>, version: ApiVersion) -> &'static str {
    let (member, other) = (version.services_member(), version.other().services_member());
    if !fields.has(member) && fields.has(other) {
        other
    } else {
        member
    }
}

fn services(fields: &Fields<'_>, version: ApiVersion) -> Option<Vec<ServiceOffer>> {
    fields.required(services_name(fields, version), |n| n.some_list(offer))
}

/// What is handed in names each service, region and schema once, members that are unknown here aside.
fn each_once(fields: &Fields<'_>, version: ApiVersion, services: &[ServiceOffer]) {
    let inside = |offer: &ServiceOffer| {
        is_repeating(&offer.regions) || is_repeating(&offer.submission_schemas)
    };
    if is_repeating(services) || services.iter().any(inside) {
        let name = services_name(fields, version);
        fields.say(name, "uniqueItems", REPEATS);
    }
}

fn offer(node: &Node<'_>) -> Option<ServiceOffer> {
    let fields = node.object()?;
    let identifier = fields.required("identifier", |n| n.parse(&SERVICE));
    let regions = fields.required("regions", |n| {
        let regions = n.some_list(|n| n.parse(&REGION))?;
        Some(regions)
    });
    let submission_schemas = fields.required("submissionSchemas", |n| n.some_list(schema));
    Some(ServiceOffer {
        identifier: identifier?,
        regions: regions?,
        submission_schemas: submission_schemas?,
    })
}

/// Reads `schemaUri` (a URI) and `mimeType` (JSON or XML).
pub(crate) fn schema(node: &Node<'_>) -> Option<SubmissionSchema> {
    let fields = node.object()?;
    let schema_uri = fields.required("schemaUri", Node::uri);
    let names = ["application/json", "application/xml"];
    let mime_type = fields.required("mimeType", |n| n.one_of(&names));
    Some(SubmissionSchema {
        schema_uri: schema_uri?,
        mime_type: names[mime_type?].to_owned(),
    })
}

/// v1 demands `address` and `phone` too, which clients of the live service leave out: only the name is needed.
fn contact(node: &Node<'_>) -> Option<ContactInformation> {
    let fields = node.object()?;
    // Empty says what missing does.
    let text = |name| {
        let text = fields.optional(name, Node::string);
        text.filter(|text| !text.is_empty())
    };
    let (address, phone, email, unit) =
        (text("address"), text("phone"), text("email"), text("unit"));
    let legal_name = fields.required("legalName", Node::string)?;
    Some(ContactInformation {
        legal_name,
        address,
        phone,
        email,
        unit,
    })
}

/// A contact that is handed in.
fn usable_contact(node: &Node<'_>) -> Option<ContactInformation> {
    let contact = contact(node)?;
    if contact
        .email
        .as_deref()
        .is_some_and(|email| !is_email(email))
    {
        let text = ("ist keine E-Mail-Adresse", "is no email address");
        node.object()?.say("email", "format", text);
    }
    Some(contact)
}

fn is_email(text: &str) -> bool {
    let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let (name, host) = text.rsplit_once('@').unwrap_or_default();
    is_plain && !name.is_empty() && !host.is_empty() && text.len() <= 254
}

/// As v1 shows it, whose readers rely on four members.
fn whole_contact(contact: &ContactInformation) -> Value {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    submission::without_nulls(json!({
        "legalName": contact.legal_name,
        "address": text(&contact.address),
        "phone": text(&contact.phone),
        "email": text(&contact.email),
        "unit": contact.unit,
    }))
}

#[cfg(test)]
#[path = "destination_tests.rs"]
mod tests;

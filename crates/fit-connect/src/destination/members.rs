//! Members of a destination: what each may hold, and what is said of those that may not.

use amtsbote_model::{ContactInformation, DestinationStatus, ServiceOffer, SubmissionSchema};
use serde_json::{Value, json};

use crate::fields::{self, Fields, Form, Node, REGION, SERVICE};
use crate::{ApiVersion, submission};

pub(super) fn status(node: &Node<'_>, allowed: &[DestinationStatus]) -> Option<DestinationStatus> {
    let names: Vec<_> = allowed.iter().map(|status| status.name()).collect();
    node.one_of(&names).map(|place| allowed[place])
}

/// At most 64 characters (Submission API 1.1.3).
pub(super) fn kid(node: &Node<'_>) -> Option<String> {
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

pub(super) fn jwk(node: &Node<'_>) -> Option<Value> {
    node.object()?;
    Some(node.value().clone())
}

/// Kept as sent. Channels that Submission API 1.1.3 knows have its form; an empty object says what a missing one does.
pub(super) fn reply_channels(node: &Node<'_>) -> Option<Value> {
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

pub(super) fn is_filled(channels: &Value) -> bool {
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

pub(super) fn metadata_versions(node: &Node<'_>) -> Option<Vec<String>> {
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

pub(super) fn services(fields: &Fields<'_>, version: ApiVersion) -> Option<Vec<ServiceOffer>> {
    fields.required(services_name(fields, version), |n| n.some_list(offer))
}

/// What is handed in names each service, region and schema once, members that are unknown here aside.
pub(super) fn each_once(fields: &Fields<'_>, version: ApiVersion, services: &[ServiceOffer]) {
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
pub(super) fn contact(node: &Node<'_>) -> Option<ContactInformation> {
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
pub(super) fn usable_contact(node: &Node<'_>) -> Option<ContactInformation> {
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
pub(super) fn whole_contact(contact: &ContactInformation) -> Value {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    submission::without_nulls(json!({
        "legalName": contact.legal_name,
        "address": text(&contact.address),
        "phone": text(&contact.phone),
        "email": text(&contact.email),
        "unit": contact.unit,
    }))
}

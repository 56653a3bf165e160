//! Reading metadata of any version.

use std::collections::HashSet;

use amtsbote_model::Personal;

use super::{
    AdditionalReferenceInfo, AttachmentDescription, Author, ContentStructure, DataDescription,
    Metadata, MetadataVersion, Product, Purpose, ReplyChannel, Sha512,
};
use crate::destination;
use crate::fields::{Fields, Form, Node};

const SCHEMA: Form = Form {
    rule: "pattern",
    text: (
        "ist kein Metadatenschema der Version 1 oder 2",
        "is not a metadata schema of version 1 or 2",
    ),
};
const HASH: Form = Form {
    rule: "pattern",
    text: (
        "ist keine SHA-512-Prüfsumme (128 kleine Hexadezimalziffern)",
        "is not a SHA-512 hash (128 lower-case hexadecimal digits)",
    ),
};
const MEDIA_TYPE: Form = Form {
    rule: "pattern",
    text: ("ist kein Medientyp", "is not a media type"),
};

pub(super) fn metadata(node: &Node<'_>) -> Option<Metadata> {
    let fields = node.object()?;
    let schema = if fields.has("$schema") {
        fields.required("$schema", |n| n.parse(&SCHEMA))
    } else {
        Some(MetadataVersion::OLDEST)
    };
    let version = schema.unwrap_or(MetadataVersion::OLDEST);
    let content_structure = fields.required("contentStructure", |n| content(n, version));
    let as_sent = |name| fields.optional(name, |n| Some(Personal::new(n.value().clone())));
    let reply_channel = fields.optional("replyChannel", ReplyChannel::read);
    let additional_reference_info = fields.optional("additionalReferenceInfo", references);
    let author = fields.optional("author", author);
    Some(Metadata {
        schema: schema?,
        content_structure: content_structure?,
        reply_channel,
        additional_reference_info,
        author,
        payment_information: as_sent("paymentInformation"),
        data_sets: as_sent("dataSets"),
        authentication_information: as_sent("authenticationInformation"),
    })
}

fn content(node: &Node<'_>, version: MetadataVersion) -> Option<ContentStructure> {
    let fields = node.object()?;
    let described = if version.major >= 2 {
        fields.required("data", data)
    } else {
        fields.optional("data", data)
    };
    let attachments = fields.required("attachments", |n| {
        let attachments = n.list(attachment)?;
        let mut seen = HashSet::new();
        if !attachments.iter().all(|a| seen.insert(a.attachment_id)) {
            n.say(
                "uniqueItems",
                ("nennt eine Anlage doppelt", "names an attachment twice"),
            );
        }
        Some(attachments)
    });
    Some(ContentStructure {
        data: described,
        attachments: attachments?,
    })
}

fn data(node: &Node<'_>) -> Option<DataDescription> {
    let fields = node.object()?;
    let hash = fields.required("hash", hash);
    let submission_schema = fields.required("submissionSchema", destination::schema);
    Some(DataDescription {
        hash: hash?,
        submission_schema: submission_schema?,
    })
}

fn hash(node: &Node<'_>) -> Option<Sha512> {
    let fields = node.object()?;
    fields.required("type", |n| n.one_of(&["sha512"]));
    fields.required("content", |n| n.parse(&HASH))
}

fn attachment(node: &Node<'_>) -> Option<AttachmentDescription> {
    let fields = node.object()?;
    let attachment_id = fields.required("attachmentId", Node::id);
    let hash = fields.required("hash", hash);
    let purpose = fields.required("purpose", |n| n.one_of(&Purpose::ALL.map(Purpose::name)));
    let mime_type = fields.required("mimeType", |n| n.matching(is_media_type, &MEDIA_TYPE));
    let personal = |name| fields.optional(name, Node::string).map(Personal::new);
    let (filename, description) = (personal("filename"), personal("description"));
    // The schema wants at least one; the official SDK's 4.0.0-rc.1 writes an empty list for an attachment in one piece, and
    // nobody's application may be refused for that.
    let fragments = fields.optional("fragments", |n| {
        let fragments = n.list(Node::id)?;
        let mut seen = HashSet::new();
        if !fragments.iter().all(|id| seen.insert(*id)) {
            n.say(
                "uniqueItems",
                ("nennt einen Teil doppelt", "names a part twice"),
            );
        }
        Some(fragments)
    });
    Some(AttachmentDescription {
        attachment_id: attachment_id?,
        hash: hash?,
        purpose: Purpose::ALL[purpose?],
        mime_type: mime_type?,
        filename,
        description,
        fragments: fragments.unwrap_or_default(),
    })
}

// ^[-\w.]+/[-\w.+]+$
fn is_media_type(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    text.split_once('/').is_some_and(|(kind, subtype)| {
        !kind.is_empty()
            && !subtype.is_empty()
            && kind.bytes().all(word)
            && subtype.bytes().all(|b| word(b) || b == b'+')
    })
}

fn references(node: &Node<'_>) -> Option<AdditionalReferenceInfo> {
    let fields = node.object()?;
    let personal = |name| fields.optional(name, Node::string).map(Personal::new);
    Some(AdditionalReferenceInfo {
        sender_reference: personal("senderReference"),
        application_date: fields.optional("applicationDate", Node::string),
        id_bund_de_application_id: personal("idBundDeApplicationId"),
        agrees_to_digital_notice: fields.optional("zustimmungZumDigitalenBescheid", Node::boolean),
    })
}

fn author(node: &Node<'_>) -> Option<Author> {
    let fields = node.object()?;
    let name = fields.required("name", Node::string);
    let product = fields.required("product", |n| product(&n.object()?));
    Some(Author {
        description: fields.optional("description", Node::string),
        url: fields.optional("url", Node::string),
        name: name?,
        product: product?,
    })
}

fn product(fields: &Fields<'_>) -> Option<Product> {
    let name = fields.required("name", Node::string);
    let version = fields.required("version", Node::string);
    let manufacturer = fields.required("manufacturer", Node::string);
    Some(Product {
        description: fields.optional("description", Node::string),
        name: name?,
        version: version?,
        manufacturer: manufacturer?,
    })
}

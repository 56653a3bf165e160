//! Opens a submission in the order FIT-Connect lays down for subscribers (documentation, "Prüfung von Einreichungen"):
//! event log, submission against log, metadata, data, attachments. The first step that fails refuses it.

use std::collections::BTreeSet;
use std::sync::Arc;

use amtsbote_client::Fault;
use amtsbote_fit_connect::event::{AuthenticationTags, Part, Violation};
use amtsbote_fit_connect::metadata::{DataDescription, Metadata, ReplyChannel};
use amtsbote_fit_connect::submission::Submission;
use amtsbote_jose::{Jwe, KeyUse, NotOpened, PrivateKey, open, sha512_hex};
use amtsbote_model::delivery::{Cause, Verdict};
use amtsbote_model::submission::{Event as LogEvent, State};
use amtsbote_model::{AttachmentId, Personal, ServiceId, Timestamp};
use amtsbote_problem::{Finding, Findings};
use amtsbote_store::DeliveryRow;
use amtsbote_validate::json;
use amtsbote_validate::service::Service;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use crate::Served;
use crate::attachments::{Shelf, Spooled};
use crate::delivery::{Stopped, block_in_place, listed, refused_by_findings, rules};
use crate::verdict::ids_of;
use crate::work::Inner;

/// A submission, opened and found valid, in memory only.
pub(crate) struct Content {
    pub(crate) service: ServiceId,
    pub(crate) schema_uri: String,
    pub(crate) received_at: Timestamp,
    pub(crate) tags: AuthenticationTags,
    pub(crate) data: Personal<Value>,
    pub(crate) data_bytes: Personal<Vec<u8>>,
    pub(crate) sender_reference: Option<Personal<String>>,
    pub(crate) reply_channel: Option<ReplyChannel>,
    /// Its part of the memory that contents may take together; given back with it.
    #[expect(dead_code, reason = "held, and given back when dropped")]
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl Inner {
    pub(crate) async fn open(
        &self,
        row: &DeliveryRow,
        served: &Served,
        shelf: &Shelf,
    ) -> Result<(Content, Spooled), Stopped> {
        let (tags, received_at) = self.read_log(row).await?;
        let submission = self.parts.subscriber.fetch(row.submission_id).await?;
        if submission.reduced.ids != ids_of(row) {
            tracing::error!(submission.id = %row.submission_id, "the service gives other ids of the submission than it listed");
            return Err(Stopped::failed(Cause::ServiceRefused));
        }
        demand_same_attachments(&submission, &tags)?;
        let service = submission.reduced.service.identifier.clone();
        if !served.mappings.has_service(&service) {
            tracing::error!(destination.id = %row.destination_id, service.id = %service,
                "no mapping package for the service {service} at this destination");
            return Err(Stopped::failed(Cause::PackageFaulty));
        }
        let room = self.memory.room_for(sealed_bytes(&submission)).await;
        let metadata = self.open_metadata(&submission, &tags, served).await?;
        let described = described(&metadata)?;
        let data_bytes = self
            .open_data(&submission, &tags, (described, served))
            .await?;
        let data = self.judge(&service, described, &data_bytes, served)?;
        let schema_uri = described.submission_schema.schema_uri.clone();
        let old = served
            .mappings
            .for_delivery(row, &service, &schema_uri)
            .map(|package| package.old_checksums.clone());
        let spooled = self
            .spool(
                row,
                (served, shelf),
                (&metadata, &tags),
                old.unwrap_or_default(),
            )
            .await?;
        let reply_channel = metadata.reply_channel;
        let sender_reference = metadata
            .additional_reference_info
            .and_then(|info| info.sender_reference);
        let content = Content {
            service,
            schema_uri,
            received_at,
            tags,
            data,
            data_bytes,
            sender_reference,
            reply_channel,
            room,
        };
        Ok((content, spooled))
    }

    async fn read_log(
        &self,
        row: &DeliveryRow,
    ) -> Result<(AuthenticationTags, Timestamp), Stopped> {
        let log = self
            .parts
            .subscriber
            .session()
            .verified_log(ids_of(row))
            .await?;
        let log = log.map_err(|findings| unbelievable(&findings))?;
        match log.state() {
            State::Submitted | State::Forwarded => {}
            State::Accepted => return Err(Stopped::Decided(Verdict::Accept)),
            State::Rejected | State::Deleted => return Err(Stopped::Decided(Verdict::Reject)),
            State::Created => return Err(Stopped::failed(Cause::ServiceRefused)),
        }
        let submitted = log
            .events()
            .iter()
            .find(|event| event.event == LogEvent::Submit)
            .map(|event| event.at);
        if let (Some(tags), Some(at)) = (log.tags(), submitted) {
            return Ok((tags.clone(), at));
        }
        let detail = "kein submit-submission mit Authentifizierungs-Tags";
        Err(Stopped::refused(
            Violation::InvalidEventLog,
            Part::Submission,
            detail,
        ))
    }

    async fn open_metadata(
        &self,
        submission: &Submission,
        tags: &AuthenticationTags,
        served: &Served,
    ) -> Result<Metadata, Stopped> {
        let sealed = submission.encrypted_metadata.as_str();
        let bytes = self
            .open_part(sealed, &tags.metadata, (Part::Metadata, served))
            .await?;
        let metadata = block_in_place(|| read_metadata(bytes.reveal()))?;
        let listed: Vec<AttachmentId> = described_attachments(&metadata);
        if !same_ids(&listed, tags) {
            let detail = "Anlagenliste der Metadaten weicht von der Einreichung ab";
            return Err(Stopped::refused(
                Violation::AttachmentsMismatch,
                Part::Metadata,
                detail,
            ));
        }
        Ok(metadata)
    }

    async fn open_data(
        &self,
        submission: &Submission,
        tags: &AuthenticationTags,
        (described, served): (&DataDescription, &Served),
    ) -> Result<Personal<Vec<u8>>, Stopped> {
        let missing = || Stopped::refused(Violation::MissingData, Part::Data, "Fachdaten fehlen");
        let sealed = submission.encrypted_data.as_ref().ok_or_else(missing)?;
        let tag = tags.data.as_deref().ok_or_else(missing)?;
        let bytes = self
            .open_part(sealed.as_str(), tag, (Part::Data, served))
            .await?;
        if sha512_hex(bytes.reveal()) != described.hash.hex() {
            return Err(Stopped::refused(
                Violation::HashMismatch,
                Part::Data,
                "SHA-512 weicht ab",
            ));
        }
        Ok(bytes)
    }

    async fn open_part(
        &self,
        sealed: &str,
        tag: &str,
        (part, served): (Part, &Served),
    ) -> Result<Personal<Vec<u8>>, Stopped> {
        let max = self.parts.policy.content_max_bytes;
        let (sealed, tag, keys) = (sealed.to_owned(), tag.to_owned(), served.decryption.clone());
        let opened =
            tokio::task::spawn_blocking(move || open_whole(&sealed, &tag, &keys, max)).await;
        match opened {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(Unopened::Tag)) => {
                let detail = "Tag weicht vom Ereignisprotokoll ab";
                Err(Stopped::refused(
                    Violation::IncorrectAuthenticationTag,
                    part,
                    detail,
                ))
            }
            Ok(Err(Unopened::Jwe(error))) => Err(Stopped::refused(
                Violation::EncryptionIssue,
                part,
                error.to_string(),
            )),
            Ok(Err(Unopened::UnknownKey(kid))) => Err(self.unknown_key(kid, (part, served)).await),
            Err(_) => Err(Stopped::failed(Cause::Internal)),
        }
    }

    /// A key that the destination publishes and we do not have is our fault: the submission waits for it.
    async fn unknown_key(&self, kid: Option<String>, (part, served): (Part, &Served)) -> Stopped {
        let session = self.parts.subscriber.session();
        let refused = Stopped::refused(
            Violation::EncryptionIssue,
            part,
            NotOpened::UnknownKey.to_string(),
        );
        let Some(kid) = kid else { return refused };
        match session
            .destination_key(served.id, &kid, KeyUse::Encryption)
            .await
        {
            Ok(key) => {
                tracing::error!(destination.id = %served.id,
                    "the destination publishes the key {}, whose private part is not here: add it", key.kid());
                Stopped::failed(Cause::Internal)
            }
            Err(Fault::NotFound | Fault::Malformed { .. } | Fault::Refused { .. }) => refused,
            Err(
                fault @ (Fault::Unavailable { .. } | Fault::Misconfigured(_) | Fault::OwnEnd(_)),
            ) => fault.into(),
        }
    }

    fn judge(
        &self,
        service: &ServiceId,
        described: &DataDescription,
        bytes: &Personal<Vec<u8>>,
        served: &Served,
    ) -> Result<Personal<Value>, Stopped> {
        let unsupported = |detail: &str| {
            Stopped::refused(Violation::UnsupportedDataSchema, Part::Metadata, detail)
        };
        let named = &described.submission_schema;
        if served.mappings.of(service, &named.schema_uri).is_none() {
            let detail = "Fachdatenschema wird von diesem Zustellpunkt nicht angenommen";
            return Err(unsupported(detail));
        }
        let Some(schema) = self.parts.services.by_schema(&named.schema_uri) else {
            // There is a package for it: the sender is right, our settings are not complete.
            tracing::error!(destination.id = %served.id, schema.uri = named.schema_uri,
                "a mapping package takes the schema {}, which is not configured here", named.schema_uri);
            return Err(Stopped::failed(Cause::PackageFaulty));
        };
        if schema.mime_type() != named.mime_type {
            return Err(unsupported("Medientyp passt nicht zum Fachdatenschema"));
        }
        block_in_place(|| checked(schema, bytes.reveal()))
    }
}

fn sealed_bytes(submission: &Submission) -> usize {
    let data = submission.encrypted_data.as_ref();
    submission.encrypted_metadata.as_str().len() + data.map_or(0, |data| data.as_str().len())
}

fn checked(schema: &Service, bytes: &[u8]) -> Result<Personal<Value>, Stopped> {
    let data = json::parse(bytes, json::Limits::default()).map_err(|findings| {
        Stopped::refused(Violation::SyntaxViolation, Part::Data, listed(&findings))
    })?;
    let findings = schema.check(&data);
    if findings.is_empty() {
        Ok(Personal::new(data))
    } else {
        Err(refused_by_findings(&findings))
    }
}

fn described(metadata: &Metadata) -> Result<&DataDescription, Stopped> {
    let missing = "contentStructure.data fehlt";
    metadata
        .content_structure
        .data
        .as_ref()
        .ok_or_else(|| Stopped::refused(Violation::MissingData, Part::Metadata, missing))
}

/// The ids whose ciphertext must be there: fragments instead of the attachment they make up. Whether a fragmented
/// attachment's own id is announced, too, is unconfirmed; it is not expected here.
fn described_attachments(metadata: &Metadata) -> Vec<AttachmentId> {
    let of = |attachment: &amtsbote_fit_connect::metadata::AttachmentDescription| {
        if attachment.fragments.is_empty() {
            vec![attachment.attachment_id]
        } else {
            attachment.fragments.clone()
        }
    };
    metadata
        .content_structure
        .attachments
        .iter()
        .flat_map(of)
        .collect()
}

fn demand_same_attachments(
    submission: &Submission,
    tags: &AuthenticationTags,
) -> Result<(), Stopped> {
    let listed = &submission.reduced.attachments;
    if same_ids(listed, tags) {
        return Ok(());
    }
    let detail = "Anlagen der Einreichung weichen vom Ereignisprotokoll ab";
    Err(Stopped::refused(
        Violation::AttachmentsMismatch,
        Part::Submission,
        detail,
    ))
}

/// Each id once, and the same ones.
fn same_ids(listed: &[AttachmentId], tags: &AuthenticationTags) -> bool {
    let ids: BTreeSet<&AttachmentId> = listed.iter().collect();
    ids.len() == listed.len() && ids.into_iter().eq(tags.attachments.keys())
}

/// A log that does not hold is refused, unless it may be our own settings that are wrong (the expected service) or our
/// knowledge of keys that is old: then the submission waits.
fn unbelievable(findings: &Findings) -> Stopped {
    let rules = rules(findings);
    tracing::warn!("an event log does not hold: {rules}");
    let may_be_ours =
        |finding: &Finding| ["set-key", "set-issuer"].contains(&finding.rule.as_str());
    if findings.iter().any(may_be_ours) {
        return Stopped::failed(Cause::ServiceRefused);
    }
    Stopped::refused(Violation::InvalidEventLog, Part::Submission, rules)
}

fn read_metadata(bytes: &[u8]) -> Result<Metadata, Stopped> {
    // Bounds size, depth and number of values before anything is built.
    json::parse(bytes, json::Limits::default()).map_err(|findings| {
        Stopped::refused(
            Violation::SyntaxViolation,
            Part::Metadata,
            listed(&findings),
        )
    })?;
    Metadata::parse(bytes).map_err(|findings| {
        let violation = if findings.iter().any(|finding| finding.at == "/$schema") {
            Violation::UnsupportedSchema
        } else {
            Violation::SchemaViolation
        };
        Stopped::refused(violation, Part::Metadata, listed(&findings))
    })
}

enum Unopened {
    Tag,
    Jwe(NotOpened),
    /// Sealed for a key of this name, which is not here.
    UnknownKey(Option<String>),
}

fn open_whole(
    sealed: &str,
    tag: &str,
    keys: &[PrivateKey],
    max: u64,
) -> Result<Personal<Vec<u8>>, Unopened> {
    let jwe = Jwe::parse(sealed, sealed.len() as u64)
        .map_err(|error| Unopened::Jwe(NotOpened::Malformed(error)))?;
    if jwe.tag().as_str() != tag {
        return Err(Unopened::Tag);
    }
    match open(&jwe, keys, max) {
        Ok(bytes) => Ok(Personal::new(bytes.to_vec())),
        Err(NotOpened::UnknownKey) => {
            Err(Unopened::UnknownKey(jwe.header().kid().map(str::to_owned)))
        }
        Err(
            error @ (NotOpened::Malformed(_)
            | NotOpened::Refused
            | NotOpened::TooLarge
            | NotOpened::Inflate),
        ) => Err(Unopened::Jwe(error)),
    }
}

/// Keys shared with the readers of the spool.
pub(crate) fn shared_keys(served: &Served) -> Arc<[PrivateKey]> {
    served.decryption.clone().into()
}

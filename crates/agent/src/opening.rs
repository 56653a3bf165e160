//! Opens a submission in the order FIT-Connect lays down for subscribers (documentation, "Prüfung von Einreichungen"):
//! event log, submission against log, metadata, data, attachments. The first step that fails refuses it.

use std::sync::Arc;

use amtsbote_fit_connect::event::{AuthenticationTags, Part, Violation};
use amtsbote_fit_connect::metadata::{DataDescription, Metadata};
use amtsbote_fit_connect::submission::Submission;
use amtsbote_jose::{Jwe, NotOpened, PrivateKey, open, sha512_hex};
use amtsbote_model::delivery::{Cause, Verdict};
use amtsbote_model::submission::{Event as LogEvent, State};
use amtsbote_model::{AttachmentId, Personal, ServiceId, Timestamp};
use amtsbote_store::DeliveryRow;
use amtsbote_validate::json;
use serde_json::Value;

use crate::Served;
use crate::attachments::Spooled;
use crate::delivery::{Stopped, refused_by_findings};
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
}

impl Inner {
    pub(crate) async fn open(
        &self,
        row: &DeliveryRow,
        served: &Served,
    ) -> Result<(Content, Spooled), Stopped> {
        let (tags, received_at) = self.read_log(row).await?;
        let submission = self.parts.subscriber.fetch(row.submission_id).await?;
        demand_same_attachments(&submission, &tags)?;
        let service = submission.reduced.service.identifier.clone();
        if !served
            .mappings
            .iter()
            .any(|activated| activated.service == service)
        {
            tracing::error!(destination.id = %row.destination_id, service.id = %service,
                "no mapping package for the service {service} at this destination");
            return Err(Stopped::failed(Cause::PackageFaulty));
        }
        let metadata = self.open_metadata(&submission, &tags, served).await?;
        let described = described(&metadata)?;
        let data_bytes = self
            .open_data(&submission, &tags, (described, served))
            .await?;
        let data = self.judge(&service, described, &data_bytes, served)?;
        let spooled = self.spool(row, served, (&metadata, &tags)).await?;
        let schema_uri = described.submission_schema.schema_uri.clone();
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
        let log = log.map_err(|findings| {
            let rules: Vec<&str> = findings
                .iter()
                .map(|finding| finding.rule.as_str())
                .collect();
            Stopped::refused(
                Violation::InvalidEventLog,
                Part::Submission,
                rules.join(", "),
            )
        })?;
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
        match (log.tags(), submitted) {
            (Some(tags), Some(at)) => Ok((tags.clone(), at)),
            _ => {
                let detail = "kein submit-submission mit Authentifizierungs-Tags";
                Err(Stopped::refused(
                    Violation::InvalidEventLog,
                    Part::Submission,
                    detail,
                ))
            }
        }
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
        let value: Value = serde_json::from_slice(bytes.reveal()).map_err(|_| {
            Stopped::refused(Violation::SyntaxViolation, Part::Metadata, "kein JSON")
        })?;
        drop(value);
        let metadata = Metadata::parse(bytes.reveal()).map_err(|findings| {
            let places: Vec<String> = findings
                .iter()
                .map(|f| format!("{} [{}]", f.at, f.rule))
                .collect();
            Stopped::refused(
                Violation::SchemaViolation,
                Part::Metadata,
                places.join("; "),
            )
        })?;
        let listed: Vec<AttachmentId> = described_attachments(&metadata);
        let known = listed.iter().all(|id| tags.attachments.contains_key(id));
        if !known || listed.len() != tags.attachments.len() {
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
            Err(_) => Err(Stopped::failed(Cause::Internal)),
        }
    }

    fn judge(
        &self,
        service: &ServiceId,
        described: &DataDescription,
        bytes: &Personal<Vec<u8>>,
        served: &Served,
    ) -> Result<Personal<Value>, Stopped> {
        let uri = &described.submission_schema.schema_uri;
        let taken = served
            .mappings
            .iter()
            .any(|a| a.service == *service && a.schema_uri == *uri);
        let schema = self
            .parts
            .services
            .by_schema(uri)
            .filter(|_| taken)
            .ok_or_else(|| {
                let detail = "Fachdatenschema wird von diesem Zustellpunkt nicht angenommen";
                Stopped::refused(Violation::UnsupportedDataSchema, Part::Metadata, detail)
            })?;
        let limits = json::Limits::default();
        let data = json::parse(bytes.reveal(), limits).map_err(|findings| {
            let rules: Vec<&str> = findings
                .iter()
                .map(|finding| finding.rule.as_str())
                .collect();
            Stopped::refused(Violation::SyntaxViolation, Part::Data, rules.join(", "))
        })?;
        let findings = schema.check(&data);
        if findings.is_empty() {
            Ok(Personal::new(data))
        } else {
            Err(refused_by_findings(&findings))
        }
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
    let same = listed.len() == tags.attachments.len()
        && listed.iter().all(|id| tags.attachments.contains_key(id));
    if same {
        return Ok(());
    }
    let detail = "Anlagen der Einreichung weichen vom Ereignisprotokoll ab";
    Err(Stopped::refused(
        Violation::AttachmentsMismatch,
        Part::Submission,
        detail,
    ))
}

enum Unopened {
    Tag,
    Jwe(NotOpened),
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
    open(&jwe, keys, max)
        .map(|bytes| Personal::new(bytes.to_vec()))
        .map_err(Unopened::Jwe)
}

/// Keys shared with the readers of the spool.
pub(crate) fn shared_keys(served: &Served) -> Arc<[PrivateKey]> {
    served.decryption.clone().into()
}

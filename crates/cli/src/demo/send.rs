//! Sends the samples: all by plain REST, and one for each municipality by FIT-Connect, sealed by the sender.

use std::sync::Arc;

use amtsbote_client::{Credentials, Intake, Sender, Service, Session};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::intake::IntakeRequest;
use amtsbote_fit_connect::metadata::{
    AttachmentDescription, ContentStructure, DataDescription, Metadata, Sha512,
};
use amtsbote_fit_connect::submission::{
    CreateSubmission, Service as PublicService, SubmitSubmission,
};
use amtsbote_jose::{PublicKey, seal, sha512_hex};
use amtsbote_model::{
    AttachmentId, CaseId, DestinationId, Personal, Secret, ServiceId, SubmissionId,
    SubmissionSchema,
};
use anyhow::{Context, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::stage::{Actor, SENDER, Stage};
use crate::access;
use crate::clock::SystemClock;
use crate::hessen::{self, Sample};
use crate::talk::Talk;

/// How a sample was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Plain JSON to the intake.
    Rest,
    /// Sealed by the sender.
    FitConnect(ApiVersion),
}

/// A sample that the gateway has accepted.
pub(crate) struct Sent {
    pub(crate) name: String,
    pub(crate) municipality: String,
    pub(crate) way: Way,
    pub(crate) submission_id: SubmissionId,
    pub(crate) case_id: CaseId,
    pub(crate) destination_id: DestinationId,
    /// The signed receipt of the intake; FIT-Connect's is the event log.
    pub(crate) receipt: Option<String>,
}

/// Sends everything; the first refusal ends the demonstration with its findings.
pub(crate) async fn all(stage: &Stage, talk: Talk) -> Result<Vec<Sent>> {
    let samples = hessen::samples();
    let intake = Intake::new(session(stage, ApiVersion::V2, Door::Intake)?);
    let mut sent = Vec::new();
    for sample in &samples {
        let actor = actor_of(stage, sample)?;
        talk.progress(&format!(
            "{} {}",
            talk.pick("sende", "sending"),
            sample.name
        ));
        let body = Personal::new(sample.body.clone());
        let key = uuid::Uuid::new_v4().to_string();
        let receipt = intake
            .submit(&body, &key)
            .await
            .map_err(|fault| access::explain(fault, talk))?;
        sent.push(Sent {
            name: sample.name.clone(),
            municipality: actor.municipality.name.clone(),
            way: Way::Rest,
            submission_id: receipt.ids.submission_id,
            case_id: receipt.ids.case_id,
            destination_id: receipt.ids.destination_id,
            receipt: receipt
                .answer
                .get("receipt")
                .and_then(|token| token.as_str())
                .map(str::to_owned),
        });
    }
    for (place, actor) in stage.actors.iter().enumerate() {
        let version = ApiVersion::ALL[place % 2];
        let own = samples.iter().find(|sample| is_for(sample, actor));
        let sample = own.ok_or_else(|| anyhow!("no sample for {}", actor.municipality.name))?;
        talk.progress(&format!(
            "{} {} (FIT-Connect {version})",
            talk.pick("sende", "sending"),
            sample.name
        ));
        sent.push(by_fit_connect(stage, actor, (sample, version)).await?);
    }
    talk.progress_done();
    Ok(sent)
}

fn actor_of<'s>(stage: &'s Stage, sample: &Sample) -> Result<&'s Actor> {
    let actor = stage.actors.iter().find(|actor| is_for(sample, actor));
    actor.ok_or_else(|| anyhow!("no municipality for the sample {}", sample.name))
}

fn is_for(sample: &Sample, actor: &Actor) -> bool {
    sample.region.as_ref() == Some(&actor.municipality.ars)
}

#[derive(Clone, Copy)]
enum Door {
    Intake,
    SubmissionApi,
}

fn session(stage: &Stage, version: ApiVersion, door: Door) -> Result<Session> {
    let addresses = stage.gateway.addresses();
    let base = match door {
        Door::Intake => addresses.base.clone(),
        Door::SubmissionApi => addresses.submission_api(),
    };
    let service = Service::new(base.parse()?, addresses.token().parse()?, version)?;
    let credentials = Credentials {
        client_id: SENDER.parse()?,
        client_secret: Secret::new(stage.sender_secret.clone()),
    };
    Ok(Session::new(
        access::outgoing(&base, None)?,
        service,
        credentials,
        Arc::new(SystemClock),
    ))
}

/// A session that reads event logs as the sender.
pub(crate) fn reader(stage: &Stage) -> Result<Session> {
    session(stage, ApiVersion::V2, Door::SubmissionApi)
}

// What a FIT-Connect SDK does: read the destination, take its key, seal, announce, upload, submit.
async fn by_fit_connect(
    stage: &Stage,
    actor: &Actor,
    (sample, version): (&Sample, ApiVersion),
) -> Result<Sent> {
    let request = IntakeRequest::parse(&sample.body)
        .map_err(|_| anyhow!("the sample {} is broken", sample.name))?;
    let session = session(stage, version, Door::SubmissionApi)?;
    let sender = Sender::new(session.clone());
    let destination = session.destination(actor.destination_id).await?;
    let key = session
        .sealing_key(actor.destination_id, &destination.encryption_kid)
        .await?;
    let service = service_of(&sample.body)?;
    let attachments = decoded(&request)?;
    let ids = sender
        .announce(&CreateSubmission {
            destination_id: actor.destination_id,
            announced_attachments: attachments.iter().map(|(id, _)| *id).collect(),
            service: PublicService {
                identifier: service.clone(),
                name: Some("Demonstration".to_owned()),
                description: None,
            },
            region: None,
            case_id: None,
            callback: None,
        })
        .await?;
    for (id, bytes) in &attachments {
        let sealed = Bytes::from(seal(bytes.reveal(), &key, "application/pdf")?);
        let length = sealed.len() as u64;
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(sealed)]);
        sender
            .upload(ids.submission_id, *id, stream, Some(length))
            .await?;
    }
    let submit = sealed(&request, (actor, &service), &attachments, &key)?;
    sender.submit(ids.submission_id, &submit).await?;
    Ok(Sent {
        name: sample.name.clone(),
        municipality: actor.municipality.name.clone(),
        way: Way::FitConnect(version),
        submission_id: ids.submission_id,
        case_id: ids.case_id,
        destination_id: ids.destination_id,
        receipt: None,
    })
}

fn service_of(body: &[u8]) -> Result<ServiceId> {
    let body: serde_json::Value = serde_json::from_slice(body)?;
    let text = body
        .get("service")
        .and_then(|service| service.as_str())
        .context("the sample names no service")?;
    Ok(text.parse()?)
}

type Plain = Vec<(AttachmentId, Personal<Vec<u8>>)>;

fn decoded(request: &IntakeRequest) -> Result<Plain> {
    let decode = |attachment: &amtsbote_fit_connect::intake::InlineAttachment| {
        let bytes = STANDARD
            .decode(attachment.content.reveal())
            .context("an attachment is not base64")?;
        Ok((
            AttachmentId::from_uuid(uuid::Uuid::new_v4()),
            Personal::new(bytes),
        ))
    };
    request.attachments.iter().map(decode).collect()
}

fn hash(bytes: &[u8]) -> Result<Sha512> {
    sha512_hex(bytes)
        .parse()
        .map_err(|_| anyhow!("a hash is not a hash"))
}

fn sealed(
    request: &IntakeRequest,
    (actor, service): (&Actor, &ServiceId),
    attachments: &Plain,
    key: &PublicKey,
) -> Result<SubmitSubmission> {
    let offer = actor
        .municipality
        .offers
        .iter()
        .find(|offer| offer.identifier == *service);
    let schema: SubmissionSchema = offer
        .and_then(|offer| offer.submission_schemas.first())
        .context("the service is not offered")?
        .clone();
    let describe = |((id, bytes), inline): (
        &(AttachmentId, Personal<Vec<u8>>),
        &amtsbote_fit_connect::intake::InlineAttachment,
    )| {
        Ok(AttachmentDescription {
            attachment_id: *id,
            hash: hash(bytes.reveal())?,
            purpose: inline.purpose,
            mime_type: inline.mime_type.clone(),
            filename: Some(inline.filename.clone()),
            description: inline.description.clone(),
            fragments: Vec::new(),
        })
    };
    let data = request.data.reveal().as_bytes();
    let metadata = Metadata::new(ContentStructure {
        data: Some(DataDescription {
            hash: hash(data)?,
            submission_schema: schema,
        }),
        attachments: attachments
            .iter()
            .zip(&request.attachments)
            .map(describe)
            .collect::<Result<_>>()?,
    });
    let compact = |bytes: &[u8]| -> Result<_> {
        seal(bytes, key, "application/json")?
            .parse()
            .map_err(|_| anyhow!("a JWE is not a JWE"))
    };
    Ok(SubmitSubmission {
        encrypted_metadata: compact(metadata.to_bytes().reveal())?,
        encrypted_data: Some(compact(data)?),
    })
}

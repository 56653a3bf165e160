//! How tests speak to a gateway: plain HTTP by reqwest, FIT-Connect by our own client.

use std::sync::Arc;

use amtsbote_client::{Credentials, Sender, Service, Session};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::metadata::{
    AttachmentDescription, ContentStructure, DataDescription, Metadata, Purpose,
};
use amtsbote_fit_connect::submission::{self, CreateSubmission, SubmissionRef, SubmitSubmission};
use amtsbote_jose::{KeyUse, PublicKey, X5c, seal, sha512_hex};
use amtsbote_model::{AttachmentId, Clock, Personal, Secret, SubmissionSchema, Timestamp};
use amtsbote_outgoing::{Outgoing, PlainHttp, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stand::{Facts, root};

/// The service the tests submit for.
pub(crate) const SERVICE: &str = "urn:de:fim:leika:leistung:99012008001000";
pub(crate) const SCHEMA: &str = "https://schema.amtsbote.example/bauantrag/1.0.0/schema.json";

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }
}

/// A session of `who`: `sender` or `subscriber`.
pub(crate) fn session(facts: &Facts, who: &str, version: ApiVersion) -> Session {
    let service = Service::new(
        facts.text("/submissionApiUrl").parse().unwrap(),
        facts.text("/tokenUrl").parse().unwrap(),
        version,
    )
    .unwrap();
    let credentials = Credentials {
        client_id: facts.text(&format!("/{who}/clientId")).parse().unwrap(),
        client_secret: Secret::new(facts.text(&format!("/{who}/clientSecret")).to_owned()),
    };
    let mut settings = Settings::trusted("amtsbote-tests/1");
    settings.plain_http = PlainHttp::DangerAllowed;
    settings.extra_roots_pem = facts.0["caFile"]
        .as_str()
        .map(|file| std::fs::read(file).unwrap());
    Session::new(
        Outgoing::open(settings).unwrap(),
        service,
        credentials,
        Arc::new(WallClock),
    )
}

/// A token by plain HTTP.
pub(crate) async fn token(
    http: &reqwest::Client,
    facts: &Facts,
    who: &str,
) -> reqwest::Result<String> {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", facts.text(&format!("/{who}/clientId"))),
        ("client_secret", facts.text(&format!("/{who}/clientSecret"))),
    ];
    let answer = http
        .post(facts.text("/tokenUrl"))
        .form(&form)
        .send()
        .await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    Ok(answer["access_token"].as_str().unwrap().to_owned())
}

/// An application that holds `marker` in its data, with attachments.
pub(crate) struct Application {
    pub(crate) marker: String,
    pub(crate) data: Value,
    pub(crate) attachments: Vec<Vec<u8>>,
}

impl Application {
    pub(crate) fn new(marker: &str, attachments: Vec<Vec<u8>>) -> Self {
        let path = root().join("schemas/bauantrag/examples/minimal.json");
        let mut data: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        data["referenzAntragsservice"] = json!(Uuid::new_v4().to_string());
        data["antragsteller"][0]["familienname"] = json!(marker);
        let named = (0..attachments.len()).map(|at| {
            json!({ "dateiname": filename(at), "bezeichnung": "Lageplan", "anlageart": "1803",
                    "datum": "2026-02-16", "versionsnummer": 1 })
        });
        data["anlagen"] = named.collect();
        Self {
            marker: marker.to_owned(),
            data,
            attachments,
        }
    }

    /// The body of an intake request.
    pub(crate) fn intake(&self, facts: &Facts) -> Vec<u8> {
        let attachments = self.attachments.iter().enumerate().map(|(at, content)| {
            json!({ "filename": filename(at), "mimeType": "application/pdf", "purpose": "attachment",
                    "content": STANDARD.encode(content) })
        });
        let body = json!({ "service": SERVICE, "region": facts.text("/region"), "data": self.data,
                           "attachments": attachments.collect::<Vec<_>>() });
        body.to_string().into_bytes()
    }
}

fn filename(at: usize) -> String {
    format!("lageplan-{at}.pdf")
}

/// The destination's public encryption key.
pub(crate) fn encryption_key(facts: &Facts) -> PublicKey {
    let text = std::fs::read_to_string(facts.text("/keys/encryptionPublic")).unwrap();
    PublicKey::parse(&text, KeyUse::Encryption, X5c::Optional).unwrap()
}

/// An application, sealed by its sender.
pub(crate) struct SealedApplication {
    pub(crate) ids: Vec<AttachmentId>,
    pub(crate) attachments: Vec<String>,
    pub(crate) content: SubmitSubmission,
}

/// What describes one attachment in the metadata.
pub(crate) fn description(id: AttachmentId, at: usize, sha512: &str) -> AttachmentDescription {
    AttachmentDescription {
        attachment_id: id,
        hash: sha512.parse().unwrap(),
        purpose: Purpose::Attachment,
        mime_type: "application/pdf".to_owned(),
        filename: Some(Personal::new(filename(at))),
        description: None,
        fragments: Vec::new(),
    }
}

/// Seals data and metadata.
pub(crate) fn seal_content(
    data: &Value,
    attachments: Vec<AttachmentDescription>,
    key: &PublicKey,
) -> SubmitSubmission {
    let data = data.to_string();
    let schema = SubmissionSchema {
        schema_uri: SCHEMA.to_owned(),
        mime_type: "application/json".to_owned(),
    };
    let described = DataDescription {
        hash: sha512_hex(data.as_bytes()).parse().unwrap(),
        submission_schema: schema,
    };
    let metadata = Metadata::new(ContentStructure {
        data: Some(described),
        attachments,
    })
    .to_bytes();
    let jwe = |plain: &[u8]| {
        seal(plain, key, "application/json")
            .unwrap()
            .parse()
            .unwrap()
    };
    SubmitSubmission {
        encrypted_metadata: jwe(metadata.reveal()),
        encrypted_data: Some(jwe(data.as_bytes())),
    }
}

impl SealedApplication {
    pub(crate) fn of(application: &Application, key: &PublicKey) -> Self {
        let ids: Vec<_> = application
            .attachments
            .iter()
            .map(|_| AttachmentId::from_uuid(Uuid::new_v4()))
            .collect();
        let described = ids.iter().zip(&application.attachments).enumerate();
        let described = described.map(|(at, (id, bytes))| description(*id, at, &sha512_hex(bytes)));
        let content = seal_content(&application.data, described.collect(), key);
        let seal_one = |bytes: &Vec<u8>| seal(bytes, key, "application/pdf").unwrap();
        Self {
            attachments: application.attachments.iter().map(seal_one).collect(),
            ids,
            content,
        }
    }
}

/// The announcement of a submission with these attachments.
pub(crate) fn announcement(facts: &Facts, attachments: Vec<AttachmentId>) -> CreateSubmission {
    CreateSubmission {
        destination_id: facts.text("/destinationId").parse().unwrap(),
        announced_attachments: attachments,
        service: submission::Service {
            identifier: SERVICE.parse().unwrap(),
            name: Some("Bauantrag".to_owned()),
            description: None,
        },
        region: None,
        case_id: None,
        callback: None,
    }
}

/// Announces, uploads and submits, each once.
pub(crate) async fn submit(
    sender: &Sender,
    facts: &Facts,
    sealed: &SealedApplication,
) -> Result<SubmissionRef, amtsbote_client::Fault> {
    let ids = sender
        .announce(&announcement(facts, sealed.ids.clone()))
        .await?;
    finish(sender, ids, sealed).await?;
    Ok(ids)
}

/// Uploads and submits what was announced; may be repeated.
pub(crate) async fn finish(
    sender: &Sender,
    ids: SubmissionRef,
    sealed: &SealedApplication,
) -> Result<(), amtsbote_client::Fault> {
    for (id, jwe) in sealed.ids.iter().zip(&sealed.attachments) {
        let length = jwe.len() as u64;
        let piece = futures_util::stream::iter([Ok(bytes::Bytes::from(jwe.clone()))]);
        sender
            .upload(ids.submission_id, *id, piece, Some(length))
            .await?;
    }
    sender
        .submit(ids.submission_id, &sealed.content)
        .await
        .map(|_| ())
}

//! The gateway in a box, its peers, and the words tests are written in.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use amtsbote_agent::{Activated, Agent, Observer, Outcome, Pace, Parts, Policy, Served};
use amtsbote_client::{Credentials, Sender, Service, Session, Subscriber};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::event::{Claims, EventProblem, Payload, SchemaRule};
use amtsbote_fit_connect::metadata::{
    AttachmentDescription, ContentStructure, DataDescription, Metadata, Purpose,
};
use amtsbote_fit_connect::submission::{
    CreateSubmission, Service as Offered, SubmissionRef, SubmitSubmission,
};
use amtsbote_fit_connect::token::Scope;
use amtsbote_gateway::{
    Addresses, Client, Clients, Context, CryptoPool, Identity, Limits, Right, Server,
    ServerSettings, router,
};
use amtsbote_jose::{
    Jws, KeySet, KeyUse, PrivateKey, SelfSigned, TokenKey, X5c, seal, sha256_hex, sha512_hex,
};
use amtsbote_model::delivery::{Delivery, RetryPolicy};
use amtsbote_model::{
    AttachmentId, Clock, ContactInformation, Destination, DestinationId, DestinationStatus,
    ParcelId, Personal, Secret, ServiceOffer, SubmissionSchema, Timestamp,
};
use amtsbote_outgoing::{Outgoing, PlainHttp, Settings};
use amtsbote_store::{
    Batch, Blobs, Change, Committed, Deliveries, KeyRecord, Ledger, LogOf, MemoryBlobs,
    MemoryDeliveries, MemoryStore, Page,
};
use amtsbote_validate::service::{Catalogue, Service as Schema};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::procedure::{AsItIs, Procedure};

/// 2026-11-23 08:00 UTC
const NOON_S: i64 = 1_795_420_800;
pub(crate) const SERVICE: &str = "urn:de:fim:leika:leistung:99102013002000";
pub(crate) const SCHEMA: &str = "https://schema.example.de/zahl/1.0.0.json";
const SECRET: &str = "a-secret-for-tests-that-is-long-enough";

/// Keys are dear: made once per run.
static SERVICE_KEY: LazyLock<PrivateKey> = LazyLock::new(|| key(KeyUse::Signature, "service-key"));
pub(crate) static ENCRYPTION_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| key(KeyUse::Encryption, "destination-wrap"));
pub(crate) static SIGNING_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| key(KeyUse::Signature, "destination-sign"));
/// Bears the name of the destination's key and is another one.
pub(crate) static FOREIGN_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| key(KeyUse::Encryption, "destination-wrap"));
/// Published nowhere.
pub(crate) static UNPUBLISHED_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| key(KeyUse::Signature, "unpublished"));

fn key(key_use: KeyUse, kid: &str) -> PrivateKey {
    let wish = SelfSigned {
        common_name: "Test",
        not_before_s: NOON_S - 1000,
        not_after_s: NOON_S + 1_000_000_000,
    };
    PrivateKey::generate_self_signed(key_use, kid, &wish).unwrap()
}

/// A clock turned by hand.
pub(crate) struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn catalogue() -> Arc<Catalogue> {
    let manifest = format!(
        r#"
name = "zahl"
service = "{SERVICE}"
label = {{ de = "Zahl", en = "Number" }}
version = "1.0.0"
schema_uri = "{SCHEMA}"
mime_type = "application/json"
[attachments]
max_count = 20
max_total_bytes = 50000000
purposes = ["attachment"]
mime_types = ["application/pdf"]
"#
    );
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "type": "object",
        "title": "Zahl",
        "required": ["name", "zahl"],
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "title": "Name", "minLength": 1, "maxLength": 80 },
            "zahl": { "type": "integer", "title": "Zahl", "minimum": 1 },
        },
    });
    let files = BTreeMap::from([
        ("service.toml".to_owned(), manifest.into_bytes()),
        ("schema.json".to_owned(), schema.to_string().into_bytes()),
    ]);
    Arc::new(Catalogue::new(vec![Schema::load(files).unwrap()]).unwrap())
}

/// A gateway that listens, with one destination; the agent's stores, the procedure behind it.
pub(crate) struct Bench {
    pub(crate) ledger: Arc<MemoryStore>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) destination: DestinationId,
    pub(crate) version: ApiVersion,
    pub(crate) deliveries: Arc<MemoryDeliveries>,
    pub(crate) spool: Arc<MemoryBlobs>,
    pub(crate) procedure: Arc<Procedure>,
    pub(crate) outcomes: Arc<Mutex<Vec<Outcome>>>,
    base: String,
    context: Context,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::of(ApiVersion::V2).await
    }

    pub(crate) async fn of(version: ApiVersion) -> Self {
        Self::with_blobs(version, Arc::new(MemoryBlobs::new())).await
    }

    pub(crate) async fn with_blobs(version: ApiVersion, blobs: Arc<dyn Blobs>) -> Self {
        crate::trace::begin();
        let server = Server::bind(
            "127.0.0.1:0".parse().unwrap(),
            None,
            ServerSettings::default(),
        )
        .await
        .unwrap();
        let base = format!("http://{}", server.local_addr().unwrap());
        let ledger = Arc::new(MemoryStore::new());
        let clock = Arc::new(HandClock(AtomicI64::new(NOON_S * 1000)));
        let context = Context::new(amtsbote_gateway::Parts {
            addresses: Addresses::new(&base),
            identity: Identity {
                signing: SERVICE_KEY.clone(),
                published: KeySet::new(vec![SERVICE_KEY.public().clone()]),
                portal: SERVICE_KEY.clone(),
                portal_published: KeySet::new(vec![SERVICE_KEY.public().clone()]),
                tokens: TokenKey::generate(),
            },
            clients: clients(),
            services: Arc::new(Catalogue::default()),
            store: ledger.clone(),
            chain: None,
            blobs,
            clock: clock.clone(),
            crypto: CryptoPool::new(2, 64),
            limits: Limits::default(),
            certificates: X5c::Required.into(),
        });
        let task = tokio::spawn(server.run(router(context.clone()), std::future::pending()));
        let bench = Self {
            ledger,
            clock,
            destination: DestinationId::from_uuid(new_uuid()),
            version,
            deliveries: Arc::default(),
            spool: Arc::default(),
            procedure: Arc::default(),
            outcomes: Arc::default(),
            base,
            context,
            task,
        };
        bench.put_destination(bench.destination).await;
        bench
    }

    pub(crate) async fn put_destination(&self, id: DestinationId) {
        let destination = Box::new(destination(id));
        let mut batch = Batch::new().with(Change::PutDestination {
            replaces: None,
            destination,
        });
        for key in [&*ENCRYPTION_KEY, &*SIGNING_KEY] {
            batch = batch.with(Change::PutKey {
                destination_id: id,
                key: KeyRecord {
                    kid: key.kid().to_owned(),
                    jwk: key.public().to_json().to_string(),
                    added_at: self.clock.now(),
                },
            });
        }
        assert_eq!(self.ledger.commit(batch).await.unwrap(), Committed::Done);
    }

    pub(crate) fn turn(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn session(&self, client: &str) -> Session {
        self.session_expecting(client, None)
    }

    /// A session that expects the service's events from that issuer.
    pub(crate) fn session_expecting(&self, client: &str, issuer: Option<&str>) -> Session {
        let settings = Settings {
            plain_http: PlainHttp::DangerAllowed,
            ..Settings::trusted("amtsbote-test")
        };
        let api = format!("{}/submission-api", self.base).parse().unwrap();
        let token = format!("{}/token", self.base).parse().unwrap();
        let credentials = Credentials {
            client_id: client.parse().unwrap(),
            client_secret: Secret::new(SECRET.to_owned()),
        };
        let service = Service::new(api, token, self.version).unwrap();
        let service = match issuer {
            Some(issuer) => service.issuer(issuer),
            None => service,
        };
        Session::new(
            Outgoing::open(settings).unwrap(),
            service,
            credentials,
            self.clock.clone(),
        )
    }

    pub(crate) fn served(&self, id: DestinationId) -> Served {
        served(id, self.procedure.clone())
    }

    /// Change what you like, then make an agent of it.
    pub(crate) fn parts(&self) -> Parts {
        let outcomes = self.outcomes.clone();
        let observer: Observer =
            Arc::new(move |outcome: &Outcome| outcomes.lock().unwrap().push(outcome.clone()));
        Parts {
            subscriber: Subscriber::new(self.session("subscriber")),
            deliveries: self.deliveries.clone(),
            ways_back: self.deliveries.clone(),
            leases: None,
            spool: self.spool.clone(),
            clock: self.clock.clone(),
            services: catalogue(),
            destinations: vec![self.served(self.destination)],
            policy: policy(),
            observer: Some(observer),
        }
    }

    pub(crate) fn agent(&self) -> Agent {
        Agent::new(self.parts())
    }

    /// One round of a fresh agent.
    pub(crate) async fn round(&self) -> usize {
        self.agent().run_once().await.unwrap()
    }

    /// Announces, uploads, submits.
    pub(crate) async fn send(&self, draft: Draft) -> SubmissionRef {
        let sender = Sender::new(self.session("sender"));
        let ids: Vec<AttachmentId> = draft.files.iter().map(|file| file.0).collect();
        let created = CreateSubmission {
            destination_id: draft.destination.unwrap_or(self.destination),
            announced_attachments: ids,
            service: Offered {
                identifier: SERVICE.parse().unwrap(),
                name: Some("Zahl".to_owned()),
                description: None,
            },
            region: None,
            case_id: None,
            callback: None,
        };
        let ids = sender.announce(&created).await.unwrap();
        for (id, plain) in &draft.files {
            let sealed = (draft.seal_attachment)(plain, draft.attachment_key);
            let pieces: Vec<_> = sealed
                .into_bytes()
                .chunks(64 * 1024)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect();
            let stream = futures_util::stream::iter(pieces);
            sender
                .upload(ids.submission_id, *id, stream, None)
                .await
                .unwrap();
        }
        let sealed = |plain: &[u8], key: &PrivateKey| {
            let text = seal(plain, key.public(), "application/json").unwrap();
            text.parse().unwrap()
        };
        let submit = SubmitSubmission {
            encrypted_metadata: sealed(&draft.metadata, draft.metadata_key),
            encrypted_data: draft.data.map(|data| sealed(&data, draft.data_key)),
        };
        sender.submit(ids.submission_id, &submit).await.unwrap();
        ids
    }

    /// The claims in the case's log, oldest first.
    pub(crate) async fn log(&self, ids: &SubmissionRef) -> Vec<Claims> {
        let background = self.context.background();
        background.close();
        background.wait().await;
        background.reopen();
        let page = Page {
            offset: 0,
            limit: 500,
        };
        let log = self.ledger.events(LogOf::Case(ids.case_id), page).await;
        let claims = |event: &amtsbote_store::Event| {
            let jws = Jws::parse(&event.token, 1 << 20).unwrap();
            Claims::parse(jws.unverified_payload(), SchemaRule::OptionalAny).unwrap()
        };
        log.unwrap().entries.iter().map(claims).collect()
    }

    /// Names of the events in the case's log, without those that say it was listed.
    pub(crate) async fn events(&self, ids: &SubmissionRef) -> Vec<String> {
        let log = self.log(ids).await;
        let names = log.iter().map(|claims| claims.kind.slug().to_owned());
        names.filter(|name| name != "notify-submission").collect()
    }

    /// The problems of the one reject event.
    pub(crate) async fn problems(&self, ids: &SubmissionRef) -> Vec<EventProblem> {
        // Not always the last one: that it was listed is noted in the background.
        let problems = |claims: Claims| match claims.payload {
            Payload::Problems(problems) => Some(problems),
            Payload::Empty | Payload::Tags(_) | Payload::Notify(_) => None,
        };
        let mut found: Vec<_> = self
            .log(ids)
            .await
            .into_iter()
            .filter_map(problems)
            .collect();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    pub(crate) async fn delivery(&self, ids: &SubmissionRef) -> Delivery {
        let row = self.deliveries.find(ids.submission_id).await.unwrap();
        row.unwrap().delivery
    }

    pub(crate) async fn assert_spool_empty(&self) {
        assert_eq!(self.spool.list().await.unwrap(), []);
    }

    /// Handed over once, accepted once, nothing left.
    pub(crate) async fn assert_finished(&self, ids: &SubmissionRef) {
        let events = self.events(ids).await;
        assert_eq!(
            events,
            [
                "create-submission",
                "submit-submission",
                "accept-submission"
            ]
        );
        assert!(self.procedure.arrived(parcel(ids)).is_some());
        assert_eq!(self.delivery(ids).await.name(), "done");
        self.assert_spool_empty().await;
    }
}

pub(crate) fn served(id: DestinationId, outbound: Arc<Procedure>) -> Served {
    Served {
        id,
        decryption: vec![ENCRYPTION_KEY.clone()],
        signing: SIGNING_KEY.clone(),
        receiver: json!({}),
        mappings: vec![activated()].into(),
        outbound,
        way_in: None,
        pace: Pace::default(),
    }
}

/// The one package of the bench.
pub(crate) fn activated() -> Activated {
    Activated {
        service: SERVICE.parse().unwrap(),
        schema_uri: SCHEMA.to_owned(),
        package: "zahl".to_owned(),
        version: "1.0.0".to_owned(),
        old_checksums: Vec::new(),
        mapping: Box::new(AsItIs),
    }
}

pub(crate) fn policy() -> Policy {
    Policy {
        concurrency: 2,
        retry: RetryPolicy {
            first: Duration::from_secs(10),
            longest: Duration::from_mins(10),
            tries_max: 3,
        },
        wait: Duration::from_secs(1),
        pause: Duration::from_millis(5),
        ..Policy::default()
    }
}

pub(crate) fn parcel(ids: &SubmissionRef) -> ParcelId {
    ParcelId::from_uuid(ids.submission_id.uuid())
}

pub(crate) fn new_uuid() -> Uuid {
    uuid::Builder::from_random_bytes(amtsbote_jose::random_bytes()).into_uuid()
}

/// What will be sent; change it to break it.
pub(crate) struct Draft {
    pub(crate) destination: Option<DestinationId>,
    pub(crate) metadata: Vec<u8>,
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) files: Vec<(AttachmentId, Vec<u8>)>,
    pub(crate) metadata_key: &'static PrivateKey,
    pub(crate) data_key: &'static PrivateKey,
    pub(crate) attachment_key: &'static PrivateKey,
    pub(crate) seal_attachment: fn(&[u8], &PrivateKey) -> String,
}

impl Draft {
    pub(crate) fn good() -> Self {
        Self::with(&json!({ "name": "Ada", "zahl": 7 }), &[])
    }

    pub(crate) fn zahl(zahl: u32) -> Self {
        Self::with(&json!({ "name": "Ada", "zahl": zahl }), &[])
    }

    pub(crate) fn with(data: &Value, files: &[&[u8]]) -> Self {
        let files: Vec<_> = files
            .iter()
            .map(|plain| (AttachmentId::from_uuid(new_uuid()), plain.to_vec()))
            .collect();
        let data = data.to_string().into_bytes();
        let metadata = metadata(&data, &files);
        Self {
            destination: None,
            metadata: metadata.to_bytes().into_revealed(),
            data: Some(data),
            files,
            metadata_key: &ENCRYPTION_KEY,
            data_key: &ENCRYPTION_KEY,
            attachment_key: &ENCRYPTION_KEY,
            seal_attachment: |plain, key| seal(plain, key.public(), "application/pdf").unwrap(),
        }
    }

    /// With changed metadata.
    pub(crate) fn metadata(mut self, change: impl FnOnce(&mut Value)) -> Self {
        let mut value: Value = serde_json::from_slice(&self.metadata).unwrap();
        change(&mut value);
        self.metadata = value.to_string().into_bytes();
        self
    }

    pub(crate) fn to(mut self, destination: DestinationId) -> Self {
        self.destination = Some(destination);
        self
    }
}

pub(crate) fn metadata(data: &[u8], files: &[(AttachmentId, Vec<u8>)]) -> Metadata {
    let describe = |(id, plain): &(AttachmentId, Vec<u8>)| AttachmentDescription {
        attachment_id: *id,
        hash: sha512_hex(plain).parse().unwrap(),
        purpose: Purpose::Attachment,
        mime_type: "application/pdf".to_owned(),
        filename: Some(Personal::new(format!("{}.pdf", crate::trace::MARKER))),
        description: None,
        fragments: Vec::new(),
    };
    Metadata::new(ContentStructure {
        data: Some(DataDescription {
            hash: sha512_hex(data).parse().unwrap(),
            submission_schema: SubmissionSchema {
                schema_uri: SCHEMA.to_owned(),
                mime_type: "application/json".to_owned(),
            },
        }),
        attachments: files.iter().map(describe).collect(),
    })
}

fn clients() -> Clients {
    let client = |id: &str, rights: &[Right], scopes: &[Scope]| Client {
        id: id.parse().unwrap(),
        secret_sha256: sha256_hex(SECRET.as_bytes()),
        rights: rights.to_vec(),
        scopes: scopes.to_vec(),
    };
    let subscriber = [Scope::SubscribeDestinations, Scope::ManageDestinations];
    Clients::new([
        client("sender", &[Right::Send], &[Scope::SendSubmissions]),
        client(
            "subscriber",
            &[Right::Subscribe, Right::Manage],
            &subscriber,
        ),
    ])
}

fn destination(id: DestinationId) -> Destination {
    Destination {
        id,
        owner: "subscriber".parse().unwrap(),
        name: "Kassel".into(),
        status: DestinationStatus::Active,
        encryption_kid: ENCRYPTION_KEY.kid().to_owned(),
        metadata_versions: vec!["1.0.0".into(), "2.1.0".into()],
        services: vec![ServiceOffer {
            identifier: SERVICE.parse().unwrap(),
            regions: vec!["DE066110000000".parse().unwrap()],
            submission_schemas: vec![SubmissionSchema {
                schema_uri: SCHEMA.into(),
                mime_type: "application/json".into(),
            }],
        }],
        contact: ContactInformation {
            legal_name: "Stadt Kassel".into(),
            address: None,
            phone: None,
            email: None,
            unit: None,
        },
        callback: None,
        reply_channels: None,
        created_at: Timestamp::from_seconds(NOON_S),
    }
}

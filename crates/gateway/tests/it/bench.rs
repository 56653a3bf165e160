//! The box, and the words tests are written in.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use amtsbote_fit_connect::token::{Scope, Scopes};
use amtsbote_gateway::{
    Addresses, Client, Clients, Context, CryptoPool, Identity, Limits, Parts, Right,
    RoutingSettings, Uplinks, router,
};
use amtsbote_jose::{
    KeySet, KeyUse, PrivateKey, SelfSigned, TokenKey, X5c, seal, sha256_hex, sign,
};
use amtsbote_model::{
    AttachmentId, CaseId, Clock, ContactInformation, Destination, DestinationId, DestinationStatus,
    ServiceOffer, SubmissionId, SubmissionSchema, Timestamp,
};
use amtsbote_store::{
    Batch, Blobs, Change, Committed, KeyRecord, LogOf, MemoryBlobs, MemoryStore, Page, ReplyRecord,
    Store, Submission,
};
use amtsbote_store_sql::{FolderBlobs, SqliteStore};
use amtsbote_validate::service::Catalogue;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

/// The present when a bench begins: 2026-11-23 08:00 UTC.
pub(crate) const NOON_S: i64 = 1_795_420_800;
/// What the destination offers.
pub(crate) const SERVICE: &str = "urn:de:fim:leika:leistung:99012008001000";
pub(crate) const BASE: &str = "https://amtsbote.example.de";
pub(crate) const SECRET: &str = "a-secret-for-tests-that-is-long-enough";

/// Keys are dear: made once per run.
pub(crate) static SERVICE_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| key(KeyUse::Signature, "service-key-1"));
pub(crate) static ENCRYPTION_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| key(KeyUse::Encryption, "destination-wrapKey"));
pub(crate) static SIGNING_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| key(KeyUse::Signature, "destination-verify"));
/// Bears the name of the destination's signing key and is another one.
pub(crate) static FORGED_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| key(KeyUse::Signature, "destination-verify"));

fn key(key_use: KeyUse, kid: &str) -> PrivateKey {
    let wish = SelfSigned {
        common_name: "Test",
        not_before_s: NOON_S - 1000,
        not_after_s: NOON_S + 1_000_000_000,
    };
    PrivateKey::generate_self_signed(key_use, kid, &wish).unwrap()
}

/// A clock turned by hand.
pub(crate) struct HandClock(pub(crate) AtomicI64);

impl HandClock {
    pub(crate) fn turn(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn turn_back(&self, by: Duration) {
        self.0
            .fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The gateway in a box: clients `sender`, `other-sender`, `subscriber`, `other-subscriber`, `idle` (no rights), and one active
/// destination of `subscriber`.
pub(crate) struct Bench {
    pub(crate) context: Context,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) destination: DestinationId,
    router: Router,
    /// Goes last.
    pub(crate) folder: Option<TempDir>,
}

pub(crate) fn clients() -> Clients {
    let client = |id: &str, rights: &[Right], scopes: &[Scope]| Client {
        id: id.parse().unwrap(),
        secret_sha256: sha256_hex(SECRET.as_bytes()),
        rights: rights.to_vec(),
        scopes: scopes.to_vec(),
    };
    let subscriber = [Scope::SubscribeDestinations, Scope::ManageDestinations];
    Clients::new([
        client("sender", &[Right::Send], &[Scope::SendSubmissions]),
        client("other-sender", &[Right::Send], &[Scope::SendSubmissions]),
        client(
            "subscriber",
            &[Right::Subscribe, Right::Manage],
            &subscriber,
        ),
        client(
            "other-subscriber",
            &[Right::Subscribe, Right::Manage],
            &subscriber,
        ),
        client("idle", &[], &[]),
    ])
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        Self::of(|parts| parts.limits = limits).await
    }

    /// With parts of your own.
    pub(crate) async fn of(change: impl FnOnce(&mut Parts)) -> Self {
        Self::over(Arc::new(MemoryStore::new()), change).await
    }

    /// Over a store that may serve others, too.
    pub(crate) async fn over(store: Arc<dyn Store>, change: impl FnOnce(&mut Parts)) -> Self {
        Self::linked(store, Uplinks::default(), change).await
    }

    /// With ways to foreign delivery services.
    pub(crate) async fn linked(
        store: Arc<dyn Store>,
        uplinks: Uplinks,
        change: impl FnOnce(&mut Parts),
    ) -> Self {
        Self::on((store, Arc::new(MemoryBlobs::new())), uplinks, change).await
    }

    /// With SQLite and a folder of blobs, as in earnest.
    pub(crate) async fn on_disk() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path()).unwrap());
        let blobs = Arc::new(FolderBlobs::open(&folder.path().join("blobs")).unwrap());
        let mut bench = Self::on((store, blobs), Uplinks::default(), |_| {}).await;
        bench.folder = Some(folder);
        bench
    }

    async fn on(
        (store, blobs): (Arc<dyn Store>, Arc<dyn Blobs>),
        uplinks: Uplinks,
        change: impl FnOnce(&mut Parts),
    ) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(NOON_S * 1000)));
        let mut parts = Parts {
            addresses: Addresses::new(BASE),
            identity: Identity {
                signing: SERVICE_KEY.clone(),
                published: KeySet::new(vec![SERVICE_KEY.public().clone()]),
                portal: SERVICE_KEY.clone(),
                portal_published: KeySet::new(vec![SERVICE_KEY.public().clone()]),
                tokens: TokenKey::generate(),
            },
            clients: clients(),
            services: Arc::new(Catalogue::new(Vec::new()).unwrap()),
            store: store.clone(),
            chain: None,
            blobs: blobs.clone(),
            clock: clock.clone(),
            crypto: CryptoPool::new(2, 64),
            limits: Limits::default(),
            certificates: X5c::Required.into(),
        };
        change(&mut parts);
        let context = Context::with_uplinks(parts, RoutingSettings::default(), uplinks);
        let router = router(context.clone());
        let destination = DestinationId::from_uuid(Uuid::new_v4());
        let bench = Self {
            context,
            store,
            blobs,
            clock,
            destination,
            router,
            folder: None,
        };
        bench
            .put_destination(destination_of("subscriber", destination))
            .await;
        bench
    }

    /// Adds a destination, with the keys of the one that is there.
    pub(crate) async fn put_destination(&self, destination: Destination) {
        let id = destination.id;
        let batch = Batch::new().with(Change::PutDestination {
            replaces: None,
            destination: Box::new(destination),
        });
        let batch = [&*ENCRYPTION_KEY, &*SIGNING_KEY]
            .into_iter()
            .fold(batch, |batch, key| {
                batch.with(Change::PutKey {
                    destination_id: id,
                    key: KeyRecord {
                        kid: key.kid().to_owned(),
                        jwk: key.public().to_json().to_string(),
                        added_at: self.clock.now(),
                    },
                })
            });
        assert_eq!(self.store.commit(batch).await.unwrap(), Committed::Done);
    }

    /// Replaces the bench's destination by a changed version of it.
    pub(crate) async fn change_destination(&self, change: impl FnOnce(&mut Destination)) {
        let old = self
            .store
            .destination(self.destination)
            .await
            .unwrap()
            .unwrap();
        let mut new = old.clone();
        change(&mut new);
        let change = Change::PutDestination {
            replaces: Some(Box::new(old)),
            destination: Box::new(new),
        };
        assert_eq!(
            self.store.commit(Batch::new().with(change)).await.unwrap(),
            Committed::Done
        );
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        Ask {
            bench: self,
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Body::empty(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    pub(crate) fn put(&self, path: &str) -> Ask<'_> {
        self.ask(Method::PUT, path)
    }

    /// A token of a registered client, with all its scopes.
    pub(crate) fn bearer(&self, client: &str) -> String {
        let scopes = self
            .context
            .clients()
            .find(&client.parse().unwrap())
            .map(|client| client.scopes.clone());
        self.narrowed_bearer(client, &Scopes::new(scopes.unwrap_or_default()).to_string())
    }

    /// A token with these scopes, such as a client gets that asks for them.
    pub(crate) fn narrowed_bearer(&self, client: &str, scope: &str) -> String {
        let claims = json!({
            "sub": client,
            "exp": self.clock.now().as_seconds() + 1800,
            "scope": scope,
        });
        self.context
            .identity()
            .tokens
            .mint(claims.as_object().unwrap())
    }

    /// The announcement of a submission for the bench's destination.
    pub(crate) fn announcement(&self, version: &str, attachments: &[AttachmentId]) -> Value {
        let mut body =
            json!({ "destinationId": self.destination, "announcedAttachments": attachments });
        let member = if version == "v1" {
            "serviceType"
        } else {
            "publicService"
        };
        body[member] = json!({ "name": "Führungszeugnis", "identifier": SERVICE });
        body
    }

    pub(crate) async fn announce(&self, version: &str, attachments: &[AttachmentId]) -> Ids {
        let path = format!("/submission-api/{version}/submissions");
        let answer = self
            .post(&path)
            .by("sender")
            .json(&self.announcement(version, attachments))
            .await;
        answer.expect(201);
        let id = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        Ids {
            version: version.to_owned(),
            submission: id("submissionId"),
            case: id("caseId"),
        }
    }

    pub(crate) async fn upload(&self, ids: &Ids, attachment: AttachmentId, text: String) -> Answer {
        self.put(&ids.attachment(attachment))
            .by("sender")
            .jose(text)
            .await
    }

    pub(crate) async fn submit(&self, ids: &Ids) -> Answer {
        self.put(&ids.path())
            .by("sender")
            .json(&sealed_body())
            .await
    }

    /// A submission that waits to be fetched.
    pub(crate) async fn submitted(&self, version: &str, attachments: &[AttachmentId]) -> Ids {
        let ids = self.announce(version, attachments).await;
        for attachment in attachments {
            self.upload(&ids, *attachment, sealed(b"%PDF-1.7", "application/pdf"))
                .await
                .expect(204);
        }
        let status = if version == "v1" { 202 } else { 200 };
        self.submit(&ids).await.expect(status);
        ids
    }

    pub(crate) async fn send_event(&self, ids: &Ids, token: String) -> Answer {
        self.post(&ids.case_events())
            .by("subscriber")
            .jose(token)
            .await
    }

    /// The claims of an event by the destination; change them and sign.
    pub(crate) fn claims(&self, ids: &Ids, event: &str, payload: Value) -> Value {
        let uri = format!("https://schema.fitko.de/fit-connect/events/{event}");
        json!({
            "$schema": "https://schema.fitko.de/fit-connect/set-payload/1.2.2/set-payload.schema.json",
            "jti": Uuid::new_v4().to_string(),
            "iss": self.destination,
            "iat": self.clock.now().as_seconds(),
            "sub": format!("submission:{}", ids.submission),
            "txn": format!("case:{}", ids.case),
            "events": Value::Object([(uri, payload)].into_iter().collect()),
        })
    }

    /// The payload of the submit event.
    pub(crate) async fn submit_payload(&self, ids: &Ids) -> Value {
        self.claims_in_log(ids)
            .await
            .iter()
            .find_map(|claims| {
                claims["events"].get("https://schema.fitko.de/fit-connect/events/submit-submission")
            })
            .unwrap()
            .clone()
    }

    /// Accepts as a subscriber does.
    pub(crate) async fn accept(&self, ids: &Ids) -> Answer {
        let payload = self.submit_payload(ids).await;
        self.send_event(ids, signed(&self.claims(ids, "accept-submission", payload)))
            .await
    }

    /// The claims in the case's log, oldest first, read from the store after background work is done.
    pub(crate) async fn claims_in_log(&self, ids: &Ids) -> Vec<Value> {
        self.settled().await;
        let of = LogOf::Case(ids.case.parse::<CaseId>().unwrap());
        let log = self
            .store
            .events(
                of,
                Page {
                    offset: 0,
                    limit: 500,
                },
            )
            .await
            .unwrap();
        log.entries
            .iter()
            .map(|event| payload_of(&event.token))
            .collect()
    }

    /// The tokens in the case's log, oldest first.
    pub(crate) async fn tokens_in_log(&self, ids: &Ids) -> Vec<String> {
        self.settled().await;
        let of = LogOf::Case(ids.case.parse::<CaseId>().unwrap());
        let page = Page {
            offset: 0,
            limit: 500,
        };
        let log = self.store.events(of, page).await.unwrap();
        log.entries.into_iter().map(|event| event.token).collect()
    }

    pub(crate) fn clock_seconds(&self) -> i64 {
        self.clock.now().as_seconds()
    }

    /// The names of the events in the case's log.
    pub(crate) async fn log(&self, ids: &Ids) -> Vec<String> {
        self.settled().await;
        let of = LogOf::Case(ids.case.parse::<CaseId>().unwrap());
        let log = self
            .store
            .events(
                of,
                Page {
                    offset: 0,
                    limit: 500,
                },
            )
            .await
            .unwrap();
        log.entries.into_iter().map(|event| event.name).collect()
    }

    pub(crate) async fn stored(&self, ids: &Ids) -> Submission {
        self.store
            .submission(ids.submission.parse::<SubmissionId>().unwrap())
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn blob_count(&self) -> usize {
        self.blobs.list().await.unwrap().len()
    }

    /// The bodies of the callbacks that wait to be sent, with their targets.
    pub(crate) async fn notices(&self) -> Vec<(String, Value)> {
        self.settled().await;
        let due = self.store.due(self.clock.now(), 100).await.unwrap();
        due.into_iter()
            .map(|notice| (notice.url, serde_json::from_str(&notice.body).unwrap()))
            .collect()
    }

    /// Waits for work in the background.
    pub(crate) async fn settled(&self) {
        let background = self.context.background();
        background.close();
        background.wait().await;
        background.reopen();
    }
}

/// A destination that is active and offers [`SERVICE`] in Kassel.
pub(crate) fn destination_of(owner: &str, id: DestinationId) -> Destination {
    Destination {
        id,
        owner: owner.parse().unwrap(),
        name: "Kassel".into(),
        status: DestinationStatus::Active,
        encryption_kid: ENCRYPTION_KEY.kid().to_owned(),
        metadata_versions: vec!["1.0.0".into(), "2.1.0".into()],
        services: vec![ServiceOffer {
            identifier: SERVICE.parse().unwrap(),
            regions: vec!["DE066110000000".parse().unwrap()],
            submission_schemas: vec![SubmissionSchema {
                schema_uri: "https://schema.example.de/fuehrungszeugnis/1.0.0.json".into(),
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

/// The ids of a submission and the version it is spoken of in.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub(crate) version: String,
    pub(crate) submission: String,
    pub(crate) case: String,
}

impl Ids {
    pub(crate) fn path(&self) -> String {
        format!(
            "/submission-api/{}/submissions/{}",
            self.version, self.submission
        )
    }

    pub(crate) fn attachment(&self, id: AttachmentId) -> String {
        format!("{}/attachments/{id}", self.path())
    }

    pub(crate) fn case_events(&self) -> String {
        format!(
            "/submission-api/{}/cases/{}/events",
            self.version, self.case
        )
    }
}

/// A new id for an attachment.
pub(crate) fn new_attachment() -> AttachmentId {
    AttachmentId::from_uuid(Uuid::new_v4())
}

/// Seals for the bench's destination.
pub(crate) fn sealed(plain: &[u8], cty: &str) -> String {
    seal(plain, ENCRYPTION_KEY.public(), cty).unwrap()
}

/// The body of a submit, sealed.
pub(crate) fn sealed_body() -> Value {
    json!({
        "encryptedMetadata": sealed(b"{}", "application/json"),
        "encryptedData": sealed(b"{\"a\":1}", "application/json"),
    })
}

/// The sealed text with another protected header. Nobody could open it; from outside that does not show.
pub(crate) fn with_header(jwe: &str, header: &Value) -> String {
    let (_, rest) = jwe.split_once('.').unwrap();
    format!("{}.{rest}", base64(header.to_string().as_bytes()))
}

/// Signs as the destination.
pub(crate) fn signed(claims: &Value) -> String {
    sign(claims.to_string().as_bytes(), &SIGNING_KEY, "secevent+jwt").unwrap()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// The claims of a token, unverified.
pub(crate) fn payload_of(token: &str) -> Value {
    use base64::Engine;
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// A request in the making; `await` sends it.
pub(crate) struct Ask<'b> {
    bench: &'b Bench,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Body,
}

impl Ask<'_> {
    pub(crate) fn by(self, client: &str) -> Self {
        let bearer = format!("Bearer {}", self.bench.bearer(client));
        self.header("authorization", &bearer)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn body(mut self, media: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.header("content-type", media)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn jose(self, text: String) -> Self {
        self.body("application/jose", text)
    }

    pub(crate) fn form(self, text: &str) -> Self {
        self.body("application/x-www-form-urlencoded", text.to_owned())
    }
}

impl<'b> IntoFuture for Ask<'b> {
    type Output = Answer;
    type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Answer> + Send + 'b>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut request = Request::new(self.body);
            *request.method_mut() = self.method;
            *request.uri_mut() = self.path.parse().unwrap();
            *request.headers_mut() = self.headers;
            let response = self.bench.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Answer {
                status: parts.status,
                headers: parts.headers,
                body: body.to_vec(),
            }
        })
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The problem's code.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Fails the test unless this is the status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> &Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// Fails the test unless this is the problem. It must be a problem document, too.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, code: &str) -> &Self {
        self.expect(status);
        assert_eq!(self.code(), code, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        self
    }

    /// `rule at` of each finding.
    pub(crate) fn findings(&self) -> Vec<String> {
        let body = self.json();
        let findings = body["findings"].as_array().cloned().unwrap_or_default();
        let part = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
        findings
            .iter()
            .map(|finding| format!("{} {}", part(finding, "rule"), part(finding, "at")))
            .collect()
    }
}

/// Problems to reject with.
pub(crate) fn problems() -> Value {
    json!({ "problems": [{
        "type": "https://schema.fitko.de/fit-connect/events/problems/technical-error",
        "title": "t", "detail": "d", "instance": "other",
    }] })
}

/// The ids of a reply and the version it is spoken of in.
#[derive(Debug, Clone)]
pub(crate) struct ReplyIds {
    pub(crate) version: String,
    pub(crate) reply: String,
    pub(crate) case: String,
}

impl ReplyIds {
    pub(crate) fn path(&self) -> String {
        format!("/submission-api/{}/replies/{}", self.version, self.reply)
    }

    pub(crate) fn attachment(&self, id: AttachmentId) -> String {
        format!("{}/attachments/{id}", self.path())
    }
}

/// The destination's subscriber answers.
impl Bench {
    pub(crate) async fn announce_reply(&self, of: &Ids, attachments: &[AttachmentId]) -> ReplyIds {
        let answer = self
            .post(&format!("/submission-api/{}/replies", of.version))
            .by("subscriber")
            .json(&json!({ "caseId": of.case, "announcedAttachments": attachments }))
            .await;
        answer.expect(201);
        assert_eq!(answer.json()["caseId"], of.case);
        ReplyIds {
            version: of.version.clone(),
            reply: answer.json()["replyId"].as_str().unwrap().to_owned(),
            case: of.case.clone(),
        }
    }

    pub(crate) async fn upload_to_reply(&self, to: &ReplyIds, id: AttachmentId) -> Answer {
        self.put(&to.attachment(id))
            .by("subscriber")
            .jose(sealed(b"%PDF-1.7 Bescheid", "application/pdf"))
            .await
    }

    pub(crate) async fn submit_reply(&self, reply: &ReplyIds, body: &Value) -> Answer {
        self.put(&reply.path()).by("subscriber").json(body).await
    }

    /// A reply that waits to be fetched.
    pub(crate) async fn replied(&self, of: &Ids, attachments: &[AttachmentId]) -> ReplyIds {
        let reply = self.announce_reply(of, attachments).await;
        for id in attachments {
            self.upload_to_reply(&reply, *id).await.expect(204);
        }
        let status = if of.version == "v1" { 202 } else { 200 };
        self.submit_reply(&reply, &sealed_body())
            .await
            .expect(status);
        reply
    }

    /// The body that accepts the reply.
    pub(crate) async fn reply_tags(&self, reply: &ReplyIds) -> Value {
        let of = LogOf::Case(reply.case.parse::<CaseId>().unwrap());
        let page = Page {
            offset: 0,
            limit: 500,
        };
        let log = self.store.events(of, page).await.unwrap().entries;
        let submitted = log
            .iter()
            .find(|event| {
                event.name == "submit-reply" && event.subject.uuid().to_string() == reply.reply
            })
            .unwrap();
        let claims = payload_of(&submitted.token);
        claims["events"]["https://schema.fitko.de/fit-connect/events/submit-reply"].clone()
    }

    pub(crate) async fn accept_reply(&self, reply: &ReplyIds) -> Answer {
        let tags = self.reply_tags(reply).await;
        self.put(&format!("{}/accept", reply.path()))
            .by("sender")
            .json(&tags)
            .await
    }

    pub(crate) async fn stored_reply(&self, reply: &ReplyIds) -> ReplyRecord {
        let found = self.store.reply(reply.reply.parse().unwrap()).await;
        found.unwrap().unwrap()
    }
}

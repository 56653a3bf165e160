//! `/intake/v1`: what is right is sealed and stored; what is wrong is said at once, and nothing of it is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use amtsbote_fit_connect::token::Scope;
use amtsbote_gateway::{Client, Clients, Limits, Parts, Right};
use amtsbote_jose::{Jwe, Jws, KeySet, KeyUse, X5c, open, sha256_hex, sha512_hex};
use amtsbote_model::{
    DestinationId, DestinationStatus, ServiceOffer, SubmissionId, SubmissionSchema,
};
use amtsbote_store::{Page, SubmissionFilter};
use amtsbote_validate::json::{Schema, Strings};
use amtsbote_validate::service::{Catalogue, Service};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench::{
    Answer, BASE, Bench, ENCRYPTION_KEY, SECRET, SIGNING_KEY, destination_of, payload_of,
};

pub(crate) const SUBMISSIONS: &str = "/intake/v1/submissions";
const VALIDATIONS: &str = "/intake/v1/validations";
const KASSEL: &str = "DE066110000000";

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read_folder(folder: &Path, at: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(folder, &path, files);
        } else {
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
            files.insert(name.to_owned(), std::fs::read(&path).unwrap());
        }
    }
}

pub(crate) fn services() -> Catalogue {
    let mut services = Vec::new();
    for entry in std::fs::read_dir(root().join("schemas")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("service.toml").exists() {
            let mut files = BTreeMap::new();
            read_folder(&folder, &folder, &mut files);
            services.push(Service::load(files).unwrap());
        }
    }
    Catalogue::new(services).unwrap()
}

fn offers(region: &str) -> Vec<ServiceOffer> {
    let offer = |service: &Service| ServiceOffer {
        identifier: service.id().clone(),
        regions: vec![region.parse().unwrap()],
        submission_schemas: vec![SubmissionSchema {
            schema_uri: service.schema_uri().to_owned(),
            mime_type: service.mime_type().to_owned(),
        }],
    };
    services().iter().map(offer).collect()
}

pub(crate) fn offers_in_kassel() -> Vec<ServiceOffer> {
    offers(KASSEL)
}

/// A bench whose destination takes all services of the workspace in Kassel.
pub(crate) async fn bench_of(change: impl FnOnce(&mut Parts)) -> Bench {
    let bench = Bench::of(|parts| {
        parts.services = Arc::new(services());
        change(parts);
    })
    .await;
    bench
        .change_destination(|destination| destination.services = offers(KASSEL))
        .await;
    bench
}

async fn bench() -> Bench {
    bench_of(|_| ()).await
}

pub(crate) fn fixture(name: &str) -> Value {
    let path = root().join("fixtures/submissions").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn dog() -> Value {
    fixture("kassel-hundesteuer.json")
}

pub(crate) async fn send(bench: &Bench, body: &Value) -> Answer {
    bench.post(SUBMISSIONS).by("sender").json(body).await
}

/// Nothing is stored, not even half.
pub(crate) async fn expect_nothing(bench: &Bench) {
    bench.settled().await;
    let filter = SubmissionFilter::ForPickup(vec![bench.destination]);
    let page = Page {
        offset: 0,
        limit: 10,
    };
    let listed = bench.store.submissions(&filter, page).await.unwrap();
    assert_eq!(listed.total, 0);
    assert_eq!(bench.blob_count().await, 0);
}

/// Changes the good request, sends it to both routes: both refuse it alike, and nothing is kept.
async fn check(
    bench: &Bench,
    change: impl FnOnce(&mut Value),
    (status, code): (u16, &str),
    findings: &[&str],
) {
    let mut body = dog();
    change(&mut body);
    for path in [SUBMISSIONS, VALIDATIONS] {
        let answer = bench.post(path).by("sender").json(&body).await;
        answer.refuses(status, code);
        assert_eq!(answer.findings(), findings, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    expect_nothing(bench).await;
}

const VIOLATED: (u16, &str) = (422, "schema-violated");

fn opened(text: &str) -> Vec<u8> {
    let jwe = Jwe::parse(text, 10_000_000).unwrap();
    open(&jwe, std::slice::from_ref(&*ENCRYPTION_KEY), 10_000_000)
        .unwrap()
        .to_vec()
}

async fn blob(bench: &Bench, id: &amtsbote_store::BlobId) -> String {
    let mut reader = bench.blobs.open(id).await.unwrap().unwrap();
    let mut whole = Vec::new();
    while let Some(piece) = reader.next().await.unwrap() {
        whole.extend_from_slice(&piece);
    }
    String::from_utf8(whole).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "where reference files lie is told to tests by the environment"
)]
fn metadata_schema() -> Option<Schema> {
    let said = std::env::var_os("AMTSBOTE_SHARED");
    let shared = said.map_or_else(|| root().join("../shared"), PathBuf::from);
    let path = shared.join("reference/fit-connect/metadata-2.1.0.schema.json");
    let Ok(bytes) = std::fs::read(&path) else {
        let in_ci = std::env::var("CI").as_deref() == Ok("true");
        assert!(!in_ci, "the official metadata schema is missing");
        eprintln!("the official metadata schema is not at hand: metadata is not compared with it");
        return None;
    };
    Some(Schema::compile_with(&bytes, Strings::Any).unwrap())
}

#[tokio::test]
async fn every_sample_of_kassel_is_sealed_for_its_destination() {
    let bench = bench().await;
    let official = metadata_schema();
    for name in [
        "kassel-antrag-flurstueck.json",
        "kassel-bauantrag.json",
        "kassel-bewohnerparkausweis.json",
        "kassel-gewerbeanmeldung.json",
        "kassel-hundesteuer.json",
    ] {
        let body = fixture(name);
        let checked = bench.post(VALIDATIONS).by("sender").json(&body).await;
        assert_eq!(checked.expect(200).json()["valid"], true, "{name}");
        let answer = send(&bench, &body).await;
        answer.expect(201);
        let id: SubmissionId = answer.json()["submissionId"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(
            answer.header("location"),
            format!("{BASE}/intake/v1/submissions/{id}")
        );
        assert_eq!(answer.header("cache-control"), "no-store");

        let content = bench.store.content(id.into()).await.unwrap().unwrap();
        let data = opened(&content.data.unwrap());
        assert_eq!(
            serde_json::from_slice::<Value>(&data).unwrap(),
            body["data"]
        );
        let metadata: Value = serde_json::from_slice(&opened(&content.metadata)).unwrap();
        if let Some(schema) = &official {
            assert_eq!(schema.check(&metadata), [], "{name}");
        }
        let structure = &metadata["contentStructure"];
        assert_eq!(structure["data"]["hash"]["content"], sha512_hex(&data));
        let stored = bench.store.submission(id).await.unwrap().unwrap();
        assert_eq!(stored.region.unwrap().as_str(), KASSEL);
        let sent = body["attachments"].as_array().unwrap();
        assert_eq!(stored.attachments.len(), sent.len());
        for (described, sent) in structure["attachments"]
            .as_array()
            .unwrap()
            .iter()
            .zip(sent)
        {
            let row = stored
                .attachments
                .iter()
                .find(|row| described["attachmentId"] == row.id.to_string());
            let plain = opened(&blob(&bench, &row.unwrap().blob).await);
            assert_eq!(described["hash"]["content"], sha512_hex(&plain));
            assert_eq!(described["filename"], sent["filename"]);
        }
    }
}

#[tokio::test]
async fn the_receipt_can_be_verified_offline_and_names_nobody() {
    let bench = bench().await;
    let answer = send(&bench, &dog()).await;
    let answer = answer.expect(201).json();
    let published = bench.get("/submission-api/.well-known/jwks.json").await;
    let keys = KeySet::parse(
        published.expect(200).text(),
        KeyUse::Signature,
        X5c::Optional,
    )
    .unwrap();
    let receipt = answer["receipt"].as_str().unwrap();
    let jws = Jws::parse(receipt, 100_000).unwrap();
    assert_eq!(jws.header().typ(), Some("amtsbote-receipt+jwt"));
    let key = keys.find(jws.header().kid()).unwrap();
    let claims: Value = serde_json::from_slice(jws.verify(key).unwrap()).unwrap();
    assert!(jws.verify(SIGNING_KEY.public()).is_err());

    let id = answer["submissionId"].as_str().unwrap();
    assert_eq!(claims["sub"], format!("submission:{id}"));
    assert_eq!(
        claims["txn"],
        format!("case:{}", answer["caseId"].as_str().unwrap())
    );
    assert_eq!(claims["level"], "accepted");
    assert_eq!(claims["receivedAt"], "2026-11-23T08:00:00.000Z");
    assert_eq!(claims["receivedAt"], answer["receivedAt"]);
    let content = bench
        .store
        .content(id.parse::<SubmissionId>().unwrap().into())
        .await
        .unwrap()
        .unwrap();
    let tag = Jwe::parse(&content.metadata, 1_000_000)
        .unwrap()
        .tag()
        .to_string();
    assert_eq!(claims["authenticationTags"]["metadata"], tag);
    let members: BTreeSet<_> = claims
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        members,
        BTreeSet::from([
            "authenticationTags",
            "destinationId",
            "iat",
            "iss",
            "jti",
            "level",
            "receivedAt",
            "service",
            "sub",
            "txn"
        ])
    );
}

#[tokio::test]
async fn the_status_tells_the_way_so_far_to_its_sender_alone() {
    let bench = bench().await;
    let sent = send(&bench, &dog()).await.json();
    let path = format!("{SUBMISSIONS}/{}", sent["submissionId"].as_str().unwrap());
    let status = bench.get(&path).by("sender").await;
    let body = status.expect(200).json();
    assert_eq!(body["state"], "submitted");
    assert_eq!(body["caseId"], sent["caseId"]);
    let timeline = body["timeline"].as_array().unwrap();
    let names: Vec<_> = timeline.iter().map(|entry| &entry["event"]).collect();
    assert_eq!(names, ["create-submission", "submit-submission"]);
    assert_eq!(timeline[1]["label"]["de"], "vollständig eingegangen");
    assert_eq!(
        payload_of(timeline[1]["token"].as_str().unwrap())["sub"],
        format!("submission:{}", sent["submissionId"].as_str().unwrap())
    );

    bench
        .get(&path)
        .by("other-sender")
        .await
        .refuses(404, "submission-not-found");
    let unknown = format!("{SUBMISSIONS}/{}", Uuid::new_v4());
    bench
        .get(&unknown)
        .by("sender")
        .await
        .refuses(404, "submission-not-found");
    bench
        .get(&format!("{SUBMISSIONS}/7"))
        .by("sender")
        .await
        .refuses(400, "malformed-parameter");
    bench
        .get(&path)
        .by("subscriber")
        .await
        .refuses(403, "not-permitted");
    bench.get(&path).await.refuses(401, "token-missing");
}

#[tokio::test]
async fn what_is_no_json_object_is_malformed() {
    let bench = bench().await;
    for body in [
        "",
        "{",
        "[]",
        "7",
        "{\"data\":{}} x",
        "{\"data\":{},\"data\":{}}",
    ] {
        for path in [SUBMISSIONS, VALIDATIONS] {
            let answer = bench
                .post(path)
                .by("sender")
                .body("application/json", body)
                .await;
            answer.refuses(400, "malformed-json");
            assert_eq!(answer.findings().len(), 1, "{body}");
        }
    }
    let answer = bench
        .post(SUBMISSIONS)
        .by("sender")
        .body("text/plain", "{}")
        .await;
    answer.refuses(415, "media-type-unsupported");
    expect_nothing(&bench).await;
}

#[tokio::test]
async fn half_a_surrogate_pair_is_a_finding_at_its_place() {
    let bench = bench().await;
    let body = dog().to_string();
    for (with, expected) in [
        (r#""data":{"x":"geheim\ud800","#, "surrogate /data/x"),
        (r#""data":{"\udc00":1,"#, "surrogate /data"),
        (r#""colour":"\ud800","data":{"#, "json /colour"),
    ] {
        let text = body.replacen("\"data\":{", with, 1);
        assert_ne!(text, body);
        for path in [SUBMISSIONS, VALIDATIONS] {
            let call = bench.post(path).by("sender");
            let answer = call.body("application/json", text.clone()).await;
            let findings = answer.findings();
            assert!(findings.iter().any(|one| one == expected), "{findings:?}");
            assert!(!answer.json().to_string().contains("geheim"));
        }
    }
    expect_nothing(&bench).await;
}

#[tokio::test]
async fn request_data_and_attachments_are_judged_at_once() {
    let bench = bench().await;
    let change = |body: &mut Value| {
        body["data"]["anlass"] = json!("nichts");
        body["attachments"][0]["content"] = json!("%%%");
        body["attachments"][0]["mimeType"] = json!("text/html");
        body["senderReference"] = json!(7);
        body["colour"] = json!("red");
        body["callback"] = json!({ "url": "http://a.example", "secret": "short" });
    };
    let expected = [
        "additionalProperties /colour",
        "type /senderReference",
        "pattern /callback/url",
        "minLength /callback/secret",
        "enum /data/anlass",
        "contentEncoding /attachments/0/content",
        "enum /attachments/0/mimeType",
    ];
    check(&bench, change, VIOLATED, &expected).await;
    // Also where the request goes nowhere.
    let change = |body: &mut Value| {
        body["region"] = json!("020000000000");
        body["data"]["anlass"] = json!("nichts");
    };
    check(
        &bench,
        change,
        (422, "no-route"),
        &["no-route /region", "enum /data/anlass"],
    )
    .await;
    let change = |body: &mut Value| {
        body.as_object_mut().unwrap().remove("region");
        body["data"]["anlass"] = json!("nichts");
    };
    check(
        &bench,
        change,
        VIOLATED,
        &["required /region", "enum /data/anlass"],
    )
    .await;
}

#[tokio::test]
async fn members_of_the_wrong_form_are_findings() {
    let bench = bench().await;
    let fink = json!({ "fink": { "finkPostfachRef": "Ä" } });
    let cases = [
        ("data", json!([]), "type /data"),
        ("data", json!(null), "required /data"),
        ("service", json!("x"), "pattern /service"),
        ("region", json!("6"), "pattern /region"),
        ("attachments", json!({}), "type /attachments"),
        ("attachments", json!([7]), "type /attachments/0"),
        (
            "replyChannel",
            json!({ "pigeon": {} }),
            "unknown-channel /replyChannel",
        ),
        (
            "replyChannel",
            fink,
            "pattern /replyChannel/fink/finkPostfachRef",
        ),
    ];
    for (member, value, finding) in cases {
        check(&bench, |body| body[member] = value, VIOLATED, &[finding]).await;
    }
    let id = Uuid::nil().to_string();
    let change = |body: &mut Value| body["destinationId"] = json!(id);
    let expected = ["destination-not-found /destinationId", "oneOf /region"];
    check(&bench, change, (404, "destination-not-found"), &expected).await;
}

#[tokio::test]
async fn letters_outside_din_91379_are_found() {
    let bench = bench().await;
    let change =
        |body: &mut Value| body["data"]["antragsteller"][0]["familienname"] = json!("Иванов");
    check(
        &bench,
        change,
        VIOLATED,
        &["din-91379 /data/antragsteller/0/familienname"],
    )
    .await;
}

#[tokio::test]
async fn attachments_keep_to_the_services_rules() {
    let bench = bench_of(|parts| {
        parts.limits = Limits {
            attachments: 3,
            ..Limits::default()
        }
    })
    .await;
    let one = dog()["attachments"][0].clone();
    let change = |body: &mut Value| body["attachments"] = json!([one, one, one, one]);
    check(
        &bench,
        change,
        (422, "too-many-attachments"),
        &["maxItems /attachments"],
    )
    .await;
    let change = |body: &mut Value| body["attachments"][0]["purpose"] = json!("report");
    check(&bench, change, VIOLATED, &["enum /attachments/0/purpose"]).await;
    let change = |body: &mut Value| body["attachments"][0]["content"] = json!("");
    check(
        &bench,
        change,
        VIOLATED,
        &["minLength /attachments/0/content"],
    )
    .await;
    let change = |body: &mut Value| body["attachments"][0]["filename"] = json!("../x.pdf");
    check(
        &bench,
        change,
        VIOLATED,
        &["filename /attachments/0/filename"],
    )
    .await;
}

#[tokio::test]
async fn a_key_for_replies_keeps_the_key_policy() {
    let bench = bench().await;
    let reply = |key: Value| {
        let standards = ["urn:xoev-de:fim:standard:x_1.0"];
        json!({ "fitConnect": { "processStandards": standards, "encryptionPublicKey": key } })
    };
    let mut key = ENCRYPTION_KEY.public().to_json();
    key.as_object_mut().unwrap().remove("x5c");
    let mut body = dog();
    body["replyChannel"] = reply(key.clone());
    let answer = bench.post(VALIDATIONS).by("sender").json(&body).await;
    answer.expect(200);
    key["alg"] = json!("RSA1_5");
    let change = |body: &mut Value| body["replyChannel"] = reply(key);
    check(
        &bench,
        change,
        VIOLATED,
        &["key-policy /replyChannel/fitConnect/encryptionPublicKey/alg"],
    )
    .await;
    bench
        .change_destination(|d| d.reply_channels = Some("{\"deMail\":{}}".into()))
        .await;
    check(&bench, |_| (), VIOLATED, &["enum /replyChannel"]).await;
}

#[tokio::test]
async fn a_request_that_goes_nowhere_is_told_why() {
    let bench = bench().await;
    let unknown = json!("urn:de:fim:leika:leistung:99999999999999");
    check(
        &bench,
        |b| b["service"] = unknown,
        (422, "service-unknown"),
        &["service-unknown /service"],
    )
    .await;
    check(
        &bench,
        |b| b["region"] = json!("09"),
        (422, "no-route"),
        &["no-route /region"],
    )
    .await;

    let named = |id: DestinationId| {
        move |body: &mut Value| {
            body.as_object_mut().unwrap().remove("region");
            body["destinationId"] = json!(id);
        }
    };
    let gone = DestinationId::from_uuid(Uuid::new_v4());
    check(
        &bench,
        named(gone),
        (404, "destination-not-found"),
        &["destination-not-found /destinationId"],
    )
    .await;
    let several = |body: &mut Value| {
        named(bench.destination)(body);
        body.as_object_mut().unwrap().remove("service");
    };
    check(&bench, several, VIOLATED, &["required /service"]).await;

    bench
        .change_destination(|d| d.status = DestinationStatus::Inactive)
        .await;
    let state = (422, "destination-state-invalid");
    check(
        &bench,
        named(bench.destination),
        state,
        &["destination-state-invalid /destinationId"],
    )
    .await;
    check(&bench, |_| (), (422, "no-route"), &["no-route /region"]).await;
    bench
        .change_destination(|d| d.status = DestinationStatus::Active)
        .await;

    bench
        .change_destination(|d| d.metadata_versions = vec!["1.0.0".into()])
        .await;
    check(
        &bench,
        |_| (),
        (422, "schema-not-offered"),
        &["schema-not-offered /service"],
    )
    .await;
    bench
        .change_destination(|d| d.metadata_versions = vec!["2.1.0".into()])
        .await;
}

#[tokio::test]
async fn two_destinations_alike_are_ambiguous() {
    let bench = bench().await;
    let mut other = destination_of("other-subscriber", DestinationId::from_uuid(Uuid::new_v4()));
    other.services = offers(KASSEL);
    bench.put_destination(other).await;
    check(
        &bench,
        |_| (),
        (422, "route-ambiguous"),
        &["route-ambiguous /region"],
    )
    .await;
}

#[tokio::test]
async fn a_region_may_be_written_with_its_country() {
    let bench = bench().await;
    let mut body = dog();
    body["region"] = json!(KASSEL);
    send(&bench, &body).await.expect(201);
    body.as_object_mut().unwrap().remove("region");
    body["destinationId"] = json!(bench.destination);
    send(&bench, &body).await.expect(201);
}

#[tokio::test]
async fn only_who_may_send_there_sends() {
    let scoped = |id: &str, scopes: Vec<Scope>| Client {
        id: id.parse().unwrap(),
        secret_sha256: sha256_hex(SECRET.as_bytes()),
        rights: vec![Right::Send],
        scopes,
    };
    let hamburg = Scope::SendRegion("DE02".parse().unwrap());
    let hesse = Scope::SendRegion("DE06".parse().unwrap());
    let clients = [
        scoped("hamburg", vec![hamburg]),
        scoped("hesse", vec![hesse]),
        Client {
            rights: vec![Right::Manage],
            ..scoped("manager", vec![])
        },
    ];
    let bench = bench_of(|parts| parts.clients = Clients::new(clients)).await;
    for path in [SUBMISSIONS, VALIDATIONS] {
        bench
            .post(path)
            .json(&dog())
            .await
            .refuses(401, "token-missing");
        bench
            .post(path)
            .by("hamburg")
            .json(&dog())
            .await
            .refuses(403, "not-permitted");
        bench
            .post(path)
            .by("manager")
            .json(&dog())
            .await
            .refuses(403, "not-permitted");
    }
    expect_nothing(&bench).await;
    bench
        .post(SUBMISSIONS)
        .by("hesse")
        .json(&dog())
        .await
        .expect(201);
}

#[tokio::test]
async fn a_body_too_large_is_refused() {
    let bench = bench_of(|parts| {
        parts.limits = Limits {
            intake_bytes: 2_000,
            ..Limits::default()
        }
    })
    .await;
    for path in [SUBMISSIONS, VALIDATIONS] {
        bench
            .post(path)
            .by("sender")
            .json(&dog())
            .await
            .refuses(413, "body-too-large");
    }
    expect_nothing(&bench).await;
}

#[tokio::test]
async fn the_title_is_in_the_language_that_was_asked_for() {
    let bench = bench().await;
    let ask = bench
        .post(VALIDATIONS)
        .by("sender")
        .header("accept-language", "de-DE, en;q=0.5");
    let answer = ask.json(&json!({})).await;
    assert_eq!(
        answer.refuses(422, "schema-violated").json()["title"],
        "Die Daten verletzen ihr Schema"
    );
    assert_eq!(
        answer.findings(),
        ["required /service", "required /region", "required /data"]
    );
}

/// What was logged by the whole process: work on the crypto pool counts, too.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_value_of_a_request_comes_back_or_is_logged() {
    const MARK: &str = "ZzMarke";
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).expect("nobody else sets it");
    let bench = bench().await;
    let mut bad = dog();
    let mark = |text: &str| json!(format!("{MARK}{text}"));
    bad["data"]["anlass"] = mark("");
    bad["data"]["antragsteller"][0]["anschrift"]["plz"] = mark("");
    bad["data"]["antragsteller"][0]["familienname"] = mark("И");
    bad["data"][format!("{MARK} {MARK}")] = json!(1);
    bad[format!("{MARK} {MARK}")] = json!(1);
    bad["senderReference"] = mark("\n");
    bad["replyChannel"] = json!({ "eMail": { "address": MARK } });
    bad["callback"] = json!({ "url": format!("http://{MARK}"), "secret": MARK });
    bad["attachments"][0]["filename"] = mark("/");
    bad["attachments"][0]["content"] = mark("%");
    let mut lost = bad.clone();
    lost["region"] = mark("");
    lost["service"] = mark(" ");
    let broken = format!("{{\"data\": {{\"name\": \"{MARK}\" {MARK}");
    let mut good = dog();
    good["data"]["antragsteller"][0]["familienname"] = mark("");
    good["senderReference"] = mark("");
    for path in [VALIDATIONS, SUBMISSIONS] {
        for body in [
            bad.to_string(),
            lost.to_string(),
            broken.clone(),
            good.to_string(),
        ] {
            let answer = bench
                .post(path)
                .by("sender")
                .body("application/json", body)
                .await;
            assert!(!answer.text().contains(MARK), "{}", answer.text());
            assert!(!format!("{:?}", answer.headers).contains(MARK));
        }
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("answered 422"), "the log was not caught");
    assert!(logged.contains("by intake"), "the log was not caught");
    assert!(!logged.contains(MARK), "{logged}");
}

//! Replies: sealed and sent by a subscriber; listed, verified, opened and answered by who opened the case.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amtsbote_client::verify::{ExpectedReply, Keys, reply_log};
use amtsbote_client::{
    NotOpened, NotSealed, Posted, ReplyAttachment, ReplyContent, Sender, Subscriber, open_reply,
    reply_key,
};
use amtsbote_fit_connect::event::{
    AuthenticationTags, Claims, EventKind, Issuer, Part, Payload, SetSchema, Violation,
};
use amtsbote_fit_connect::metadata::{ContentStructure, Metadata, ReplyChannel};
use amtsbote_fit_connect::reply::{CreateReply, Reply, ReplyReduced, ReplyRef};
use amtsbote_fit_connect::{ApiVersion, Paging};
use amtsbote_jose::{KeySet, KeyUse, PrivateKey, sign};
use amtsbote_model::submission::State;
use amtsbote_model::{EventId, Personal, SubmissionSchema, Timestamp};
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;

use super::stage::{ATTACHMENT, CASE, DESTINATION, NOW_S, Say, Stage, problem};

const REPLY: &str = "3f0f2a65-4b9e-4b52-8f0c-5d8f4a0d4a11";
const SERVICE: &str = "https://service.example/submission-api";

fn ids() -> ReplyRef {
    ReplyRef {
        reply_id: REPLY.parse().unwrap(),
        case_id: CASE.parse().unwrap(),
    }
}

fn content() -> ReplyContent {
    ReplyContent {
        data: Personal::new(br#"{"bescheid":"erteilt"}"#.to_vec()),
        schema: SubmissionSchema {
            schema_uri: "https://schema.example/bescheid/1.0".into(),
            mime_type: "application/json".into(),
        },
        attachments: vec![ReplyAttachment {
            id: ATTACHMENT.parse().unwrap(),
            mime_type: "application/pdf".into(),
            filename: Some(Personal::new("bescheid.pdf".into())),
            content: Personal::new(b"%PDF-1.7".to_vec()),
        }],
    }
}

fn with_channel(key: &PrivateKey) -> Metadata {
    let mut metadata = Metadata::new(ContentStructure {
        data: None,
        attachments: vec![],
    });
    metadata.reply_channel = Some(ReplyChannel::FitConnect {
        process_standards: vec!["https://schema.example/bescheid/1.0".into()],
        encryption_public_key: key.public().to_json(),
    });
    metadata
}

#[test]
fn a_reply_is_sealed_for_the_key_in_the_metadata_and_opened_by_its_owner() {
    let own = PrivateKey::generate(KeyUse::Encryption, "reply-key-1").unwrap();
    let key = reply_key(&with_channel(&own)).unwrap();
    let sealed = content().seal(&key).unwrap();
    let (id, attachment) = &sealed.attachments[0];
    let data = sealed.body.encrypted_data.clone().unwrap();
    let tag = |jwe: &amtsbote_fit_connect::submission::CompactJwe| jwe.tag().unwrap().to_owned();
    let tags = AuthenticationTags {
        metadata: tag(&sealed.body.encrypted_metadata),
        data: Some(tag(&data)),
        attachments: [(*id, tag(attachment))].into(),
    };
    let reply = Reply {
        reduced: ReplyReduced {
            ids: ids(),
            destination_id: None,
            attachments: vec![*id],
        },
        encrypted_metadata: sealed.body.encrypted_metadata.clone(),
        encrypted_data: Some(data),
    };
    let keys = [own];
    let opened = open_reply(&reply, &tags, &keys, 1000).unwrap();
    assert_eq!(
        opened.data.as_ref().unwrap().reveal(),
        content().data.reveal()
    );
    let file = opened.open_attachment((*id, attachment), &tags, &keys, 1000);
    assert_eq!(file.unwrap().reveal(), b"%PDF-1.7");

    // What is not what the log says is not opened.
    let mut others = tags.clone();
    others.metadata = "AAAAAAAAAAAAAAAAAAAAAA".into();
    let refused = open_reply(&reply, &others, &keys, 1000).unwrap_err();
    assert_eq!(refused, NotOpened::Tag("metadata"));
    let mut fewer = reply.clone();
    fewer.reduced.attachments.clear();
    let refused = open_reply(&fewer, &tags, &keys, 1000).unwrap_err();
    assert_eq!(refused, NotOpened::Attachments);
    let stranger = PrivateKey::generate(KeyUse::Encryption, "reply-key-1").unwrap();
    let refused = open_reply(&reply, &tags, &[stranger], 1000).unwrap_err();
    assert_eq!(refused, NotOpened::Sealed("metadata"));
}

#[test]
fn without_a_channel_there_is_no_key() {
    let mut metadata = Metadata::new(ContentStructure {
        data: None,
        attachments: vec![],
    });
    assert_eq!(reply_key(&metadata).unwrap_err(), NotSealed::NoChannel);
    metadata.reply_channel = Some(ReplyChannel::FitConnect {
        process_standards: vec![],
        encryption_public_key: json!({ "kty": "RSA" }),
    });
    assert_eq!(reply_key(&metadata).unwrap_err(), NotSealed::Key);
}

#[tokio::test]
async fn a_subscriber_sends_a_reply() {
    let answer = json!({ "replyId": REPLY, "caseId": CASE });
    let stage = Stage::play([
        Say::json(201, &answer),
        Say::empty(204),
        Say::json(200, &answer),
    ])
    .await;
    let subscriber = Subscriber::new(stage.session(ApiVersion::V2));
    let announced = subscriber
        .announce_reply(&CreateReply {
            case_id: CASE.parse().unwrap(),
            destination_id: None,
            announced_attachments: vec![ATTACHMENT.parse().unwrap()],
        })
        .await
        .unwrap();
    assert_eq!(announced, ids());
    let pieces = stream::iter([Ok(Bytes::from("k.l.")), Ok(Bytes::from("m.n.o"))]);
    let attachment = ATTACHMENT.parse().unwrap();
    subscriber
        .upload_to_reply(announced.reply_id, attachment, pieces, Some(9))
        .await
        .unwrap();
    let sealed = amtsbote_fit_connect::submission::SubmitSubmission {
        encrypted_metadata: "a.b.c.d.e".parse().unwrap(),
        encrypted_data: Some("f.g.h.i.j".parse().unwrap()),
    };
    let submitted = subscriber.submit_reply(announced.reply_id, &sealed).await;
    assert_eq!(submitted.unwrap().ids, ids());
    assert_eq!(
        stage.lines(),
        [
            "POST /submission-api/v2/replies".to_owned(),
            format!("PUT /submission-api/v2/replies/{REPLY}/attachments/{ATTACHMENT}"),
            format!("PUT /submission-api/v2/replies/{REPLY}"),
        ]
    );
    assert_eq!(stage.asked()[1].body, b"k.l.m.n.o");
}

#[tokio::test]
async fn who_opened_the_case_lists_fetches_and_answers() {
    let entry = json!({ "replyId": REPLY, "caseId": CASE });
    let mut whole = entry.clone();
    whole["encryptedMetadata"] = json!("a.b.c.d.e");
    let stage = Stage::play([
        Say::json(200, &json!({ "replies": [entry] })),
        Say::json(200, &whole),
        Say::text(200, "application/jose", "k.l.m.n.o"),
        Say::empty(204),
        problem(409, "https://amtsbote.example/problems/illegal-step"),
    ])
    .await;
    let sender = Sender::new(stage.session(ApiVersion::V2));
    let paging = Paging {
        offset: 0,
        limit: 10,
    };
    let waiting = sender
        .replies(paging, Duration::from_secs(9))
        .await
        .unwrap();
    assert_eq!(waiting.replies, [ids()]);
    let id = waiting.replies[0].reply_id;
    let fetched = sender.fetch_reply(id).await.unwrap();
    assert_eq!(fetched.encrypted_data, None);
    let mut stream = sender
        .download_of_reply(id, ATTACHMENT.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "k.l.m.n.o");
    let tags = AuthenticationTags {
        metadata: "e".into(),
        data: None,
        attachments: [].into(),
    };
    assert_eq!(sender.accept_reply(id, &tags).await.unwrap(), Posted::Done);
    let problems = vec![Violation::HashMismatch.problem(Part::Data, "x")];
    assert_eq!(
        sender.reject_reply(id, problems).await.unwrap(),
        Posted::IllegalStep
    );
    let asked = stage.asked();
    assert_eq!(
        asked[0].line,
        "GET /submission-api/v2/replies?offset=0&limit=10"
    );
    assert_eq!(asked[0].header("prefer"), "wait=9");
    assert_eq!(
        asked[3].json(),
        json!({ "authenticationTags": { "metadata": "e", "attachments": {} } })
    );
    assert_eq!(
        asked[4].line,
        format!("PUT /submission-api/v2/replies/{REPLY}/reject")
    );
}

fn next_id() -> EventId {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{number:032}").parse().unwrap()
}

fn event(kind: EventKind, payload: Payload, issuer: Issuer, key: &PrivateKey) -> String {
    let claims = Claims {
        schema: Some(SetSchema::CURRENT),
        id: next_id(),
        issuer,
        issued_at: Timestamp::from_seconds(NOW_S),
        subject: ids().reply_id.into(),
        case_id: ids().case_id,
        kind,
        payload,
    };
    sign(claims.body().to_string().as_bytes(), key, "secevent+jwt").unwrap()
}

#[test]
fn the_log_of_a_reply_is_the_services_to_write() {
    let key = PrivateKey::generate(KeyUse::Signature, "service-key-1").unwrap();
    let service = || Issuer::Service(SERVICE.to_owned());
    let tags = AuthenticationTags {
        metadata: "AA".into(),
        data: None,
        attachments: [].into(),
    };
    let mut log = vec![
        event(EventKind::CreateReply, Payload::Empty, service(), &key),
        event(
            EventKind::SubmitReply,
            Payload::Tags(tags.clone()),
            service(),
            &key,
        ),
    ];
    let keys = Keys {
        service: KeySet::new(vec![key.public().clone()]),
        destination: KeySet::new(vec![key.public().clone()]),
    };
    let expected = ExpectedReply {
        service: SERVICE,
        ids: ids(),
        destination_id: DESTINATION.parse().unwrap(),
    };
    let verified = reply_log(&log, &expected, &keys).unwrap();
    assert_eq!(verified.state(), State::Submitted);
    assert_eq!(verified.tags(), Some(&tags));

    let accepted = event(
        EventKind::AcceptReply,
        Payload::Tags(tags.clone()),
        service(),
        &key,
    );
    log.push(accepted.clone());
    assert_eq!(
        reply_log(&log, &expected, &keys).unwrap().state(),
        State::Accepted
    );
    // Twice is out of order, and who sends a reply cannot accept it.
    let rules = |log: &[String]| {
        let findings = reply_log(log, &expected, &keys).unwrap_err();
        let rules = findings.iter().map(|finding| finding.rule.clone());
        rules.collect::<Vec<_>>()
    };
    log.push(event(
        EventKind::AcceptReply,
        Payload::Tags(tags.clone()),
        service(),
        &key,
    ));
    assert_eq!(rules(&log), ["set-order"]);
    log.truncate(2);
    let sender = Issuer::Destination(DESTINATION.parse().unwrap());
    log.push(event(
        EventKind::AcceptReply,
        Payload::Tags(tags),
        sender,
        &key,
    ));
    assert_eq!(rules(&log), ["set-pairing"]);
    log.truncate(1);
    log.push(accepted);
    assert!(rules(&log).contains(&"set-order".to_owned()));
}

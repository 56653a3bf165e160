use std::sync::LazyLock;

use amtsbote_fit_connect::event::{
    AuthenticationTags, Claims, EventKind, Issuer, NotifyType, Payload, SetSchema,
};
use amtsbote_gateway::sealer::LOG_HEAD_TYP;
use amtsbote_jose::{KeyUse, PrivateKey, SelfSigned, sign};
use amtsbote_model::{CaseId, DestinationId, EventId, ReplyId, Subject, SubmissionId, Timestamp};
use amtsbote_store::Event;
use amtsbote_store::chain::{Block, Leaf, hex, path};
use serde_json::{Value, json};
use uuid::Uuid;

use super::form::{KeyLists, LoggedEvent, NotSealed, Place, Proof};
use super::*;

const SERVICE: &str = "https://amtsbote.example.de/submission-api";
const START_S: i64 = 1_790_000_000;

fn case() -> CaseId {
    CaseId::from_uuid(Uuid::from_u128(1))
}

fn destination() -> DestinationId {
    DestinationId::from_uuid(Uuid::from_u128(2))
}

fn submission() -> SubmissionId {
    SubmissionId::from_uuid(Uuid::from_u128(3))
}

/// Keys cost seconds: one of each for all tests.
struct Signers {
    service: PrivateKey,
    destination: PrivateKey,
}

static SIGNERS: LazyLock<Signers> = LazyLock::new(|| {
    let make = |name: &str| {
        let wish = SelfSigned {
            common_name: name,
            not_before_s: START_S - 1,
            not_after_s: START_S + 3600,
        };
        PrivateKey::generate_self_signed(KeyUse::Signature, name, &wish).unwrap()
    };
    Signers {
        service: make("zustelldienst"),
        destination: make("musterstadt"),
    }
});

fn tags() -> AuthenticationTags {
    AuthenticationTags {
        metadata: "F".repeat(22),
        data: Some("G".repeat(22)),
        attachments: std::collections::BTreeMap::new(),
    }
}

fn event(number: i64, subject: Subject, kind: EventKind, payload: Payload) -> Event {
    let by_destination = matches!(kind, EventKind::AcceptSubmission);
    let (issuer, key) = if by_destination {
        (Issuer::Destination(destination()), &SIGNERS.destination)
    } else {
        (Issuer::Service(SERVICE.to_owned()), &SIGNERS.service)
    };
    let claims = Claims {
        schema: Some(SetSchema::CURRENT),
        id: EventId::from_uuid(Uuid::from_u128(100 + u128::from(number.unsigned_abs()))),
        issuer,
        issued_at: Timestamp::from_seconds(START_S + number),
        subject,
        case_id: case(),
        kind,
        payload,
    };
    Event {
        id: claims.id,
        case_id: case(),
        subject,
        name: kind.slug().to_owned(),
        issuer: if by_destination {
            amtsbote_model::submission::Issuer::Subscriber
        } else {
            amtsbote_model::submission::Issuer::Service
        },
        at: Timestamp::from_millis((START_S + number) * 1000 + 7),
        token: sign(claims.body().to_string().as_bytes(), key, "secevent+jwt").unwrap(),
    }
}

fn log() -> Vec<Event> {
    let of = Subject::Submission(submission());
    let reply = Subject::Reply(ReplyId::from_uuid(Uuid::from_u128(4)));
    [
        (of, EventKind::CreateSubmission, Payload::Empty),
        (of, EventKind::SubmitSubmission, Payload::Tags(tags())),
        (
            of,
            EventKind::NotifySubmission,
            Payload::Notify(NotifyType::Polling),
        ),
        (of, EventKind::AcceptSubmission, Payload::Tags(tags())),
        (reply, EventKind::CreateReply, Payload::Empty),
        (reply, EventKind::SubmitReply, Payload::Tags(tags())),
    ]
    .into_iter()
    .zip(1..)
    .map(|((subject, kind, payload), number)| event(number, subject, kind, payload))
    .collect()
}

fn receipt(level: &str, key: &PrivateKey, more: &Value) -> String {
    let by_service = level == "accepted";
    let mut claims = json!({
        "iss": if by_service { SERVICE.to_owned() } else { destination().to_string() },
        "iat": START_S + 2, "jti": Uuid::from_u128(200).to_string(), "sub": submission().prefixed(),
        "txn": case().prefixed(), "level": level, "destinationId": destination(),
    });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    sign(claims.to_string().as_bytes(), key, "amtsbote-receipt+jwt").unwrap()
}

fn accepted() -> String {
    let more = json!({ "receivedAt": "2026-09-21T14:13:22.5Z", "authenticationTags": tags() });
    receipt("accepted", &SIGNERS.service, &more)
}

fn taken_on() -> String {
    let more = json!({ "takenOnAt": "2026-09-22T10:00:00Z", "message": "1121", "messageId": "m",
        "fileNumber": "BA-2026-0815" });
    receipt("takenOn", &SIGNERS.destination, &more)
}

fn signed(mut block: Block) -> Block {
    let claims =
        json!({ "iss": SERVICE, "iat": block.at.as_seconds(), "hash": hex(&block.hash()) });
    let claims = claims.to_string();
    block.signature = sign(claims.as_bytes(), &SIGNERS.service, LOG_HEAD_TYP).unwrap();
    block
}

/// Five blocks: four events of the case beside one of another in 1, two in 3, others' in 2, 4 and 5.
fn chain(events: &[Event]) -> (Vec<Block>, Vec<Option<Place>>) {
    let foreign = |number| {
        Leaf::of(&event(
            number,
            Subject::Submission(submission()),
            EventKind::DeleteSubmission,
            Payload::Empty,
        ))
    };
    let own: Vec<Leaf> = events.iter().map(Leaf::of).collect();
    let leaves = [
        [vec![foreign(50)], own[..4].to_vec()].concat(),
        vec![foreign(51)],
        own[4..].to_vec(),
        vec![foreign(52)],
        vec![foreign(53)],
    ];
    let (mut blocks, mut places): (Vec<Block>, Vec<Option<Place>>) = (Vec::new(), Vec::new());
    for leaves in &leaves {
        let at = Timestamp::from_seconds(START_S + 100);
        let block = signed(Block::after(blocks.last(), leaves, at).unwrap());
        let hashes: Vec<_> = leaves.iter().map(Leaf::hash).collect();
        for (position, leaf) in leaves.iter().enumerate() {
            if events.iter().any(|event| event.id == leaf.event_id) {
                let beside = path(&hashes, position);
                places.push(Some(Place {
                    block: block.number,
                    position: position as u64,
                    at: leaf.at.as_millis(),
                    path: beside.iter().map(hex).collect(),
                }));
            }
        }
        blocks.push(block);
    }
    (blocks, places)
}

/// The blocks as they stand in files: those between need no signature.
fn shown(
    blocks: &[Block],
    numbers: std::ops::RangeInclusive<u64>,
    signed: &[u64],
) -> Vec<SealedBlock> {
    let chosen = blocks
        .iter()
        .filter(|block| numbers.contains(&block.number));
    chosen
        .map(|block| {
            let mut shown = SealedBlock::of_block(block);
            if !signed.contains(&block.number) {
                shown.signature = None;
            }
            shown
        })
        .collect()
}

struct Stage {
    file: ReceiptFile,
    blocks: Vec<Block>,
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let events = log();
    let (blocks, places) = chain(&events);
    let logged = events.iter().zip(places).map(|(event, place)| LoggedEvent {
        token: event.token.clone(),
        proof: place.map_or(Proof::Not(NotSealed::Pending), Proof::Sealed),
    });
    let file = ReceiptFile {
        format: FORMAT.to_owned(),
        service: SERVICE.to_owned(),
        case_id: case(),
        destination_id: destination(),
        receipts: vec![accepted(), taken_on()],
        events: logged.collect(),
        keys: KeyLists {
            service: vec![SIGNERS.service.public().to_json()],
            destination: vec![SIGNERS.destination.public().to_json()],
        },
        blocks: shown(&blocks, 1..=4, &[1, 3, 4]),
    };
    Stage { file, blocks }
});

/// The service's key is pinned, the destination's certificate is its own anchor.
fn trust() -> Trust {
    let dir = tempfile::tempdir().unwrap();
    let jwk = SIGNERS.destination.public().to_json();
    let der = jwk["x5c"][0].as_str().unwrap();
    let lines: Vec<&str> = der
        .as_bytes()
        .chunks(64)
        .map(|l| std::str::from_utf8(l).unwrap())
        .collect();
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    );
    let (anchor, key) = (dir.path().join("anchor.pem"), dir.path().join("key.jwk"));
    std::fs::write(&anchor, pem).unwrap();
    std::fs::write(&key, SIGNERS.service.public().to_json().to_string()).unwrap();
    let given = [
        format!("destination={}", anchor.display()),
        format!("service={}", key.display()),
    ];
    Trust::read(&given).unwrap()
}

fn rules(file: &ReceiptFile, trust: &Trust, head: Option<&HeadFile>) -> Vec<String> {
    let findings = check(file, trust, head).err().unwrap_or_default();
    findings
        .into_iter()
        .map(|one| format!("{} {}", one.at, one.rule))
        .collect()
}

fn head(blocks: Vec<SealedBlock>) -> HeadFile {
    HeadFile {
        format: HEAD_FORMAT.to_owned(),
        blocks,
    }
}

#[test]
fn a_whole_file_tells_all_three_levels() {
    let statement = check(&STAGE.file, &trust(), None).unwrap();
    assert!(statement.is_whole() && statement.linked);
    let [one] = &statement.submissions[..] else {
        panic!("one submission was expected")
    };
    assert_eq!(one.state, "accepted");
    assert_eq!(
        one.accepted_at.unwrap().to_rfc3339(),
        "2026-09-21T14:13:22.500Z"
    );
    assert_eq!(one.delivered_at, Some(Timestamp::from_seconds(START_S + 4)));
    assert_eq!(one.taken_on[0].file_number.as_deref(), Some("BA-2026-0815"));
    assert_eq!(statement.replies[0].state, "submitted");
    let blocks: Vec<_> = statement
        .events
        .iter()
        .map(|e| e.sealed.unwrap().block)
        .collect();
    assert_eq!(blocks, [1, 1, 1, 1, 3, 3]);
    let keys: Vec<_> = statement
        .keys
        .iter()
        .map(|key| (key.vouched, key.certified_name.as_deref()))
        .collect();
    assert_eq!(
        keys,
        [
            (Vouched::Pinned, None),
            (Vouched::Certified, Some("musterstadt"))
        ]
    );
    assert_eq!(statement.head.unwrap().number, 4);
}

#[test]
fn the_file_is_as_its_schema_says() {
    let schema = include_bytes!("../../../../docs/spec/receipt-file-1.schema.json");
    let schema = amtsbote_validate::json::Schema::compile(schema).unwrap();
    let mut file = STAGE.file.clone();
    assert_eq!(schema.check(&serde_json::to_value(&file).unwrap()), []);
    file.events[5].proof = Proof::Not(NotSealed::Pending);
    let mut value = serde_json::to_value(&file).unwrap();
    assert_eq!(schema.check(&value), []);
    value["more"] = true.into();
    assert_ne!(schema.check(&value), []);
}

/// One byte changed, taken away or put in, at a place.
fn mutated(text: &[u8], at: usize, kind: usize) -> Vec<u8> {
    let mut bytes = text.to_vec();
    match kind % 6 {
        0 => bytes[at] ^= 1,
        1 => bytes[at] ^= 0x20,
        2 => bytes[at] = bytes[at].wrapping_add(1),
        3 => bytes[at] = b'0' + u8::try_from(at % 10).unwrap(),
        4 => drop(bytes.remove(at)),
        _ => bytes.insert(at, bytes[at]),
    }
    bytes
}

#[expect(
    clippy::disallowed_methods,
    reason = "the long run is asked for by hand"
)]
fn is_long() -> bool {
    std::env::var_os("AMTSBOTE_LONG").is_some()
}

/// With `AMTSBOTE_LONG`: every byte in six ways, which takes some minutes; without: about two hundred, spread over the file.
#[test]
fn a_changed_byte_is_found_or_changes_nothing_that_is_said() {
    let (text, trust) = (serde_json::to_vec(&STAGE.file).unwrap(), trust());
    let said = check(&STAGE.file, &trust, None).unwrap();
    let step = if is_long() { 1 } else { text.len() / 200 };
    let (mut found, mut same) = (0, 0);
    for at in (0..text.len()).step_by(step) {
        let kinds = if is_long() {
            0..6
        } else {
            at / step % 6..at / step % 6 + 1
        };
        for kind in kinds {
            let bytes = mutated(&text, at, kind);
            let read = serde_json::from_slice::<ReceiptFile>(&bytes).ok();
            let read = read.filter(|file| file.format == FORMAT);
            match read.map(|file| check(&file, &trust, None)) {
                None | Some(Err(_)) => found += 1,
                Some(Ok(now)) => {
                    let place = String::from_utf8_lossy(&text[at.saturating_sub(60)..=at]);
                    assert_eq!(now, said, "byte {at} ({kind}): …{place}");
                    same += 1;
                }
            }
        }
    }
    assert!(
        found > 10 * same,
        "{found} found, {same} without a difference"
    );
}

#[test]
fn what_is_taken_out_or_moved_is_found_where_that_can_be_known() {
    let trust = trust();
    let without = |number: usize| {
        let mut file = STAGE.file.clone();
        file.events.remove(number);
        rules(&file, &trust, None)
    };
    assert_eq!(
        without(0),
        [
            "/events/0 set-order",
            "/events/1 set-order",
            "/events/2 set-order"
        ]
    );
    assert!(!without(1).is_empty());
    let mut file = STAGE.file.clone();
    file.events.swap(3, 4);
    assert_eq!(rules(&file, &trust, None), ["/events/4/proof proof-order"]);
    file = STAGE.file.clone();
    file.events[3].proof = Proof::Not(NotSealed::Pending);
    assert_eq!(
        rules(&file, &trust, None).len(),
        2,
        "what comes after it is sealed"
    );
    file = STAGE.file.clone();
    file.blocks.remove(0);
    assert_eq!(rules(&file, &trust, None).len(), 4);
}

#[test]
fn what_is_not_sealed_yet_is_said() {
    let mut file = STAGE.file.clone();
    file.events[5].proof = Proof::Not(NotSealed::Pending);
    let statement = check(&file, &trust(), None).unwrap();
    assert_eq!((statement.pending, statement.is_whole()), (1, false));
    assert_eq!(statement.events[5].sealed, None);
}

#[test]
fn a_newer_head_goes_on_does_not_connect_or_shows_another_log() {
    let (file, trust, blocks) = (&STAGE.file, trust(), &STAGE.blocks);
    let goes_on = |head: &HeadFile| {
        let statement = check(file, &trust, Some(head)).unwrap();
        (
            statement.newer_head.as_ref().unwrap().goes_on,
            statement.is_whole(),
        )
    };
    assert_eq!(goes_on(&head(shown(blocks, 5..=5, &[5]))), (true, true));
    assert_eq!(goes_on(&head(shown(blocks, 4..=5, &[5]))), (true, true));
    assert_eq!(goes_on(&head(shown(blocks, 3..=3, &[3]))), (true, true));
    let far = signed(Block {
        number: 9,
        first: 90,
        ..blocks[4].clone()
    });
    assert_eq!(goes_on(&head(shown(&[far], 9..=9, &[9]))), (false, false));

    let other = signed(Block {
        root: [9; 32],
        ..blocks[3].clone()
    });
    let fork = head(shown(&[other], 4..=4, &[4]));
    assert_eq!(rules(file, &trust, Some(&fork)), ["/head head"]);
    let other = signed(Block {
        previous: [9; 32],
        ..blocks[4].clone()
    });
    let fork = head(shown(&[other], 5..=5, &[5]));
    assert_eq!(rules(file, &trust, Some(&fork)), ["/head head"]);
    let unsigned = head(shown(blocks, 5..=5, &[]));
    assert_eq!(
        rules(file, &trust, Some(&unsigned)),
        ["/head/blocks/0 block-signature"]
    );
}

#[test]
fn nobody_is_believed_for_what_he_was_not_named_for() {
    let file = &STAGE.file;
    let service = SIGNERS.service.public().clone();
    let destination = SIGNERS.destination.public().clone();
    let only = Trust::pinning([(Role::Service, service.clone())]);
    assert_eq!(
        rules(file, &only, None),
        ["/keys/destination/musterstadt trust"]
    );
    let swapped = Trust::pinning([(Role::Destination, service), (Role::Service, destination)]);
    assert_eq!(rules(file, &swapped, None).len(), 2);
    assert_eq!(rules(file, &Trust::default(), None).len(), 2);

    // A destination that signs for the service, with its own key in the service's list.
    let mut forged = STAGE.file.clone();
    forged.keys.service = vec![SIGNERS.destination.public().to_json()];
    let more = json!({ "receivedAt": "2026-09-21T14:13:22Z", "authenticationTags": tags() });
    forged.receipts = vec![receipt("accepted", &SIGNERS.destination, &more)];
    assert!(!rules(&forged, &trust(), None).is_empty());
}

#[test]
fn a_receipt_must_fit_the_log() {
    let trust = trust();
    let found = |token: String| {
        let mut file = STAGE.file.clone();
        file.receipts = vec![token];
        rules(&file, &trust, None)
    };
    let of_another = json!({ "takenOnAt": "2026-09-22T10:00:00Z", "txn": "case:00000000-0000-4000-8000-000000000009" });
    let foreign = receipt("takenOn", &SIGNERS.destination, &of_another);
    assert_eq!(found(foreign), ["/receipts/0 receipt-subject"]);
    let other_tags = AuthenticationTags {
        metadata: "H".repeat(22),
        ..tags()
    };
    let more = json!({ "receivedAt": "2026-09-21T14:13:22Z", "authenticationTags": other_tags });
    assert_eq!(
        found(receipt("accepted", &SIGNERS.service, &more)),
        ["/receipts/0 receipt-log"]
    );
    let by_service = receipt(
        "takenOn",
        &SIGNERS.service,
        &json!({ "takenOnAt": "2026-09-22T10:00:00Z" }),
    );
    assert_eq!(found(by_service), ["/receipts/0 receipt-key"]);
    assert_eq!(found("a.b.c".to_owned()), ["/receipts/0 receipt-form"]);
}

#[test]
fn a_certificate_that_has_run_out_since_was_good_when_it_signed() {
    // The statement is about what was signed then, whenever it is read: no clock is asked.
    assert!(check(&STAGE.file, &trust(), None).is_ok());
    let mut late = STAGE.file.clone();
    let more = json!({ "iat": START_S + 4000, "takenOnAt": "2026-09-22T10:00:00Z" });
    late.receipts = vec![receipt("takenOn", &SIGNERS.destination, &more)];
    assert_eq!(
        rules(&late, &trust(), None),
        ["/keys/destination/musterstadt trust"]
    );
}

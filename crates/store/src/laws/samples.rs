//! Records to store, made from numbers: the same number gives the same record.

use amtsbote_model::submission::{Issuer, State};
use amtsbote_model::{
    Callback, ClientId, ContactInformation, Destination, DestinationStatus, ReplyId, Secret,
    ServiceOffer, Subject, SubmissionId, SubmissionSchema, Timestamp,
};

use crate::{
    Attachment, Batch, BlobId, Case, Change, Committed, Content, Event, KeyRecord, Ledger, Mail,
    MailId, Notice, NoticeId, Page, Remembered, ReplyRecord, Submission,
};

/// The service that [`destination`] offers.
pub const SERVICE: &str = "urn:de:fim:leika:leistung:99012008001000";

/// The whole list.
pub const ALL: Page = Page {
    offset: 0,
    limit: 1000,
};

/// The identifier with this number.
pub fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(number: u32) -> T {
    format!("{number:032x}")
        .parse()
        .expect("32 hexadecimal digits are a UUID")
}

/// The submission with this number.
pub fn of(number: u32) -> Subject {
    id::<SubmissionId>(number).into()
}

/// The reply with this number.
pub fn of_reply(number: u32) -> Subject {
    id::<ReplyId>(number).into()
}

/// Seconds since 1970.
pub const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// A client.
pub fn client(number: u32) -> ClientId {
    format!("client-{number}").parse().expect("a client id")
}

/// A blob's name; there need not be a blob.
pub fn blob(number: u32) -> BlobId {
    format!("blob-{number}").parse().expect("a blob id")
}

/// An active destination of client 1.
pub fn destination(number: u32) -> Destination {
    Destination {
        id: id(number),
        owner: client(1),
        name: format!("Bauaufsicht {number}"),
        status: DestinationStatus::Active,
        encryption_kid: format!("kid-{number}"),
        metadata_versions: vec!["1.0.0".into(), "2.1.0".into()],
        services: vec![ServiceOffer {
            identifier: SERVICE.parse().expect("a service"),
            regions: vec!["DE06".parse().expect("a region")],
            submission_schemas: vec![SubmissionSchema {
                schema_uri: "https://schema.example/1.0".into(),
                mime_type: "application/json".into(),
            }],
        }],
        contact: ContactInformation {
            legal_name: "Magistrat".into(),
            address: Some("Rathausplatz 1\nÄmterhaus".into()),
            phone: None,
            email: Some("bau@example.org".into()),
            unit: None,
        },
        callback: Some(callback()),
        reply_channels: Some(r#"{"eMail":{"usePgp":false}}"#.into()),
        created_at: at(100 + i64::from(number)),
    }
}

/// A callback.
pub fn callback() -> Callback {
    Callback {
        url: "https://callback.example/".into(),
        secret: Secret::new("a secret of at least 32 characters".into()),
    }
}

/// A submission that was announced with attachments 1 and 2.
pub fn submission(number: u32, case: u32, to: u32) -> Submission {
    Submission {
        id: id(number),
        case_id: id(case),
        destination_id: id(to),
        sender: client(7),
        service: SERVICE.parse().expect("a service"),
        service_name: Some("Baugenehmigung".into()),
        region: Some("DE064140000000".parse().expect("a region")),
        state: State::Created,
        announced: vec![id(2), id(1)],
        attachments: vec![],
        callback: Some(callback()),
        created_at: at(1000 + i64::from(number)),
        submitted_at: None,
    }
}

/// Attachment `number` with blob `blob_number`.
pub fn attachment(number: u32, blob_number: u32) -> Attachment {
    Attachment {
        id: id(number),
        blob: blob(blob_number),
        size_bytes: 5_000_000_000 + u64::from(number),
        tag: "AAAAAAAAAAAAAAAAAAAAAA".into(),
    }
}

/// Sealed parts.
pub fn content() -> Content {
    Content {
        metadata: "meta.iv..cipher.tag".into(),
        data: Some("data.iv..cipher.tag".into()),
    }
}

/// Event `number` of a submission.
pub fn event(number: u32, case: u32, submission: u32) -> Event {
    Event {
        id: id(number),
        case_id: id(case),
        subject: of(submission),
        name: "create-submission".into(),
        issuer: if number.is_multiple_of(2) {
            Issuer::Service
        } else {
            Issuer::Subscriber
        },
        at: at(i64::from(number)),
        token: format!("header.{number}.signature"),
    }
}

/// A key.
pub fn key(kid: &str, added_s: i64) -> KeyRecord {
    KeyRecord {
        kid: kid.into(),
        jwk: format!(r#"{{"kid":"{kid}","n":"…"}}"#),
        added_at: at(added_s),
    }
}

/// A remembered answer to client 7.
pub fn remembered(key: &str) -> Remembered {
    Remembered {
        client: client(7),
        key: key.into(),
        fingerprint: "fingerprint".into(),
        answer: "{}".into(),
        at: at(5),
    }
}

/// A notice, due at the given second.
pub fn notice(number: u32, due_s: i64) -> Notice {
    Notice {
        id: NoticeId(id(number)),
        subject: of(1),
        url: "https://callback.example/".into(),
        secret: Secret::new("a secret of at least 32 characters".into()),
        body: r#"{"type":"…"}"#.into(),
        made_at: at(3),
        tries: 0,
        due_at: at(due_s),
    }
}

/// A mail about destination 1, due at the given second.
pub fn mail(number: u32, due_s: i64) -> Mail {
    Mail {
        id: MailId(id(number)),
        destination_id: id(1),
        to: "bau@example.org".parse().expect("a mail address"),
        subject: "Wartende Einreichungen".into(),
        text: "Zeile 1\nZeile 2\n".into(),
        made_at: at(3),
        tries: 0,
        due_at: at(due_s),
    }
}

/// The change that makes a destination.
pub fn found(destination: Destination) -> Change {
    Change::PutDestination {
        replaces: None,
        destination: Box::new(destination),
    }
}

/// A case of client 7.
pub fn case(number: u32, to: u32) -> Case {
    Case {
        id: id(number),
        destination_id: id(to),
        sender: client(7),
        opened_at: at(i64::from(number)),
    }
}

/// The change that opens [`case`].
pub fn open_case(number: u32, to: u32) -> Change {
    Change::OpenCase(case(number, to))
}

/// A reply to client 7 that was announced with attachments 1 and 2.
pub fn reply(number: u32, case: u32, from: u32) -> ReplyRecord {
    ReplyRecord {
        id: id(number),
        case_id: id(case),
        destination_id: id(from),
        receiver: client(7),
        state: State::Created,
        announced: vec![id(2), id(1)],
        attachments: vec![],
        created_at: at(1000 + i64::from(number)),
        submitted_at: None,
    }
}

/// The change that announces [`reply`].
pub fn reply_announced(number: u32, case: u32, from: u32) -> Change {
    Change::AnnounceReply(Box::new(reply(number, case, from)))
}

/// The change that moves a submission.
pub fn moved(number: u32, from: State, to: State, at_s: i64) -> Change {
    Change::Move {
        subject: of(number),
        from,
        to,
        at: at(at_s),
    }
}

/// The change that announces [`submission`].
pub fn announced(number: u32, case: u32, to: u32) -> Change {
    Change::Announce(Box::new(submission(number, case, to)))
}

/// Commits and insists that it is done.
pub async fn done(ledger: &impl Ledger, changes: Vec<Change>) {
    let answer = ledger.commit(Batch(changes)).await;
    assert_eq!(answer.expect("the store answers"), Committed::Done);
}

/// Destination 1, case 1, submission 1 (announced).
pub async fn announced_one(ledger: &impl Ledger) {
    let changes = vec![found(destination(1)), open_case(1, 1), announced(1, 1, 1)];
    done(ledger, changes).await;
}

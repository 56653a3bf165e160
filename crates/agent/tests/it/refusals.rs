//! Each check of a subscriber, failing: who is told, of what, about which part.

use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::event::Violation;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_jose::{PrivateKey, seal};
use amtsbote_store::{Batch, Change, Committed, Content, Ledger};
use serde_json::json;

use crate::bench::{Bench, Draft, ENCRYPTION_KEY, FOREIGN_KEY, parcel};
use crate::procedure::Act;
use crate::trace::MARKER;

async fn refused(
    bench: &Bench,
    ids: &SubmissionRef,
    violation: Violation,
    instance: &str,
) -> String {
    assert_eq!(bench.round().await, 1);
    let problems = bench.problems(ids).await;
    let found: Vec<_> = problems
        .iter()
        .map(|problem| (problem.violation(), problem.instance.as_str()))
        .collect();
    assert_eq!(found, [(Some(violation), instance)]);
    assert_eq!(bench.delivery(ids).await.name(), "done");
    assert_eq!(bench.procedure.arrived(parcel(ids)), None);
    bench.assert_spool_empty().await;
    let detail = problems[0].detail.reveal().clone();
    assert!(!detail.contains(MARKER), "{detail}");
    detail
}

async fn check(draft: Draft, violation: Violation, instance: &str) -> String {
    let bench = Bench::new().await;
    let ids = bench.send(draft).await;
    refused(&bench, &ids, violation, instance).await
}

/// Seals one more time what is stored: other tags than in the log.
async fn swap_content(bench: &Bench, ids: &SubmissionRef, change: impl FnOnce(&mut Content)) {
    let id = ids.submission_id;
    let mut content = bench.ledger.content(id.into()).await.unwrap().unwrap();
    change(&mut content);
    let batch = Batch::new()
        .with(Change::Erase { subject: id.into() })
        .with(Change::Fill {
            subject: id.into(),
            content,
        });
    assert_eq!(bench.ledger.commit(batch).await.unwrap(), Committed::Done);
}

fn sealed(key: &PrivateKey) -> String {
    seal(b"{}", key.public(), "application/json").unwrap()
}

#[tokio::test]
async fn metadata_with_another_tag_than_the_log() {
    let bench = Bench::new().await;
    let ids = bench.send(Draft::good()).await;
    swap_content(&bench, &ids, |content| {
        content.metadata = sealed(&ENCRYPTION_KEY);
    })
    .await;
    refused(
        &bench,
        &ids,
        Violation::IncorrectAuthenticationTag,
        "metadata",
    )
    .await;
}

#[tokio::test]
async fn data_with_another_tag_than_the_log() {
    let bench = Bench::new().await;
    let ids = bench.send(Draft::good()).await;
    swap_content(&bench, &ids, |content| {
        content.data = Some(sealed(&ENCRYPTION_KEY));
    })
    .await;
    refused(&bench, &ids, Violation::IncorrectAuthenticationTag, "data").await;
}

#[tokio::test]
async fn attachments_that_are_not_those_of_the_log() {
    let bench = Bench::new().await;
    let ids = bench
        .send(Draft::with(&json!({ "name": "Ada", "zahl": 7 }), &[b"a"]))
        .await;
    // Takes the attachments away as well.
    swap_content(&bench, &ids, |_| {}).await;
    refused(&bench, &ids, Violation::AttachmentsMismatch, "submission").await;
}

#[tokio::test]
async fn metadata_that_cannot_be_opened() {
    let draft = Draft {
        metadata_key: &FOREIGN_KEY,
        ..Draft::good()
    };
    check(draft, Violation::EncryptionIssue, "metadata").await;
}

#[tokio::test]
async fn data_that_cannot_be_opened() {
    let draft = Draft {
        data_key: &FOREIGN_KEY,
        ..Draft::good()
    };
    check(draft, Violation::EncryptionIssue, "data").await;
}

#[tokio::test]
async fn an_attachment_that_cannot_be_opened() {
    let mut draft = Draft::with(&json!({ "name": "Ada", "zahl": 7 }), &[b"a", b"b"]);
    draft.attachment_key = &FOREIGN_KEY;
    let instance = format!("attachment:{}", draft.files[0].0);
    check(draft, Violation::EncryptionIssue, &instance).await;
}

#[tokio::test]
async fn an_attachment_with_another_hash() {
    let mut draft = Draft::with(&json!({ "name": "Ada", "zahl": 7 }), &[b"a", b"b"]);
    draft.files[1].1 = b"c".to_vec();
    let instance = format!("attachment:{}", draft.files[1].0);
    check(draft, Violation::HashMismatch, &instance).await;
}

#[tokio::test]
async fn data_with_another_hash() {
    let mut draft = Draft::good();
    draft.data = Some(json!({ "name": "Eva", "zahl": 7 }).to_string().into_bytes());
    check(draft, Violation::HashMismatch, "data").await;
}

#[tokio::test]
async fn metadata_that_is_not_json() {
    let mut draft = Draft::good();
    draft.metadata = format!("{{\"{MARKER}").into_bytes();
    check(draft, Violation::SyntaxViolation, "metadata").await;
}

#[tokio::test]
async fn metadata_nested_without_end() {
    let mut draft = Draft::good();
    draft.metadata = "[".repeat(100_000).into_bytes();
    check(draft, Violation::SyntaxViolation, "metadata").await;
}

#[tokio::test]
async fn metadata_that_breaks_its_schema() {
    let draft = Draft::good().metadata(|m| {
        m["contentStructure"]["data"]["hash"]["content"] = json!(MARKER);
    });
    let detail = check(draft, Violation::SchemaViolation, "metadata").await;
    assert!(
        detail.contains("/contentStructure/data/hash/content"),
        "{detail}"
    );
}

#[tokio::test]
async fn metadata_of_an_unknown_version() {
    let draft = Draft::good().metadata(|m| {
        m["$schema"] =
            json!("https://schema.fitko.de/fit-connect/metadata/9.0.0/metadata.schema.json");
    });
    check(draft, Violation::UnsupportedSchema, "metadata").await;
}

#[tokio::test]
async fn metadata_that_lists_other_attachments() {
    let mut draft = Draft::with(&json!({ "name": "Ada", "zahl": 7 }), &[b"a", b"b"]);
    let other = Draft::with(&json!({ "name": "Ada", "zahl": 7 }), &[b"a", b"b"]);
    draft.metadata = other.metadata;
    check(draft, Violation::AttachmentsMismatch, "metadata").await;
}

#[tokio::test]
async fn metadata_that_hides_an_attachment_behind_the_fragments_of_another() {
    let draft = Draft::with(&json!({ "name": "Ada", "zahl": 7 }), &[b"a", b"b"]);
    let first = draft.files[0].0;
    // Two entries in the list, both of them the first attachment.
    let draft = draft.metadata(|m| {
        m["contentStructure"]["attachments"][1]["fragments"] = json!([first]);
    });
    check(draft, Violation::AttachmentsMismatch, "metadata").await;
}

#[tokio::test]
async fn a_data_schema_that_is_not_taken() {
    let draft = Draft::good().metadata(|m| {
        m["contentStructure"]["data"]["submissionSchema"]["schemaUri"] =
            json!("https://schema.example.de/other/1.0.0.json");
    });
    check(draft, Violation::UnsupportedDataSchema, "metadata").await;
}

#[tokio::test]
async fn data_of_another_media_type() {
    let draft = Draft::good().metadata(|m| {
        m["contentStructure"]["data"]["submissionSchema"]["mimeType"] = json!("application/xml");
    });
    check(draft, Violation::UnsupportedDataSchema, "metadata").await;
}

#[tokio::test]
async fn data_that_is_not_json() {
    let mut draft = Draft::good();
    let data = format!("{{\"{MARKER}").into_bytes();
    draft.metadata = crate::bench::metadata(&data, &[])
        .to_bytes()
        .into_revealed();
    draft.data = Some(data);
    check(draft, Violation::SyntaxViolation, "data").await;
}

#[tokio::test]
async fn data_and_metadata_with_half_a_surrogate_pair() {
    let mut draft = Draft::good();
    let data = format!("{{\"name\":\"{MARKER}\\ud800\"}}").into_bytes();
    draft.metadata = crate::bench::metadata(&data, &[])
        .to_bytes()
        .into_revealed();
    draft.data = Some(data);
    let detail = check(draft, Violation::SyntaxViolation, "data").await;
    assert!(
        detail.contains("/name") && detail.contains("surrogate"),
        "{detail}"
    );
    let mut draft = Draft::good();
    let metadata = String::from_utf8(draft.metadata).unwrap();
    let metadata = metadata.replacen('{', "{\"x\":\"\\ud800\",", 1);
    draft.metadata = metadata.into_bytes();
    let detail = check(draft, Violation::SyntaxViolation, "metadata").await;
    assert!(detail.contains("surrogate"), "{detail}");
}

#[tokio::test]
async fn data_that_breaks_its_schema_is_told_by_place_and_never_by_value() {
    let long = MARKER.repeat(20);
    let draft = Draft::with(&json!({ "name": long, "zahl": "77123" }), &[]);
    let detail = check(draft, Violation::SchemaViolation, "data").await;
    assert!(
        detail.contains("/name") && detail.contains("/zahl"),
        "{detail}"
    );
    assert!(!detail.contains("77123"), "{detail}");
}

#[tokio::test]
async fn missing_data() {
    let bench = Bench::of(ApiVersion::V1).await;
    let mut draft = Draft::good();
    draft.data = None;
    let ids = bench.send(draft).await;
    refused(&bench, &ids, Violation::MissingData, "data").await;
}

#[tokio::test]
async fn metadata_without_data() {
    let bench = Bench::of(ApiVersion::V1).await;
    let draft = Draft::good().metadata(|m| {
        m["$schema"] =
            json!("https://schema.fitko.de/fit-connect/metadata/1.0.0/metadata.schema.json");
        m["contentStructure"]
            .as_object_mut()
            .unwrap()
            .remove("data");
    });
    let ids = bench.send(draft).await;
    refused(&bench, &ids, Violation::MissingData, "metadata").await;
}

#[tokio::test]
async fn findings_of_the_mapping() {
    let detail = check(Draft::zahl(13), Violation::SchemaViolation, "data").await;
    assert!(
        detail.contains("(/zahl)") && detail.contains("[code-map]"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_refusal_by_the_procedure() {
    let bench = Bench::new().await;
    bench.procedure.will([Act::Rejected]);
    let ids = bench.send(Draft::good()).await;
    let detail = refused(&bench, &ids, Violation::SchemaViolation, "data").await;
    assert!(detail.contains("[procedure]"), "{detail}");
}

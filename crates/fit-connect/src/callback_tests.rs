use super::*;
use crate::fields::summary;

const PUBLISHED: &str = r#"{"type":"https://schema.fitko.de/fit-connect/submission-api/callbacks/new-submissions","submissionIds":["f39ab143-d91a-474a-b69f-b00f1a1873c2"],"submissions":[{"destinationId":"d12caea8-f372-4eb1-b102-b0a228253a11","submissionId":"f39ab143-d91a-474a-b69f-b00f1a1873c2","caseId":"9eec7d3e-dc66-4f82-9f52-1520bf96a32e"}]}"#;

#[test]
fn the_published_v1_body_is_read_and_printed_byte_for_byte() {
    let callback = Callback::parse(PUBLISHED.as_bytes()).unwrap();
    assert!(matches!(&callback, Callback::NewSubmissions(list) if list.len() == 1));
    assert_eq!(callback.body(ApiVersion::V1).to_string(), PUBLISHED);
    let v2 = callback.body(ApiVersion::V2);
    assert!(v2.get("submissionIds").is_none() && v2.get("submissions").is_some());
}

#[test]
fn the_older_published_body_has_ids_only() {
    let older = r#"{"type":"https://schema.fitko.de/fit-connect/submission-api/callbacks/new-submissions","submissionIds":["f39ab143-d91a-474a-b69f-b00f1a1873c2"]}"#;
    let callback = Callback::parse(older.as_bytes()).unwrap();
    assert!(matches!(callback, Callback::NewSubmissionIds(_)));
    assert_eq!(callback.body(ApiVersion::V1).to_string(), older);
}

#[test]
fn the_mac_is_over_timestamp_dot_body() {
    assert_eq!(mac_message("1672527599", b"{}"), b"1672527599.{}");
}

fn check(body: &str, expected: &[&str]) {
    assert_eq!(
        summary(Callback::parse(body.as_bytes())),
        expected,
        "{body}"
    );
}

#[test]
fn unknown_types_and_empty_lists_are_refused() {
    check("{}", &["required /type"]);
    check(
        r#"{"type":"https://x.example/new-events"}"#,
        &["enum /type"],
    );
    check(
        &PUBLISHED.replace("new-submissions", "new-replies"),
        &["required /replies"],
    );
    let start = PUBLISHED.split("\"submissions\"").next().unwrap();
    check(
        &format!("{start}\"submissions\":[]}}"),
        &["minItems /submissions"],
    );
    check(
        &format!("{start}\"submissions\":[{{}}]}}"),
        &[
            "required /submissions/0/destinationId",
            "required /submissions/0/submissionId",
            "required /submissions/0/caseId",
        ],
    );
}

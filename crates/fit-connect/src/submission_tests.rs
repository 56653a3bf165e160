use super::*;
use crate::fields::summary;
use ApiVersion::{V1, V2};

const D: &str = "d12caea8-f372-4eb1-b102-b0a228253a11";
const A: &str = "0b799252-deb9-42b0-98d3-c50d24bbafe0";

/// What `fitconnect` 0.4.2 (v1) announces: an empty name, one id for every attachment.
fn python() -> String {
    format!(
        r#"{{"destinationId":"{D}","announcedAttachments":["{A}","{A}"],
            "serviceType":{{"name":"","identifier":"urn:de:fim:leika:leistung:99012008001000"}}}}"#
    )
}

/// What v2 clients announce.
fn v2() -> String {
    format!(
        r#"{{"destinationId":"{D}","announcedAttachments":["{A}"],"region":"DE064140000000",
            "publicService":{{"name":"Bauantrag","identifier":"urn:de:fim:leika:leistung:99012008001000"}}}}"#
    )
}

fn check_create(body: &str, version: ApiVersion, expected: &[&str]) {
    let parsed = CreateSubmission::parse(body.as_bytes(), version);
    if expected.is_empty() {
        let parsed = parsed.expect(body);
        let printed = parsed.body(version).to_string();
        let again = CreateSubmission::parse(printed.as_bytes(), version);
        assert_eq!(again.as_ref(), Ok(&parsed), "prints what it reads");
    } else {
        assert_eq!(summary(parsed), expected, "{body}");
    }
}

#[test]
fn real_clients_can_announce_in_their_version() {
    check_create(&python(), V1, &[]);
    check_create(&v2(), V2, &[]);
    let parsed = CreateSubmission::parse(python().as_bytes(), V1).unwrap();
    assert_eq!(parsed.announced_attachments.len(), 2, "repeated ids stay");
}

#[test]
fn the_other_versions_service_member_is_told_with_advice() {
    check_create(&python(), V2, &["required /publicService"]);
    check_create(&v2(), V1, &["required /serviceType"]);
    let findings = CreateSubmission::parse(v2().as_bytes(), V1).unwrap_err();
    assert!(findings[0].hint.is_some());
}

#[test]
fn ids_are_read_in_upper_case_and_without_dashes() {
    check_create(&python().replace(D, &D.to_uppercase()), V1, &[]);
    check_create(&python().replace(D, &D.replace('-', "")), V1, &[]);
    check_create(
        &python().replace(D, &format!("{{{D}}}")),
        V1,
        &["format /destinationId"],
    );
}

#[test]
fn everything_wrong_is_found_at_once() {
    let body = r#"{"destinationId":7,"announcedAttachments":["x",null],"serviceType":{"identifier":"URN:X"},
        "region":"BY","caseId":"","callback":{"url":"http://example.org/","secret":"short"}}"#;
    check_create(
        body,
        V1,
        &[
            "type /destinationId",
            "format /announcedAttachments/0",
            "type /announcedAttachments/1",
            "required /serviceType/name",
            "pattern /serviceType/identifier",
            "pattern /region",
            "format /caseId",
            "pattern /callback/url",
            "minLength /callback/secret",
        ],
    );
    check_create("[]", V1, &["type "]);
    check_create(
        "{}",
        V2,
        &[
            "required /destinationId",
            "required /announcedAttachments",
            "required /publicService",
        ],
    );
    check_create("", V1, &["json "]);
}

fn check_secret(length: usize, expected: &[&str]) {
    let secret = "ß".repeat(length);
    let callback = format!(r#","callback":{{"url":"https://x.example/","secret":"{secret}"}}}}"#);
    let body = format!("{}{callback}", python().strip_suffix('}').unwrap());
    check_create(&body, V1, expected);
}

#[test]
fn callback_secrets_have_32_to_512_characters() {
    check_secret(31, &["minLength /callback/secret"]);
    check_secret(32, &[]);
    check_secret(512, &[]);
    check_secret(513, &["maxLength /callback/secret"]);
}

#[test]
fn neither_findings_nor_debug_show_the_callback_secret() {
    let secret = "insecure_unsafe_qHScgrg_kP-R31jHUwp3GkVkGJolvBchz65b74Lzue0";
    let body = format!(
        r#"{{"destinationId":"{D}","announcedAttachments":[],"serviceType":{{"name":"","identifier":"urn:de:x"}},
            "callback":{{"url":"https://x.example/","secret":"{secret}"}}}}"#
    );
    let parsed = CreateSubmission::parse(body.as_bytes(), V1).unwrap();
    assert!(!format!("{parsed:?}").contains("insecure"));
    let findings = CreateSubmission::parse(body.replace(D, secret).as_bytes(), V1).unwrap_err();
    assert!(!format!("{findings:?}").contains("insecure"));
}

fn check_submit(body: &str, version: ApiVersion, expected: &[&str]) {
    match SubmitSubmission::parse(body.as_bytes(), version) {
        Ok(_) => assert!(expected.is_empty(), "{body}"),
        wrong => assert_eq!(summary(wrong), expected, "{body}"),
    }
}

#[test]
fn data_is_optional_in_v1_and_mandatory_in_v2() {
    let metadata_only = r#"{"encryptedMetadata":"a.b-.c_.d.e"}"#;
    check_submit(metadata_only, V1, &[]);
    check_submit(metadata_only, V2, &["required /encryptedData"]);
    check_submit(r#"{"encryptedMetadata":"a","encryptedData":"b"}"#, V2, &[]);
    check_submit(
        r#"{"encryptedMetadata":"ä","encryptedData":""}"#,
        V1,
        &["pattern /encryptedMetadata", "pattern /encryptedData"],
    );
}

#[test]
fn the_tag_is_the_last_of_five_parts() {
    let tag = |text: &str| text.parse::<CompactJwe>().unwrap().tag().map(str::to_owned);
    assert_eq!(tag("a.b.c.d.e").as_deref(), Some("e"));
    assert_eq!(tag("a..c.d.e").as_deref(), Some("e"));
    for not_five in ["a", "a.b.c.d", "a.b.c.d.", "a.b.c.d.e.f"] {
        assert_eq!(tag(not_five), None, "{not_five}");
    }
}

fn submission() -> Submission {
    let ids = SubmissionRef {
        destination_id: D.parse().unwrap(),
        submission_id: "f39ab143-d91a-474a-b69f-b00f1a1873c2".parse().unwrap(),
        case_id: "9eec7d3e-dc66-4f82-9f52-1520bf96a32e".parse().unwrap(),
    };
    let service = Service {
        identifier: "urn:de:fim:leika:leistung:99012008001000".parse().unwrap(),
        name: Some("Bauantrag".to_owned()),
        description: None,
    };
    Submission {
        reduced: SubmissionReduced {
            ids,
            attachments: vec![A.parse().unwrap()],
            service,
            region: None,
            callback_url: Some("https://x.example/".to_owned()),
        },
        encrypted_metadata: "a.b.c.d.e".parse().unwrap(),
        encrypted_data: None,
    }
}

#[test]
fn a_submission_is_printed_in_both_versions_and_read_back() {
    for version in ApiVersion::ALL {
        let body = submission().body(version);
        assert_eq!(
            Submission::parse(body.to_string().as_bytes()),
            Ok(submission())
        );
        assert!(body.get(version.service_member()).is_some());
    }
    insta::assert_json_snapshot!(submission().body(V1), @r#"
    {
      "destinationId": "d12caea8-f372-4eb1-b102-b0a228253a11",
      "submissionId": "f39ab143-d91a-474a-b69f-b00f1a1873c2",
      "caseId": "9eec7d3e-dc66-4f82-9f52-1520bf96a32e",
      "attachments": [
        "0b799252-deb9-42b0-98d3-c50d24bbafe0"
      ],
      "serviceType": {
        "identifier": "urn:de:fim:leika:leistung:99012008001000",
        "name": "Bauantrag"
      },
      "callback": {
        "url": "https://x.example/"
      },
      "encryptedMetadata": "a.b.c.d.e"
    }
    "#);
}

#[test]
fn v2_tells_the_region_that_was_announced() {
    let mut submission = submission();
    submission.reduced.region = Some("DE06414".parse().unwrap());
    let body = submission.body(V2);
    assert_eq!(body["region"], "DE06414");
    assert_eq!(
        Submission::parse(body.to_string().as_bytes()),
        Ok(submission.clone())
    );
    assert!(submission.body(V1).get("region").is_none());
}

#[test]
fn the_list_has_its_paging_and_can_be_read_without() {
    let submissions = vec![submission().reduced.ids];
    let list = SubmissionsForPickup {
        page: Page {
            count: 1,
            offset: 0,
            total_count: 1,
        },
        submissions,
    };
    let printed = serde_json::to_string(&list).unwrap();
    assert!(printed.starts_with(r#"{"count":1,"offset":0,"totalCount":1,"submissions":[{"#));
    assert_eq!(
        SubmissionsForPickup::parse(printed.as_bytes()).as_ref(),
        Ok(&list)
    );
    let bare = printed.replace(r#""count":1,"offset":0,"totalCount":1,"#, "");
    assert_eq!(SubmissionsForPickup::parse(bare.as_bytes()), Ok(list));
    assert_eq!(
        summary(SubmissionsForPickup::parse(b"{}")),
        ["required /submissions"]
    );
}

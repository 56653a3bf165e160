use serde_json::json;

use super::*;
use crate::fields::summary;

fn sample() -> Value {
    json!({
        "$schema": MetadataVersion::CURRENT.to_string(),
        "contentStructure": {
            "data": {
                "hash": {"type": "sha512", "content": "a".repeat(128)},
                "submissionSchema": {"schemaUri": "urn:de:fim:schema:S17000652V1.4", "mimeType": "application/json"},
            },
            "attachments": [{
                "attachmentId": "0b799252-deb9-42b0-98d3-c50d24bbafe0",
                "hash": {"type": "sha512", "content": "0".repeat(128)},
                "purpose": "attachment",
                "mimeType": "application/pdf",
                "filename": "Mustermann.pdf",
            }],
        },
        "replyChannel": {"eMail": {"address": "erika@mustermann.example"}},
        "additionalReferenceInfo": {"senderReference": "Mustermann-1", "zustimmungZumDigitalenBescheid": false},
    })
}

fn check(change: impl FnOnce(&mut Value), expected: &[&str]) {
    let mut body = sample();
    change(&mut body);
    match Metadata::parse(body.to_string().as_bytes()) {
        Ok(_) => assert!(expected.is_empty(), "{body}"),
        wrong => assert_eq!(summary(wrong), expected, "{body}"),
    }
}

#[test]
fn metadata_is_printed_as_it_was_read_and_never_shown() {
    let parsed = Metadata::parse(sample().to_string().as_bytes()).unwrap();
    let printed: Value = serde_json::from_slice(parsed.to_bytes().reveal()).unwrap();
    assert_eq!(printed.to_string(), sample().to_string(), "order included");
    assert!(!format!("{parsed:?}").to_lowercase().contains("mustermann"));
}

#[test]
fn every_version_1_and_2_is_read() {
    check(
        |body| {
            body["$schema"] =
                json!("https://schema.fitko.de/fit-connect/metadata/1.0.0/metadata.schema.json");
        },
        &[],
    );
    check(
        |body| {
            body["$schema"] =
                json!("https://schema.fitko.de/fit-connect/metadata/3.0.0/metadata.schema.json");
        },
        &["pattern /$schema"],
    );
    check(
        |body| body["contentStructure"]["data"] = Value::Null,
        &["required /contentStructure/data"],
    );
    check(
        |body| {
            body["$schema"] = Value::Null;
            body["contentStructure"]["data"] = Value::Null;
            body["publicServiceType"] = json!({"identifier": "urn:de:x"});
        },
        &[],
    );
}

#[test]
fn what_is_wrong_is_found_at_once_without_values() {
    check(
        |body| {
            let content = &mut body["contentStructure"];
            content["data"]["hash"]["content"] = json!("A".repeat(128));
            content["data"]["submissionSchema"]["mimeType"] = json!("text/csv");
            content["attachments"][0]["hash"]["type"] = json!("md5");
            content["attachments"][0]["purpose"] = json!("gift");
            body["replyChannel"] = json!({"eMail": {}, "deMail": {}});
        },
        &[
            "pattern /contentStructure/data/hash/content",
            "enum /contentStructure/data/submissionSchema/mimeType",
            "enum /contentStructure/attachments/0/hash/type",
            "enum /contentStructure/attachments/0/purpose",
            "maxProperties /replyChannel",
        ],
    );
}

#[test]
fn an_attachment_in_one_piece_may_have_an_empty_list_of_fragments() {
    check(
        |body| body["contentStructure"]["attachments"][0]["fragments"] = json!([]),
        &[],
    );
}

#[test]
fn an_attachment_stands_there_once() {
    check(
        |body| {
            let list = &mut body["contentStructure"]["attachments"];
            let first = list[0].clone();
            *list = json!([first, first]);
        },
        &["uniqueItems /contentStructure/attachments"],
    );
}

#[test]
fn digests_are_written_in_lower_case_hex() {
    let mut digest = [0; 64];
    (digest[0], digest[63]) = (0xAB, 0x0F);
    let hash = Sha512::from_digest(&digest);
    assert!(hash.hex().starts_with("ab00") && hash.hex().ends_with("000f"));
    assert_eq!(hash.hex().parse(), Ok(hash));
}

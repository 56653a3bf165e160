use amtsbote_model::Timestamp;

use super::*;
use crate::fields::summary;
use ApiVersion::{V1, V2};

/// As a v2 client creates one over `/v1/destinations`: no address, no phone, keys with `use`.
fn create() -> Value {
    json!({
        "name": "Bauamt",
        "contactInformation": {"legalName": "Stadt Musterstadt", "email": "bauamt@musterstadt.example"},
        "services": [{
            "identifier": "urn:de:fim:leika:leistung:99012008001000",
            "submissionSchemas": [{"schemaUri": "https://x.example/s.json", "mimeType": "application/json"}],
            "regions": ["DE064140000000"],
        }],
        "encryptionKid": "key-1",
        "encryptionPublicKey": {"kty": "RSA", "use": "enc"},
        "signingPublicKey": {"kty": "RSA"},
        "metadataVersions": ["2.1.0"],
        "callback": {"url": "https://x.example/", "secret": "s".repeat(32)},
    })
}

fn destination() -> Destination {
    let id = "d12caea8-f372-4eb1-b102-b0a228253a11".parse().unwrap();
    CreateDestination::parse(create().to_string().as_bytes(), V1)
        .unwrap()
        .into_destination(id, "owner".parse().unwrap(), Timestamp::from_seconds(0))
}

#[test]
fn either_name_of_the_services_is_taken() {
    let v2 = create()
        .to_string()
        .replace("\"services\"", "\"publicServices\"");
    for version in ApiVersion::ALL {
        assert!(CreateDestination::parse(create().to_string().as_bytes(), version).is_ok());
        assert!(CreateDestination::parse(v2.as_bytes(), version).is_ok());
    }
}

#[test]
fn what_is_missing_is_found_at_once() {
    assert_eq!(
        summary(CreateDestination::parse(b"{}", V2)),
        [
            "required /contactInformation",
            "required /publicServices",
            "required /encryptionKid",
            "required /metadataVersions",
            "required /encryptionPublicKey",
            "required /signingPublicKey",
        ]
    );
}

#[test]
fn destinations_are_printed_and_read_back_without_the_secret() {
    for version in ApiVersion::ALL {
        let private = PrivateDestination::from(&destination());
        let body = private.body(version).to_string();
        assert!(body.contains(version.services_member()) && !body.contains("ssss"));
        assert_eq!(
            PrivateDestination::parse(body.as_bytes()),
            Ok(private.clone())
        );
        assert_eq!(
            PublicDestination::parse(body.as_bytes()),
            Ok(private.public)
        );
    }
}

fn check_patch(text: &str, expected: Result<fn(&mut Destination), &[&str]>) {
    let patched = patch(&destination(), text.as_bytes(), V2);
    match expected {
        Ok(change) => {
            let mut wanted = destination();
            change(&mut wanted);
            assert_eq!(patched, Ok(wanted), "{text}");
        }
        Err(findings) => assert_eq!(summary(patched), findings, "{text}"),
    }
}

#[test]
fn a_patch_changes_what_it_names_and_nothing_else() {
    check_patch("{}", Ok(|_| {}));
    check_patch(
        r#"{"status":"active"}"#,
        Ok(|d| d.status = DestinationStatus::Active),
    );
    check_patch(r#"{"callback":null}"#, Ok(|d| d.callback = None));
    check_patch(
        r#"{"contactInformation":{"email":null,"unit":"IT"}}"#,
        Ok(|d| {
            d.contact.email = None;
            d.contact.unit = Some("IT".to_owned());
        }),
    );
    check_patch(r#"{"unknown":1}"#, Ok(|_| {}));
    check_patch(r#"{"status":"created"}"#, Err(&["enum /status"]));
    check_patch(
        r#"{"callback":{"url":"https://y.example/"}}"#,
        Err(&["required /callback/secret"]),
    );
    check_patch(
        r#"{"encryptionKid":null,"services":[]}"#,
        Err(&["minItems /publicServices", "required /encryptionKid"]),
    );
    check_patch(
        r#"{"services":[],"publicServices":[]}"#,
        Err(&["ambiguous /publicServices"]),
    );
    check_patch(
        r#"{"metadataVersions":["2.1.0","2.1.0","x"]}"#,
        Err(&[
            "pattern /metadataVersions/2",
            "uniqueItems /metadataVersions",
        ]),
    );
    check_patch("[]", Err(&["type "]));
}

fn with(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut body = create();
    change(&mut body);
    summary(CreateDestination::parse(body.to_string().as_bytes(), V1))
}

#[test]
fn known_reply_channels_have_their_form_and_none_is_like_an_empty_object() {
    assert_eq!(
        with(|body| {
            body["replyChannels"] = json!({"deMail": "x", "elster": false, "fink": {}, "eMail": {"usePgp": 1}, "other": 7});
        }),
        [
            "type /replyChannels/deMail",
            "type /replyChannels/elster",
            "type /replyChannels/eMail/usePgp",
        ]
    );
    for (sent, kept) in [
        (json!({}), None),
        (json!({"deMail": null}), None),
        (
            json!({"elster": null, "eMail": {"usePgp": null}}),
            Some(json!({"eMail": {}})),
        ),
    ] {
        let mut body = create();
        body["replyChannels"] = sent;
        let made = CreateDestination::parse(body.to_string().as_bytes(), V1).unwrap();
        assert_eq!(made.description.reply_channels, kept);
    }
}

#[test]
fn each_service_region_and_schema_is_named_once() {
    let twice = |pointer: &str| {
        with(|body| {
            let list = body.pointer_mut(pointer).and_then(Value::as_array_mut);
            let list = list.unwrap();
            let mut again = list[0].clone();
            if let Some(object) = again.as_object_mut() {
                object.insert("unknown".to_owned(), json!(1));
            }
            list.push(again);
        })
    };
    for list in [
        "/services",
        "/services/0/regions",
        "/services/0/submissionSchemas",
    ] {
        assert_eq!(twice(list), ["uniqueItems /services"], "{list}");
    }
}

#[test]
fn an_email_address_has_a_name_and_a_host() {
    for bad in ["AAA", "@x", "x@", "a b@x.example", "a@b\n"] {
        let found = with(|body| body["contactInformation"]["email"] = bad.into());
        assert_eq!(found, ["format /contactInformation/email"], "{bad}");
    }
}

#[test]
fn v1_shows_a_contact_whole_and_reads_it_back_as_it_was() {
    let private = PrivateDestination::from(&destination());
    let contact = |version| private.body(version)["contactInformation"].clone();
    assert_eq!(
        contact(V1),
        json!({"legalName": "Stadt Musterstadt", "address": "", "phone": "", "email": "bauamt@musterstadt.example"})
    );
    assert_eq!(contact(V2).get("phone"), None);
    let read = PrivateDestination::parse(private.body(V1).to_string().as_bytes());
    assert_eq!(read, Ok(private));
}

use super::*;
use TokenErrorCode::{InvalidClient, InvalidRequest, UnsupportedGrantType};

fn check(form: &str, expected: Result<(&str, Option<&str>), TokenErrorCode>) {
    match (TokenRequest::parse(form.as_bytes()), expected) {
        (Ok(request), Ok((secret, scope))) => {
            assert_eq!(request.client_secret.reveal(), secret);
            assert_eq!(request.scope.as_deref(), scope);
            let again = TokenRequest::parse(request.form().reveal().as_bytes());
            assert_eq!(again, Ok(request), "prints what it reads");
        }
        (result, expected) => assert_eq!(result.err().map(|e| e.code), expected.err(), "{form}"),
    }
}

#[test]
fn token_requests_have_the_secret_in_the_form() {
    let full = "grant_type=client_credentials&client_id=a&client_secret=b%2B%26+c";
    check(full, Ok(("b+& c", None)));
    check(
        &format!("{full}&scope=create%3Adestination&audience=x"),
        Ok(("b+& c", Some("create:destination"))),
    );
    check("grant_type=client_credentials", Err(InvalidClient));
    check(
        "grant_type=password&client_id=a&client_secret=b",
        Err(UnsupportedGrantType),
    );
    check("client_id=a&client_secret=b", Err(InvalidRequest));
    check(&format!("{full}&client_secret=c"), Err(InvalidRequest));
    check(
        "grant_type=client_credentials&client_id=%00&client_secret=b",
        Err(InvalidClient),
    );
    check("", Err(InvalidRequest));
}

#[test]
fn answers_are_read_back_and_do_not_print_the_token() {
    let answer = TokenAnswer {
        access_token: Secret::new("eyJhbGciOi".to_owned()),
        expires_in_s: 1800,
        scope: Some("create:destination".to_owned()),
    };
    let body = answer.body().to_string();
    assert_eq!(
        body,
        r#"{"access_token":"eyJhbGciOi","token_type":"Bearer","expires_in":1800,"scope":"create:destination"}"#
    );
    assert!(!format!("{answer:?}").contains("eyJ"));
    assert_eq!(TokenAnswer::parse(body.as_bytes()), Ok(answer));
    let lazy = TokenAnswer::parse(br#"{"access_token":"x","token_type":"bearer"}"#).unwrap();
    assert_eq!(lazy.expires_in_s, TokenAnswer::FALLBACK_LIFETIME_S);
    let wrong = TokenAnswer::parse(br#"{"token_type":"mac","expires_in":-1}"#);
    assert_eq!(
        crate::fields::summary(wrong),
        [
            "required /access_token",
            "enum /token_type",
            "minimum /expires_in"
        ]
    );
}

#[test]
fn errors_are_read_back() {
    for code in TokenErrorCode::ALL {
        let body = TokenError::new(code).body();
        assert_eq!(
            TokenError::parse(body.to_string().as_bytes()),
            Some(TokenError::new(code))
        );
        assert_eq!(serde_json::to_value(code).unwrap(), code.name());
    }
    assert_eq!(TokenError::parse(b"<html>"), None);
}

const D: &str = "d12caea8-f372-4eb1-b102-b0a228253a11";

#[test]
fn scopes_are_read_back() {
    for text in [
        "send:region:DE".to_owned(),
        "send:region:DE06".to_owned(),
        "send:region:DE06+send:service:urn:de:fim:leika:leistung:99012008001000".to_owned(),
        format!("subscribe:destination:{D}"),
        format!("manage:destination:{D}"),
        "create:destination".to_owned(),
        "https://schema.fitko.de/fit-connect/oauth/scopes/send-submissions".to_owned(),
        "https://schema.fitko.de/fit-connect/oauth/scopes/subscribe-destinations".to_owned(),
        "https://schema.fitko.de/fit-connect/oauth/scopes/manage-destinations".to_owned(),
    ] {
        assert_eq!(text.parse::<Scope>().expect(&text).to_string(), text);
    }
    for bad in [
        "",
        "send:region:06",
        "send:service:urn:de:x",
        "manage:destination:",
        "openid",
    ] {
        assert_eq!(bad.parse::<Scope>(), Err(MalformedScope), "{bad}");
    }
    let two = format!("create:destination manage:destination:{D}");
    assert_eq!(two.parse::<Scopes>().unwrap().to_string(), two);
    assert_eq!("".parse::<Scopes>().unwrap(), Scopes::default());
    assert!("create:destination openid".parse::<Scopes>().is_err());
}

const ALLOWED: Result<(), ()> = Ok(());
const REFUSED: Result<(), ()> = Err(());

fn check_sending(scope: &str, region: &str, expected: Result<(), ()>) {
    let service = "urn:de:fim:leika:leistung:99012008001000".parse().unwrap();
    let scopes: Scopes = scope.parse().unwrap();
    let allowed = scopes.allows_sending(&service, &[region.parse().unwrap()]);
    assert_eq!(allowed, expected.is_ok(), "{scope} {region}");
}

#[test]
fn a_region_scope_reaches_what_lies_in_the_region() {
    check_sending("send:region:DE", "DE064140000000", ALLOWED);
    check_sending("send:region:DE06", "DE064140000000", ALLOWED);
    check_sending("send:region:DE06", "DE", REFUSED);
    check_sending("send:region:DE06", "DE09", REFUSED);
    check_sending("send:region:DE064390000000", "DE064390001001", ALLOWED);
    let service = "send:region:DE06+send:service:urn:de:fim:leika:leistung:99012008001000";
    check_sending(service, "DE06", ALLOWED);
    check_sending(
        &service.replace("99012008001000", "99012008001001"),
        "DE06",
        REFUSED,
    );
    check_sending(
        "https://schema.fitko.de/fit-connect/oauth/scopes/send-submissions",
        "DE",
        ALLOWED,
    );
    check_sending("create:destination", "DE", REFUSED);
}

#[test]
fn rights_do_not_spill_over() {
    let (own, other) = (
        D.parse().unwrap(),
        "9eec7d3e-dc66-4f82-9f52-1520bf96a32e".parse().unwrap(),
    );
    let subscribe: Scopes = format!("subscribe:destination:{D}").parse().unwrap();
    assert!(subscribe.allows_subscribing(own) && !subscribe.allows_subscribing(other));
    assert!(
        !subscribe.allows_managing(own)
            && !subscribe.allows_creating()
            && !subscribe.are_for_senders()
    );
    let manage: Scopes = format!("manage:destination:{D}").parse().unwrap();
    assert!(manage.allows_managing(own) && !manage.allows_managing(other));
    assert!(!manage.allows_creating() && !manage.allows_subscribing(own));
    let all: Scopes = "https://schema.fitko.de/fit-connect/oauth/scopes/manage-destinations"
        .parse()
        .unwrap();
    assert!(all.allows_managing(other) && all.allows_creating() && !all.allows_subscribing(own));
}

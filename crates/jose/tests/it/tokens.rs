//! Access tokens: only ours, only in time.

use amtsbote_jose::{MalformedTokenKey, RefusedToken, TokenKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

fn claims(json: Value) -> Map<String, Value> {
    match json {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

fn check(json: Value, now_s: i64, expected: Result<(), RefusedToken>) {
    let key = TokenKey::generate();
    let claims = claims(json);
    let read = key.read(&key.mint(&claims), now_s);
    assert_eq!(read, expected.map(|()| claims));
}

#[test]
fn a_token_counts_while_it_is_in_time() {
    check(json!({"sub": "client", "exp": 100}), 99, Ok(()));
    check(json!({"exp": 100}), 100, Err(RefusedToken::Expired));
    check(json!({"exp": 100, "nbf": 50}), 50, Ok(()));
    check(json!({"exp": 100, "nbf": 50}), 49, Err(RefusedToken::Early));
    check(
        json!({"exp": 100, "nbf": "now"}),
        60,
        Err(RefusedToken::Early),
    );
    check(json!({"sub": "client"}), 0, Err(RefusedToken::Expired));
    check(json!({"exp": "100"}), 0, Err(RefusedToken::Expired));
}

/// A token with a right authentication code around whatever header.
fn forged(key: &TokenKey, header: &str, body: &str) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(body)
    );
    let octets = URL_SAFE_NO_PAD.decode(&*key.to_secret_text()).unwrap();
    let mac = amtsbote_jose::mac::fingerprint(&octets, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

#[test]
fn a_foreign_token_does_not_count() {
    let key = TokenKey::generate();
    let token = key.mint(&claims(json!({"exp": 100})));
    assert!(key.read(&token, 0).is_ok());
    assert_eq!(
        TokenKey::generate().read(&token, 0),
        Err(RefusedToken::Foreign)
    );
    let (signed, mac) = token.rsplit_once('.').unwrap();
    let (header, body) = signed.split_once('.').unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    for text in [
        String::new(),
        signed.to_owned(),
        format!("{signed}."),
        format!("{signed}.{}", &mac[..42]),
        format!("{signed}.{mac}="),
        format!("{none}.{body}."),
        format!("{none}.{body}.{mac}"),
        format!(
            "{header}.{}.{mac}",
            URL_SAFE_NO_PAD.encode(r#"{"exp":999}"#)
        ),
        "a".repeat(20_000),
    ] {
        assert_eq!(key.read(&text, 0), Err(RefusedToken::Foreign), "{text:?}");
    }
}

#[test]
fn the_header_must_be_ours_even_if_the_code_is_right() {
    let key = TokenKey::generate();
    let body = r#"{"exp":100}"#;
    assert!(
        key.read(&forged(&key, r#"{"alg":"HS256"}"#, body), 0)
            .is_ok()
    );
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        "{}",
        "",
        "[]",
    ] {
        assert_eq!(
            key.read(&forged(&key, header, body), 0),
            Err(RefusedToken::Foreign),
            "{header}"
        );
    }
    assert_eq!(
        key.read(&forged(&key, r#"{"alg":"HS256"}"#, "[]"), 0),
        Err(RefusedToken::Foreign)
    );
}

#[test]
fn a_key_survives_its_text_and_never_prints() {
    let key = TokenKey::generate();
    let text = key.to_secret_text();
    let token = key.mint(&claims(json!({"exp": 100})));
    assert!(
        TokenKey::from_secret_text(&text)
            .unwrap()
            .read(&token, 0)
            .is_ok()
    );
    assert_eq!(format!("{key:?}"), "TokenKey(…)");
    for text in [
        "",
        "short",
        &text[..42],
        &format!("{}=", *text),
        &format!("{}A", *text),
    ] {
        assert_eq!(
            TokenKey::from_secret_text(text).err(),
            Some(MalformedTokenKey)
        );
    }
}

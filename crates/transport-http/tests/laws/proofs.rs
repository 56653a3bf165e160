//! What a probe says over TLS with passwords, tokens and certificates, right and wrong: whose fault it is, and what to do.

use amtsbote_adapter::{Fault, laws};
use amtsbote_transport_http::HttpOutbound;

use super::probe;
use super::tls::{BASIC, Clients, OAUTH, Own, start, way};

/// One look at a procedure with that certificate: none where all is well, else every one of these words.
#[track_caller]
fn check(
    peer: (Own, Clients),
    (path, certificate, auth): (&str, Option<&str>, &str),
    words: &[&str],
) {
    let dir = tempfile::tempdir().unwrap();
    let port = start(dir.path(), peer.0, peer.1);
    let settings = way(dir.path(), port, path, certificate, auth);
    let way = HttpOutbound::open(toml::from_str(&settings).unwrap()).unwrap();
    let outcome = probe(&way);
    if words.is_empty() {
        assert_eq!(outcome, Ok(()));
        return;
    }
    let Err(fault @ Fault::Misconfigured { what }) = &outcome else {
        panic!("{outcome:?}")
    };
    laws::is_told_in_two_languages(fault);
    for word in words {
        assert!(what.en.contains(word), "{word}: {what:?}");
    }
    for secret in ["falsch-7f3a", "geheim"] {
        assert!(!format!("{what:?}").contains(secret), "{what:?}");
    }
}

#[test]
fn passwords_are_told_right_from_wrong() {
    let peer = (Own::Good, Clients::Anybody);
    check(peer, ("/mit-passwort", None, BASIC), &[]);
    let wrong = BASIC.replace("secret'", "wrong'");
    check(
        peer,
        ("/mit-passwort", None, &wrong),
        &["401", "correct auth"],
    );
    let missing = BASIC.replace("secret'", "nowhere'");
    check(
        peer,
        ("/mit-passwort", None, &missing),
        &["password_file cannot be read"],
    );
}

#[test]
fn client_credentials_are_told_right_from_wrong() {
    let peer = (Own::Good, Clients::Anybody);
    check(peer, ("/mit-token", None, OAUTH), &[]);
    let wrong = OAUTH.replace("secret'", "wrong'");
    check(
        peer,
        ("/mit-token", None, &wrong),
        &["the token endpoint answered 401", "client_secret_file"],
    );
    // The token endpoint takes us, the interface does not take its token.
    check(
        peer,
        ("/mit-passwort", None, OAUTH),
        &["401", "correct auth"],
    );
}

#[test]
fn certificates_of_ours_are_told_right_from_wrong() {
    let peer = (Own::Good, Clients::Certified);
    check(peer, ("/offen", Some("known"), ""), &[]);
    check(peer, ("/mit-token", Some("known"), OAUTH), &[]);
    check(
        peer,
        ("/offen", None, ""),
        &["asks for a certificate of ours"],
    );
    check(
        peer,
        ("/offen", Some("expired"), ""),
        &["our certificate has expired"],
    );
    check(
        peer,
        ("/offen", Some("stranger"), ""),
        &["does not accept our certificate"],
    );
    // Also where the token comes from.
    check(
        peer,
        ("/mit-token", Some("expired"), OAUTH),
        &["our certificate has expired"],
    );
}

#[test]
fn the_procedures_certificate_is_told_right_from_wrong() {
    let of = |own| (own, Clients::Anybody);
    check(
        of(Own::Expired),
        ("/offen", None, ""),
        &["its certificate has expired"],
    );
    check(
        of(Own::OfAnother),
        ("/offen", None, ""),
        &["for another name"],
    );
    let dir = tempfile::tempdir().unwrap();
    let port = start(dir.path(), Own::Good, Clients::Anybody);
    let settings = way(dir.path(), port, "/offen", None, "");
    let lines = settings.lines().filter(|line| !line.starts_with("ca_file"));
    let settings = lines.collect::<Vec<_>>().join("\n");
    let way = HttpOutbound::open(toml::from_str(&settings).unwrap()).unwrap();
    let outcome = probe(&way);
    let Err(Fault::Misconfigured { what }) = &outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        what.en.contains("no authority we trust") && what.en.contains("ca_file"),
        "{what:?}"
    );
}

//! `amtsbote connect test` with ways over HTTP: what it says of passwords, tokens and certificates.

use serde_json::Value;

use crate::serve::{House, free_port};
use crate::stand::{root, run};

#[path = "../../../transport-http/tests/laws/tls.rs"]
mod tls;

use tls::{BASIC, Clients, OAUTH, Own, start, way};

/// The link to the procedure, as it is told in that language; nobody else is there.
fn told(
    lang: &str,
    (own, clients): (Own, Clients),
    (path, certificate, auth): (&str, Option<&str>, &str),
) -> Value {
    let (house, port) = (House::new(), free_port());
    let at = house.dir().join("procedure");
    std::fs::create_dir(&at).unwrap();
    let peer = start(&at, own, clients);
    let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
    let id = "00000000-0000-4000-8000-000000000001";
    let agent = house.agent_settings(port, id, &packages);
    let (before, _) = agent.split_once("transport = \"folder\"").unwrap();
    let way = way(&at, peer, path, certificate, auth);
    house.write_settings(port, &format!("{before}transport = \"http\"\n{way}"));
    let settings = house.settings();
    let settings = settings.to_str().unwrap();
    let ended = run(&[
        "--json",
        "--lang",
        lang,
        "connect",
        "test",
        "--settings",
        settings,
    ]);
    let all: Value = serde_json::from_str(&ended.stdout()).unwrap();
    let wanted = ["way into the procedure", "Weg ins Fachverfahren"];
    let links = all[0]["links"].as_array().unwrap();
    let mut links = links
        .iter()
        .filter(|link| wanted.iter().any(|what| link["what"] == *what));
    links.next().unwrap().clone()
}

/// `words`: what it says in German and in English; nothing if the way is right.
#[track_caller]
fn check(own: Own, access: (&str, Option<&str>, &str), words: Option<(&str, &str)>) {
    for (lang, hint) in [
        ("en", "check the settings of this way"),
        ("de", "die Einstellungen des Wegs prüfen"),
    ] {
        // In TLS 1.3 a client has sent its call before the server has looked at its certificate: the connection may be gone before
        // the alert that says why is read. Then it is asked again, as an operator would.
        let again = || told(lang, (own, Clients::Certified), access);
        let is_broken_off = |link: &Value| {
            let fault = link["fault"].as_str().unwrap_or_default();
            ["brach ab", " broke"]
                .iter()
                .any(|words| fault.contains(words))
        };
        let mut link = again();
        for _ in 0..5 {
            if is_broken_off(&link) {
                link = again();
            }
        }
        assert_eq!(link["passed"], words.is_none(), "{link:#}");
        let fault = link["fault"].as_str().unwrap_or_default();
        assert_eq!(fault.contains(hint), words.is_some(), "{link:#}");
        if let Some((german, english)) = words {
            let word = if lang == "de" { german } else { english };
            assert!(fault.contains(word), "{word}: {link:#}");
        }
        assert!(!fault.contains("falsch-7f3a"), "{link:#}");
    }
}

#[test]
fn the_way_is_told_right_from_wrong_with_password_token_and_certificate() {
    for (path, auth) in [("/mit-passwort", BASIC), ("/mit-token", OAUTH)] {
        check(Own::Good, (path, Some("known"), auth), None);
        let wrong = auth.replace("secret'", "wrong'");
        check(
            Own::Good,
            (path, Some("known"), &wrong),
            Some(("berichtigen", "correct")),
        );
        let expired = (path, Some("expired"), auth);
        let words = (
            "unser Zertifikat sei abgelaufen",
            "our certificate has expired",
        );
        check(Own::Good, expired, Some(words));
        let none = (path, None, auth);
        let words = (
            "verlangt ein Zertifikat von uns",
            "asks for a certificate of ours",
        );
        check(Own::Good, none, Some(words));
        let known = (path, Some("known"), auth);
        let words = (
            "der anderen Seite ist abgelaufen",
            "its certificate has expired",
        );
        check(Own::Expired, known, Some(words));
    }
    let open = told(
        "de",
        (Own::Good, Clients::Anybody),
        ("/mit-token", None, OAUTH),
    );
    assert_eq!(open["passed"], true, "{open:#}");
    let known = ("/mit-passwort", Some("known"), BASIC);
    let words = ("für einen anderen Namen", "for another name");
    check(Own::OfAnother, known, Some(words));
}

//! `connect test` with ways that are set up wrongly, in both languages. No service is there.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::serve::free_port;
use crate::stand::{root, run};

/// A way out that is wrong, and what is said of it after *der Weg ist* and *the way is*.
const WAYS: [(&str, &str, &str); 6] = [
    (
        "transport = \"folder\"\npath = \"taken/eingang\"",
        "falsch eingestellt: Fehler beim Anlegen des Ordners: das ist kein Ordner",
        "misconfigured: could not make the folder: not a directory",
    ),
    (
        "transport = \"post\"",
        "falsch eingestellt: den Transport \"post\" gibt es nicht; bekannt sind folder, ",
        "misconfigured: there is no transport \"post\"; known are folder, ",
    ),
    (
        "transport = \"folder\"\npfad = \"x\"",
        "falsch eingestellt: die Einstellungen des Transports folder sind nicht brauchbar: den Schlüssel `pfad` gibt es hier nicht",
        "misconfigured: the settings of the transport folder are not usable: unknown field `pfad`",
    ),
    (
        "transport = \"sftp\"\nhost = \"h\"\nuser = \"u\"\npath = \"in\"\nhost_keys = []\nkey_file = \"k\"",
        "falsch eingestellt: in host_keys muss der Schlüssel des Servers",
        "misconfigured: host_keys must hold the server's key",
    ),
    (
        "transport = \"http\"\nurl = \"https://127.0.0.1:1/\"\nbody = { kind = \"json\" }\nrepeats = \"recognised\"",
        "falsch eingestellt: dieser Aufruf ist nicht erlaubt: der Rechner liegt in einem privaten oder besonderen Netz",
        "misconfigured: the call is not allowed: the host lies in a private or special network",
    ),
    (
        "transport = \"http\"\nurl = \"http://127.0.0.1:1/\"\nbody = { kind = \"json\" }\nrepeats = \"recognised\"\ndanger_plain_http = true",
        "nicht erreichbar: 127.0.0.1:1 ist nicht erreichbar",
        "unavailable: 127.0.0.1:1 cannot be reached",
    ),
];

fn settings(dir: &Path) -> String {
    let (port, schemas) = (free_port(), root().join("schemas"));
    let nowhere = dir.join("nowhere");
    let mut text = format!(
        "[agent]\ndata_dir = \"agent\"\nschemas_dir = {schemas:?}\npackages_dir = {dir:?}\n\n\
         [[agent.service]]\nname = \"own\"\ntoken_url = \"http://127.0.0.1:{port}/token\"\n\
         submission_api_url = \"http://127.0.0.1:{port}/submission-api\"\nversion = \"v2\"\n\
         client_id = \"fachamt\"\nclient_secret_file = \"secret\"\n\n"
    );
    for (nr, (way, ..)) in WAYS.iter().enumerate() {
        write!(
            text,
            "[[agent.destination]]\nid = \"2c7b8c1e-5f0a-4f5e-9d43-0a1b2c3d4e5{nr}\"\nservice = \"own\"\n\
             decryption_keys = [\"none.jwk\"]\nsigning_key = \"none.jwk\"\npackages = [\"bauantrag\"]\n\n\
             [agent.destination.outbound]\n{way}\n\n[agent.destination.inbound]\ntransport = \"folder\"\npath = {nowhere:?}\nformat = \"morse\"\n\n"
        )
        .unwrap();
    }
    text
}

fn faults(told: &Value, what: &str) -> Vec<String> {
    let of_one = |chain: &Value| {
        let links = chain["links"].as_array().unwrap();
        let link = links.iter().find(|link| link["what"] == what).unwrap();
        link["fault"].as_str().unwrap().to_owned()
    };
    told.as_array().unwrap().iter().map(of_one).collect()
}

#[test]
fn what_is_wrong_with_a_way_is_told_in_the_language_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("taken"), "no folder").unwrap();
    std::fs::write(dir.path().join("secret"), "a secret of nobody").unwrap();
    let file = dir.path().join("amtsbote.toml");
    std::fs::write(&file, settings(dir.path())).unwrap();
    let told = |tongue: &str, more: &[&str]| {
        let base = ["--lang", tongue, "connect", "test", "--settings"];
        let ended = run(&[&base[..], &[file.to_str().unwrap()], more].concat());
        assert_eq!(ended.code(), Some(1));
        ended.stdout()
    };
    let [german, english]: [Value; 2] =
        ["de", "en"].map(|tongue| serde_json::from_str(&told(tongue, &["--json"])).unwrap());
    let de = faults(&german, "Weg ins Fachverfahren");
    let en = faults(&english, "way into the procedure");
    for ((_, said_de, said_en), (de, en)) in WAYS.iter().zip(de.iter().zip(&en)) {
        assert!(de.starts_with(&format!("der Weg ist {said_de}")), "{de}");
        assert!(en.starts_with(&format!("the way is {said_en}")), "{en}");
    }
    let back = faults(&german, "Weg zurück vom Fachverfahren");
    let morse = "inbound.format: das Format \"morse\" gibt es nicht; bekannt sind ";
    assert!(back[0].contains(morse), "{back:?}");
    let access = faults(&german, "Zugang zum Dienst (Token)");
    let away = "der Zustelldienst ist gerade nicht erreichbar";
    assert!(access[0].starts_with(away), "{access:?}");
    // For people: the same words.
    let text = told("de", &[]);
    assert!(de.iter().all(|fault| text.contains(fault)), "{text}");
}

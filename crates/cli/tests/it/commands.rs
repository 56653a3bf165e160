//! The commands for people and scripts: what they say, where, and with which exit code.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::stand::{Place, keys, root, run};
use crate::wire::Application;

/// A sandbox that runs, and a request it takes.
struct Office {
    place: Place,
    _sandbox: crate::stand::Program,
    request: String,
}

impl Office {
    fn open() -> Self {
        let place = Place::new();
        let sandbox = place.start(&["--with-agent"]);
        let request = place.dir().join("antrag.json");
        let application = Application::new("Musterfrau", vec![b"%PDF plan".to_vec()]);
        std::fs::write(&request, application.intake(&place.facts())).unwrap();
        Self {
            request: request.to_str().unwrap().to_owned(),
            place,
            _sandbox: sandbox,
        }
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.place.dir().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs with the sandbox's file.
    fn run(&self, args: &[&str]) -> crate::stand::Ended {
        run(&[args, &["--sandbox", &self.place.file()]].concat())
    }
}

#[test]
fn an_application_is_sent_once_and_found_again() {
    let office = Office::open();
    let valid = office
        .run(&["--json", "submit", "--dry-run", &office.request])
        .json();
    assert_eq!(valid["valid"], true);
    let first = office.run(&["--json", "submit", &office.request]).json();
    let id = first["submissionId"].as_str().unwrap();
    // The same file again is the same application.
    let second = office.run(&["--json", "submit", &office.request]).json();
    assert_eq!(second, first);
    let text = office.run(&["submit", &office.request]);
    assert!(text.ok().contains(id));
    assert!(text.stderr().contains("was sent before"));
    // Unless the sender says that it is another one.
    let other = office
        .run(&[
            "--json",
            "submit",
            &office.request,
            "--idempotency-key",
            "another",
        ])
        .json();
    assert_ne!(other["submissionId"], first["submissionId"]);

    let status = office.run(&["--json", "status", id]).json();
    assert_eq!(status["submissionId"], id);
    assert_eq!(status["timeline"][0]["event"], "create-submission");
    assert!(office.run(&["status", id]).ok().contains(id));
    assert!(
        office
            .run(&["--lang", "de", "status", id])
            .ok()
            .contains('(')
    );
    let unknown = "00000000-0000-4000-8000-000000000000";
    office.run(&["status", unknown]).failed(&["error:"]);
    office
        .run(&["status", "x"])
        .failed(&["not a submission id"]);
}

#[test]
fn findings_are_told_on_stderr_with_label_and_hint_in_both_languages() {
    let office = Office::open();
    let mut request: Value =
        serde_json::from_slice(&std::fs::read(&office.request).unwrap()).unwrap();
    request["data"]["antragsteller"][0]["anschrift"]["plz"] = json!("Q7-geheim");
    request["data"]["bauvorhaben"]
        .as_object_mut()
        .unwrap()
        .remove("bezeichnung");
    let broken = office.file("falsch.json", request.to_string().as_bytes());
    for args in [
        &["submit", &broken][..],
        &["submit", "--dry-run", &broken],
        &["--json", "submit", &broken],
    ] {
        let ended = office.run(args);
        let said = ended.failed(&[
            "error:",
            "/data/antragsteller/0/anschrift/plz",
            "required",
            "pattern",
        ]);
        assert!(!said.contains("Q7-geheim"), "a value was repeated: {said}");
        assert_eq!(ended.stdout(), "");
    }
    let german = office
        .run(&["--lang", "de", "submit", &broken])
        .failed(&["Fehler:"]);
    let english = office.run(&["submit", &broken]).stderr();
    assert_ne!(german, english);
    office
        .run(&["submit", "/nonexistent.json"])
        .failed(&["/nonexistent.json"]);
    let garbage = office.file("kaputt.json", b"{");
    office.run(&["submit", &garbage]).failed(&["error:"]);
}

#[test]
fn who_says_not_where_the_gateway_is_or_that_it_is_away_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.json");
    std::fs::write(&file, "{}").unwrap();
    let file = file.to_str().unwrap();
    run(&["submit", file]).failed(&["--sandbox", "--url", "--client-secret-file"]);
    run(&["submit", file, "--sandbox", "/nonexistent.json"]).failed(&["/nonexistent.json"]);
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "x").unwrap();
    let away = [
        "--url",
        "http://127.0.0.1:1",
        "--client-id",
        "a",
        "--client-secret-file",
        secret.to_str().unwrap(),
    ];
    run(&[&["submit", file][..], &away].concat()).failed(&["try again later"]);
}

#[test]
fn a_receipt_is_verified_offline_and_a_changed_one_is_not() {
    let office = Office::open();
    let sent = office.run(&["--json", "submit", &office.request]).json();
    let token = sent["receipt"].as_str().unwrap();
    let jwks = office.file("jwks.json", gateway_keys().as_bytes());
    let own = keys().join("destination/signature-public.jwk");
    let own = own.to_str().unwrap();

    let whole = office.file("receipt.json", sent.to_string().as_bytes());
    let bare = office.file("receipt.jwt", format!("{token}\n").as_bytes());
    for file in [&whole, &bare] {
        let verified = run(&["--json", "receipt", "verify", file, "--keys", &jwks]).json();
        assert_eq!(verified["valid"], true);
        assert_eq!(
            verified["claims"]["sub"],
            format!("submission:{}", sent["submissionId"].as_str().unwrap())
        );
    }
    run(&["receipt", "verify", &bare, "--keys", own, "--keys", &jwks]).ok();
    assert!(
        run(&["--lang", "de", "receipt", "verify", &bare, "--keys", &jwks])
            .ok()
            .contains("gültig")
    );

    let parts: Vec<&str> = token.split('.').collect();
    let other = if parts[2].starts_with('A') { "B" } else { "A" };
    let signature = office.file(
        "signature.jwt",
        format!("{}.{}.{other}{}", parts[0], parts[1], &parts[2][1..]).as_bytes(),
    );
    run(&["receipt", "verify", &signature, "--keys", &jwks]).failed(&["not valid"]);
    let again = office
        .run(&[
            "--json",
            "submit",
            &office.request,
            "--idempotency-key",
            "b",
        ])
        .json();
    let payload = again["receipt"]
        .as_str()
        .unwrap()
        .split('.')
        .nth(1)
        .unwrap()
        .to_owned();
    let swapped = office.file(
        "payload.jwt",
        format!("{}.{payload}.{}", parts[0], parts[2]).as_bytes(),
    );
    run(&["receipt", "verify", &swapped, "--keys", &jwks]).failed(&["not valid"]);
    run(&["receipt", "verify", &bare, "--keys", own]).failed(&["kid"]);
    let garbage = office.file("garbage", b"hello");
    for (args, says) in [
        ([&garbage, &jwks], "compact token"),
        ([&bare, &garbage], "neither"),
    ] {
        let ended = run(&["receipt", "verify", args[0], "--keys", args[1]]);
        assert_eq!(ended.code(), Some(2));
        assert!(ended.stderr().contains(says), "{}", ended.stderr());
    }
}

/// The gateway's public keys as it publishes them, without asking it.
fn gateway_keys() -> String {
    let text = std::fs::read(keys().join("gateway/signing.jwk")).unwrap();
    let mut key: Value = serde_json::from_slice(&text).unwrap();
    let members = key.as_object_mut().unwrap();
    for secret in ["d", "p", "q", "dp", "dq", "qi"] {
        members.remove(secret);
    }
    members.insert("key_ops".to_owned(), json!(["verify"]));
    json!({ "keys": [key] }).to_string()
}

#[test]
fn keys_are_made_and_imported_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("taken over");
    let target = target.to_str().unwrap();
    let own = keys().join("destination");
    let file = |name: &str| own.join(name).to_str().unwrap().to_owned();
    let (decryption, signing) = (file("decryption.jwk"), file("signing.jwk"));
    let told = run(&[
        "--json",
        "keys",
        "import",
        &signing,
        &decryption,
        "--dir",
        target,
    ])
    .json();
    for name in ["decryption", "signing"] {
        let path = Path::new(told[name].as_str().unwrap());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0);
    }
    let before: Value = serde_json::from_slice(&std::fs::read(&signing).unwrap()).unwrap();
    assert_eq!(told["signatureKid"], before["kid"]);
    run(&["keys", "import", &signing, "--dir", target]).failed(&["unwrapKey", "both"]);
    let junk = dir.path().join("junk.jwk");
    std::fs::write(&junk, "{\"kty\":\"RSA\",\"key_ops\":[\"sign\"]}").unwrap();
    run(&[
        "keys",
        "import",
        junk.to_str().unwrap(),
        &decryption,
        "--dir",
        target,
    ])
    .failed(&["junk.jwk"]);

    // A second `new` in the same folder makes nothing new.
    let first = run(&[
        "--json",
        "keys",
        "new",
        "destination",
        "--dir",
        own.to_str().unwrap(),
    ])
    .json();
    assert_eq!(first["signatureKid"], before["kid"]);
}

#[test]
fn a_client_secret_is_written_and_never_printed() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().to_str().unwrap();
    let client = run(&[
        "--json", "keys", "new", "client", "--name", "portal", "--dir", target,
    ])
    .json();
    let path = client["secretFile"].as_str().unwrap();
    let secret = std::fs::read(path).unwrap();
    assert_eq!(client["secret_sha256"], amtsbote_jose::sha256_hex(&secret));
    assert_eq!(
        Path::new(path).metadata().unwrap().permissions().mode() & 0o077,
        0
    );
    std::fs::remove_file(path).unwrap();
    let shown = run(&["keys", "new", "client", "--name", "portal", "--dir", target]);
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(
        !shown.ok().contains(kept.trim()) && !shown.stderr().contains(kept.trim()),
        "the secret was printed"
    );
    run(&[
        "keys",
        "new",
        "client",
        "--name",
        "no spaces",
        "--dir",
        target,
    ])
    .failed(&["--name"]);
}

#[test]
fn a_secret_in_use_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let first = run(&[
        "--json", "keys", "new", "client", "--name", "portal", "--dir", dir,
    ])
    .json();
    let secret = std::fs::read(first["secretFile"].as_str().unwrap()).unwrap();
    run(&["keys", "new", "client", "--name", "portal", "--dir", dir]).failed(&["already"]);
    assert_eq!(
        std::fs::read(first["secretFile"].as_str().unwrap()).unwrap(),
        secret
    );
}

#[test]
fn settings_are_checked_whole_and_explained() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("amtsbote.toml");
    let text = "[gateway]\nbase_url = \"http://example.org\"\nlisten = \"here\"\ndata_dir = \"d\"\nkeys_dir = \"k\"\n\
                schemas_dir = \"s\"\n[[gateway.client]]\nid = \"a\"\nkind = \"sender\"\n";
    std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let all = [
        "gateway.base_url",
        "gateway.listen",
        "gateway.client[0].secret_sha256",
        "settings explain",
    ];
    run(&["settings", "check", "--settings", path]).failed(&all);
    std::fs::write(
        &file,
        text.replace("here", "127.0.0.1:0")
            .replace("example.org", "127.0.0.1")
            + "secret_file = \"x\"\n",
    )
    .unwrap();
    // Well-formed, but what it names is not there.
    run(&["settings", "check", "--settings", path]).failed(&["is missing", "s", "x"]);
    run(&["settings", "check", "--settings", path, "--lang", "de"]).failed(&["fehlt"]);
    std::fs::write(&file, format!("{text}colour = 1\n")).unwrap();
    run(&["settings", "check", "--settings", path]).failed(&["colour"]);
    std::fs::write(&file, "[gateway").unwrap();
    run(&["settings", "check", "--settings", path]).failed(&["error:"]);

    let explained = run(&["--json", "settings", "explain", "gateway.limits"]).json();
    let rows = explained.as_array().unwrap();
    assert!(!rows.is_empty());
    assert!(
        rows.iter()
            .all(|row| row["key"].as_str().unwrap().starts_with("gateway.limits"))
    );
    assert!(
        run(&["settings", "explain"])
            .ok()
            .contains("agent.destination")
    );
    run(&["settings", "explain", "nonsense"]).failed(&["nonsense"]);
}

#[test]
fn an_xsd_set_is_added_from_a_zip_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    let sets = dir.path().join("sets");
    let sets = sets.to_str().unwrap();
    let zip = |name: &str, files: &[(&str, &str)]| {
        let path = dir.path().join(name);
        let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for (name, text) in files {
            archive
                .start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        archive.finish().unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = zip(
        "good.zip",
        &[
            ("schemas/main.xsd", MAIN),
            ("schemas/part.xsd", PART),
            ("readme.txt", "hello"),
        ],
    );
    let added = run(&["--json", "schema", "add", &good, "--xsd-dir", sets]).json();
    assert_eq!(added[0]["files"], 2);
    assert_eq!(
        added[0]["namespaces"],
        json!(["https://example.org/probe/1"])
    );
    let listed = run(&["--json", "schema", "list", "--xsd-dir", sets]).json();
    assert_eq!(listed, added);
    assert!(
        run(&["schema", "list", "--xsd-dir", sets])
            .ok()
            .contains("https://example.org/probe/1")
    );
    run(&["schema", "add", &good, "--xsd-dir", sets]).failed(&["already", "remove"]);

    let broken = zip("broken.zip", &[("main.xsd", MAIN)]);
    run(&["schema", "add", &broken, "--xsd-dir", sets]).failed(&["do not compile"]);
    let none = zip("none.zip", &[("readme.txt", "hello")]);
    run(&["schema", "add", &none, "--xsd-dir", sets]).failed(&["no .xsd"]);
    let outside = zip("outside.zip", &[("../../evil.xsd", MAIN)]);
    run(&["schema", "add", &outside, "--xsd-dir", sets]).failed(&["outside of itself"]);
    run(&["schema", "add", "/etc/hostname", "--xsd-dir", sets]).failed(&["not a zip"]);
    assert_eq!(
        run(&["--json", "schema", "list", "--xsd-dir", sets]).json(),
        added
    );
    assert!(!dir.path().parent().unwrap().join("evil.xsd").exists());
}

#[test]
fn a_code_list_is_added_by_itself_and_listed_with_its_version() {
    let dir = tempfile::tempdir().unwrap();
    let sets = dir.path().join("sets");
    let sets = sets.to_str().unwrap();
    let path = dir.path().join("liste.xml");
    std::fs::write(&path, LIST).unwrap();
    let list = path.to_str().unwrap();
    let added = run(&["--json", "schema", "add", list, "--xsd-dir", sets]).json();
    assert_eq!(added[0]["files"], 0);
    let expected = json!([{ "uri": "urn:example:list", "version": "2" }]);
    assert_eq!(added[0]["codeLists"], expected);
    assert!(
        run(&["schema", "list", "--xsd-dir", sets])
            .ok()
            .contains("urn:example:list 2")
    );
    run(&["schema", "add", list, "--xsd-dir", sets]).failed(&["already", "remove"]);
    let package = root().join("deploy/xoev/meldebescheinigung-xmeld");
    let package = package.to_str().unwrap();
    let checked = run(&["--json", "package", "check", package, "--xsd-dir", sets]).json();
    assert_eq!(checked[0]["passed"], true);
    let notices = checked[0]["notices"].to_string();
    assert!(notices.contains("xsd-excerpt") && notices.contains("code-list-not-installed"));
}

const LIST: &str = r#"<gc:CodeList xmlns:gc="http://docs.oasis-open.org/codelist/ns/genericode/1.0/">
  <Identification><Version>2</Version><CanonicalUri>urn:example:list</CanonicalUri></Identification>
  <ColumnSet><Column Id="code"/><Key Id="k"><ColumnRef Ref="code"/></Key></ColumnSet>
  <SimpleCodeList><Row><Value ColumnRef="code"><SimpleValue>01</SimpleValue></Value></Row></SimpleCodeList></gc:CodeList>"#;

const MAIN: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="https://example.org/probe/1"
  targetNamespace="https://example.org/probe/1" elementFormDefault="qualified">
  <xs:include schemaLocation="part.xsd"/><xs:element name="probe" type="kurz"/></xs:schema>"#;
const PART: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="https://example.org/probe/1"
  targetNamespace="https://example.org/probe/1"><xs:simpleType name="kurz"><xs:restriction base="xs:string">
  <xs:maxLength value="5"/></xs:restriction></xs:simpleType></xs:schema>"#;

#[test]
fn packages_are_checked_and_previewed() {
    let kreis = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
    let package = kreis.join("bauantrag-ordner");
    let (kreis, package) = (kreis.to_str().unwrap(), package.to_str().unwrap());
    let one = run(&["--json", "package", "check", package]).json();
    assert_eq!(one[0]["passed"], true);
    let all = run(&["--json", "package", "check", kreis]).json();
    assert!(all.as_array().unwrap().len() >= 3);
    assert!(run(&["package", "check", package]).ok().contains("✓"));

    let preview = run(&["--json", "package", "preview", package]).json();
    assert!(!preview["files"].as_array().unwrap().is_empty());
    assert!(!preview["lineage"].as_array().unwrap().is_empty());
    assert!(
        run(&["package", "preview", package, "--lang", "de"])
            .ok()
            .contains("Herkunft")
    );
    let own = root().join("fixtures/submissions/wetterau-bauantrag.json");
    run(&[
        "--json",
        "package",
        "preview",
        package,
        "--input",
        own.to_str().unwrap(),
    ])
    .json();
    run(&["package", "preview", package, "--input", "/nonexistent"]).failed(&["/nonexistent"]);
    run(&["package", "check", "/etc"]).failed(&["error:"]);
}

#[test]
fn a_package_that_fails_its_examples_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let from = root().join("deploy/hessen/rheingau-taunus-kreis/packages/bauantrag-ordner");
    crate::stand::copy(&from, dir.path());
    let expected = crate::stand::files_below(&dir.path().join("examples"));
    let one = expected
        .iter()
        .find(|path| path.to_str().unwrap().contains("/expected/"))
        .unwrap();
    std::fs::write(one, "something else").unwrap();
    let package = dir.path().to_str().unwrap();
    let ended = run(&["package", "check", package]);
    let said = ended.failed(&["may not be activated"]);
    assert!(said.contains("expected"), "{said}");
    assert!(ended.stdout().contains("✗"));
    let told = run(&["--json", "package", "check", package]);
    assert_eq!(told.code(), Some(1));
    let told: Value = serde_json::from_str(&told.stdout()).unwrap();
    assert_eq!(told[0]["passed"], false);
}

#[test]
fn help_and_version_are_there_and_nonsense_is_refused_by_usage() {
    assert!(run(&["--version"]).ok().starts_with("amtsbote "));
    for command in [
        "serve",
        "sandbox",
        "demo",
        "submit",
        "status",
        "package",
        "schema",
        "receipt",
        "keys",
        "settings",
        "service",
        "destination",
        "connect",
    ] {
        assert!(run(&["--help"]).ok().contains(command));
        run(&[command, "--help"]).ok();
    }
    assert_eq!(run(&["nonsense"]).code(), Some(2));
}

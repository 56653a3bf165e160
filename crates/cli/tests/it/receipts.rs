//! Receipt files: exported by a client and by the operator, verified without any network, and what is changed in them is found.

use std::io::pipe;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use amtsbote_jose::PrivateKey;
use amtsbote_testkit::postgres::Server;
use serde_json::{Value, json};

use crate::serve::{House, free_port};
use crate::stand::{Ended, Place, Program, SOON, keys, program, root, run};

/// The gateway's public key, without asking it.
pub(crate) fn gateway_key(dir: &Path) -> String {
    let text = std::fs::read(keys().join("gateway/signing.jwk")).unwrap();
    let mut key: Value = serde_json::from_slice(&text).unwrap();
    let members = key.as_object_mut().unwrap();
    for secret in ["d", "p", "q", "dp", "dq", "qi"] {
        members.remove(secret);
    }
    members.insert("key_ops".to_owned(), json!(["verify"]));
    let file = dir.join("gateway-public.jwk");
    std::fs::write(&file, key.to_string()).unwrap();
    format!("service={}", file.display())
}

fn destination_key() -> String {
    let file = keys().join("destination/signature-public.jwk");
    format!("destination={}", file.display())
}

fn verify(file: &Path, trust: &[&str], more: &[&str]) -> Ended {
    let trust = trust.iter().flat_map(|trust| ["--trust", trust]);
    let file = file.to_str().unwrap();
    let args: Vec<&str> = ["--json", "receipt", "verify", file]
        .into_iter()
        .chain(trust)
        .collect();
    run(&[&args[..], more].concat())
}

/// A house whose gateway and agent run, with one submission accepted.
struct Office {
    house: House,
    port: u16,
    id: String,
    serve: Program,
}

impl Office {
    async fn open() -> Self {
        Self::open_in(House::new()).await
    }

    async fn open_in(house: House) -> Self {
        let port = free_port();
        house.write_settings(port, "");
        let gateway = Program::start(house.command("gateway")).ready();
        let destination = house.create_destination(port).await;
        assert!(gateway.stop(SOON).success());
        let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
        house.write_settings(port, &house.agent_settings(port, &destination, &packages));
        let serve = Program::start(house.command("serve")).ready();
        let id = house.send(port, "Quittung");
        house.accepted(port, &id, &serve).await;
        Self {
            house,
            port,
            id,
            serve,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.house.dir().join(name)
    }

    fn access(&self, client: &str) -> [String; 6] {
        let secret = self.path(&format!("clients/{client}.secret"));
        let words = [
            "--url",
            "",
            "--client-id",
            client,
            "--client-secret-file",
            "",
        ];
        let mut words = words.map(str::to_owned);
        words[1] = format!("http://127.0.0.1:{}", self.port);
        words[5] = secret.to_str().unwrap().to_owned();
        words
    }

    fn receipt(&self, command: &[&str], client: &str) -> Ended {
        let access = self.access(client);
        let access: Vec<&str> = access.iter().map(String::as_str).collect();
        run(&[&["--json", "receipt"], command, &access[..]].concat())
    }
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn write(file: &Path, value: &Value) {
    std::fs::write(file, serde_json::to_vec(value).unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_exported_by_sender_subscriber_and_operator_and_verified_offline() {
    exported_and_verified(Office::open().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_a_case_of_a_gateway_on_postgresql() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (house, _) = House::on(server);
    exported_and_verified(Office::open_in(house).await);
}

fn exported_and_verified(office: Office) {
    let (by_sender, by_operator) = (office.path("sender.json"), office.path("operator.json"));
    let out = by_sender.to_str().unwrap();
    let told = office
        .receipt(&["export", &office.id, "--out", out], "portal")
        .json();
    assert_eq!(told["pending"], 0, "{told:#}");
    let again = office.receipt(&["export", &office.id, "--out", out], "portal");
    assert_eq!(again.code(), Some(1), "nothing is overwritten");

    // Beside the running process.
    let settings = office.house.settings();
    let out = by_operator.to_str().unwrap();
    let settings = ["--settings", settings.to_str().unwrap()];
    let case = format!("case:{}", told["caseId"].as_str().unwrap());
    run(&[
        &["--json", "receipt", "export", &case, "--out", out],
        &settings[..],
    ]
    .concat())
    .ok();
    let (sender, operator) = (read(&by_sender), read(&by_operator));
    assert_eq!(sender["events"], operator["events"]);
    assert_eq!(sender["keys"], operator["keys"]);

    let by_subscriber = office.path("subscriber.json");
    let out = by_subscriber.to_str().unwrap();
    office
        .receipt(&["export", &case, "--out", out], "fachamt")
        .ok();
    assert_eq!(sender["events"], read(&by_subscriber)["events"]);

    let head = office.path("head.json");
    office.house.send(office.port, "Danach");
    std::thread::sleep(std::time::Duration::from_secs(2));
    let out = head.to_str().unwrap();
    let newest = office
        .receipt(
            &["head", by_sender.to_str().unwrap(), "--out", out],
            "portal",
        )
        .json();
    assert!(office.serve.stop(SOON).success());

    let (service, destination) = (gateway_key(office.house.dir()), destination_key());
    let trust = [service.as_str(), destination.as_str()];
    what_it_says_and_how_it_ends(&by_sender, &trust);
    for file in [&by_sender, &by_operator, &by_subscriber] {
        let verified = verify(file, &trust, &["--head", out]).json();
        assert_eq!(verified["submissions"][0]["submissionId"], *office.id);
        assert_eq!(verified["submissions"][0]["state"], "accepted");
        assert_ne!(verified["submissions"][0]["deliveredAt"], Value::Null);
        assert_eq!(verified["newerHead"]["number"], newest["number"]);
        assert_eq!(
            (&verified["whole"], &verified["newerHead"]["goesOn"]),
            (&true.into(), &true.into())
        );
    }
}

/// In both languages, and the exit codes; the file is as before afterwards.
fn what_it_says_and_how_it_ends(whole: &Path, trust: &[&str; 2]) {
    let whole_again = read(whole);
    let file = whole.to_str().unwrap();
    let german = run(&[
        "receipt", "verify", file, "--trust", trust[0], "--trust", trust[1],
    ])
    .ok();
    assert!(
        german.contains("gültig") && german.contains("übergeben"),
        "{german}"
    );
    let args = [
        "--lang", "en", "receipt", "verify", file, "--trust", trust[0],
    ];
    let unknown = run(&args);
    assert_eq!(unknown.code(), Some(1));
    assert!(unknown.stdout().contains("NOT valid"));

    let mut altered = whole_again.clone();
    altered["events"][0]["proof"]["at"] = json!(1);
    write(whole, &altered);
    assert_eq!(verify(whole, trust, &[]).code(), Some(1));
    altered = whole_again.clone();
    altered["events"]
        .as_array_mut()
        .unwrap()
        .last_mut()
        .unwrap()["proof"] = "pending".into();
    write(whole, &altered);
    assert_eq!(verify(whole, trust, &[]).code(), Some(3));
    altered["format"] = "amtsbote-receipt-file/2".into();
    write(whole, &altered);
    assert_eq!(verify(whole, trust, &[]).code(), Some(2));
    write(whole, &whole_again);
}

/// Exports a case whose reply still waits, with the key for replies, and later with the reply's data: the procedure's file number is
/// in both.
pub(crate) fn third_level(place: &Place, case: &str, with: (&PrivateKey, Option<&Value>)) -> Value {
    let dir = place.dir();
    let (key, data) = with;
    let given = dir.join(if data.is_some() {
        "given.json"
    } else {
        "reply-secret.jwk"
    });
    let name = if let Some(data) = data {
        write(&given, data);
        "--receipt"
    } else {
        std::fs::write(&given, key.to_secret_json().as_bytes()).unwrap();
        "--key"
    };
    let out = dir.join(format!("receipt{name}.json"));
    let (out, given) = (out.to_str().unwrap(), given.to_str().unwrap());
    let args = [
        "receipt",
        "export",
        case,
        "--out",
        out,
        name,
        given,
        "--sandbox",
    ];
    run(&[&args[..], &[&place.file()]].concat()).ok();
    let (service, destination) = (gateway_key(&dir), destination_key());
    verify(Path::new(out), &[&service, &destination], &[]).json()
}

#[test]
fn who_stops_reading_is_not_answered_with_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join("none.toml");
    let settings = settings.to_str().unwrap();
    for (args, codes) in [
        (&["settings", "explain"][..], &[141][..]),
        (&["--json", "settings", "explain"], &[141]),
        (&["schema", "list"], &[0, 141]),
        (&["receipt", "--help"], &[0, 2]),
        (&["--version"], &[0, 2]),
        (
            &[
                "--log",
                "trace",
                "settings",
                "check",
                "--settings",
                settings,
            ],
            &[1],
        ),
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let ended = program(args)
            .stdout(writer.try_clone().unwrap())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        let code = ended.status.code();
        assert!(
            codes.contains(&code.unwrap_or(-1)),
            "{args:?}: {code:?} {said}"
        );
        assert!(!said.contains("panic"), "{args:?}: {said}");
        // As with `2>&1 | head`.
        let status = program(args)
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .status()
            .unwrap();
        assert_eq!(status.code(), code, "{args:?} with stderr closed, too");
    }
}

#[test]
fn a_sandbox_goes_on_if_nobody_reads_that_it_is_ready() {
    let place = Place::new();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut sandbox = place
        .command(&[])
        .stdout(writer)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = std::time::Instant::now() + SOON;
    while !place.dir().join("sandbox.json").exists() {
        assert!(std::time::Instant::now() < end, "sandbox.json is missing");
        std::thread::sleep(crate::stand::LOOK);
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    let ended = sandbox.try_wait().unwrap();
    sandbox.kill().unwrap();
    sandbox.wait().unwrap();
    assert_eq!(ended, None);
}

//! `amtsbote gateway`, then `serve`: an operator's set-up, from keys and settings to the procedure's folder.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use amtsbote_testkit::postgres::Server;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stand::{LOOK, Program, SOON, files_below, keys, program, root, run};
use crate::wire::{Application, SCHEMA, SERVICE};

pub(crate) const REGION: &str = "064390000000";

/// One municipality's folder, as an operator makes it with the program's own commands.
pub(crate) struct House {
    dir: TempDir,
    /// `[gateway.database]` and what belongs to it; empty: SQLite.
    pub(crate) database: String,
}

impl House {
    pub(crate) fn new() -> Self {
        let house = Self {
            dir: tempfile::tempdir().unwrap(),
            database: String::new(),
        };
        let dir = house.dir();
        crate::stand::copy(keys(), &dir.join("keys"));
        std::fs::create_dir(dir.join("eingang")).unwrap();
        for client in ["portal", "fachamt"] {
            run(&[
                "keys",
                "new",
                "client",
                "--name",
                client,
                "--dir",
                dir.join("clients").to_str().unwrap(),
            ])
            .ok();
        }
        house
    }

    /// One whose gateway keeps its rows on a server, in a new database; with its URL.
    pub(crate) fn on(server: &Server) -> (Self, String) {
        let (url, password) = (server.database(), server.password());
        let mut house = Self::new();
        std::fs::write(house.dir().join("database.password"), password).unwrap();
        let bare = url.replace(&format!(":{password}@"), "@");
        house.database = format!(
            "[gateway.database]\nkind = \"postgres\"\nurl = \"{bare}\"\npassword_file = \"database.password\"\n\n\
             [gateway.blobs]\nkind = \"folder\"\n\n"
        );
        (house, url)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.dir().join("amtsbote.toml")
    }

    pub(crate) fn write_settings(&self, port: u16, agent: &str) {
        let (schemas, database) = (root().join("schemas"), &self.database);
        let text = format!(
            "[gateway]\nbase_url = \"http://127.0.0.1:{port}\"\nlisten = \"127.0.0.1:{port}\"\n\
             data_dir = \"gateway\"\nkeys_dir = \"keys/gateway\"\nschemas_dir = {schemas:?}\n\n{database}\
             [[gateway.client]]\nid = \"portal\"\nkind = \"sender\"\nsecret_file = \"clients/portal.secret\"\n\n\
             [[gateway.client]]\nid = \"fachamt\"\nkind = \"manager\"\nsecret_file = \"clients/fachamt.secret\"\n\n{agent}"
        );
        std::fs::write(self.settings(), text).unwrap();
    }

    pub(crate) fn agent_settings(&self, port: u16, destination: &str, packages: &Path) -> String {
        let schemas = root().join("schemas");
        format!(
            "[agent]\ndata_dir = \"agent\"\nschemas_dir = {schemas:?}\npackages_dir = {packages:?}\n\n\
             [[agent.service]]\nname = \"own\"\ntoken_url = \"http://127.0.0.1:{port}/token\"\n\
             submission_api_url = \"http://127.0.0.1:{port}/submission-api\"\nversion = \"v2\"\n\
             client_id = \"fachamt\"\nclient_secret_file = \"clients/fachamt.secret\"\n\n\
             [[agent.destination]]\nid = \"{destination}\"\nservice = \"own\"\n\
             decryption_keys = [\"keys/destination/decryption.jwk\"]\n\
             signing_key = \"keys/destination/signing.jwk\"\npackages = [\"bauantrag-ordner\"]\n\n\
             [agent.destination.receiver]\nname = \"Bauaufsicht\"\n\n\
             [agent.destination.outbound]\ntransport = \"folder\"\npath = {:?}\n",
            self.dir().join("eingang")
        )
    }

    pub(crate) fn command(&self, part: &str) -> std::process::Command {
        program(&[part, "--settings", self.settings().to_str().unwrap()])
    }

    fn key(&self, name: &str) -> Value {
        let text = std::fs::read(self.dir().join("keys/destination").join(name)).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    pub(crate) async fn token(&self, port: u16, client: &str) -> String {
        let secret =
            std::fs::read_to_string(self.dir().join(format!("clients/{client}.secret"))).unwrap();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_secret", secret.trim()),
        ];
        let url = format!("http://127.0.0.1:{port}/token");
        let answer = reqwest::Client::new()
            .post(url)
            .form(&form)
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Sends an application and waits until it is accepted; its id.
    async fn apply(&self, port: u16, name: &str, serve: &Program) -> String {
        let id = self.send(port, name);
        self.accepted(port, &id, serve).await;
        id
    }

    /// Sends an application; its id.
    pub(crate) fn send(&self, port: u16, name: &str) -> String {
        let application = Application::new(name, vec![b"%PDF plan".to_vec()]);
        let mut facts = json!({ "region": REGION });
        facts["x"] = Value::Null;
        let request = self.dir().join("antrag.json");
        std::fs::write(&request, application.intake(&crate::stand::Facts(facts))).unwrap();
        let sent = self.as_portal(port, &["--json", "submit", request.to_str().unwrap()]);
        sent["submissionId"].as_str().unwrap().to_owned()
    }

    /// Waits until a submission is accepted.
    pub(crate) async fn accepted(&self, port: u16, id: &str, serve: &Program) {
        let end = Instant::now() + SOON;
        loop {
            let status = self.as_portal(port, &["--json", "status", id]);
            if status["state"] == "accepted" {
                return;
            }
            assert!(Instant::now() < end, "{status:#}\n{}", serve.talk());
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) fn as_portal(&self, port: u16, command: &[&str]) -> Value {
        let (url, secret) = (
            format!("http://127.0.0.1:{port}"),
            self.dir().join("clients/portal.secret"),
        );
        let access = [
            "--url",
            &url,
            "--client-id",
            "portal",
            "--client-secret-file",
            secret.to_str().unwrap(),
        ];
        run(&[command, &access[..]].concat()).json()
    }

    /// A gateway's data with an active destination.
    pub(crate) async fn prepared(&self, port: u16) -> String {
        self.write_settings(port, "");
        let gateway = Program::start(self.command("gateway")).ready();
        let destination = self.create_destination(port).await;
        assert!(gateway.stop(Duration::from_secs(5)).success());
        destination
    }

    /// Creates and activates the destination, as the municipality's client.
    pub(crate) async fn create_destination(&self, port: u16) -> String {
        self.create_destination_in(port, REGION).await
    }

    /// The same for one region of many.
    pub(crate) async fn create_destination_in(&self, port: u16, region: &str) -> String {
        let token = self.token(port, "fachamt").await;
        let (encryption, signature) = (
            self.key("encryption-public.jwk"),
            self.key("signature-public.jwk"),
        );
        let body = json!({
            "name": "Bauaufsicht",
            "contactInformation": { "legalName": "Kreis Beispiel", "email": "bau@example.org" },
            "publicServices": [{ "identifier": SERVICE, "regions": [format!("DE{region}")],
                "submissionSchemas": [{ "schemaUri": SCHEMA, "mimeType": "application/json" }] }],
            "encryptionKid": encryption["kid"],
            "encryptionPublicKey": encryption,
            "signingPublicKey": signature,
            "metadataVersions": ["2.1.0"],
        });
        let url = format!("http://127.0.0.1:{port}/destination-api/v2/destinations");
        let http = reqwest::Client::new();
        let answer = http
            .post(&url)
            .bearer_auth(&token)
            .json(&body)
            .send()
            .await
            .unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, StatusCode::CREATED, "{text}");
        let created: Value = serde_json::from_str(&text).unwrap();
        let id = created["destinationId"].as_str().unwrap().to_owned();
        let change = http.patch(format!("{url}/{id}")).bearer_auth(&token);
        let change = change
            .header("content-type", "application/merge-patch+json")
            .body("{\"status\":\"active\"}");
        let answer = change.send().await.unwrap();
        assert_eq!(
            answer.status(),
            StatusCode::OK,
            "{}",
            answer.text().await.unwrap()
        );
        id
    }
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sets_up_gateway_and_agent_and_gets_applications_delivered() {
    let (house, port) = (House::new(), free_port());
    house.write_settings(port, "");
    let gateway = Program::start(house.command("gateway")).ready();
    let destination = house.create_destination(port).await;
    assert!(gateway.stop(Duration::from_secs(5)).success());

    let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
    house.write_settings(port, &house.agent_settings(port, &destination, &packages));
    let settings = house.settings();
    run(&[
        "settings",
        "check",
        "--settings",
        settings.to_str().unwrap(),
    ])
    .ok();
    let serve = Program::start(house.command("serve")).ready();

    let id = house.apply(port, "Musterfrau", &serve).await;
    let brought = files_below(&house.dir().join("eingang").join(&id));
    let contents: Vec<_> = brought
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(contents.contains(&b"%PDF plan".to_vec()), "{brought:?}");
    assert!(
        contents
            .iter()
            .any(|bytes| String::from_utf8_lossy(bytes).contains("Musterfrau"))
    );
    assert!(serve.stop(Duration::from_secs(5)).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_agent_takes_up_the_version_that_is_activated_and_goes_back() {
    let (house, port) = (House::new(), free_port());
    house.write_settings(port, "");
    let gateway = Program::start(house.command("gateway")).ready();
    let destination = house.create_destination(port).await;
    assert!(gateway.stop(Duration::from_secs(5)).success());
    house.write_settings(
        port,
        &house.agent_settings(port, &destination, Path::new("packages")),
    );
    let settings = house.settings();
    let package = |args: &[&str]| {
        let kept = ["--settings", settings.to_str().unwrap()];
        run(&[&["package"], args, &kept[..]].concat()).ok()
    };
    let work = house.dir().join("work");
    let from = root().join("deploy/hessen/rheingau-taunus-kreis/packages/bauantrag-ordner");
    crate::stand::copy(&from, &work);
    package(&["activate", work.to_str().unwrap()]);
    let mut serve = house.command("serve");
    serve.args(["--log", "info"]);
    let serve = Program::start(serve).ready();
    let in_use = |version: &str| {
        let end = Instant::now() + SOON;
        let line = format!("packages in use now: bauantrag-ordner@{version}");
        while !serve.talk().contains(&line) {
            assert!(Instant::now() < end, "{}", serve.talk());
            std::thread::sleep(LOOK);
        }
    };
    let data_file = |id: &str| {
        let brought = files_below(&house.dir().join("eingang").join(id));
        let names = brought.iter().filter_map(|path| path.file_name()?.to_str());
        names
            .map(str::to_owned)
            .find(|name| Path::new(name).extension().is_some_and(|end| end == "json"))
    };
    let first = house.apply(port, "Musterfrau", &serve).await;
    assert_eq!(data_file(&first).as_deref(), Some("bauantrag.json"));

    let manifest = work.join("package.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text
        .replace("1.0.0\"\nlabel", "1.1.0\"\nlabel")
        .replace("file = \"bauantrag\"", "file = \"vorgang\"");
    std::fs::write(&manifest, text).unwrap();
    run(&["package", "expect", work.to_str().unwrap()]).ok();
    package(&["activate", work.to_str().unwrap()]);
    in_use("1.1.0");
    let second = house.apply(port, "Beispiel", &serve).await;
    assert_eq!(data_file(&second).as_deref(), Some("vorgang.json"));

    package(&["rollback", "bauantrag-ordner"]);
    in_use("1.0.0");
    let third = house.apply(port, "Muster", &serve).await;
    assert_eq!(data_file(&third).as_deref(), Some("bauantrag.json"));
    assert!(serve.stop(Duration::from_secs(5)).success());
}

/// A folder of destinations with the house's keys, and access to the Destination API.
fn write_destinations(house: &House, port: u16, names: &[&str]) -> PathBuf {
    let dir = house.dir().join("destinations");
    for (nr, name) in names.iter().enumerate() {
        let folder = dir.join(format!("d{nr}"));
        crate::stand::copy(&house.dir().join("keys/destination"), &folder.join("keys"));
        let text = format!(
            "[destination]\nname = \"{name}\"\n[destination.contact]\nlegalName = \"Kreis Beispiel\"\nemail = \"bau@example.org\"\n\
             [[destination.service]]\nidentifier = \"{SERVICE}\"\nregions = [\"DE0{}4390000000\"]\nschema_uri = \"{SCHEMA}\"\nmime_type = \"application/json\"\n",
            6 - nr
        );
        std::fs::write(folder.join("destination.toml"), text).unwrap();
    }
    let service = format!(
        "destination_api_url = \"http://127.0.0.1:{port}/destination-api\"\ntoken_url = \"http://127.0.0.1:{port}/token\"\n\
         version = \"v2\"\nclient_id = \"fachamt\"\nclient_secret_file = \"../clients/fachamt.secret\"\n"
    );
    std::fs::write(dir.join("service.toml"), service).unwrap();
    dir
}

/// A folder copied with its id would change the other's destination.
fn a_copied_folder_changes_nothing_of_the_first(dir: &Path) {
    let at = dir.to_str().unwrap();
    crate::stand::copy(&dir.join("d0"), &dir.join("d2"));
    let copy = run(&["destination", "apply", at]);
    assert_eq!(copy.stdout().matches("same `destination-id`").count(), 2);
    copy.failed(&["2 of 3 destinations have faults"]);
    // Without the id it is one of its own, although the name is the same.
    std::fs::remove_file(dir.join("d2/destination-id")).unwrap();
    let copied: Value =
        serde_json::from_str(&run(&["--json", "destination", "plan", at]).stdout()).unwrap();
    assert_eq!(copied[2]["actions"][0]["kind"], "create");
    std::fs::remove_dir_all(dir.join("d2")).unwrap();
}

#[test]
fn destinations_are_planned_applied_once_changed_rolled_over_and_tested() {
    let (house, port) = (House::new(), free_port());
    house.write_settings(port, "");
    let gateway = Program::start(house.command("gateway")).ready();
    let dir = write_destinations(&house, port, &["Bauaufsicht", "Liegenschaften"]);
    let at = dir.to_str().unwrap();
    let plan = || run(&["--json", "destination", "plan", at]);
    let first = plan();
    assert_eq!(first.code(), Some(3), "{}", first.stderr());
    let rows: Value = serde_json::from_str(&first.stdout()).unwrap();
    assert_eq!(rows[0]["actions"][0]["kind"], "create");
    let applied = run(&["--json", "destination", "apply", at]).json();
    let id = applied[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        plan().json()[0]["actions"],
        json!([]),
        "everything is as wanted"
    );

    // Killed before the id was noted: found by its name, not made twice.
    std::fs::remove_file(dir.join("d0/destination-id")).unwrap();
    let again = run(&["--json", "destination", "apply", at]).json();
    assert_eq!(
        (&again[0]["id"], &again[0]["actions"]),
        (&json!(id), &json!([]))
    );

    // Another address, another key, and one destination less.
    let file = dir.join("d0/destination.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("bau@", "amt@")).unwrap();
    run(&[
        "keys",
        "new",
        "destination",
        "--dir",
        house.dir().join("next").to_str().unwrap(),
    ])
    .ok();
    std::fs::copy(
        house.dir().join("next/encryption-public.jwk"),
        dir.join("d0/keys/encryption-public.jwk"),
    )
    .unwrap();
    let other = dir.join("d1/destination.toml");
    let text = std::fs::read_to_string(&other).unwrap();
    std::fs::write(
        &other,
        text.replace("[destination]", "[destination]\nstatus = \"inactive\""),
    )
    .unwrap();
    let changed: Value = serde_json::from_str(&plan().stdout()).unwrap();
    let kinds = |row: usize| -> Vec<&str> {
        let actions = changed[row]["actions"].as_array().unwrap();
        actions
            .iter()
            .map(|action| action["kind"].as_str().unwrap())
            .collect()
    };
    assert_eq!(
        (kinds(0), kinds(1)),
        (vec!["add-key", "change"], vec!["status"])
    );
    assert!(
        run(&["destination", "plan", at])
            .stdout()
            .contains("key roll-over")
    );
    run(&["destination", "apply", at]).ok();
    assert_eq!(plan().code(), Some(0));
    a_copied_folder_changes_nothing_of_the_first(&dir);

    // A folder that cannot be used does not hide the others.
    std::fs::write(&file, "[destination]\n").unwrap();
    run(&["destination", "apply", at]).failed(&["1 of 2"]);
    run(&["destination", "plan", "/nonexistent"]).failed(&["/nonexistent"]);
    assert!(gateway.stop(Duration::from_secs(5)).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_to_the_procedure_is_tested_link_by_link_with_a_marked_message_at_its_end() {
    let (house, port) = (House::new(), free_port());
    let destination = house.prepared(port).await;
    let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
    let agent = house.agent_settings(port, &destination, &packages);
    house.write_settings(port, &agent);
    let serve = Program::start(house.command("serve")).ready();
    let (url, secret, settings) = (
        format!("http://127.0.0.1:{port}"),
        house.dir().join("clients/portal.secret"),
        house.settings(),
    );
    let test = |more: &[&str]| {
        let base = [
            "--json",
            "connect",
            "test",
            "--settings",
            settings.to_str().unwrap(),
        ];
        run(&[&base[..], more].concat())
    };
    let sent = test(&[
        "--send",
        "--url",
        &url,
        "--client-id",
        "portal",
        "--client-secret-file",
        secret.to_str().unwrap(),
    ])
    .json();
    let links = sent[0]["links"].as_array().unwrap();
    assert!(
        links.len() >= 9 && links.iter().all(|link| link["passed"] == true),
        "{sent:#}"
    );
    let brought = files_below(&house.dir().join("eingang"));
    let is_marked = brought
        .iter()
        .any(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("TEST ")));
    assert!(is_marked, "{brought:?}");

    house.break_links(port, &agent);
    let told = test(&[]);
    assert_eq!(told.code(), Some(1));
    the_broken_links_are_named(&serde_json::from_str(&told.stdout()).unwrap());
    assert!(serve.stop(Duration::from_secs(5)).success());
}

impl House {
    /// Another key than the published one, a procedure whose folder is gone, and a package for which the destination lacks a setting.
    fn break_links(&self, port: u16, agent: &str) {
        run(&[
            "keys",
            "new",
            "destination",
            "--dir",
            self.dir().join("other").to_str().unwrap(),
        ])
        .ok();
        let broken = agent
            .replace("keys/destination/decryption.jwk", "other/decryption.jwk")
            .replace("eingang\"", "eingang/x/y\"")
            .replace(
                "\"bauantrag-ordner\"",
                "\"bauantrag-ordner\", \"antrag-flurstueck-xbau-1200\"",
            );
        std::fs::write(self.dir().join("eingang/x"), "no folder").unwrap();
        self.write_settings(port, &broken);
    }
}

fn the_broken_links_are_named(told: &Value) {
    let faults: Vec<&str> = told[0]["links"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|link| link["passed"] == false)
        .map(|link| link["what"].as_str().unwrap())
        .collect();
    assert!(
        faults.contains(&"senders seal for one of our keys"),
        "{told:#}"
    );
    assert!(faults.contains(&"way into the procedure"), "{told:#}");
    assert!(!faults.contains(&"package bauantrag-ordner"), "{told:#}");
    assert!(
        faults.contains(&"package antrag-flurstueck-xbau-1200"),
        "{told:#}"
    );
    assert!(
        told.to_string().contains("$receiver/leser/kennung"),
        "{told:#}"
    );
    assert!(
        told.to_string()
            .contains("the destination does not offer this service"),
        "{told:#}"
    );
}

#[test]
fn serve_without_its_settings_says_what_to_do() {
    run(&["serve", "--settings", "/nonexistent/amtsbote.toml"])
        .failed(&["/nonexistent/amtsbote.toml"]);
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("amtsbote.toml");
    std::fs::write(&empty, "").unwrap();
    for part in ["serve", "gateway", "agent"] {
        run(&[part, "--settings", empty.to_str().unwrap()]).failed(&["error:"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_ready_before_the_agents_part_is_good_too() {
    let (house, port) = (House::new(), free_port());
    let id = "2c7b8c1e-5f0a-4f5e-9d43-0a1b2c3d4e5f";
    let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
    let agent = house.agent_settings(port, id, &packages);
    for (agent, says) in [
        (agent.replace("signing.jwk", "none.jwk"), "none.jwk"),
        (
            house.agent_settings(port, id, house.dir()),
            "bauantrag-ordner",
        ),
        (
            agent.replace("\"own\"", "\"../own\""),
            "agent.service[0].name",
        ),
    ] {
        house.write_settings(port, &agent);
        let ended = house.command("serve").output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.stdout, b"", "{said}");
        assert!(said.contains(says), "{said}");
    }
}

//! Two gateways, one of them foreign and behind TLS with a CA of its own, and an agent at the foreign one: what is submitted by REST at
//! ours arrives in the folder of the foreign destination's procedure, once, and its sender hears of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use amtsbote_testkit::postgres::Server;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use serde_json::{Value, json};

use crate::killed::{Dice, brought, has, parcels, seed};
use crate::serve::{House, REGION, free_port};
use crate::stand::{Facts, LOOK, Program, run};
use crate::wire::{Application, SERVICE};

/// Everything has arrived by then.
const ARRIVED_MAX: Duration = Duration::from_mins(2);

/// Ours, and the foreign one with its destination.
pub(crate) struct Stage {
    ours: House,
    foreign: House,
    port: u16,
    foreign_port: u16,
    destination: String,
    /// Of our rows, if they are not in a file.
    pub(crate) server: Option<Server>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let (ours, foreign) = (House::new(), House::new());
        // The foreign service signs with keys of its own.
        let keys = foreign.dir().join("keys/gateway");
        std::fs::remove_dir_all(&keys).unwrap();
        run(&["keys", "new", "gateway", "--dir", keys.to_str().unwrap()]).ok();
        for house in [&ours, &foreign] {
            certificates(house.dir(), &["localhost", "127.0.0.1"]);
        }
        let foreign_port = free_port();
        foreign.write_settings(foreign_port, "");
        let gateway = Program::start(foreign.command("gateway")).ready();
        let destination = foreign.create_destination(foreign_port).await;
        gateway.kill();
        let stage = Self {
            ours,
            foreign,
            port: free_port(),
            foreign_port,
            destination,
            server: None,
        };
        stage.write_foreign_settings();
        stage
    }

    fn foreign_base(&self) -> String {
        format!("https://127.0.0.1:{}", self.foreign_port)
    }

    /// TLS, and an agent that trusts the foreign CA only.
    fn write_foreign_settings(&self) {
        let agent = self
            .foreign
            .agent_settings(self.foreign_port, &self.destination, &packages());
        let agent = agent.replace("http://", "https://");
        let agent = agent.replace(
            "version = \"v2\"\n",
            "version = \"v2\"\nca_file = \"ca.pem\"\n",
        );
        let tls = "[gateway.tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n\n";
        self.foreign
            .write_settings(self.foreign_port, &format!("{tls}{agent}"));
        let text = std::fs::read_to_string(self.foreign.settings()).unwrap();
        let base = format!("base_url = \"http://127.0.0.1:{}\"", self.foreign_port);
        let text = text.replace(&base, &format!("base_url = \"{}\"", self.foreign_base()));
        std::fs::write(self.foreign.settings(), text).unwrap();
    }

    pub(crate) fn write_settings(&self, version: &str, more: &str) {
        let base = self.foreign_base();
        let uplink = format!(
            "[[gateway.uplink]]\nname = \"bund\"\ntoken_url = \"{base}/token\"\n\
             submission_api_url = \"{base}/submission-api\"\nversion = \"{version}\"\nclient_id = \"portal\"\n\
             client_secret_file = {:?}\nca_file = {:?}\ndanger_keys_without_certificate = true\n{more}\n",
            self.foreign.dir().join("clients/portal.secret"),
            self.foreign.dir().join("ca.pem"),
        );
        let text = format!("{uplink}{}", self.database());
        self.ours.write_settings(self.port, &text);
    }

    fn database(&self) -> String {
        let Some(server) = &self.server else {
            return String::new();
        };
        let url = server.database();
        let url = url.replace(&format!(":{}@", server.password()), "@");
        std::fs::write(self.ours.dir().join("database.password"), server.password()).unwrap();
        format!(
            "[gateway.database]\nkind = \"postgres\"\nurl = \"{url}\"\npassword_file = \"database.password\"\n\n\
             [gateway.blobs]\nkind = \"folder\"\n"
        )
    }

    fn by_routing_service(&self) -> String {
        let base = self.foreign_base();
        format!("routing_url = \"{base}/routing-api\"\nportal_url = \"{base}/portal\"\n")
    }

    pub(crate) fn by_route(&self) -> String {
        format!(
            "[[gateway.uplink.route]]\nservice = \"{SERVICE}\"\nregions = [\"DE06\"]\ndestination = \"{}\"\n",
            self.destination
        )
    }

    pub(crate) fn settings_of_ours(&self) -> PathBuf {
        self.ours.settings()
    }

    pub(crate) fn command_of_ours(&self) -> std::process::Command {
        self.ours.command("gateway")
    }

    pub(crate) fn start_ours(&self) -> Program {
        Program::start(self.command_of_ours()).ready()
    }

    pub(crate) fn start_foreign(&self) -> Program {
        Program::start(self.foreign.command("gateway")).ready()
    }

    pub(crate) fn start_agent(&self) -> Program {
        Program::start(self.foreign.command("agent"))
    }

    fn access(&self) -> Vec<String> {
        let secret = self.ours.dir().join("clients/portal.secret");
        let url = format!("http://127.0.0.1:{}", self.port);
        [
            "--url",
            &url,
            "--client-id",
            "portal",
            "--client-secret-file",
            secret.to_str().unwrap(),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn command(&self, args: &[&str]) -> crate::stand::Ended {
        let access = self.access();
        let all: Vec<&str> = args
            .iter()
            .copied()
            .chain(access.iter().map(String::as_str))
            .collect();
        run(&all)
    }

    fn request(&self, application: &Application) -> PathBuf {
        let facts = Facts(json!({ "region": REGION }));
        let path = self.ours.dir().join(format!("{}.json", application.marker));
        std::fs::write(&path, application.intake(&facts)).unwrap();
        path
    }

    fn submit(&self, application: &Application) -> crate::stand::Ended {
        let request = self.request(application);
        self.command(&["--json", "submit", request.to_str().unwrap()])
    }

    fn test(&self) -> crate::stand::Ended {
        let settings = self.ours.settings();
        run(&[
            "--json",
            "uplink",
            "test",
            "--settings",
            settings.to_str().unwrap(),
            "--service",
            SERVICE,
            "--region",
            REGION,
        ])
    }

    /// Waits until our gateway says so of the submission.
    async fn until(&self, id: &str, state: &str) -> Value {
        let end = Instant::now() + ARRIVED_MAX;
        loop {
            let status = self.command(&["--json", "status", id]);
            if status.code() == Some(0) && status.json()["state"] == state {
                return status.json();
            }
            assert!(
                Instant::now() < end,
                "{} {}",
                status.stdout(),
                status.stderr()
            );
            tokio::time::sleep(LOOK * 20).await;
        }
    }
}

fn packages() -> PathBuf {
    crate::stand::root().join("deploy/hessen/rheingau-taunus-kreis/packages")
}

/// A throw-away CA and a server certificate for these names.
pub(crate) fn certificates(dir: &std::path::Path, names: &[&str]) {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.distinguished_name
        .push(DnType::CommonName, "throw-away CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut server = CertificateParams::new(names).unwrap();
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().unwrap();
    let certificate = server.signed_by(&key, &issuer).unwrap();
    for (name, text) in [
        ("ca.pem", issuer.pem()),
        ("server.pem", certificate.pem()),
        ("server.key", key.serialize_pem()),
    ] {
        std::fs::write(dir.join(name), text).unwrap();
    }
}

fn events(status: &Value) -> Vec<(String, bool)> {
    let timeline = status["timeline"].as_array().unwrap();
    let named = timeline.iter().map(|entry| {
        let name = entry["event"].as_str().unwrap().to_owned();
        (name, entry.get("uplink").is_some())
    });
    // Listed for pick-up: noted once per way it was listed.
    named
        .filter(|(name, _)| name != "notify-submission")
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_submission_reaches_a_foreign_destination_found_by_its_routing_service() {
    let stage = Stage::new().await;
    stage.write_settings("v2", &stage.by_routing_service());
    let (_foreign, agent) = (stage.start_foreign(), stage.start_agent());
    let ours = stage.start_ours();
    let probes = stage.test().json();
    assert_eq!(probes["ok"], true, "{probes:#}");
    let names: Vec<&str> = probes["uplinks"][0]["probes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|probe| probe["probe"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["token", "service-keys", "routing", "destination", "key"]
    );

    let application = Application::new(
        "Musterfrau",
        vec![b"%PDF plan".to_vec(), b"%PDF ansicht".to_vec()],
    );
    let sent = stage.submit(&application).json();
    assert_eq!(sent["destinationId"], stage.destination);
    let id = sent["submissionId"].as_str().unwrap();
    let status = stage.until(id, "accepted").await;
    let told = events(&status);
    let told: Vec<_> = told
        .iter()
        .map(|(name, is_foreign)| (name.as_str(), *is_foreign))
        .collect();
    assert_eq!(
        told,
        [
            ("create-submission", false),
            ("submit-submission", false),
            ("create-submission", true),
            ("submit-submission", true),
            ("accept-submission", true),
        ],
        "{status:#}\n{}\n{}",
        ours.talk(),
        agent.talk()
    );
    assert_eq!(status["uplink"]["outcome"], "accepted");
    let there = status["uplink"]["submissionId"].as_str().unwrap();
    assert_ne!(there, id);
    let parcels = parcels(&stage.foreign.dir().join("eingang"));
    let parcel = &parcels[there];
    for attachment in &application.attachments {
        assert!(brought(parcel, attachment));
    }
    // What the foreign side has taken is not kept here.
    let end = Instant::now() + ARRIVED_MAX;
    let blobs = || {
        let files = crate::stand::files_below(&stage.ours.dir().join("gateway/blobs"));
        files
            .into_iter()
            .filter(|path| !path.ends_with("lock"))
            .count()
    };
    while blobs() > 0 {
        assert!(Instant::now() < end, "blobs are left");
        tokio::time::sleep(LOOK).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_uplink_is_said_and_nothing_is_accepted() {
    let stage = Stage::new().await;
    let foreign = stage.start_foreign();
    let application = Application::new("Musterfrau", vec![b"%PDF plan".to_vec()]);
    let check = |settings: &dyn Fn(String) -> String, said: &str, probe: &str| {
        stage.write_settings("v2", &stage.by_route());
        let text = std::fs::read_to_string(stage.ours.settings()).unwrap();
        std::fs::write(stage.ours.settings(), settings(text)).unwrap();
        let ours = stage.start_ours();
        stage.submit(&application).failed(&[said]);
        let tested = stage.test();
        assert_eq!(tested.code(), Some(1));
        let shown: Value = serde_json::from_str(&tested.stdout()).unwrap();
        let failed = shown["uplinks"][0]["probes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|probe| probe["ok"] == false);
        assert_eq!(failed.unwrap()["probe"], probe, "{shown:#}");
        assert!(failed.unwrap()["hint"]["de"].is_string());
        ours.kill();
        shown
    };
    let (theirs, ours) = (
        stage.foreign.dir().join("ca.pem"),
        stage.ours.dir().join("ca.pem"),
    );
    let shown = check(
        &|text| text.replace(theirs.to_str().unwrap(), ours.to_str().unwrap()),
        "not available",
        "token",
    );
    assert!(shown.to_string().contains("ca_file"), "{shown:#}");
    let wrong = stage.ours.dir().join("clients/fachamt.secret");
    let right = stage.foreign.dir().join("clients/portal.secret");
    let shown = check(
        &|text| text.replace(right.to_str().unwrap(), wrong.to_str().unwrap()),
        "not available",
        "token",
    );
    assert!(
        shown.to_string().contains("client_secret_file"),
        "{shown:#}"
    );
    let unknown = "00000000-0000-4000-8000-000000000001";
    check(
        &|text| text.replace(&stage.destination, unknown),
        "no-route",
        "destination",
    );
    foreign.kill();
    check(&|text| text, "not available", "token");
}

/// One agent at two delivery services: `http` and v1 at ours, TLS with a private CA and v2 at the foreign one.
fn write_agent_settings(
    stage: &Stage,
    ca: &std::path::Path,
    secret: &std::path::Path,
    own: &str,
) -> PathBuf {
    let text = stage
        .ours
        .agent_settings(stage.port, own, &packages())
        .replace("version = \"v2\"", "version = \"v1\"");
    let base = stage.foreign_base();
    let service = format!(
        "[[agent.service]]\nname = \"foreign\"\ntoken_url = \"{base}/token\"\n\
         submission_api_url = \"{base}/submission-api\"\nversion = \"v2\"\nclient_id = \"fachamt\"\n\
         client_secret_file = {secret:?}\nca_file = {ca:?}\n\n"
    );
    let (head, destination) = text.split_once("[[agent.destination]]").unwrap();
    let destination = format!("[[agent.destination]]{destination}");
    let other = destination
        .replace(own, &stage.destination)
        .replace("\"own\"", "\"foreign\"");
    let path = stage.ours.dir().join("agent.toml");
    std::fs::write(&path, format!("{head}{service}{destination}\n{other}")).unwrap();
    path
}

fn start_agent(settings: &std::path::Path) -> Program {
    Program::start(crate::stand::program(&[
        "agent",
        "--settings",
        settings.to_str().unwrap(),
    ]))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_agent_serves_destinations_at_several_services_and_says_which_of_them_it_cannot_reach()
{
    let stage = Stage::new().await;
    stage.write_settings("v2", "");
    let _foreign = stage.start_foreign();
    let ours = stage.start_ours();
    let own = stage.ours.create_destination(stage.port).await;
    let (ca, secret) = (
        stage.foreign.dir().join("ca.pem"),
        stage.foreign.dir().join("clients/fachamt.secret"),
    );
    let wrong = [
        (
            stage.ours.dir().join("ca.pem"),
            secret.clone(),
            "no trusted TLS connection",
        ),
        (
            ca.clone(),
            stage.ours.dir().join("clients/portal.secret"),
            "check client_id and client_secret_file",
        ),
    ];
    for (ca, secret, said) in wrong {
        let agent = start_agent(&write_agent_settings(&stage, &ca, &secret, &own));
        let end = Instant::now() + ARRIVED_MAX;
        while !agent.talk().contains(said) {
            assert!(Instant::now() < end, "{}", agent.talk());
            tokio::time::sleep(LOOK).await;
        }
        // The other service is served all the same.
        let marker = format!(
            "Musterfrau{}",
            if said.contains("TLS") { "eins" } else { "zwei" }
        );
        let sent = stage
            .submit(&Application::new(&marker, vec![b"%PDF plan".to_vec()]))
            .json();
        assert_eq!(sent["destinationId"], own, "our own destination goes first");
        stage
            .until(sent["submissionId"].as_str().unwrap(), "accepted")
            .await;
        agent.kill();
    }
    let agent = start_agent(&write_agent_settings(&stage, &ca, &secret, &own));
    let application = Application::new("Musterfraudrei", vec![b"%PDF plan".to_vec()]);
    let request = stage.request(&application);
    let mut body: Value = serde_json::from_slice(&std::fs::read(&request).unwrap()).unwrap();
    body.as_object_mut().unwrap().remove("region");
    body["destinationId"] = json!(stage.destination);
    std::fs::write(&request, body.to_string()).unwrap();
    let sent = stage
        .command(&["--json", "submit", request.to_str().unwrap()])
        .json();
    let status = stage
        .until(sent["submissionId"].as_str().unwrap(), "accepted")
        .await;
    assert_eq!(status["uplink"]["name"], "bund", "{}", agent.talk());
    drop(ours);
}

/// Sends by `amtsbote submit`, whose repeat key follows from the content; repeats until our gateway has answered.
pub(crate) async fn submit_until_taken(stage: &Stage, application: &Application) -> String {
    let end = Instant::now() + ARRIVED_MAX;
    loop {
        let sent = stage.submit(application);
        if sent.code() == Some(0) {
            return sent.json()["submissionId"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < end, "{}", sent.stderr());
        tokio::time::sleep(LOOK * 10).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_both_gateways_are_killed_again_and_again() {
    kill_both(Stage::new().await, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_where_ours_keeps_its_rows_on_postgres() {
    if let Some(server) = Server::start() {
        let mut stage = Stage::new().await;
        stage.server = Some(server);
        kill_both(stage, 4).await;
    }
}

async fn kill_both(stage: Stage, kills: usize) {
    let seed = seed();
    println!("AMTSBOTE_SEED={seed}");
    let mut dice = Dice(seed);
    stage.write_settings("v1", &stage.by_route());
    let _agent = stage.start_agent();
    let (mut ours, mut foreign) = (stage.start_ours(), stage.start_foreign());
    let names = [
        "Anna", "Berta", "Clara", "Dora", "Emma", "Frieda", "Gerda", "Hanna",
    ];
    let mut accepted = Vec::new();
    for name in names.iter().take(kills) {
        let marker = format!("Geheimwort{name}");
        let plan = format!("%PDF {marker} {}", marker.repeat(20_000)).into_bytes();
        let application = Application::new(&marker, vec![plan, b"%PDF klein".to_vec()]);
        accepted.push((submit_until_taken(&stage, &application).await, application));
        tokio::time::sleep(Duration::from_millis(dice.roll(250))).await;
        let (kills_ours, kills_foreign) = (dice.roll(3) != 0, dice.roll(3) != 0);
        if kills_ours {
            ours.kill();
            ours = stage.start_ours();
        }
        if kills_foreign {
            foreign.kill();
            tokio::time::sleep(Duration::from_millis(dice.roll(250))).await;
            foreign = stage.start_foreign();
        }
    }
    assert_arrived_once(&stage, &accepted).await;
    drop(foreign);
    drop(ours);
}

/// Each is accepted there, with one announcement that was completed, and lies with the procedure once, unchanged; nothing else does.
pub(crate) async fn assert_arrived_once(stage: &Stage, accepted: &[(String, Application)]) {
    for (id, _) in accepted {
        let status = stage.until(id, "accepted").await;
        let told = events(&status);
        let foreign_ones: Vec<&str> = told
            .iter()
            .filter(|(_, is_foreign)| *is_foreign)
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(
            foreign_ones,
            [
                "create-submission",
                "submit-submission",
                "accept-submission"
            ]
        );
    }
    let parcels = parcels(&stage.foreign.dir().join("eingang"));
    assert_eq!(parcels.len(), accepted.len(), "{:?}", parcels.keys());
    for (_, application) in accepted {
        let holding = parcels.values().filter(|files| {
            files.iter().any(|(path, bytes)| {
                path.extension().is_some_and(|kind| kind == "json")
                    && has(bytes, application.marker.as_bytes())
            })
        });
        let holding: Vec<_> = holding.collect();
        assert_eq!(holding.len(), 1, "{}", application.marker);
        for attachment in &application.attachments {
            assert!(
                brought(holding[0], attachment),
                "an attachment of {} is missing",
                application.marker
            );
        }
    }
}

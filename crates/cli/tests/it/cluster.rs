//! Several gateways over one PostgreSQL database and one bucket: any of them does any step, one at a time does what nobody asked
//! for, and any of them may be killed. And one gateway whose database goes away.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use amtsbote_client::Sender;
use amtsbote_fit_connect::ApiVersion;
use amtsbote_model::{Callback, Secret};
use amtsbote_testkit::postgres::{Server, Stop};
use amtsbote_testkit::tables::Count::{
    self, Accepted, LastRound, Submitted, ToldOf, Twice, Unsealed, Waiting,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};

use crate::crash::peer;
use crate::s3;
use crate::serve::{House, REGION, free_port};
use crate::stand::{Facts, LOOK, Program, SOON, files_below, program, root, run};
use crate::wire::{self, Application, SealedApplication, encryption_key, session};

/// Whatever a killed gateway did is done by another one after this.
const TAKE_OVER_MAX: Duration = Duration::from_secs(10);

/// Callbacks that came, by kind and submission.
type Told = Arc<Mutex<BTreeMap<(String, String), usize>>>;

/// Gateways that share a database. All have the address of the last one, as behind a balancer.
struct Cluster {
    house: House,
    server: Server,
    url: String,
    ports: [u16; 3],
    /// `[gateway.blobs]`
    blobs: String,
    callback_url: String,
    told: Told,
}

async fn told(State(told): State<Told>, body: Bytes) -> StatusCode {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let kind = body["type"].as_str().unwrap_or_default().to_owned();
    for one in body["submissions"].as_array().into_iter().flatten() {
        let id = one["submissionId"].as_str().unwrap().to_owned();
        *told.lock().unwrap().entry((kind.clone(), id)).or_default() += 1;
    }
    StatusCode::OK
}

impl Cluster {
    /// `None` where there is no PostgreSQL. `blobs` makes the lines of `[gateway.blobs]`, for key files in a folder.
    async fn new(blobs: impl FnOnce(&Path) -> String) -> Option<Self> {
        let server = Server::start()?;
        let url = server.database();
        let house = House::new();
        let told = Told::default();
        let (ca_pem, tls) = peer::certificate();
        let router = Router::new().route("/", post(self::told));
        let router = router.with_state(told.clone());
        let address = peer::serve(router, Some(Arc::new(tls))).await;
        std::fs::write(house.dir().join("ca.pem"), ca_pem).unwrap();
        std::fs::write(house.dir().join("database.password"), server.password()).unwrap();
        let blobs = blobs(house.dir());
        Some(Self {
            url: url.replace(&format!(":{}@", server.password()), "@"),
            house,
            server,
            ports: [free_port(), free_port(), free_port()],
            blobs,
            callback_url: format!("https://{address}/"),
            told,
        })
    }

    fn settings(&self, number: usize, agent: &str) -> PathBuf {
        let (schemas, base, port) = (root().join("schemas"), self.ports[2], self.ports[number]);
        let (url, blobs) = (&self.url, &self.blobs);
        let text = format!(
            "[gateway]\nbase_url = \"http://127.0.0.1:{base}\"\nlisten = \"127.0.0.1:{port}\"\n\
             data_dir = \"gateway\"\nkeys_dir = \"keys/gateway\"\nschemas_dir = {schemas:?}\n\
             callback_networks = [\"127.0.0.0/8\"]\ndanger_keys_without_certificate = true\n\n\
             [gateway.database]\nkind = \"postgres\"\nurl = \"{url}\"\npassword_file = \"database.password\"\n\n{blobs}\
             [gateway.deadlines]\npause = \"1s\"\n\n\
             [[gateway.client]]\nid = \"portal\"\nkind = \"sender\"\nsecret_file = \"clients/portal.secret\"\n\n\
             [[gateway.client]]\nid = \"fachamt\"\nkind = \"manager\"\nsecret_file = \"clients/fachamt.secret\"\n\n{agent}"
        );
        let path = self.house.dir().join(format!("amtsbote-{number}.toml"));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, part: &str, settings: &Path) -> Program {
        let mut command = program(&[
            part,
            "--settings",
            settings.to_str().unwrap(),
            "--log",
            "info",
        ]);
        command.env("SSL_CERT_FILE", self.house.dir().join("ca.pem"));
        Program::start(command)
    }

    fn gateway(&self, number: usize) -> Program {
        self.run("gateway", &self.settings(number, ""))
    }

    /// What a sender knows that talks to one of them.
    fn facts(&self, number: usize, destination: &str) -> Facts {
        let dir = self.house.dir();
        let secret = std::fs::read_to_string(dir.join("clients/portal.secret")).unwrap();
        let base = format!("http://127.0.0.1:{}", self.ports[number]);
        Facts(json!({
            "tokenUrl": format!("{base}/token"),
            "submissionApiUrl": format!("{base}/submission-api"),
            "destinationId": destination,
            "region": REGION,
            "sender": { "clientId": "portal", "clientSecret": secret.trim() },
            "keys": { "encryptionPublic": dir.join("keys/destination/encryption-public.jwk") },
            "caFile": Value::Null,
        }))
    }

    fn sender(&self, number: usize, destination: &str) -> Sender {
        Sender::new(session(
            &self.facts(number, destination),
            "sender",
            ApiVersion::V2,
        ))
    }

    /// Announced at one, uploaded and submitted at another; its id.
    async fn apply(
        &self,
        destination: &str,
        name: &str,
        (first, second): (usize, usize),
    ) -> String {
        let application = Application::new(name, vec![b"%PDF plan".to_vec()]);
        let facts = self.facts(first, destination);
        let sealed = SealedApplication::of(&application, &encryption_key(&facts));
        let mut announcement = wire::announcement(&facts, sealed.ids.clone());
        announcement.callback = Some(Callback {
            url: self.callback_url.clone(),
            secret: Secret::new("of a callback's receiver, long enough".into()),
        });
        let ids = self
            .sender(first, destination)
            .announce(&announcement)
            .await;
        let ids = ids.unwrap();
        let finished = wire::finish(&self.sender(second, destination), ids, &sealed).await;
        finished.unwrap();
        ids.submission_id.to_string()
    }

    fn count(&self, what: Count) -> u64 {
        self.server.count(&self.url, what)
    }

    async fn until(&self, what: &str, limit: Duration, holds: impl Fn(&Self) -> bool) -> Duration {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < limit, "not in time: {what}");
            tokio::time::sleep(LOOK * 10).await;
        }
        began.elapsed()
    }

    fn callbacks_of(&self, id: &str) -> usize {
        let told = self.told.lock().unwrap();
        let of = |((_, submission), count): (&(String, String), &usize)| {
            if submission == id { *count } else { 0 }
        };
        told.iter().map(of).sum()
    }
}

/// Announced here, submitted there, fetched and acknowledged at the third; everything once.
async fn brought_once(cluster: &Cluster, destination: &str) {
    let mut ids = Vec::new();
    let pairs = [(0, 1), (1, 2), (2, 0), (0, 2), (1, 0), (2, 1)];
    for (letter, pair) in ('a'..).zip(pairs) {
        let name = format!("Musterfrau{letter}");
        ids.push(cluster.apply(destination, &name, pair).await);
    }
    let all = |c: &Cluster| c.count(Accepted) == 6;
    cluster.until("all are accepted", SOON, all).await;
    for id in &ids {
        let brought = files_below(&cluster.house.dir().join("eingang").join(id));
        let is_plan = |path: &&PathBuf| std::fs::read(path).unwrap() == b"%PDF plan";
        assert_eq!(brought.iter().filter(is_plan).count(), 1, "{brought:?}");
    }
    assert_eq!(cluster.count(Twice), 0, "an event is there twice");
    let none_waits = |c: &Cluster| c.count(Waiting) == 0;
    cluster.until("callbacks are sent", SOON, none_waits).await;
    // One for each event that is not the sender's own doing.
    let told = cluster.told.lock().unwrap().clone();
    let sum: usize = told.values().sum();
    assert_eq!(told.len(), 6, "{told:?}");
    assert_eq!(
        u64::try_from(sum).unwrap(),
        cluster.count(ToldOf),
        "{told:?}"
    );
    let is_sealed = |c: &Cluster| c.count(Unsealed) == 0;
    cluster
        .until("all events are sealed", SOON, is_sealed)
        .await;
}

/// Kills the gateway on duty; those that live.
fn without_the_one_on_duty(cluster: &Cluster, gateways: [Program; 3]) -> Vec<Program> {
    let on_duty = |gateway: &Program| gateway.talk().contains("this gateway is on duty");
    let at = gateways.iter().position(on_duty).unwrap();
    let mut living = Vec::from(gateways);
    living.remove(at).kill();
    if at == 2 {
        // The agent knows its address only.
        living.push(cluster.gateway(2).ready());
    }
    living
}

/// What a killed gateway did alone is done by another one.
async fn taken_over(cluster: &Cluster, destination: &str) {
    let (before, began) = (cluster.count(LastRound), Instant::now());
    let late = cluster.apply(destination, "Spaeterin", (2, 2)).await;
    let is_told = |c: &Cluster| c.callbacks_of(&late) > 0;
    cluster
        .until("callbacks are taken over", TAKE_OVER_MAX, is_told)
        .await;
    let callbacks = began.elapsed();
    let left = TAKE_OVER_MAX.saturating_sub(callbacks);
    let is_kept = |c: &Cluster| c.count(LastRound) > before;
    cluster
        .until("deadlines are taken over", left, is_kept)
        .await;
    let deadlines = began.elapsed();
    println!("taken over: callbacks after {callbacks:?}, deadlines after {deadlines:?}");
    let is_done = |c: &Cluster| c.count(Accepted) == 7 && c.count(Unsealed) == 0;
    cluster
        .until("it is accepted and sealed", SOON, is_done)
        .await;
    assert_eq!(cluster.count(Twice), 0, "an event is there twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_of_three_gateways_does_any_step_and_any_may_be_killed() {
    let Some(bucket) = s3::Server::running() else {
        return;
    };
    let Some(cluster) = Cluster::new(|dir| bucket.settings("cluster", dir)).await else {
        return;
    };
    let gateways = [0, 1, 2]
        .map(|number| cluster.gateway(number))
        .map(Program::ready);
    let destination = cluster.house.create_destination(cluster.ports[1]).await;
    let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
    let agent = cluster
        .house
        .agent_settings(cluster.ports[2], &destination, &packages);
    let agent_file = cluster.house.dir().join("agent.toml");
    std::fs::write(&agent_file, agent).unwrap();
    let agent = cluster.run("agent", &agent_file);

    brought_once(&cluster, &destination).await;
    let living = without_the_one_on_duty(&cluster, gateways);
    taken_over(&cluster, &destination).await;
    assert!(agent.stop(Duration::from_secs(25)).success());
    for gateway in living {
        assert!(gateway.stop(Duration::from_secs(25)).success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_on_duty_that_stands_still_longer_than_its_lease_tells_nobody_twice() {
    let Some(bucket) = s3::Server::running() else {
        return;
    };
    let Some(cluster) = Cluster::new(|dir| bucket.settings("still", dir)).await else {
        return;
    };
    let still = cluster.gateway(0).ready();
    let began = Instant::now();
    while !still.talk().contains("this gateway is on duty") {
        assert!(began.elapsed() < SOON, "{}", still.talk());
        tokio::time::sleep(LOOK).await;
    }
    let others = [1, 2]
        .map(|number| cluster.gateway(number))
        .map(Program::ready);
    let destination = cluster.house.create_destination(cluster.ports[1]).await;
    let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
    let agent = cluster
        .house
        .agent_settings(cluster.ports[2], &destination, &packages);
    let agent_file = cluster.house.dir().join("agent.toml");
    std::fs::write(&agent_file, agent).unwrap();
    let agent = cluster.run("agent", &agent_file);

    rustix::process::kill_process(still.pid(), rustix::process::Signal::STOP).unwrap();
    let first = cluster.apply(&destination, "Steht", (1, 2)).await;
    let is_told = |c: &Cluster| c.callbacks_of(&first) > 0;
    cluster
        .until("another one is on duty", TAKE_OVER_MAX, is_told)
        .await;
    // It wakes up in the belief of being on duty, while there is something to tell.
    cluster.apply(&destination, "Wacht", (2, 1)).await;
    rustix::process::kill_process(still.pid(), rustix::process::Signal::CONT).unwrap();
    cluster.apply(&destination, "Weiter", (0, 1)).await;
    let is_done = |c: &Cluster| c.count(Accepted) == 3 && c.count(Waiting) == 0;
    cluster.until("all is told", SOON, is_done).await;
    // Longer than any of them takes to look for what is due.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let sum: usize = cluster.told.lock().unwrap().values().sum();
    assert_eq!(u64::try_from(sum).unwrap(), cluster.count(ToldOf));
    assert_eq!(cluster.count(Twice), 0, "an event is there twice");
    let is_sealed = |c: &Cluster| c.count(Unsealed) == 0;
    cluster
        .until("all events are sealed", SOON, is_sealed)
        .await;
    assert!(agent.stop(Duration::from_secs(25)).success());
    for gateway in others.into_iter().chain([still]) {
        assert!(gateway.stop(Duration::from_secs(25)).success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_with_another_identity_or_another_place_of_attachments_are_refused() {
    let Some(bucket) = s3::Server::running() else {
        return;
    };
    let Some(mut cluster) = Cluster::new(|dir| bucket.settings("identity", dir)).await else {
        return;
    };
    let gateway = cluster.gateway(0).ready();
    let refused = |cluster: &Cluster, part: &str| {
        let mut other = cluster.gateway(1);
        assert!(!other.ended().success(), "{}", other.talk());
        assert!(other.talk().contains(part), "{}", other.talk());
    };
    let keys = cluster.house.dir().join("keys/gateway");
    let token = std::fs::read_to_string(keys.join("token.key")).unwrap();
    // It makes a new one.
    std::fs::remove_file(keys.join("token.key")).unwrap();
    refused(&cluster, "token.key is not the same");
    std::fs::write(keys.join("token.key"), token).unwrap();
    let blobs = cluster.blobs.clone();
    cluster.blobs = blobs.replace("prefix = \"identity\"", "prefix = \"other\"");
    refused(&cluster, "not in the same bucket");
    cluster.blobs = "[gateway.blobs]\nkind = \"folder\"\n\n".into();
    refused(&cluster, "one gateway at a time");
    cluster.blobs = blobs;
    // Nothing is backed up silently that is not there.
    let settings = cluster.settings(1, "");
    let settings = settings.to_str().unwrap();
    let backup = cluster.house.dir().join("backup");
    let backup = backup.to_str().unwrap();
    run(&["backup", backup, "--settings", settings]).ok();
    run(&["restore", backup, "--settings", settings]).failed(&["amtsbote_gateway", "already"]);
    let second = cluster.gateway(1).ready();
    assert!(second.stop(Duration::from_secs(25)).success());
    assert!(gateway.stop(Duration::from_secs(25)).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_is_503_and_afterwards_everything_goes_on() {
    let folder = |_: &Path| "[gateway.blobs]\nkind = \"folder\"\n\n".to_owned();
    let Some(cluster) = Cluster::new(folder).await else {
        return;
    };
    let gateway = cluster.gateway(2).ready();
    let port = cluster.ports[2];
    let destination = cluster.house.create_destination(port).await;
    let first = cluster.house.send(port, "Vorherin");
    let http = reqwest::Client::new();
    let base = format!("http://127.0.0.1:{port}");
    let facts = cluster.facts(2, &destination);
    let post = async |name: &str| {
        let token = wire::token(&http, &facts, "sender").await.unwrap();
        let body = Application::new(name, vec![b"%PDF plan".to_vec()]).intake(&facts);
        let post = http.post(format!("{base}/intake/v1/submissions"));
        let post = post
            .bearer_auth(token)
            .header("content-type", "application/json");
        post.body(body).send().await.unwrap()
    };
    for how in [Stop::Immediate, Stop::Fast] {
        cluster.server.stop(how);
        let answer = post("Waehrend").await;
        assert_eq!(answer.status(), 503, "{how:?}");
        assert!(answer.headers().contains_key("retry-after"), "{how:?}");
        // What needs no database is answered as ever.
        for path in [
            "/submission-api/.well-known/jwks.json",
            "/submission-api/v2/info",
        ] {
            let answer = http.get(format!("{base}{path}")).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
        }
        cluster.server.start_again();
        let began = Instant::now();
        loop {
            let status = post("Danach").await.status();
            if status.is_success() {
                break;
            }
            assert_eq!(status, 503, "{how:?}");
            assert!(began.elapsed() < SOON, "{how:?}: {}", gateway.talk());
            tokio::time::sleep(LOOK * 10).await;
        }
        println!(
            "{how:?}: taken again {:?} after the database was back",
            began.elapsed()
        );
    }
    assert_eq!(cluster.count(Submitted), 3, "of {first} and two later ones");
    assert!(gateway.stop(Duration::from_secs(25)).success());
}

/// What `/health` says.
async fn health(port: u16) -> (u16, bool, String) {
    let url = format!("http://127.0.0.1:{port}/health");
    let answer = reqwest::get(url).await.unwrap();
    let has_retry = answer.headers().contains_key("retry-after");
    (
        answer.status().as_u16(),
        has_retry,
        answer.text().await.unwrap(),
    )
}

async fn healthy(port: u16) {
    let began = Instant::now();
    while health(port).await.0 != 200 {
        assert!(began.elapsed() < SOON, "not ready");
        tokio::time::sleep(LOOK).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_waits_for_its_database_and_says_so() {
    let folder = |_: &Path| "[gateway.blobs]\nkind = \"folder\"\n\n".to_owned();
    let Some(cluster) = Cluster::new(folder).await else {
        return;
    };
    let port = cluster.ports[2];
    cluster.server.stop(Stop::Fast);
    let waiting = |gateway: &Program| {
        let began = Instant::now();
        while !gateway
            .talk()
            .contains("waiting for the gateway's database")
        {
            assert!(began.elapsed() < SOON, "{}", gateway.talk());
            std::thread::sleep(LOOK);
        }
    };
    // Asked to stop while it waits, it stops.
    let gateway = cluster.gateway(2);
    waiting(&gateway);
    assert!(gateway.stop(Duration::from_secs(5)).success());

    let gateway = cluster.gateway(2);
    waiting(&gateway);
    let (status, has_retry, body) = health(port).await;
    assert_eq!((status, has_retry), (503, true), "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["code"], "store-unavailable", "{body}");
    assert!(
        body["detail"].as_str().unwrap().contains("database"),
        "{body}"
    );
    let url = format!("http://127.0.0.1:{port}/token");
    let token = reqwest::Client::new().post(url).send().await.unwrap();
    assert_eq!(token.status(), 503);
    cluster.server.start_again();
    let gateway = gateway.ready();
    healthy(port).await;
    // Later the same, without a restart.
    cluster.server.stop(Stop::Immediate);
    let began = Instant::now();
    while health(port).await.0 != 503 {
        assert!(began.elapsed() < SOON, "it says it is ready");
        tokio::time::sleep(LOOK).await;
    }
    cluster.server.start_again();
    healthy(port).await;
    assert!(gateway.stop(Duration::from_secs(25)).success());
}

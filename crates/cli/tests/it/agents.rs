//! Several agents over one PostgreSQL database: killed at random, each application has one effect; what one did alone, another one
//! takes over; a database that goes away is waited for.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use amtsbote_client::Sender;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_fit_connect::{ApiVersion, Paging};
use amtsbote_jose::{KeyUse, PrivateKey};
use amtsbote_model::submission::State;
use amtsbote_testkit::postgres::{Server, Stop};
use amtsbote_testkit::tables::Count::{self, Answers, Replied, Turns, Undone};
use serde_json::{Value, json};

use crate::killed::{Dice, has, parcels, seed};
use crate::serve::{House, REGION, free_port};
use crate::stand::{Facts, LOOK, Program, SOON, program, root, run};
use crate::way_back::sealed;
use crate::wire::{self, Application, encryption_key, session};

/// What a killed agent did is done by another one after this.
const TAKE_OVER_MAX: Duration = Duration::from_secs(10);
const DELIVERED_MAX: Duration = Duration::from_mins(2);
const NAMES: [&str; 3] = ["a", "b", "c"];

/// One gateway on SQLite, agents that share a database, the procedure's folders.
struct Stand {
    house: House,
    server: Server,
    url: String,
    port: u16,
    destination: String,
    gateway: Program,
    http: reqwest::Client,
}

/// An application that the gateway has taken.
struct Sent {
    ids: SubmissionRef,
    marker: String,
}

impl Stand {
    /// `None` where there is no PostgreSQL.
    async fn new() -> Option<Self> {
        let server = Server::start()?;
        let url = server.database();
        let (house, port) = (House::new(), free_port());
        let dir = house.dir();
        std::fs::create_dir(dir.join("antworten")).unwrap();
        std::fs::write(dir.join("database.password"), server.password()).unwrap();
        let limits = "[gateway.limits]\nrequests_per_minute = 0\ntokens_per_minute = 0\n";
        house.write_settings(port, limits);
        let gateway = Program::start(house.command("gateway")).ready();
        let destination = house.create_destination(port).await;
        let stand = Self {
            url: url.replace(&format!(":{}@", server.password()), "@"),
            house,
            server,
            port,
            destination,
            gateway,
            http: reqwest::Client::new(),
        };
        Some(stand)
    }

    /// The settings of an agent, with a folder of its own.
    fn settings(&self, name: &str) -> PathBuf {
        let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
        let text = self
            .house
            .agent_settings(self.port, &self.destination, &packages);
        let database = format!(
            "data_dir = \"agent-{name}\"\npoll = \"200ms\"\n\
             database = {{ kind = \"postgres\", url = \"{}\", password_file = \"database.password\" }}\n",
            self.url
        );
        let text = text.replacen("data_dir = \"agent\"\n", &database, 1);
        let answers = self.answers();
        let inbound = format!(
            "\n[agent.destination.inbound]\ntransport = \"folder\"\npath = {answers:?}\nformat = \"xbau\"\n\
             quiet = \"0s\"\npoll = \"200ms\"\n"
        );
        let path = self.house.dir().join(format!("agent-{name}.toml"));
        std::fs::write(&path, text + &inbound).unwrap();
        path
    }

    fn agent(&self, name: &str) -> Program {
        let settings = self.settings(name);
        let settings = settings.to_str().unwrap();
        Program::start(program(&["agent", "--settings", settings, "--log", "info"]))
    }

    fn answers(&self) -> PathBuf {
        self.house.dir().join("antworten")
    }

    fn facts(&self) -> Facts {
        let dir = self.house.dir();
        let secret = std::fs::read_to_string(dir.join("clients/portal.secret")).unwrap();
        let base = format!("http://127.0.0.1:{}", self.port);
        Facts(json!({
            "tokenUrl": format!("{base}/token"),
            "submissionApiUrl": format!("{base}/submission-api"),
            "destinationId": self.destination,
            "region": REGION,
            "sender": { "clientId": "portal", "clientSecret": secret.trim() },
            "keys": { "encryptionPublic": dir.join("keys/destination/encryption-public.jwk") },
            "caFile": Value::Null,
        }))
    }

    async fn send(&self, marker: &str) -> Sent {
        let facts = self.facts();
        let token = wire::token(&self.http, &facts, "sender").await.unwrap();
        let plan = format!("%PDF {marker}").into_bytes();
        let body = Application::new(marker, vec![plan]).intake(&facts);
        let url = format!("http://127.0.0.1:{}/intake/v1/submissions", self.port);
        let post = self.http.post(url).bearer_auth(token);
        let answer = post
            .header("content-type", "application/json")
            .body(body)
            .send();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 201);
        Sent {
            ids: SubmissionRef::parse(&answer.bytes().await.unwrap()).unwrap(),
            marker: marker.to_owned(),
        }
    }

    /// Waits until it is accepted, and looks whether that was said once.
    async fn accepted(&self, sent: &Sent, limit: Duration) {
        let session = session(&self.facts(), "sender", ApiVersion::V2);
        let began = Instant::now();
        let log = loop {
            let log = session.verified_log(sent.ids).await.unwrap().unwrap();
            if log.state() == State::Accepted {
                break log;
            }
            let state = log.state();
            assert!(began.elapsed() < limit, "{} is {state:?}", sent.marker);
            tokio::time::sleep(LOOK * 2).await;
        };
        let steps = log.events().iter().map(|event| event.event.name());
        let steps: Vec<&str> = steps.filter(|step| *step != "notify").collect();
        assert_eq!(steps, ["create", "submit", "accept"], "{}", sent.marker);
    }

    /// In the procedure's folder, each exactly once.
    fn assert_brought_once(&self, sent: &[Sent]) {
        let brought = parcels(&self.house.dir().join("eingang"));
        assert_eq!(brought.len(), sent.len(), "{:?}", brought.keys());
        for one in sent {
            let holds = |files: &&Vec<(PathBuf, Vec<u8>)>| {
                files
                    .iter()
                    .any(|(_, bytes)| has(bytes, one.marker.as_bytes()))
            };
            assert_eq!(brought.values().filter(holds).count(), 1, "{}", one.marker);
        }
    }

    fn count(&self, what: Count) -> u64 {
        self.server.count(&self.url, what)
    }
}

/// Waits until it works.
async fn started(agent: &Program) {
    let began = Instant::now();
    while !agent.talk().contains("own (1 ") {
        assert!(began.elapsed() < SOON, "{}", agent.talk());
        tokio::time::sleep(LOOK).await;
    }
}

/// Letters only: it is a family name.
fn marker(number: usize) -> String {
    let digits = number.to_string();
    let letters = digits.bytes().map(|digit| char::from(digit - b'0' + b'a'));
    format!("Geheimwort{}x", letters.collect::<String>())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the long run is asked for by hand"
)]
fn is_long() -> bool {
    std::env::var_os("AMTSBOTE_LONG").is_some()
}

/// Kills agents at random while applications come.
async fn killed_at_random(stand: &Stand, agents: &mut Vec<Program>) -> Vec<Sent> {
    let (applications, kills) = if is_long() { (600, 60) } else { (36, 4) };
    let seed = seed();
    println!("AMTSBOTE_SEED={seed}");
    let mut dice = Dice(seed);
    let mut sent = Vec::new();
    for number in 0..applications {
        sent.push(stand.send(&marker(number)).await);
        if number % (applications / kills) == 3 {
            let at = usize::try_from(dice.roll(3)).unwrap();
            tokio::time::sleep(Duration::from_millis(dice.roll(300))).await;
            agents.remove(at).kill();
            agents.insert(at, stand.agent(NAMES[at]));
        }
    }
    sent
}

/// Which agent does alone what has this name.
async fn holder(stand: &Stand, agents: &[Program], turn: &str) -> usize {
    let began = Instant::now();
    let name = format!("own/{turn}");
    loop {
        let owner = stand.server.has_turn(&stand.url, &name);
        let at = agents
            .iter()
            .position(|agent| agent.talk().contains(&owner));
        if let Some(at) = at.filter(|_| !owner.is_empty()) {
            return at;
        }
        assert!(
            began.elapsed() < TAKE_OVER_MAX * 2,
            "nobody has the turn {turn}"
        );
        tokio::time::sleep(LOOK * 5).await;
    }
}

/// Answers of the procedure come back, each once.
async fn answers_come_back(stand: &Stand, sender: &Sender) -> Vec<Sent> {
    let facts = stand.facts();
    let reply_key = PrivateKey::generate(KeyUse::Encryption, "reply-key").unwrap();
    let mut sent = Vec::new();
    for letter in ["a", "b", "c"] {
        let marker = format!("Geheimwortfrage{letter}");
        let application = Application::new(&marker, vec![b"%PDF plan".to_vec()]);
        let content = sealed(&application, &encryption_key(&facts), reply_key.public());
        let ids = wire::submit(sender, &facts, &content).await.unwrap();
        sent.push(Sent { ids, marker });
    }
    for one in &sent {
        stand.accepted(one, SOON).await;
    }
    put(&stand.answers(), &sent[0]);
    put(&stand.answers(), &sent[1]);
    let came = replies(sender, 2, SOON).await;
    println!("two replies after {came:?}");
    sent
}

/// Kills the one that listens and the one that takes answers: how long until others have done what comes then.
async fn turns_are_taken_over(
    stand: &Stand,
    agents: &mut Vec<Program>,
    (sender, unanswered): (&Sender, &Sent),
) -> Sent {
    let answers = format!("answers of {}", stand.destination);
    let mut dead = vec![holder(stand, agents, "listening").await];
    dead.push(holder(stand, agents, &answers).await);
    dead.sort_unstable();
    dead.dedup();
    for at in dead.iter().rev() {
        agents.remove(*at).kill();
    }
    let began = Instant::now();
    put(&stand.answers(), unanswered);
    let sent = stand.send("Geheimwortspaet").await;
    stand.accepted(&sent, TAKE_OVER_MAX).await;
    println!(
        "taken over: listening, and delivered, after {:?}",
        began.elapsed()
    );
    replies(sender, 3, SOON).await;
    println!(
        "taken over: answers, and replied, after {:?}",
        began.elapsed()
    );
    for at in dead {
        agents.insert(at, stand.agent(NAMES[at]));
    }
    assert_eq!(stand.count(Answers), 3);
    assert_eq!(stand.count(Replied), 3);
    sent
}

/// A decision that names its submission.
fn put(answers: &Path, to: &Sent) {
    let name = format!("bescheid-{}.pdf", to.ids.submission_id);
    let waiting = answers.join(format!("{name}.tmp"));
    std::fs::write(&waiting, format!("%PDF {}", to.ids.submission_id)).unwrap();
    std::fs::rename(waiting, answers.join(name)).unwrap();
}

/// Waits until there are so many replies, and never more.
async fn replies(sender: &Sender, count: usize, limit: Duration) -> Duration {
    let began = Instant::now();
    loop {
        let listed = sender.replies(Paging::default(), Duration::ZERO).await;
        let found = listed.unwrap().replies.len();
        if found >= count {
            assert_eq!(found, count, "replies");
            return began.elapsed();
        }
        assert!(began.elapsed() < limit, "{found} of {count} replies");
        tokio::time::sleep(LOOK * 5).await;
    }
}

/// The gateway takes applications meanwhile; the agents wait, and go on without a restart.
async fn a_database_that_goes_away_is_waited_for(stand: &Stand, agents: &[Program]) -> Vec<Sent> {
    let mut sent = Vec::new();
    for (how, name) in [
        (Stop::Immediate, "Geheimwortsofort"),
        (Stop::Fast, "Geheimwortschnell"),
    ] {
        // In hand when it happens.
        sent.push(stand.send(&format!("{name}vor")).await);
        stand.server.stop(how);
        sent.push(stand.send(&format!("{name}waehrend")).await);
        tokio::time::sleep(Duration::from_secs(2)).await;
        stand.server.start_again();
        let back = Instant::now();
        for one in &sent {
            stand.accepted(one, SOON).await;
        }
        println!(
            "{how:?}: all accepted {:?} after the database was back",
            back.elapsed()
        );
    }
    for agent in agents {
        assert!(!agent.talk().contains("panicked"), "{}", agent.talk());
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_agents_any_may_be_killed_and_everything_is_brought_once() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let mut agents: Vec<Program> = NAMES.iter().map(|name| stand.agent(name)).collect();
    let began = Instant::now();
    let mut sent = killed_at_random(&stand, &mut agents).await;
    for one in &sent {
        stand.accepted(one, DELIVERED_MAX).await;
    }
    println!(
        "{} applications accepted {:?} after the first",
        sent.len(),
        began.elapsed()
    );
    stand.assert_brought_once(&sent);
    let sender = Sender::new(session(&stand.facts(), "sender", ApiVersion::V2));
    let answered = answers_come_back(&stand, &sender).await;
    sent.push(turns_are_taken_over(&stand, &mut agents, (&sender, &answered[2])).await);
    sent.extend(answered);
    for agent in &agents {
        started(agent).await;
    }
    sent.extend(a_database_that_goes_away_is_waited_for(&stand, &agents).await);
    stand.assert_brought_once(&sent);
    let began = Instant::now();
    while stand.count(Undone) > 0 {
        assert!(
            began.elapsed() < SOON,
            "{} are not done",
            stand.count(Undone)
        );
        tokio::time::sleep(LOOK * 5).await;
    }
    for agent in agents {
        assert!(!agent.talk().contains("Geheimwort"), "content in the log");
        assert!(agent.stop(Duration::from_secs(25)).success());
    }
    assert_eq!(
        stand.count(Turns),
        0,
        "who stops gives back what it does alone"
    );
    assert!(stand.gateway.stop(Duration::from_secs(25)).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_would_not_share_the_work_are_refused() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let agent = stand.agent("a");
    let sent = stand.send("Geheimwortx").await;
    stand.accepted(&sent, SOON).await;
    let refused = |parts: &[&str]| {
        let settings = stand.house.dir().join("agent-b.toml");
        let mut other = Program::start(program(&[
            "agent",
            "--settings",
            settings.to_str().unwrap(),
        ]));
        assert!(!other.ended().success(), "{}", other.talk());
        for part in parts {
            assert!(other.talk().contains(part), "{part}: {}", other.talk());
        }
    };
    let changed = |from: &str, to: &str| {
        let path = stand.settings("b");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    changed("agent-b", "agent-a");
    refused(&["a data_dir of its own"]);
    std::fs::create_dir(stand.house.dir().join("woanders")).unwrap();
    changed("eingang", "woanders");
    refused(&[
        "is not the folder that the other agents see",
        "outbound.path",
    ]);
    changed("antworten", "woanders");
    refused(&[
        "is not the folder that the other agents see",
        "inbound.path",
    ]);
    let old = stand.house.dir().join("agent-b/own/agent.db");
    std::fs::create_dir_all(old.parent().unwrap()).unwrap();
    std::fs::write(&old, "").unwrap();
    changed("agent-b", "agent-b");
    refused(&["the state of an agent on SQLite"]);
    std::fs::remove_file(old).unwrap();

    // What operators ask.
    let settings = stand.settings("b");
    let settings = settings.to_str().unwrap();
    let listed = run(&["--json", "incident", "list", "--settings", settings]).json();
    assert_eq!(listed["incidents"], json!([]), "{listed}");
    let id = sent.ids.submission_id.to_string();
    let shown = run(&["incident", "show", &id, "--settings", settings]).ok();
    assert!(shown.contains(&id), "{shown}");
    let dir = stand.house.dir().join("backup");
    let dir = dir.to_str().unwrap();
    run(&["backup", dir, "--settings", settings]).ok();
    let verified = run(&["--json", "verify", "--settings", settings]).json();
    assert_eq!(verified["ok"], true, "{verified}");
    assert!(verified["rows"].as_u64().unwrap() > 0, "{verified}");
    assert!(agent.stop(Duration::from_secs(25)).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_starts_without_database_and_service_waits_for_both() {
    let Some(mut stand) = Stand::new().await else {
        return;
    };
    let sent = stand.send("Geheimwortx").await;
    let nothing = Program::start(program(&["--version"]));
    let gateway = std::mem::replace(&mut stand.gateway, nothing);
    assert!(gateway.stop(Duration::from_secs(25)).success());
    stand.server.stop(Stop::Fast);
    let agent = stand.agent("a");
    let says = |words: &str| {
        let began = Instant::now();
        while !agent.talk().contains(words) {
            assert!(began.elapsed() < SOON, "{words}: {}", agent.talk());
            std::thread::sleep(LOOK);
        }
    };
    says("waiting for the agents' database");
    stand.server.start_again();
    says("own (1 ");
    stand.gateway = Program::start(stand.house.command("gateway")).ready();
    stand.accepted(&sent, SOON).await;
    assert!(agent.stop(Duration::from_secs(25)).success());
}

//! One site under test: settings, keys, data, the procedure's folder, and the processes that run there.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use amtsbote_testkit::postgres::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::cluster::{self, Cluster};
use super::partition::Way;
use super::peer::Peers;
use super::spaces::{self, Spaces};
use super::told;
use crate::s3;
use crate::serve::{House, free_port};
use crate::stand::{Facts, LOOK, Program, program, program_at, root, run};

/// Which processes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Gateway and agent in one.
    Serve,
    /// One each.
    Apart,
    /// One each, and the gateway's database in PostgreSQL.
    Postgres,
    /// Three each, everything in PostgreSQL and a bucket.
    Cluster,
}

/// Regions by destination.
pub(super) const REGIONS: [&str; 2] = [FOLDER_REGION, HTTP_REGION];
/// The region whose submissions go into a folder.
const FOLDER_REGION: &str = "064390000000";
/// The region whose submissions go to a REST interface.
const HTTP_REGION: &str = "064340000000";

/// A folder with everything, and two destinations.
pub(crate) struct Site {
    dir: PathBuf,
    /// Where everybody calls.
    way: Way,
    /// Where the gateway listens.
    listen: u16,
    server: Option<Server>,
    /// What several of them need.
    cluster: Option<Cluster>,
    /// Gateway or both (0) and agent (1) each with a machine's network of its own.
    spaces: Option<Spaces>,
    pub(super) ids: [String; 2],
    shape: Shape,
    pub(super) house: House,
    /// Removed with the site.
    temporary: Option<TempDir>,
    /// Processes so far.
    begun: AtomicUsize,
}

impl Site {
    /// In a temporary folder.
    pub(crate) async fn new(shape: Shape, peers: &Peers) -> Self {
        Self::over(shape, peers, None).await
    }

    /// In a temporary folder, and in network namespaces if the test runs in the hall of some.
    pub(crate) async fn placed(shape: Shape, peers: &Peers) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut site = Self::begin(temporary.path(), shape, None).await;
        site.spaces = Spaces::around();
        site.way.lead(0, site.listens_at());
        site.set_up(peers).await;
        site.temporary = Some(temporary);
        site
    }

    /// In a temporary folder, over a server of PostgreSQL if there is one.
    pub(crate) async fn over(shape: Shape, peers: &Peers, server: Option<Server>) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut site = Self::begin(temporary.path(), shape, server).await;
        site.set_up(peers).await;
        site.temporary = Some(temporary);
        site
    }

    /// In a given one. Keys and secrets come from a house; data and procedure are in `dir`, rows of the gateway on the server if there is one.
    pub(crate) async fn at(
        dir: &Path,
        shape: Shape,
        peers: &Peers,
        server: Option<Server>,
    ) -> Self {
        let mut site = Self::begin(dir, shape, server).await;
        site.set_up(peers).await;
        site
    }

    async fn begin(dir: &Path, shape: Shape, server: Option<Server>) -> Self {
        let site = Self {
            dir: dir.to_owned(),
            way: Way::new().await,
            listen: free_port(),
            server,
            cluster: None,
            spaces: None,
            ids: [String::new(), String::new()],
            shape,
            house: House::new(),
            temporary: None,
            begun: AtomicUsize::new(0),
        };
        site.way.lead_to(site.listen);
        if let Some(server) = &site.server {
            let file = site.house().join("database.password");
            std::fs::write(file, server.password()).unwrap();
        }
        site
    }

    /// Three gateways and three agents, over a server and a bucket.
    pub(crate) async fn of_many(peers: &Peers, server: Server, bucket: &s3::Server) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut site = Self::begin(temporary.path(), Shape::Cluster, Some(server)).await;
        site.way = Way::balancer(cluster::EACH).await;
        site.cluster = Some(Cluster::new(&site, bucket).await);
        site.set_up_many(peers).await;
        site.temporary = Some(temporary);
        site
    }

    async fn set_up(&mut self, peers: &Peers) {
        std::fs::write(self.house().join("ca.pem"), &peers.ca_pem).unwrap();
        let database = self.database();
        self.write_settings(&database);
        let gateway = self.start("gateway").ready();
        let port = self.way.port();
        for (at, region) in [FOLDER_REGION, HTTP_REGION].into_iter().enumerate() {
            self.ids[at] = self.house.create_destination_in(port, region).await;
        }
        assert!(gateway.stop(Duration::from_secs(10)).success());
        let agent = self.agent_settings(peers);
        self.write_settings(&format!("{database}{agent}"));
    }

    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// Host and port that everybody calls: in namespaces the gateway itself, so that senders and agent can each be parted from it.
    fn base(&self) -> String {
        let host = self.cluster.as_ref().map(Cluster::balancer);
        let host = host.unwrap_or(Ipv4Addr::LOCALHOST);
        match &self.spaces {
            Some(_) => self.listens_at().to_string(),
            None => format!("{host}:{}", self.way.port()),
        }
    }

    /// Where a single gateway listens.
    fn listens_at(&self) -> SocketAddr {
        let host = self.spaces.as_ref().map(|_| Spaces::address(0));
        SocketAddr::from((host.unwrap_or(Ipv4Addr::LOCALHOST), self.listen))
    }

    fn database(&self) -> String {
        let Some(server) = &self.server else {
            return String::new();
        };
        let url = server.database();
        let url = url.replace(&format!(":{}@", server.password()), "@");
        format!(
            "[gateway.database]\nkind = \"postgres\"\nurl = \"{url}\"\npassword_file = \"database.password\"\n\n\
             [gateway.blobs]\nkind = \"folder\"\n\n"
        )
    }

    /// Where everybody calls.
    pub(crate) fn way(&self) -> &Way {
        &self.way
    }

    /// The server of its database.
    pub(crate) fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    pub(super) fn house(&self) -> &Path {
        self.house.dir()
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.house.settings()
    }

    fn write_settings(&self, agent: &str) {
        let data = self.dir.join("gateway");
        let text = self.gateway_settings(&data, &self.listens_at().to_string()) + agent;
        std::fs::write(self.house.settings(), text).unwrap();
    }

    pub(super) fn gateway_settings(&self, data: &Path, listen: &str) -> String {
        let schemas = root().join("schemas");
        let base = self.base();
        format!(
            "[gateway]\nbase_url = \"http://{base}\"\nlisten = \"{listen}\"\n\
             data_dir = {data:?}\nkeys_dir = \"keys/gateway\"\nschemas_dir = {schemas:?}\n\
             callback_networks = [\"127.0.0.0/8\"]\ndanger_keys_without_certificate = true\n\n\
             [gateway.limits]\nrequests_per_minute = 0\ntokens_per_minute = 0\n\n\
             [gateway.callbacks]\nwait_first = \"500ms\"\nwait_max = \"2s\"\ncircuit_wait = \"1s\"\ncircuit_wait_max = \"2s\"\n\n\
             [[gateway.client]]\nid = \"portal\"\nkind = \"sender\"\nsecret_file = \"clients/portal.secret\"\n\n\
             [[gateway.client]]\nid = \"fachamt\"\nkind = \"manager\"\nsecret_file = \"clients/fachamt.secret\"\n\n"
        )
    }

    fn agent_settings(&self, peers: &Peers) -> String {
        self.agent_settings_in(peers, &self.dir.join("agent"), "")
    }

    pub(super) fn agent_settings_in(&self, peers: &Peers, data: &Path, database: &str) -> String {
        let (schemas, base) = (root().join("schemas"), self.base());
        let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
        let mut text = format!(
            "[agent]\ndata_dir = {data:?}\nschemas_dir = {schemas:?}\npackages_dir = {packages:?}\npoll = \"200ms\"\n{database}\n\
             [[agent.service]]\nname = \"own\"\ntoken_url = \"http://{base}/token\"\n\
             submission_api_url = \"http://{base}/submission-api\"\nversion = \"v2\"\n\
             client_id = \"fachamt\"\nclient_secret_file = \"clients/fachamt.secret\"\n\n"
        );
        let out = self.dir.join("out");
        let parcels = format!("{}/parcels/{{parcel}}", peers.procedure_url);
        let outbound = [
            format!("transport = \"folder\"\npath = {out:?}\n"),
            format!(
                "transport = \"http\"\nurl = {parcels:?}\nrepeats = \"looked-up\"\nlookup = {{ url = {parcels:?} }}\n\
                 body = {{ kind = \"json\" }}\ndanger_plain_http = true\n"
            ),
        ];
        let routes = self.ids.iter().zip(outbound).map(|(id, outbound)| {
            format!(
                "[[agent.destination]]\nid = \"{id}\"\nservice = \"own\"\n\
                 decryption_keys = [\"keys/destination/decryption.jwk\"]\n\
                 signing_key = \"keys/destination/signing.jwk\"\npackages = [\"bauantrag-ordner\"]\n\n\
                 [agent.destination.receiver]\nname = \"Bauaufsicht\"\n\n\
                 [agent.destination.outbound]\n{outbound}\n"
            )
        });
        text.extend(routes);
        text
    }

    /// `amtsbote verify` finds everything as it was written. Pages of PostgreSQL are not its business (`pg_amcheck` is).
    pub(crate) fn verify(&self) {
        let settings = match &self.cluster {
            None => self.house.settings(),
            Some(_) => self.house().join("gateway-0.toml"),
        };
        let verified = run(&["verify", "--settings", settings.to_str().unwrap()]);
        let (code, said) = (verified.code(), verified.stdout());
        assert_eq!(code, Some(0), "DAMAGED: {said}{}", verified.stderr());
    }

    /// The command that runs `serve`, `gateway` or `agent` here.
    pub(crate) fn command(&self, part: &str) -> Command {
        let (kind, number) = part.split_once('-').unwrap_or((part, ""));
        let settings = if number.is_empty() {
            self.house.settings()
        } else {
            self.house().join(format!("{part}.toml"))
        };
        let args = [
            kind,
            "--settings",
            settings.to_str().unwrap(),
            "--log",
            "amtsbote=debug",
        ];
        let mut command = match told("OLDER") {
            // By turns, so that there is always one beside the other, and each goes on where the other stopped.
            Some(older) if self.begun.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) => {
                program_at(Path::new(&older), &args)
            }
            Some(_) | None => program(&args),
        };
        // A crash that cannot be explained is a bug; its trace tells where.
        command.env("RUST_BACKTRACE", "1");
        command.env("SSL_CERT_FILE", self.house().join("ca.pem"));
        match (&self.cluster, &self.spaces) {
            (Some(cluster), _) => cluster.placed(part, command),
            (None, Some(spaces)) => spaces.at(usize::from(part == "agent"), &command),
            (None, None) => command,
        }
    }

    /// The namespaces of one or two processes.
    pub(crate) fn spaces(&self) -> Option<&Spaces> {
        self.spaces.as_ref()
    }

    /// What can be parted from what there.
    pub(crate) fn links(&self) -> Vec<(Ipv4Addr, Ipv4Addr)> {
        let (gateway, agent) = (Spaces::address(0), Spaces::address(1));
        // Senders are in the hall.
        match self.shape {
            Shape::Apart => vec![
                (gateway, spaces::BALANCER),
                (agent, gateway),
                (agent, spaces::PROCEDURE),
            ],
            Shape::Serve | Shape::Postgres | Shape::Cluster => {
                vec![(gateway, spaces::BALANCER), (gateway, spaces::PROCEDURE)]
            }
        }
    }

    pub(super) fn start(&self, part: &str) -> Program {
        Program::start(self.command(part))
    }

    /// Starts everything.
    pub(crate) fn run(&self) -> Running<'_> {
        let mut running = Running {
            site: self,
            processes: Vec::new(),
            ready_max: Duration::ZERO,
            logs: String::new(),
        };
        running.start_all();
        running
    }

    /// What senders know, for the destination with a folder (0) or with a REST interface (1).
    pub(crate) fn facts(&self, destination: usize) -> Facts {
        let base = format!("http://{}", self.base());
        let secret = |name: &str| {
            let path = self.house().join(format!("clients/{name}.secret"));
            std::fs::read_to_string(path).unwrap().trim().to_owned()
        };
        let region = [FOLDER_REGION, HTTP_REGION][destination];
        let public = self.house().join("keys/destination/encryption-public.jwk");
        Facts(json!({
            "baseUrl": base,
            "tokenUrl": format!("{base}/token"),
            "submissionApiUrl": format!("{base}/submission-api"),
            "intakeUrl": format!("{base}/intake"),
            "destinationId": self.ids[destination],
            "region": region,
            "sender": { "clientId": "portal", "clientSecret": secret("portal") },
            "subscriber": { "clientId": "fachamt", "clientSecret": secret("fachamt") },
            "keys": { "encryptionPublic": public },
            "caFile": Value::Null,
        }))
    }
}

/// The processes of a site.
pub(crate) struct Running<'a> {
    site: &'a Site,
    processes: Vec<Program>,
    /// Longest time from start to ready.
    pub(crate) ready_max: Duration,
    /// What killed processes had said.
    pub(crate) logs: String,
}

impl Running<'_> {
    fn parts(&self) -> Vec<&'static str> {
        match self.site.shape {
            Shape::Serve => vec!["serve"],
            Shape::Apart | Shape::Postgres => vec!["gateway", "agent"],
            Shape::Cluster => cluster::PARTS.to_vec(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.processes.len()
    }

    pub(crate) fn process(&self, at: usize) -> &Program {
        &self.processes[at]
    }

    fn begin(&mut self, part: &str) -> Program {
        let began = Instant::now();
        let process = self.site.start(part);
        if part.starts_with("agent") {
            return process;
        }
        let process = process.ready();
        self.ready_max = self.ready_max.max(began.elapsed());
        process
    }

    pub(crate) fn start_all(&mut self) {
        for part in self.parts() {
            let process = self.begin(part);
            self.processes.push(process);
        }
    }

    /// Ends all, and starts the first again with a fail point, until it died there.
    pub(crate) fn until_dead(&mut self, point: &str) -> std::process::ExitStatus {
        self.kill_all(|| {});
        let mut command = self.site.command(self.parts()[0]);
        command.env("AMTSBOTE_FAIL_POINT", point);
        let mut process = Program::start(command);
        let status = process.ended();
        self.logs.push_str(&process.talk());
        status
    }

    /// SIGKILL for all at once; then `how` lets them end, whatever they wait for.
    pub(crate) fn kill_all(&mut self, how: impl FnOnce()) {
        for process in &self.processes {
            self.logs.push_str(&process.talk());
            rustix::process::kill_process(process.pid(), rustix::process::Signal::KILL).unwrap();
        }
        how();
        self.processes.drain(..).for_each(Program::kill);
    }

    /// Takes one away by `how` and starts it again.
    pub(crate) fn again(&mut self, at: usize, how: impl FnOnce(Program)) {
        let process = self.processes.remove(at);
        self.logs.push_str(&process.talk());
        how(process);
        let process = self.begin(self.parts()[at]);
        self.processes.insert(at, process);
    }

    /// Asks all to end, and gives everything they ever said.
    pub(crate) fn stop(mut self) -> String {
        for process in self.processes.drain(..).rev() {
            self.logs.push_str(&process.talk());
            assert!(process.stop(Duration::from_secs(30)).success());
        }
        self.logs
    }

    /// What all have said, and will.
    pub(crate) fn said(&self) -> Said {
        Said {
            before: self.logs.clone(),
            now: self.processes.iter().map(Program::voice).collect(),
        }
    }

    /// Takes one away that nobody has to wait for, and begins it again.
    pub(crate) fn swap(&mut self, at: usize, how: impl FnOnce(Program)) {
        let process = self.processes.remove(at);
        self.logs.push_str(&process.talk());
        how(process);
        let process = self.site.start(self.parts()[at]);
        self.processes.insert(at, process);
    }

    /// The first one that has ended by itself, with what it said.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let parts = self.parts();
        for (process, part) in self.processes.iter_mut().zip(parts) {
            if process.has_ended() {
                return Some(format!("{part}: {}", process.talk()));
            }
        }
        None
    }

    pub(crate) fn talk(&self) -> String {
        self.processes.iter().map(Program::talk).collect()
    }
}

/// What processes have said.
pub(crate) struct Said {
    before: String,
    now: Vec<Arc<Mutex<Vec<u8>>>>,
}

impl Said {
    /// Of one process alone.
    pub(crate) fn of_one(process: &Program) -> Self {
        Self {
            before: String::new(),
            now: vec![process.voice()],
        }
    }

    /// The last lines with these words.
    pub(crate) fn of(&self, words: &str) -> String {
        let mut all = self.before.clone();
        for voice in &self.now {
            all.push_str(&String::from_utf8_lossy(&voice.lock().unwrap()));
        }
        let lines: Vec<&str> = all.lines().filter(|line| line.contains(words)).collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Looks until it holds.
pub(crate) async fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

//! One site under test: settings, keys, data, the procedure's folder, and the processes that run there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::peer::Peers;
use crate::serve::{House, free_port};
use crate::stand::{Facts, LOOK, Program, program, root, run};

/// Which processes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Gateway and agent in one.
    Serve,
    /// One each.
    Apart,
}

/// The region whose submissions go into a folder.
const FOLDER_REGION: &str = "064390000000";
/// The region whose submissions go to a REST interface.
const HTTP_REGION: &str = "064340000000";

/// A folder with everything, and two destinations.
pub(crate) struct Site {
    dir: PathBuf,
    port: u16,
    ids: [String; 2],
    shape: Shape,
    house: House,
    /// Removed with the site.
    temporary: Option<TempDir>,
}

impl Site {
    /// In a temporary folder.
    pub(crate) async fn new(shape: Shape, peers: &Peers) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut site = Self::at(temporary.path(), shape, peers).await;
        site.temporary = Some(temporary);
        site
    }

    /// In a given one. Keys and secrets come from a house; data and procedure are in `dir`.
    pub(crate) async fn at(dir: &Path, shape: Shape, peers: &Peers) -> Self {
        let mut site = Self {
            dir: dir.to_owned(),
            port: free_port(),
            ids: [String::new(), String::new()],
            shape,
            house: House::new(),
            temporary: None,
        };
        std::fs::write(site.house().join("ca.pem"), &peers.ca_pem).unwrap();
        site.write_settings("");
        let gateway = site.start("gateway").ready();
        for (at, region) in [FOLDER_REGION, HTTP_REGION].into_iter().enumerate() {
            let id = site.house.create_destination_in(site.port, region).await;
            site.ids[at] = id;
        }
        assert!(gateway.stop(Duration::from_secs(10)).success());
        let agent = site.agent_settings(peers);
        site.write_settings(&agent);
        site
    }

    fn house(&self) -> &Path {
        self.house.dir()
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    fn write_settings(&self, agent: &str) {
        let (schemas, data, port) = (root().join("schemas"), self.dir.join("gateway"), self.port);
        let text = format!(
            "[gateway]\nbase_url = \"http://127.0.0.1:{port}\"\nlisten = \"127.0.0.1:{port}\"\n\
             data_dir = {data:?}\nkeys_dir = \"keys/gateway\"\nschemas_dir = {schemas:?}\n\
             callback_networks = [\"127.0.0.0/8\"]\ndanger_keys_without_certificate = true\n\n\
             [gateway.limits]\nrequests_per_minute = 0\ntokens_per_minute = 0\n\n\
             [gateway.callbacks]\nwait_first = \"500ms\"\nwait_max = \"2s\"\ncircuit_wait = \"1s\"\ncircuit_wait_max = \"2s\"\n\n\
             [[gateway.client]]\nid = \"portal\"\nkind = \"sender\"\nsecret_file = \"clients/portal.secret\"\n\n\
             [[gateway.client]]\nid = \"fachamt\"\nkind = \"manager\"\nsecret_file = \"clients/fachamt.secret\"\n\n{agent}"
        );
        std::fs::write(self.house.settings(), text).unwrap();
    }

    fn agent_settings(&self, peers: &Peers) -> String {
        let (schemas, data, port) = (root().join("schemas"), self.dir.join("agent"), self.port);
        let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
        let mut text = format!(
            "[agent]\ndata_dir = {data:?}\nschemas_dir = {schemas:?}\npackages_dir = {packages:?}\npoll = \"200ms\"\n\n\
             [[agent.service]]\nname = \"own\"\ntoken_url = \"http://127.0.0.1:{port}/token\"\n\
             submission_api_url = \"http://127.0.0.1:{port}/submission-api\"\nversion = \"v2\"\n\
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

    /// `amtsbote verify` finds everything as it was written.
    pub(crate) fn verify(&self) {
        let settings = self.house.settings();
        let verified = run(&["verify", "--settings", settings.to_str().unwrap()]);
        let (code, said) = (verified.code(), verified.stdout());
        assert_eq!(code, Some(0), "DAMAGED: {said}{}", verified.stderr());
    }

    /// The command that runs `serve`, `gateway` or `agent` here.
    pub(crate) fn command(&self, part: &str) -> Command {
        let settings = self.house.settings();
        let mut command = program(&[
            part,
            "--settings",
            settings.to_str().unwrap(),
            "--log",
            "amtsbote=debug",
        ]);
        // A crash that cannot be explained is a bug; its trace tells where.
        command.env("RUST_BACKTRACE", "1");
        command.env("SSL_CERT_FILE", self.house().join("ca.pem"));
        command
    }

    fn start(&self, part: &str) -> Program {
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
        let (base, port) = (format!("http://127.0.0.1:{}", self.port), self.port);
        let secret = |name: &str| {
            let path = self.house().join(format!("clients/{name}.secret"));
            std::fs::read_to_string(path).unwrap().trim().to_owned()
        };
        let region = [FOLDER_REGION, HTTP_REGION][destination];
        let public = self.house().join("keys/destination/encryption-public.jwk");
        Facts(json!({
            "baseUrl": base,
            "tokenUrl": format!("http://127.0.0.1:{port}/token"),
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
            Shape::Apart => vec!["gateway", "agent"],
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
        if part == "agent" {
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

    pub(crate) fn talk(&self) -> String {
        self.processes.iter().map(Program::talk).collect()
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

//! A server with one account in a thread of its own, and ways to it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use amtsbote_adapter::laws::outbound::Arrived;
use amtsbote_adapter::{Inbound as _, Settled};
use amtsbote_model::{Clock, Secret, Timestamp};
use amtsbote_outgoing::{Identity, Outgoing, read_bounded};
use amtsbote_transport_xta::{
    Account, AccountSettings, BoxSettings, Server, Service, Settings, XtaBoxOutbound, XtaInbound,
    XtaOutbound, mutual_tls,
};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::pki::Pki;

pub(crate) const LIMIT: Duration = Duration::from_mins(1);
pub(crate) const AUTHOR: &str = "psw:06414000";

pub(crate) const COVER: &str = r#"
author = { id = "AUTHOR", name = "Standesamt", category = "Standesamt" }
reader = { id = "READER", category = "Kommunalportal" }
service = "urn:x:urkunden"
business_scenario = { code = "PSW", list_uri = "urn:de:xta:codeliste:business.scenario", list_version = "3.6" }
message_type = { code = "portal2StA.081030", payload_schema = "urn:x:schema" }
"#;

/// A clock that goes on by one second with each look.
pub(crate) struct Ticking(std::sync::atomic::AtomicI64);

impl Ticking {
    pub(crate) fn clock() -> Arc<dyn Clock> {
        Arc::new(Self(std::sync::atomic::AtomicI64::new(1_800_000_000)))
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
    }
}

/// Runs work that needs a runtime, from wherever.
pub(crate) fn aside<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let run = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(work)
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

/// The server, its account's folder, and who calls.
pub(crate) struct Stage {
    pub(crate) dir: TempDir,
    pub(crate) pki: Pki,
    pub(crate) address: SocketAddr,
    clock: Arc<dyn Clock>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::new(dir.path());
        let tls = mutual_tls(
            &pki.read("server.pem"),
            &pki.read("server.key"),
            &pki.read("ca.pem"),
        )
        .unwrap();
        let account = Account::open(AccountSettings {
            name: "standesamt",
            path: &dir.path().join("account"),
            certificates_sha256: &["00".repeat(32), pki.known_sha256.clone()],
            identifiers: &[AUTHOR.to_owned(), "psw:06414999".to_owned()],
            services: &["urn:x:urkunden".to_owned()],
        })
        .unwrap();
        let clock = Ticking::clock();
        let service = Service::new(
            vec![account],
            clock.clone(),
            "Amtsbote".to_owned(),
            60_000_000,
        );
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let running = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let server = Server::bind("127.0.0.1:0".parse().unwrap(), tls, service)
                    .await
                    .unwrap();
                tell.send(server.local_addr().unwrap()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
        });
        let address = told.recv().unwrap();
        Self {
            dir,
            pki,
            address,
            clock,
            stop: Some(stop),
            running: Some(running),
        }
    }

    pub(crate) fn account(&self) -> PathBuf {
        self.dir.path().join("account")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub(crate) fn base(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The client's way to a server at `base`, with the certificate of `who`.
    pub(crate) fn client(&self, base: &str, who: &str) -> XtaOutbound {
        XtaOutbound::open(self.client_settings(base, who)).unwrap()
    }

    pub(crate) fn client_settings(&self, base: &str, who: &str) -> Settings {
        let path = |name: String| self.pki.path(&name).display().to_string();
        let cover = COVER
            .replace("AUTHOR", AUTHOR)
            .replace("READER", "kop:06414000");
        let text = format!(
            "url = '{base}'\ncertificate = '{}'\nkey = '{}'\nca_file = '{}'\nwork_path = '{}'\n[cover]\n{cover}",
            path(format!("{who}.pem")),
            path(format!("{who}.key")),
            path("ca.pem".to_owned()),
            self.work().display(),
        );
        toml::from_str(&text).unwrap()
    }

    pub(crate) fn box_way(&self) -> XtaBoxOutbound {
        self.box_way_at(&self.account())
    }

    pub(crate) fn box_way_at(&self, path: &std::path::Path) -> XtaBoxOutbound {
        let cover = COVER
            .replace("AUTHOR", "kop:06414000")
            .replace("READER", AUTHOR);
        let settings: BoxSettings =
            toml::from_str(&format!("path = '{}'\n[cover]\n{cover}", path.display())).unwrap();
        XtaBoxOutbound::open(settings, self.clock.clone()).unwrap()
    }

    pub(crate) fn inbound(&self) -> XtaInbound {
        XtaInbound::open(&self.account(), self.clock.clone()).unwrap()
    }

    /// The messages in a tray, by the names of their files.
    pub(crate) fn messages(&self, tray: &str) -> Vec<Arrived> {
        let folders = fs::read_dir(self.account().join(tray))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        folders
            .map(|folder| {
                let record: serde_json::Value =
                    serde_json::from_slice(&fs::read(folder.join("record.json")).unwrap()).unwrap();
                let files = record["files"].as_array().unwrap().iter().enumerate();
                files
                    .map(|(index, file)| {
                        let content = fs::read(folder.join(format!("{index:04}"))).unwrap();
                        (file["name"].as_str().unwrap().to_owned(), content)
                    })
                    .collect()
            })
            .collect()
    }

    pub(crate) fn visible(&self, tray: &str) -> Vec<String> {
        let entries = fs::read_dir(self.account().join(tray)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Whoever brings answers back takes everything.
    pub(crate) fn take_answers(&self) {
        let inbound = self.inbound();
        aside(async {
            for answer in inbound.poll(100, LIMIT).await.unwrap() {
                inbound
                    .settle(&answer.id, Settled::Kept, LIMIT)
                    .await
                    .unwrap();
            }
        });
    }

    /// A request as it stands, answered with status, content type and body.
    pub(crate) fn post(
        &self,
        port: &str,
        who: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> (u16, String, Vec<u8>) {
        self.try_post(port, who, content_type, body).unwrap()
    }

    pub(crate) fn try_post(
        &self,
        port: &str,
        who: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> Option<(u16, String, Vec<u8>)> {
        self.try_post_at((&self.base(), port), who, content_type, body)
    }

    /// To a server at `base`.
    pub(crate) fn try_post_at(
        &self,
        (base, port): (&str, &str),
        who: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> Option<(u16, String, Vec<u8>)> {
        let mut settings = amtsbote_outgoing::Settings::trusted("test");
        settings.extra_roots_pem = Some(self.pki.read("ca.pem"));
        settings.identity = Some(Identity {
            chain_pem: self.pki.read(&format!("{who}.pem")),
            key_pem: Secret::new(String::from_utf8(self.pki.read(&format!("{who}.key"))).unwrap()),
        });
        let outgoing = Outgoing::open(settings).unwrap();
        let url = format!("{base}/services/XTAService/{port}")
            .parse()
            .unwrap();
        let call = outgoing.request(reqwest::Method::POST, url).unwrap();
        let call = call.header("content-type", content_type).body(body.into());
        aside(async move {
            let response = outgoing.send(call).await.ok()?;
            let status = response.status().as_u16();
            let content_type = response
                .headers()
                .get("content-type")
                .map_or("", |value| value.to_str().unwrap())
                .to_owned();
            Some((
                status,
                content_type,
                read_bounded(response, 80_000_000).await.ok()?.to_vec(),
            ))
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(running) = self.running.take() {
            let ended = running.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "the server panicked"
            );
        }
    }
}

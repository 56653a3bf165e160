//! A town: gateway and agent in one process, six procedures, and their settings.

use std::fmt::Write as _;
use std::process::Command;

use amtsbote_jose::{KeyUse, PrivateKey};
use serde_json::json;

use super::{BOX, FOLDER, HTTP, SFTP, TOKEN, WAYS, XTA};
use crate::crash::points::box_client::{PROCEDURE, client_settings, cover};
use crate::crash::points::parties::Parties;
use crate::serve::{House, free_port};
use crate::stand::{Facts, Program, SOON, root};

const REGIONS: [&str; WAYS] = [
    "064390000000",
    "064340000000",
    "064140000000",
    "064110000000",
    "064120000000",
    "064360000000",
];

/// Gateway and agent of a town with six procedures.
pub(super) struct Town {
    pub(super) house: House,
    pub(super) parties: Parties,
    pub(super) ids: Vec<String>,
    pub(super) port: u16,
    pub(super) box_port: u16,
    pub(super) callback_port: u16,
    pub(super) reply_key: PrivateKey,
}

impl Town {
    pub(super) async fn new(parties: Parties) -> Self {
        let mut town = Self {
            house: House::new(),
            parties,
            ids: Vec::new(),
            port: free_port(),
            box_port: free_port(),
            callback_port: free_port(),
            reply_key: PrivateKey::generate(KeyUse::Encryption, "reply-key").unwrap(),
        };
        let limits = "[gateway.limits]\nrequests_per_minute = 0\ntokens_per_minute = 0\n\n";
        town.house.write_settings(town.port, limits);
        let gateway = Program::start(town.house.command("gateway")).ready();
        for region in REGIONS {
            let id = town.house.create_destination_in(town.port, region).await;
            town.ids.push(id);
        }
        assert!(gateway.stop(SOON).success());
        let agent = town.agent_settings();
        let text = format!("{limits}{agent}");
        town.house.write_settings(town.port, &text);
        town
    }

    fn agent_settings(&self) -> String {
        let (port, schemas) = (self.port, root().join("schemas"));
        let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
        let pki = |name: &str| self.parties.pki.path(name);
        let mut text = format!(
            "[agent]\ndata_dir = \"agent\"\nschemas_dir = {schemas:?}\npackages_dir = {packages:?}\npoll = \"200ms\"\n\n\
             [agent.callback]\nlisten = \"127.0.0.1:{}\"\n\n\
             [agent.xta]\nlisten = \"127.0.0.1:{}\"\ncertificate = {:?}\nkey = {:?}\nclient_ca_file = {:?}\n\n\
             [[agent.xta.account]]\nname = \"bauamt\"\npath = {:?}\ncertificates_sha256 = [{:?}]\nidentifiers = [{PROCEDURE:?}]\nservices = [\"urn:x:urkunden\"]\n\n\
             [[agent.service]]\nname = \"own\"\ntoken_url = \"http://127.0.0.1:{port}/token\"\n\
             submission_api_url = \"http://127.0.0.1:{port}/submission-api\"\nversion = \"v2\"\n\
             client_id = \"fachamt\"\nclient_secret_file = \"clients/fachamt.secret\"\n\n",
            self.callback_port,
            self.box_port,
            pki("server.pem"),
            pki("server.key"),
            pki("ca.pem"),
            self.parties.path("box"),
            self.parties.pki.known_sha256,
        );
        for (way, id) in self.ids.iter().enumerate() {
            write!(
                text,
                "[[agent.destination]]\nid = \"{id}\"\nservice = \"own\"\n\
                 decryption_keys = [\"keys/destination/decryption.jwk\"]\n\
                 signing_key = \"keys/destination/signing.jwk\"\npackages = [\"bauantrag-ordner\"]\n\n\
                 [agent.destination.receiver]\nname = \"Bauaufsicht\"\n\n\
                 [agent.destination.outbound]\n{}\n[agent.destination.inbound]\npoll = \"100ms\"\nformat = \"xbau\"\n{}\n",
                self.outbound(way),
                self.inbound(way),
            )
            .unwrap();
            if way != BOX {
                text += "[agent.destination.inbound.fields]\nsubmission = \"/antrag\"\nfile_number = \"/az\"\nkind = \"/art\"\n\
                         kinds = { bewilligt = \"result\" }\ntext = \"/text\"\n\
                         documents = { at = \"/dok\", content = \"/inhalt\", name = \"/name\" }\n\n";
            }
        }
        text
    }

    fn far(&self, folder: &str) -> String {
        let at = |name: &str| self.parties.sshd.dir.path().join(name);
        format!(
            "transport = \"sftp\"\nhost = \"127.0.0.1\"\nport = {}\nuser = {:?}\nhost_keys = [{:?}]\npath = {:?}\nkey_file = {:?}\nkey_passphrase_file = {:?}\n",
            self.parties.sshd.port,
            self.parties.sshd.user,
            self.parties.sshd.public_key("host_key"),
            at(folder),
            at("client_key"),
            at("passphrase"),
        )
    }

    fn outbound(&self, way: usize) -> String {
        let parties = &self.parties;
        let desk = &parties.desk_url;
        match way {
            FOLDER => format!("transport = \"folder\"\npath = {:?}\n", parties.path("out")),
            SFTP => self.far("in"),
            HTTP => format!(
                "transport = \"http\"\nurl = \"{desk}/parcels/{{parcel}}\"\nrepeats = \"looked-up\"\nlookup = {{ url = \"{desk}/parcels/{{parcel}}\" }}\n\
                 body = {{ kind = \"file\" }}\nfile_number = {{ json = \"/az\" }}\ndanger_plain_http = true\n\
                 [agent.destination.outbound.steps]\nid.json = \"/nr\"\n\
                 attachment = {{ url = \"{desk}/eingang/{{id}}/anlagen/{{nr}}-{{name}}\", body.kind = \"file\", repeats = \"looked-up\", lookup.url = \"{desk}/eingang/{{id}}/anlagen/{{nr}}-{{name}}\" }}\n\
                 close = {{ url = \"{desk}/eingang/{{id}}/ganz\", repeats = \"looked-up\", lookup = {{ url = \"{desk}/parcels/{{parcel}}\", state = {{ at.json = \"/stand\", done = [\"ganz\"] }} }} }}\n"
            ),
            XTA => {
                let cover = cover("bap:06000000", PROCEDURE);
                let work = parties.path("sent");
                let client = client_settings(&parties.pki, parties.xta.port(), &work, &cover);
                let client = client.replace("[cover]", "[agent.destination.outbound.cover]");
                format!("transport = \"xta\"\n{client}")
            }
            BOX => format!(
                "transport = \"xta-box\"\npath = {:?}\n[agent.destination.outbound.cover]\n{}",
                parties.path("box"),
                cover("bap:06000000", PROCEDURE)
            ),
            _ => format!(
                "transport = \"mail\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"danger-none\"\nfrom = \"amtsbote@stadt.example\"\n\
                 to = [\"eingang@stadt.example\"]\nledger_dir = {:?}\ncertificate_files = [{:?}]\n",
                parties.mail_port,
                parties.path("mailed"),
                parties.mailbox.dir.path().join("owner.pem"),
            ),
        }
    }

    fn inbound(&self, way: usize) -> String {
        let parties = &self.parties;
        let desk = &parties.desk_url;
        match way {
            FOLDER => format!(
                "transport = \"folder\"\npath = {:?}\nquiet = \"0s\"\n",
                parties.path("answers")
            ),
            SFTP => format!("quiet = \"0s\"\n{}", self.far("answers")),
            HTTP => format!(
                "transport = \"http\"\ndanger_plain_http = true\nwork_path = {:?}\n\
                 list = {{ url = \"{desk}/antworten\", items = \"/antworten\", id = \"/nr\", settle.url = \"{desk}/antworten/{{id}}\" }}\n",
                parties.path("listed"),
            ),
            XTA => {
                let secret = parties.path("callback.secret");
                std::fs::write(&secret, TOKEN).unwrap();
                format!(
                    "transport = \"http-callback\"\nurl_path = \"/antworten\"\nauth = {{ kind = \"bearer\", token_file = {secret:?} }}\n"
                )
            }
            BOX => format!(
                "transport = \"xta-box\"\npath = {:?}\n",
                parties.path("box")
            ),
            _ => format!(
                "transport = \"http\"\ndanger_plain_http = true\nwork_path = {:?}\nask = {{ url = \"{desk}/vorgaenge/{{submission}}\" }}\n",
                parties.path("asked"),
            ),
        }
    }

    pub(super) fn command(&self) -> Command {
        let mut command = self.house.command("serve");
        command.args(["--log", "amtsbote=debug"]);
        command.env("RUST_BACKTRACE", "1");
        command
    }

    /// What its online service knows of the destination of this way.
    pub(super) fn facts(&self, way: usize) -> Facts {
        let base = format!("http://127.0.0.1:{}", self.port);
        let secret = self.house.dir().join("clients/portal.secret");
        let secret = std::fs::read_to_string(secret).unwrap();
        let public = "keys/destination/encryption-public.jwk";
        Facts(json!({
            "tokenUrl": format!("{base}/token"),
            "submissionApiUrl": format!("{base}/submission-api"),
            "destinationId": self.ids[way],
            "sender": { "clientId": "portal", "clientSecret": secret.trim() },
            "keys": { "encryptionPublic": self.house.dir().join(public) },
        }))
    }
}

//! A procedure with an XTA client: takes its messages from our box, and sends its answers into it. Repeats what was not answered.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::{Outbound as _, Parcel, ParcelFile, Piece};
use amtsbote_model::{Personal, Secret};
use amtsbote_outgoing::{Identity, Outgoing, read_bounded};
use amtsbote_transport_xta::XtaOutbound;
use bytes::Bytes;
use uuid::Uuid;

use super::parties::pki::Pki;

const LIMIT: Duration = Duration::from_secs(10);
const ANSWER_MAX_BYTES: usize = 8 << 20;
/// Whom the account speaks for.
pub(super) const PROCEDURE: &str = "psw:06414000";
pub(super) const SERVICE: &str = "urn:x:urkunden";

/// Author, reader, service, scenario and kind of a message.
pub(super) fn cover(author: &str, reader: &str) -> String {
    format!(
        "author = {{ id = {author:?}, name = \"A\", category = \"Bauaufsicht\" }}\n\
         reader = {{ id = {reader:?}, name = \"R\", category = \"Bauaufsicht\" }}\n\
         service = {SERVICE:?}\n\
         business_scenario = {{ code = \"PSW\", list_uri = \"urn:de:xta:codeliste:business.scenario\", list_version = \"3.6\" }}\n\
         message_type = {{ code = \"0200\", payload_schema = \"urn:x:schema\" }}\n"
    )
}

/// The settings of a client at `port`, with a ledger of its own.
pub(super) fn client_settings(pki: &Pki, port: u16, work: &Path, cover: &str) -> String {
    let path = |name: &str| pki.path(name);
    format!(
        "url = \"https://localhost:{port}\"\ncertificate = {:?}\nkey = {:?}\nca_file = {:?}\nwork_path = {work:?}\n[cover]\n{cover}",
        path("known.pem"),
        path("known.key"),
        path("ca.pem"),
    )
}

/// The procedure's client.
pub(super) struct BoxClient {
    outgoing: Outgoing,
    port: u16,
    sender: Arc<XtaOutbound>,
}

impl BoxClient {
    pub(super) fn new(pki: &Pki, port: u16, work: &Path) -> Self {
        let mut settings = amtsbote_outgoing::Settings::trusted("procedure/1");
        settings.extra_roots_pem = Some(pki.read("ca.pem"));
        settings.identity = Some(Identity {
            chain_pem: pki.read("known.pem"),
            key_pem: Secret::new(String::from_utf8(pki.read("known.key")).unwrap()),
        });
        let cover = cover(PROCEDURE, "bap:06000000");
        let sender = toml::from_str(&client_settings(pki, port, work, &cover)).unwrap();
        Self {
            outgoing: Outgoing::open(settings).unwrap(),
            port,
            sender: Arc::new(XtaOutbound::open(sender).unwrap()),
        }
    }

    /// The parcels that wait; nothing while nobody answers.
    pub(super) async fn waiting(&self) -> Vec<Uuid> {
        let body = "<t:MsgBoxStatusListRequest xmlns:t=\"http://www.osci.eu/ws/2008/05/transport\" ListForm=\"MessageMetaData\" maxListItems=\"1000\"/>";
        let answer = self.call("MsgBoxStatusListRequest", body).await;
        let answer = answer.unwrap_or_default();
        let Some((_, body)) = answer.split_once("Body>") else {
            return Vec::new();
        };
        let ids = body.split("urn:uuid:").skip(1);
        ids.map(|rest| rest[..36].parse().unwrap()).collect()
    }

    /// The message, as it came.
    pub(super) async fn fetch(&self, id: Uuid) -> Option<String> {
        let body = format!(
            "<t:MsgBoxFetchRequest xmlns:t=\"http://www.osci.eu/ws/2008/05/transport\"><t:MsgSelector><MessageID xmlns=\"http://www.w3.org/2005/08/addressing\">urn:uuid:{id}</MessageID></t:MsgSelector></t:MsgBoxFetchRequest>"
        );
        self.call("MsgBoxFetchRequest", &body).await
    }

    /// Whether it is closed for certain.
    pub(super) async fn close(&self, id: Uuid) -> bool {
        let body = format!(
            "<t:MsgBoxCloseRequest xmlns:t=\"http://www.osci.eu/ws/2008/05/transport\" MsgBoxRequestID=\"1\"><t:LastMsgReceived>urn:uuid:{id}</t:LastMsgReceived></t:MsgBoxCloseRequest>"
        );
        self.call("MsgBoxCloseRequest", &body).await.is_some()
    }

    /// One try to send; whether the server has it for certain.
    pub(super) async fn send(&self, id: Uuid, files: &[(&str, Bytes)]) -> bool {
        let file = |(name, bytes): &(&str, Bytes)| ParcelFile {
            path: name.parse().unwrap(),
            media_type: "application/octet-stream".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(bytes.clone()))],
        };
        let parcel = Parcel {
            id: amtsbote_model::ParcelId::from_uuid(id),
            files: files.iter().map(file).collect(),
        };
        self.sender.deliver(&parcel, LIMIT).await.is_ok()
    }

    /// Nothing if there was no answer, or another than 200.
    async fn call(&self, action: &str, body: &str) -> Option<String> {
        let action = format!("http://www.osci.eu/ws/2008/05/transport/urn/messageTypes/{action}");
        let xml = format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header><Action xmlns=\"http://www.w3.org/2005/08/addressing\">{action}</Action><o:Author xmlns:o=\"http://www.osci.eu/ws/2014/10/transport\"><o:Identifier type=\"xoev\">{PROCEDURE}</o:Identifier></o:Author></s:Header><s:Body>{body}</s:Body></s:Envelope>"
        );
        let url = format!(
            "https://localhost:{}/services/XTAService/MsgBoxPort",
            self.port
        );
        let call = self
            .outgoing
            .request(reqwest::Method::POST, url.parse().unwrap())
            .unwrap()
            .header("content-type", "application/soap+xml; charset=utf-8")
            .body(xml);
        let answered = tokio::time::timeout(LIMIT, async {
            let answer = self.outgoing.send(call).await.ok()?;
            let is_well = answer.status() == 200;
            let bytes = read_bounded(answer, ANSWER_MAX_BYTES).await.ok()?;
            is_well.then(|| String::from_utf8_lossy(&bytes).into_owned())
        });
        answered.await.ok().flatten()
    }
}

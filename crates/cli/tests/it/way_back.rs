//! From an application to the authority's answer at the online service, through real processes: an `XBau` message and a decision go
//! into the folder of answers, or lie at the procedure's interface; a reply with file number, decision and receipt comes out.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use amtsbote_client::{Sender, open_reply};
use amtsbote_fit_connect::metadata::{ContentStructure, DataDescription, Metadata, ReplyChannel};
use amtsbote_fit_connect::reply::ReplyRef;
use amtsbote_fit_connect::submission::{CompactJwe, SubmissionRef};
use amtsbote_fit_connect::{ApiVersion, Paging};
use amtsbote_jose::{KeyUse, PrivateKey, PublicKey, seal, sha512_hex};
use amtsbote_model::SubmissionSchema;
use serde_json::Value;
use uuid::Uuid;

use self::desk::Desk;
use self::server::Server;

#[path = "../../../transport-http/tests/laws/desk.rs"]
mod desk;

#[path = "../../../transport-sftp/tests/laws/server.rs"]
#[expect(dead_code, reason = "the laws of the transport use the rest")]
pub(crate) mod server;

use crate::receipts::third_level;
use crate::stand::{Facts, LOOK, Place, files_below, run};
use crate::wire::{
    Application, SCHEMA, SealedApplication, description, encryption_key, session, submit,
};

const PATIENCE: Duration = Duration::from_mins(1);
const PDF: &[u8] = b"%PDF-1.7 Baugenehmigung";
pub(crate) const NUMBER: &str = "BA-2026-0815";

/// Sealed like any application, with a key for the answer in its metadata.
pub(crate) fn sealed(
    application: &Application,
    key: &PublicKey,
    reply_key: &PublicKey,
) -> SealedApplication {
    let mut sealed = SealedApplication::of(application, key);
    let described = sealed.ids.iter().zip(&application.attachments).enumerate();
    let described = described.map(|(at, (id, bytes))| description(*id, at, &sha512_hex(bytes)));
    let mut metadata = Metadata::new(ContentStructure {
        data: Some(DataDescription {
            hash: sha512_hex(application.data.to_string().as_bytes())
                .parse()
                .unwrap(),
            submission_schema: SubmissionSchema {
                schema_uri: SCHEMA.to_owned(),
                mime_type: "application/json".to_owned(),
            },
        }),
        attachments: described.collect(),
    });
    metadata.reply_channel = Some(ReplyChannel::FitConnect {
        process_standards: vec![
            "https://schema.amtsbote.example/case-status/1.0.0/schema.json".to_owned(),
        ],
        encryption_public_key: reply_key.to_json(),
    });
    let text = seal(metadata.to_bytes().reveal(), key, "application/json").unwrap();
    sealed.content.encrypted_metadata = text.parse().unwrap();
    sealed
}

/// The assignment of a file number (XBau-Kernmodul 1.3.0, 1121).
pub(crate) fn file_number_message(asked: &str) -> String {
    let directory = r#"<verzeichnisdienst listURI="urn:xoev-de:kosit:codeliste:verzeichnisdienst" listVersionID="3"><code>DVDV</code></verzeichnisdienst>"#;
    format!(
        r#"<m:prozessnachrichten.aktenzeichenzuweisung.1121 xmlns:m="http://www.xleitstelle.de/xbau/kernmodul/1/3/0" produkt="P" produkthersteller="H" standard="XBau-Kernmodul" version="1.3.0" test="ja">
        <nachrichtenkopf.g2g><identifikation.nachricht><nachrichtenUUID>{}</nachrichtenUUID>
        <nachrichtentyp listURI="urn:xoev-de:xbau-kernmodul:codeliste:xbau-kernmodul-nachrichten" listVersionID="3.0"><code>1121</code></nachrichtentyp><erstellungszeitpunkt>2026-11-02T09:15:00+01:00</erstellungszeitpunkt></identifikation.nachricht>
        <leser>{directory}<kennung>bap:06000000</kennung><name>Portal</name></leser>
        <autor>{directory}<kennung>bab:06414000</kennung><name>Amt</name></autor></nachrichtenkopf.g2g>
        <bezug><vorgang>{NUMBER}</vorgang><bezugNachricht><nachrichtenUUID>{asked}</nachrichtenUUID></bezugNachricht></bezug></m:prozessnachrichten.aktenzeichenzuweisung.1121>"#,
        Uuid::new_v4()
    )
}

/// `nachrichtenUUID` of the message that was handed over.
async fn handed_over(place: &Place) -> String {
    let began = Instant::now();
    let out = place.dir().join("out");
    loop {
        assert!(began.elapsed() < PATIENCE, "nothing was handed over");
        let visible = files_below(&out).into_iter().filter(|path| {
            path.extension().is_some_and(|ending| ending == "xml")
                && !path.to_string_lossy().contains(".amtsbote")
        });
        for path in visible {
            let text = fs::read_to_string(path).unwrap();
            if let Some((_, rest)) = text.split_once("nachrichtenUUID>") {
                return rest[..36].to_owned();
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn answer(answers: &Path, files: &[(&str, &[u8])]) {
    let name = "antwort";
    let waiting = answers.join(format!("{name}.tmp"));
    fs::create_dir(&waiting).unwrap();
    for (name, content) in files {
        fs::write(waiting.join(name), content).unwrap();
    }
    fs::rename(waiting, answers.join(name)).unwrap();
}

async fn replied(sender: &Sender) -> Vec<ReplyRef> {
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < PATIENCE, "no reply came");
        let listed = sender.replies(Paging::default(), Duration::ZERO).await;
        let replies = listed.unwrap().replies;
        if !replies.is_empty() {
            return replies;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Verifies, opens and accepts; the data and the decision.
async fn opened(
    facts: &Facts,
    (ids, submission): (ReplyRef, SubmissionRef),
    key: &PrivateKey,
) -> (Value, Vec<u8>) {
    let session = session(facts, "sender", ApiVersion::V2);
    let sender = Sender::new(session.clone());
    let reply = sender.fetch_reply(ids.reply_id).await.unwrap();
    let log = session
        .verified_reply_log(ids, submission.destination_id)
        .await;
    let log = log.unwrap().unwrap();
    let tags = log.tags().unwrap();
    let keys = [key.clone()];
    let opened = open_reply(&reply, tags, &keys, 1 << 20).unwrap();
    let [attachment] = reply.reduced.attachments[..] else {
        panic!("one attachment was expected")
    };
    let mut stream = sender
        .download_of_reply(ids.reply_id, attachment)
        .await
        .unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    let jwe: CompactJwe = String::from_utf8(bytes).unwrap().parse().unwrap();
    let file = opened.open_attachment((attachment, &jwe), tags, &keys, 1 << 20);
    sender.accept_reply(ids.reply_id, tags).await.unwrap();
    let data = serde_json::from_slice(opened.data.unwrap().reveal()).unwrap();
    (data, file.unwrap().into_revealed())
}

/// Sends an application to the place's destination: its ids, and the key its reply is sealed for.
async fn applied(facts: &Facts, sender: &Sender) -> (SubmissionRef, PrivateKey) {
    let reply_key = PrivateKey::generate(KeyUse::Encryption, "reply-key").unwrap();
    let application = Application::new("Rückweg", vec![PDF.to_vec()]);
    let content = sealed(&application, &encryption_key(facts), reply_key.public());
    let submission = submit(sender, facts, &content).await.unwrap();
    (submission, reply_key)
}

/// The receipt in the reply's data, verified offline by the command.
fn verified(place: &Place, data: &Value) -> Value {
    let file = place.dir().join("status.json");
    fs::write(&file, data.to_string()).unwrap();
    let facts = place.facts();
    let keys = facts.text("/keys/signaturePublic");
    let file = file.to_string_lossy().into_owned();
    run(&["--json", "receipt", "verify", &file, "--keys", keys]).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_xbau_answer_and_a_decision_come_back_with_a_receipt_that_verifies_offline() {
    let place = Place::new();
    let sandbox = place.start(&["--with-agent"]);
    let facts = place.facts();
    let sender = Sender::new(session(&facts, "sender", ApiVersion::V2));
    let (submission, reply_key) = applied(&facts, &sender).await;

    let asked = handed_over(&place).await;
    let message = file_number_message(&asked);
    let files: [(&str, &[u8]); 2] = [("1121.xml", message.as_bytes()), ("bescheid.pdf", PDF)];
    answer(&place.dir().join("answers"), &files);
    let replies = replied(&sender).await;
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].case_id, submission.case_id);
    let case = submission.case_id.to_string();
    let exported = third_level(&place, &case, (&reply_key, None));
    let (data, decision) = opened(&facts, (replies[0], submission), &reply_key).await;
    assert_eq!(decision, PDF);
    assert_eq!(data["kind"], "fileNumber");
    assert_eq!(data["fileNumber"], NUMBER);

    let verified = verified(&place, &data);
    assert_eq!(verified["claims"]["level"], "takenOn");
    assert_eq!(verified["claims"]["fileNumber"], NUMBER);
    assert_eq!(
        verified["claims"]["sub"],
        submission.submission_id.prefixed()
    );

    let later = third_level(&place, &case, (&reply_key, Some(&data)));
    for exported in [exported, later] {
        let submission = &exported["submissions"][0];
        assert_eq!(submission["takenOn"][0]["fileNumber"], NUMBER);
        assert_eq!(exported["pending"], 0);
    }

    // Nothing of it in the log or the agent's own state.
    assert!(!sandbox.talk().contains(NUMBER));
    for path in files_below(&place.dir().join("agent")) {
        let bytes = fs::read(path).unwrap();
        let found = bytes
            .windows(NUMBER.len())
            .any(|at| at == NUMBER.as_bytes());
        assert!(!found, "the file number is stored in clear");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_back_from_a_folder_on_an_sftp_server() {
    let Some(server) = Server::start() else {
        return;
    };
    let place = Place::new();
    let way = format!(
        "transport = \"sftp\"\nformat = \"xbau\"\nquiet = \"1s\"\npoll = \"200ms\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\nhost_keys = [\"{}\"]\npath = {:?}\nkey_file = {:?}\nkey_passphrase_file = {:?}\n",
        server.port,
        server.user,
        server.public_key("host_key"),
        server.path(),
        server.dir.path().join("client_key"),
        server.dir.path().join("passphrase"),
    );
    let file = place.dir().join("way-in.toml");
    fs::write(&file, way).unwrap();
    let _sandbox = place.start(&["--with-agent", "--answers", file.to_str().unwrap()]);
    let facts = place.facts();
    let sender = Sender::new(session(&facts, "sender", ApiVersion::V2));
    let (submission, reply_key) = applied(&facts, &sender).await;
    let message = file_number_message(&handed_over(&place).await);
    let files: [(&str, &[u8]); 2] = [("1121.xml", message.as_bytes()), ("bescheid.pdf", PDF)];
    answer(server.path().as_path(), &files);

    let replies = replied(&sender).await;
    let (data, decision) = opened(&facts, (replies[0], submission), &reply_key).await;
    assert_eq!(
        (decision.as_slice(), &data["fileNumber"]),
        (PDF, &NUMBER.into())
    );
    assert_eq!(verified(&place, &data)["claims"]["level"], "takenOn");
    // Moved away at the server, for a timer there to delete.
    let answered = files_below(&server.path().join(".amtsbote-answered"));
    assert_eq!(answered.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_back_from_a_list_at_the_procedures_interface() {
    let desk = Desk::start();
    let place = Place::new();
    let base = format!("http://{}", desk.address);
    let way = format!(
        r#"transport = "http"
        format = "xbau"
        poll = "200ms"
        danger_plain_http = true
        work_path = {:?}
        list = {{ url = "{base}/antworten", items = "/antworten", id = "/nr", settle.url = "{base}/antworten/{{id}}" }}
        [fields]
        submission = "/antrag"
        file_number = "/az"
        kind = "/art"
        kinds = {{ bewilligt = "result" }}
        text = "/text"
        documents = {{ at = "/dok", link = "/url", name = "/name" }}
        "#,
        place.dir().join("rueckweg"),
    );
    let file = place.dir().join("way-in.toml");
    fs::write(&file, way).unwrap();
    let sandbox = place.start(&["--with-agent", "--answers", file.to_str().unwrap()]);
    let facts = place.facts();
    let sender = Sender::new(session(&facts, "sender", ApiVersion::V2));
    let (submission, reply_key) = applied(&facts, &sender).await;
    handed_over(&place).await;
    desk.put("9", "application/pdf", PDF);
    let entry = serde_json::json!({
        "antrag": submission.submission_id, "az": NUMBER, "art": "bewilligt", "text": "Guten Tag, Musterfrau",
        "dok": [{ "url": "/dok/9", "name": "bescheid.pdf" }],
    });
    desk.facts().entries.insert(1, entry.clone());

    let replies = replied(&sender).await;
    let (data, decision) = opened(&facts, (replies[0], submission), &reply_key).await;
    assert_eq!(
        (decision.as_slice(), &data["fileNumber"], &data["kind"]),
        (PDF, &NUMBER.into(), &"result".into())
    );
    assert_eq!(data["text"], "Guten Tag, Musterfrau");
    assert_eq!(verified(&place, &data)["claims"]["level"], "takenOn");
    // It was acknowledged, once it was durable here; listed again, it is no second reply.
    let began = Instant::now();
    for round in 0..2 {
        while !desk.facts().entries.is_empty() {
            assert!(began.elapsed() < PATIENCE, "it was not acknowledged");
            tokio::time::sleep(LOOK).await;
        }
        if round == 0 {
            desk.facts().entries.insert(1, entry.clone());
        }
    }
    let listed = sender.replies(Paging::default(), Duration::ZERO).await;
    assert_eq!(listed.unwrap().replies, []);
    for secret in [NUMBER, "Musterfrau"] {
        assert!(!sandbox.talk().contains(secret));
    }
}

/// A way in that is called, for a sandbox at this place.
fn callback_way(place: &Place, port: u16) -> String {
    let secret = place.dir().join("callback.secret");
    fs::create_dir_all(place.dir()).unwrap();
    fs::write(&secret, TOKEN).unwrap();
    let way = format!(
        r#"transport = "http-callback"
        format = "xbau"
        url_path = "/antworten/bauamt"
        auth = {{ kind = "bearer", token_file = {secret:?} }}
        [fields]
        submission = "/antrag"
        file_number = "/az"
        text = "/text"
        documents = {{ at = "/dok", content = "/inhalt", name = "/name" }}
        [callback]
        listen = "127.0.0.1:{port}"
        "#
    );
    let file = place.dir().join("way-in.toml");
    fs::write(&file, way).unwrap();
    file.to_str().unwrap().to_owned()
}

const TOKEN: &str = "ein-langes-geheimes-Wort";

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Posts an answer: the status, or nothing if the connection was refused or broke.
async fn post(port: u16, body: &Value) -> Option<(u16, Value)> {
    let call = reqwest::Client::new()
        .post(format!("http://127.0.0.1:{port}/antworten/bauamt"))
        .bearer_auth(TOKEN)
        .json(body);
    let answer = call.send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.unwrap_or_default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_posted_is_durable_before_its_2xx_and_one_reply_however_often_it_comes() {
    let place = Place::new();
    let port = free_port();
    let file = callback_way(&place, port);
    let args = ["--with-agent", "--answers", &file];
    let sandbox = place.start(&args);
    let facts = place.facts();
    let sender = Sender::new(session(&facts, "sender", ApiVersion::V2));
    let (submission, reply_key) = applied(&facts, &sender).await;
    handed_over(&place).await;
    let answer = serde_json::json!({
        "antrag": submission.submission_id, "az": NUMBER, "text": "Guten Tag, Musterfrau",
        "dok": [{ "inhalt": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, PDF), "name": "bescheid.pdf" }],
    });
    let unknown = serde_json::json!({ "antrag": Uuid::new_v4().to_string(), "az": "1" });
    let (status, problem) = post(port, &unknown).await.unwrap();
    assert_eq!(
        (status, &problem["code"]),
        (404, &"answer-unmatched".into())
    );
    let (status, problem) = post(port, &serde_json::json!({ "antrag": "x" }))
        .await
        .unwrap();
    assert_eq!(status, 422);
    assert_eq!(problem["findings"].as_array().unwrap().len(), 1);

    // Killed at some moment of its work: what was answered with 204 is there, and everything else is posted again.
    let begun = tokio::spawn({
        let answer = answer.clone();
        async move { post(port, &answer).await }
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    let talk = sandbox.talk();
    sandbox.kill();
    let first = begun.await.unwrap().map(|(status, _)| status);
    assert!(matches!(first, None | Some(204)), "{first:?}");
    // Killed right behind its 204: what that promised is there.
    let sandbox = place.start(&args);
    assert_eq!(post(port, &answer).await.unwrap().0, 204);
    sandbox.kill();
    let sandbox = place.start(&args);
    let facts = place.facts();
    let sender = Sender::new(session(&facts, "sender", ApiVersion::V2));
    let replies = replied(&sender).await;
    let (data, decision) = opened(&facts, (replies[0], submission), &reply_key).await;
    assert_eq!(
        (decision.as_slice(), &data["fileNumber"], &data["kind"]),
        (PDF, &NUMBER.into(), &"result".into())
    );
    assert_eq!(verified(&place, &data)["claims"]["level"], "takenOn");
    assert_eq!(post(port, &answer).await.unwrap().0, 204);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let listed = sender.replies(Paging::default(), Duration::ZERO).await;
    assert_eq!(listed.unwrap().replies, []);
    for secret in [NUMBER, "Musterfrau", TOKEN] {
        assert!(!sandbox.talk().contains(secret) && !talk.contains(secret));
    }
}

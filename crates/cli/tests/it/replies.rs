//! Replies against the real gateway: sealed and sent by the subscriber; listed, fetched, verified, opened and answered by the
//! sender. By the client's calls, and by the commands.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use amtsbote_client::{
    NotOpened, Posted, ReplyAttachment, ReplyContent, Sender, Subscriber, open_reply, reply_key,
};
use amtsbote_fit_connect::event::{Part, Violation};
use amtsbote_fit_connect::metadata::Metadata;
use amtsbote_fit_connect::reply::{CreateReply, ReplyRef};
use amtsbote_fit_connect::submission::CompactJwe;
use amtsbote_fit_connect::{ApiVersion, Paging};
use amtsbote_jose::{Jwe, KeyUse, PrivateKey, X5c, open};
use amtsbote_model::submission::State;
use amtsbote_model::{AttachmentId, Personal, SubmissionSchema};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stand::{Ended, Facts, Place, Program, keys, run};
use crate::wire::{Application, session};

const STANDARD: &str = "https://schema.example/bescheid/1.0";
const MARK: &str = "Musterfrau-bekommt-Recht";

/// A sandbox, and a submission in it that asks for replies to a key of its sender.
struct Case {
    place: Place,
    _sandbox: Program,
    submission: String,
}

impl Case {
    fn open() -> Self {
        let place = Place::new();
        let sandbox = place.start(&[]);
        let made = run(&["--json", "keys", "new", "reply", "--dir", &dir(&place)]).json();
        let public = std::fs::read(made["replyPublic"].as_str().unwrap()).unwrap();
        let public: Value = serde_json::from_slice(&public).unwrap();
        let application = Application::new("Musterfrau", vec![b"%PDF plan".to_vec()]);
        let mut body: Value = serde_json::from_slice(&application.intake(&place.facts())).unwrap();
        body["replyChannel"] = json!({ "fitConnect": {
            "processStandards": [STANDARD], "encryptionPublicKey": public,
        }});
        let request = place.dir().join("antrag.json");
        std::fs::write(&request, body.to_string()).unwrap();
        let mut case = Self {
            place,
            _sandbox: sandbox,
            submission: String::new(),
        };
        let sent = case.run(&["--json", "submit", request.to_str().unwrap()]);
        sent.json()["submissionId"]
            .as_str()
            .unwrap()
            .clone_into(&mut case.submission);
        case
    }

    fn facts(&self) -> Facts {
        self.place.facts()
    }

    /// Runs with the sandbox's file.
    fn run(&self, args: &[&str]) -> Ended {
        run(&[args, &["--sandbox", &self.place.file()]].concat())
    }

    fn reply_key_file(&self) -> String {
        format!("{}/reply.jwk", dir(&self.place))
    }

    fn reply_key(&self) -> PrivateKey {
        private_key(Path::new(&self.reply_key_file()))
    }
}

fn dir(place: &Place) -> String {
    place.dir().join("sender").to_str().unwrap().to_owned()
}

fn private_key(path: &Path) -> PrivateKey {
    let text = std::fs::read_to_string(path).unwrap();
    PrivateKey::parse(&text, KeyUse::Encryption, X5c::Optional).unwrap()
}

/// Announces, uploads and submits a reply with one attachment.
async fn send(case: &Case, subscriber: &Subscriber) -> ReplyRef {
    let submission = subscriber.fetch(case.submission.parse().unwrap());
    let submission = submission.await.unwrap();
    let decryption = private_key(&keys().join("destination/decryption.jwk"));
    let jwe = submission.encrypted_metadata.as_str();
    let metadata = open(
        &Jwe::parse(jwe, 1_000_000).unwrap(),
        &[decryption],
        1_000_000,
    )
    .unwrap();
    let key = reply_key(&Metadata::parse(&metadata).unwrap()).unwrap();
    let content = ReplyContent {
        data: Personal::new(json!({ "bescheid": MARK }).to_string().into_bytes()),
        schema: SubmissionSchema {
            schema_uri: STANDARD.into(),
            mime_type: "application/json".into(),
        },
        attachments: vec![ReplyAttachment {
            id: AttachmentId::from_uuid(Uuid::new_v4()),
            mime_type: "application/pdf".into(),
            filename: Some(Personal::new("bescheid.pdf".into())),
            content: Personal::new(b"%PDF-1.7 bescheid".to_vec()),
        }],
    };
    let sealed = content.seal(&key).unwrap();
    let (id, attachment) = &sealed.attachments[0];
    let announcement = CreateReply {
        case_id: submission.reduced.ids.case_id,
        destination_id: None,
        announced_attachments: vec![*id],
    };
    let ids = subscriber.announce_reply(&announcement).await.unwrap();
    let bytes = bytes::Bytes::from(attachment.as_str().to_owned());
    let length = bytes.len() as u64;
    let pieces = futures_util::stream::iter([Ok(bytes)]);
    let uploaded = subscriber.upload_to_reply(ids.reply_id, *id, pieces, Some(length));
    uploaded.await.unwrap();
    subscriber
        .submit_reply(ids.reply_id, &sealed.body)
        .await
        .unwrap();
    ids
}

async fn listed(sender: &Sender) -> Vec<ReplyRef> {
    let list = sender.replies(Paging::default(), Duration::ZERO).await;
    list.unwrap().replies
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_verified_opened_and_accepted_or_rejected_in_both_versions() {
    let case = Case::open();
    let facts = case.facts();
    let destination = facts.text("/destinationId").parse().unwrap();
    for version in [ApiVersion::V1, ApiVersion::V2] {
        let subscriber = Subscriber::new(session(&facts, "subscriber", version));
        let sender = Sender::new(session(&facts, "sender", version));
        let taken = send(&case, &subscriber).await;
        let refused = send(&case, &subscriber).await;
        assert_eq!(listed(&sender).await, [taken, refused]);

        let reply = sender.fetch_reply(taken.reply_id).await.unwrap();
        let log = sender.session().verified_reply_log(taken, destination);
        let log = log.await.unwrap().unwrap();
        assert_eq!(log.state(), State::Submitted);
        let tags = log.tags().unwrap();
        let own = [case.reply_key()];
        let opened = open_reply(&reply, tags, &own, 1_000_000).unwrap();
        let data = String::from_utf8(opened.data.as_ref().unwrap().reveal().clone()).unwrap();
        assert!(data.contains(MARK));
        let id = reply.reduced.attachments[0];
        let mut stream = sender.download_of_reply(taken.reply_id, id).await.unwrap();
        let mut sealed = Vec::new();
        while let Some(piece) = stream.next().await.unwrap() {
            sealed.extend_from_slice(&piece);
        }
        let sealed = CompactJwe::try_from(String::from_utf8(sealed).unwrap()).unwrap();
        let file = opened.open_attachment((id, &sealed), tags, &own, 1_000_000);
        assert_eq!(file.unwrap().reveal(), b"%PDF-1.7 bescheid");
        // The other reply's tags are not this one's.
        let other = sender.session().verified_reply_log(refused, destination);
        let other = other.await.unwrap().unwrap();
        let mixed = open_reply(&reply, other.tags().unwrap(), &own, 1_000_000);
        assert_eq!(mixed.unwrap_err(), NotOpened::Tag("metadata"));

        let accepted = sender.accept_reply(taken.reply_id, tags).await.unwrap();
        assert_eq!(accepted, Posted::Done);
        let problem = Violation::HashMismatch.problem(Part::Data, "");
        let rejected = sender.reject_reply(refused.reply_id, vec![problem.clone()]);
        assert_eq!(rejected.await.unwrap(), Posted::Done);
        let late = sender.reject_reply(taken.reply_id, vec![problem]).await;
        assert_eq!(late.unwrap(), Posted::IllegalStep);
        assert_eq!(listed(&sender).await, []);
        // Who sent them sees what became of them.
        for (ids, state) in [(taken, State::Accepted), (refused, State::Rejected)] {
            let log = subscriber.session().verified_reply_log(ids, destination);
            assert_eq!(log.await.unwrap().unwrap().state(), state);
        }
    }
}

#[test]
fn the_commands_bring_a_reply_from_one_side_to_the_other() {
    let case = Case::open();
    let facts = case.facts();
    let file = |name: &str, content: &str| {
        let path = case.place.dir().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let data = file("bescheid.json", &json!({ "bescheid": MARK }).to_string());
    let attachment = file("bescheid.pdf", "%PDF-1.7 Musterfrau");
    let decryption = facts.text("/keys/decryption").to_owned();
    let sent = |args: &[&str]| {
        let command = ["reply", "send", &case.submission, "--data", &data];
        case.run(&[&command, args].concat())
    };
    let with = ["--key", &decryption, "--attachment", &attachment, "--json"];
    let id = sent(&with).json()["replyId"].as_str().unwrap().to_owned();
    let second = sent(&with).json()["replyId"].as_str().unwrap().to_owned();

    let list = case.run(&["reply", "list", "--json"]).json();
    assert_eq!(list["replies"].as_array().unwrap().len(), 2);
    let text = case.run(&["reply", "list"]).ok();
    assert!(text.starts_with(&id), "{text}");

    let key = case.reply_key_file();
    let seen = case.run(&["reply", "fetch", &id, "--key", &key]);
    assert!(seen.ok().contains("verified and opened"));
    assert!(seen.stderr().contains("--out"));
    let out = case.place.dir().join("bescheide");
    let fetch = [
        "reply",
        "fetch",
        &id,
        "--key",
        &key,
        "--out",
        out.to_str().unwrap(),
    ];
    let fetched = case.run(&[&fetch[..], &["--json"]].concat());
    let names: Vec<String> = serde_json::from_value(fetched.json()["files"].clone()).unwrap();
    let kept = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert!(kept("data.json").contains(MARK));
    assert_eq!(names, ["data.json", "attachments.json"]);
    // The file is called what its sender called it; which attachment it is, stands beside it.
    let listed: serde_json::Value = serde_json::from_str(&kept("attachments.json")).unwrap();
    assert_eq!(listed[0]["file"], "bescheid.pdf");
    assert_eq!(kept("bescheid.pdf"), "%PDF-1.7 Musterfrau");
    for name in [
        "metadata.json",
        "data.json",
        "attachments.json",
        "bescheid.pdf",
    ] {
        let mode = std::fs::metadata(out.join(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o077, 0, "{name}");
    }
    // What is content stands in the files only.
    for ended in [&seen, &fetched] {
        let said = ended.stdout() + &ended.stderr();
        assert!(
            !said.contains("Musterfrau") && !said.contains("bescheid.pdf"),
            "{said}"
        );
    }
    answered(&case, [&id, &second], &fetch, &decryption);
}

/// One is accepted, by its own key only; the other is rejected.
fn answered(case: &Case, [id, second]: [&str; 2], fetch: &[&str], strange_key: &str) {
    let key = case.reply_key_file();
    // A stranger's key opens nothing, and nothing is accepted by it.
    let strange = ["reply", "accept", id, "--key", strange_key];
    case.run(&strange).failed(&["cannot be opened", "--key"]);
    case.run(&[&strange[..], &["--lang", "de"]].concat())
        .failed(&["Fehler:", "lässt sich mit diesem Schlüssel nicht öffnen"]);
    let accepted = case.run(&["reply", "accept", id, "--key", &key, "--json"]);
    assert_eq!(
        accepted.json(),
        json!({ "replyId": id, "state": "accepted" })
    );
    case.run(&["reply", "reject", id])
        .failed(&["answered otherwise", "reply list"]);
    case.run(&["reply", "reject", second, "--problem", "no-such"])
        .failed(&["hash-mismatch"]);
    let rejected = case.run(&["reply", "reject", second, "--problem", "hash-mismatch"]);
    assert!(rejected.ok().contains("rejected"));
    case.run(fetch).failed(&["does not know it"]);
    let empty = case.run(&["reply", "list"]);
    assert_eq!(empty.ok(), "");
    assert!(empty.stderr().contains("no reply is waiting"));
}

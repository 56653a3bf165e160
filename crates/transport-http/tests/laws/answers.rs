//! Answers that are asked for: the laws against a real nginx and a procedure of our own; and what only some servers do.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amtsbote_adapter::laws::inbound::Bench;
use amtsbote_adapter::laws::run;
use amtsbote_adapter::{
    AnswerKind, Fault, Inbound, OpenCase, OpenCases, Reply, Return, ReturnId, Said, Settled,
};
use amtsbote_model::SubmissionId;
use amtsbote_transport_http::HttpInbound;
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::desk::Desk;
use crate::nginx::Nginx;

const LIMIT: Duration = Duration::from_mins(1);

/// Several files as one body.
pub(crate) fn bundled(files: &[(&str, Bytes)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in files {
        let head = format!(
            "--grenze\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--grenze--\r\n");
    body
}

/// A list that nginx makes of a folder: TLS, client certificate, password; `DELETE` acknowledges.
struct Shelf {
    nginx: Nginx,
    work: TempDir,
    sent: AtomicU32,
}

impl Shelf {
    fn start() -> Option<Self> {
        Some(Self {
            nginx: Nginx::start()?,
            work: tempfile::tempdir().unwrap(),
            sent: AtomicU32::new(0),
        })
    }

    fn open(&self, from: &str, to: &str) -> Result<HttpInbound, Fault> {
        let text = r#"
            work_path = "WORK"
            list.url = "BASE/antworten/"
            list.id = "/name"
            list.item = "BASE/antworten/{id}"
            list.settle.url = "BASE/antworten/{id}"
            auth = { kind = "basic", user = "amtsbote", password_file = "DIR/password" }
            client_certificate_file = "DIR/client.pem"
            client_key_file = "DIR/client.key"
            ca_file = "DIR/ca.pem"
            allow_networks = ["127.0.0.0/8"]
        "#;
        let text = text
            .replace(from, to)
            .replace("WORK", &self.work.path().display().to_string())
            .replace("BASE", &format!("https://{}", self.nginx.wire.address));
        HttpInbound::open(
            toml::from_str(&text.replace("DIR/", "")).unwrap(),
            self.nginx.dir.path(),
        )
    }
}

impl Bench for Shelf {
    fn way(&self) -> Box<dyn Inbound> {
        Box::new(self.open("", "").unwrap())
    }

    fn send(&self, files: &[(&str, Bytes)]) {
        let nr = self.sent.fetch_add(1, Ordering::SeqCst);
        let folder = self.nginx.dir.path().join("www");
        let aside = folder.join("neu");
        fs::write(&aside, bundled(files)).unwrap();
        fs::rename(aside, folder.join(format!("antworten/antwort {nr:04}"))).unwrap();
    }

    fn set_aside(&self) -> usize {
        fs::read_dir(self.work.path().join("refused"))
            .unwrap()
            .count()
    }
}

/// A server, or the end of the test.
macro_rules! shelf {
    () => {
        match Shelf::start() {
            Some(shelf) => shelf,
            None => return,
        }
    };
}

mod listed_by_nginx {
    use super::Shelf;

    amtsbote_adapter::inbound_laws!(shelf!());
}

#[test]
fn a_wrong_password_or_certificate_is_misconfigured() {
    let shelf = shelf!();
    for (from, to) in [
        ("DIR/password", "DIR/wrong"),
        (
            "client_certificate_file = \"DIR/client.pem\"\n            client_key_file = \"DIR/client.key\"",
            "",
        ),
    ] {
        run(async {
            let way = shelf.open(from, to).unwrap();
            for outcome in [way.probe(LIMIT).await, way.poll(1, LIMIT).await.map(drop)] {
                assert!(
                    matches!(outcome, Err(Fault::Misconfigured { .. })),
                    "{to}: {outcome:?}"
                );
            }
        });
    }
}

/// A procedure that is asked for each submission, or for its list.
struct Office {
    desk: Desk,
    work: TempDir,
    sent: AtomicU32,
}

/// Submissions that wait.
const WAITING: u32 = 7;

struct Waiting;

fn submission(nr: u32) -> SubmissionId {
    SubmissionId::from_uuid(Uuid::from_u128(u128::from(nr) + 0x4000))
}

impl OpenCases for Waiting {
    fn open_cases(
        &self,
        after: Option<SubmissionId>,
        max: usize,
    ) -> Reply<'_, Result<Vec<OpenCase>, Fault>> {
        let all = (0..WAITING).map(submission);
        let behind = all.filter(|id| after.is_none_or(|after| *id > after));
        let case = |submission_id: SubmissionId| OpenCase {
            submission_id,
            case_id: amtsbote_model::CaseId::from_uuid(Uuid::nil()),
            message: Uuid::nil(),
        };
        let cases = behind.take(max).map(case).collect();
        Box::pin(std::future::ready(Ok(cases)))
    }
}

/// Asks for the submissions that wait, as the agent does.
struct Asking(HttpInbound);

impl Inbound for Asking {
    fn poll(&self, max: usize, limit: Duration) -> Reply<'_, Result<Vec<Return>, Fault>> {
        Box::pin(async move {
            // One look asks for as many as it may give; the agent looks again and again.
            let mut all = Vec::new();
            for _ in 0..WAITING {
                let found = self.0.poll_for(&Waiting, max, limit).await?;
                all.extend(found);
                all.sort_by_key(|one: &Return| one.id.clone());
                all.dedup_by_key(|one| one.id.clone());
                if all.len() >= max {
                    break;
                }
            }
            all.truncate(max);
            Ok(all)
        })
    }

    fn settle<'a>(
        &'a self,
        id: &'a ReturnId,
        outcome: Settled,
        limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        self.0.settle(id, outcome, limit)
    }

    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        self.0.probe(limit)
    }
}

const ASK: &str = "ask.url = \"BASE/vorgaenge/{submission}\"";
const LIST: &str = r#"
    list.url = "BASE/antworten"
    list.items = "/antworten"
    list.id = "/nr"
    list.next = { link = "/weiter" }
    list.settle.url = "BASE/antworten/{id}"
"#;
const FIELDS: &str = r#"
    [fields]
    id = "/id"
    submission = "/antrag"
    file_number = "/az"
    text = "/text"
    documents = { at = "/dok", content = "/inhalt", link = "/url", name = "/name" }
"#;

impl Office {
    fn start() -> Self {
        Self {
            desk: Desk::start(),
            work: tempfile::tempdir().unwrap(),
            sent: AtomicU32::new(0),
        }
    }

    fn opened(&self, settings: &str) -> Result<HttpInbound, Fault> {
        let text = format!("danger_plain_http = true\nwork_path = \"arbeit\"\n{settings}");
        let text = text.replace("BASE", &format!("http://{}", self.desk.address));
        HttpInbound::open(toml::from_str(&text).unwrap(), self.work.path())
    }

    fn open(&self, settings: &str) -> HttpInbound {
        self.opened(settings).unwrap()
    }

    fn list(&self, entries: &[Value]) {
        let mut facts = self.desk.facts();
        for entry in entries {
            let nr = u32::try_from(facts.entries.len()).unwrap() + 1;
            facts.entries.insert(nr, entry.clone());
        }
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.desk.facts().calls)
    }
}

impl Bench for Office {
    fn way(&self) -> Box<dyn Inbound> {
        Box::new(Asking(self.open(ASK)))
    }

    fn send(&self, files: &[(&str, Bytes)]) {
        let nr = self.sent.fetch_add(1, Ordering::SeqCst);
        let kind = "multipart/mixed; boundary=grenze";
        self.desk
            .put(&submission(nr).to_string(), kind, &bundled(files));
    }

    fn set_aside(&self) -> usize {
        fs::read_dir(self.work.path().join("arbeit/refused"))
            .unwrap()
            .count()
    }
}

mod asked_for_each {
    use super::Office;

    amtsbote_adapter::inbound_laws!(Office::start());
}

async fn polled(way: &HttpInbound) -> Vec<Return> {
    way.poll(10, LIMIT).await.unwrap()
}

/// What an understood return says: file number, and name, type and length of its documents.
fn told(one: &Return) -> (String, Vec<(String, String)>) {
    let Said::Answer(answer) = &one.said else {
        panic!("not understood: {:?}", one.said)
    };
    let files = one
        .files
        .iter()
        .map(|file| (file.path.as_str().to_owned(), file.media_type.clone()));
    let number = answer
        .file_number
        .as_ref()
        .map(|number| number.reveal().clone());
    (number.unwrap_or_default(), files.collect())
}

fn of(nr: u32) -> String {
    submission(nr).to_string()
}

#[test]
fn a_list_is_read_page_by_page_by_link_header_or_cursor() {
    for next in [
        "{ link = \"/weiter\" }",
        "{ header = \"link\" }",
        "{ cursor = { at = \"/zeiger\", url = \"BASE/antworten?after={cursor}\" } }",
    ] {
        let office = Office::start();
        let way = office.open(&format!(
            "{}{FIELDS}",
            LIST.replace("{ link = \"/weiter\" }", next)
        ));
        let entry =
            |nr: u32| json!({ "id": format!("a{nr}"), "antrag": of(nr), "az": format!("63-{nr}") });
        office.list(&(0..5).map(entry).collect::<Vec<_>>());
        run(async {
            let all = polled(&way).await;
            let numbers: Vec<String> = all.iter().map(|one| told(one).0).collect();
            assert_eq!(numbers, ["63-0", "63-1", "63-2", "63-3", "63-4"], "{next}");
            assert_eq!(all[1].facts, [("reference", of(1))]);
            // What is refused does not hide what is behind it.
            for one in &all[..4] {
                way.settle(&one.id, Settled::Refused, LIMIT).await.unwrap();
            }
            let left = polled(&way).await;
            assert_eq!(left.len(), 1, "{next}");
            way.settle(&left[0].id, Settled::Kept, LIMIT).await.unwrap();
            assert!(polled(&way).await.is_empty());
            assert_eq!(office.desk.facts().entries.len(), 4);
        });
    }
}

#[test]
fn a_refused_entry_is_given_again_once_the_procedure_has_changed_it() {
    let office = Office::start();
    let way = office.open(&format!("{LIST}{FIELDS}"));
    office.list(&[json!({ "antrag": "falsch", "az": "1" })]);
    run(async {
        let first = polled(&way).await.remove(0);
        let Said::Nonsense(findings) = &first.said else {
            panic!("it was understood")
        };
        assert_eq!((&*findings[0].at, &*findings[0].rule), ("/antrag", "uuid"));
        way.settle(&first.id, Settled::Refused, LIMIT)
            .await
            .unwrap();
        assert!(polled(&way).await.is_empty());
        office.desk.facts().entries.get_mut(&1).unwrap()["antrag"] = json!(of(1));
        assert_eq!(told(&polled(&way).await[0]).0, "1");
    });
}

#[test]
fn documents_come_inside_behind_a_link_or_beside() {
    let office = Office::start();
    office.desk.put("9", "application/pdf; x=y", b"%PDF link");
    let entry = json!({ "antrag": of(1), "az": "1", "dok": [
        { "inhalt": "JVBERi0x", "name": "bescheid.pdf" },
        { "url": "/dok/9", "name": "../../anlage" },
    ]});
    office.list(std::slice::from_ref(&entry));
    let expected = [
        ("bescheid.pdf", "application/pdf"),
        ("02", "application/pdf"),
    ];
    let expected = expected.map(|(name, kind)| (name.to_owned(), kind.to_owned()));
    run(async {
        let one = polled(&office.open(&format!("{LIST}{FIELDS}")))
            .await
            .remove(0);
        assert_eq!(told(&one), ("1".to_owned(), expected.to_vec()));
        // As XML, and as parts side by side.
        let xml = format!(
            "<a><antrag>{}</antrag><az>1</az><dok><inhalt>JVBE\nRi0x</inhalt></dok></a>",
            of(2)
        );
        office.desk.put(&of(2), "text/xml", xml.as_bytes());
        let fields = FIELDS
            .replace("\"/", "\"/a/")
            .replace("/a/inhalt", "/inhalt")
            .replace("/a/url", "/url")
            .replace("/a/name", "/name");
        let way = office.open(&format!("{ASK}{fields}"));
        let one = way.poll_for(&Waiting, 10, LIMIT).await.unwrap().remove(0);
        assert_eq!(
            told(&one).1,
            [("01".to_owned(), "application/pdf".to_owned())]
        );
        let parts = format!(
            "--g\r\nContent-Type: application/json\r\n\r\n{}\r\n--g\r\nContent-Type: image/png\r\nContent-Disposition: form-data; name=\"b\"; filename=\"plan.png\"\r\n\r\nPNG\r\n--g--",
            json!({ "az": "2" })
        );
        office.desk.facts().bodies.remove(&of(2));
        office
            .desk
            .put(&of(3), "multipart/form-data; boundary=g", parts.as_bytes());
        let way = office.open(&format!("{ASK}{FIELDS}"));
        let one = way.poll_for(&Waiting, 10, LIMIT).await.unwrap().remove(0);
        assert_eq!(
            told(&one),
            (
                "2".to_owned(),
                vec![("plan.png".to_owned(), "image/png".to_owned())]
            )
        );
        let Said::Answer(answer) = &one.said else {
            panic!()
        };
        assert_eq!(answer.kind, AnswerKind::Result);
    });
}

#[test]
fn credentials_go_to_no_other_host_and_nothing_is_read_past_its_limit() {
    let office = Office::start();
    office.desk.put("9", "text/plain", &[b'x'; 2_000]);
    office.list(&[
        json!({ "antrag": of(1), "dok": { "url": "http://127.0.0.2:1/x" } }),
        json!({ "antrag": of(1), "dok": { "url": "/dok/9" } }),
        json!({ "antrag": of(1), "dok": { "url": "/dok/nichts" } }),
    ]);
    let settings = format!("answer_max_bytes = 1000\n{LIST}{FIELDS}");
    run(async {
        let rules: Vec<String> = polled(&office.open(&settings))
            .await
            .iter()
            .map(|one| match &one.said {
                Said::Nonsense(findings) => findings[0].rule.clone(),
                Said::Answer(_) | Said::Unread => "understood".to_owned(),
            })
            .collect();
        assert_eq!(rules, ["link", "too-large", "link"]);
        office.desk.facts().next = Some("http://127.0.0.2:1/".to_owned());
        let way = office.open(&settings);
        // Loud, and nothing of the page is used.
        let looked = way.poll(10, LIMIT).await;
        assert!(
            matches!(looked, Err(Fault::Misconfigured { .. })),
            "{looked:?}"
        );
    });
}

#[test]
fn who_is_busy_says_when_and_an_answer_found_before_is_not_lost() {
    let office = Office::start();
    let way = office.open(&format!("{LIST}{FIELDS}"));
    office.list(&[json!({ "antrag": of(1), "az": "1" })]);
    run(async {
        let id = polled(&way).await.remove(0).id;
        for (status, headers, expected) in [
            (
                503,
                &[("retry-after", "7")][..],
                Some(Duration::from_secs(7)),
            ),
            (
                429,
                &[("retry-after", "999999999")],
                Some(Duration::from_hours(24)),
            ),
            (500, &[], None),
        ] {
            office.desk.facts().trouble = Some((status, headers));
            for outcome in [
                way.poll(10, LIMIT).await.map(drop),
                way.settle(&id, Settled::Kept, LIMIT).await,
                way.probe(LIMIT).await,
            ] {
                let Err(Fault::Unavailable { retry_after, .. }) = outcome else {
                    panic!("{status}: {outcome:?}")
                };
                assert_eq!(retry_after, expected);
            }
        }
        office.desk.facts().trouble = None;
        let again = polled(&way).await.remove(0).id;
        assert_eq!(again, id);
    });
}

#[test]
fn each_submission_has_its_turn_and_what_was_settled_is_not_given_again() {
    let office = Office::start();
    let way = office.open(&format!("{ASK}{FIELDS}"));
    run(async {
        for _ in 0..3 {
            assert!(way.poll_for(&Waiting, 3, LIMIT).await.unwrap().is_empty());
        }
        let asked: Vec<String> = (0..9)
            .map(|nr| format!("GET {}", of(nr % WAITING)))
            .collect();
        assert_eq!(office.calls(), asked);
        let put = |text: &str| {
            let body = json!({ "text": text }).to_string();
            office.desk.put(&of(2), "application/json", body.as_bytes());
        };
        put("eins");
        let one = way.poll_for(&Waiting, 9, LIMIT).await.unwrap().remove(0);
        assert_eq!(one.facts, [("reference", of(2))]);
        way.settle(&one.id, Settled::Kept, LIMIT).await.unwrap();
        assert!(way.poll_for(&Waiting, 9, LIMIT).await.unwrap().is_empty());
        put("zwei");
        let two = way.poll_for(&Waiting, 9, LIMIT).await.unwrap().remove(0);
        assert_ne!(one.id, two.id);
    });
}

#[test]
fn settings_that_lose_or_betray_are_refused() {
    let office = Office::start();
    for (settings, expected) in [
        (format!("{LIST}{FIELDS}"), None),
        (format!("{ASK}{FIELDS}"), None),
        (ASK.to_owned(), None),
        (LIST.to_owned(), Some("list.item")),
        (format!("{ASK}\n{LIST}{FIELDS}"), Some("either list or ask")),
        (
            ASK.replace("{submission}", "x"),
            Some("ask.url needs {submission}"),
        ),
        (
            ASK.replace("{submission}", "{id}"),
            Some("ask.url is no URL"),
        ),
        (
            ASK.replace("BASE", "https://u:p@h"),
            Some("ask.url is no URL"),
        ),
        (
            format!("{LIST}[fields]\ntext = \"/t\""),
            Some("fields of a list need"),
        ),
        (
            format!("{ASK}\n[fields]\nkind = \"/t\""),
            Some("belong together"),
        ),
        (format!("{ASK}\nunknown = 1"), Some("unknown")),
        (
            format!("{ASK}\nauth = {{ kind = \"basik\" }}"),
            Some("not usable"),
        ),
        (
            format!("{ASK}\n[fields]\ntext = \"t\""),
            Some("not a JSON pointer"),
        ),
        (
            format!("{ASK}\n[fields]\nkind = \"/k\"\nkinds = {{ a = \"b\" }}"),
            Some("not a kind of answer"),
        ),
    ] {
        let told = office
            .opened(&settings)
            .err()
            .map(|fault| fault.to_string());
        match (expected, &told) {
            (None, None) => {}
            (Some(part), Some(told)) if told.contains(part) => {}
            _ => panic!("{settings}: {told:?} instead of {expected:?}"),
        }
    }
    let plain = "work_path = \"w\"\nask.url = \"http://h/{case}\"";
    let refused = HttpInbound::open(toml::from_str(plain).unwrap(), office.work.path());
    assert!(matches!(refused, Err(Fault::Misconfigured { .. })));
}

//! Answers of procedures find their way back to the online service, once.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use amtsbote_adapter::{
    Answer, AnswerKind, Fault, Inbound, OpenCase, OpenCases, ParcelFile, Piece, Reply, Return,
    ReturnId, Said, Settled, Unpacked,
};
use amtsbote_agent::{Agent, CASE_STATUS_SCHEMA, ReadAnswer, WayIn, message_uuid};
use amtsbote_client::{OpenedReply, Sender, open_reply};
use amtsbote_fit_connect::Paging;
use amtsbote_fit_connect::event::AuthenticationTags;
use amtsbote_fit_connect::reply::ReplyRef;
use amtsbote_fit_connect::submission::{CompactJwe, SubmissionRef};
use amtsbote_jose::{Jws, KeyUse, PrivateKey};
use amtsbote_model::{DestinationId, Personal, SubmissionId, Timestamp};
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_store::{
    AnswerMove, AnswerRow, Error, MemoryDeliveries, NewAnswer, Reply as StoreReply, Swapped,
    WayBack, WaysBack,
};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::bench::{Bench, Draft, SIGNING_KEY, parcel};
use crate::trace::MARKER;
use crate::ways::Fuse;

static REPLY_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| PrivateKey::generate(KeyUse::Encryption, "reply-key").unwrap());
/// How an archive begins.
const ARCHIVE: &[u8] = b"PK\x03\x04";
const PDF: &[u8] = b"%PDF-1.7 the decision";

/// Answers that lie there until they are settled.
#[derive(Default)]
struct Pile {
    lying: Mutex<Vec<Return>>,
    refused: Mutex<Vec<ReturnId>>,
    looks: std::sync::atomic::AtomicUsize,
    fuse: Option<Arc<Fuse>>,
}

impl Pile {
    fn put(&self, name: &str, facts: Vec<(&'static str, String)>, files: &[(&str, &[u8])]) {
        let file = |(path, content): &(&str, &[u8])| ParcelFile {
            path: path.parse().unwrap(),
            media_type: "application/pdf".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::copy_from_slice(content)))],
        };
        self.lying.lock().unwrap().push(Return {
            id: ReturnId::try_from(name.to_owned()).unwrap(),
            facts,
            said: Said::Unread,
            files: files.iter().map(file).collect(),
        });
    }

    fn say(&self, name: &str, reference: Option<String>, said: Said) {
        let files = [("bescheid.pdf", PDF)];
        let facts = reference.into_iter().map(|id| ("reference", id)).collect();
        self.put(
            name,
            facts,
            if matches!(said, Said::Answer(_)) {
                &files
            } else {
                &[]
            },
        );
        self.lying.lock().unwrap().last_mut().unwrap().said = said;
    }

    fn sizes(&self) -> (usize, usize) {
        let lying = self.lying.lock().unwrap().len();
        (lying, self.refused.lock().unwrap().len())
    }
}

impl Inbound for Pile {
    fn poll(&self, max: usize, _limit: Duration) -> Reply<'_, Result<Vec<Return>, Fault>> {
        self.looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let lying = self.lying.lock().unwrap();
        let found = lying.iter().take(max).cloned().collect();
        drop(lying);
        Box::pin(std::future::ready(Ok(found)))
    }

    fn settle<'a>(
        &'a self,
        id: &'a ReturnId,
        outcome: Settled,
        _limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        Box::pin(async move {
            if let Some(fuse) = &self.fuse {
                fuse.pass("before the answer is moved away").await;
            }
            self.lying.lock().unwrap().retain(|lying| lying.id != *id);
            if outcome == Settled::Refused {
                self.refused.lock().unwrap().push(id.clone());
            }
            if let Some(fuse) = &self.fuse {
                fuse.pass("after the answer is moved away").await;
            }
            Ok(())
        })
    }
}

/// Answers of the tests: `<` and JSON; archives with such a message, or with documents alone.
fn reader() -> ReadAnswer {
    Arc::new(|bytes| {
        let Some(archive) = bytes.strip_prefix(ARCHIVE) else {
            return Some(read(bytes));
        };
        let message = archive.strip_suffix(PDF).filter(|text| !text.is_empty())?;
        let document = Unpacked {
            path: String::new(),
            name: "anlage.pdf".to_owned(),
            bytes: PDF.to_vec(),
        };
        Some(read(message).map(|answer| answer.with_files(vec![document])))
    })
}

fn read(bytes: &[u8]) -> Result<Answer, Findings> {
    let value: Value = serde_json::from_slice(&bytes[1..]).map_err(|_| {
        vec![Finding::new(
            "",
            "answer",
            Bilingual::new("unlesbar", "unreadable"),
        )]
    })?;
    assert!(value["poison"].is_null(), "poison");
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Ok(Answer {
        kind: if value["rejected"].is_null() {
            AnswerKind::FileNumber
        } else {
            AnswerKind::Rejected
        },
        message: "Test 1121".to_owned(),
        id: "message-of-the-procedure".to_owned(),
        is_test: true,
        in_reply_to: text("to"),
        reference: None,
        file_number: text("number").map(Personal::new),
        status: None,
        due: None,
        text: None,
        findings: Vec::new(),
        documents: Vec::new(),
    })
}

fn agent(bench: &Bench, pile: &Arc<Pile>, ways_back: Option<Arc<dyn WaysBack>>) -> Agent {
    let mut parts = bench.parts();
    parts.destinations[0].way_in = Some(WayIn {
        inbound: pile.clone(),
        read: reader(),
        poll: Duration::from_millis(1),
        is_called: false,
    });
    parts.ways_back = ways_back.unwrap_or(parts.ways_back);
    Agent::new(parts)
}

/// A submission that was handed over, and wants its replies through FIT-Connect.
async fn delivered(bench: &Bench) -> SubmissionRef {
    let draft = Draft::good().metadata(|metadata| {
        metadata["replyChannel"] = json!({ "fitConnect": {
            "processStandards": [CASE_STATUS_SCHEMA],
            "encryptionPublicKey": REPLY_KEY.public().to_json(),
        }});
    });
    let ids = bench.send(draft).await;
    bench.round().await;
    bench.assert_finished(&ids).await;
    ids
}

fn answer_to(ids: &SubmissionRef) -> Vec<u8> {
    let to = message_uuid(parcel(ids)).to_string();
    format!("<{}", json!({ "to": to, "number": format!("AZ {MARKER}") })).into_bytes()
}

async fn waiting(bench: &Bench) -> Vec<ReplyRef> {
    let sender = Sender::new(bench.session("sender"));
    let paging = Paging {
        offset: 0,
        limit: 100,
    };
    sender
        .replies(paging, Duration::ZERO)
        .await
        .unwrap()
        .replies
}

/// The online service: verifies, opens, accepts.
async fn opened(bench: &Bench, ids: ReplyRef) -> (Value, Vec<Vec<u8>>) {
    let session = bench.session("sender");
    let sender = Sender::new(session.clone());
    let reply = sender.fetch_reply(ids.reply_id).await.unwrap();
    let log = session.verified_reply_log(ids, bench.destination).await;
    let log = log.unwrap().unwrap();
    let tags = log.tags().unwrap().clone();
    let keys = [REPLY_KEY.clone()];
    let opened = open_reply(&reply, &tags, &keys, 1 << 20).unwrap();
    let mut files = Vec::new();
    for id in &reply.reduced.attachments {
        files.push(attachment(&sender, (ids, *id), (&opened, &tags)).await);
    }
    sender.accept_reply(ids.reply_id, &tags).await.unwrap();
    let data = serde_json::from_slice(opened.data.unwrap().reveal()).unwrap();
    (data, files)
}

async fn attachment(
    sender: &Sender,
    (ids, id): (ReplyRef, amtsbote_model::AttachmentId),
    (opened, tags): (&OpenedReply, &AuthenticationTags),
) -> Vec<u8> {
    let mut stream = sender.download_of_reply(ids.reply_id, id).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    let jwe: CompactJwe = String::from_utf8(bytes).unwrap().parse().unwrap();
    let keys = [REPLY_KEY.clone()];
    let file = opened.open_attachment((id, &jwe), tags, &keys, 1 << 20);
    file.unwrap().into_revealed()
}

fn claims(receipt: &Value) -> Value {
    let token = receipt.as_str().unwrap();
    let jws = Jws::parse(token, 1 << 20).unwrap();
    assert_eq!(jws.header().typ(), Some("amtsbote-receipt+jwt"));
    let payload = jws.verify(SIGNING_KEY.public()).unwrap();
    serde_json::from_slice(payload).unwrap()
}

#[tokio::test]
async fn an_answer_becomes_a_reply_with_file_number_decision_and_receipt() {
    let bench = Bench::new().await;
    let ids = delivered(&bench).await;
    let pile = Arc::new(Pile::default());
    pile.put(
        "1",
        vec![],
        &[("a.xml", &answer_to(&ids)), ("bescheid.pdf", PDF)],
    );
    agent(&bench, &pile, None).run_once().await.unwrap();
    assert_eq!(pile.sizes(), (0, 0));

    let replies = waiting(&bench).await;
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].case_id, ids.case_id);
    let (data, files) = opened(&bench, replies[0]).await;
    assert_eq!(files, [PDF]);
    let number = format!("AZ {MARKER}");
    assert_eq!(data["kind"], "fileNumber");
    assert_eq!(data["fileNumber"], number.as_str());
    assert_eq!(data["submissionId"], ids.submission_id.to_string());
    let claims = claims(&data["receipt"]);
    assert_eq!(claims["level"], "takenOn");
    assert_eq!(claims["sub"], ids.submission_id.prefixed());
    assert_eq!(claims["txn"], ids.case_id.prefixed());
    assert_eq!(claims["fileNumber"], number.as_str());

    // The same answer again is the same reply, and nothing of it is left here.
    pile.put(
        "2",
        vec![],
        &[("a.xml", &answer_to(&ids)), ("bescheid.pdf", PDF)],
    );
    agent(&bench, &pile, None).run_once().await.unwrap();
    assert_eq!(waiting(&bench).await, []);
    let rows = bench.deliveries.answers(ids.submission_id).await.unwrap();
    assert_eq!(
        (rows.len(), rows[0].state.name(), &rows[0].sealed),
        (1, "sent", &None)
    );
    assert!(!format!("{rows:?}").contains(MARKER));
    assert_eq!(crate::trace::leaks(), 0);
}

/// Understood by the way in.
fn understood(id: &str, kind: AnswerKind, number: Option<&str>) -> Answer {
    Answer {
        kind,
        message: "HTTP".to_owned(),
        id: id.to_owned(),
        is_test: false,
        in_reply_to: None,
        reference: None,
        file_number: number.map(|number| Personal::new(number.to_owned())),
        status: None,
        due: None,
        text: None,
        findings: Vec::new(),
        documents: Vec::new(),
    }
}

#[tokio::test]
async fn what_a_way_in_has_understood_is_one_reply_however_often_and_with_whatever_bytes_it_comes()
{
    let bench = Bench::new().await;
    let ids = delivered(&bench).await;
    let reference = || Some(ids.submission_id.to_string());
    let pile = Arc::new(Pile::default());
    let answer = understood("17", AnswerKind::Result, Some("63-1"));
    for name in ["1", "2"] {
        pile.say(name, reference(), Said::Answer(Box::new(answer.clone())));
    }
    // The same id with other documents is the same answer: they may be made anew for each look.
    pile.lying.lock().unwrap()[1].files.clear();
    let other = understood("18", AnswerKind::Result, None);
    pile.say("3", None, Said::Answer(Box::new(other)));
    let nonsense = vec![Finding::new("/az", "form", Bilingual::new("x", "x"))];
    pile.say("4", reference(), Said::Nonsense(nonsense));
    agent(&bench, &pile, None).run_once().await.unwrap();
    assert_eq!(pile.sizes(), (0, 2));
    let replies = waiting(&bench).await;
    assert_eq!(replies.len(), 1);
    let (data, files) = opened(&bench, replies[0]).await;
    assert_eq!(
        (&data["kind"], &data["messageId"]),
        (&json!("result"), &json!("17"))
    );
    assert_eq!(files, [PDF]);
    assert_eq!(claims(&data["receipt"])["fileNumber"], "63-1");
}

/// Asks for every case that waits; each gives one answer of this kind.
struct Asking {
    kind: Mutex<AnswerKind>,
    asked: Mutex<Vec<SubmissionId>>,
}

impl Inbound for Asking {
    fn poll(&self, _max: usize, _limit: Duration) -> Reply<'_, Result<Vec<Return>, Fault>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn poll_for<'a>(
        &'a self,
        open: &'a dyn OpenCases,
        max: usize,
        _limit: Duration,
    ) -> Reply<'a, Result<Vec<Return>, Fault>> {
        Box::pin(async move {
            let cases = open.open_cases(None, max).await?;
            let kind = *self.kind.lock().unwrap();
            let one = |case: &OpenCase| Return {
                id: ReturnId::try_from(case.submission_id.to_string()).unwrap(),
                facts: vec![("reference", case.submission_id.to_string())],
                said: Said::Answer(Box::new(understood(&format!("{kind:?}"), kind, Some("1")))),
                files: Vec::new(),
            };
            let found = cases.iter().map(one).collect();
            let ids = cases.iter().map(|case| case.submission_id);
            self.asked.lock().unwrap().extend(ids);
            Ok(found)
        })
    }

    fn settle<'a>(
        &'a self,
        _id: &'a ReturnId,
        _outcome: Settled,
        _limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Ways back that keep nothing.
struct Full(Arc<MemoryDeliveries>);

impl WaysBack for Full {
    fn note_way(&self, way: WayBack, names: Vec<String>) -> StoreReply<'_, Result<(), Error>> {
        self.0.note_way(way, names)
    }

    fn ways(
        &self,
        destination_id: DestinationId,
        names: Vec<String>,
        max: u32,
    ) -> StoreReply<'_, Result<Vec<WayBack>, Error>> {
        self.0.ways(destination_id, names, max)
    }

    fn way(&self, id: SubmissionId) -> StoreReply<'_, Result<Option<WayBack>, Error>> {
        self.0.way(id)
    }

    fn keep_answer(&self, _answer: NewAnswer) -> StoreReply<'_, Result<(), Error>> {
        Box::pin(std::future::ready(Err(Error::Unavailable {
            reason: "the disk is full".to_owned(),
            retry_after: None,
        })))
    }

    fn due_answers(
        &self,
        now: Timestamp,
        max: u32,
    ) -> StoreReply<'_, Result<Vec<AnswerRow>, Error>> {
        self.0.due_answers(now, max)
    }

    fn move_answer(
        &self,
        key: String,
        revision: u64,
        to: AnswerMove,
    ) -> StoreReply<'_, Result<Swapped, Error>> {
        self.0.move_answer(key, revision, to)
    }

    fn answers(&self, id: SubmissionId) -> StoreReply<'_, Result<Vec<AnswerRow>, Error>> {
        self.0.answers(id)
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_kept_stays_and_is_looked_at_ever_more_rarely() {
    let bench = Bench::new().await;
    let ids = delivered(&bench).await;
    let pile = Arc::new(Pile::default());
    pile.put("1", vec![], &[("a.xml", &answer_to(&ids))]);
    let ways = Arc::new(Full(bench.deliveries.clone()));
    let agent = agent(&bench, &pile, Some(ways));
    agent
        .run(tokio::time::sleep(Duration::from_millis(600)))
        .await;
    // Neither taken nor refused; without back-off it would have been looked at twelve times, 50 ms apart.
    assert_eq!(pile.sizes(), (1, 0));
    let looks = pile.looks.load(std::sync::atomic::Ordering::SeqCst);
    assert!((1..=9).contains(&looks), "{looks}");
}

#[tokio::test]
async fn a_submission_is_asked_for_until_its_result_is_known() {
    let bench = Bench::new().await;
    let ids = delivered(&bench).await;
    let inbound = Arc::new(Asking {
        kind: Mutex::new(AnswerKind::Status),
        asked: Mutex::default(),
    });
    let mut parts = bench.parts();
    parts.destinations[0].way_in = Some(WayIn {
        inbound: inbound.clone(),
        read: reader(),
        poll: Duration::from_millis(1),
        is_called: false,
    });
    let agent = Agent::new(parts);
    for (kind, expected) in [
        (AnswerKind::Status, 1),
        (AnswerKind::Status, 2),
        (AnswerKind::Result, 3),
        (AnswerKind::Result, 3),
    ] {
        *inbound.kind.lock().unwrap() = kind;
        agent.run_once().await.unwrap();
        let asked = inbound.asked.lock().unwrap().clone();
        assert_eq!(asked, vec![ids.submission_id; expected]);
    }
    assert_eq!(waiting(&bench).await.len(), 2);
}

#[tokio::test]
async fn documents_alone_and_later_messages_find_their_case() {
    let bench = Bench::new().await;
    let ids = delivered(&bench).await;
    let pile = Arc::new(Pile::default());
    pile.put("1", vec![], &[("a.xml", &answer_to(&ids))]);
    let reference = vec![("reference", ids.submission_id.to_string())];
    pile.put("2", reference, &[("bescheid.pdf", PDF)]);
    // By the file number alone.
    let by_number = format!(
        "<{}",
        json!({ "number": format!("AZ {MARKER}"), "rejected": true })
    );
    pile.put("3", vec![], &[("b.xml", by_number.as_bytes())]);
    agent(&bench, &pile, None).run_once().await.unwrap();
    assert_eq!(pile.sizes(), (0, 0));
    let mut kinds = Vec::new();
    for reply in waiting(&bench).await {
        let (data, _) = opened(&bench, reply).await;
        let taken_on = data["receipt"].is_string();
        kinds.push((data["kind"].as_str().unwrap().to_owned(), taken_on));
    }
    kinds.sort();
    // What was rejected was not taken on.
    let expected = [("fileNumber", true), ("rejected", false), ("result", true)];
    assert_eq!(
        kinds,
        expected.map(|(kind, taken)| (kind.to_owned(), taken))
    );
}

#[tokio::test]
async fn a_lone_archive_speaks_by_its_message_and_is_a_document_without_one() {
    let bench = Bench::new().await;
    let ids = delivered(&bench).await;
    let pile = Arc::new(Pile::default());
    let answer = answer_to(&ids);
    let archive = [ARCHIVE, &answer, PDF].concat();
    let documents = [ARCHIVE, PDF].concat();
    let reference = || vec![("reference", ids.submission_id.to_string())];
    pile.put("1", vec![], &[("a.zip", &archive)]);
    pile.put("2", reference(), &[("b.zip", &documents)]);
    // Beside others nobody looks into it.
    pile.put("3", reference(), &[("c.zip", &archive), ("d.pdf", PDF)]);
    let broken = [ARCHIVE, b"<nonsense", PDF].concat();
    pile.put("4", reference(), &[("e.zip", &broken)]);
    agent(&bench, &pile, None).run_once().await.unwrap();
    assert_eq!(pile.sizes(), (0, 1));
    let mut replies = Vec::new();
    for reply in waiting(&bench).await {
        let (data, mut files) = opened(&bench, reply).await;
        files.sort();
        replies.push((data["kind"].as_str().unwrap().to_owned(), files));
    }
    replies.sort();
    let mut expected = [
        ("fileNumber".to_owned(), vec![PDF.to_vec()]),
        ("result".to_owned(), vec![documents]),
        ("result".to_owned(), vec![PDF.to_vec(), archive]),
    ];
    expected.sort();
    assert_eq!(replies, expected);
}

#[tokio::test]
async fn what_fits_nothing_several_or_cannot_be_read_is_set_aside_and_holds_up_nobody() {
    let bench = Bench::new().await;
    let (one, two) = (delivered(&bench).await, delivered(&bench).await);
    let pile = Arc::new(Pile::default());
    pile.put(
        "unknown",
        vec![],
        &[("a.xml", b"<{\"number\":\"nobody's\"}")],
    );
    let both = [one, two].map(|ids| ("reference", ids.submission_id.to_string()));
    pile.put("both", both.to_vec(), &[("a.pdf", PDF)]);
    pile.put("unreadable", vec![], &[("a.xml", b"<nonsense")]);
    pile.put("poison", vec![], &[("a.xml", b"<{\"poison\":1}")]);
    pile.put("good", vec![], &[("a.xml", &answer_to(&one))]);
    agent(&bench, &pile, None).run_once().await.unwrap();
    assert_eq!(pile.sizes(), (0, 4));
    assert_eq!(waiting(&bench).await.len(), 1);
}

#[tokio::test]
async fn without_a_channel_the_status_is_noted_and_nothing_is_sent() {
    let bench = Bench::new().await;
    let ids = bench.send(Draft::good()).await;
    bench.round().await;
    let pile = Arc::new(Pile::default());
    pile.put("1", vec![], &[("a.xml", &answer_to(&ids))]);
    agent(&bench, &pile, None).run_once().await.unwrap();
    assert_eq!(pile.sizes(), (0, 0));
    assert_eq!(waiting(&bench).await, []);
    let rows = bench.deliveries.answers(ids.submission_id).await.unwrap();
    assert_eq!((rows.len(), rows[0].state.name()), (1, "kept"));
    assert_eq!(rows[0].what, "fileNumber (Test 1121)");
}

/// Ways back with a fuse before and after each write.
struct FusedWays {
    inner: Arc<MemoryDeliveries>,
    fuse: Arc<Fuse>,
}

impl WaysBack for FusedWays {
    fn note_way(&self, way: WayBack, names: Vec<String>) -> StoreReply<'_, Result<(), Error>> {
        Box::pin(async move {
            self.fuse.pass("before names are noted").await;
            let answer = self.inner.note_way(way, names).await;
            self.fuse.pass("after names are noted").await;
            answer
        })
    }

    fn ways(
        &self,
        destination_id: DestinationId,
        names: Vec<String>,
        max: u32,
    ) -> StoreReply<'_, Result<Vec<WayBack>, Error>> {
        self.inner.ways(destination_id, names, max)
    }

    fn open_ways(
        &self,
        destination_id: DestinationId,
        place: (Option<SubmissionId>, Timestamp),
        max: u32,
    ) -> StoreReply<'_, Result<Vec<WayBack>, Error>> {
        self.inner.open_ways(destination_id, place, max)
    }

    fn way(&self, id: SubmissionId) -> StoreReply<'_, Result<Option<WayBack>, Error>> {
        self.inner.way(id)
    }

    fn keep_answer(&self, answer: NewAnswer) -> StoreReply<'_, Result<(), Error>> {
        Box::pin(async move {
            self.fuse.pass("before the answer is kept").await;
            let kept = self.inner.keep_answer(answer).await;
            self.fuse.pass("after the answer is kept").await;
            kept
        })
    }

    fn due_answers(
        &self,
        now: Timestamp,
        max: u32,
    ) -> StoreReply<'_, Result<Vec<AnswerRow>, Error>> {
        self.inner.due_answers(now, max)
    }

    fn move_answer(
        &self,
        key: String,
        revision: u64,
        to: AnswerMove,
    ) -> StoreReply<'_, Result<Swapped, Error>> {
        Box::pin(async move {
            let (before, after) = match to.state.name() {
                "announced" => ("before the id is stored", "after the id is stored"),
                "sent" => ("before sent is stored", "after sent is stored"),
                _ => ("before another move", "after another move"),
            };
            self.fuse.pass(before).await;
            let moved = self.inner.move_answer(key, revision, to).await;
            self.fuse.pass(after).await;
            moved
        })
    }

    fn answers(&self, id: SubmissionId) -> StoreReply<'_, Result<Vec<AnswerRow>, Error>> {
        self.inner.answers(id)
    }
}

/// Runs one agent until the fuse blows and another one to the end. Where it blew; `None` if it did not.
async fn dies_and_recovers(bench: &Bench, passes: i64) -> Option<&'static str> {
    let ids = delivered(bench).await;
    let fuse = Fuse::after(passes);
    let pile = Arc::new(Pile {
        fuse: Some(fuse.clone()),
        ..Pile::default()
    });
    pile.put(
        "1",
        vec![],
        &[("a.xml", &answer_to(&ids)), ("bescheid.pdf", PDF)],
    );
    let ways = FusedWays {
        inner: bench.deliveries.clone(),
        fuse: fuse.clone(),
    };
    let first = agent(bench, &pile, Some(Arc::new(ways)));
    let blown = tokio::select! {
        done = first.run_once() => {
            done.unwrap();
            false
        }
        () = fuse.blown.notified() => true,
    };
    drop(first);

    // The next life has no fuse, and finds what lies there.
    let lying = std::mem::take(&mut *pile.lying.lock().unwrap());
    let rest = Arc::new(Pile::default());
    *rest.lying.lock().unwrap() = lying;
    let second = agent(bench, &rest, None);
    for _ in 0..3 {
        bench.turn(Duration::from_mins(1));
        second.run_once().await.unwrap();
    }
    assert_eq!(rest.sizes(), (0, 0), "dead {}", fuse.place());
    let replies = waiting(bench).await;
    assert_eq!(replies.len(), 1, "dead {}", fuse.place());
    let (data, files) = opened(bench, replies[0]).await;
    assert_eq!(files, [PDF]);
    assert_eq!(data["kind"], "fileNumber");
    assert_eq!(waiting(bench).await, []);
    blown.then(|| fuse.place())
}

#[tokio::test]
async fn a_death_at_any_step_gives_one_reply() {
    let bench = Bench::new().await;
    let mut places = Vec::new();
    for passes in 1.. {
        match dies_and_recovers(&bench, passes).await {
            Some(place) => places.push(place),
            None => break,
        }
    }
    for place in [
        "before the answer is kept",
        "after the answer is kept",
        "before the answer is moved away",
        "after the answer is moved away",
        "before the id is stored",
        "after the id is stored",
        "before sent is stored",
    ] {
        assert!(
            places.contains(&place),
            "{place} was not reached: {places:?}"
        );
    }
}

//! The client: each crash point of its ledger, and what a foreign server may answer.

use std::fs;

use amtsbote_adapter::{Arrival, Fault, Outbound as _, Parcel, ParcelFile, Piece, laws};
use amtsbote_model::Personal;
use amtsbote_transport_xta::XtaOutbound;
use bytes::Bytes;

use crate::peer::{NEW_ID, Peer, Told, report};
use crate::stage::{LIMIT, Stage, aside};

const PARCEL: &str = "f39ab143-d91a-474a-b69f-b00f1a1873c2";

fn parcel() -> Parcel {
    let file = |path: &str, text: &'static str| ParcelFile {
        path: path.parse().unwrap(),
        media_type: "application/xml".to_owned(),
        pieces: vec![Piece::Bytes(Personal::new(Bytes::from_static(
            text.as_bytes(),
        )))],
    };
    Parcel {
        id: PARCEL.parse().unwrap(),
        files: vec![
            file("antrag.xml", "<a>ä</a>"),
            file("anlagen/plan & co.txt", "eins"),
            file("leer.txt", ""),
        ],
    }
}

fn deliver(way: &XtaOutbound) -> Result<Arrival, Fault> {
    aside(async { way.deliver(&parcel(), LIMIT).await }).map(|receipt| receipt.arrival)
}

/// The note in the ledger that an id was drawn for the parcel.
fn noted(stage: &Stage, message_id: &str) {
    fs::create_dir_all(stage.work()).unwrap();
    fs::write(
        stage.work().join(format!("{PARCEL}.sending")),
        format!("amtsbote 1\n{message_id}\n"),
    )
    .unwrap();
}

fn ledger(stage: &Stage) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(stage.work())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn stopped_after_the_note_the_parcel_is_sent_under_the_noted_id() {
    let stage = Stage::new();
    noted(&stage, "urn:x:noted");
    let way = stage.client(&stage.base(), "known");
    assert_eq!(deliver(&way), Ok(Arrival::New));
    assert_eq!(deliver(&way), Ok(Arrival::Repeated));
    assert_eq!(stage.messages("inbox").len(), 1);
    let record = stage
        .account()
        .join("inbox")
        .join(&stage.visible("inbox")[0])
        .join("record.json");
    assert!(
        fs::read_to_string(record)
            .unwrap()
            .contains("\"urn:x:noted\"")
    );
    assert_eq!(ledger(&stage), [PARCEL]);
}

#[test]
fn stopped_after_the_server_had_it_nothing_is_sent_again() {
    let stage = Stage::new();
    let way = stage.client(&stage.base(), "known");
    assert_eq!(deliver(&way), Ok(Arrival::New));
    // As if the process had died before step 4 of the ledger.
    fs::rename(
        stage.work().join(PARCEL),
        stage.work().join(format!("{PARCEL}.sending")),
    )
    .unwrap();
    assert_eq!(deliver(&way), Ok(Arrival::Repeated));
    fs::rename(
        stage.work().join(PARCEL),
        stage.work().join(format!("{PARCEL}.sending")),
    )
    .unwrap();
    stage.take_answers();
    assert_eq!(deliver(&way), Ok(Arrival::Repeated));
    assert!(stage.messages("inbox").is_empty());
}

#[test]
fn a_lost_answer_is_looked_up_and_the_message_not_sent_twice() {
    let stage = Stage::new();
    let peer = Peer::new(&stage.pki, |operation, _| match operation {
        "CreateMessageID" => Told::Mtom(NEW_ID.to_owned()),
        "GetTransportReport" => Told::Mtom(report(0, "kop:06414000")),
        _ => Told::Cut,
    });
    let way = stage.client(&peer.base(), "known");
    assert!(matches!(deliver(&way), Err(Fault::Unavailable { .. })));
    assert_eq!(deliver(&way), Ok(Arrival::Repeated));
    assert_eq!(deliver(&way), Ok(Arrival::Repeated));
    assert_eq!(
        peer.asked(),
        ["CreateMessageID", "SendMessage", "GetTransportReport"]
    );
}

#[test]
fn answers_that_are_compressed_though_nobody_asked_are_read() {
    let stage = Stage::new();
    let peer = Peer::new(&stage.pki, |operation, _| match operation {
        "CreateMessageID" => Told::Packed(NEW_ID.to_owned()),
        _ => Told::Packed(String::new()),
    });
    let way = stage.client(&peer.base(), "known");
    assert_eq!(deliver(&way), Ok(Arrival::New));
    assert_eq!(peer.asked(), ["CreateMessageID", "SendMessage"]);
}

#[test]
fn a_report_about_an_id_alone_does_not_mean_that_the_message_arrived() {
    let stage = Stage::new();
    let peer = Peer::new(&stage.pki, |operation, _| match operation {
        "GetTransportReport" => Told::Plain(report(0, "")),
        _ => Told::Plain(String::new()),
    });
    noted(&stage, "urn:x:1");
    assert_eq!(
        deliver(&stage.client(&peer.base(), "known")),
        Ok(Arrival::New)
    );
    assert_eq!(peer.asked(), ["GetTransportReport", "SendMessage"]);
}

#[test]
fn an_id_that_expired_is_replaced_by_a_new_one() {
    let stage = Stage::new();
    let peer = Peer::new(&stage.pki, |operation, body| match operation {
        "CreateMessageID" => Told::Plain(NEW_ID.to_owned()),
        "GetTransportReport" => Told::Fault("InvalidMessageIDException"),
        _ if body.contains("urn:x:expired") => Told::Fault("InvalidMessageID"),
        _ => Told::Plain(String::new()),
    });
    noted(&stage, "urn:x:expired");
    let way = stage.client(&peer.base(), "known");
    assert!(matches!(deliver(&way), Err(Fault::Unavailable { .. })));
    assert_eq!(deliver(&way), Ok(Arrival::New));
    assert!(peer.bodies("SendMessage")[1].contains("urn:de:xta:messageid:1"));
}

#[test]
fn a_refused_repeat_of_what_arrived_meanwhile_is_no_refusal() {
    let stage = Stage::new();
    let sent = std::sync::atomic::AtomicBool::new(false);
    let peer = Peer::new(&stage.pki, move |operation, _| match operation {
        "GetTransportReport" if sent.load(std::sync::atomic::Ordering::SeqCst) => {
            Told::Plain(report(1, "kop:06414000"))
        }
        "GetTransportReport" => Told::Fault("InvalidMessageIDException"),
        _ => {
            sent.store(true, std::sync::atomic::Ordering::SeqCst);
            Told::Fault("ParameterIsNotValidException")
        }
    });
    noted(&stage, "urn:x:1");
    assert_eq!(
        deliver(&stage.client(&peer.base(), "known")),
        Ok(Arrival::Repeated)
    );
}

#[test]
fn a_failed_transport_is_a_persons_matter() {
    let stage = Stage::new();
    let peer = Peer::new(&stage.pki, |_, _| Told::Plain(report(3, "kop:06414000")));
    noted(&stage, "urn:x:1");
    let way = stage.client(&peer.base(), "known");
    for _ in 0..2 {
        assert!(matches!(deliver(&way), Err(Fault::Misconfigured { .. })));
    }
    assert_eq!(
        ledger(&stage),
        [format!("{PARCEL}.lock"), format!("{PARCEL}.sending")]
    );
}

#[test]
fn a_damaged_note_is_a_persons_matter() {
    let stage = Stage::new();
    for text in ["", "amtsbote 1", "amtsbote 1\n\n", "amtsbote 2\nurn:x:1\n"] {
        fs::create_dir_all(stage.work()).unwrap();
        fs::write(stage.work().join(format!("{PARCEL}.sending")), text).unwrap();
        let outcome = deliver(&stage.client(&stage.base(), "known"));
        assert!(
            matches!(outcome, Err(Fault::Misconfigured { .. })),
            "{outcome:?}"
        );
    }
    assert!(stage.messages("inbox").is_empty());
}

#[test]
fn each_fault_tells_whose_turn_it_is() {
    for (fault, expected) in [
        ("PermissionDeniedException", "misconfigured"),
        ("ParameterIsNotValidException", "rejected"),
        ("MessageSchemaViolationException", "rejected"),
        ("MessageVirusDetectionException", "rejected"),
        ("SyncAsyncException", "rejected"),
        ("XTAWSTechnicalProblemException", "unavailable"),
        ("UnheardOf", "rejected"),
    ] {
        let stage = Stage::new();
        let peer = Peer::new(&stage.pki, move |operation, _| match operation {
            "CreateMessageID" => Told::Plain(NEW_ID.to_owned()),
            "GetTransportReport" => Told::Fault("InvalidMessageIDException"),
            _ => Told::Fault(fault),
        });
        let outcome = deliver(&stage.client(&peer.base(), "known")).unwrap_err();
        let told = match &outcome {
            Fault::Misconfigured { .. } => "misconfigured",
            Fault::Rejected { .. } => "rejected",
            Fault::Unavailable { .. } => "unavailable",
        };
        assert_eq!(told, expected, "{fault}: {outcome:?}");
        laws::is_told_in_two_languages(&outcome);
        assert!(format!("{outcome:?}").contains("4711"), "{outcome:?}");
    }
}

#[test]
fn what_is_no_answer_of_an_xta_server_is_told_apart() {
    type Telling = fn() -> Told;
    let cases: [(Telling, &str); 8] = [
        (
            || Told::Raw(200, "text/html", "<html/>".to_owned()),
            "misconfigured",
        ),
        (
            || Told::Raw(200, "application/soap+xml", "<x".to_owned()),
            "unavailable",
        ),
        (
            || Told::Raw(200, "application/soap+xml", "x".repeat(1_100_000)),
            "unavailable",
        ),
        (
            || {
                Told::Raw(
                    200,
                    "multipart/related; boundary=b",
                    "--b\r\n\r\n<a/>".to_owned(),
                )
            },
            "unavailable",
        ),
        (|| Told::Status(404, "x", "x"), "misconfigured"),
        (
            || Told::Status(302, "location", "https://elsewhere.example"),
            "misconfigured",
        ),
        (|| Told::Status(500, "x", "x"), "unavailable"),
        (|| Told::Plain(String::new()), "unavailable"),
    ];
    for (told, expected) in cases {
        let stage = Stage::new();
        let peer = Peer::new(&stage.pki, move |_, _| told());
        let outcome = deliver(&stage.client(&peer.base(), "known")).unwrap_err();
        let told = match &outcome {
            Fault::Misconfigured { .. } => "misconfigured",
            Fault::Rejected { .. } => "rejected",
            Fault::Unavailable { .. } => "unavailable",
        };
        assert_eq!(told, expected, "{outcome:?}");
        laws::is_told_in_two_languages(&outcome);
    }
}

#[test]
fn the_directory_names_the_server() {
    let stage = Stage::new();
    let table = stage.dir.path().join("dvdv.toml");
    fs::write(
        &table,
        format!("[[entry]]\nreader = {{ id = \"kop:06414000\" }}\nservice = \"urn:x:urkunden\"\nurl = \"{}/\"", stage.base()),
    )
    .unwrap();
    let mut settings = stage.client_settings("", "known");
    settings.url = None;
    settings.directory = Some(table);
    let way = XtaOutbound::open(settings.clone()).unwrap();
    assert_eq!(deliver(&way), Ok(Arrival::New));
    settings.cover.service = "urn:x:unknown".to_owned();
    assert!(matches!(
        XtaOutbound::open(settings),
        Err(Fault::Misconfigured { .. })
    ));
}

#[test]
fn the_named_file_is_the_message_and_the_others_are_attachments_in_order() {
    let stage = Stage::new();
    let mut settings = stage.client_settings(&stage.base(), "known");
    settings.message = Some("leer.txt".to_owned().try_into().unwrap());
    assert_eq!(
        deliver(&XtaOutbound::open(settings.clone()).unwrap()),
        Ok(Arrival::New)
    );
    let folder = stage
        .account()
        .join("inbox")
        .join(&stage.visible("inbox")[0]);
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("record.json")).unwrap()).unwrap();
    let names: Vec<&str> = record["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["leer.txt", "antrag.xml", "anlagen_plan & co.txt"]);
    settings.message = Some("other.xml".to_owned().try_into().unwrap());
    fs::remove_dir_all(stage.work()).unwrap();
    assert!(matches!(
        deliver(&XtaOutbound::open(settings).unwrap()),
        Err(Fault::Misconfigured { .. })
    ));
}

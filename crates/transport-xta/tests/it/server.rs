//! The server's operations, called as clients call them.

use std::fs;

use amtsbote_adapter::{Arrival, Outbound as _, Parcel, ParcelFile, Piece};
use amtsbote_model::Personal;
use bytes::Bytes;

use crate::stage::{AUTHOR, LIMIT, Stage, aside};

pub(crate) const PLAIN: &str = "application/soap+xml; charset=utf-8";
const RELATED: &str = "multipart/related; type=\"application/xop+xml\"; boundary=\"b\"; start=\"<root>\"; start-info=\"application/soap+xml\"";
pub(crate) const BOX_ID: &str = "urn:uuid:f39ab143-d91a-474a-b69f-b00f1a1873c2";

fn soap(action: &str, header: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header><Action xmlns=\"http://www.w3.org/2005/08/addressing\">{action}</Action>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn author(id: &str) -> String {
    format!(
        "<o:Author xmlns:o=\"http://www.osci.eu/ws/2014/10/transport\"><o:Identifier type=\"xoev\">{id}</o:Identifier></o:Author>"
    )
}

fn xta(name: &str) -> String {
    format!("http://www.xta.de/XTA/{name}")
}

fn msg_box(name: &str) -> String {
    format!("http://www.osci.eu/ws/2008/05/transport/urn/messageTypes/{name}")
}

fn message_id(id: &str) -> String {
    format!("<MessageID xmlns=\"http://www.w3.org/2005/08/addressing\">{id}</MessageID>")
}

/// Calls an operation as text; status and body.
fn call(stage: &Stage, port: &str, xml: &str) -> (u16, String) {
    let (status, _, body) = stage.post(port, "known", PLAIN, xml);
    (status, String::from_utf8(body).unwrap())
}

fn status_list(stage: &Stage, who: &str, max: &str) -> String {
    let body = format!(
        "<t:MsgBoxStatusListRequest xmlns:t=\"http://www.osci.eu/ws/2008/05/transport\" ListForm=\"MessageMetaData\" maxListItems=\"{max}\"/>"
    );
    call(
        stage,
        "MsgBoxPort",
        &soap(&msg_box("MsgBoxStatusListRequest"), &author(who), &body),
    )
    .1
}

pub(crate) fn fetch_request(who: &str, id: &str) -> String {
    let body = format!(
        "<t:MsgBoxFetchRequest xmlns:t=\"http://www.osci.eu/ws/2008/05/transport\"><t:MsgSelector>{}</t:MsgSelector></t:MsgBoxFetchRequest>",
        message_id(id)
    );
    soap(&msg_box("MsgBoxFetchRequest"), &author(who), &body)
}

pub(crate) fn close_request(who: &str, id: &str) -> String {
    let body = format!(
        "<t:MsgBoxCloseRequest xmlns:t=\"http://www.osci.eu/ws/2008/05/transport\" MsgBoxRequestID=\"1\"><t:LastMsgReceived>{id}</t:LastMsgReceived></t:MsgBoxCloseRequest>"
    );
    soap(&msg_box("MsgBoxCloseRequest"), &author(who), &body)
}

fn close(stage: &Stage, who: &str, id: &str) -> (u16, String) {
    call(stage, "MsgBoxPort", &close_request(who, id))
}

fn report(stage: &Stage, who: &str, id: &str) -> (u16, String) {
    call(
        stage,
        "ManagementPort",
        &soap(&xta("GetTransportReport"), &author(who), &message_id(id)),
    )
}

/// A client takes everything that waits.
pub(crate) fn close_all(stage: &Stage) {
    let list = status_list(stage, "*", "1000");
    let (_, body) = list.split_once("<soap:Body>").unwrap();
    for part in body.split("urn:uuid:").skip(1) {
        assert_eq!(
            close(stage, "*", &format!("urn:uuid:{}", &part[..36])).0,
            200
        );
    }
}

pub(crate) fn waiting() -> Parcel {
    let file = |path: &str, text: &'static [u8]| ParcelFile {
        path: path.parse().unwrap(),
        media_type: "application/xml".to_owned(),
        pieces: vec![Piece::Bytes(Personal::new(Bytes::from_static(text)))],
    };
    Parcel {
        id: BOX_ID["urn:uuid:".len()..].parse().unwrap(),
        files: vec![
            file("antrag.xml", b"<a>|</a>"),
            file("plan.bin", b"\r\n--b\0\xff"),
            file("leer.txt", b""),
        ],
    }
}

pub(crate) fn put(stage: &Stage) {
    let parcel = waiting();
    let way = stage.box_way();
    let receipt = aside(async { way.deliver(&parcel, LIMIT).await }).unwrap();
    assert_eq!(
        (receipt.place.as_str(), receipt.arrival),
        (BOX_ID, Arrival::New)
    );
}

fn has_fault(answer: &(u16, String), name: &str) -> bool {
    answer.0 == 500 && answer.1.contains(&format!("<xta:{name}Exception "))
}

fn metadata(author: &str, id: &str) -> String {
    format!(
        "<o:MessageMetaData xmlns:o=\"http://www.osci.eu/ws/2014/10/transport\"><o:DeliveryAttributes/><o:Originators>{}</o:Originators><o:Destinations><o:Reader><o:Identifier type=\"xoev\">kop:06414000</o:Identifier></o:Reader></o:Destinations><o:MsgIdentification>{}</o:MsgIdentification><o:Qualifier><o:Service>urn:x:urkunden</o:Service><o:BusinessScenario><o:Undefined>X</o:Undefined></o:BusinessScenario><o:MessageType listURI=\"l\" listVersionID=\"1\" payloadSchema=\"p\"><code>C</code></o:MessageType></o:Qualifier></o:MessageMetaData>",
        self::author(author),
        message_id(id)
    )
}

fn container(contents: &str) -> String {
    format!(
        "<x:GenericContentContainer xmlns:x=\"http://xoev.de/transport/xta/211\"><x:ContentContainer>{contents}</x:ContentContainer></x:GenericContentContainer>"
    )
}

const INCLUDE: &str =
    "<i:Include xmlns:i=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:1@x\"/>";

fn related(xml: &str, rest: &str) -> String {
    format!("--b\r\nContent-ID: <root>\r\n\r\n{xml}\r\n{rest}--b--")
}

fn sending(contents: &str) -> String {
    soap(
        &xta("SendMessage"),
        &metadata(AUTHOR, "urn:x:1"),
        &container(contents),
    )
}

#[test]
fn a_message_waits_is_fetched_repeatedly_and_is_gone_after_close() {
    let stage = Stage::new();
    assert!(status_list(&stage, "*", "10").contains("<osci:ItemsPending>0<"));
    put(&stage);
    for who in ["*", AUTHOR] {
        assert!(status_list(&stage, who, "10").contains(BOX_ID), "{who}");
    }
    assert!(!status_list(&stage, "psw:06414999", "10").contains(BOX_ID));
    for _ in 0..2 {
        let (status, xml) = call(&stage, "MsgBoxPort", &fetch_request(AUTHOR, BOX_ID));
        assert_eq!(status, 200);
        for expected in [
            ">PGE+fDwvYT4=<",
            "filename=\"plan.bin\">DQotLWIA/w==<",
            "filename=\"leer.txt\"><",
            "InitialFetch>",
        ] {
            assert!(xml.contains(expected), "{expected} not in {xml}");
        }
    }
    assert!(report(&stage, AUTHOR, BOX_ID).1.contains("<xta:Status>0<"));
    assert_eq!(close(&stage, AUTHOR, BOX_ID).0, 200);
    assert_eq!(
        close(&stage, AUTHOR, BOX_ID).0,
        200,
        "closing again changes nothing"
    );
    let after = report(&stage, AUTHOR, BOX_ID).1;
    assert!(
        after.contains("<xta:Status>1<") && after.contains("Reception>"),
        "{after}"
    );
    assert!(has_fault(
        &call(&stage, "MsgBoxPort", &fetch_request(AUTHOR, BOX_ID)),
        "InvalidMessageID"
    ));
    assert!(!status_list(&stage, "*", "10").contains(BOX_ID));
    assert!(stage.visible("box").is_empty(), "no content is left");
}

#[test]
fn a_fetch_with_mtom_is_answered_with_mtom() {
    let stage = Stage::new();
    put(&stage);
    let (status, content_type, body) = stage.post(
        "MsgBoxPort",
        "known",
        RELATED,
        related(&fetch_request("*", BOX_ID), ""),
    );
    assert_eq!(status, 200);
    assert!(
        content_type
            .starts_with("multipart/related; type=\"application/xop+xml\"; boundary=\"uuid:"),
        "{content_type}"
    );
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("contentType=\"application/xml\" filename=\"antrag.xml\"><xop:Include"));
    assert!(
        body.windows(12)
            .any(|window| window == b"\r\n\r\n\r\n--b\0\xff\r"),
        "the attachment as it is"
    );
}

#[test]
fn strangers_and_foreign_identifiers_get_nothing() {
    let stage = Stage::new();
    put(&stage);
    let ask = |port: &str, who: &str, xml: &str| {
        let (status, _, body) = stage.post(port, who, PLAIN, xml);
        (status, String::from_utf8(body).unwrap())
    };
    let check = |id| soap(&xta("CheckAccountActive"), &author(id), "");
    assert_eq!(ask("ManagementPort", "known", &check(AUTHOR)).0, 200);
    assert!(has_fault(
        &ask("ManagementPort", "known", &check("psw:1")),
        "PermissionDenied"
    ));
    assert!(has_fault(
        &ask("ManagementPort", "stranger", &check(AUTHOR)),
        "PermissionDenied"
    ));
    assert!(has_fault(
        &ask("MsgBoxPort", "stranger", &fetch_request("*", BOX_ID)),
        "PermissionDenied"
    ));
    let foreign = "psw:06414999";
    assert!(has_fault(
        &ask("MsgBoxPort", "known", &fetch_request(foreign, BOX_ID)),
        "InvalidMessageID"
    ));
    assert!(has_fault(
        &close(&stage, foreign, BOX_ID),
        "InvalidMessageID"
    ));
    assert!(has_fault(
        &report(&stage, foreign, BOX_ID),
        "InvalidMessageID"
    ));
    assert!(has_fault(
        &report(&stage, "*", "urn:x:unknown"),
        "InvalidMessageID"
    ));
    let sent = soap(
        &xta("SendMessage"),
        &metadata("psw:1", "urn:x:1"),
        &container("<x:Message>QQ==</x:Message>"),
    );
    assert!(has_fault(
        &ask("SendXtaPort", "known", &sent),
        "PermissionDenied"
    ));
    assert_eq!(stage.messages("box").len(), 1);
    assert!(stage.messages("inbox").is_empty());
}

#[test]
fn ids_are_new_each_time_and_services_are_looked_up() {
    let stage = Stage::new();
    let id = |header: &str| {
        call(
            &stage,
            "ManagementPort",
            &soap(&xta("CreateMessageID"), header, ""),
        )
        .1
    };
    let (first, second) = (id(&author(AUTHOR)), id(""));
    assert!(first.contains("MessageID") && second.contains("urn:uuid:") && first != second);
    let asked = |service: &str| {
        format!(
            "<x:LookupServiceRequestList><x:LookupService><o:Reader xmlns:o=\"http://www.osci.eu/ws/2014/10/transport\"><o:Identifier type=\"xoev\">kop:06414000</o:Identifier></o:Reader><x:ServiceType>{service}</x:ServiceType></x:LookupService></x:LookupServiceRequestList>"
        )
    };
    let body = format!(
        "<x:LookupServiceRequest xmlns:x=\"http://xoev.de/transport/xta/211\">{}{}</x:LookupServiceRequest>",
        asked("urn:x:urkunden"),
        asked("urn:x:other")
    );
    for action in [xta("IsServiceAvailable"), "urn:unheard-of".to_owned()] {
        let (status, xml) = call(
            &stage,
            "ManagementPort",
            &soap(&action, &author("*"), &body),
        );
        let found = |service: &str, available: &str| {
            let reader = "kop:06414000</oscimeta:Identifier></oscimeta:Reader>";
            xml.contains(&format!("{reader}<xta:ServiceType>{service}</xta:ServiceType><xta:IsServiceAvailableValue><xta:ServiceIsAvailable>{available}<"))
        };
        assert!(
            status == 200 && found("urn:x:urkunden", "true") && found("urn:x:other", "false"),
            "{xml}"
        );
    }
}

#[test]
fn a_sent_message_is_kept_once_inline_or_in_parts_and_its_report_stays() {
    let stage = Stage::new();
    let xml = sending(&format!(
        "<x:Message contentType=\"text/xml\" filename=\"a.xml\">{INCLUDE}</x:Message>"
    ));
    let body = related(
        &xml,
        "--b\r\ncontent-id: <1@x>\r\n\r\n<a/>\r\n--b\r\ncontent-id: <unused>\r\n\r\nx\r\n",
    );
    for _ in 0..2 {
        assert_eq!(
            stage.post("SendXtaPort", "known", RELATED, body.clone()).0,
            200
        );
    }
    // The same content in the envelope is the same message.
    let inline =
        sending("<x:Message contentType=\"text/xml\" filename=\"a.xml\">PGEv\n Pg==</x:Message>");
    assert_eq!(call(&stage, "SendXtaPort", &inline).0, 200);
    let other = sending("<x:Message contentType=\"text/xml\" filename=\"a.xml\">QQ==</x:Message>");
    assert!(has_fault(
        &call(&stage, "SendXtaPort", &other),
        "ParameterIsNotValid"
    ));
    let messages = stage.messages("inbox");
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["a.xml"], b"<a/>");
    assert!(
        report(&stage, AUTHOR, "urn:x:1")
            .1
            .contains("<xta:Status>1<")
    );
    stage.take_answers();
    assert!(
        report(&stage, AUTHOR, "urn:x:1")
            .1
            .contains("<xta:Status>1<")
    );
    assert_eq!(call(&stage, "SendXtaPort", &inline).0, 200, "a late repeat");
    assert!(stage.messages("inbox").is_empty(), "has no second effect");
}

/// Each of these is refused with a fault, and leaves nothing.
fn refuses(cases: impl IntoIterator<Item = (&'static str, &'static str, String)>) {
    let stage = Stage::new();
    for (what, content_type, body) in cases {
        let (status, _, answer) = stage.post("SendXtaPort", "known", content_type, body);
        let answer = (status, String::from_utf8(answer).unwrap());
        assert!(
            has_fault(&answer, "ParameterIsNotValid"),
            "{what}: {answer:?}"
        );
    }
    assert!(stage.messages("inbox").is_empty());
    assert!(stage.visible("tmp").is_empty(), "nothing staged is left");
}

const PART: &str = "--b\r\ncontent-id: <1@x>\r\n\r\n1\r\n";

fn included() -> String {
    sending(&format!("<x:Message>{INCLUDE}</x:Message>"))
}

#[test]
fn a_body_that_is_no_multipart_message_is_refused_and_leaves_nothing() {
    let many = (0..301).fold(String::new(), |all, nr| {
        all + &format!("--b\r\ncontent-id: <{nr}>\r\n\r\n1\r\n")
    });
    let nested = "--b\r\nContent-Type: multipart/related; boundary=c\r\n\r\n--c\r\ncontent-id: <1@x>\r\n\r\n1\r\n--c--\r\n";
    let huge = format!("--b\r\ncontent-id: <1@x>{}\r\n\r\n1\r\n", " ".repeat(9_000));
    let roots = format!("{PART}--b\r\ncontent-id: <root>\r\n\r\n<a/>\r\n");
    let encoded = PART.replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    refuses([
        ("no part", RELATED, related(&included(), "")),
        ("part twice", RELATED, related(&included(), &PART.repeat(2))),
        ("two roots", RELATED, related(&included(), &roots)),
        ("no root", RELATED, format!("{PART}--b--")),
        (
            "truncated",
            RELATED,
            related(&included(), PART).replace("--b--", ""),
        ),
        (
            "other boundary",
            RELATED,
            related(&included(), PART).replace("--b", "--c"),
        ),
        ("huge header", RELATED, related(&included(), &huge)),
        ("many parts", RELATED, related(&included(), &many)),
        ("encoded", RELATED, related(&included(), &encoded)),
        ("nested", RELATED, related(&included(), nested)),
        (
            "large envelope",
            RELATED,
            related(&format!("<a>{}</a>", "x".repeat(300_000)), ""),
        ),
    ]);
}

#[test]
fn an_envelope_that_is_no_message_is_refused_and_leaves_nothing() {
    let message = "<x:Message>QQ==</x:Message>";
    let twice = sending(&format!(
        "<x:Message>{INCLUDE}</x:Message><x:Attachment>{INCLUDE}</x:Attachment>"
    ));
    let long = format!(
        "<x:Message filename=\"{}\">QQ==</x:Message>",
        "x".repeat(256)
    );
    let encrypted =
        "<x:GenericContentContainer xmlns:x=\"u\"><x:EncryptedData/></x:GenericContentContainer>";
    refuses([
        ("two includes of one part", RELATED, related(&twice, PART)),
        ("no message", RELATED, related(&sending(""), PART)),
        (
            "encrypted",
            PLAIN,
            soap(&xta("SendMessage"), &metadata(AUTHOR, "urn:x:1"), encrypted),
        ),
        ("no base64", PLAIN, sending("<x:Message>***</x:Message>")),
        (
            "no metadata",
            PLAIN,
            soap(&xta("SendMessage"), "", &container(message)),
        ),
        ("long name", PLAIN, sending(&long)),
        (
            "document type",
            PLAIN,
            format!("<!DOCTYPE x>{}", sending(message)),
        ),
        (
            "other charset",
            "application/soap+xml; charset=utf-16",
            sending(message),
        ),
        (
            "SOAP 1.1",
            "text/xml",
            sending(message).replace("2003/05/soap-envelope", "soap"),
        ),
        ("no XML", PLAIN, "x".to_owned()),
        ("nothing", PLAIN, String::new()),
    ]);
}

#[test]
fn a_byte_order_mark_and_a_declaration_are_fine() {
    let stage = Stage::new();
    let xml = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>{}",
        sending("<x:Message>QQ==</x:Message>")
    );
    assert_eq!(call(&stage, "SendXtaPort", &xml).0, 200);
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    let stage = Stage::new();
    let xml = sending(&format!("<x:Message>{INCLUDE}</x:Message>"));
    let body = related(
        &xml,
        &format!(
            "--b\r\ncontent-id: <1@x>\r\n\r\n{}\r\n",
            "x".repeat(61_000_000)
        ),
    );
    // Refused while it is still being sent: the client may see the answer or a closed connection.
    if let Some((status, _, answer)) = stage.try_post("SendXtaPort", "known", RELATED, body) {
        assert!(has_fault(
            &(status, String::from_utf8(answer).unwrap()),
            "ParameterIsNotValid"
        ));
    }
    assert!(stage.messages("inbox").is_empty());
}

#[test]
fn a_request_cut_anywhere_is_refused_or_not_heard() {
    let stage = Stage::new();
    let body = related(
        &sending(&format!("<x:Message>{INCLUDE}</x:Message>")),
        "--b\r\ncontent-id: <1@x>\r\n\r\n<a/>\r\n",
    );
    for end in (0..body.len())
        .step_by(97)
        .chain(body.len() - 12..body.len())
    {
        let (status, _, _) = stage.post("SendXtaPort", "known", RELATED, &body.as_bytes()[..end]);
        assert_eq!(status, 500, "{end}");
    }
    assert!(stage.messages("inbox").is_empty());
}

#[test]
fn other_paths_operations_and_methods_are_refused() {
    let stage = Stage::new();
    let check = soap(&xta("CheckAccountActive"), &author("*"), "");
    assert_eq!(
        stage.post("OtherPort", "known", PLAIN, check.clone()).0,
        404
    );
    assert!(has_fault(
        &call(&stage, "MsgBoxPort", &check),
        "ParameterIsNotValid"
    ));
    let unknown = soap(&xta("CancelMessage"), &author("*"), "<x/>");
    assert!(has_fault(
        &call(&stage, "ManagementPort", &unknown),
        "ParameterIsNotValid"
    ));
    assert!(has_fault(
        &call(&stage, "ManagementPort", &soap("", &author("*"), "")),
        "ParameterIsNotValid"
    ));
}

#[test]
fn a_list_says_how_many_more_there_are() {
    let stage = Stage::new();
    let way = stage.box_way();
    for nr in 0..5 {
        let file = ParcelFile {
            path: "a.xml".parse().unwrap(),
            media_type: String::new(),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::from_static(b"<a/>")))],
        };
        let id = format!("00000000-0000-4000-8000-{nr:012}").parse().unwrap();
        aside(async {
            way.deliver(
                &Parcel {
                    id,
                    files: vec![file],
                },
                LIMIT,
            )
            .await
        })
        .unwrap();
    }
    for (max, listed, pending) in [
        ("2", 2, 3),
        ("0", 1, 4),
        ("x", 5, 0),
        ("99999999999999999999", 5, 0),
    ] {
        let list = status_list(&stage, "*", max);
        assert_eq!(
            list.matches("<oscimeta:MessageMetaData").count(),
            listed,
            "{max}"
        );
        assert!(
            list.contains(&format!("<osci:ItemsPending>{pending}<")),
            "{max}"
        );
    }
    assert!(
        status_list(&stage, "*", "1").contains("000000000000<"),
        "oldest first"
    );
}

#[test]
fn files_of_the_box_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::new();
    put(&stage);
    let folder = stage.account().join("box").join(&stage.visible("box")[0]);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&stage.account().join("box")), 0o700);
    for name in ["0000", "0001", "record.json"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
}

#[test]
fn opening_the_account_sweeps_what_a_stop_left_and_nothing_else() {
    let stage = Stage::new();
    put(&stage);
    let key = stage.visible("box")[0].clone();
    let account = stage.account();
    // Stopped while writing; and stopped between report and removal.
    fs::create_dir(account.join("tmp/half")).unwrap();
    fs::write(account.join("tmp/half/0000"), "x").unwrap();
    fs::write(account.join("tmp/half.lock"), "").unwrap();
    let record = fs::read(account.join("box").join(&key).join("record.json")).unwrap();
    let swept = |path: &str| {
        amtsbote_transport_xta::Account::open(amtsbote_transport_xta::AccountSettings {
            name: "again",
            path: &account,
            certificates_sha256: &[],
            identifiers: &[],
            services: &[],
        })
        .unwrap();
        stage.visible(path)
    };
    assert!(swept("tmp").is_empty());
    assert_eq!(stage.visible("box").as_slice(), std::slice::from_ref(&key));
    fs::write(account.join("reports").join(format!("{key}.json")), record).unwrap();
    assert!(
        !status_list(&stage, "*", "10").contains(BOX_ID),
        "the report counts"
    );
    assert!(swept("box").is_empty());
}

fn put_as(stage: &Stage, nr: u8) -> String {
    let id = format!("f39ab143-d91a-474a-b69f-b00f1a18730{nr}");
    let parcel = Parcel {
        id: id.parse().unwrap(),
        files: vec![ParcelFile {
            path: "antrag.xml".parse().unwrap(),
            media_type: "application/xml".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::from(vec![b'0' + nr])))],
        }],
    };
    aside(async { stage.box_way().deliver(&parcel, LIMIT).await }).unwrap();
    format!("urn:uuid:{id}")
}

fn next(action: &str, request_id: &str) -> String {
    let body = format!(
        "<t:MsgBoxGetNextRequest xmlns:t=\"http://www.osci.eu/ws/2008/05/transport\" MsgBoxRequestID=\"{request_id}\"/>"
    );
    soap(&msg_box(action), "", &body)
}

fn request_id(xml: &str) -> String {
    let (_, behind) = xml.split_once("MsgBoxRequestID=\"").unwrap();
    behind.split_once('"').unwrap().0.to_owned()
}

#[test]
fn a_box_is_listed_piece_by_piece_and_a_repeat_gives_the_same_piece() {
    let stage = Stage::new();
    let ids: Vec<String> = (0..5).map(|nr| put_as(&stage, nr)).collect();
    let mut xml = status_list(&stage, "*", "2");
    let mut seen = Vec::new();
    for (pieces, pending) in [(0..2, 3), (2..4, 1), (4..5, 0), (5..5, 0)] {
        let listed: Vec<&String> = ids.iter().filter(|id| xml.contains(*id)).collect();
        assert_eq!(listed, ids[pieces].iter().collect::<Vec<_>>());
        assert!(
            xml.contains(&format!("<osci:ItemsPending>{pending}<")),
            "{xml}"
        );
        seen.extend(listed.into_iter().cloned());
        let ask = next("MsgBoxGetNextListRequest", &request_id(&xml));
        let first = call(&stage, "MsgBoxPort", &ask);
        let again = call(&stage, "MsgBoxPort", &ask);
        let body =
            |answer: &(u16, String)| answer.1.split_once("<soap:Body>").unwrap().1.to_owned();
        assert_eq!((first.0, body(&first)), (200, body(&again)));
        xml = first.1;
    }
    assert_eq!(seen, ids);
    let (status, xml) = call(&stage, "MsgBoxPort", &next("MsgBoxGetNextListRequest", "1"));
    assert!(
        status == 200 && xml.contains("reasons/RequestIdInvalid"),
        "{xml}"
    );
}

#[test]
fn messages_are_fetched_one_after_the_other_and_stay_until_they_are_closed() {
    let stage = Stage::new();
    let ids: Vec<String> = (0..3).map(|nr| put_as(&stage, nr)).collect();
    let all = "<t:MsgBoxFetchRequest xmlns:t=\"http://www.osci.eu/ws/2008/05/transport\"/>";
    let mut answer = call(
        &stage,
        "MsgBoxPort",
        &soap(&msg_box("MsgBoxFetchRequest"), "", all),
    );
    for (nr, id) in ids.iter().enumerate() {
        assert!(answer.0 == 200 && answer.1.contains(id), "{answer:?}");
        assert!(
            answer
                .1
                .contains(&format!("<osci:ItemsPending>{}<", 2 - nr))
        );
        answer = call(
            &stage,
            "MsgBoxPort",
            &next("MsgBoxGetNextMsgRequest", &request_id(&answer.1)),
        );
    }
    assert!(has_fault(&answer, "InvalidMessageID"));
    assert_eq!(stage.messages("box").len(), 3);
    // What nobody has fetched, and what came in a span.
    let list = |selector: &str| {
        let body = format!(
            "<t:MsgBoxStatusListRequest xmlns:t=\"http://www.osci.eu/ws/2008/05/transport\"><t:MsgSelector {selector}</t:MsgSelector></t:MsgBoxStatusListRequest>"
        );
        call(
            &stage,
            "MsgBoxPort",
            &soap(&msg_box("MsgBoxStatusListRequest"), "", &body),
        )
    };
    let new = put_as(&stage, 9);
    let xml = list("newEntry=\"true\">").1;
    assert!(
        xml.contains(&new) && ids.iter().all(|id| !xml.contains(id)),
        "{xml}"
    );
    for (span, count) in [
        (
            "><t:MsgBoxEntryTimeFrom>2027-01-01T00:00:00Z</t:MsgBoxEntryTimeFrom>",
            4,
        ),
        (
            "><t:MsgBoxEntryTimeTo>2027-01-01T00:00:00Z</t:MsgBoxEntryTimeTo>",
            0,
        ),
        ("><t:Extension/>", 0),
    ] {
        let (status, xml) = list(span);
        let found = xml.matches("<oscimeta:MessageMetaData").count();
        assert_eq!((status, found), (200, count), "{span}");
    }
    assert_eq!(
        list("><t:MsgBoxEntryTimeTo>gestern</t:MsgBoxEntryTimeTo>").0,
        500
    );
}

#[test]
fn answers_and_faults_are_addressed_where_the_request_was() {
    let stage = Stage::new();
    let action = xta("CreateMessageID");
    for (header, expected) in [("", true), (author("psw:1").as_str(), true)] {
        let asked = format!("{}{header}", message_id("urn:x:request"));
        let (_, xml) = call(&stage, "ManagementPort", &soap(&action, &asked, ""));
        let says = |text: &str| xml.contains(text) == expected;
        assert!(
            says(&format!(
                "Action xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">{action}<"
            )) && says(">urn:x:request</wsa:RelatesTo>"),
            "{xml}"
        );
    }
    // Known by its content type alone, as those stacks say it that do not address.
    let bare =
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body/></s:Envelope>";
    let content_type = format!("{PLAIN}; action=\"{action}\"");
    let (status, _, body) = stage.post("ManagementPort", "known", &content_type, bare);
    let xml = String::from_utf8(body).unwrap();
    assert!(
        status == 200 && xml.contains("urn:uuid:") && !xml.contains("RelatesTo"),
        "{xml}"
    );
}

#[test]
fn what_is_not_offered_is_refused_by_its_own_exception() {
    let stage = Stage::new();
    let message = container("<x:Message contentType=\"text/xml\">QQ==</x:Message>");
    let sync = soap(
        &xta("SendMessageSync"),
        &metadata(AUTHOR, "urn:x:1"),
        &message,
    );
    let refused = call(&stage, "SendXtaPort", &sync);
    assert!(
        has_fault(&refused, "SyncAsync") && refused.1.contains("<code>9080<"),
        "{refused:?}"
    );
    let cancel = |id: &str| {
        let xml = soap(&xta("CancelMessage"), &author(AUTHOR), &message_id(id));
        call(&stage, "ManagementPort", &xml)
    };
    assert!(has_fault(&cancel("urn:x:1"), "ParameterIsNotValid"));
    let later = metadata(AUTHOR, "urn:x:1").replace(
        "<o:DeliveryAttributes/>",
        "<o:DeliveryAttributes><o:NotBefore>2100-01-01T00:00:00</o:NotBefore></o:DeliveryAttributes>",
    );
    let refused = call(
        &stage,
        "SendXtaPort",
        &soap(&xta("SendMessage"), &later, &message),
    );
    assert!(refused.1.contains("<code>9022<"), "{refused:?}");
    let past = later.replace("2100-", "2020-");
    assert_eq!(
        call(
            &stage,
            "SendXtaPort",
            &soap(&xta("SendMessage"), &past, &message)
        )
        .0,
        200
    );
    let refused = cancel("urn:x:1");
    assert!(
        has_fault(&refused, "CancelDenied") && refused.1.contains("<code>9101<"),
        "{refused:?}"
    );
    assert_eq!(stage.messages("inbox").len(), 1);
}

//! The server's operations, called as clients call them.

use std::fs;

use amtsbote_adapter::{Arrival, Outbound as _, Parcel, ParcelFile, Piece};
use amtsbote_model::Personal;
use bytes::Bytes;

use crate::stage::{AUTHOR, LIMIT, Stage, aside};

const PLAIN: &str = "application/soap+xml; charset=utf-8";
const RELATED: &str = "multipart/related; type=\"application/xop+xml\"; boundary=\"b\"; start=\"<root>\"; start-info=\"application/soap+xml\"";
const BOX_ID: &str = "urn:uuid:f39ab143-d91a-474a-b69f-b00f1a1873c2";

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

fn fetch_request(who: &str, id: &str) -> String {
    let body = format!(
        "<t:MsgBoxFetchRequest xmlns:t=\"http://www.osci.eu/ws/2008/05/transport\"><t:MsgSelector>{}</t:MsgSelector></t:MsgBoxFetchRequest>",
        message_id(id)
    );
    soap(&msg_box("MsgBoxFetchRequest"), &author(who), &body)
}

fn close(stage: &Stage, who: &str, id: &str) -> (u16, String) {
    let body = format!(
        "<t:MsgBoxCloseRequest xmlns:t=\"http://www.osci.eu/ws/2008/05/transport\" MsgBoxRequestID=\"1\"><t:LastMsgReceived>{id}</t:LastMsgReceived></t:MsgBoxCloseRequest>"
    );
    call(
        stage,
        "MsgBoxPort",
        &soap(&msg_box("MsgBoxCloseRequest"), &author(who), &body),
    )
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
    for part in list.split("urn:uuid:").skip(1) {
        assert_eq!(
            close(stage, "*", &format!("urn:uuid:{}", &part[..36])).0,
            200
        );
    }
}

fn put(stage: &Stage) {
    let file = |path: &str, text: &'static [u8]| ParcelFile {
        path: path.parse().unwrap(),
        media_type: "application/xml".to_owned(),
        pieces: vec![Piece::Bytes(Personal::new(Bytes::from_static(text)))],
    };
    let parcel = Parcel {
        id: BOX_ID["urn:uuid:".len()..].parse().unwrap(),
        files: vec![
            file("antrag.xml", b"<a>|</a>"),
            file("plan.bin", b"\r\n--b\0\xff"),
            file("leer.txt", b""),
        ],
    };
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
    for (service, available) in [("urn:x:urkunden", "true"), ("urn:x:other", "false")] {
        let body = format!(
            "<x:LookupServiceRequest xmlns:x=\"http://xoev.de/transport/xta/211\"><x:LookupServiceRequestList><x:LookupService><x:ServiceType>{service}</x:ServiceType></x:LookupService></x:LookupServiceRequestList></x:LookupServiceRequest>"
        );
        let (status, xml) = call(
            &stage,
            "ManagementPort",
            &soap("urn:unheard-of", &author("*"), &body),
        );
        assert!(
            status == 200 && xml.contains(&format!("<xta:ServiceIsAvailable>{available}<")),
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

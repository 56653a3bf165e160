//! The laws of transports against a procedure that can refuse, be busy, forget and be cut off; and a real nginx.

#![expect(
    clippy::unwrap_used,
    reason = "tests; clippy spares only the functions marked so"
)]

mod answers;
mod called;
mod desk;
mod nginx;
mod peer;
mod proofs;
mod stale;
mod steps;
mod tls;

use std::net::TcpStream;
use std::time::Duration;

use amtsbote_adapter::laws::outbound::{Arrived, Bench, Trouble};
use amtsbote_adapter::{Arrival, Fault, Outbound, Parcel, ParcelFile, Piece, Receipt, laws};
use amtsbote_model::Personal;
use amtsbote_transport_http::{HttpOutbound, Settings};
use bytes::Bytes;

use nginx::Nginx;
use peer::{Cut, Mood, Peer, Wire, ids};

const LIMIT: Duration = Duration::from_mins(1);
const ID: &str = "f39ab143-d91a-474a-b69f-b00f1a1873c2";

/// A procedure behind a wire.
struct Rest {
    peer: Peer,
    wire: Wire,
    settings: &'static str,
}

impl Rest {
    fn start(settings: &'static str) -> Self {
        let peer = Peer::start();
        let address = peer.address;
        let wire = Wire::to(move || TcpStream::connect(address).unwrap());
        Self {
            peer,
            wire,
            settings,
        }
    }

    fn open_with(&self, more: &str) -> HttpOutbound {
        let text = format!("{}\n{more}", self.settings)
            .replace("BASE", &format!("http://{}", self.wire.address));
        let settings: Settings =
            toml::from_str(&format!("danger_plain_http = true\n{text}")).unwrap();
        HttpOutbound::open(settings).unwrap()
    }

    fn open(&self) -> HttpOutbound {
        self.open_with("")
    }
}

fn deliver(way: &HttpOutbound, parcel: &Parcel) -> Result<Receipt, Fault> {
    let mut outcome = None;
    laws::run(async { outcome = Some(way.deliver(parcel, LIMIT).await) });
    outcome.unwrap()
}

fn probe(way: &HttpOutbound) -> Result<(), Fault> {
    let mut outcome = None;
    laws::run(async { outcome = Some(way.probe(LIMIT).await) });
    outcome.unwrap()
}

impl Bench for Rest {
    fn way(&self) -> Box<dyn Outbound> {
        Box::new(self.open())
    }

    fn troubled(&self, trouble: Trouble) -> Option<Box<dyn Outbound>> {
        // Each trouble is a peer of its own, since a law may hold several ways at once.
        let troubled = Self::start(self.settings);
        match trouble {
            Trouble::Refusing => troubled.peer.facts().mood = Mood::Refusing,
            Trouble::Cut => troubled.wire.cut(Cut::Sent(150)),
            Trouble::Busy => {
                troubled.peer.facts().mood = Mood::Answering(503, &[("retry-after", "7")]);
            }
            Trouble::WrongPlace => troubled.peer.facts().mood = Mood::Answering(410, &[]),
            Trouble::NoRight => troubled.peer.facts().mood = Mood::Answering(403, &[]),
        }
        let way = troubled.open();
        Some(Box::new(Kept {
            way,
            _troubled: troubled,
        }))
    }

    fn arrived(&self) -> Vec<Arrived> {
        let facts = self.peer.facts();
        facts
            .parcels
            .iter()
            .map(|(_, files)| files.clone())
            .collect()
    }

    fn visible(&self) -> Vec<String> {
        let facts = self.peer.facts();
        facts.parcels.iter().map(|(id, _)| id.clone()).collect()
    }

    fn consume(&self) {
        self.peer.facts().parcels.clear();
    }

    fn recognise_nothing(&self) {
        if self.settings.contains("looked-up") {
            self.peer.facts().mood = Mood::Forgetful;
        }
    }

    fn is_at_rest(&self) -> bool {
        self.wire.is_at_rest()
    }
}

/// A way that keeps its peer alive.
struct Kept {
    way: HttpOutbound,
    _troubled: Rest,
}

impl Outbound for Kept {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        limit: Duration,
    ) -> amtsbote_adapter::Reply<'a, Result<Receipt, Fault>> {
        self.way.deliver(parcel, limit)
    }

    fn probe(&self, limit: Duration) -> amtsbote_adapter::Reply<'_, Result<(), Fault>> {
        self.way.probe(limit)
    }
}

const JSON: &str = "url = \"BASE/antraege\"\nbody.kind = \"json\"\nrepeats = \"recognised\"\nanswers.repeated = [200]\nfile_number.json = \"/vorgang/az\"";
const XML: &str = "method = \"PUT\"\nurl = \"BASE/antraege/{parcel}\"\nprobe_url = \"BASE/bereit\"\nbody.kind = \"xml\"\nrepeats = \"recognised\"\nanswers.repeated = [200]";
const MULTIPART: &str = "url = \"BASE/antraege\"\nbody = { kind = \"multipart\", id_part = \"id\" }\nrepeats = \"looked-up\"\nlookup.url = \"BASE/antraege/{parcel}\"\nanswers.repeated = [200]\nfile_number.json = \"/vorgang/az\"";
const FILE: &str = "url = \"BASE/antraege\"\nbody.kind = \"file\"\nrepeats = \"recognised\"\nanswers.repeated = [200]";

mod json_recognised {
    amtsbote_adapter::outbound_laws!(super::Rest::start(super::JSON));
}

mod xml_put {
    amtsbote_adapter::outbound_laws!(super::Rest::start(super::XML));
}

mod multipart_looked_up {
    amtsbote_adapter::outbound_laws!(super::Rest::start(super::MULTIPART));
}

fn parcel() -> Parcel {
    let file = |path: &str, text: &'static str| ParcelFile {
        path: path.parse().unwrap(),
        media_type: "text/plain".into(),
        pieces: vec![Piece::Bytes(Personal::new(Bytes::from_static(
            text.as_bytes(),
        )))],
    };
    Parcel {
        id: ID.parse().unwrap(),
        files: vec![file("antrag.json", "{}"), file("anlagen/01.txt", "eins")],
    }
}

fn one_file() -> Parcel {
    let mut parcel = parcel();
    parcel.files.truncate(1);
    parcel
}

/// Cuts at every 40th byte the client sends and at each answer, then delivers again.
fn one_effect_wherever_it_is_cut(rest: &Rest) {
    let sent: &dyn Fn(usize) -> Cut = &|nr| Cut::Sent(nr * 40);
    let mut cuts = 0;
    for cut in [sent, &Cut::Answer] {
        for nr in 0.. {
            rest.peer.forget();
            let way = rest.open();
            rest.wire.cut(cut(nr));
            let first = deliver(&way, &parcel());
            let was_cut = rest.wire.was_cut();
            rest.wire.cut(Cut::Never);
            assert!(
                matches!(first, Ok(_) | Err(Fault::Unavailable { .. })),
                "{:?}: {first:?}",
                cut(nr)
            );
            let again = deliver(&rest.open(), &parcel()).unwrap();
            let facts = rest.peer.facts();
            assert_eq!(ids(&facts.parcels).get(ID), Some(&1), "{:?}", cut(nr));
            assert!(
                first.is_err() || again.arrival == Arrival::Repeated,
                "{:?}",
                cut(nr)
            );
            if !was_cut {
                break;
            }
            cuts += 1;
        }
    }
    assert!(cuts > 10, "{cuts}");
}

#[test]
fn a_cut_anywhere_and_a_repeat_have_one_effect_where_ids_are_recognised() {
    one_effect_wherever_it_is_cut(&Rest::start(JSON));
    one_effect_wherever_it_is_cut(&Rest::start(XML));
}

#[test]
fn a_cut_anywhere_and_a_repeat_have_one_effect_where_only_a_look_up_tells() {
    let rest = Rest::start(MULTIPART);
    rest.peer.facts().mood = Mood::Forgetful;
    one_effect_wherever_it_is_cut(&rest);
}

#[test]
fn without_a_word_on_repeats_a_forgetful_procedure_gets_a_parcel_twice() {
    // Shows that the peer of the tests above would notice.
    let rest = Rest::start(JSON);
    rest.peer.facts().mood = Mood::Forgetful;
    for _ in 0..2 {
        deliver(&rest.open(), &parcel()).unwrap();
    }
    assert_eq!(ids(&rest.peer.facts().parcels).get(ID), Some(&2));
}

#[test]
fn the_file_number_comes_with_the_answer_and_again_with_the_repeat() {
    for settings in [JSON, MULTIPART] {
        let rest = Rest::start(settings);
        for arrival in [Arrival::New, Arrival::Repeated] {
            let receipt = deliver(&rest.open(), &parcel()).unwrap();
            assert_eq!(receipt.arrival, arrival);
            assert!(!format!("{receipt:?}").contains("63-f39a"));
            assert_eq!(receipt.file_number.unwrap().reveal(), "63-f39a");
        }
    }
}

#[test]
fn an_answer_that_is_too_long_is_not_read_and_the_parcel_is_accepted() {
    let rest = Rest::start(JSON);
    rest.peer.facts().mood = Mood::Talkative;
    let receipt = deliver(&rest.open(), &parcel()).unwrap();
    assert_eq!((receipt.arrival, receipt.file_number), (Arrival::New, None));
}

#[test]
fn each_call_carries_the_parcels_id_and_the_settings_headers() {
    let rest = Rest::start(FILE);
    let way = rest.open_with("headers = { X-Mandant = \"064\" }");
    deliver(&way, &one_file()).unwrap();
    let facts = rest.peer.facts();
    let header = |name: &str| facts.headers.get(name).unwrap().to_str().unwrap();
    assert_eq!(header("idempotency-key"), ID);
    assert_eq!(header("x-mandant"), "064");
    assert_eq!(header("content-type"), "text/plain");
    assert_eq!(header("content-length"), "2");
    assert!(header("user-agent").starts_with("amtsbote/"));
}

#[test]
fn redirects_are_not_followed_and_pages_refuse_nothing() {
    let rest = Rest::start(JSON);
    for mood in [
        Mood::Answering(307, &[("location", "http://127.0.0.1:1/")]),
        Mood::Answering(400, &[("content-type", "text/html")]),
        Mood::Answering(413, &[("content-type", "text/html")]),
    ] {
        rest.peer.facts().mood = mood;
        let outcome = deliver(&rest.open(), &parcel());
        assert!(
            matches!(outcome, Err(Fault::Misconfigured { .. })),
            "{mood:?}: {outcome:?}"
        );
    }
}

#[test]
fn a_refusal_tells_places_and_rules_of_the_procedures_problem() {
    let rest = Rest::start(JSON);
    rest.peer.facts().mood = Mood::Refusing;
    let Err(Fault::Rejected { findings }) = deliver(&rest.open(), &parcel()) else {
        panic!("not refused")
    };
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (&*findings[0].at, &*findings[0].rule),
        ("/files/0", "unlesbar")
    );
}

#[test]
fn a_token_is_fetched_once_and_again_when_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "geheim\n").unwrap();
    for client_auth in ["basic", "body"] {
        let rest = Rest::start(JSON);
        rest.peer.facts().token = Some("nobody-has-it".to_owned());
        let way = rest.open_with(&format!(
            "auth = {{ kind = \"oauth2\", token_url = \"BASE/token\", client_id = \"amtsbote\", client_secret_file = '{}', client_auth = \"{client_auth}\" }}",
            secret.display()
        ));
        let mut given = Vec::new();
        for nr in 1..=4_u128 {
            let mut parcel = parcel();
            parcel.id = amtsbote_model::ParcelId::from_uuid(uuid::Uuid::from_u128(nr));
            if nr == 3 {
                rest.peer.facts().token = Some("revoked".to_owned());
            }
            deliver(&way, &parcel).unwrap();
            given.push(rest.peer.facts().tokens_given);
        }
        assert_eq!(given, [1, 1, 2, 2], "{client_auth}");
        assert_eq!(rest.peer.facts().parcels.len(), 4);
        std::fs::write(&secret, "falsch\n").unwrap();
        rest.peer.facts().token = Some("revoked".to_owned());
        let outcome = deliver(&way, &parcel());
        assert!(
            matches!(&outcome, Err(Fault::Misconfigured { .. })),
            "{outcome:?}"
        );
        assert!(!format!("{outcome:?}").contains("falsch"));
        std::fs::write(&secret, "geheim\n").unwrap();
    }
}

#[test]
fn a_token_is_fetched_also_when_the_connection_of_the_refusal_is_closed_on_its_next_use() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "geheim\n").unwrap();
    let (address, closed) = stale::start();
    let text = format!(
        "danger_plain_http = true\n{}\nauth = {{ kind = \"oauth2\", token_url = \"BASE/token\", client_id = \"amtsbote\", client_secret_file = '{}' }}",
        JSON,
        secret.display()
    );
    let text = text.replace("BASE", &format!("http://{address}"));
    let way = HttpOutbound::open(toml::from_str(&text).unwrap()).unwrap();
    let receipt = deliver(&way, &parcel());
    // Refused with the first token, its connection kept; the second token was asked for over it.
    assert_eq!(*closed.lock().unwrap(), ["POST /token HTTP/1.1"]);
    assert_eq!(receipt.unwrap().arrival, Arrival::New);
}

#[test]
fn a_bearer_token_is_read_anew_for_each_call() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let rest = Rest::start(JSON);
    let way = rest.open_with(&format!(
        "auth = {{ kind = \"bearer\", token_file = '{}' }}",
        file.display()
    ));
    assert!(matches!(
        deliver(&way, &parcel()),
        Err(Fault::Misconfigured { .. })
    ));
    rest.peer.facts().token = Some("neu".to_owned());
    std::fs::write(&file, "alt\n").unwrap();
    assert!(matches!(
        deliver(&way, &parcel()),
        Err(Fault::Misconfigured { .. })
    ));
    std::fs::write(&file, "neu\n").unwrap();
    assert_eq!(deliver(&way, &parcel()).unwrap().arrival, Arrival::New);
}

#[test]
fn addresses_inside_a_house_are_called_only_if_the_settings_allow_their_network() {
    let settings =
        "url = \"https://127.0.0.1:9/a\"\nbody.kind = \"json\"\nrepeats = \"recognised\"";
    let open = |more: &str| {
        HttpOutbound::open(toml::from_str(&format!("{settings}\n{more}")).unwrap()).unwrap()
    };
    let refused = deliver(&open(""), &parcel());
    assert!(
        matches!(refused, Err(Fault::Misconfigured { .. })),
        "{refused:?}"
    );
    let allowed = deliver(&open("allow_networks = [\"127.0.0.0/8\"]"), &parcel());
    assert!(
        matches!(allowed, Err(Fault::Unavailable { .. })),
        "{allowed:?}"
    );
}

/// The way to the nginx, with these settings besides.
fn dav(nginx: &Nginx, more: &str) -> HttpOutbound {
    let text = format!(
        "method = \"PUT\"\nurl = \"BASE/eingang/{{parcel}}.json\"\nbody.kind = \"json\"\nrepeats = \"looked-up\"\nlookup.url = \"BASE/eingang/{{parcel}}.json\"\nallow_networks = [\"127.0.0.0/8\"]\nca_file = \"DIR/ca.pem\"\n{more}"
    )
    .replace("BASE", &format!("https://{}", nginx.wire.address))
    .replace("DIR", &nginx.dir.path().display().to_string());
    HttpOutbound::open(toml::from_str(&text).unwrap()).unwrap()
}

const CERTIFICATE: &str =
    "client_certificate_file = \"DIR/client.pem\"\nclient_key_file = \"DIR/client.key\"\n";
const BASIC: &str =
    "auth = { kind = \"basic\", user = \"amtsbote\", password_file = \"DIR/password\" }\n";

#[test]
fn a_real_web_server_takes_a_parcel_once_over_tls_with_certificate_and_password() {
    let Some(nginx) = Nginx::start() else { return };
    let way = dav(&nginx, &format!("{CERTIFICATE}{BASIC}"));
    let mut large = parcel();
    let source = laws::sources::Scripted::new(5_000_000, 100_000, laws::sources::Script::Whole);
    large.files[1].pieces = vec![Piece::Attachment(source)];
    assert_eq!(probe(&way), Ok(()));
    assert_eq!(deliver(&way, &large).unwrap().arrival, Arrival::New);
    let file = nginx.dir.path().join(format!("www/eingang/{ID}.json"));
    let put = std::fs::metadata(&file).unwrap();
    assert!(put.len() > 6_600_000);
    assert_eq!(deliver(&way, &large).unwrap().arrival, Arrival::Repeated);
    assert_eq!(
        std::fs::metadata(&file).unwrap().modified().unwrap(),
        put.modified().unwrap()
    );
}

#[test]
fn a_real_web_server_that_does_not_know_us_is_a_fault_of_the_settings() {
    let Some(nginx) = Nginx::start() else { return };
    let wrong = BASIC.replace("password\"", "wrong\"");
    for more in [
        // Without a certificate nginx says 400, with a page for people.
        BASIC.to_owned(),
        CERTIFICATE.to_owned(),
        format!("{CERTIFICATE}{wrong}"),
    ] {
        let way = dav(&nginx, &more);
        let outcome = deliver(&way, &parcel());
        assert!(
            matches!(outcome, Err(Fault::Misconfigured { .. })),
            "{more}: {outcome:?}"
        );
        laws::is_told_in_two_languages(&outcome.unwrap_err());
        assert!(
            matches!(probe(&way), Err(Fault::Misconfigured { .. })),
            "{more}"
        );
    }
    // A server whose authority nobody trusts.
    let stranger = dav(&nginx, &format!("{CERTIFICATE}{BASIC}"));
    assert_eq!(probe(&stranger), Ok(()));
    let text = format!(
        "url = \"https://{}/eingang/\"\nbody.kind = \"json\"\nrepeats = \"recognised\"\nallow_networks = [\"127.0.0.0/8\"]",
        nginx.wire.address
    );
    let way = HttpOutbound::open(toml::from_str(&text).unwrap()).unwrap();
    let outcome = deliver(&way, &parcel());
    assert!(
        matches!(outcome, Err(Fault::Misconfigured { .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_cut_on_the_way_to_a_real_web_server_leaves_nothing_half() {
    let Some(nginx) = Nginx::start() else { return };
    let settings = format!("{CERTIFICATE}{BASIC}");
    let mut large = parcel();
    let source = laws::sources::Scripted::new(300_000, 100_000, laws::sources::Script::Whole);
    large.files[1].pieces = vec![Piece::Attachment(source)];
    let folder = nginx.dir.path().join("www/eingang");
    for at in [500, 5_000, 100_000, 200_000] {
        nginx.wire.cut(Cut::Sent(at));
        let outcome = deliver(&dav(&nginx, &settings), &large);
        assert!(
            matches!(outcome, Err(Fault::Unavailable { .. })),
            "{at}: {outcome:?}"
        );
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "{at}");
    }
    nginx.wire.cut(Cut::Never);
    let way = dav(&nginx, &settings);
    assert_eq!(deliver(&way, &large).unwrap().arrival, Arrival::New);
}

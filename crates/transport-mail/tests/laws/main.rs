//! The laws of transports against a real mail server, mails opened by OpenSSL's own command.

#![expect(
    clippy::unwrap_used,
    reason = "tests; clippy spares only the functions marked so"
)]

mod server;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::laws::outbound::{Arrived, Bench, Repeats, Trouble};
use amtsbote_adapter::{Arrival, Fault, Outbound, Parcel, ParcelFile, Piece, Receipt, Reply, laws};
use amtsbote_model::{Clock, Personal, Timestamp};
use amtsbote_transport_mail::{MailOutbound, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use server::{Mailbox, Server};

const LIMIT: Duration = Duration::from_mins(2);
const ID: &str = "f39ab143-d91a-474a-b69f-b00f1a1873c2";

/// A clock that stands.
struct At(i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0)
    }
}

/// A mailbox with its server.
struct Post {
    mailbox: Mailbox,
    server: Server,
    now: i64,
}

impl Post {
    fn start() -> Option<Self> {
        let mailbox = Mailbox::new()?;
        let server = mailbox.serve("good");
        // Certificates made just now are valid now: by the time of their file.
        let made = fs::metadata(mailbox.dir.path().join("second.pem")).unwrap();
        let made = std::os::unix::fs::MetadataExt::mtime(&made);
        Some(Self {
            mailbox,
            server,
            now: made + 60,
        })
    }

    fn settings(&self, port: u16, more: &str) -> Settings {
        let dir = self.mailbox.dir.path().display();
        let certificates = if more.contains("certificate_files") {
            String::new()
        } else {
            format!("certificate_files = [\"{dir}/owner.pem\", \"{dir}/second.pem\"]")
        };
        let more = more.replace("DIR", &dir.to_string());
        toml::from_str(&format!(
            "host = \"127.0.0.1\"\nport = {port}\ntls = \"danger-none\"\nfrom = \"amtsbote@stadt.example\"\nto = [\"eingang@stadt.example\"]\n\
             ledger_dir = \"{dir}/ledger\"\nmax_bytes = 200_000_000\n{certificates}\n{more}"
        ))
        .unwrap()
    }

    fn open_at(&self, port: u16, more: &str) -> MailOutbound {
        MailOutbound::open(self.settings(port, more), Arc::new(At(self.now))).unwrap()
    }

    fn open(&self) -> MailOutbound {
        self.open_at(self.server.port, "")
    }

    fn count(&self) -> usize {
        self.mailbox.mails().len()
    }
}

fn deliver(way: &MailOutbound, parcel: &Parcel) -> Result<Receipt, Fault> {
    let mut outcome = None;
    laws::run(async { outcome = Some(way.deliver(parcel, LIMIT).await) });
    outcome.unwrap()
}

/// The files of an inner mail, by number: their names are tested elsewhere.
fn files(inner: &str) -> Arrived {
    let parts = inner.split("--=_amtsbote\r\n").skip(1);
    let read = |(nr, part): (usize, &str)| {
        let body = part.split_once("\r\n\r\n").unwrap().1;
        let body = body.split("--=_amtsbote--").next().unwrap();
        let text: String = body.split_whitespace().collect();
        (nr.to_string(), STANDARD.decode(text).unwrap())
    };
    parts.enumerate().map(read).collect()
}

/// A way that keeps its server alive.
struct Kept {
    way: MailOutbound,
    _server: Option<Server>,
}

impl Outbound for Kept {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>> {
        self.way.deliver(parcel, limit)
    }

    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        self.way.probe(limit)
    }
}

impl Bench for Post {
    fn way(&self) -> Box<dyn Outbound> {
        Box::new(self.open())
    }

    fn troubled(&self, trouble: Trouble) -> Option<Box<dyn Outbound>> {
        let (server, port) = match trouble {
            // What a mail server refuses may be a filter's doing, and it names no time.
            Trouble::Refusing | Trouble::Busy => return None,
            Trouble::Cut => (None, cut_wire(self.server.port, Cut::Sent(60)).0),
            Trouble::WrongPlace => {
                let server = self.mailbox.serve("unknown");
                let port = server.port;
                (Some(server), port)
            }
            Trouble::NoRight => {
                let server = self.mailbox.serve("stranger");
                let port = server.port;
                (Some(server), port)
            }
        };
        let login = "user = \"amtsbote\"\npassword_file = \"DIR/password\"";
        let more = if trouble == Trouble::NoRight {
            login
        } else {
            ""
        };
        Some(Box::new(Kept {
            way: self.open_at(port, more),
            _server: server,
        }))
    }

    fn arrived(&self) -> Vec<Arrived> {
        let mails = self.mailbox.mails();
        mails
            .iter()
            .map(|mail| files(&self.mailbox.opened(mail, "owner")))
            .collect()
    }

    fn visible(&self) -> Vec<String> {
        let mails = self.mailbox.mails();
        mails
            .iter()
            .map(|mail| mail.display().to_string())
            .collect()
    }

    fn consume(&self) {
        for mail in self.mailbox.mails() {
            fs::remove_file(mail).unwrap();
        }
    }

    fn repeats(&self) -> Repeats {
        Repeats::OncePerDeath
    }

    /// What was sent before is worked on before what is asked now: the server has one thread.
    fn is_at_rest(&self) -> bool {
        let mut wire = TcpStream::connect(("127.0.0.1", self.server.port)).unwrap();
        let mut lines = BufReader::new(wire.try_clone().unwrap()).lines();
        lines.next().unwrap().unwrap();
        for _ in 0..10 {
            wire.write_all(b"NOOP\r\n").unwrap();
            lines.next().unwrap().unwrap();
        }
        true
    }
}

/// A mailbox, or the end of the test.
macro_rules! start {
    () => {
        match crate::Post::start() {
            Some(post) => post,
            None => return,
        }
    };
}

mod mail {
    amtsbote_adapter::outbound_laws!(start!());
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
        files: vec![
            file("antrag.json", "{\"name\":\"Mustermann\"}"),
            file("anlagen/01 Übersicht.txt", "eins"),
        ],
    }
}

#[test]
fn each_recipient_opens_the_mail_with_openssl_and_nobody_reads_it_on_the_way() {
    let post = start!();
    for (nr, (cipher, kind)) in [
        ("aes256-gcm", "authEnveloped-data"),
        ("aes256-cbc", "enveloped-data"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut parcel = parcel();
        parcel.id = format!("f39ab143-d91a-474a-b69f-b00f1a1873c{nr}")
            .parse()
            .unwrap();
        let way = post.open_at(post.server.port, &format!("cipher = \"{cipher}\""));
        deliver(&way, &parcel).unwrap();
        let mail = post.mailbox.mails().pop().unwrap();
        let outer = fs::read_to_string(&mail).unwrap();
        assert!(outer.contains(&format!("smime-type={kind};")), "{cipher}");
        assert!(
            !outer.contains("Mustermann")
                && !outer.contains("Muster")
                && !outer.contains("bersicht")
        );
        assert!(!outer.contains(&STANDARD.encode("{\"name\":\"Mustermann")[..12]));
        for owner in ["owner", "second"] {
            let inner = post.mailbox.opened(&mail, owner);
            let files = files(&inner);
            assert_eq!(files["0"], b"{\"name\":\"Mustermann\"}");
            assert_eq!(files["1"], b"eins");
            assert!(inner.contains("filename*0*=UTF-8''anlagen_01%20%C3%9Cbersicht.txt"));
        }
    }
}

#[test]
fn the_outer_headers_tell_the_parcels_id_and_nothing_else_of_it() {
    let post = start!();
    deliver(&post.open(), &parcel()).unwrap();
    let outer = fs::read_to_string(&post.mailbox.mails()[0]).unwrap();
    let head = outer.split_once("\r\n\r\n").unwrap().0;
    assert!(head.contains("\r\nSubject: Antrag f39ab143-d91a-474a-b69f-b00f1a1873c2\r\n"));
    assert!(
        head.contains("\r\nMessage-ID: <f39ab143-d91a-474a-b69f-b00f1a1873c2@stadt.example>\r\n")
    );
    assert!(head.contains("\r\nDate: "));
    assert!(outer.lines().all(|line| line.len() <= 100));
}

/// Where the wire to the mail server is cut.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// After that many bytes from the client.
    Sent(usize),
    /// The n-th thing the server says is lost.
    Answer(usize),
}

/// A wire for one connection. The second value tells, when asked, whether it was cut.
fn cut_wire(port: u16, cut: Cut) -> (u16, std::thread::JoinHandle<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let client = listener.accept().unwrap().0;
        let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let up = std::thread::spawn({
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            move || {
                let mut left = match cut {
                    Cut::Sent(bytes) => bytes,
                    Cut::Answer(_) => usize::MAX,
                };
                let mut buffer = vec![0; 65_536];
                while let Ok(length @ 1..) = from.read(&mut buffer) {
                    let passed = length.min(left);
                    left -= passed;
                    let written = to.write_all(&buffer[..passed]);
                    if passed < length || written.is_err() {
                        let _ = from.shutdown(Shutdown::Both);
                        let _ = to.shutdown(Shutdown::Both);
                        return passed < length;
                    }
                }
                let _ = to.shutdown(Shutdown::Write);
                false
            }
        });
        let (from, mut to) = (server, client);
        let mut lines = BufReader::new(&from);
        let mut lost = false;
        let mut number = 0;
        // One answer may come in several reads: it ends with the line whose code is not followed by a hyphen (RFC 5321 §4.2).
        loop {
            let mut line = Vec::new();
            if !matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
                break;
            }
            if matches!(cut, Cut::Answer(at) if at == number) {
                lost = true;
                break;
            }
            if to.write_all(&line).is_err() {
                break;
            }
            if line.get(3) != Some(&b'-') {
                number += 1;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
        up.join().unwrap() || lost
    });
    (here, thread)
}

/// A program that another test starts at this moment holds a copy of our lock until it has begun.
fn deliver_when_free(outbound: &MailOutbound) -> Receipt {
    for _ in 0..1000 {
        match deliver(outbound, &parcel()) {
            Err(Fault::Unavailable { reason, .. }) if reason.en.contains("under way") => {
                std::thread::yield_now();
            }
            delivered => return delivered.unwrap(),
        }
    }
    panic!("the lock is never free");
}

#[test]
fn a_cut_anywhere_brings_the_mail_at_least_once_under_one_message_id_and_never_after_it_was_noted()
{
    let post = start!();
    let (mut cuts, mut twice) = (0, 0);
    let sent: &dyn Fn(usize) -> Cut = &|nr| Cut::Sent(nr * 150);
    for make in [sent, &Cut::Answer] {
        for nr in 0.. {
            post.consume();
            let _ = fs::remove_dir_all(post.mailbox.dir.path().join("ledger"));
            let cut = make(nr);
            let (port, wire) = cut_wire(post.server.port, cut);
            let first = deliver(&post.open_at(port, ""), &parcel());
            let was_cut = wire.join().unwrap();
            assert!(
                matches!(first, Ok(_) | Err(Fault::Unavailable { .. })),
                "{cut:?}: {first:?}"
            );
            let again = deliver_when_free(&post.open());
            assert!(
                first.is_err() || again.arrival == Arrival::Repeated,
                "{cut:?}"
            );
            let mails = post.mailbox.mails();
            // Twice only if the server's word for the mail itself was lost.
            assert!(matches!(mails.len(), 1 | 2), "{cut:?}");
            twice += mails.len() - 1;
            for mail in mails {
                let outer = fs::read_to_string(mail).unwrap();
                assert!(outer.contains(&format!("Message-ID: <{ID}@stadt.example>")));
            }
            post.consume();
            let third = deliver_when_free(&post.open());
            assert_eq!((third.arrival, post.count()), (Arrival::Repeated, 0));
            if !was_cut {
                break;
            }
            cuts += 1;
        }
    }
    assert!(cuts > 10, "{cuts}");
    assert_eq!(twice, 1, "the one window, and no other");
}

#[test]
fn a_login_is_made_with_the_password_of_the_file() {
    let post = start!();
    let server = post.mailbox.serve("login");
    let login = "user = \"amtsbote\"\npassword_file = \"DIR/password\"";
    let way = post.open_at(server.port, login);
    assert_eq!(deliver(&way, &parcel()).unwrap().arrival, Arrival::New);
    let mut other = parcel();
    other.id = "f39ab143-d91a-474a-b69f-b00f1a1873c9".parse().unwrap();
    fs::write(post.mailbox.dir.path().join("password"), "falsch\n").unwrap();
    let outcome = deliver(&way, &other);
    assert!(
        matches!(&outcome, Err(Fault::Misconfigured { .. })),
        "{outcome:?}"
    );
    assert!(!format!("{outcome:?}").contains("falsch"));
    laws::is_told_in_two_languages(&outcome.unwrap_err());
}

#[test]
fn a_server_that_says_later_is_unavailable() {
    let post = start!();
    let server = post.mailbox.serve("later");
    let outcome = deliver(&post.open_at(server.port, ""), &parcel());
    assert!(
        matches!(outcome, Err(Fault::Unavailable { .. })),
        "{outcome:?}"
    );
    laws::is_told_in_two_languages(&outcome.unwrap_err());
    assert_eq!(post.count(), 0);
}

#[test]
fn a_server_without_tls_gets_nothing_where_tls_is_demanded() {
    let post = start!();
    let port = post.server.port;
    let mut settings = post.settings(port, "");
    settings.tls = amtsbote_transport_mail::Tls::Starttls;
    let way = MailOutbound::open(settings, Arc::new(At(post.now))).unwrap();
    let outcome = deliver(&way, &parcel());
    assert!(
        matches!(outcome, Err(Fault::Misconfigured { .. })),
        "{outcome:?}"
    );
    assert_eq!(post.count(), 0);
}

#[test]
fn certificates_that_are_short_unreadable_or_out_of_date_are_refused() {
    let post = start!();
    for file in ["short.pem", "owner.key", "not-there"] {
        let settings = post.settings(1, &format!("certificate_files = [\"DIR/{file}\"]"));
        let opened = MailOutbound::open(settings, Arc::new(At(post.now)));
        assert!(matches!(opened, Err(Fault::Misconfigured { .. })), "{file}");
        laws::is_told_in_two_languages(&opened.err().unwrap());
    }
    let settings = post.settings(post.server.port, "");
    let later = Arc::new(At(post.now + 3 * 86_400));
    assert!(matches!(
        MailOutbound::open(settings, later),
        Err(Fault::Misconfigured { .. })
    ));
}

#[test]
fn a_parcel_that_is_too_long_is_not_sent() {
    let post = start!();
    let mut settings = post.settings(post.server.port, "");
    settings.max_bytes = 3_000;
    let way = MailOutbound::open(settings, Arc::new(At(post.now))).unwrap();
    assert_eq!(deliver(&way, &parcel()).unwrap().arrival, Arrival::New);
    let mut long = parcel();
    long.id = "f39ab143-d91a-474a-b69f-b00f1a1873c9".parse().unwrap();
    let source = laws::sources::Scripted::new(10_000, 1_000, laws::sources::Script::Whole);
    long.files[1].pieces = vec![Piece::Attachment(source)];
    let outcome = deliver(&way, &long);
    assert!(
        matches!(outcome, Err(Fault::Misconfigured { .. })),
        "{outcome:?}"
    );
    assert_eq!(post.count(), 1);
}

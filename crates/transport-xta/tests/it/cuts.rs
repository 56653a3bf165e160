//! The wire is cut at each step, both ways: what is tried again has one effect.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use amtsbote_adapter::{Arrival, Fault, Outbound as _, Parcel, ParcelFile, Piece};
use amtsbote_model::Personal;
use bytes::Bytes;

use crate::server::{BOX_ID, PLAIN, close_request, fetch_request, put};
use crate::stage::{AUTHOR, LIMIT, Stage, aside};

/// After how many bytes, counted over all connections of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// From the client: a request is not there, in part, or whole but unanswered.
    Sent(usize),
    /// From the server: an answer is lost, in part or whole.
    Heard(usize),
}

/// A wire to `port`. After the cut nothing passes any more, on no connection.
struct Wire {
    port: u16,
    was_cut: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
}

impl Wire {
    fn new(to: u16, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let was_cut = Arc::new(AtomicBool::new(false));
        let stopping = Arc::new(AtomicBool::new(false));
        let (sent, heard) = match cut {
            Cut::Sent(bytes) => (bytes, usize::MAX),
            Cut::Heard(bytes) => (usize::MAX, bytes),
        };
        let budgets = [
            Arc::new(AtomicUsize::new(sent)),
            Arc::new(AtomicUsize::new(heard)),
        ];
        std::thread::spawn({
            let (was_cut, stopping) = (was_cut.clone(), stopping.clone());
            move || {
                for client in listener.incoming() {
                    let Ok(client) = client else { return };
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
                    let ends = [(&client, &server), (&server, &client)];
                    for ((from, to), left) in ends.into_iter().zip(&budgets) {
                        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                        let (left, was_cut) = (left.clone(), was_cut.clone());
                        std::thread::spawn(move || pass(from, to, &left, &was_cut));
                    }
                }
            }
        });
        Self {
            port,
            was_cut,
            stopping,
        }
    }

    fn base(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    fn was_cut(&self) -> bool {
        self.was_cut.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, left: &AtomicUsize, was_cut: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let allowed = left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                Some(left.saturating_sub(length))
            })
            .unwrap_or(0);
        let passed = length.min(allowed);
        if passed < length {
            was_cut.store(true, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..passed]).is_err() || passed < length {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Tries with cuts further and further on, until one comes to its end. Tells how many were cut.
fn each_cut(
    of: fn(usize) -> Cut,
    step: usize,
    mut attempt: impl FnMut(usize, Cut) -> bool,
) -> usize {
    for nr in 0..400 {
        if !attempt(nr, of(nr * step)) {
            return nr;
        }
    }
    panic!("it is cut wherever");
}

#[test]
fn a_parcel_arrives_once_wherever_the_wire_to_the_server_is_cut() {
    let stage = Stage::new();
    let straight = stage.client(&stage.base(), "known");
    let mut serial = 0;
    let mut attempt = |cut: Cut| {
        serial += 1;
        let content = ParcelFile {
            path: "antrag.xml".parse().unwrap(),
            media_type: "application/xml".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::from_static(b"<a/>")))],
        };
        let parcel = Parcel {
            id: format!("00000000-0000-4000-8000-{serial:012}")
                .parse()
                .unwrap(),
            files: vec![content],
        };
        let wire = Wire::new(stage.address.port(), cut);
        let way = stage.client(&wire.base(), "known");
        let arrival = |way: &amtsbote_transport_xta::XtaOutbound| {
            aside(async { way.deliver(&parcel, LIMIT).await }).map(|receipt| receipt.arrival)
        };
        let first = arrival(&way);
        assert!(
            matches!(first, Ok(Arrival::New) | Err(Fault::Unavailable { .. })),
            "{cut:?}: {first:?}"
        );
        // Through another wire with the same weakness, then without it.
        let again = Wire::new(stage.address.port(), cut);
        let second = arrival(&stage.client(&again.base(), "known"));
        assert!(
            matches!(second, Ok(_) | Err(Fault::Unavailable { .. })),
            "{cut:?}: {second:?}"
        );
        let third = arrival(&straight);
        assert!(third.is_ok(), "{cut:?}: {third:?}");
        assert_eq!(arrival(&straight), Ok(Arrival::Repeated), "{cut:?}");
        assert_eq!(stage.messages("inbox").len(), 1, "{cut:?}");
        stage.take_answers();
        assert_eq!(arrival(&straight), Ok(Arrival::Repeated), "{cut:?}");
        assert!(stage.messages("inbox").is_empty(), "{cut:?}");
        assert!(
            stage.visible("tmp").is_empty(),
            "{cut:?}: nothing half is left"
        );
        wire.was_cut()
    };
    let sent = each_cut(Cut::Sent, 400, |_, cut| attempt(cut));
    let heard = each_cut(Cut::Heard, 400, |_, cut| attempt(cut));
    assert!(sent > 5 && heard > 5, "{sent} and {heard} cuts");
}

#[test]
fn a_procedure_takes_a_message_once_wherever_its_wire_to_the_box_is_cut() {
    let stage = Stage::new();
    put(&stage);
    let call = |wire: &Wire, xml: &str| {
        let answer = stage.try_post_at((&wire.base(), "MsgBoxPort"), "known", PLAIN, xml)?;
        Some((answer.0, String::from_utf8(answer.2).unwrap()))
    };
    // Fetching changes nothing, however often it is broken off.
    let cuts = each_cut(Cut::Heard, 900, |_, cut| {
        let wire = Wire::new(stage.address.port(), cut);
        let answer = call(&wire, &fetch_request(AUTHOR, BOX_ID));
        assert_eq!(stage.messages("box").len(), 1, "{cut:?}");
        assert_eq!(answer.is_none(), wire.was_cut(), "{cut:?}");
        wire.was_cut()
    });
    assert!(cuts > 3, "{cuts} cuts");
    // Closing takes it away at one point, and closing again is fine before and after it.
    let mut gone = false;
    for of in [Cut::Sent as fn(usize) -> Cut, Cut::Heard] {
        each_cut(of, 300, |_, cut| {
            let wire = Wire::new(stage.address.port(), cut);
            let answer = call(&wire, &close_request(AUTHOR, BOX_ID));
            if let Some((status, xml)) = answer {
                assert_eq!(status, 200, "{cut:?}: {xml}");
                gone = true;
            }
            let left = stage.messages("box").len();
            assert!(left <= 1 && !(gone && left == 1), "{cut:?}");
            gone |= left == 0;
            wire.was_cut()
        });
    }
    assert!(gone);
    let again = stage.box_way();
    let parcel = crate::server::waiting();
    let receipt = aside(async { again.deliver(&parcel, LIMIT).await }).unwrap();
    assert_eq!(receipt.arrival, Arrival::Repeated);
    assert!(stage.visible("box").is_empty());
}

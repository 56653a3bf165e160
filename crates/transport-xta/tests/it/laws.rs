//! The laws, with the server and its peers behind them.

use std::path::Path;

use amtsbote_adapter::laws::inbound;
use amtsbote_adapter::laws::outbound::{Arrived, Bench, Trouble};
use amtsbote_adapter::{Inbound, Outbound, Parcel, ParcelFile, Piece};
use amtsbote_model::Personal;
use bytes::Bytes;

use crate::peer::{NEW_ID, Peer, Told};
use crate::server::close_all;
use crate::stage::{LIMIT, Stage, aside};

/// The client against our server: parcels arrive in the account's inbox.
struct ToServer {
    stage: Stage,
    refusing: Peer,
    cut: Peer,
    busy: Peer,
}

impl ToServer {
    fn new() -> Self {
        let stage = Stage::new();
        let peer = |then: fn() -> Told| {
            Peer::new(&stage.pki, move |operation, _| match operation {
                "CreateMessageID" => Told::Plain(NEW_ID.to_owned()),
                "GetTransportReport" => Told::Fault("InvalidMessageIDException"),
                _ => then(),
            })
        };
        let refusing = peer(|| Told::Fault("MessageSchemaViolationException"));
        let cut = peer(|| Told::Cut);
        let busy = peer(|| Told::Status(503, "retry-after", "7"));
        Self {
            stage,
            refusing,
            cut,
            busy,
        }
    }
}

impl Bench for ToServer {
    fn way(&self) -> Box<dyn Outbound> {
        Box::new(self.stage.client(&self.stage.base(), "known"))
    }

    fn troubled(&self, trouble: Trouble) -> Option<Box<dyn Outbound>> {
        let (base, who) = match trouble {
            Trouble::Refusing => (self.refusing.base(), "known"),
            Trouble::Cut => (self.cut.base(), "known"),
            Trouble::Busy => (self.busy.base(), "known"),
            Trouble::WrongPlace => (format!("{}/elsewhere", self.stage.base()), "known"),
            Trouble::NoRight => (self.stage.base(), "stranger"),
        };
        Some(Box::new(self.stage.client(&base, who)))
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.stage.messages("inbox")
    }

    fn visible(&self) -> Vec<String> {
        self.stage.visible("inbox")
    }

    fn consume(&self) {
        self.stage.take_answers();
    }

    /// That it was sent; the message id stays, and the server is asked.
    fn lose_last_note(&self, parcel: &Parcel) -> bool {
        let done = self.stage.work().join(parcel.id.to_string());
        let sending = done.with_extension("sending");
        std::fs::rename(done, sending).is_ok()
    }
}

/// The way into the message box: a client takes parcels away with `close`.
struct IntoBox(Stage);

impl Bench for IntoBox {
    fn way(&self) -> Box<dyn Outbound> {
        Box::new(self.0.box_way())
    }

    fn troubled(&self, trouble: Trouble) -> Option<Box<dyn Outbound>> {
        match trouble {
            // A folder does not refuse, break off or name a time.
            Trouble::Refusing | Trouble::Cut | Trouble::Busy => None,
            Trouble::WrongPlace => Some(Box::new(
                self.0.box_way_at(&self.0.dir.path().join("not-there")),
            )),
            // Not even root may write there.
            Trouble::NoRight => Some(Box::new(self.0.box_way_at(Path::new("/proc")))),
        }
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.0.messages("box")
    }

    fn visible(&self) -> Vec<String> {
        self.0.visible("box")
    }

    fn consume(&self) {
        close_all(&self.0);
    }
}

/// What our own client sends to our server, polled.
struct FromInbox(Stage, std::sync::atomic::AtomicU64);

impl inbound::Bench for FromInbox {
    fn way(&self) -> Box<dyn Inbound> {
        Box::new(self.0.inbound())
    }

    fn send(&self, files: &[(&str, Bytes)]) {
        let nr = self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let file = |(name, bytes): &(&str, Bytes)| ParcelFile {
            path: name.parse().unwrap(),
            media_type: "text/plain".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(bytes.clone()))],
        };
        let parcel = Parcel {
            id: format!("00000000-0000-4000-8000-{nr:012}").parse().unwrap(),
            files: files.iter().map(file).collect(),
        };
        let way = self.0.client(&self.0.base(), "known");
        aside(async { way.deliver(&parcel, LIMIT).await }).unwrap();
    }

    fn set_aside(&self) -> usize {
        self.0.visible("aside").len()
    }
}

mod to_server {
    amtsbote_adapter::outbound_laws!(super::ToServer::new());
}

mod into_box {
    amtsbote_adapter::outbound_laws!(super::IntoBox(crate::stage::Stage::new()));
}

mod from_inbox {
    amtsbote_adapter::inbound_laws!(super::FromInbox(
        crate::stage::Stage::new(),
        std::sync::atomic::AtomicU64::new(0)
    ));
}

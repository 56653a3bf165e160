//! The way between everybody and the gateway: what goes through it can be held up, as by a network that swallows packets. Who is connected
//! hears nothing until it is over, and is cut off then; who comes anew waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Where everybody calls; leads to the gateway's own port.
pub(crate) struct Way {
    port: u16,
    to: Arc<AtomicU16>,
    /// Counts up with each turn; even: open.
    turns: watch::Sender<u64>,
}

impl Way {
    /// Leads nowhere yet.
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (turns, turn) = watch::channel(0);
        let to = Arc::new(AtomicU16::new(0));
        tokio::spawn(accept(listener, to.clone(), turn));
        Self { port, to, turns }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::SeqCst);
    }

    /// From now on nothing comes through.
    pub(crate) fn cut(&self) {
        self.turns.send_modify(|turn| *turn += 1);
    }

    /// It goes on, with new connections.
    pub(crate) fn heal(&self) {
        self.turns.send_modify(|turn| *turn += 1);
    }
}

type Turn = watch::Receiver<u64>;

async fn open(turn: &mut Turn) -> u64 {
    // The sender lives as long as the site.
    let open = turn.wait_for(|turn| turn.is_multiple_of(2)).await;
    open.map_or(0, |turn| *turn)
}

async fn accept(listener: TcpListener, to: Arc<AtomicU16>, mut turn: Turn) {
    loop {
        let Ok((near, _)) = listener.accept().await else {
            continue;
        };
        let began = open(&mut turn).await;
        let far = SocketAddr::from(([127, 0, 0, 1], to.load(Ordering::SeqCst)));
        let turn = turn.clone();
        tokio::spawn(async move {
            // Whoever called is cut off if nobody is there, as without a way between.
            if let Ok(far) = TcpStream::connect(far).await {
                let (near_from, near_to) = near.into_split();
                let (far_from, far_to) = far.into_split();
                tokio::select! {
                    () = carry(near_from, far_to, (began, turn.clone())) => {}
                    () = carry(far_from, near_to, (began, turn)) => {}
                }
            }
        });
    }
}

/// Until one side ends, or the way was cut meanwhile.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, (began, mut turn): (u64, Turn)) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        if open(&mut turn).await != began || to.write_all(&piece[..read]).await.is_err() {
            return;
        }
    }
}

//! The way between everybody and the gateways: what goes through it can be held up, as by a network that swallows packets. Who is connected
//! hears nothing until it is over, and is cut off then; who comes anew waits. With several gateways it is their balancer: each new
//! connection goes to the next one that is well, and one that is not well loses its connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// Until somebody is taken for gone who does not answer the balancer.
const REACHED_MAX: Duration = Duration::from_secs(1);
/// Between two looks of the balancer, and how many of them must fail.
const PAUSE: Duration = Duration::from_millis(500);
const FAILURES: u32 = 2;

/// Where everybody calls.
pub(crate) struct Way {
    port: u16,
    targets: Targets,
}

type Targets = Arc<Vec<Target>>;

struct Target {
    to: Mutex<Option<SocketAddr>>,
    /// Counts up with each turn; even: open.
    turns: watch::Sender<u64>,
    is_well: AtomicBool,
}

impl Way {
    /// Leads nowhere yet.
    pub(crate) async fn new() -> Self {
        Self::opened(1).await
    }

    /// To one gateway after the other.
    pub(crate) async fn balancer(count: usize) -> Self {
        let way = Self::opened(count).await;
        for at in 0..count {
            tokio::spawn(look_after(way.targets.clone(), at));
        }
        way
    }

    async fn opened(count: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = |_| Target {
            to: Mutex::default(),
            turns: watch::channel(0).0,
            is_well: AtomicBool::new(true),
        };
        let targets = Arc::new((0..count).map(target).collect::<Vec<_>>());
        tokio::spawn(accept(listener, targets.clone()));
        Self { port, targets }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn lead_to(&self, port: u16) {
        self.lead(0, SocketAddr::from(([127, 0, 0, 1], port)));
    }

    pub(crate) fn lead(&self, at: usize, to: SocketAddr) {
        *self.targets[at].to.lock().unwrap() = Some(to);
    }

    /// From now on nothing comes through to anybody.
    pub(crate) fn cut(&self) {
        (0..self.targets.len()).for_each(|at| self.cut_one(at));
    }

    /// It goes on, with new connections.
    pub(crate) fn heal(&self) {
        (0..self.targets.len()).for_each(|at| self.heal_one(at));
    }

    /// Whether new connections go there.
    pub(crate) fn is_well(&self, at: usize) -> bool {
        self.targets[at].is_well.load(Ordering::SeqCst)
    }

    pub(crate) fn cut_one(&self, at: usize) {
        self.targets[at].turns.send_modify(|turn| *turn |= 1);
    }

    pub(crate) fn heal_one(&self, at: usize) {
        let turns = &self.targets[at].turns;
        turns.send_if_modified(|turn| {
            let is_cut = *turn % 2 == 1;
            *turn += u64::from(is_cut);
            is_cut
        });
    }
}

impl Target {
    fn address(&self) -> Option<SocketAddr> {
        *self.to.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever called is cut off if nobody is there, as without a way between.
    async fn reached(&self) -> Option<(TcpStream, u64)> {
        let turn = self.turns.subscribe();
        let began = *turn.borrow();
        let stream = TcpStream::connect(self.address()?).await.ok()?;
        Some((stream, began))
    }

    fn is_cut(&self) -> bool {
        *self.turns.borrow() % 2 == 1
    }
}

type Turn = watch::Receiver<u64>;

async fn open(turn: &mut Turn) -> u64 {
    // The sender lives as long as the site.
    let open = turn.wait_for(|turn| turn.is_multiple_of(2)).await;
    open.map_or(0, |turn| *turn)
}

async fn accept(listener: TcpListener, targets: Targets) {
    let next = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((near, _)) = listener.accept().await else {
            continue;
        };
        let (targets, next) = (targets.clone(), next.clone());
        tokio::spawn(async move {
            if let Some((far, began, turn)) = far_end(&targets, &next).await {
                let (near_from, near_to) = near.into_split();
                let (far_from, far_to) = far.into_split();
                tokio::select! {
                    () = carry(near_from, far_to, (began, turn.clone())) => {}
                    () = carry(far_from, near_to, (began, turn.clone())) => {}
                    () = over(began, turn) => {}
                }
            }
        });
    }
}

/// The next one that can be reached. With one only, it is waited for.
async fn far_end(targets: &Targets, next: &AtomicUsize) -> Option<(TcpStream, u64, Turn)> {
    if let [only] = &***targets {
        open(&mut only.turns.subscribe()).await;
        let (stream, began) = only.reached().await?;
        return Some((stream, began, only.turns.subscribe()));
    }
    let first = next.fetch_add(1, Ordering::SeqCst);
    for at in 0..targets.len() {
        let target = &targets[(first + at) % targets.len()];
        if target.is_cut() || !target.is_well.load(Ordering::SeqCst) {
            continue;
        }
        if let Ok(Some((stream, began))) = timeout(REACHED_MAX, target.reached()).await {
            return Some((stream, began, target.turns.subscribe()));
        }
    }
    None
}

/// Resolves when a connection that began then is cut off.
async fn over(began: u64, mut turn: Turn) {
    // The sender lives as long as the site.
    drop(
        turn.wait_for(|now| now.is_multiple_of(2) && *now != began)
            .await,
    );
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

/// Asks a gateway again and again whether it is ready.
async fn look_after(targets: Targets, at: usize) {
    let (target, mut failures) = (&targets[at], 0);
    loop {
        tokio::time::sleep(PAUSE).await;
        let is_ready = !target.is_cut() && timeout(REACHED_MAX, is_ready(target)).await == Ok(true);
        failures = if is_ready { 0 } else { failures + 1 };
        target.is_well.store(failures < FAILURES, Ordering::SeqCst);
        if failures == FAILURES {
            // What hangs there goes elsewhere.
            target.turns.send_modify(|turn| *turn += 2);
        }
    }
}

async fn is_ready(target: &Target) -> bool {
    let Some((mut stream, _)) = target.reached().await else {
        return false;
    };
    let asked = stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").await;
    let mut answer = Vec::new();
    // As far as it came.
    let read = stream.read_to_end(&mut answer).await;
    let status = answer.get(9..12).unwrap_or_default();
    asked.is_ok() && read.is_ok() && status == b"200"
}

//! Whether a connection is of any use: requests that are open, answers that are taken.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Instant;

/// What a connection does now.
#[derive(Debug, Clone, Copy)]
struct Now {
    has_begun: bool,
    /// Requests whose answers are not out yet.
    open: usize,
    /// Answers on their way out.
    sending: usize,
    /// Bytes wait that the peer does not take.
    is_blocked: bool,
    moved: Instant,
}

/// Of one connection; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Activity(watch::Sender<Now>);

/// How long a connection may do nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Before its first request.
    pub(crate) first: Duration,
    /// Between requests.
    pub(crate) idle: Duration,
    /// While an answer is not taken.
    pub(crate) stalled: Duration,
}

/// Why a connection is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Useless {
    NeverBegun,
    Idle,
    Stalled,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Now {
            has_begun: false,
            open: 0,
            sending: 0,
            is_blocked: false,
            moved: Instant::now(),
        }))
    }

    /// A request begins; it ends with what is handed out.
    pub(crate) fn begin(&self) -> Request {
        self.change(|now| {
            now.has_begun = true;
            now.open += 1;
        });
        Request(self.clone())
    }

    /// Resolves once the connection was of no use for so long.
    pub(crate) async fn useless(&self, patience: Patience) -> Useless {
        let mut changes = self.0.subscribe();
        loop {
            let now = *changes.borrow_and_update();
            let end = match now {
                Now {
                    has_begun: false, ..
                } => Some((patience.first, Useless::NeverBegun)),
                Now {
                    is_blocked: true, ..
                } => Some((patience.stalled, Useless::Stalled)),
                Now { open: 0, .. } => Some((patience.idle, Useless::Idle)),
                // Requests that are worked on have limits of their own.
                Now { sending: 0, .. } => None,
                Now { .. } => Some((patience.stalled, Useless::Stalled)),
            };
            let over = async {
                match end {
                    None => std::future::pending().await,
                    Some((limit, why)) => {
                        tokio::time::sleep_until(now.moved + limit).await;
                        why
                    }
                }
            };
            tokio::select! {
                _ = changes.changed() => {}
                // Pieces that were taken meanwhile are no change that wakes.
                why = over => if changes.borrow().moved == now.moved {
                    return why;
                },
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Now)) {
        self.0.send_modify(|now| {
            change(now);
            now.moved = Instant::now();
        });
    }

    /// The peer took a part of an answer.
    pub(crate) fn taken(&self) {
        self.0.send_if_modified(|now| {
            now.moved = Instant::now();
            std::mem::take(&mut now.is_blocked)
        });
    }

    /// The peer takes nothing.
    pub(crate) fn blocked(&self) {
        self.0
            .send_if_modified(|now| !std::mem::replace(&mut now.is_blocked, true));
    }

    /// Nothing waits, and nothing worth a word was taken.
    pub(crate) fn unblocked(&self) {
        self.0
            .send_if_modified(|now| std::mem::take(&mut now.is_blocked));
    }
}

/// An open request.
pub(crate) struct Request(Activity);

impl Request {
    /// Its answer goes out.
    pub(crate) fn answering<B>(self, body: B) -> Answering<B> {
        self.0.change(|now| now.sending += 1);
        Answering {
            body: Box::pin(body),
            request: self,
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.change(|now| now.open -= 1);
    }
}

/// An answer's body; its request is open until it is sent or given up.
pub(crate) struct Answering<B> {
    body: Pin<Box<B>>,
    request: Request,
}

impl<B> Drop for Answering<B> {
    fn drop(&mut self) {
        self.request.0.change(|now| now.sending -= 1);
    }
}

impl<B: Body> Body for Answering<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = self.body.as_mut().poll_frame(task);
        if frame.is_ready() {
            self.request.0.taken();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! Takes a request's body: the envelope into memory, every other part into a file.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::mailbox::{Mailbox, Staged};
use crate::mime::{PartHead, Parts, Step};
use crate::mtom::Shape;
use crate::soap::Wrong;
use crate::spool::{Spool, Spooled, blocking, stage};

/// An envelope whose contents stand in parts of their own.
const ENVELOPE_MAX_BYTES: usize = 256 * 1024;
/// An envelope whose contents stand in it as base64: it is held in memory.
const INLINE_MAX_BYTES: usize = 16 * 1024 * 1024;
/// The message and its attachments, and the envelope.
pub(crate) const PARTS_MAX: usize = 301;
/// The peer's silence.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// What was received.
pub(crate) struct Received {
    pub(crate) envelope: Vec<u8>,
    /// In the order of arrival, which is that of the staged files.
    pub(crate) parts: Vec<Arrived>,
    /// There once a part was written.
    pub(crate) staged: Option<Staged>,
}

/// A part that was written to a file.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) id: String,
    pub(crate) spooled: Spooled,
}

/// Why a request has no answer of its own.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It gets a fault.
    Fault(Wrong, String),
    /// The disk does not do.
    Disk(std::io::Error),
    /// The peer is gone; nobody hears an answer.
    Gone,
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error)
    }
}

impl Refusal {
    pub(crate) fn denied() -> Self {
        Self::Fault(
            Wrong::Author,
            "das Zertifikat gehört zu keinem Konto, das für diesen Autor spricht".to_owned(),
        )
    }

    pub(crate) fn parameter(text: impl Into<String>) -> Self {
        Self::Fault(Wrong::Parameter, text.into())
    }
}

/// What a request may bring.
pub(crate) struct Bounds<'a> {
    /// Of the whole body.
    pub(crate) total_max_bytes: u64,
    /// Where parts go; `None` where the port takes none.
    pub(crate) mailbox: Option<&'a Mailbox>,
}

/// Reads a whole body. If this future is dropped or fails, what was staged goes with it.
pub(crate) async fn receive(
    shape: &Shape,
    mut body: Incoming,
    bounds: Bounds<'_>,
) -> Result<Received, Refusal> {
    let mut left = bounds.total_max_bytes;
    let mut reading = Reading::new(shape, bounds.mailbox)?;
    while let Some(bytes) = next(&mut body).await? {
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| Refusal::Fault(Wrong::Size, "die Nachricht ist zu groß".to_owned()))?;
        reading.take(&bytes).await?;
    }
    reading.whole()
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Refusal> {
    loop {
        match timeout(IDLE_MAX, body.frame()).await {
            Err(_) | Ok(Some(Err(_))) => return Err(Refusal::Gone),
            Ok(None) => return Ok(None),
            // Trailers carry nothing for us.
            Ok(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

struct Reading<'a> {
    shape: &'a Shape,
    mailbox: Option<&'a Mailbox>,
    splitter: Option<Parts>,
    count: usize,
    ids: BTreeSet<String>,
    now: Now,
    envelope: Option<Vec<u8>>,
    parts: Vec<Arrived>,
    staged: Option<Staged>,
}

/// Where the bytes of the present part go.
enum Now {
    Nowhere,
    Envelope(Vec<u8>),
    File(String, Box<Spool>),
}

impl<'a> Reading<'a> {
    fn new(shape: &'a Shape, mailbox: Option<&'a Mailbox>) -> Result<Self, Refusal> {
        let (splitter, now) = match shape {
            Shape::Plain => (None, Now::Envelope(Vec::new())),
            Shape::Related { boundary, .. } => {
                let parts = Parts::new(boundary, PARTS_MAX)
                    .map_err(|fault| Refusal::parameter(fault.to_string()))?;
                (Some(parts), Now::Nowhere)
            }
        };
        Ok(Self {
            shape,
            mailbox,
            splitter,
            count: 0,
            ids: BTreeSet::new(),
            now,
            envelope: None,
            parts: Vec::new(),
            staged: None,
        })
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let Some(mut splitter) = self.splitter.take() else {
            return self.content(bytes).await;
        };
        splitter.push(bytes);
        loop {
            match splitter
                .step()
                .map_err(|fault| Refusal::parameter(fault.to_string()))?
            {
                Step::Part(head) => self.begin(head).await?,
                Step::Bytes(bytes) => self.content(&bytes).await?,
                Step::PartEnd => self.end().await?,
                Step::More | Step::End => break,
            }
        }
        self.splitter = Some(splitter);
        Ok(())
    }

    async fn begin(&mut self, head: PartHead) -> Result<(), Refusal> {
        let index = self.count;
        self.count += 1;
        if self.shape.is_root(&head.id, index) {
            if self.envelope.is_some() {
                return Err(Refusal::parameter("zwei Teile sind der Umschlag"));
            }
            self.now = Now::Envelope(Vec::new());
            return Ok(());
        }
        if !self.ids.insert(head.id.clone()) {
            return Err(Refusal::parameter("zwei Teile haben dieselbe Content-ID"));
        }
        let Some(mailbox) = self.mailbox else {
            self.now = Now::Nowhere;
            return Ok(());
        };
        let mut staged = match self.staged.take() {
            Some(staged) => staged,
            None => stage(mailbox).await?,
        };
        let (staged, file) = blocking(move || {
            let file = staged.create()?;
            Ok((staged, file))
        })
        .await?;
        self.staged = Some(staged);
        self.now = Now::File(head.id, Box::new(Spool::new(file)));
        Ok(())
    }

    async fn content(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        match &mut self.now {
            Now::Nowhere => {}
            Now::Envelope(envelope) => {
                let max = if self.splitter.is_none()
                    && self.shape == &Shape::Plain
                    && self.mailbox.is_some()
                {
                    INLINE_MAX_BYTES
                } else {
                    ENVELOPE_MAX_BYTES
                };
                if envelope.len() + bytes.len() > max {
                    return Err(Refusal::parameter(
                        "der Umschlag ist zu groß; Inhalte gehören in eigene Teile (MTOM)",
                    ));
                }
                envelope.extend_from_slice(bytes);
            }
            Now::File(_, spool) => spool.write(bytes).await?,
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Refusal> {
        match std::mem::replace(&mut self.now, Now::Nowhere) {
            Now::Nowhere => {}
            Now::Envelope(envelope) => self.envelope = Some(envelope),
            Now::File(id, spool) => {
                let spooled = spool.finish().await?;
                self.parts.push(Arrived { id, spooled });
            }
        }
        Ok(())
    }

    fn whole(self) -> Result<Received, Refusal> {
        let envelope = match (self.splitter, self.now) {
            (None, Now::Envelope(envelope)) => Some(envelope),
            (None, Now::Nowhere | Now::File(..)) => None,
            (Some(splitter), _) => {
                splitter
                    .finish()
                    .map_err(|fault| Refusal::parameter(fault.to_string()))?;
                self.envelope
            }
        };
        Ok(Received {
            envelope: envelope.ok_or_else(|| Refusal::parameter("der Umschlag fehlt"))?,
            parts: self.parts,
            staged: self.staged,
        })
    }
}

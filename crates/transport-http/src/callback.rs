//! A way in that is called: the procedure posts its answers, and hears what became of each.
//!
//! ```text
//!  POST ─► proof, limits ─► read ─► Room ─► poll ─► the agent matches, keeps the reply durably ─► settle ─► 204
//!                             └ 401, 408, 413, 422   └ nobody took it in time: 503, again later   └ refuse ─► 404, 409, 422
//! ```
//!
//! Nothing is kept here. Dying anywhere before `settle` leaves the procedure without an answer, or with 503: it posts again. Dying
//! between what is durable and the answer, too: the same answer under the same key changes nothing, and gets its 204.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amtsbote_adapter::{Fault, Inbound, Refusal, Reply, Return, ReturnId, Settled};
use amtsbote_model::Clock;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use crate::callback_settings::CallbackSettings;
use crate::outbound::within;

/// How long one look waits for a call.
const LOOK_MAX: Duration = Duration::from_secs(20);

/// What became of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Kept,
    Refused(Refusal),
}

/// All rooms of a process, by path: what the listener serves.
#[derive(Default)]
pub struct Callbacks {
    rooms: Mutex<BTreeMap<String, Arc<Room>>>,
}

impl Callbacks {
    /// Opens a way in below a path. Checks the settings, reads no secret yet; relative paths are below `base`.
    pub fn open(
        &self,
        settings: toml::Table,
        base: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<CallbackInbound, Fault> {
        let settings = CallbackSettings::read(settings, base)?;
        let room = Arc::new(Room {
            settings,
            clock,
            seats: Mutex::default(),
            arrived: Notify::new(),
        });
        let path = room.settings.url_path.clone();
        let mut rooms = self.rooms();
        if rooms.insert(path.clone(), room.clone()).is_some() {
            return Err(Fault::misconfigured(
                format!("ein anderer Weg zurück hat url_path {path:?}; einen eigenen wählen"),
                format!("another way in has url_path {path:?}; choose one of its own"),
            ));
        }
        Ok(CallbackInbound {
            room,
            look_max: LOOK_MAX,
        })
    }

    /// Whether anybody can be called.
    pub fn is_empty(&self) -> bool {
        self.rooms().is_empty()
    }

    /// The room at a path.
    pub(crate) fn at(&self, path: &str) -> Option<Arc<Room>> {
        self.rooms().get(path).cloned()
    }

    /// Whoever waits is told to come again.
    pub(crate) fn close(&self) {
        for room in self.rooms().values() {
            room.seats().taken.clear();
        }
    }

    fn rooms(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where calls wait until their answers are settled.
pub(crate) struct Room {
    pub(crate) settings: CallbackSettings,
    pub(crate) clock: Arc<dyn Clock>,
    seats: Mutex<Seats>,
    arrived: Notify,
}

/// Calls by their turn; no turn comes twice, so that who leaves late takes nobody else's seat.
#[derive(Default)]
struct Seats {
    taken: BTreeMap<u64, Seat>,
    next: u64,
}

struct Seat {
    answer: Return,
    tell: oneshot::Sender<Outcome>,
}

/// A call that waits. Dropped, it waits no longer: its answer is not given any more.
pub(crate) struct Waiting {
    room: Arc<Room>,
    turn: u64,
    told: oneshot::Receiver<Outcome>,
}

impl Room {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a seat behind the others.
    pub(crate) fn enter(self: Arc<Self>, answer: Return) -> Waiting {
        let (tell, told) = oneshot::channel();
        let mut seats = self.seats();
        let turn = seats.next;
        seats.next += 1;
        seats.taken.insert(turn, Seat { answer, tell });
        drop(seats);
        self.arrived.notify_one();
        Waiting {
            room: self,
            turn,
            told,
        }
    }

    fn answers(&self, max: usize) -> Vec<Return> {
        let seats = self.seats();
        seats
            .taken
            .values()
            .take(max)
            .map(|seat| seat.answer.clone())
            .collect()
    }

    fn end(&self, id: &ReturnId, outcome: Outcome) {
        let mut seats = self.seats();
        let turn = seats.taken.iter().find(|(_, seat)| seat.answer.id == *id);
        let turn = turn.map(|(turn, _)| *turn);
        if let Some(seat) = turn.and_then(|turn| seats.taken.remove(&turn)) {
            // Who called may have gone: it calls again, and hears the same.
            let _ = seat.tell.send(outcome);
        }
    }

    async fn look(&self, max: usize, wait: Duration) -> Vec<Return> {
        let next = async {
            loop {
                let arrived = self.arrived.notified();
                let answers = self.answers(max);
                if !answers.is_empty() {
                    return answers;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(wait, next).await.unwrap_or_default()
    }
}

impl Waiting {
    /// What became of it; nothing if nobody said so in time.
    pub(crate) async fn outcome(mut self) -> Option<Outcome> {
        let limit = self.room.settings.wait();
        let told = tokio::time::timeout(limit, &mut self.told).await;
        told.ok().and_then(Result::ok)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.room.seats().taken.remove(&self.turn);
    }
}

/// A name for one call.
pub(crate) fn fresh_id() -> ReturnId {
    ReturnId::try_from(Uuid::new_v4().to_string()).expect("a UUID is visible ASCII")
}

/// The way in at one path.
pub struct CallbackInbound {
    room: Arc<Room>,
    look_max: Duration,
}

impl CallbackInbound {
    /// With another time that a look waits for a call; 20 seconds otherwise.
    #[must_use]
    pub fn looking_for(mut self, wait: Duration) -> Self {
        self.look_max = wait;
        self
    }

    /// How many calls wait for their answers to be settled.
    pub fn waiting(&self) -> usize {
        self.room.seats().taken.len()
    }
}

impl Inbound for CallbackInbound {
    /// Waits for a call.
    fn poll(&self, max: usize, limit: Duration) -> Reply<'_, Result<Vec<Return>, Fault>> {
        let wait = self.look_max.min(limit / 2);
        Box::pin(async move { Ok(self.room.look(max, wait).await) })
    }

    fn settle<'a>(
        &'a self,
        id: &'a ReturnId,
        outcome: Settled,
        _limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        let outcome = match outcome {
            Settled::Kept => Outcome::Kept,
            Settled::Refused => Outcome::Refused(Refusal::Ours),
        };
        Box::pin(async move {
            self.room.end(id, outcome);
            Ok(())
        })
    }

    fn refuse<'a>(
        &'a self,
        id: &'a ReturnId,
        why: Refusal,
        _limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        Box::pin(async move {
            self.room.end(id, Outcome::Refused(why));
            Ok(())
        })
    }

    /// Whether secrets can be read, and whether somebody listens at the address of the settings.
    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(within(limit, async {
            self.room.settings.auth.probe()?;
            let Some(address) = self.room.settings.listen else {
                return Ok(());
            };
            let connected = tokio::net::TcpStream::connect(address).await;
            connected.map(drop).map_err(|error| {
                let kind = error.kind();
                let german = amtsbote_problem::io::in_german(kind);
                Fault::unavailable(
                    format!("an {address} nimmt niemand Rückrufe an ({german}); läuft der Agent?"),
                    format!(
                        "nobody listens for callbacks on {address} ({kind}); does the agent run?"
                    ),
                )
            })
        }))
    }
}

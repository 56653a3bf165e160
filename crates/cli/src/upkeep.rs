//! What a gateway does beside its requests: callbacks, the log's seal, deadlines, and with them the sweep of attachments that nothing refers to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use amtsbote_gateway::{
    Backoff, CallbackPolicy, CallbackWorker, CircuitPolicy, Context as Gateway, Deadlines,
    DutyKeeper, MailPolicy, MailWorker, Orphans, Retention, Sealer, Trust, UplinkPolicy,
    UplinkWorker,
};
use amtsbote_model::Timestamp;
use amtsbote_outgoing::{Outgoing, Settings as Outward};
use amtsbote_settings as settings;
use amtsbote_store::{References, Shelf};
use anyhow::{Context, Result};
use tokio::time::Instant;

use crate::access::USER_AGENT;
use crate::gateway::Ready;
use crate::postman::SmtpPostman;
use crate::stop::Stop;

/// Work beside the requests; ends when stopped.
pub(crate) struct Background(Vec<tokio::task::JoinHandle<()>>);

impl Background {
    /// Waits until all of it has ended.
    pub(crate) async fn finished(self) {
        for task in self.0 {
            if let Err(error) = task.await {
                tracing::error!(error = %error, "background work ended with a fault: {error}");
            }
        }
    }
}

/// Starts the sealing of the event log, callbacks, deadlines with the sweep of orphaned attachments, mails and uplinks.
pub(crate) fn background(ready: &Ready, stop: &Stop) -> Result<Background> {
    let allow = ready
        .settings
        .callback_networks
        .iter()
        .map(|network| {
            network
                .parse()
                .with_context(|| format!("callback network {network:?} is not a CIDR"))
        })
        .collect::<Result<Vec<_>>>()?;
    let outgoing = Outgoing::open(Outward::public(USER_AGENT, allow))
        .context("the HTTP client cannot be set up")?;
    // Before anything of it begins: it asks whether this gateway is on duty.
    let duty = DutyKeeper::new(ready.context.clone());
    let policy = policy(&ready.settings.callbacks);
    let callbacks = CallbackWorker::new(ready.context.clone(), outgoing, policy);
    let retention = retention(&ready.settings.deadlines);
    let mut deadlines =
        Deadlines::new(ready.context.clone(), retention).sweeping(Arc::new(Broom::of(ready)));
    let mails = mail_worker(ready)?;
    if mails.is_some() {
        deadlines = deadlines.mailing();
    }
    let uplink = UplinkWorker::new(ready.context.clone(), UplinkPolicy::default());
    let mut tasks = vec![
        tokio::spawn(duty.run(stop.wait())),
        tokio::spawn(callbacks.run(stop.wait())),
        tokio::spawn(deadlines.run(stop.wait())),
        tokio::spawn(uplink.run(stop.wait())),
        tokio::spawn(Sealer::new(ready.context.clone()).run(stop.wait())),
        tokio::spawn(wind_down(ready.context.clone(), stop.wait())),
    ];
    if let Some(membership) = &ready.membership {
        tasks.push(tokio::spawn(membership.clone().keep(stop.wait())));
        let woken = membership.clone().wake(ready.context.clone(), stop.wait());
        tasks.push(tokio::spawn(woken));
    }
    tasks.extend(mails.map(|mails| tokio::spawn(mails.run(stop.wait()))));
    Ok(Background(tasks))
}

fn mail_worker(ready: &Ready) -> Result<Option<MailWorker>> {
    let Some(mail) = &ready.settings.mail else {
        // Plain http is for loopback only: a demonstration or sandbox has nobody to remind.
        if !ready.settings.base_url.starts_with("http://") {
            tracing::warn!("[gateway.mail] is not set: nobody is reminded of waiting submissions");
        }
        return Ok(None);
    };
    let postman = SmtpPostman::open(mail, &ready.settings.base_url)?;
    let (context, policy) = (ready.context.clone(), MailPolicy::default());
    Ok(Some(MailWorker::new(context, Arc::new(postman), policy)))
}

fn policy(given: &settings::Callbacks) -> CallbackPolicy {
    let default = CallbackPolicy::default();
    CallbackPolicy {
        backoff: Backoff {
            first: or(given.wait_first, default.backoff.first),
            max: or(given.wait_max, default.backoff.max),
        },
        give_up_after: or(given.give_up_after, default.give_up_after),
        circuit: CircuitPolicy {
            failures: given.circuit_failures.unwrap_or(default.circuit.failures),
            wait_first: or(given.circuit_wait, default.circuit.wait_first),
            wait_max: or(given.circuit_wait_max, default.circuit.wait_max),
        },
        concurrency: given.concurrency.unwrap_or(default.concurrency),
        per_host: given.per_host.unwrap_or(default.per_host),
        ..default
    }
}

pub(crate) fn retention(given: &settings::Deadlines) -> Retention {
    let default = Retention::default();
    Retention {
        unsubmitted: or(given.unsubmitted, default.unsubmitted),
        remind_first: or(given.remind_first, default.remind_first),
        remind_again: or(given.remind_again, default.remind_again),
        unanswered: or(given.unanswered, default.unanswered),
        finished: or(given.finished, default.finished),
        event_log: or(given.event_log, default.event_log),
        answers: or(given.answers, default.answers),
        orphans: SWEEP_AGE,
        pause: or(given.pause, default.pause),
        per_round: given.per_round.unwrap_or(default.per_round),
        trust: Trust {
            jump_max: or(given.clock_jump_max, default.trust.jump_max),
            downtime_max: or(given.downtime_max, default.trust.downtime_max),
            confirmed: given.clock_confirmed.map(|moment| moment.0),
        },
    }
}

fn or(given: Option<settings::Span>, default: Duration) -> Duration {
    given.map_or(default, |span| span.0)
}

// Waiting lists are answered at once, and what goes on after an answer is finished.
async fn wind_down(context: Gateway, stop: impl Future<Output = ()>) {
    stop.await;
    context.begin_stopping();
    context.background().close();
    context.background().wait().await;
}

/// Blobs younger than this may still get their row.
const SWEEP_AGE: Duration = Duration::from_hours(6);
/// A sweep reads the whole folder: not in every round of the deadlines.
const SWEEP_PAUSE: Duration = Duration::from_hours(1);

/// Sweeps attachments that nothing refers to, in the deadlines' rounds: it goes by the age of files, so it rests as they do while
/// the clock is in doubt (ADR 0005).
struct Broom {
    references: Arc<dyn References>,
    blobs: Arc<dyn Shelf>,
    last: Mutex<Option<Instant>>,
}

impl Broom {
    fn of(ready: &Ready) -> Self {
        Self {
            references: ready.references.clone(),
            blobs: ready.blobs.clone(),
            last: Mutex::default(),
        }
    }

    fn is_due(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= SWEEP_PAUSE);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

impl Orphans for Broom {
    fn sweep(
        &self,
        kept_before: Timestamp,
    ) -> amtsbote_store::Reply<'_, Result<u64, amtsbote_store::Error>> {
        Box::pin(async move {
            if !self.is_due() {
                return Ok(0);
            }
            let swept = amtsbote_store::sweep(&*self.references, &*self.blobs, kept_before).await;
            match &swept {
                Ok(0) => {}
                Ok(count) => tracing::info!(
                    blob.count = count,
                    "swept {count} attachments that nothing refers to"
                ),
                Err(error) => {
                    tracing::error!(error = %error, "attachments could not be swept: {error}");
                }
            }
            // The deadlines of this round were kept; the sweep comes again in an hour.
            Ok(swept.unwrap_or(0))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use amtsbote_gateway::{
        Addresses, Clients, CryptoPool, Identity, Limits, Parts, Round, RoutingSettings,
    };
    use amtsbote_jose::{KeySet, KeyUse, PrivateKey, TokenKey, X5c};
    use amtsbote_model::Clock;
    use amtsbote_store::Blobs as _;
    use amtsbote_store_sql::{FolderBlobs, SqliteStore};
    use amtsbote_validate::service::Catalogue;

    use super::*;

    struct TurnedClock(AtomicI64);

    impl TurnedClock {
        fn turn(&self, hours: i64) {
            self.0.fetch_add(hours * 3_600_000, Ordering::SeqCst);
        }
    }

    impl Clock for TurnedClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    /// Deadlines over `folder`; a clock that stands at the present until it is turned.
    fn deadlines(folder: &std::path::Path) -> (Deadlines, Arc<FolderBlobs>, Arc<TurnedClock>) {
        let key = PrivateKey::generate(KeyUse::Signature, "service-key-1").unwrap();
        let keys = KeySet::new(vec![key.public().clone()]);
        let store = Arc::new(SqliteStore::open(folder).unwrap());
        let blobs = Arc::new(FolderBlobs::open(&folder.join("blobs")).unwrap());
        let now = crate::clock::SystemClock.now();
        let clock = Arc::new(TurnedClock(AtomicI64::new(now.as_millis())));
        let parts = Parts {
            addresses: Addresses::new("https://amtsbote.example"),
            identity: Identity {
                signing: key.clone(),
                published: keys.clone(),
                portal: key,
                portal_published: keys,
                tokens: TokenKey::generate(),
            },
            clients: Clients::new([]),
            services: Arc::new(Catalogue::new(Vec::new()).unwrap()),
            store: store.clone(),
            chain: None,
            blobs: blobs.clone(),
            clock: clock.clone(),
            crypto: CryptoPool::new(1, 1),
            limits: Limits::default(),
            certificates: X5c::Required.into(),
        };
        let context = Gateway::with_routing(parts, RoutingSettings::default());
        let broom = Broom {
            references: store,
            blobs: blobs.clone(),
            last: Mutex::default(),
        };
        let retention = retention(&settings::Deadlines::default());
        let deadlines = Deadlines::new(context, retention).sweeping(Arc::new(broom));
        (deadlines, blobs, clock)
    }

    #[tokio::test]
    async fn orphans_are_left_alone_while_the_clock_is_in_doubt() {
        let folder = tempfile::tempdir().unwrap();
        let (deadlines, blobs, clock) = deadlines(folder.path());
        let mut writer = blobs.begin().await.unwrap();
        writer.write("ciphertext".into()).await.unwrap();
        let kept = writer.keep().await.unwrap();
        assert_eq!(deadlines.round().await.unwrap(), Round::default());
        let pass = async |hours| {
            clock.turn(i64::try_from(hours).unwrap());
            tokio::time::pause();
            tokio::time::advance(Duration::from_hours(hours)).await;
            tokio::time::resume();
        };

        // By that clock the file is a year old, and a sweep would be due.
        pass(2).await;
        clock.turn(365 * 24);
        let round = deadlines.round().await.unwrap();
        assert!(round.doubt.is_some());
        assert!(blobs.open(&kept.id).await.unwrap().is_some());

        // Set right again, the file is two hours old; and then it is seven.
        clock.turn(-365 * 24);
        assert_eq!(deadlines.round().await.unwrap(), Round::default());
        assert!(blobs.open(&kept.id).await.unwrap().is_some());
        pass(5).await;
        assert_eq!(deadlines.round().await.unwrap().orphans, 1);
        assert!(blobs.open(&kept.id).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_sweep_is_made_once_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let broom = Broom {
            references: Arc::new(SqliteStore::open(folder.path()).unwrap()),
            blobs: Arc::new(FolderBlobs::open(&folder.path().join("blobs")).unwrap()),
            last: Mutex::default(),
        };
        assert!(broom.is_due());
        assert!(!broom.is_due());
        tokio::time::pause();
        tokio::time::advance(SWEEP_PAUSE).await;
        assert!(broom.is_due());
    }
}

//! What a gateway does beside its requests: callbacks, deadlines, the sweep of attachments that nothing refers to.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_gateway::{
    Backoff, CallbackPolicy, CallbackWorker, CircuitPolicy, Context as Gateway, Deadlines,
    MailPolicy, MailWorker, Retention, Trust, UplinkPolicy, UplinkWorker,
};
use amtsbote_model::{Clock as _, Timestamp};
use amtsbote_outgoing::{Outgoing, Settings as Outward};
use amtsbote_settings as settings;
use amtsbote_store_sql::{FolderBlobs, SqliteStore};
use anyhow::{Context, Result};

use crate::access::USER_AGENT;
use crate::clock::SystemClock;
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

/// Starts callbacks, deadlines and the sweep of orphaned attachments.
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
    let policy = policy(&ready.settings.callbacks);
    let callbacks = CallbackWorker::new(ready.context.clone(), outgoing, policy);
    let mut deadlines = Deadlines::new(ready.context.clone(), retention(&ready.settings.deadlines));
    let mails = mail_worker(ready)?;
    if mails.is_some() {
        deadlines = deadlines.mailing();
    }
    let uplink = UplinkWorker::new(ready.context.clone(), UplinkPolicy::default());
    let (store, blobs) = (ready.store.clone(), ready.blobs.clone());
    let mut tasks = vec![
        tokio::spawn(callbacks.run(stop.wait())),
        tokio::spawn(deadlines.run(stop.wait())),
        tokio::spawn(uplink.run(stop.wait())),
        tokio::spawn(sweep_until(store, blobs, stop.wait())),
        tokio::spawn(wind_down(ready.context.clone(), stop.wait())),
    ];
    tasks.extend(mails.map(|mails| tokio::spawn(mails.run(stop.wait()))));
    Ok(Background(tasks))
}

fn mail_worker(ready: &Ready) -> Result<Option<MailWorker>> {
    let Some(mail) = &ready.settings.mail else {
        tracing::warn!("[gateway.mail] is not set: nobody is reminded of waiting submissions");
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

fn retention(given: &settings::Deadlines) -> Retention {
    let default = Retention::default();
    Retention {
        unsubmitted: or(given.unsubmitted, default.unsubmitted),
        remind_first: or(given.remind_first, default.remind_first),
        remind_again: or(given.remind_again, default.remind_again),
        unanswered: or(given.unanswered, default.unanswered),
        finished: or(given.finished, default.finished),
        event_log: or(given.event_log, default.event_log),
        answers: or(given.answers, default.answers),
        pause: or(given.pause, default.pause),
        per_round: given.per_round.unwrap_or(default.per_round),
        trust: Trust {
            jump_max: or(given.clock_jump_max, default.trust.jump_max),
            downtime_max: or(given.downtime_max, default.trust.downtime_max),
            confirmed: given.clock_confirmed.map(|moment| moment.0),
        },
        ..default
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
const SWEEP_PAUSE: Duration = Duration::from_hours(1);

async fn sweep_until(
    store: Arc<SqliteStore>,
    blobs: Arc<FolderBlobs>,
    stop: impl Future<Output = ()>,
) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let before = SystemClock.now().as_millis()
            - i64::try_from(SWEEP_AGE.as_millis()).unwrap_or(i64::MAX);
        match amtsbote_store_sql::sweep(&store, &blobs, Timestamp::from_millis(before)).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(
                blob.count = count,
                "swept {count} attachments that nothing refers to"
            ),
            Err(error) => {
                tracing::error!(error = %error, "attachments could not be swept: {error}");
            }
        }
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(SWEEP_PAUSE) => {}
        }
    }
}

//! Sends the mails that wait in the store.
//!
//! ```text
//!  store.due_mails ──► claim (due later) ──► Postman::deliver ──taken──► dropped
//!                                                 └──else──► postponed with back-off and full jitter, or given up
//! ```
//!
//! One after the other, since there is one server. At least once: a process that dies between the server's word and our note of
//! it sends the mail again after its claim, under the same `Message-ID`. Of several gateways one is on duty, and a claim that
//! another one has made is refused.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_store::{Batch, Committed, Error, Mail, Reply, Upkeep};

use crate::Context;
use crate::backoff::{Backoff, dice};

/// Mails sent before anything else gets its turn.
const LOOK_MAX: u32 = 50;

/// Hands a mail to a server; one call is one try, and ends by itself.
pub trait Postman: Send + Sync {
    /// Whether the server has taken it.
    fn deliver<'a>(&'a self, mail: &'a Mail) -> Reply<'a, Result<(), Undelivered>>;
}

/// Why no server has the mail. The reason names neither addresses nor the server's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// Perhaps later.
    Later(String),
    /// Never this mail.
    Never(String),
}

/// How long and how hard mails are tried.
#[derive(Debug, Clone, Copy)]
pub struct MailPolicy {
    /// Waits between the tries of one mail.
    pub backoff: Backoff,
    /// A mail that could not be delivered for so long is given up.
    pub give_up_after: Duration,
    /// How long a mail in hand belongs to this process. Longer than one call takes.
    pub lease: Duration,
    /// Pause between two looks.
    pub poll: Duration,
}

impl Default for MailPolicy {
    /// Waits up to 1 min doubling to 2 h, for 4 days; a look every 10 s.
    fn default() -> Self {
        Self {
            backoff: Backoff {
                first: Duration::from_mins(1),
                max: Duration::from_hours(2),
            },
            give_up_after: Duration::from_hours(4 * 24),
            lease: Duration::from_mins(5),
            poll: Duration::from_secs(10),
        }
    }
}

/// Sends mails.
pub struct MailWorker {
    context: Context,
    postman: Arc<dyn Postman>,
    policy: MailPolicy,
}

/// Whether the log knows that the server is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Well,
    Away,
}

impl MailWorker {
    /// A worker that sends through `postman`.
    pub fn new(context: Context, postman: Arc<dyn Postman>, policy: MailPolicy) -> Self {
        Self {
            context,
            postman,
            policy,
        }
    }

    /// Sends what is due while this gateway is on duty, until `stop` resolves. A mail in hand is finished.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut server = Server::Well;
        loop {
            let duty = self.context.duty().next();
            if self.context.duty().is_on()
                && let Err(error) = self.look(&mut server).await
            {
                tracing::error!(error = %error, "mails could not be read or noted: {error}");
            }
            tokio::select! {
                () = &mut stop => return,
                () = duty => {}
                () = tokio::time::sleep(self.policy.poll) => {}
            }
        }
    }

    /// Sends what is due now, up to the first mail that has to wait.
    pub async fn round(&self) -> Result<(), Error> {
        let mut server = Server::Well;
        self.look(&mut server).await
    }

    async fn look(&self, server: &mut Server) -> Result<(), Error> {
        for _ in 0..LOOK_MAX {
            let now = self.context.now();
            let due = self.context.store().due_mails(now, 1).await?;
            let Some(mut mail) = due.into_iter().next() else {
                return Ok(());
            };
            let claimed_until = now.plus(self.policy.lease);
            let claim = Upkeep::PostponeMail {
                id: mail.id,
                was_due_at: mail.due_at,
                tries: mail.tries,
                due_at: claimed_until,
            };
            // Refused, another gateway has it.
            if self.note(claim).await? != Committed::Done {
                return Ok(());
            }
            mail.due_at = claimed_until;
            // It is due again when the claim ends.
            amtsbote_names::fail_point!(ReminderClaimed);
            let settled = self.send(&mail, server).await;
            let waits = matches!(settled, Upkeep::PostponeMail { .. });
            // Refused, our claim had ended: whoever has the mail now settles it.
            self.note(settled).await?;
            if waits {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn note(&self, upkeep: Upkeep) -> Result<Committed, Error> {
        let batch = Batch::new().with(upkeep.into());
        self.context.store().commit(batch).await
    }

    async fn send(&self, mail: &Mail, server: &mut Server) -> Upkeep {
        let id = mail.destination_id;
        match self.postman.deliver(mail).await {
            Ok(()) => {
                amtsbote_names::fail_point!(ReminderSent);
                if *server == Server::Away {
                    tracing::info!("the mail server takes mails again");
                }
                *server = Server::Well;
                tracing::info!(destination.id = %id, "a reminder about {id} was handed to the mail server");
                Upkeep::DropMail(mail.id)
            }
            Err(Undelivered::Never(reason)) => {
                tracing::warn!(destination.id = %id, "a reminder about {id} cannot be delivered, check the destination's contact: {reason}");
                Upkeep::DropMail(mail.id)
            }
            Err(Undelivered::Later(reason)) => self.later(mail, (server, reason)),
        }
    }

    fn later(&self, mail: &Mail, (server, reason): (&mut Server, String)) -> Upkeep {
        let (now, id) = (self.context.now(), mail.destination_id);
        if now.since(mail.made_at) >= self.policy.give_up_after {
            tracing::error!(destination.id = %id, "a reminder about {id} is given up, nobody was told: {reason}");
            return Upkeep::DropMail(mail.id);
        }
        if *server == Server::Well {
            tracing::warn!("mails cannot be sent, they are tried again: {reason}");
        }
        *server = Server::Away;
        let tries = mail.tries.saturating_add(1);
        Upkeep::PostponeMail {
            id: mail.id,
            was_due_at: mail.due_at,
            tries,
            due_at: now.plus(self.policy.backoff.wait(tries, None, dice())),
        }
    }
}

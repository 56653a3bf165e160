//! What does not go on at the gateway: callbacks, mails, submissions on their way through an uplink, and what `amtsbote verify` found.
//!
//! The outbox itself is the list: what is in it for more than a minute waits for somebody. Nothing is kept about it twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_gateway::{CallbackPolicy, MailPolicy};
use amtsbote_model::incident::Number;
use amtsbote_model::{DestinationId, Subject, SubmissionId, Timestamp};
use amtsbote_settings as settings;
use amtsbote_store::{Mail, Notice, RelayRow, Relays, Store};
use anyhow::Result;
use url::Url;

use super::words::{About, about_texts};
use crate::args::StuckKind;
use crate::database;
use crate::integrity::{self, Integrity};
use crate::uplinks;

/// What waits longer is no hiccup.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// Rows looked at of each kind, at most.
const ROWS_MAX: u32 = 100_000;
/// Whenever it is due.
const EVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// One thing that does not go on.
pub(crate) struct Held {
    pub(crate) kind: StuckKind,
    pub(crate) destination_id: Option<DestinationId>,
    /// What fails together: a host, an uplink, a database.
    pub(crate) place: String,
    pub(crate) cause: &'static str,
    /// What it is, for people: ids, nothing personal.
    pub(crate) about: String,
    pub(crate) submission_id: Option<SubmissionId>,
    pub(crate) since: Timestamp,
    pub(crate) tries: u32,
    pub(crate) next: Option<Timestamp>,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) row: Row,
}

/// The row behind it.
pub(crate) enum Row {
    Notice(Box<Notice>),
    Mail(Box<Mail>),
    Relay(Box<RelayRow>),
    Finding(integrity::Key),
}

/// Things of one kind that fail together.
pub(crate) struct Heap {
    pub(crate) number: Number,
    pub(crate) held: Vec<Held>,
}

impl Heap {
    /// Any of them; there is never none.
    pub(crate) fn one(&self) -> &Held {
        &self.held[0]
    }

    pub(crate) fn first_seen(&self) -> Timestamp {
        self.one().since
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.held.iter().filter_map(|held| held.deadline).min()
    }

    /// Whether somebody has to know now.
    pub(crate) fn is_serious(&self, now: Timestamp) -> bool {
        self.one().kind == StuckKind::Integrity || now.since(self.first_seen()) >= PATIENCE
    }
}

/// The gateway's databases, opened as a guest, and the folder they lie in.
pub(crate) struct GatewayDesk {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) relays: Option<Arc<dyn Relays>>,
    give_up: (Duration, Duration),
    unanswered: Duration,
}

impl GatewayDesk {
    /// `None` if the gateway has never run here.
    pub(crate) async fn open(
        settings: &settings::Gateway,
        unanswered: Duration,
    ) -> Result<Option<Self>> {
        let Some(opened) = database::open_beside(settings).await? else {
            return Ok(None);
        };
        let relays = uplinks::relays_beside(settings).await?;
        let callbacks = settings.callbacks.give_up_after;
        let callbacks = callbacks.map_or(CallbackPolicy::default().give_up_after, |span| span.0);
        Ok(Some(Self {
            store: opened.store,
            relays,
            give_up: (callbacks, MailPolicy::default().give_up_after),
            unanswered,
        }))
    }

    /// All that does not go on, in heaps; the nearest deadline first.
    pub(crate) async fn heaps(&self, now: Timestamp) -> Result<Vec<Heap>> {
        let mut held = self.callbacks(now).await?;
        held.extend(self.mails(now).await?);
        held.extend(self.relays().await?);
        let mut heaps: BTreeMap<Number, Heap> = BTreeMap::new();
        for one in held {
            put(&mut heaps, one);
        }
        Ok(sorted(heaps))
    }

    async fn callbacks(&self, now: Timestamp) -> Result<Vec<Held>> {
        let mut found = Vec::new();
        let mut known: BTreeMap<Subject, Option<DestinationId>> = BTreeMap::new();
        for notice in self.store.due(EVER, ROWS_MAX).await? {
            if notice.tries == 0 && now.since(notice.made_at) < PATIENCE {
                continue;
            }
            let subject = notice.subject;
            let destination_id = match known.get(&subject) {
                Some(known) => *known,
                None => self.destination(subject).await?,
            };
            known.insert(subject, destination_id);
            found.push(Held {
                kind: StuckKind::Callback,
                destination_id,
                place: host(&notice.url),
                cause: "callback-unanswered",
                about: format!("callback about {subject}"),
                submission_id: match subject {
                    Subject::Submission(id) => Some(id),
                    Subject::Reply(_) => None,
                },
                since: notice.made_at,
                tries: notice.tries,
                next: Some(notice.due_at),
                deadline: Some(notice.made_at.plus(self.give_up.0)),
                row: Row::Notice(Box::new(notice)),
            });
        }
        Ok(found)
    }

    async fn destination(&self, of: Subject) -> Result<Option<DestinationId>> {
        Ok(match of {
            Subject::Submission(id) => {
                let found = self.store.submission(id).await?;
                found.map(|found| found.destination_id)
            }
            Subject::Reply(id) => {
                let found = self.store.reply(id).await?;
                found.map(|found| found.destination_id)
            }
        })
    }

    async fn mails(&self, now: Timestamp) -> Result<Vec<Held>> {
        let mails = self.store.due_mails(EVER, ROWS_MAX).await?.into_iter();
        let stuck = mails.filter(|mail| mail.tries > 0 || now.since(mail.made_at) >= PATIENCE);
        let held = stuck.map(|mail| Held {
            kind: StuckKind::Mail,
            destination_id: Some(mail.destination_id),
            place: "gateway.mail".to_owned(),
            cause: "mail-not-taken",
            about: "reminder".to_owned(),
            submission_id: None,
            since: mail.made_at,
            tries: mail.tries,
            next: Some(mail.due_at),
            deadline: Some(mail.made_at.plus(self.give_up.1)),
            row: Row::Mail(Box::new(mail)),
        });
        Ok(held.collect())
    }

    async fn relays(&self) -> Result<Vec<Held>> {
        let Some(relays) = &self.relays else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for row in relays.due(EVER, ROWS_MAX).await? {
            if row.relay.tries() == 0 {
                continue;
            }
            let id = row.submission_id;
            // Deleted meanwhile: nothing waits for it any more.
            let Some(submission) = self.store.submission(id).await? else {
                continue;
            };
            let since = submission.submitted_at.unwrap_or(submission.created_at);
            found.push(Held {
                kind: StuckKind::Uplink,
                destination_id: Some(submission.destination_id),
                place: row.uplink.clone(),
                cause: "uplink-failing",
                about: format!("submission {id}, {}", row.relay.name()),
                submission_id: Some(id),
                since,
                tries: row.relay.tries(),
                next: row.relay.due_at(),
                deadline: Some(since.plus(self.unanswered)),
                row: Row::Relay(Box::new(row)),
            });
        }
        Ok(found)
    }
}

/// What `verify` found last and nobody has released.
pub(crate) fn findings(integrity: &Integrity) -> Vec<Heap> {
    let mut heaps = BTreeMap::new();
    for finding in integrity.open() {
        let held = Held {
            kind: StuckKind::Integrity,
            destination_id: None,
            place: finding.key.place.clone(),
            cause: integrity::cause(&finding.key.kind),
            about: finding.what.clone(),
            submission_id: None,
            since: finding.first_seen(),
            tries: 0,
            next: None,
            deadline: None,
            row: Row::Finding(finding.key.clone()),
        };
        put(&mut heaps, held);
    }
    sorted(heaps)
}

fn put(heaps: &mut BTreeMap<Number, Heap>, held: Held) {
    let destination = held.destination_id.map(|id| id.to_string());
    let number = Number::of(&format!(
        "{} {} {} {}",
        held.kind.name(),
        destination.unwrap_or_default(),
        held.place,
        held.cause
    ));
    let heap = heaps.entry(number).or_insert_with(|| Heap {
        number,
        held: Vec::new(),
    });
    heap.held.push(held);
}

fn sorted(heaps: BTreeMap<Number, Heap>) -> Vec<Heap> {
    let mut heaps: Vec<Heap> = heaps.into_values().collect();
    for heap in &mut heaps {
        heap.held.sort_by_key(|held| held.since);
    }
    heaps.sort_by_key(|heap| {
        (
            heap.deadline().unwrap_or(EVER),
            heap.first_seen(),
            heap.number,
        )
    });
    heaps
}

/// Host and port: nothing else of a URL is ever shown.
fn host(url: &str) -> String {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let port = url.as_ref().and_then(Url::port_or_known_default);
    format!("{host}:{}", port.unwrap_or_default())
}

/// What is wrong, and what to do next.
pub(crate) fn about(kind: StuckKind) -> About {
    let (label, step) = match kind {
        StuckKind::Callback => (
            (
                "ein Empfänger nimmt Callbacks nicht an",
                "a receiver does not take callbacks",
            ),
            (
                "Er erfährt es auch durch Abrufen. Läuft sein Dienst, ist der Rechner von hier aus erreichbar, passt das Zertifikat? `incident retry` wartet nicht auf den nächsten Versuch",
                "It learns of it by polling, too. Does its service run, can its host be reached from here, does the certificate fit? `incident retry` does not wait for the next try",
            ),
        ),
        StuckKind::Mail => (
            (
                "der Mailserver nimmt Erinnerungen nicht an",
                "the mail server does not take reminders",
            ),
            (
                "[gateway.mail] prüfen: Server, Kennung, Passwortdatei, Zertifikat; bis dahin die Zustellpunkte auf anderem Weg erinnern. `incident retry` wartet nicht auf den nächsten Versuch",
                "Check [gateway.mail]: server, user, password file, certificate; until then remind the destinations in another way. `incident retry` does not wait for the next try",
            ),
        ),
        StuckKind::Uplink => (
            (
                "der fremde Zustelldienst ist nicht zu erreichen oder weist uns ab",
                "the foreign delivery service cannot be reached or refuses us",
            ),
            (
                "`amtsbote uplink test` zeigt, woran es liegt: Verbindung, Zugang, Zustellpunkt; danach `incident retry`",
                "`amtsbote uplink test` shows why: connection, access, destination; then `incident retry`",
            ),
        ),
        StuckKind::Integrity => (
            (
                "Gespeichertes ist nicht mehr, wie es geschrieben wurde",
                "what is stored is not as it was written",
            ),
            (
                "Nichts davon wird ausgeliefert. Datenträger prüfen, aus einer Sicherung zurückholen (`amtsbote restore`), `amtsbote verify` wiederholen; was bekannt ist und so bleibt, mit `incident release --reason` abhaken",
                "None of it is delivered. Check the disk, restore from a backup (`amtsbote restore`), run `amtsbote verify` again; tick off what is known and stays so with `incident release --reason`",
            ),
        ),
        // Those of agents have a catalogue of their own, by cause.
        StuckKind::Delivery | StuckKind::Reply => (("-", "-"), ("-", "-")),
    };
    about_texts(label, step)
}

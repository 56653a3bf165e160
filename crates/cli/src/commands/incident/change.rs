//! `incident retry | park | release | replay | reject`: planned first, then changed one row after the other.

use amtsbote_model::delivery::{Delivery, Event, Restart};
use amtsbote_model::{Clock as _, Timestamp};
use amtsbote_store::{AnswerMove, Intervention, Swapped};
use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::desks::{Desks, Filter, Item, What};
use super::held::Heap;
use super::next::{delivery_next, reply_next};
use super::{gateway_change, version, words};
use crate::args::{ChangeStuck, StuckKind};
use crate::clock::SystemClock;
use crate::talk::{Form, Talk};

/// Rows named one by one when a plan is shown to people, at most.
const SHOWN_MAX: usize = 20;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Command<'a> {
    Retry,
    Park,
    Release,
    Replay(Restart),
    /// With what the sender is told.
    Reject(&'a str),
}

impl Command<'_> {
    /// As it is noted.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Retry => "incident retry".to_owned(),
            Self::Park => "incident park".to_owned(),
            Self::Release => "incident release".to_owned(),
            Self::Replay(from) => format!("incident replay ({})", from.name()),
            Self::Reject(_) => "incident reject".to_owned(),
        }
    }

    pub(super) fn event(self) -> Event {
        match self {
            Self::Retry => Event::Retried,
            Self::Park => Event::ParkedByOperator,
            Self::Release => Event::Released,
            Self::Replay(from) => Event::Restarted(from),
            Self::Reject(told) => Event::RejectedByOperator {
                detail: told.to_owned(),
            },
        }
    }
}

/// More than one row, or a hand-over that has happened: needs `--yes`. Exit code 3.
#[derive(Debug)]
pub(crate) struct Unconfirmed(String);

impl Unconfirmed {
    /// So many would be changed.
    pub(crate) fn new(count: usize, talk: Talk) -> Self {
        Self(match talk.pick("de", "en") {
            "de" => format!("nichts geändert: {count} Zeilen würden es. Mit --yes geschieht es."),
            _ => format!("nothing changed: {count} rows would be. With --yes they are."),
        })
    }
}

impl std::fmt::Display for Unconfirmed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unconfirmed {}

/// What a row would become.
enum Next {
    Delivery(Delivery),
    Reply(AnswerMove),
}

impl Next {
    fn words(&self) -> String {
        match self {
            Self::Delivery(delivery) => words::delivery(delivery),
            Self::Reply(to) => words::answer_state(to.state, (to.tries, to.at)),
        }
    }
}

/// What becomes of a row.
enum Fate {
    /// It can be changed, or would be.
    Planned(Next),
    /// It is changed.
    Changed(String),
    /// A worker was faster; it is left as it is now.
    MovedOn(String),
    /// It cannot be changed, and why.
    NotPossible(String),
}

struct Row {
    item: Item,
    before: String,
    fate: Fate,
}

pub(crate) async fn run(
    command: Command<'_>,
    (args, package): (&ChangeStuck, Option<&str>),
    talk: Talk,
) -> Result<()> {
    let reason = reason(args, talk)?;
    let desks = Desks::open(&args.state, talk).await?;
    let now = SystemClock.now();
    if let Some(heap) = heap(args, &desks, now, talk).await? {
        let with = (args, reason.as_deref(), &desks);
        return gateway_change::run(command, &heap, with, talk).await;
    }
    if let Some(package) = package {
        version::check(package, desks.packages.as_ref(), talk)?;
    }
    let items = chosen(args, &desks, talk).await?;
    let mut rows: Vec<Row> = items
        .into_iter()
        .map(|item| planned(item, (command, package), now, talk))
        .collect();
    if args.dry_run {
        return tell(&rows, Mode::DryRun, talk);
    }
    confirm(&rows, (command, args), talk)?;
    let count = rows.len();
    for (nr, row) in rows.iter_mut().enumerate() {
        if let Fate::Planned(_) = row.fate {
            talk.progress(&format!("{}/{count}", nr + 1));
            apply(row, (command, package), (&desks, reason.as_deref())).await?;
        }
    }
    talk.progress_done();
    tell(&rows, Mode::Done, talk)?;
    let left = rows
        .iter()
        .filter(|row| !matches!(row.fate, Fate::Changed(_)));
    match left.count() {
        0 => Ok(()),
        open => bail!(not_changed(open, count, talk)),
    }
}

/// Something was not changed.
pub(crate) fn not_changed(left: usize, count: usize, talk: Talk) -> anyhow::Error {
    talk.error(
        format_args!("{left} von {count} sind nicht geändert; warum, steht bei jeder"),
        format_args!("{left} of {count} are not changed; each says why"),
    )
}

/// The gateway's things, if they are meant: by their number.
async fn heap(
    args: &ChangeStuck,
    desks: &Desks,
    now: Timestamp,
    talk: Talk,
) -> Result<Option<Heap>> {
    let is_agents = |kind: StuckKind| kind.is_delivery() || kind.is_reply();
    let Some(number) = args.incident else {
        if args.kind.is_none_or(is_agents) {
            return Ok(None);
        }
        bail!(talk.error(
            "was beim Gateway feststeckt, wird mit seiner Nummer genannt: `amtsbote incident list`",
            "what is stuck at the gateway is named by its number: `amtsbote incident list`",
        ))
    };
    let heaps = desks.heaps(now).await?;
    Ok(heaps.into_iter().find(|heap| heap.number == number))
}

fn reason(args: &ChangeStuck, talk: Talk) -> Result<Option<String>> {
    let reason = args.reason.as_deref();
    let reason = reason.map(|reason| one_line("--reason", reason, talk));
    Ok(reason.transpose()?.map(str::to_owned))
}

/// What an operator writes: something, in one line.
pub(crate) fn one_line<'t>(option: &str, text: &'t str, talk: Talk) -> Result<&'t str> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 500 || text.chars().any(char::is_control) {
        bail!(talk.error(
            format_args!("{option}: 1 bis 500 Zeichen in einer Zeile, nichts Persönliches"),
            format_args!("{option}: 1 to 500 characters in one line, nothing personal"),
        ))
    }
    Ok(text)
}

/// The rows that the options mean. Submissions are taken whatever their state; the rest only if it is stuck.
async fn chosen(args: &ChangeStuck, desks: &Desks, talk: Talk) -> Result<Vec<Item>> {
    let filter = Filter {
        number: args.incident,
        destination: args.destination,
        cause: args.cause.as_deref(),
        kind: args.kind,
    };
    let mut items = Vec::new();
    if args.submissions.is_empty() {
        if args.incident.is_none() && args.destination.is_none() && args.cause.is_none() {
            bail!(talk.error(
                "welche? Die Nummer einer Störung, --submission, --destination oder --cause angeben",
                "which? Give an incident's number, --submission, --destination or --cause",
            ))
        }
        let stuck = desks.stuck(talk).await?.into_iter();
        items.extend(
            stuck
                .filter(|(stuck, _)| filter.takes(stuck))
                .map(|(_, item)| item),
        );
    }
    for id in &args.submissions {
        let found = desks.submission(*id).await?;
        let before = items.len();
        items.extend(found.into_iter().filter(|item| match item.what {
            What::Delivery(_) => args.kind.is_none_or(StuckKind::is_delivery),
            What::Reply(..) => args.kind.is_some_and(StuckKind::is_reply),
        }));
        if items.len() == before {
            bail!(talk.error(
                format_args!("der Agent kennt {id} nicht"),
                format_args!("the agent does not know {id}"),
            ))
        }
    }
    if items.is_empty() {
        bail!(talk.error(
            "nichts steckt fest, worauf das zutrifft; `amtsbote incident list` zeigt, was es gibt",
            "nothing is stuck that this fits; `amtsbote incident list` shows what there is",
        ))
    }
    Ok(items)
}

fn planned(
    item: Item,
    (command, package): (Command<'_>, Option<&str>),
    now: Timestamp,
    talk: Talk,
) -> Row {
    let before = words::state(&item);
    let next = match &item.what {
        What::Delivery(row) => delivery_next(&row.delivery, command, now, talk)
            .map(|next| match package {
                Some(package) => version::with(next, package),
                None => next,
            })
            .map(Next::Delivery),
        What::Reply(_, row) => reply_next(row, command, now, talk).map(Next::Reply),
    };
    let fate = next.map_or_else(Fate::NotPossible, Fate::Planned);
    Row { item, before, fate }
}

/// Nothing is changed in bulk, and no hand-over that may have happened is repeated, without a word.
fn confirm(rows: &[Row], (command, args): (Command<'_>, &ChangeStuck), talk: Talk) -> Result<()> {
    if args.yes {
        return Ok(());
    }
    let planned = |row: &&Row| matches!(row.fate, Fate::Planned(_));
    let count = rows.iter().filter(planned).count();
    let repeats = rows
        .iter()
        .filter(planned)
        .any(|row| has_begun(&row.item, command));
    let is_final = count > 0 && matches!(command, Command::Reject(_));
    if count <= 1 && !repeats && !is_final {
        return Ok(());
    }
    tell(rows, Mode::DryRun, talk)?;
    let warning = if is_final {
        talk.pick(
            " Eine Ablehnung ist endgültig, und der Absender liest den Text. Wo die Übergabe schon begonnen hat (ein Paket steht dabei), liegt der Antrag womöglich auch im Fachverfahren.",
            " A rejection is final, and the sender reads the text. Where the hand-over has begun (a package is named), the procedure may have the application, too.",
        )
    } else if repeats {
        talk.pick(
            " Bei manchen hat die Übergabe schon begonnen: das Fachverfahren sieht womöglich dieselbe Paket-Id noch einmal, mit einer einzigen Wirkung.",
            " With some, the hand-over has begun before: the procedure may see the same parcel id once more, with a single effect.",
        )
    } else {
        ""
    };
    Err(Unconfirmed(match talk.pick("de", "en") {
        "de" => {
            format!("nichts geändert: {count} Zeilen würden es.{warning} Mit --yes geschieht es.")
        }
        _ => format!("nothing changed: {count} rows would be.{warning} With --yes they are."),
    })
    .into())
}

/// Whether the procedure may have it already: with another package it would get other bytes under the same id.
fn has_begun(item: &Item, command: Command<'_>) -> bool {
    match (&item.what, command) {
        (What::Delivery(row), Command::Replay(_)) => row.delivery.package().is_some(),
        (
            What::Delivery(_),
            Command::Retry | Command::Park | Command::Release | Command::Reject(_),
        )
        | (What::Reply(..), _) => false,
    }
}

async fn apply(
    row: &mut Row,
    (command, package): (Command<'_>, Option<&str>),
    (desks, reason): (&Desks, Option<&str>),
) -> Result<()> {
    let Fate::Planned(next) = &row.fate else {
        return Ok(());
    };
    let after = next.words();
    let note = Intervention {
        at: SystemClock.now(),
        who: crate::operator::name(),
        command: match package {
            Some(package) => format!("{} with {package}", command.name()),
            None => command.name(),
        },
        reason: reason.map(str::to_owned),
        submission_id: row.item.submission_id(),
        answer: row.item.reply_key().map(str::to_owned),
        before: row.before.clone(),
        after: after.clone(),
    };
    let store = &desks.all[row.item.desk].store;
    let swapped = match (next, &row.item.what) {
        (Next::Delivery(delivery), What::Delivery(stored)) => {
            store
                .change_delivery(stored.revision, delivery.clone(), note)
                .await?
        }
        (Next::Reply(to), What::Reply(_, stored)) => {
            store.change_answer(stored.revision, *to, note).await?
        }
        (Next::Delivery(_), What::Reply(..)) | (Next::Reply(_), What::Delivery(_)) => {
            Swapped::Stale
        }
    };
    row.fate = match swapped {
        Swapped::Done => Fate::Changed(after),
        Swapped::Stale => {
            let now = desks.again(&row.item).await?;
            Fate::MovedOn(now.map(|item| words::state(&item)).unwrap_or_default())
        }
    };
    Ok(())
}

/// Whether anything has happened yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    DryRun,
    Done,
}

fn tell(rows: &[Row], mode: Mode, talk: Talk) -> Result<()> {
    if talk.form() == Form::Json {
        let shown: Vec<Value> = rows.iter().map(row_json).collect();
        talk.json(&json!({ "dryRun": mode == Mode::DryRun, "rows": shown }))?;
        return Ok(());
    }
    for row in rows.iter().take(SHOWN_MAX) {
        let (id, before) = (row.item.submission_id(), &row.before);
        match &row.fate {
            Fate::Planned(next) => {
                let word = talk.pick("würde", "would become");
                talk.data(format_args!("{id}  {before} → {word}: {}", next.words()))?;
            }
            Fate::Changed(after) => talk.data(format_args!("{id}  {before} → {after}"))?,
            Fate::MovedOn(now) => {
                let word = talk.pick("inzwischen", "moved on meanwhile");
                talk.data(format_args!("{id}  {word}: {now}"))?;
            }
            Fate::NotPossible(why) => {
                let word = talk.pick("nicht möglich", "not possible");
                talk.data(format_args!("{id}  {before}: {word}: {why}"))?;
            }
        }
    }
    let more = rows.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        let word = talk.pick("weitere; alle mit --json", "more; all with --json");
        talk.data(format_args!("… {more} {word}"))?;
    }
    let count = |wanted: fn(&Fate) -> bool| rows.iter().filter(|row| wanted(&row.fate)).count();
    let planned = count(|fate| matches!(fate, Fate::Planned(_)));
    let changed = count(|fate| matches!(fate, Fate::Changed(_)));
    let moved = count(|fate| matches!(fate, Fate::MovedOn(_)));
    let refused = count(|fate| matches!(fate, Fate::NotPossible(_)));
    talk.say(match (mode, talk.pick("de", "en")) {
        (Mode::DryRun, "de") => {
            format!("Probelauf: {planned} würden geändert, {refused} nicht möglich")
        }
        (Mode::DryRun, _) => format!("dry run: {planned} would be changed, {refused} not possible"),
        (Mode::Done, "de") => {
            format!("{changed} geändert, {moved} inzwischen weiter, {refused} nicht möglich")
        }
        (Mode::Done, _) => format!("{changed} changed, {moved} moved on, {refused} not possible"),
    });
    Ok(())
}

fn row_json(row: &Row) -> Value {
    let (outcome, after, why) = match &row.fate {
        Fate::Planned(next) => ("planned", Some(next.words()), None),
        Fate::Changed(after) => ("changed", Some(after.clone()), None),
        Fate::MovedOn(now) => ("moved-on", Some(now.clone()), None),
        Fate::NotPossible(why) => ("not-possible", None, Some(why.clone())),
    };
    json!({
        "submissionId": row.item.submission_id(),
        "destinationId": row.item.destination_id(),
        "reply": row.item.reply_key(),
        "outcome": outcome,
        "before": row.before,
        "after": after,
        "why": why,
    })
}

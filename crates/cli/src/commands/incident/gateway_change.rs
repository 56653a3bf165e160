//! `incident retry` and `release` of what the gateway holds: noted, then changed, one after the other.

use amtsbote_model::relay::{Event, Failed};
use amtsbote_model::{Clock as _, Timestamp};
use amtsbote_store::{Batch, Change, Committed, RelayRow, Swapped, Upkeep};
use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::change::{Command, Mode, Unconfirmed, not_changed};
use super::desks::Desks;
use super::held::{Heap, Held, Row};
use crate::args::ChangeStuck;
use crate::clock::SystemClock;
use crate::integrity::{self, Integrity, Note};
use crate::talk::{Form, Talk};

/// What becomes of one thing.
enum Fate {
    Planned(String),
    Changed(String),
    MovedOn,
    NotPossible(&'static str),
}

/// Changes a heap's things.
pub(crate) async fn run(
    command: Command<'_>,
    heap: &Heap,
    (args, reason, desks): (&ChangeStuck, Option<&str>, &Desks),
    talk: Talk,
) -> Result<()> {
    let now = SystemClock.now();
    let mut fates: Vec<Fate> = heap
        .held
        .iter()
        .map(|held| planned(held, command, now, talk))
        .collect();
    if args.dry_run {
        return tell(heap, &fates, Mode::DryRun, talk);
    }
    let count = fates
        .iter()
        .filter(|fate| matches!(fate, Fate::Planned(_)))
        .count();
    if count > 1 && !args.yes {
        tell(heap, &fates, Mode::DryRun, talk)?;
        return Err(Unconfirmed::new(count, talk).into());
    }
    for (held, fate) in heap.held.iter().zip(&mut fates) {
        if let Fate::Planned(after) = fate {
            let after = after.clone();
            note(held, command, (desks, reason, &after))?;
            // Dying here leaves a note of something that did not happen: the operator asks again, and finds it unchanged.
            *fate = if apply(held, desks, now).await? {
                Fate::Changed(after)
            } else {
                Fate::MovedOn
            };
        }
    }
    tell(heap, &fates, Mode::Done, talk)?;
    let open = fates
        .iter()
        .filter(|fate| !matches!(fate, Fate::Changed(_)));
    match open.count() {
        0 => Ok(()),
        open => bail!(not_changed(open, fates.len(), talk)),
    }
}

fn planned(held: &Held, command: Command<'_>, now: Timestamp, talk: Talk) -> Fate {
    match (&held.row, command) {
        (Row::Notice(_) | Row::Mail(_) | Row::Relay(_), Command::Retry) => {
            Fate::Planned(format!("due {now}"))
        }
        (Row::Finding(_), Command::Release) => Fate::Planned("released".to_owned()),
        (
            Row::Finding(_),
            Command::Retry | Command::Park | Command::Replay(_) | Command::Reject(_),
        ) => Fate::NotPossible(talk.pick(
            "ein Befund: `amtsbote verify` sieht noch einmal nach, `incident release` hakt ihn ab",
            "a finding: `amtsbote verify` looks again, `incident release` ticks it off",
        )),
        (
            Row::Notice(_) | Row::Mail(_) | Row::Relay(_),
            Command::Park | Command::Release | Command::Replay(_) | Command::Reject(_),
        ) => Fate::NotPossible(talk.pick(
            "hier geht nur `incident retry`: es läuft von selbst weiter und wird nicht angehalten",
            "only `incident retry` is possible here: it goes on by itself and is not stopped",
        )),
    }
}

fn note(
    held: &Held,
    command: Command<'_>,
    (desks, reason, after): (&Desks, Option<&str>, &str),
) -> Result<()> {
    let Some(home) = &desks.home else {
        return Ok(());
    };
    let next = held.next.map(|next| format!(", next {next}"));
    let note = Note {
        at: SystemClock.now().to_rfc3339(),
        who: crate::operator::name(),
        command: command.name(),
        reason: reason.map(str::to_owned),
        submission_id: held.submission_id.map(|id| id.to_string()),
        what: format!("{} {}: {}", held.kind.name(), held.place, held.about),
        before: format!("{} tries{}", held.tries, next.unwrap_or_default()),
        after: after.to_owned(),
    };
    integrity::note(home, &note)
}

/// Whether it was still as it was read.
async fn apply(held: &Held, desks: &Desks, now: Timestamp) -> Result<bool> {
    if let Row::Finding(key) = &held.row {
        let Some(home) = &desks.home else {
            return Ok(false);
        };
        return Integrity::release(home, key, &crate::operator::name(), now);
    }
    let Some(gateway) = &desks.gateway else {
        return Ok(false);
    };
    let change = match &held.row {
        Row::Notice(notice) => Change::Postpone {
            id: notice.id,
            was_due_at: notice.due_at,
            tries: notice.tries,
            due_at: now,
        },
        Row::Mail(mail) => Upkeep::PostponeMail {
            id: mail.id,
            was_due_at: mail.due_at,
            tries: mail.tries,
            due_at: now,
        }
        .into(),
        Row::Relay(row) => {
            let Some(relays) = &gateway.relays else {
                return Ok(false);
            };
            let Some(row) = due_now(row, now) else {
                return Ok(false);
            };
            return Ok(relays.swap(row).await? == Swapped::Done);
        }
        Row::Finding(_) => return Ok(false),
    };
    let committed = gateway.store.commit(Batch::new().with(change)).await?;
    Ok(committed == Committed::Done)
}

fn due_now(row: &RelayRow, now: Timestamp) -> Option<RelayRow> {
    let later = Event::Later {
        failure: Failed::No,
        at: now,
    };
    let relay = row.relay.clone().step(later, now).ok()?;
    Some(RelayRow {
        relay,
        ..row.clone()
    })
}

fn tell(heap: &Heap, fates: &[Fate], mode: Mode, talk: Talk) -> Result<()> {
    let rows = heap.held.iter().zip(fates);
    if talk.form() == Form::Json {
        let rows: Vec<Value> = rows.map(|(held, fate)| row_json(held, fate)).collect();
        talk.json(&json!({ "dryRun": mode == Mode::DryRun, "rows": rows }))?;
        return Ok(());
    }
    for (held, fate) in rows {
        let what = match fate {
            Fate::Planned(after) => format!("{}: {after}", talk.pick("würde", "would become")),
            Fate::Changed(after) => after.clone(),
            Fate::MovedOn => talk
                .pick("inzwischen weiter", "moved on meanwhile")
                .to_owned(),
            Fate::NotPossible(why) => {
                format!("{}: {why}", talk.pick("nicht möglich", "not possible"))
            }
        };
        talk.data(format_args!("{} {}  {what}", held.place, held.about))?;
    }
    Ok(())
}

fn row_json(held: &Held, fate: &Fate) -> Value {
    let (outcome, after, why) = match fate {
        Fate::Planned(after) => ("planned", Some(after), None),
        Fate::Changed(after) => ("changed", Some(after), None),
        Fate::MovedOn => ("moved-on", None, None),
        Fate::NotPossible(why) => ("not-possible", None, Some(why)),
    };
    json!({
        "submissionId": held.submission_id,
        "destinationId": held.destination_id,
        "what": held.about,
        "outcome": outcome,
        "after": after,
        "why": why,
    })
}

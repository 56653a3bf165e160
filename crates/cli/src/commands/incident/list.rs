//! `incident list` and `incident audit`.

use std::collections::BTreeMap;
use std::time::Duration;

use amtsbote_model::incident::Incident;
use amtsbote_model::{Clock as _, DestinationId, Timestamp};
use amtsbote_store::Intervention;
use anyhow::Result;
use serde_json::{Value, json};

use super::desks::{Desks, Filter, Item, incidents};
use super::words;
use crate::args::{AuditIncidents, ListIncidents};
use crate::clock::SystemClock;
use crate::talk::{Form, Talk};

/// What lasts longer is no hiccup.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn run(args: &ListIncidents, talk: Talk) -> Result<()> {
    let desks = Desks::open(&args.state, talk)?;
    let items = desks.open_items(talk).await?;
    let going_well = going_well(&items, &desks);
    let filter = Filter {
        number: None,
        destination: args.destination,
        cause: args.cause.as_deref(),
        kind: args.kind,
    };
    let stuck: Vec<_> = items
        .into_iter()
        .filter_map(|item| Some((item.stuck(desks.unanswered)?, item)))
        .filter(|(stuck, _)| filter.takes(stuck))
        .collect();
    let now = SystemClock.now();
    let found = incidents(&stuck);
    if talk.form() == Form::Json {
        let found: Vec<Value> = found.iter().map(|one| as_json(one, now)).collect();
        let going_well: Vec<Value> = going_well
            .iter()
            .map(|((destination, state), count)| json!({ "destinationId": destination, "state": state, "count": count }))
            .collect();
        talk.json(
            &json!({ "at": now.to_rfc3339(), "incidents": found, "withoutTrouble": going_well }),
        )?;
        return Ok(());
    }
    if found.is_empty() {
        talk.data(talk.pick("keine Störungen", "no incidents"))?;
    }
    for incident in &found {
        tell(incident, now, talk)?;
    }
    if args.all {
        for ((destination, state), count) in &going_well {
            let word = talk.pick("ohne Störung", "without trouble");
            talk.data(format_args!("{destination}  {state}  {count} {word}"))?;
        }
    }
    Ok(())
}

/// How many are under way without trouble, by destination and state.
fn going_well(items: &[Item], desks: &Desks) -> BTreeMap<(DestinationId, &'static str), u64> {
    let mut counts = BTreeMap::new();
    for item in items {
        if item.stuck(desks.unanswered).is_none() {
            let key = (item.destination_id(), words::state_name(item));
            *counts.entry(key).or_insert(0) += 1;
        }
    }
    counts
}

/// One incident, for monitoring.
pub(crate) fn as_json(incident: &Incident, now: Timestamp) -> Value {
    let about = words::about(incident.group);
    json!({
        "number": incident.group.number().to_string(),
        "kind": incident.group.kind.name(),
        "destinationId": incident.group.destination_id,
        "cause": incident.group.cause.name(),
        "count": incident.count,
        "parked": incident.parked,
        "firstSeen": incident.first_seen.to_rfc3339(),
        "lastSeen": incident.last_seen.map(Timestamp::to_rfc3339),
        "oldest": { "submissionId": incident.oldest, "since": incident.oldest_since.to_rfc3339() },
        "deadline": incident.deadline.map(Timestamp::to_rfc3339),
        "serious": incident.is_serious(now, PATIENCE),
        "label": about.label,
        "nextStep": about.step,
    })
}

/// One incident, for people.
pub(crate) fn tell(incident: &Incident, now: Timestamp, talk: Talk) -> Result<()> {
    let (group, about) = (incident.group, words::about(incident.group));
    talk.data(format_args!(
        "{}  {}  {}  {} {}, {} {}",
        group.number(),
        group.kind.name(),
        group.cause.name(),
        incident.count,
        talk.pick("stecken fest", "stuck"),
        incident.parked,
        talk.pick("geparkt", "parked"),
    ))?;
    let line = |de: &'static str, en: &'static str, text: String| {
        talk.data(format_args!("    {:<14} {text}", talk.pick(de, en)))
    };
    line("was", "what", talk.text(&about.label).to_owned())?;
    let destination = group.destination_id.to_string();
    line("Zustellpunkt", "destination", destination)?;
    let last = incident
        .last_seen
        .map(|last| format!(", {} {last}", talk.pick("zuletzt", "last")));
    let seen = format!("{}{}", incident.first_seen, last.unwrap_or_default());
    line("seit", "since", seen)?;
    let oldest = format!(
        "{} ({} {})",
        incident.oldest,
        talk.pick("seit", "since"),
        incident.oldest_since
    );
    line("älteste", "oldest", oldest)?;
    if let Some(deadline) = incident.deadline {
        line("Frist", "deadline", left(deadline, now, talk))?;
    }
    line(
        "nächster Schritt",
        "next step",
        talk.text(&about.step).to_owned(),
    )?;
    Ok(())
}

/// A deadline and how long it is away.
pub(crate) fn left(deadline: Timestamp, now: Timestamp, talk: Talk) -> String {
    let left = deadline.since(now);
    let hours = left.as_secs() / 3600;
    let span = if left.is_zero() {
        talk.pick("vorbei", "over").to_owned()
    } else if hours >= 48 {
        format!("{} {}", hours / 24, talk.pick("Tage", "days"))
    } else {
        format!("{hours} h")
    };
    format!("{deadline} ({span})")
}

pub(crate) async fn audit(args: &AuditIncidents, talk: Talk) -> Result<()> {
    let desks = Desks::open(&args.state, talk)?;
    let mut notes = Vec::new();
    for desk in &desks.all {
        notes.extend(
            desk.store
                .interventions(args.submission, args.limit)
                .await?,
        );
    }
    // Each store has its own order; together, by time.
    notes.sort_by_key(|note: &Intervention| std::cmp::Reverse(note.at));
    notes.truncate(usize::try_from(args.limit).unwrap_or(usize::MAX));
    if talk.form() == Form::Json {
        let notes: Vec<Value> = notes.iter().map(note_json).collect();
        talk.json(&json!({ "changes": notes }))?;
        return Ok(());
    }
    for note in &notes {
        tell_note(note, talk)?;
    }
    Ok(())
}

pub(crate) fn note_json(note: &Intervention) -> Value {
    json!({
        "at": note.at.to_rfc3339(),
        "who": note.who,
        "command": note.command,
        "reason": note.reason,
        "submissionId": note.submission_id,
        "reply": note.answer,
        "before": note.before,
        "after": note.after,
    })
}

pub(crate) fn tell_note(note: &Intervention, talk: Talk) -> Result<()> {
    talk.data(format_args!(
        "{}  {}  {}  {}",
        note.at, note.who, note.command, note.submission_id
    ))?;
    talk.data(format_args!("    {} → {}", note.before, note.after))?;
    if let Some(reason) = &note.reason {
        talk.data(format_args!(
            "    {}: {reason}",
            talk.pick("Grund", "reason")
        ))?;
    }
    Ok(())
}

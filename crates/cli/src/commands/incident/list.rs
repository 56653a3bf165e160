//! `incident list` and `incident audit`.

use std::collections::BTreeMap;

use amtsbote_model::incident::Incident;
use amtsbote_model::{Clock as _, DestinationId, Timestamp};
use amtsbote_store::Intervention;
use anyhow::Result;
use serde_json::{Value, json};

use super::desks::{Desks, Filter, Item, incidents};
use super::held::{self, Heap, PATIENCE};
use super::words;
use crate::args::{AuditIncidents, ListIncidents};
use crate::clock::SystemClock;
use crate::integrity;
use crate::talk::{Form, Talk};

pub(crate) async fn run(args: &ListIncidents, talk: Talk) -> Result<()> {
    let desks = Desks::open(&args.state, talk).await?;
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
    let mut heaps = desks.heaps(now).await?;
    heaps.retain(|heap| filter.takes_heap(heap));
    if talk.form() == Form::Json {
        let mut found: Vec<Value> = found.iter().map(|one| as_json(one, now)).collect();
        found.extend(heaps.iter().map(|heap| heap_json(heap, now)));
        let going_well: Vec<Value> = going_well
            .iter()
            .map(|((destination, state), count)| json!({ "destinationId": destination, "state": state, "count": count }))
            .collect();
        talk.json(
            &json!({ "at": now.to_rfc3339(), "incidents": found, "withoutTrouble": going_well }),
        )?;
        return Ok(());
    }
    if found.is_empty() && heaps.is_empty() {
        talk.data(talk.pick("keine Störungen", "no incidents"))?;
    }
    for incident in &found {
        tell(incident, now, talk)?;
    }
    for heap in &heaps {
        tell_heap(heap, now, talk)?;
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

/// The gateway's things of one kind, for monitoring.
pub(crate) fn heap_json(heap: &Heap, now: Timestamp) -> Value {
    let (one, about) = (heap.one(), held::about(heap.one().kind));
    json!({
        "number": heap.number.to_string(),
        "kind": one.kind.name(),
        "destinationId": one.destination_id,
        "place": one.place,
        "cause": one.cause,
        "count": heap.held.len(),
        "parked": 0,
        "firstSeen": heap.first_seen().to_rfc3339(),
        "lastSeen": null,
        "oldest": { "submissionId": one.submission_id, "since": heap.first_seen().to_rfc3339() },
        "deadline": heap.deadline().map(Timestamp::to_rfc3339),
        "serious": heap.is_serious(now),
        "label": about.label,
        "nextStep": about.step,
    })
}

/// The same, for people.
pub(crate) fn tell_heap(heap: &Heap, now: Timestamp, talk: Talk) -> Result<()> {
    let (one, about) = (heap.one(), held::about(heap.one().kind));
    talk.data(format_args!(
        "{}  {}  {}  {} {}",
        heap.number,
        one.kind.name(),
        one.cause,
        heap.held.len(),
        talk.pick("stecken fest", "stuck"),
    ))?;
    let line = |de: &'static str, en: &'static str, text: &str| {
        talk.data(format_args!("    {:<14} {text}", talk.pick(de, en)))
    };
    line("was", "what", talk.text(&about.label))?;
    line("wo", "where", &one.place)?;
    if let Some(destination) = one.destination_id {
        line("Zustellpunkt", "destination", &destination.to_string())?;
    }
    line("seit", "since", &heap.first_seen().to_string())?;
    if let Some(deadline) = heap.deadline() {
        line("Frist", "deadline", &left(deadline, now, talk))?;
    }
    line("nächster Schritt", "next step", talk.text(&about.step))?;
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
    let desks = Desks::open(&args.state, talk).await?;
    let mut notes = Vec::new();
    for desk in &desks.all {
        notes.extend(
            desk.store
                .interventions(args.submission, args.limit)
                .await?,
        );
    }
    let mut notes: Vec<Value> = notes.iter().map(note_json).collect();
    if let Some(home) = &desks.home {
        let of = args.submission.map(|id| id.to_string());
        let at_gateway = integrity::notes(home)?.into_iter();
        let wanted = at_gateway.filter(|note| of.is_none() || note.submission_id == of);
        notes.extend(wanted.map(|note| json!(note)));
    }
    // Each place has its own order; together, by time: its text sorts as it does.
    let at = |note: &Value| note["at"].as_str().unwrap_or_default().to_owned();
    notes.sort_by_key(|note| std::cmp::Reverse(at(note)));
    notes.truncate(usize::try_from(args.limit).unwrap_or(usize::MAX));
    if talk.form() == Form::Json {
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

/// As [`note_json`] gives it.
pub(crate) fn tell_note(note: &Value, talk: Talk) -> Result<()> {
    let text = |name: &str| note[name].as_str().unwrap_or("-");
    let what = if note["what"].is_string() {
        "what"
    } else {
        "submissionId"
    };
    talk.data(format_args!(
        "{}  {}  {}  {}",
        text("at"),
        text("who"),
        text("command"),
        text(what)
    ))?;
    talk.data(format_args!("    {} → {}", text("before"), text("after")))?;
    if let Some(reason) = note["reason"].as_str() {
        talk.data(format_args!(
            "    {}: {reason}",
            talk.pick("Grund", "reason")
        ))?;
    }
    Ok(())
}

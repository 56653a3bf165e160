//! `incident show`: the submissions of an incident, or where one submission is.

use amtsbote_model::incident::Number;
use amtsbote_model::{Clock as _, SubmissionId, Timestamp};
use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::desks::{Desks, Filter, Item, What, incidents};
use super::held::{Heap, Held};
use super::{list, words};
use crate::args::ShowIncident;
use crate::clock::SystemClock;
use crate::talk::{Form, Talk};

/// Changes by hand shown with a submission, at most.
const NOTES_MAX: u32 = 50;

pub(crate) async fn run(args: &ShowIncident, talk: Talk) -> Result<()> {
    let desks = Desks::open(&args.state, talk).await?;
    if let Ok(number) = args.what.parse::<Number>() {
        return incident(args, number, &desks, talk).await;
    }
    if let Ok(id) = args.what.parse::<SubmissionId>() {
        return submission(id, &desks, talk).await;
    }
    bail!(talk.error(
        format_args!(
            "{:?} ist weder die Nummer einer Störung (i-3f9a2c41) noch die Id einer Einreichung",
            args.what
        ),
        format_args!(
            "{:?} is neither an incident's number (i-3f9a2c41) nor a submission's id",
            args.what
        ),
    ))
}

async fn incident(args: &ShowIncident, number: Number, desks: &Desks, talk: Talk) -> Result<()> {
    let filter = Filter {
        number: Some(number),
        ..Filter::default()
    };
    let mut stuck = desks.stuck(talk).await?;
    stuck.retain(|(stuck, _)| filter.takes(stuck));
    let heaps = desks.heaps(SystemClock.now()).await?;
    if let Some(heap) = heaps.iter().find(|heap| heap.number == number) {
        return show_heap(args, heap, talk);
    }
    let Some(found) = incidents(&stuck).first().copied() else {
        bail!(talk.error(
            format_args!("es gibt keine Störung {number}: sie ist behoben, oder es gab sie nicht"),
            format_args!("there is no incident {number}: it is over, or never was"),
        ))
    };
    let now = SystemClock.now();
    stuck.sort_by_key(|(stuck, item)| (stuck.waits_since, item.submission_id()));
    let (skip, take) = (args.offset as usize, args.limit as usize);
    let page = stuck.iter().map(|(_, item)| item).skip(skip).take(take);
    if talk.form() == Form::Json {
        let rows: Vec<Value> = page.map(|item| row_json(item, desks)).collect();
        let mut shown = list::as_json(&found, now);
        shown["submissions"] = rows.into();
        shown["offset"] = args.offset.into();
        talk.json(&shown)?;
        return Ok(());
    }
    list::tell(&found, now, talk)?;
    for item in page {
        talk.data(format_args!("  {}", line(item, (desks, now), talk)))?;
    }
    let left = stuck.len().saturating_sub(skip.saturating_add(take));
    if left > 0 {
        let next = skip + take;
        talk.say(match talk.pick("de", "en") {
            "de" => format!("{left} weitere: --offset {next}"),
            _ => format!("{left} more: --offset {next}"),
        });
    }
    Ok(())
}

/// What is in one of the gateway's incidents.
fn show_heap(args: &ShowIncident, heap: &Heap, talk: Talk) -> Result<()> {
    let now = SystemClock.now();
    let (skip, take) = (args.offset as usize, args.limit as usize);
    let page = heap.held.iter().skip(skip).take(take);
    let moment = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339);
    if talk.form() == Form::Json {
        let row = |held: &Held| {
            json!({
                "what": held.about,
                "submissionId": held.submission_id,
                "since": held.since.to_rfc3339(),
                "tries": held.tries,
                "nextTry": moment(held.next),
                "deadline": moment(held.deadline),
            })
        };
        let mut shown = list::heap_json(heap, now);
        shown["rows"] = page.map(row).collect::<Vec<Value>>().into();
        shown["offset"] = args.offset.into();
        talk.json(&shown)?;
        return Ok(());
    }
    list::tell_heap(heap, now, talk)?;
    for held in page {
        let next =
            moment(held.next).map(|next| format!(", {} {next}", talk.pick("wieder", "next")));
        let (tries, next) = (held.tries, next.unwrap_or_default());
        let word = talk.pick("Versuche", "tries");
        talk.data(format_args!(
            "  {}  {}  ({tries} {word}{next})",
            held.since, held.about
        ))?;
    }
    Ok(())
}

async fn submission(id: SubmissionId, desks: &Desks, talk: Talk) -> Result<()> {
    let items = desks.submission(id).await?;
    if items.is_empty() {
        bail!(talk.error(
            format_args!("der Agent kennt die Einreichung {id} nicht; was das Gateway von ihr weiß, sagt `amtsbote status {id}`"),
            format_args!("the agent does not know the submission {id}; `amtsbote status {id}` tells what the gateway knows"),
        ))
    }
    let mut notes = Vec::new();
    for desk in &desks.all {
        notes.extend(desk.store.interventions(Some(id), NOTES_MAX).await?);
    }
    let notes: Vec<Value> = notes.iter().map(list::note_json).collect();
    let now = SystemClock.now();
    if talk.form() == Form::Json {
        let rows: Vec<Value> = items.iter().map(|item| row_json(item, desks)).collect();
        talk.json(&json!({ "submissionId": id, "rows": rows, "changes": notes }))?;
        return Ok(());
    }
    for item in &items {
        talk.data(line(item, (desks, now), talk))?;
        if let Some(stuck) = item.stuck(desks.unanswered) {
            let about = words::about(stuck.group);
            let (number, label) = (stuck.group.number(), talk.text(&about.label));
            talk.data(format_args!("    {number}: {label}"))?;
            talk.data(format_args!("    → {}", talk.text(&about.step)))?;
        }
    }
    for note in &notes {
        list::tell_note(note, talk)?;
    }
    Ok(())
}

fn line(item: &Item, (desks, now): (&Desks, Timestamp), talk: Talk) -> String {
    let deadline = item
        .stuck(desks.unanswered)
        .and_then(|stuck| stuck.deadline)
        .map(|deadline| {
            let word = talk.pick("Frist", "deadline");
            format!("  {word} {}", list::left(deadline, now, talk))
        });
    let (id, state) = (item.submission_id(), words::state(item));
    format!("{id}  {state}{}", deadline.unwrap_or_default())
}

fn row_json(item: &Item, desks: &Desks) -> Value {
    let stuck = item.stuck(desks.unanswered);
    let moment = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339);
    let mut shown = json!({
        "submissionId": item.submission_id(),
        "destinationId": item.destination_id(),
        "state": words::state_name(item),
        "summary": words::state(item),
        "incident": stuck.map(|stuck| stuck.group.number().to_string()),
        "cause": stuck.map(|stuck| stuck.group.cause.name()),
        "since": moment(stuck.map(|stuck| stuck.since)),
        "lastSeen": moment(stuck.and_then(|stuck| stuck.last)),
        "deadline": moment(stuck.and_then(|stuck| stuck.deadline)),
    });
    match &item.what {
        What::Delivery(row) => {
            shown["caseId"] = json!(row.case_id);
            shown["tries"] = row.delivery.tries().into();
            shown["nextTry"] = json!(moment(row.delivery.due_at()));
            shown["package"] = json!(row.delivery.package());
            shown["notedAt"] = row.noted_at.to_rfc3339().into();
        }
        What::Reply(_, row) => {
            shown["reply"] = row.key.clone().into();
            shown["what"] = row.what.clone().into();
            shown["tries"] = row.tries.into();
            let next = row.state.is_due().then_some(row.at);
            shown["nextTry"] = json!(moment(next));
            shown["replyId"] = json!(row.state.reply_id());
        }
    }
    shown
}

//! `amtsbote reply …`: replies, on the side of who gets them (list, fetch, accept, reject) and of who sends them (send).

mod receive;
mod send;

pub(crate) use receive::data;

use std::time::Duration;

use amtsbote_client::{Posted, Sender};
use amtsbote_fit_connect::Paging;
use amtsbote_fit_connect::event::{Part, Violation};
use amtsbote_model::ReplyId;
use anyhow::Result;
use serde_json::json;

use crate::access::{self, Side};
use crate::args::{Access, RejectReply, Reply};
use crate::talk::{Form, Talk};

pub(crate) async fn run(args: &Reply, talk: Talk) -> Result<()> {
    match args {
        Reply::List(access) => list(access, talk).await,
        Reply::Fetch { reply, out } => receive::fetch(reply, out.as_deref(), talk).await,
        Reply::Accept(reply) => receive::accept(reply, talk).await,
        Reply::Reject(reply) => reject(reply, talk).await,
        Reply::Send(reply) => send::run(reply, talk).await,
    }
}

fn sender(access: &Access) -> Result<Sender> {
    access::session(access, Side::Sender).map(Sender::new)
}

async fn list(access: &Access, talk: Talk) -> Result<()> {
    let sender = sender(access)?;
    let (mut found, mut paging) = (Vec::new(), Paging::default());
    loop {
        let page = sender
            .replies(paging, Duration::ZERO)
            .await
            .map_err(|fault| access::explain(fault, talk))?;
        let count = u32::try_from(page.replies.len()).unwrap_or(u32::MAX);
        found.extend(page.replies);
        paging.offset = paging.offset.saturating_add(count);
        if count < paging.limit {
            break;
        }
    }
    if talk.form() == Form::Json {
        talk.json(&json!({ "replies": found }))?;
        return Ok(());
    }
    if found.is_empty() {
        talk.say(talk.pick("keine Antwort wartet", "no reply is waiting"));
    }
    let case = talk.pick("Vorgang", "case");
    for ids in found {
        talk.data(format_args!("{}  {case} {}", ids.reply_id, ids.case_id))?;
    }
    Ok(())
}

async fn reject(args: &RejectReply, talk: Talk) -> Result<()> {
    let slugs = || Violation::ALL.iter().map(|known| known.slug());
    let violation = Violation::ALL
        .iter()
        .find(|known| known.slug() == args.problem);
    let violation = violation.ok_or_else(|| {
        let known = slugs().collect::<Vec<_>>().join(", ");
        talk.error(
            format_args!("--problem kennt nur: {known}"),
            format_args!("--problem knows only: {known}"),
        )
    })?;
    let problem = violation.problem(Part::Other, args.detail.clone());
    let answered = sender(&args.access)?
        .reject_reply(args.id, vec![problem])
        .await
        .map_err(|fault| access::explain(fault, talk))?;
    told(args.id, answered, Answer::Rejected, talk)
}

#[derive(Clone, Copy)]
enum Answer {
    Accepted,
    Rejected,
}

fn told(id: ReplyId, posted: Posted, answer: Answer, talk: Talk) -> Result<()> {
    if posted == Posted::IllegalStep {
        return Err(talk.error(
            "die Antwort ist schon anders beantwortet oder gelöscht; `reply list` zeigt, was wartet",
            "the reply was answered otherwise, or deleted; `reply list` shows what waits",
        ));
    }
    let (state, text) = match answer {
        Answer::Accepted => ("accepted", talk.pick("angenommen", "accepted")),
        Answer::Rejected => ("rejected", talk.pick("zurückgewiesen", "rejected")),
    };
    match talk.form() {
        Form::Json => talk.json(&json!({ "replyId": id, "state": state }))?,
        Form::Text => talk.data(format_args!("{id}  {text}"))?,
    }
    Ok(())
}

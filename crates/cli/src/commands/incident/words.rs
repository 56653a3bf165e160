//! What people read about incidents: causes, next steps, states.

use amtsbote_model::delivery::{Cause, Delivery, Verdict};
use amtsbote_model::incident::{Group, Kind};
use amtsbote_problem::Bilingual;
use amtsbote_store::{AnswerRow, AnswerState};

use super::desks::{Item, What};
use crate::talk::Talk;

/// What is wrong, and what to do next.
pub(crate) struct About {
    pub(crate) label: Bilingual,
    pub(crate) step: Bilingual,
}

pub(crate) fn about_texts(label: (&str, &str), step: (&str, &str)) -> About {
    About {
        label: Bilingual::new(label.0, label.1),
        step: Bilingual::new(step.0, step.1),
    }
}

/// The catalogue: one entry per kind and cause.
pub(crate) fn about(group: Group) -> About {
    match group.kind {
        Kind::Delivery => about_delivery(group.cause),
        Kind::Reply => about_reply(group.cause),
    }
}

#[expect(clippy::too_many_lines, reason = "a catalogue, one entry per cause")]
fn about_delivery(cause: Cause) -> About {
    match cause {
        Cause::ServiceUnavailable => about_texts(
            (
                "der Zustelldienst antwortet nicht",
                "the delivery service does not answer",
            ),
            (
                "Es geht von selbst weiter, sobald er antwortet. Verbindung, Proxy und Zertifikate prüfen: `amtsbote connect test`",
                "It goes on by itself once the service answers. Check connection, proxy and certificates: `amtsbote connect test`",
            ),
        ),
        Cause::ServiceRefused => about_texts(
            (
                "der Zustelldienst weist uns ab",
                "the delivery service refuses us",
            ),
            (
                "client_id, Secret und Rechte des Subscribers und den Signaturschlüssel prüfen (`amtsbote connect test`), dann `incident release`",
                "Check client_id, secret and rights of the subscriber, and the signing key (`amtsbote connect test`), then `incident release`",
            ),
        ),
        Cause::ServiceFaulty => about_texts(
            (
                "der Zustelldienst kann diese Einreichung nicht herausgeben",
                "the delivery service cannot give this submission away",
            ),
            (
                "Er antwortet sonst, nur hierzu mit 500 oder halb: der Betreiber des Zustelldienstes muss sie dort wiederherstellen (Amtsbote: `amtsbote verify`), danach `incident release`",
                "It answers otherwise, but about this one 500 or half an answer: its operator has to restore it there (Amtsbote: `amtsbote verify`), then `incident release`",
            ),
        ),
        Cause::ProcedureUnavailable => about_texts(
            (
                "das Fachverfahren antwortet nicht",
                "the procedure does not answer",
            ),
            (
                "Es geht von selbst weiter, sobald es antwortet; `incident retry` wartet nicht auf den nächsten Versuch. Läuft es, prüft `amtsbote connect test` den Weg dorthin",
                "It goes on by itself once it answers; `incident retry` does not wait for the next try. If it runs, `amtsbote connect test` checks the way there",
            ),
        ),
        Cause::ProcedureMisconfigured => about_texts(
            ("das Fachverfahren weist uns ab", "the procedure refuses us"),
            (
                "Pfad, Rechte, Kennung oder Zertifikat des Wegs ins Fachverfahren richtigstellen, mit `amtsbote connect test` prüfen, dann `incident release` (Geparktes) oder `incident retry`",
                "Mend path, rights, credentials or certificate of the way into the procedure, check with `amtsbote connect test`, then `incident release` (what is parked) or `incident retry`",
            ),
        ),
        Cause::PackageFaulty => about_texts(
            (
                "das Übersetzungspaket passt nicht",
                "the mapping package does not fit",
            ),
            (
                "Paket richtigstellen und aktivieren (`amtsbote package check`, `activate`), oder, was dem Ziel fehlt (das Protokoll nennt es), unter [agent.destination.receiver] eintragen, dann `incident replay --from translate --newest`; was nicht zu beheben ist, `incident reject`",
                "Mend the package and activate it (`amtsbote package check`, `activate`), or enter what the destination lacks (the log names it) below [agent.destination.receiver], then `incident replay --from translate --newest`; what cannot be mended, `incident reject`",
            ),
        ),
        Cause::Silence => about_texts(
            (
                "der Agent ist bei der Zustellung gestorben",
                "the agent died with it in its hands",
            ),
            (
                "Protokoll nach `a panic at` und das System nach beendeten Prozessen (Speicher) durchsehen; nach einer neuen Fassung des Programms oder mehr Speicher eine einzelne mit `incident release --submission` versuchen",
                "Look for `a panic at` in the log and for killed processes (memory) in the system; with a newer program or more memory, try a single one with `incident release --submission`",
            ),
        ),
        Cause::Internal => about_texts(
            (
                "der Agent selbst hat einen Fehler",
                "the agent itself failed",
            ),
            (
                "Protokoll ansehen (Stufe error) und den Plattenplatz prüfen, dann `incident release`",
                "Look at the log (level error) and at free disk space, then `incident release`",
            ),
        ),
        Cause::Operator => about_texts(
            ("von Hand angehalten", "taken aside by a person"),
            (
                "`incident audit` sagt, wer und warum; `incident release` lässt es weitergehen",
                "`incident audit` tells who and why; `incident release` lets it go on",
            ),
        ),
    }
}

fn about_reply(cause: Cause) -> About {
    let (label, step) = match cause {
        Cause::ServiceUnavailable => (
            (
                "der Zustelldienst nimmt die Antwort nicht an, weil er nicht antwortet",
                "the delivery service does not answer, so the reply is not sent",
            ),
            (
                "Es geht von selbst weiter, sobald er antwortet: `amtsbote connect test`",
                "It goes on by itself once the service answers: `amtsbote connect test`",
            ),
        ),
        Cause::ServiceRefused => (
            (
                "der Zustelldienst weist die Antwort ab",
                "the delivery service refuses the reply",
            ),
            (
                "Rechte des Subscribers prüfen. Ist der Fall dort nicht mehr da, hält `incident park` sie an; die Antwort liegt weiter, wo das Fachverfahren sie abgelegt hat",
                "Check the subscriber's rights. If the case is not there any more, `incident park` stops it; the answer still lies where the procedure put it",
            ),
        ),
        Cause::Operator => (
            (
                "Antwort von Hand angehalten",
                "reply taken aside by a person",
            ),
            (
                "`incident audit` sagt, wer und warum; `incident release` sendet sie",
                "`incident audit` tells who and why; `incident release` sends it",
            ),
        ),
        Cause::ServiceFaulty
        | Cause::ProcedureUnavailable
        | Cause::ProcedureMisconfigured
        | Cause::PackageFaulty
        | Cause::Silence
        | Cause::Internal => (
            (
                "der Agent kann die Antwort nicht senden",
                "the agent cannot send the reply",
            ),
            (
                "Protokoll ansehen (Stufe error) und den Plattenplatz prüfen; `incident retry` wartet nicht auf den nächsten Versuch",
                "Look at the log (level error) and at free disk space; `incident retry` does not wait for the next try",
            ),
        ),
    };
    about_texts(label, step)
}

/// A line when there is more than is looked at.
pub(crate) fn cut(talk: Talk, max: u32) -> String {
    match talk.pick("de", "en") {
        "de" => format!("nur die {max} am längsten bekannten Einreichungen sind gezählt"),
        _ => format!("only the {max} submissions known longest are counted"),
    }
}

/// A row's state for people and the audit: names and moments, nothing personal.
pub(crate) fn state(item: &Item) -> String {
    match &item.what {
        What::Delivery(row) => delivery(&row.delivery),
        What::Reply(_, row) => answer(row),
    }
}

/// The state's name.
pub(crate) const fn state_name(item: &Item) -> &'static str {
    match &item.what {
        What::Delivery(row) => row.delivery.name(),
        What::Reply(_, row) => row.state.name(),
    }
}

pub(crate) fn delivery(delivery: &Delivery) -> String {
    let name = delivery.name();
    let package = delivery
        .package()
        .map(|package| format!(", {package}"))
        .unwrap_or_default();
    let package = match delivery.refusal() {
        Some(_) => format!("{package}, to be rejected"),
        None => package,
    };
    match delivery {
        Delivery::Waiting { at, past } => {
            format!("{name} ({} tries, next {at}{package})", past.tries)
        }
        Delivery::Leased { until, past, .. } => {
            format!("{name} ({} tries, until {until}{package})", past.tries)
        }
        Delivery::Decided {
            at, decision, past, ..
        } => {
            let verdict = verdict(decision.verdict);
            format!(
                "{name} {verdict} ({} posts, next {at}{package})",
                past.tries
            )
        }
        Delivery::Done {
            verdict: told, at, ..
        } => format!("{name} {} ({at}{package})", verdict(*told)),
        Delivery::Parked {
            cause,
            since,
            decided,
            past,
        } => {
            let at = match decided {
                Some(decision) => format!(" with its verdict {}", verdict(decision.verdict)),
                None => String::new(),
            };
            let cause = cause.name();
            format!(
                "{name}{at} ({cause} since {since}, {} tries{package})",
                past.tries
            )
        }
    }
}

pub(crate) const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Reject => "reject",
    }
}

pub(crate) fn answer(row: &AnswerRow) -> String {
    answer_state(row.state, (row.tries, row.at))
}

pub(crate) fn answer_state(
    state: AnswerState,
    (tries, at): (u32, amtsbote_model::Timestamp),
) -> String {
    let id = state
        .reply_id()
        .map(|id| format!(" as {id}"))
        .unwrap_or_default();
    let name = state.name();
    if state.is_due() {
        format!("reply {name}{id} ({tries} tries, next {at})")
    } else {
        format!("reply {name}{id} (since {at})")
    }
}

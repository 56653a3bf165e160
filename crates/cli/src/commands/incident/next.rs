//! What a command makes of a row, and why it makes nothing of some.

use amtsbote_agent::Policy;
use amtsbote_model::Timestamp;
use amtsbote_model::delivery::{Circumstances, Delivery, Jitter, Restart, Verdict};
use amtsbote_store::{AnswerMove, AnswerRow, AnswerState};

use super::change::Command;
use crate::talk::Talk;

/// The delivery after the command, or why it does not fit.
pub(super) fn delivery_next(
    delivery: &Delivery,
    command: Command<'_>,
    now: Timestamp,
    talk: Talk,
) -> Result<Delivery, String> {
    // The state machine knows a way back from here, but the service gives content only until it has the verdict.
    if let (Command::Replay(_), Delivery::Done { .. }) = (command, delivery) {
        return Err(why_not(delivery, command, talk));
    }
    let around = Circumstances {
        policy: Policy::default().retry,
        jitter: Jitter::WHOLE,
        now,
    };
    let next = delivery.clone().step(command.event(), &around);
    next.map_err(|_| why_not(delivery, command, talk))
}

/// Why a command does not fit a delivery's state.
#[expect(
    clippy::too_many_lines,
    reason = "a table: state and command, two texts"
)]
fn why_not(delivery: &Delivery, command: Command<'_>, talk: Talk) -> String {
    let (de, en) = match (delivery, command) {
        (Delivery::Leased { .. }, _) => (
            "ein Agent hat sie gerade in der Hand; danach noch einmal versuchen",
            "an agent has it in its hands; try again when it is through",
        ),
        (Delivery::Decided { .. }, Command::Retry | Command::Park) => (
            "ein Agent meldet gerade ihr Ergebnis",
            "an agent is posting its verdict",
        ),
        (Delivery::Decided { .. }, Command::Replay(_)) => (
            "sie ist entschieden, nur das Ergebnis ist noch nicht gemeldet: `replay --from acknowledge` meldet es jetzt",
            "it is decided, only its verdict is not posted yet: `replay --from acknowledge` posts it now",
        ),
        (Delivery::Waiting { .. } | Delivery::Decided { .. }, Command::Release) => (
            "sie ist nicht geparkt; `incident retry` wartet nicht auf den nächsten Versuch",
            "it is not parked; `incident retry` does not wait for the next try",
        ),
        (Delivery::Parked { .. }, Command::Retry) => (
            "sie ist geparkt: `incident release` lässt sie weitergehen",
            "it is parked: `incident release` lets it go on",
        ),
        (Delivery::Parked { .. }, Command::Park) => {
            ("sie ist schon geparkt", "it is parked already")
        }
        (
            Delivery::Waiting { .. } | Delivery::Parked { .. },
            Command::Replay(Restart::Acknowledge),
        ) => (
            "sie hat noch kein Ergebnis, das gemeldet werden könnte",
            "it has no verdict yet that could be posted",
        ),
        (Delivery::Decided { .. } | Delivery::Parked { .. }, Command::Reject(_)) => (
            "sie ist entschieden, nur das Ergebnis ist noch nicht gemeldet",
            "it is decided, only its verdict is not posted yet",
        ),
        (Delivery::Parked { .. }, Command::Replay(_)) => (
            "sie ist entschieden und vor der Meldung angehalten: `incident release` meldet das Ergebnis",
            "it is decided and stopped before its verdict was posted: `incident release` posts it",
        ),
        (Delivery::Done { .. }, Command::Replay(Restart::Acknowledge)) => (
            "ihr Ergebnis steht im Ereignisprotokoll des Zustelldienstes; nichts ist mehr zu melden",
            "its verdict is in the delivery service's event log; nothing is left to be posted",
        ),
        (
            Delivery::Done {
                verdict: Verdict::Reject,
                ..
            },
            Command::Replay(_),
        ) => (
            "sie ist endgültig abgelehnt: was im Ereignisprotokoll steht, wird nicht zurückgenommen",
            "it is refused for good: what stands in the event log is not taken back",
        ),
        (Delivery::Done { .. }, Command::Replay(_)) => (
            "sie ist angenommen, und der Zustelldienst gibt Inhalt nur bis dahin heraus: das Paket liegt beim Fachverfahren, oder der Absender reicht neu ein",
            "it is accepted, and the delivery service gives content only until then: the parcel is at the procedure, or the sender submits again",
        ),
        (
            Delivery::Done { .. },
            Command::Retry | Command::Park | Command::Release | Command::Reject(_),
        ) => ("sie ist fertig", "it is done"),
        (
            Delivery::Waiting { .. },
            Command::Retry | Command::Park | Command::Replay(_) | Command::Reject(_),
        )
        | (Delivery::Parked { .. }, Command::Release) => (
            "das geht in diesem Zustand nicht",
            "not possible in this state",
        ),
    };
    talk.pick(de, en).to_owned()
}

/// The same for a reply.
pub(super) fn reply_next(
    row: &AnswerRow,
    command: Command<'_>,
    now: Timestamp,
    talk: Talk,
) -> Result<AnswerMove, String> {
    let to = |state| AnswerMove {
        state,
        tries: row.tries,
        failing: row.failing,
        at: now,
    };
    let (de, en) = match (row.state, command) {
        (AnswerState::Sealed | AnswerState::Announced(_), Command::Retry) => {
            return Ok(to(row.state));
        }
        (AnswerState::Sealed | AnswerState::Announced(_), Command::Park) => {
            return Ok(to(AnswerState::Parked(row.state.reply_id())));
        }
        (AnswerState::Parked(id), Command::Release) => {
            let state = id.map_or(AnswerState::Sealed, AnswerState::Announced);
            return Ok(AnswerMove {
                tries: 0,
                failing: None,
                ..to(state)
            });
        }
        (_, Command::Reject(_)) => (
            "eine Antwort wird nicht abgelehnt: `incident park` hält sie an",
            "a reply is not rejected: `incident park` holds it",
        ),
        (_, Command::Replay(_)) => (
            "eine Antwort kennt keine Schritte: `retry`, `park` oder `release`",
            "a reply has no steps: `retry`, `park` or `release`",
        ),
        (AnswerState::Parked(_), Command::Retry) => (
            "sie ist geparkt: `incident release` lässt sie weitergehen",
            "it is parked: `incident release` lets it go on",
        ),
        (AnswerState::Parked(_), Command::Park) => {
            ("sie ist schon geparkt", "it is parked already")
        }
        (AnswerState::Sealed | AnswerState::Announced(_), Command::Release) => {
            ("sie ist nicht geparkt", "it is not parked")
        }
        (
            AnswerState::Sent(_) | AnswerState::Kept,
            Command::Retry | Command::Park | Command::Release,
        ) => ("sie ist fertig", "it is done"),
    };
    Err(talk.pick(de, en).to_owned())
}

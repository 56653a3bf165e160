//! What came of it: the table, the lineage of one document, what to try next.

use std::path::Path;

use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::delivery::Verdict;
use amtsbote_model::submission::{Event, State};
use anyhow::Result;
use serde_json::{Value, json};

use super::Journeys;
use super::send::{Sent, Way, reader};
use super::stage::{SENDER, Stage};
use crate::commands::receipt;
use crate::talk::{Form, Talk};

/// Lines of lineage shown.
const LINEAGE_SHOWN: usize = 14;

/// A receipt, as checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// There, and its signature holds.
    Holds,
    /// Not there, or not to be believed.
    Missing,
}

/// One line of the table.
pub(crate) struct Row {
    name: String,
    municipality: String,
    way: Way,
    submission: String,
    package: String,
    place: String,
    accepted: Checked,
    handed_over: Checked,
    file: Checked,
}

impl Row {
    /// Whether it arrived with all receipts and the file is there.
    pub(crate) fn is_complete(&self) -> bool {
        [self.accepted, self.handed_over, self.file]
            .iter()
            .all(|checked| *checked == Checked::Holds)
    }
}

/// Verifies every receipt with the published keys, and looks for every file.
pub(crate) async fn verify(stage: &Stage, sent: &[Sent], journeys: &Journeys) -> Result<Vec<Row>> {
    let session = reader(stage)?;
    let keys = session.service_keys(&[]).await?;
    let mut rows = Vec::with_capacity(sent.len());
    for one in sent {
        let ids = SubmissionRef {
            destination_id: one.destination_id,
            submission_id: one.submission_id,
            case_id: one.case_id,
        };
        let log = session.verified_log(ids).await?.ok();
        let has = |event: Event| {
            log.as_ref()
                .is_some_and(|log| log.events().iter().any(|entry| entry.event == event))
        };
        let accepted = match &one.receipt {
            Some(token) => receipt::verify(token, keys.keys()).is_ok() && has(Event::Submit),
            None => has(Event::Submit),
        };
        let state = log.as_ref().map(amtsbote_client::VerifiedLog::state);
        let outcome = journeys.of(one.submission_id);
        let place = outcome.as_ref().and_then(|outcome| outcome.place.clone());
        let arrived = place
            .as_deref()
            .is_some_and(|place| Path::new(place).exists());
        let refused = outcome
            .as_ref()
            .is_some_and(|outcome| outcome.verdict == Verdict::Reject);
        rows.push(Row {
            name: one.name.clone(),
            municipality: one.municipality.clone(),
            way: one.way,
            submission: one.submission_id.to_string(),
            package: outcome
                .and_then(|outcome| outcome.package)
                .unwrap_or_else(|| "-".to_owned()),
            place: place.unwrap_or_else(|| {
                if refused {
                    "refused".to_owned()
                } else {
                    "-".to_owned()
                }
            }),
            accepted: checked(accepted),
            handed_over: checked(state == Some(State::Accepted) && has(Event::Accept)),
            file: checked(arrived),
        });
    }
    Ok(rows)
}

const fn checked(holds: bool) -> Checked {
    if holds {
        Checked::Holds
    } else {
        Checked::Missing
    }
}

const fn mark(checked: Checked) -> &'static str {
    match checked {
        Checked::Holds => "✓",
        Checked::Missing => "✗",
    }
}

/// Prints the table and the lineage of one document.
pub(crate) fn all(rows: &[Row], journeys: &Journeys, (dir, talk): (&Path, Talk)) -> Result<()> {
    if talk.form() == Form::Json {
        let rows: Vec<Value> = rows.iter().map(json_row).collect();
        talk.json(&json!({ "dir": dir, "submissions": rows }))?;
        return Ok(());
    }
    table(rows, (dir, talk))?;
    lineage(rows, journeys, talk)
}

fn table(rows: &[Row], (dir, talk): (&Path, Talk)) -> Result<()> {
    talk.data(format_args!(
        "\n{:<38} {:<8} {:<9} 1 2 {}",
        talk.pick("Antrag", "application"),
        talk.pick("Weg", "way"),
        talk.pick("Einr.", "subm."),
        talk.pick("Datei im Fachverfahren", "file at the procedure"),
    ))?;
    let mut last = "";
    for row in rows {
        if row.municipality != last {
            talk.data(&row.municipality)?;
            last = &row.municipality;
        }
        let place = Path::new(&row.place);
        let place = place
            .strip_prefix(dir)
            .unwrap_or(place)
            .display()
            .to_string();
        let (one, two) = (mark(row.accepted), mark(row.handed_over));
        let short = row.submission.get(..8).unwrap_or_default();
        talk.data(format_args!(
            "  {:<36} {:<8} {short:<9} {one} {two} {place}",
            row.name,
            way(row.way)
        ))?;
    }
    talk.data(talk.pick(
        "1 = angenommen (vom Gateway signiert), 2 = übergeben (vom Agenten signiert); beide hier geprüft",
        "1 = accepted (signed by the gateway), 2 = handed over (signed by the agent); both verified here",
    ))?;
    Ok(())
}

fn way(way: Way) -> String {
    match way {
        Way::Rest => "REST".to_owned(),
        Way::FitConnect(version) => format!("FIT-C {version}"),
    }
}

fn lineage(rows: &[Row], journeys: &Journeys, talk: Talk) -> Result<()> {
    let shown = rows
        .iter()
        .find(|row| row.package.contains("xbau"))
        .or_else(|| rows.first());
    let Some(row) = shown else { return Ok(()) };
    let outcome = row.submission.parse().ok().and_then(|id| journeys.of(id));
    let Some(outcome) = outcome else {
        return Ok(());
    };
    talk.data(format_args!(
        "\n{} {} ({}), {} {}, {} {}",
        talk.pick("Herkunft:", "lineage:"),
        row.name,
        row.package,
        outcome.lineage.len(),
        talk.pick("Werte erklärt", "values explained"),
        outcome.losses.len(),
        talk.pick("Verluste", "losses"),
    ))?;
    // Values from the sender first; header data explains itself.
    let told = outcome.lineage.iter().filter(|line| {
        line.sources
            .iter()
            .any(|place| place.to_string().starts_with('/'))
    });
    for line in told.take(LINEAGE_SHOWN) {
        let sources: Vec<String> = line.sources.iter().map(ToString::to_string).collect();
        talk.data(format_args!("  {}  ←  {}", line.output, sources.join(", ")))?;
    }
    talk.data("  …")?;
    Ok(())
}

fn json_row(row: &Row) -> Value {
    json!({
        "application": row.name,
        "municipality": row.municipality,
        "way": way(row.way),
        "submissionId": row.submission,
        "package": row.package,
        "file": row.place,
        "complete": row.is_complete(),
        "receipts": { "accepted": row.accepted == Checked::Holds, "handedOver": row.handed_over == Checked::Holds },
    })
}

/// What to try while the servers are up.
pub(crate) fn hints(stage: &Stage, talk: Talk) -> Result<()> {
    let addresses = stage.gateway.addresses();
    let secret = &stage.sender_secret;
    talk.data(format_args!(
        "\n{}",
        talk.pick(
            "Zum Ausprobieren (Strg-C beendet):",
            "To try (Ctrl-C ends it):"
        )
    ))?;
    talk.data(format_args!(
        "  TOKEN=$(curl -s {} -d grant_type=client_credentials -d client_id={SENDER} -d client_secret={secret} | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')",
        addresses.token()
    ))?;
    talk.data(format_args!(
        "  curl -s {}/submissions -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' --data-binary @fixtures/submissions/wiesbaden-hundesteuer.json",
        addresses.intake()
    ))?;
    talk.data(format_args!(
        "  curl -s {}/.well-known/jwks.json",
        addresses.submission_api()
    ))?;
    Ok(())
}

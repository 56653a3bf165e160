//! What came of it: the table, the lineage of one document, what to try next.

use std::path::{Path, PathBuf};
use std::time::Duration;

use amtsbote_adapter::{Lineage, Trace};
use amtsbote_client::{Session, VerifiedLog};
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::delivery::Verdict;
use amtsbote_model::submission::{Event, State};
use anyhow::Result;
use serde_json::{Value, json};

use super::Journeys;
use super::send::{Sent, Way, reader};
use super::stage::{SENDER, Stage};
use crate::commands::receipt::token as receipt;
use crate::folder;
use crate::talk::{Form, Talk};

/// Lines of lineage shown.
const LINEAGE_SHOWN: usize = 14;
/// Endings of documents, best first.
const DOCUMENTS: [&str; 5] = ["xml", "csv", "dat", "txt", "json"];
const LINEAGE_WIDTH: usize = 56;
/// Whose lineage is shown.
const LINEAGE_OF: &str = "xbau-0200";
/// The agent posts its event right after the hand-over.
const SETTLING_LOOKS: u32 = 100;
const SETTLING_PAUSE: Duration = Duration::from_millis(100);

/// A receipt, as checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// There, and its signature holds.
    Holds,
    /// Not there, or not to be believed.
    Missing,
}

impl From<bool> for Checked {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Missing }
    }
}

/// One line of the table.
pub(crate) struct Row {
    name: String,
    municipality: String,
    way: Way,
    submission: String,
    package: String,
    place: PathBuf,
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
        let log = settled_log(&session, one).await?;
        let has = |event: Event| {
            log.as_ref()
                .is_some_and(|log| log.events().iter().any(|entry| entry.event == event))
        };
        let signed = one
            .receipt
            .as_ref()
            .is_none_or(|token| receipt::verify(token, keys.keys()).is_ok());
        let state = log.as_ref().map(VerifiedLog::state);
        let outcome = journeys.of(one.submission_id);
        let refused = outcome
            .as_ref()
            .is_some_and(|outcome| outcome.verdict == Verdict::Reject);
        let file = outcome
            .as_ref()
            .and_then(|outcome| first_file(outcome.place.as_deref()?));
        rows.push(Row {
            name: one.name.clone(),
            municipality: one.municipality.clone(),
            way: one.way,
            submission: one.submission_id.to_string(),
            package: outcome
                .and_then(|outcome| outcome.package)
                .unwrap_or_else(|| "-".to_owned()),
            accepted: Checked::from(signed && has(Event::Submit)),
            handed_over: Checked::from(state == Some(State::Accepted) && has(Event::Accept)),
            file: Checked::from(file.is_some()),
            place: file.unwrap_or_else(|| PathBuf::from(if refused { "refused" } else { "-" })),
        });
    }
    rows.sort_by(|one, other| one.municipality.cmp(&other.municipality));
    Ok(rows)
}

/// The log once the agent's event is in it, or as it is after a while.
async fn settled_log(session: &Session, sent: &Sent) -> Result<Option<VerifiedLog>> {
    let ids = SubmissionRef {
        destination_id: sent.destination_id,
        submission_id: sent.submission_id,
        case_id: sent.case_id,
    };
    let mut log = None;
    for _ in 0..SETTLING_LOOKS {
        log = session.verified_log(ids).await?.ok();
        if log
            .as_ref()
            .is_some_and(|log| matches!(log.state(), State::Accepted | State::Rejected))
        {
            break;
        }
        tokio::time::sleep(SETTLING_PAUSE).await;
    }
    Ok(log)
}

/// The document handed over: in the parcel's folder, or beside others with the parcel's name. Attachments and the
/// marker that says *complete* come last.
fn first_file(place: &str) -> Option<PathBuf> {
    let place = Path::new(place);
    let (folder, stem) = if place.is_dir() {
        (place, String::new())
    } else {
        (
            place.parent()?,
            place.file_name()?.to_string_lossy().into_owned(),
        )
    };
    let name = |path: &PathBuf| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let files = folder::entries(folder).ok()?;
    files
        .into_iter()
        .filter(|path| path.is_file() && name(path).starts_with(&stem))
        .min_by_key(|path| rank(path))
}

fn rank(path: &Path) -> usize {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let manifest = usize::from(path.to_string_lossy().contains("manifest")) * DOCUMENTS.len();
    DOCUMENTS
        .iter()
        .position(|known| *known == ending)
        .unwrap_or(DOCUMENTS.len())
        * 2
        + manifest
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
        "\n{:<36} {:<9} {:<9} {:<36} 1 2 {}",
        talk.pick("Antrag", "application"),
        talk.pick("Weg", "way"),
        talk.pick("Einr.", "subm."),
        talk.pick("Mapping-Paket", "mapping package"),
        talk.pick(
            "erste Datei im Fachverfahren",
            "first file at the procedure"
        ),
    ))?;
    let mut last = "";
    for row in rows {
        if row.municipality != last {
            talk.data(&row.municipality)?;
            last = &row.municipality;
        }
        let place = row.place.strip_prefix(dir).unwrap_or(&row.place).display();
        let (one, two) = (mark(row.accepted), mark(row.handed_over));
        let short = row.submission.get(..8).unwrap_or_default();
        talk.data(format_args!(
            "  {:<34} {:<9} {short:<9} {:<36} {one} {two} {place}",
            row.name,
            way(row.way),
            row.package
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
        .find(|row| row.package.contains(LINEAGE_OF))
        .or_else(|| rows.first());
    let Some(row) = shown else { return Ok(()) };
    let outcome = row.submission.parse().ok().and_then(|id| journeys.of(id));
    let Some(outcome) = outcome else {
        return Ok(());
    };
    talk.data(format_args!(
        "\n{} {} ({}): {} {}, {} {}",
        talk.pick("Herkunft", "lineage"),
        row.name,
        row.package,
        outcome
            .lineage
            .iter()
            .filter(|line| line.trace != Trace::Decides && is_in_a_file(line))
            .count(),
        talk.pick("Werte erklärt", "values explained"),
        outcome.losses.len(),
        talk.pick("Verluste", "losses"),
    ))?;
    // What the applicants said of themselves; the rest explains itself.
    let told = outcome.lineage.iter().filter(|line| {
        let applicant = line
            .sources
            .iter()
            .any(|place| place.to_string().starts_with("/antragsteller"));
        applicant && !line.output.contains("zusatzangaben")
    });
    for line in told.take(LINEAGE_SHOWN) {
        let sources: Vec<String> = line.sources.iter().map(ToString::to_string).collect();
        talk.data(format_args!(
            "  {:<58} ←  {}",
            tail(&line.output),
            sources.join(", ")
        ))?;
    }
    talk.data("  …")?;
    Ok(())
}

/// Whether it is a value in a file, not one about files or about a source.
fn is_in_a_file(line: &Lineage) -> bool {
    !line.output.starts_with('$') && !line.output.starts_with("file[")
}

/// The last steps of a path, as far as they fit a line.
fn tail(path: &str) -> String {
    let mut kept = "";
    for (at, _) in path.rmatch_indices('/') {
        if path.len() - at > LINEAGE_WIDTH && !kept.is_empty() {
            break;
        }
        kept = &path[at..];
    }
    if kept.len() == path.len() {
        path.to_owned()
    } else {
        format!("…{kept}")
    }
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

//! The three levels: what the log says of each submission, and the receipts beside it.

use amtsbote_client::VerifiedLog;
use amtsbote_fit_connect::event::Subject;
use amtsbote_jose::Jws;
use amtsbote_model::submission::{Event, Issuer};
use amtsbote_model::{SubmissionId, Timestamp};
use amtsbote_problem::Findings;
use serde::Deserialize;
use serde_json::Value;

use super::Role;
use super::check::{Checked, TOKEN_MAX_BYTES, finding};
use super::statement::{Submission, TakenOn};

/// Media type in the header of receipts.
const RECEIPT_TYP: &str = "amtsbote-receipt+jwt";

/// What a receipt says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    iss: String,
    iat: i64,
    sub: String,
    txn: String,
    level: String,
    destination_id: String,
    received_at: Option<String>,
    taken_on_at: Option<String>,
    message: Option<String>,
    file_number: Option<String>,
    authentication_tags: Option<Value>,
}

/// What is wrong with a receipt: rule and words.
type Wrong = (&'static str, (&'static str, &'static str));

/// Each submission of the log with its receipts.
pub(super) fn submissions(checked: &mut Checked<'_>, findings: &mut Findings) -> Vec<Submission> {
    let lives = checked.lives.iter();
    let mut found: Vec<Submission> = lives
        .filter_map(|(subject, life)| match subject {
            Subject::Submission(id) => Some(submission(*id, life)),
            Subject::Reply(_) => None,
        })
        .collect();
    let file = checked.file;
    for (place, token) in file.receipts.iter().enumerate() {
        if let Err((rule, words)) = receipt(checked, token, &mut found) {
            findings.push(finding(format!("/receipts/{place}"), rule, words));
        }
    }
    found
}

fn submission(submission_id: SubmissionId, life: &VerifiedLog) -> Submission {
    let when = |wanted: Event, by: Issuer| {
        let mut events = life.events().iter();
        let found = events.find(|one| one.event == wanted && one.issuer == by);
        found.map(|one| one.at)
    };
    Submission {
        submission_id,
        state: life.state().name(),
        accepted_at: when(Event::Submit, Issuer::Service),
        delivered_at: when(Event::Accept, Issuer::Subscriber),
        taken_on: Vec::new(),
    }
}

fn receipt(checked: &mut Checked<'_>, token: &str, found: &mut [Submission]) -> Result<(), Wrong> {
    let malformed: Wrong = (
        "receipt-form",
        ("ist keine signierte Quittung", "is not a signed receipt"),
    );
    let jws = Jws::parse(token, TOKEN_MAX_BYTES).map_err(|_| malformed)?;
    if jws.header().typ() != Some(RECEIPT_TYP) {
        return Err(malformed);
    }
    let kid = jws.header().kid();
    let said: Said = serde_json::from_slice(jws.unverified_payload()).map_err(|_| malformed)?;
    let (role, key) = match said.level.as_str() {
        "accepted" => (Role::Service, checked.keys.service.find(kid)),
        "takenOn" => (Role::Destination, checked.keys.destination.find(kid)),
        _ => return Err(malformed),
    };
    let key = key.ok_or((
        "receipt-key",
        (
            "nennt einen Schlüssel, der nicht in der Datei ist",
            "names a key that is not in the file",
        ),
    ))?;
    jws.verify(key).map_err(|_| {
        let words = ("ist falsch signiert", "has a wrong signature");
        ("receipt-signature", words)
    })?;
    fits(checked, (role, &said), found)?;
    checked.uses.note(role, kid, said.iat);
    Ok(())
}

/// Whether it is about a submission of the log, by whom it says; the submission gets it.
fn fits(
    checked: &Checked<'_>,
    (role, said): (Role, &Said),
    found: &mut [Submission],
) -> Result<(), Wrong> {
    let file = checked.file;
    let foreign: Wrong = (
        "receipt-subject",
        (
            "gehört zu einem anderen Vorgang, Zustelldienst oder Zustellpunkt",
            "belongs to another case, delivery service or destination",
        ),
    );
    let issuer = match role {
        Role::Service => file.service.clone(),
        Role::Destination => file.destination_id.to_string(),
    };
    let same_issuer = said.iss.trim_end_matches('/') == issuer.trim_end_matches('/');
    let same_destination = said.destination_id == file.destination_id.to_string();
    if !same_issuer || !same_destination || said.txn != file.case_id.prefixed() {
        return Err(foreign);
    }
    let mut of = found.iter_mut();
    let of = of.find(|one| one.submission_id.prefixed() == said.sub);
    let submission = of.ok_or(foreign)?;
    let unfit: Wrong = (
        "receipt-log",
        (
            "sagt anderes als das Ereignisprotokoll",
            "says something else than the event log",
        ),
    );
    match role {
        Role::Service => {
            let tags = tags(checked, submission.submission_id);
            let received = said
                .received_at
                .as_deref()
                .and_then(Timestamp::parse_rfc3339);
            if tags.is_none() || said.authentication_tags != tags || received.is_none() {
                return Err(unfit);
            }
            // More exact than the event's whole seconds.
            submission.accepted_at = received;
        }
        Role::Destination => {
            if submission.accepted_at.is_none() {
                return Err(unfit);
            }
            submission.taken_on.push(TakenOn {
                at: said.taken_on_at.clone().ok_or(unfit)?,
                file_number: said.file_number.clone(),
                message: said.message.clone(),
            });
        }
    }
    Ok(())
}

fn tags(checked: &Checked<'_>, id: SubmissionId) -> Option<Value> {
    let mut lives = checked.lives.iter();
    let (_, life) = lives.find(|(subject, _)| *subject == Subject::Submission(id))?;
    serde_json::to_value(life.tags()?).ok()
}

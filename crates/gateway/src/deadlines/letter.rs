//! The mail of a reminder: ids, services, counts and dates. Nothing a sender or a person wrote comes into it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use amtsbote_model::{CaseId, DestinationId, ServiceId, SubmissionId, Timestamp};

/// Submissions named one by one; the others are counted.
const NAMED_MAX: usize = 50;

/// What a reminder says of one submission.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) id: SubmissionId,
    pub(super) case_id: CaseId,
    pub(super) service: ServiceId,
    pub(super) submitted_at: Timestamp,
    pub(super) rejected_at: Timestamp,
}

/// What a reminder is about.
pub(super) struct Reminder<'a> {
    pub(super) destination_id: DestinationId,
    /// Longest waiting first.
    pub(super) waiting: &'a [Waiting],
    /// Base of the submission API, without version.
    pub(super) submission_api: &'a str,
}

impl Reminder<'_> {
    /// One line.
    pub(super) fn subject(&self) -> String {
        let count = self.waiting.len();
        format!("Amtsbote: {count} wartende Einreichung(en) / {count} waiting submission(s)")
    }

    /// Plain text, German first.
    pub(super) fn text(&self) -> String {
        let (id, count) = (self.destination_id, self.waiting.len());
        let mut text = format!(
            "(English below)\n\n\
             Guten Tag,\n\n\
             am Zustellpunkt {id} warten Einreichungen, die noch nicht angenommen oder zurückgewiesen sind: {count}.\n\
             Was bis zum genannten Tag nicht beantwortet ist, weist der Zustelldienst selbst zurück; einige Tage danach wird\n\
             es gelöscht. Bitte prüfen Sie, ob Ihr empfangendes System läuft und den Zustellpunkt abruft.\n\n\
             --\n\n\
             Hello,\n\n\
             at the destination {id} submissions are waiting that are neither accepted nor rejected yet: {count}.\n\
             What is not answered by the day given will be rejected by the delivery service itself, and deleted some days after\n\
             that. Please check that your receiving system is running and fetches from this destination.\n\n\
             --\n\n"
        );
        self.count_services(&mut text);
        for waiting in self.waiting.iter().take(NAMED_MAX) {
            self.name(&mut text, waiting);
        }
        if count > NAMED_MAX {
            let rest = count - NAMED_MAX;
            line(
                &mut text,
                format_args!("… und {rest} weitere / and {rest} more\n"),
            );
        }
        line(
            &mut text,
            format_args!(
                "Diese Nachricht wurde automatisch erzeugt und enthält keine Inhalte der Einreichungen.\n\
                 This message was made automatically and holds nothing of the submissions' contents."
            ),
        );
        text
    }

    fn count_services(&self, text: &mut String) {
        let mut services: BTreeMap<&str, u64> = BTreeMap::new();
        for waiting in self.waiting {
            *services.entry(waiting.service.as_str()).or_default() += 1;
        }
        for (service, count) in services {
            line(text, format_args!("{count} × {service}"));
        }
        text.push('\n');
    }

    fn name(&self, text: &mut String, waiting: &Waiting) {
        line(
            text,
            format_args!(
                "Einreichung / submission {}\n  \
                 Leistung / service: {}\n  \
                 eingegangen / received: {}\n  \
                 Zurückweisung / rejection: {}\n  \
                 Stand / status: {}/v2/cases/{}/events\n",
                waiting.id,
                waiting.service,
                minute(waiting.submitted_at),
                minute(waiting.rejected_at),
                self.submission_api,
                waiting.case_id,
            ),
        );
    }
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{what}");
}

/// `2026-11-23 08:15 UTC`
fn minute(at: Timestamp) -> String {
    let text = at.to_rfc3339();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(number: u128) -> Waiting {
        let id = uuid::Uuid::from_u128(number);
        Waiting {
            id: SubmissionId::from_uuid(id),
            case_id: CaseId::from_uuid(id),
            service: "urn:de:fim:leika:leistung:99012008001000".parse().unwrap(),
            submitted_at: Timestamp::from_seconds(1_795_420_800),
            rejected_at: Timestamp::from_seconds(1_795_420_800 + 14 * 86_400),
        }
    }

    fn letter(count: u128) -> (String, String) {
        let waiting: Vec<_> = (1..=count).map(waiting).collect();
        let reminder = Reminder {
            destination_id: DestinationId::from_uuid(uuid::Uuid::from_u128(9)),
            waiting: &waiting,
            submission_api: "https://amtsbote.example.de/submission-api",
        };
        (reminder.subject(), reminder.text())
    }

    #[test]
    fn a_reminder_of_one_submission() {
        let (subject, text) = letter(1);
        insta::assert_snapshot!(format!("{subject}\n\n{text}"));
    }

    #[test]
    fn many_submissions_are_counted_and_some_named() {
        let (subject, text) = letter(73);
        assert!(subject.contains("73 waiting"), "{subject}");
        assert!(text.contains("73 × urn:de:fim:leika:leistung:99012008001000\n"));
        assert_eq!(text.matches("Einreichung / submission").count(), NAMED_MAX);
        assert!(text.contains("und 23 weitere / and 23 more"), "{text}");
    }
}

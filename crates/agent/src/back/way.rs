//! What is noted of a submission for its answer, and by which names it is found again.

use std::time::Duration;

use amtsbote_adapter::{Fault as WayFault, OpenCase, OpenCases, Reply};
use amtsbote_fit_connect::metadata::ReplyChannel;
use amtsbote_jose::sha256_hex;
use amtsbote_model::{DestinationId, ParcelId, Personal, SubmissionId, Timestamp};
use amtsbote_store::{DeliveryRow, WayBack};
use uuid::Uuid;

use super::message_uuid;
use crate::opening::Content;
use crate::status::channel_text;
use crate::work::Inner;

/// How long after its delivery a submission may be asked for.
const OPEN_FOR: Duration = Duration::from_hours(24 * 180);

pub(super) fn way_of(
    row: &DeliveryRow,
    content: &Content,
    package: &str,
    at: Timestamp,
) -> WayBack {
    let channel = match &content.reply_channel {
        Some(ReplyChannel::FitConnect {
            process_standards,
            encryption_public_key,
        }) => Some(channel_text(encryption_public_key, process_standards)),
        Some(
            ReplyChannel::EMail { .. }
            | ReplyChannel::DeMail { .. }
            | ReplyChannel::Fink { .. }
            | ReplyChannel::Elster { .. }
            | ReplyChannel::IdBundDeMailbox { .. },
        )
        | None => None,
    };
    WayBack {
        submission_id: row.submission_id,
        case_id: row.case_id,
        destination_id: row.destination_id,
        package: package.to_owned(),
        channel,
        at,
    }
}

/// Submissions of one destination that wait for an answer.
pub(super) struct Waiting<'a> {
    pub(super) agent: &'a Inner,
    pub(super) destination: DestinationId,
}

impl OpenCases for Waiting<'_> {
    fn open_cases(
        &self,
        after: Option<SubmissionId>,
        max: usize,
    ) -> Reply<'_, Result<Vec<OpenCase>, WayFault>> {
        Box::pin(async move {
            let now_s = self.agent.parts.clock.now().as_seconds();
            let age_s = i64::try_from(OPEN_FOR.as_secs()).unwrap_or(i64::MAX);
            let since = Timestamp::from_seconds(now_s.saturating_sub(age_s));
            let max = u32::try_from(max).unwrap_or(u32::MAX);
            let ways = &self.agent.parts.ways_back;
            let found = ways.open_ways(self.destination, (after, since), max).await;
            let found = found.map_err(|error| {
                WayFault::unavailable(
                    format!("die eigene Datenbank antwortet nicht ({error})"),
                    format!("our own database does not answer ({error})"),
                )
            })?;
            let case = |way: WayBack| OpenCase {
                submission_id: way.submission_id,
                case_id: way.case_id,
                message: message_uuid(ParcelId::from_uuid(way.submission_id.uuid())),
            };
            Ok(found.into_iter().map(case).collect())
        })
    }
}

pub(super) fn uuid_name(text: &str) -> Option<String> {
    let uuid = Uuid::try_parse(text.trim()).ok()?;
    Some(uuid.as_hyphenated().to_string())
}

/// Hashes, so that what is personal does not stand in the state in clear.
pub(super) fn reference_name(reference: &Personal<String>) -> String {
    let hash = sha256_hex(reference.reveal().trim().as_bytes());
    format!("reference:{hash}")
}

pub(super) fn number_name(destination: DestinationId, number: &Personal<String>) -> String {
    let text = format!("{destination} {}", number.reveal().trim());
    format!("number:{}", sha256_hex(text.as_bytes()))
}

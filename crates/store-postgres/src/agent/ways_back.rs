//! Ways back of several agents.

use amtsbote_model::{DestinationId, ReplyId, SubmissionId, Timestamp};
use amtsbote_store::{
    AnswerMove, AnswerRow, AnswerState, CLOSED, Error, NewAnswer, Reply, Swapped, WayBack, WaysBack,
};

use super::rows::{self, ANSWER, Read, Statements, WAY, execute};
use super::{PostgresDeliveries, run};

const KIND: &str = "way back";

async fn note(
    client: &impl Statements,
    service: &str,
    way: &WayBack,
    mut names: Vec<String>,
) -> Read<()> {
    // In one order everywhere: two that note the same names at the same time must not wait for each other in a ring.
    names.sort_unstable();
    let sql = "WITH way AS (
             INSERT INTO ways_back (service, submission_id, case_id, destination_id, package, channel, noted_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING)
         INSERT INTO way_names (service, name, submission_id)
         SELECT $1, name, $2 FROM unnest($8::text[]) AS name ON CONFLICT DO NOTHING";
    let values: rows::Values<'_> = &[
        &service,
        &way.submission_id.uuid(),
        &way.case_id.uuid(),
        &way.destination_id.uuid(),
        &way.package,
        &way.channel,
        &way.at.as_millis(),
        &names,
    ];
    execute(client, sql, values).await.map(|_| ())
}

async fn keep(client: &impl Statements, service: &str, answer: &NewAnswer) -> Read<()> {
    let state = match answer.sealed {
        Some(_) => AnswerState::Sealed,
        None => AnswerState::Kept,
    };
    let sql = "INSERT INTO answers (service, key, submission_id, what, sealed, state, tries, due_at, at, revision)
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, 1) ON CONFLICT DO NOTHING";
    let values: rows::Values<'_> = &[
        &service,
        &answer.key,
        &answer.submission_id.uuid(),
        &answer.what,
        &answer.sealed,
        &state.name(),
        &state.is_due().then(|| answer.at.as_millis()),
        &answer.at.as_millis(),
    ];
    execute(client, sql, values).await.map(|_| ())
}

pub(super) async fn move_to(
    client: &impl Statements,
    service: &str,
    (key, revision): (&str, u64),
    to: AnswerMove,
) -> Read<Swapped> {
    let Ok(revision) = i64::try_from(revision) else {
        return Ok(Swapped::Stale);
    };
    let sql = "UPDATE answers SET state = $4, reply_id = $5, tries = $6, due_at = $7, at = $8, cause = $9, failing_since = $10,
             sealed = CASE WHEN $11 THEN NULL ELSE sealed END, revision = revision + 1
         WHERE service = $1 AND key = $2 AND revision = $3";
    let values: rows::Values<'_> = &[
        &service,
        &key,
        &revision,
        &to.state.name(),
        &to.state.reply_id().map(ReplyId::uuid),
        &i64::from(to.tries),
        &to.state.is_due().then(|| to.at.as_millis()),
        &to.at.as_millis(),
        &to.failing.map(|failing| failing.cause.name()),
        &to.failing.map(|failing| failing.since.as_millis()),
        &to.state.is_final(),
    ];
    Ok(match execute(client, sql, values).await? {
        0 => Swapped::Stale,
        _ => Swapped::Done,
    })
}

pub(super) async fn answers(
    client: &impl Statements,
    condition: &str,
    values: rows::Values<'_>,
) -> Read<Vec<AnswerRow>> {
    let sql = format!("SELECT {ANSWER} FROM answers WHERE service = $1 AND {condition}");
    rows::all(&rows::rows(client, &sql, values).await?, rows::answer)
}

async fn ways(
    client: &impl Statements,
    condition: &str,
    values: rows::Values<'_>,
) -> Read<Vec<WayBack>> {
    let sql = format!("SELECT {WAY} FROM ways_back WHERE service = $1 AND {condition}");
    rows::all(&rows::rows(client, &sql, values).await?, rows::way)
}

impl WaysBack for PostgresDeliveries {
    fn note_way(&self, way: WayBack, names: Vec<String>) -> Reply<'_, Result<(), Error>> {
        run!(self, KIND, connection => note(&**connection, &self.service, &way, names))
    }

    fn ways(
        &self,
        destination_id: DestinationId,
        names: Vec<String>,
        max: u32,
    ) -> Reply<'_, Result<Vec<WayBack>, Error>> {
        run!(self, KIND, connection => async {
            let condition = "destination_id = $2 AND submission_id IN (
                     SELECT submission_id FROM way_names WHERE service = $1 AND name = ANY ($3))
                 ORDER BY submission_id LIMIT $4";
            let values: rows::Values<'_> =
                &[&&*self.service, &destination_id.uuid(), &names, &i64::from(max)];
            ways(&**connection, condition, values).await
        })
    }

    fn open_ways(
        &self,
        destination_id: DestinationId,
        (after, since): (Option<SubmissionId>, Timestamp),
        max: u32,
    ) -> Reply<'_, Result<Vec<WayBack>, Error>> {
        run!(self, KIND, connection => async {
            let condition = "destination_id = $2 AND ($3::uuid IS NULL OR submission_id > $3) AND noted_at >= $4
                 AND NOT EXISTS (SELECT 1 FROM way_names WHERE way_names.service = $1 AND name = $5
                     AND way_names.submission_id = ways_back.submission_id)
                 ORDER BY submission_id LIMIT $6";
            let values: rows::Values<'_> = &[
                &&*self.service,
                &destination_id.uuid(),
                &after.map(SubmissionId::uuid),
                &since.as_millis(),
                &CLOSED,
                &i64::from(max),
            ];
            ways(&**connection, condition, values).await
        })
    }

    fn way(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<WayBack>, Error>> {
        run!(self, KIND, connection => async {
            let values: rows::Values<'_> = &[&&*self.service, &submission_id.uuid()];
            Ok(ways(&**connection, "submission_id = $2", values).await?.pop())
        })
    }

    fn keep_answer(&self, answer: NewAnswer) -> Reply<'_, Result<(), Error>> {
        run!(self, KIND, connection => keep(&**connection, &self.service, &answer))
    }

    fn due_answers(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<AnswerRow>, Error>> {
        run!(self, KIND, connection => async {
            let condition = "due_at <= $2 ORDER BY due_at, key LIMIT $3";
            let values: rows::Values<'_> = &[&&*self.service, &now.as_millis(), &i64::from(max)];
            answers(&**connection, condition, values).await
        })
    }

    fn move_answer(
        &self,
        key: String,
        revision: u64,
        to: AnswerMove,
    ) -> Reply<'_, Result<Swapped, Error>> {
        run!(self, KIND, connection => move_to(&**connection, &self.service, (&key, revision), to))
    }

    fn answers(&self, submission_id: SubmissionId) -> Reply<'_, Result<Vec<AnswerRow>, Error>> {
        run!(self, KIND, connection => async {
            let values: rows::Values<'_> = &[&&*self.service, &submission_id.uuid()];
            answers(&**connection, "submission_id = $2 ORDER BY key", values).await
        })
    }
}

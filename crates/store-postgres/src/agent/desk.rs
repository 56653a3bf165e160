//! The operator's desk over the agents' state.

use amtsbote_model::SubmissionId;
use amtsbote_model::delivery::Delivery;
use amtsbote_store::{
    AnswerMove, AnswerRow, DeliveryRow, Desk, Error, Intervention, Reply, Swapped,
};
use deadpool_postgres::ClientWrapper;

use super::rows::{self, Read, Statements, execute};
use super::{PostgresDeliveries, deliveries, run, ways_back};

const KIND: &str = "intervention";

/// A change by hand.
enum ByHand {
    Delivery(u64, Box<Delivery>),
    Answer(u64, AnswerMove),
}

async fn change(
    client: &mut ClientWrapper,
    service: &str,
    (change, note): (ByHand, Intervention),
) -> Read<Swapped> {
    // Dropped half-way, it is taken back: no change without its note.
    let transaction = client.transaction().await?;
    let changed = match change {
        ByHand::Delivery(revision, delivery) => {
            let at = (note.submission_id, revision);
            deliveries::swap(&transaction, service, at, &delivery).await?
        }
        ByHand::Answer(revision, to) => {
            let key = note.answer.as_deref().unwrap_or_default();
            ways_back::move_to(&transaction, service, (key, revision), to).await?
        }
    };
    if changed == Swapped::Done {
        write(&transaction, service, &note).await?;
        transaction.commit().await?;
    }
    Ok(changed)
}

async fn write(client: &impl Statements, service: &str, note: &Intervention) -> Read<()> {
    let sql = "INSERT INTO interventions (service, at, who, command, reason, submission_id, answer, before, after)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values: rows::Values<'_> = &[
        &service,
        &note.at.as_millis(),
        &note.who,
        &note.command,
        &note.reason,
        &note.submission_id.uuid(),
        &note.answer,
        &note.before,
        &note.after,
    ];
    execute(client, sql, values).await.map(|_| ())
}

impl Desk for PostgresDeliveries {
    fn open_deliveries(&self, max: u32) -> Reply<'_, Result<Vec<DeliveryRow>, Error>> {
        run!(self, "delivery", connection => async {
            let condition = "state <> 'done' ORDER BY noted_at, submission_id LIMIT $2";
            let values: rows::Values<'_> = &[&&*self.service, &i64::from(max)];
            deliveries::select(&**connection, condition, values).await
        })
    }

    fn stuck_answers(&self, max: u32) -> Reply<'_, Result<Vec<AnswerRow>, Error>> {
        run!(self, "reply", connection => async {
            let condition =
                "sealed IS NOT NULL AND (state = 'parked' OR tries > 0) ORDER BY key LIMIT $2";
            let values: rows::Values<'_> = &[&&*self.service, &i64::from(max)];
            ways_back::answers(&**connection, condition, values).await
        })
    }

    fn change_delivery(
        &self,
        revision: u64,
        delivery: Delivery,
        note: Intervention,
    ) -> Reply<'_, Result<Swapped, Error>> {
        let by_hand = (ByHand::Delivery(revision, Box::new(delivery)), note);
        run!(self, KIND, connection => change(connection, &self.service, by_hand))
    }

    fn change_answer(
        &self,
        revision: u64,
        to: AnswerMove,
        note: Intervention,
    ) -> Reply<'_, Result<Swapped, Error>> {
        let by_hand = (ByHand::Answer(revision, to), note);
        run!(self, KIND, connection => change(connection, &self.service, by_hand))
    }

    fn interventions(
        &self,
        of: Option<SubmissionId>,
        max: u32,
    ) -> Reply<'_, Result<Vec<Intervention>, Error>> {
        run!(self, KIND, connection => async {
            let sql = "SELECT at, who, command, reason, submission_id, answer, before, after FROM interventions
                 WHERE service = $1 AND ($2::uuid IS NULL OR submission_id = $2) ORDER BY number DESC LIMIT $3";
            let of = of.map(SubmissionId::uuid);
            let values: rows::Values<'_> = &[&&*self.service, &of, &i64::from(max)];
            rows::all(&rows::rows(&**connection, sql, values).await?, rows::intervention)
        })
    }
}

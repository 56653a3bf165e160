//! A batch as statements: what each change checks and writes. What must be locked before: [`super::locks`].

use std::collections::BTreeSet;

use amtsbote_model::submission::State;
use amtsbote_model::{DestinationStatus, Region, Subject, Timestamp};
use amtsbote_store::{Attachment, Change, Conflict, Upkeep};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::destinations::Body;
use super::locks::Known;
use super::rows;
use crate::fault::Fault;

/// A value of a statement.
pub(crate) type Value = Box<dyn ToSql + Send + Sync>;

/// A statement whose first column is its verdict: null if done.
pub(crate) enum Planned {
    Run {
        sql: &'static str,
        values: Vec<Value>,
        /// What it means if there is no row; `None`: nothing.
        if_none: Option<Conflict>,
    },
    Refuse(Conflict),
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(Box::new($value) as Value),*] };
}

/// The same text for submissions and for replies.
macro_rules! of_subject {
    ($subject:expr, $before:literal, $after:literal) => {
        match $subject {
            Subject::Submission(_) => concat!($before, "submissions", $after),
            Subject::Reply(_) => concat!($before, "replies", $after),
        }
    };
}

/// The first verdict of an answer.
pub(crate) fn verdict(rows: &[Row], if_none: Option<Conflict>) -> Result<Option<Conflict>, Fault> {
    let Some(row) = rows.first() else {
        return Ok(if_none);
    };
    let text: Option<String> = row.try_get(0)?;
    text.as_deref().map(conflict).transpose()
}

fn conflict(text: &str) -> Result<Conflict, Fault> {
    Ok(match text {
        "exists" => Conflict::Exists,
        "not-announced" => Conflict::NotAnnounced,
        "attachments-moved" => Conflict::AttachmentsMoved,
        "case-mismatch" => Conflict::CaseMismatch,
        "destination-moved" => Conflict::DestinationMoved,
        "in-use" => Conflict::InUse,
        "due-moved" => Conflict::DueMoved,
        state => Conflict::StateMoved(state.parse().map_err(|_| Fault::Malformed)?),
    })
}

struct Plan<'a>(&'a mut Vec<Planned>);

impl Plan<'_> {
    fn run(&mut self, sql: &'static str, values: Vec<Value>) {
        let if_none = None;
        self.0.push(Planned::Run {
            sql,
            values,
            if_none,
        });
    }

    fn check(&mut self, sql: &'static str, values: Vec<Value>, if_none: Conflict) {
        let if_none = Some(if_none);
        self.0.push(Planned::Run {
            sql,
            values,
            if_none,
        });
    }

    fn attachment(&mut self, to: Subject, attachment: &Attachment) {
        let sql = "INSERT INTO attachments (subject_id, id, blob, size_bytes, tag) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (subject_id, id) DO UPDATE SET blob = $3, size_bytes = $4, tag = $5";
        let row = values![
            to.uuid(),
            attachment.id.uuid(),
            attachment.blob.as_str().to_owned(),
            signed(attachment.size_bytes),
            attachment.tag.clone(),
        ];
        self.run(sql, row);
    }
}

/// A number as PostgreSQL counts; numbers past its end stay at the end.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn quoted(text: &str) -> Result<String, Fault> {
    serde_json::to_string(text).map_err(|_| Fault::Malformed)
}

/// Appends the statements of a change. Those after a refusal are taken back with everything else.
#[expect(clippy::too_many_lines, reason = "one arm a change, each flat")]
pub(crate) fn plan(
    change: &Change,
    known: &mut Known,
    planned: &mut Vec<Planned>,
) -> Result<(), Fault> {
    let mut plan = Plan(planned);
    match change {
        Change::OpenCase(case) => plan.check(
            "INSERT INTO cases (id, destination_id, sender, opened_at, last_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT DO NOTHING RETURNING NULL::text",
            values![
                case.id.uuid(),
                case.destination_id.uuid(),
                case.sender.as_str().to_owned(),
                case.opened_at.as_millis(),
            ],
            Conflict::Exists,
        ),
        Change::Announce(submission) => {
            let sender = submission.sender.as_str().to_owned();
            plan.run(
                "SELECT CASE
                    WHEN EXISTS (SELECT 1 FROM submissions WHERE id = $1) THEN 'exists'
                    WHEN NOT EXISTS (SELECT 1 FROM cases WHERE id = $2 AND destination_id = $3 AND sender = $4)
                        THEN 'case-mismatch'
                    WHEN NOT EXISTS (SELECT 1 FROM destinations WHERE id = $3 AND status = $5) THEN 'destination-moved'
                 END",
                values![
                    submission.id.uuid(),
                    submission.case_id.uuid(),
                    submission.destination_id.uuid(),
                    sender.clone(),
                    DestinationStatus::Active.name(),
                ],
            );
            let since = submission.submitted_at.unwrap_or(submission.created_at);
            let callback = submission.callback.as_ref();
            plan.check(
                "INSERT INTO submissions (id, case_id, destination_id, sender, service, service_name, region, state,
                    since, announced, callback_url, callback_secret, created_at, submitted_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
                 ON CONFLICT DO NOTHING RETURNING NULL::text",
                values![
                    submission.id.uuid(),
                    submission.case_id.uuid(),
                    submission.destination_id.uuid(),
                    sender,
                    submission.service.as_str().to_owned(),
                    submission.service_name.as_deref().map(quoted).transpose()?,
                    submission.region.as_ref().map(Region::as_str).map(str::to_owned),
                    submission.state.name(),
                    since.as_millis(),
                    submission.announced.iter().map(|id| id.uuid()).collect::<Vec<_>>(),
                    callback.map(|callback| callback.url.clone()),
                    callback.map(|callback| callback.secret.reveal().to_owned()),
                    submission.created_at.as_millis(),
                    submission.submitted_at.map(Timestamp::as_millis),
                ],
                Conflict::Exists,
            );
            for attachment in &submission.attachments {
                plan.attachment(submission.id.into(), attachment);
            }
        }
        Change::AnnounceReply(reply) => {
            let receiver = reply.receiver.as_str().to_owned();
            plan.run(
                "SELECT CASE
                    WHEN EXISTS (SELECT 1 FROM replies WHERE id = $1) THEN 'exists'
                    WHEN NOT EXISTS (SELECT 1 FROM cases WHERE id = $2 AND destination_id = $3 AND sender = $4)
                        THEN 'case-mismatch'
                 END",
                values![
                    reply.id.uuid(),
                    reply.case_id.uuid(),
                    reply.destination_id.uuid(),
                    receiver.clone(),
                ],
            );
            let since = reply.submitted_at.unwrap_or(reply.created_at);
            plan.check(
                "INSERT INTO replies (id, case_id, destination_id, receiver, state, since, announced, created_at, submitted_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING NULL::text",
                values![
                    reply.id.uuid(),
                    reply.case_id.uuid(),
                    reply.destination_id.uuid(),
                    receiver,
                    reply.state.name(),
                    since.as_millis(),
                    reply.announced.iter().map(|id| id.uuid()).collect::<Vec<_>>(),
                    reply.created_at.as_millis(),
                    reply.submitted_at.map(Timestamp::as_millis),
                ],
                Conflict::Exists,
            );
            for attachment in &reply.attachments {
                plan.attachment(reply.id.into(), attachment);
            }
        }
        Change::Attach { subject, attachment } => {
            plan.check(
                of_subject!(
                    subject,
                    "SELECT CASE WHEN state <> 'created' THEN state WHEN NOT $2::uuid = ANY (announced) THEN 'not-announced' END FROM ",
                    " WHERE id = $1"
                ),
                values![subject.uuid(), attachment.id.uuid()],
                Conflict::SubjectUnknown,
            );
            plan.attachment(*subject, attachment);
        }
        Change::Fill { subject, content } => {
            plan.check(
                of_subject!(subject, "SELECT NULL::text FROM ", " WHERE id = $1"),
                values![subject.uuid()],
                Conflict::SubjectUnknown,
            );
            plan.check(
                "INSERT INTO contents (subject_id, metadata, data) VALUES ($1, $2, $3)
                 ON CONFLICT DO NOTHING RETURNING NULL::text",
                values![subject.uuid(), content.metadata.clone(), content.data.clone()],
                Conflict::Exists,
            );
        }
        Change::Move { subject, from, to, at } => {
            plan.check(
                of_subject!(
                    subject,
                    "SELECT CASE WHEN state <> $2 THEN state END FROM ",
                    " WHERE id = $1"
                ),
                values![subject.uuid(), from.name()],
                Conflict::SubjectUnknown,
            );
            // The moment of receipt is written once.
            if from != to {
                let submitted_at = (*to == State::Submitted).then(|| at.as_millis());
                plan.run(
                    of_subject!(
                        subject,
                        "UPDATE ",
                        " SET state = $2, since = $3, submitted_at = coalesce($4, submitted_at) WHERE id = $1"
                    ),
                    values![subject.uuid(), to.name(), at.as_millis(), submitted_at],
                );
            }
        }
        Change::ExpectAttachments { subject, attachments } => {
            let mut expected: Vec<_> = attachments
                .iter()
                .map(|a| (a.id.uuid(), a.blob.as_str().to_owned()))
                .collect();
            expected.sort();
            let (ids, blobs): (Vec<_>, Vec<_>) = expected.into_iter().unzip();
            plan.check(
                of_subject!(
                    subject,
                    "SELECT CASE WHEN
                        (SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM attachments WHERE subject_id = $1) <> $2::uuid[]
                        OR (SELECT coalesce(array_agg(blob::text ORDER BY id), '{}') FROM attachments WHERE subject_id = $1) <> $3::text[]
                     THEN 'attachments-moved' END FROM ",
                    " WHERE id = $1"
                ),
                values![subject.uuid(), ids, blobs],
                Conflict::SubjectUnknown,
            );
        }
        Change::Append(event) => {
            plan.run(
                "UPDATE cases SET last_at = $2 WHERE id = $1 AND last_at < $2",
                values![event.case_id.uuid(), event.at.as_millis()],
            );
            plan.check(
                "WITH new AS (
                    INSERT INTO events (id, case_id, subject, subject_id, name, issuer, at, token)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING number
                 ) INSERT INTO unsealed (number) SELECT number FROM new RETURNING NULL::text",
                values![
                    event.id.uuid(),
                    event.case_id.uuid(),
                    rows::subject_name(event.subject),
                    event.subject.uuid(),
                    event.name.clone(),
                    rows::issuer_name(event.issuer),
                    event.at.as_millis(),
                    event.token.clone(),
                ],
                Conflict::Exists,
            );
        }
        Change::Erase { subject } => {
            let id = subject.uuid();
            plan.run("DELETE FROM contents WHERE subject_id = $1", values![id]);
            plan.run("DELETE FROM attachments WHERE subject_id = $1", values![id]);
        }
        Change::PutDestination { replaces, destination } => {
            let id = destination.id;
            if known.get(&id) != replaces.as_deref() {
                plan.0.push(Planned::Refuse(Conflict::DestinationMoved));
                return Ok(());
            }
            let body = serde_json::to_string(&Body::of(destination)).map_err(|_| Fault::Malformed)?;
            let row = values![
                id.uuid(),
                destination.owner.as_str().to_owned(),
                destination.status.name(),
                destination.created_at.as_millis(),
                body,
            ];
            let sql = if replaces.is_some() {
                "UPDATE destinations SET owner = $2, status = $3, created_at = $4, body = $5 WHERE id = $1 RETURNING NULL::text"
            } else {
                // There was no row to lock: whoever comes second finds the first one's.
                "INSERT INTO destinations (id, owner, status, created_at, body) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT DO NOTHING RETURNING NULL::text"
            };
            plan.check(sql, row, Conflict::DestinationMoved);
            plan.run("DELETE FROM offers WHERE destination_id = $1", values![id.uuid()]);
            let services = destination.services.iter();
            let services: BTreeSet<_> = services.map(|s| s.identifier.as_str().to_owned()).collect();
            plan.run(
                "INSERT INTO offers (service, destination_id) SELECT unnest($2::text[]), $1::uuid",
                values![id.uuid(), services.into_iter().collect::<Vec<_>>()],
            );
            known.insert(id, (**destination).clone());
        }
        Change::DropDestination(id) => {
            plan.run(
                "SELECT CASE WHEN EXISTS (SELECT 1 FROM submissions WHERE destination_id = $1) THEN 'in-use' END",
                values![id.uuid()],
            );
            plan.run("DELETE FROM keys WHERE destination_id = $1", values![id.uuid()]);
            plan.run("DELETE FROM destinations WHERE id = $1", values![id.uuid()]);
            known.remove(id);
        }
        Change::PutKey { destination_id, key } => plan.run(
            // Writes nothing new to a row that is there: so it is locked, and read as it is now.
            "INSERT INTO keys (destination_id, kid, jwk, added_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (destination_id, kid) DO UPDATE SET kid = $2
             RETURNING CASE WHEN jwk <> $3 THEN 'exists' END",
            values![
                destination_id.uuid(),
                key.kid.clone(),
                key.jwk.clone(),
                key.added_at.as_millis(),
            ],
        ),
        Change::Remember(answer) => plan.check(
            "INSERT INTO remembered (client, key, fingerprint, answer, at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING RETURNING NULL::text",
            values![
                answer.client.as_str().to_owned(),
                answer.key.clone(),
                answer.fingerprint.clone(),
                answer.answer.clone(),
                answer.at.as_millis(),
            ],
            Conflict::Exists,
        ),
        Change::Enqueue(notice) => plan.check(
            "INSERT INTO outbox (id, subject, subject_id, url, secret, body, made_at, tries, due_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING NULL::text",
            values![
                notice.id.0.uuid(),
                rows::subject_name(notice.subject),
                notice.subject.uuid(),
                notice.url.clone(),
                notice.secret.reveal().to_owned(),
                notice.body.clone(),
                notice.made_at.as_millis(),
                i64::from(notice.tries),
                notice.due_at.as_millis(),
            ],
            Conflict::Exists,
        ),
        Change::Postpone {
            id,
            was_due_at,
            tries,
            due_at,
        } => plan.check(
            "UPDATE outbox SET tries = $2, due_at = $3 WHERE id = $1 AND due_at = $4 RETURNING NULL::text",
            values![
                id.0.uuid(),
                i64::from(*tries),
                due_at.as_millis(),
                was_due_at.as_millis(),
            ],
            Conflict::DueMoved,
        ),
        Change::Dequeue(id) => plan.run("DELETE FROM outbox WHERE id = $1", values![id.0.uuid()]),
        Change::Upkeep(upkeep) => keep_up(upkeep, &mut plan)?,
    }
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "one arm a change, each flat")]
fn keep_up(upkeep: &Upkeep, plan: &mut Plan<'_>) -> Result<(), Fault> {
    match upkeep {
        Upkeep::Remind { submission_id, nth } => {
            let row = || values![submission_id.uuid(), i64::from(*nth)];
            plan.check(
                "SELECT CASE WHEN state <> 'submitted' THEN state WHEN reminded >= $2 THEN 'exists' END
                 FROM submissions WHERE id = $1",
                row(),
                Conflict::SubjectUnknown,
            );
            plan.run("UPDATE submissions SET reminded = $2 WHERE id = $1", row());
        }
        Upkeep::Post(mail) => plan.check(
            "INSERT INTO mails (id, destination_id, recipient, subject, body, made_at, tries, due_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING NULL::text",
            values![
                mail.id.0.uuid(),
                mail.destination_id.uuid(),
                mail.to.reveal().to_owned(),
                quoted(&mail.subject)?,
                quoted(&mail.text)?,
                mail.made_at.as_millis(),
                i64::from(mail.tries),
                mail.due_at.as_millis(),
            ],
            Conflict::Exists,
        ),
        Upkeep::PostponeMail {
            id,
            was_due_at,
            tries,
            due_at,
        } => plan.check(
            "UPDATE mails SET tries = $2, due_at = $3 WHERE id = $1 AND due_at = $4 RETURNING NULL::text",
            values![
                id.0.uuid(),
                i64::from(*tries),
                due_at.as_millis(),
                was_due_at.as_millis(),
            ],
            Conflict::DueMoved,
        ),
        Upkeep::DropMail(id) => plan.run("DELETE FROM mails WHERE id = $1", values![id.0.uuid()]),
        Upkeep::DropCase { id, before } => {
            plan.run(
                "SELECT CASE WHEN last_at >= $2
                    OR EXISTS (SELECT 1 FROM submissions WHERE case_id = $1 AND state <> 'deleted')
                    OR EXISTS (SELECT 1 FROM replies WHERE case_id = $1 AND state <> 'deleted')
                 THEN 'in-use' END FROM cases WHERE id = $1",
                values![id.uuid(), before.as_millis()],
            );
            for sql in [
                "DELETE FROM outbox WHERE subject_id IN
                    (SELECT id FROM submissions WHERE case_id = $1 UNION ALL SELECT id FROM replies WHERE case_id = $1)",
                "DELETE FROM attachments WHERE subject_id IN
                    (SELECT id FROM submissions WHERE case_id = $1 UNION ALL SELECT id FROM replies WHERE case_id = $1)",
                "DELETE FROM contents WHERE subject_id IN
                    (SELECT id FROM submissions WHERE case_id = $1 UNION ALL SELECT id FROM replies WHERE case_id = $1)",
                "DELETE FROM unsealed WHERE number IN (SELECT number FROM events WHERE case_id = $1)
                    AND EXISTS (SELECT 1 FROM cases WHERE id = $1)",
                "DELETE FROM events WHERE case_id = $1 AND EXISTS (SELECT 1 FROM cases WHERE id = $1)",
                "DELETE FROM submissions WHERE case_id = $1",
                "DELETE FROM replies WHERE case_id = $1",
                "DELETE FROM cases WHERE id = $1",
            ] {
                plan.run(sql, values![id.uuid()]);
            }
        }
        Upkeep::Forget { before, max } => plan.run(
            "DELETE FROM remembered WHERE (client, key) IN
                (SELECT client, key FROM remembered WHERE at < $1 ORDER BY at LIMIT $2)",
            values![before.as_millis(), i64::from(*max)],
        ),
        Upkeep::Round { at } => plan.run(
            "INSERT INTO marks (name, at) VALUES ('deadlines', $1) ON CONFLICT (name) DO UPDATE SET at = $1",
            values![at.as_millis()],
        ),
    }
    Ok(())
}

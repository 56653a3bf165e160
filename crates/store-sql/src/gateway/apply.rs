//! A batch as SQL. The outer result is the database's, the inner one the batch's.

use amtsbote_model::submission::State;
use amtsbote_model::{AttachmentId, DestinationId, DestinationStatus, Region, Subject, Timestamp};
use amtsbote_store::{
    Attachment, Batch, Case, Change, Conflict, Content, Event, KeyRecord, Notice, NoticeId,
    Remembered, Submission,
};
use rusqlite::{Connection, Result, params};

use super::{destinations, replies, rows, upkeep};
use crate::columns::{self, execute, first, signed};

/// Whether a change was made.
pub(super) type Step = std::result::Result<(), Conflict>;

/// Applies the changes in order, up to the first that is refused. The caller takes back what was done before it.
pub(super) fn apply(database: &Connection, batch: Batch) -> Result<Step> {
    for change in batch.0 {
        if let Err(conflict) = apply_one(database, change)? {
            return Ok(Err(conflict));
        }
    }
    Ok(Ok(()))
}

fn apply_one(database: &Connection, change: Change) -> Result<Step> {
    match change {
        Change::OpenCase(case) => open_case(database, &case),
        Change::Announce(submission) => announce(database, &submission),
        Change::AnnounceReply(reply) => replies::announce(database, &reply),
        Change::Attach {
            subject,
            attachment,
        } => attach(database, subject, &attachment),
        Change::Fill { subject, content } => fill(database, subject, &content),
        Change::Move {
            subject,
            from,
            to,
            at,
        } => move_on(database, subject, (from, to), at),
        Change::ExpectAttachments {
            subject,
            attachments,
        } => expect(database, subject, &attachments),
        Change::Append(event) => append(database, &event),
        Change::Erase { subject } => erase(database, subject),
        Change::PutDestination {
            replaces,
            destination,
        } => destinations::put(database, replaces.as_deref(), &destination),
        Change::DropDestination(id) => destinations::drop_one(database, id),
        Change::PutKey {
            destination_id,
            key,
        } => put_key(database, destination_id, &key),
        Change::Remember(answer) => remember(database, &answer),
        Change::Enqueue(notice) => enqueue(database, &notice),
        Change::Postpone {
            id,
            was_due_at,
            tries,
            due_at,
        } => postpone(database, id, was_due_at, (tries, due_at)),
        Change::Dequeue(id) => {
            let sql = "DELETE FROM outbox WHERE id = ?1";
            execute(database, sql, [bytes(id.0.uuid())])?;
            Ok(Ok(()))
        }
        Change::Upkeep(upkeep) => upkeep::apply(database, upkeep),
    }
}

pub(super) fn bytes(uuid: uuid::Uuid) -> [u8; 16] {
    uuid.into_bytes()
}

/// Inserts a row, or tells that its identity is taken. The statement ends in `ON CONFLICT DO NOTHING`.
pub(super) fn insert(database: &Connection, sql: &str, row: impl rusqlite::Params) -> Result<Step> {
    let inserted = execute(database, sql, row)?;
    Ok(if inserted == 1 {
        Ok(())
    } else {
        Err(Conflict::Exists)
    })
}

fn open_case(database: &Connection, case: &Case) -> Result<Step> {
    insert(
        database,
        "INSERT INTO cases (id, destination_id, sender, opened_at, last_at) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO NOTHING",
        params![
            bytes(case.id.uuid()),
            bytes(case.destination_id.uuid()),
            case.sender.as_str(),
            case.opened_at.as_millis(),
        ],
    )
}

pub(super) fn state_of(database: &Connection, id: Subject) -> Result<Option<State>> {
    let sql = match id {
        Subject::Submission(_) => "SELECT state FROM submissions WHERE id = ?1",
        Subject::Reply(_) => "SELECT state FROM replies WHERE id = ?1",
    };
    let name: Option<String> = first(database, sql, [bytes(id.uuid())])?;
    let parse = |name: String| name.parse().map_err(|_| columns::malformed());
    name.map(parse).transpose()
}

fn announce(database: &Connection, submission: &Submission) -> Result<Step> {
    if state_of(database, submission.id.into())?.is_some() {
        return Ok(Err(Conflict::Exists));
    }
    let destination = bytes(submission.destination_id.uuid());
    let fits = replies::case(database, submission.case_id)?.is_some_and(|case| {
        case.destination_id == submission.destination_id && case.sender == submission.sender
    });
    if !fits {
        return Ok(Err(Conflict::CaseMismatch));
    }
    let status: Option<String> = first(
        database,
        "SELECT status FROM destinations WHERE id = ?1",
        [destination],
    )?;
    if status.as_deref() != Some(DestinationStatus::Active.name()) {
        return Ok(Err(Conflict::DestinationMoved));
    }
    let since = submission.submitted_at.unwrap_or(submission.created_at);
    execute(
        database,
        "INSERT INTO submissions (id, case_id, destination_id, sender, service, service_name, region, state, since,
             announced, callback_url, callback_secret, created_at, submitted_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        params![
            bytes(submission.id.uuid()),
            bytes(submission.case_id.uuid()),
            destination,
            submission.sender.as_str(),
            submission.service.as_str(),
            submission.service_name,
            submission.region.as_ref().map(Region::as_str),
            submission.state.name(),
            since.as_millis(),
            joined(&submission.announced),
            submission.callback.as_ref().map(|callback| &callback.url),
            submission.callback.as_ref().map(|callback| callback.secret.reveal()),
            submission.created_at.as_millis(),
            submission.submitted_at.map(Timestamp::as_millis),
        ],
    )?;
    for attachment in &submission.attachments {
        put_attachment(database, submission.id.into(), attachment)?;
    }
    Ok(Ok(()))
}

/// Attachment ids, one after the other.
pub(super) fn joined(ids: &[AttachmentId]) -> Vec<u8> {
    ids.iter().flat_map(|id| bytes(id.uuid())).collect()
}

pub(super) fn put_attachment(
    database: &Connection,
    to: Subject,
    attachment: &Attachment,
) -> Result<()> {
    let row = params![
        bytes(to.uuid()),
        bytes(attachment.id.uuid()),
        attachment.blob.as_str(),
        signed(attachment.size_bytes),
        attachment.tag,
    ];
    let sql = "INSERT OR REPLACE INTO attachments (subject_id, id, blob, size_bytes, tag) VALUES (?1, ?2, ?3, ?4, ?5)";
    execute(database, sql, row).map(|_| ())
}

fn attach(database: &Connection, id: Subject, attachment: &Attachment) -> Result<Step> {
    match state_of(database, id)? {
        Some(State::Created) => {}
        Some(state) => return Ok(Err(Conflict::StateMoved(state))),
        None => return Ok(Err(Conflict::SubjectUnknown)),
    }
    let sql = match id {
        Subject::Submission(_) => "SELECT announced FROM submissions WHERE id = ?1",
        Subject::Reply(_) => "SELECT announced FROM replies WHERE id = ?1",
    };
    let announced: Option<Vec<u8>> = first(database, sql, [bytes(id.uuid())])?;
    let wanted = bytes(attachment.id.uuid());
    if !announced
        .unwrap_or_default()
        .as_chunks::<16>()
        .0
        .contains(&wanted)
    {
        return Ok(Err(Conflict::NotAnnounced));
    }
    put_attachment(database, id, attachment)?;
    Ok(Ok(()))
}

fn fill(database: &Connection, id: Subject, content: &Content) -> Result<Step> {
    if state_of(database, id)?.is_none() {
        return Ok(Err(Conflict::SubjectUnknown));
    }
    insert(
        database,
        "INSERT INTO contents (subject_id, metadata, data) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        params![bytes(id.uuid()), content.metadata, content.data],
    )
}

fn move_on(
    database: &Connection,
    id: Subject,
    (from, to): (State, State),
    at: Timestamp,
) -> Result<Step> {
    match state_of(database, id)? {
        Some(state) if state == from => {}
        Some(state) => return Ok(Err(Conflict::StateMoved(state))),
        None => return Ok(Err(Conflict::SubjectUnknown)),
    }
    // The moment of receipt is written once.
    if from == to {
        return Ok(Ok(()));
    }
    let submitted_at = (to == State::Submitted).then(|| at.as_millis());
    let sql = match id {
        Subject::Submission(_) => {
            "UPDATE submissions SET state = ?2, since = ?3, submitted_at = coalesce(?4, submitted_at) WHERE id = ?1"
        }
        Subject::Reply(_) => {
            "UPDATE replies SET state = ?2, since = ?3, submitted_at = coalesce(?4, submitted_at) WHERE id = ?1"
        }
    };
    execute(
        database,
        sql,
        params![bytes(id.uuid()), to.name(), at.as_millis(), submitted_at],
    )?;
    Ok(Ok(()))
}

fn expect(database: &Connection, id: Subject, expected: &[Attachment]) -> Result<Step> {
    if state_of(database, id)?.is_none() {
        return Ok(Err(Conflict::SubjectUnknown));
    }
    let stored = rows::attachments(database, id)?;
    let mut expected: Vec<_> = expected.iter().map(|a| (a.id, &a.blob)).collect();
    expected.sort();
    let same = stored.iter().map(|a| (a.id, &a.blob)).eq(expected);
    Ok(if same {
        Ok(())
    } else {
        Err(Conflict::AttachmentsMoved)
    })
}

fn append(database: &Connection, event: &Event) -> Result<Step> {
    execute(
        database,
        "UPDATE cases SET last_at = ?2 WHERE id = ?1 AND last_at < ?2",
        params![bytes(event.case_id.uuid()), event.at.as_millis()],
    )?;
    insert(
        database,
        "INSERT INTO events (id, case_id, subject, subject_id, name, issuer, at, token)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        params![
            bytes(event.id.uuid()),
            bytes(event.case_id.uuid()),
            rows::subject_name(event.subject),
            bytes(event.subject.uuid()),
            event.name,
            rows::issuer_name(event.issuer),
            event.at.as_millis(),
            event.token,
        ],
    )
}

fn erase(database: &Connection, id: Subject) -> Result<Step> {
    for sql in [
        "DELETE FROM contents WHERE subject_id = ?1",
        "DELETE FROM attachments WHERE subject_id = ?1",
    ] {
        execute(database, sql, [bytes(id.uuid())])?;
    }
    Ok(Ok(()))
}

fn put_key(database: &Connection, id: DestinationId, key: &KeyRecord) -> Result<Step> {
    let stored: Option<String> = first(
        database,
        "SELECT jwk FROM keys WHERE destination_id = ?1 AND kid = ?2",
        params![bytes(id.uuid()), key.kid],
    )?;
    match stored {
        Some(jwk) if jwk == key.jwk => Ok(Ok(())),
        Some(_) => Ok(Err(Conflict::Exists)),
        None => insert(
            database,
            "INSERT INTO keys (destination_id, kid, jwk, added_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![bytes(id.uuid()), key.kid, key.jwk, key.added_at.as_millis()],
        ),
    }
}

fn remember(database: &Connection, answer: &Remembered) -> Result<Step> {
    insert(
        database,
        "INSERT INTO remembered (client, key, fingerprint, answer, at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        params![
            answer.client.as_str(),
            answer.key,
            answer.fingerprint,
            answer.answer,
            answer.at.as_millis(),
        ],
    )
}

fn enqueue(database: &Connection, notice: &Notice) -> Result<Step> {
    insert(
        database,
        "INSERT INTO outbox (id, subject, subject_id, url, secret, body, made_at, tries, due_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        params![
            bytes(notice.id.0.uuid()),
            rows::subject_name(notice.subject),
            bytes(notice.subject.uuid()),
            notice.url,
            notice.secret.reveal(),
            notice.body,
            notice.made_at.as_millis(),
            notice.tries,
            notice.due_at.as_millis(),
        ],
    )
}

fn postpone(
    database: &Connection,
    id: NoticeId,
    was_due_at: Timestamp,
    (tries, due_at): (u32, Timestamp),
) -> Result<Step> {
    let postponed = execute(
        database,
        "UPDATE outbox SET tries = ?2, due_at = ?3 WHERE id = ?1 AND due_at = ?4",
        params![
            bytes(id.0.uuid()),
            tries,
            due_at.as_millis(),
            was_due_at.as_millis()
        ],
    )?;
    Ok(if postponed == 0 {
        Err(Conflict::DueMoved)
    } else {
        Ok(())
    })
}

//! Records and lists, read.

use std::str::FromStr;

use amtsbote_model::submission::Issuer;
use amtsbote_model::{
    AttachmentId, Callback, CaseId, ClientId, DestinationId, DestinationStatus, EventId, ReplyId,
    Secret, Subject, SubmissionId, Timestamp,
};
use amtsbote_store::{
    Attachment, Case, CaseFilter, Content, DestinationFilter, Event, KeyRecord, Listed, LogOf,
    Mail, MailId, Notice, NoticeId, Page, Remembered, ReplyFilter, ReplyRecord, ReplyRef,
    Submission, SubmissionFilter, SubmissionRef,
};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::changes::{Value, signed};
use super::destinations;
use crate::fault::Fault;
use crate::sums::is_whole;

pub(super) type Read<T> = Result<T, Fault>;
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

pub(crate) fn id<T>(row: &Row, column: &str, make: fn(Uuid) -> T) -> Read<T> {
    Ok(make(row.try_get(column)?))
}

pub(crate) fn parsed<T: FromStr>(row: &Row, column: &str) -> Read<T> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|_| Fault::Malformed)
}

pub(crate) fn moment(row: &Row, column: &str) -> Read<Timestamp> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

fn moment_if_any(row: &Row, column: &str) -> Read<Option<Timestamp>> {
    let millis: Option<i64> = row.try_get(column)?;
    Ok(millis.map(Timestamp::from_millis))
}

pub(super) fn unsigned<T: TryFrom<i64>>(row: &Row, column: &str) -> Read<T> {
    T::try_from(row.try_get(column)?).map_err(|_| Fault::Malformed)
}

/// Refuses a row whose column `is_whole` says that its sum differs.
pub(crate) fn unaltered(row: &Row) -> Read<()> {
    if row.try_get("is_whole")? {
        Ok(())
    } else {
        Err(Fault::Altered)
    }
}

fn unquoted(text: &str) -> Read<String> {
    serde_json::from_str(text).map_err(|_| Fault::Malformed)
}

pub(super) async fn rows(client: &ClientWrapper, sql: &str, values: Values<'_>) -> Read<Vec<Row>> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, values).await?)
}

pub(super) async fn first(
    client: &ClientWrapper,
    sql: &str,
    values: Values<'_>,
) -> Read<Option<Row>> {
    Ok(rows(client, sql, values).await?.into_iter().next())
}

pub(super) async fn submission(
    client: &ClientWrapper,
    wanted: SubmissionId,
) -> Read<Option<Submission>> {
    let sql = "SELECT id, case_id, destination_id, sender, service, service_name, region, state, announced,
            callback_url, callback_secret, created_at, submitted_at
        FROM submissions WHERE id = $1";
    let Some(row) = first(client, sql, &[&wanted.uuid()]).await? else {
        return Ok(None);
    };
    let row = &row;
    let name: Option<&str> = row.try_get("service_name")?;
    let region: Option<&str> = row.try_get("region")?;
    let region = region.map(str::parse).transpose();
    let url: Option<String> = row.try_get("callback_url")?;
    let secret: Option<String> = row.try_get("callback_secret")?;
    Ok(Some(Submission {
        id: id(row, "id", SubmissionId::from_uuid)?,
        case_id: id(row, "case_id", CaseId::from_uuid)?,
        destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        sender: parsed(row, "sender")?,
        service: parsed(row, "service")?,
        service_name: name.map(unquoted).transpose()?,
        region: region.map_err(|_| Fault::Malformed)?,
        state: parsed(row, "state")?,
        announced: announced(row)?,
        attachments: attachments(client, wanted.into()).await?,
        callback: url.zip(secret).map(|(url, secret)| Callback {
            url,
            secret: Secret::new(secret),
        }),
        created_at: moment(row, "created_at")?,
        submitted_at: moment_if_any(row, "submitted_at")?,
    }))
}

fn announced(row: &Row) -> Read<Vec<AttachmentId>> {
    let ids: Vec<Uuid> = row.try_get("announced")?;
    Ok(ids.into_iter().map(AttachmentId::from_uuid).collect())
}

/// In the order of their ids.
async fn attachments(client: &ClientWrapper, of: Subject) -> Read<Vec<Attachment>> {
    let sql = "SELECT id, blob, size_bytes, tag FROM attachments WHERE subject_id = $1 ORDER BY id";
    let read = |row: &Row| {
        Ok(Attachment {
            id: id(row, "id", AttachmentId::from_uuid)?,
            blob: parsed(row, "blob")?,
            size_bytes: unsigned(row, "size_bytes")?,
            tag: row.try_get("tag")?,
        })
    };
    rows(client, sql, &[&of.uuid()])
        .await?
        .iter()
        .map(read)
        .collect()
}

pub(super) async fn unreferenced(client: &ClientWrapper, blobs: Vec<String>) -> Read<Vec<String>> {
    let sql = "SELECT blob FROM unnest($1::text[]) AS blob
        WHERE NOT EXISTS (SELECT 1 FROM attachments WHERE attachments.blob = blob.blob)";
    let rows = rows(client, sql, &[&blobs]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

pub(super) async fn content(client: &ClientWrapper, of: Subject) -> Read<Option<Content>> {
    let sql = format!(
        "SELECT metadata, data, {} AS is_whole FROM contents WHERE subject_id = $1",
        is_whole("contents")
    );
    let found = first(client, &sql, &[&of.uuid()]).await?;
    let read = |row: Row| {
        unaltered(&row)?;
        Ok(Content {
            metadata: row.try_get("metadata")?,
            data: row.try_get("data")?,
        })
    };
    found.map(read).transpose()
}

/// The stable name, as stored.
pub(super) const fn subject_name(subject: Subject) -> &'static str {
    match subject {
        Subject::Submission(_) => SubmissionId::PREFIX,
        Subject::Reply(_) => ReplyId::PREFIX,
    }
}

fn subject(row: &Row) -> Read<Subject> {
    match row.try_get("subject")? {
        SubmissionId::PREFIX => id(row, "subject_id", SubmissionId::from_uuid).map(Into::into),
        ReplyId::PREFIX => id(row, "subject_id", ReplyId::from_uuid).map(Into::into),
        _ => Err(Fault::Malformed),
    }
}

/// The stable name, as stored.
pub(super) const fn issuer_name(issuer: Issuer) -> &'static str {
    match issuer {
        Issuer::Service => "service",
        Issuer::Subscriber => "subscriber",
    }
}

/// With the column `is_whole`.
pub(super) fn event(row: &Row) -> Read<Event> {
    unaltered(row)?;
    let name: &str = row.try_get("issuer")?;
    let issuer = Issuer::ALL
        .into_iter()
        .find(|issuer| issuer_name(*issuer) == name);
    Ok(Event {
        id: id(row, "id", EventId::from_uuid)?,
        case_id: id(row, "case_id", CaseId::from_uuid)?,
        subject: subject(row)?,
        name: row.try_get("name")?,
        issuer: issuer.ok_or(Fault::Malformed)?,
        at: moment(row, "at")?,
        token: row.try_get("token")?,
    })
}

pub(super) async fn remembered(
    client: &ClientWrapper,
    by: &ClientId,
    key: &str,
) -> Read<Option<Remembered>> {
    let sql = "SELECT fingerprint, answer, at FROM remembered WHERE client = $1 AND key = $2";
    let found = first(client, sql, &[&by.as_str(), &key]).await?;
    let read = |row: Row| {
        Ok(Remembered {
            client: by.clone(),
            key: key.to_owned(),
            fingerprint: row.try_get("fingerprint")?,
            answer: row.try_get("answer")?,
            at: moment(&row, "at")?,
        })
    };
    found.map(read).transpose()
}

pub(super) async fn quiet_cases(
    client: &ClientWrapper,
    before: Timestamp,
    max: u32,
) -> Read<Vec<CaseId>> {
    let sql = "SELECT id FROM cases WHERE last_at < $1
        AND NOT EXISTS (SELECT 1 FROM submissions WHERE case_id = cases.id AND state <> 'deleted')
        AND NOT EXISTS (SELECT 1 FROM replies WHERE case_id = cases.id AND state <> 'deleted')
        ORDER BY last_at, id LIMIT $2";
    let found = rows(client, sql, &[&before.as_millis(), &i64::from(max)]).await?;
    let read = |row| id(row, "id", CaseId::from_uuid);
    found.iter().map(read).collect()
}

pub(super) async fn last_round(client: &ClientWrapper) -> Read<Option<Timestamp>> {
    let sql = "SELECT at FROM marks WHERE name = 'deadlines'";
    let found = first(client, sql, &[]).await?;
    found.map(|row| moment(&row, "at")).transpose()
}

fn read_case(row: &Row) -> Read<Case> {
    Ok(Case {
        id: id(row, "id", CaseId::from_uuid)?,
        destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        sender: parsed(row, "sender")?,
        opened_at: moment(row, "opened_at")?,
    })
}

pub(super) async fn case(client: &ClientWrapper, wanted: CaseId) -> Read<Option<Case>> {
    let sql = "SELECT id, destination_id, sender, opened_at FROM cases WHERE id = $1";
    let found = first(client, sql, &[&wanted.uuid()]).await?;
    found.as_ref().map(read_case).transpose()
}

pub(super) async fn reply(client: &ClientWrapper, wanted: ReplyId) -> Read<Option<ReplyRecord>> {
    let sql =
        "SELECT id, case_id, destination_id, receiver, state, announced, created_at, submitted_at
        FROM replies WHERE id = $1";
    let Some(row) = first(client, sql, &[&wanted.uuid()]).await? else {
        return Ok(None);
    };
    let row = &row;
    Ok(Some(ReplyRecord {
        id: id(row, "id", ReplyId::from_uuid)?,
        case_id: id(row, "case_id", CaseId::from_uuid)?,
        destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        receiver: parsed(row, "receiver")?,
        state: parsed(row, "state")?,
        announced: announced(row)?,
        attachments: attachments(client, wanted.into()).await?,
        created_at: moment(row, "created_at")?,
        submitted_at: moment_if_any(row, "submitted_at")?,
    }))
}

pub(super) async fn keys(client: &ClientWrapper, of: DestinationId) -> Read<Vec<KeyRecord>> {
    let sql = "SELECT kid, jwk, added_at FROM keys WHERE destination_id = $1 ORDER BY added_at DESC, number DESC";
    let read = |row: &Row| {
        Ok(KeyRecord {
            kid: row.try_get("kid")?,
            jwk: row.try_get("jwk")?,
            added_at: moment(row, "added_at")?,
        })
    };
    rows(client, sql, &[&of.uuid()])
        .await?
        .iter()
        .map(read)
        .collect()
}

pub(super) async fn due(client: &ClientWrapper, now: Timestamp, max: u32) -> Read<Vec<Notice>> {
    let sql =
        "SELECT id, subject, subject_id, url, secret, body, made_at, tries, due_at FROM outbox
        WHERE due_at <= $1 ORDER BY due_at, number LIMIT $2";
    let read = |row: &Row| {
        Ok(Notice {
            id: NoticeId(id(row, "id", EventId::from_uuid)?),
            subject: subject(row)?,
            url: row.try_get("url")?,
            secret: Secret::new(row.try_get("secret")?),
            body: row.try_get("body")?,
            made_at: moment(row, "made_at")?,
            tries: unsigned(row, "tries")?,
            due_at: moment(row, "due_at")?,
        })
    };
    let found = rows(client, sql, &[&now.as_millis(), &i64::from(max)]).await?;
    found.iter().map(read).collect()
}

pub(super) async fn due_mails(client: &ClientWrapper, now: Timestamp, max: u32) -> Read<Vec<Mail>> {
    let sql =
        "SELECT id, destination_id, recipient, subject, body, made_at, tries, due_at FROM mails
        WHERE due_at <= $1 ORDER BY due_at, number LIMIT $2";
    let read = |row: &Row| {
        Ok(Mail {
            id: MailId(id(row, "id", EventId::from_uuid)?),
            destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
            to: parsed(row, "recipient")?,
            subject: unquoted(row.try_get("subject")?)?,
            text: unquoted(row.try_get("body")?)?,
            made_at: moment(row, "made_at")?,
            tries: unsigned(row, "tries")?,
            due_at: moment(row, "due_at")?,
        })
    };
    let found = rows(client, sql, &[&now.as_millis(), &i64::from(max)]).await?;
    found.iter().map(read).collect()
}

/// What a list is made of. `from` has `$n` for each of the values.
struct Query<'a> {
    columns: &'a str,
    from: &'static str,
    order: &'static str,
    values: Vec<Value>,
}

async fn list<T>(
    client: &ClientWrapper,
    query: Query<'_>,
    page: Page,
    read: fn(&Row) -> Read<T>,
) -> Read<Listed<T>> {
    let Query {
        columns,
        from,
        order,
        values,
    } = query;
    let mut values: Vec<&(dyn ToSql + Sync)> =
        values.iter().map(|value| value.as_ref() as _).collect();
    let count = format!("SELECT count(*) AS total FROM {from}");
    let total = first(client, &count, &values).await?;
    let total = total.as_ref().ok_or(Fault::Malformed)?;
    let (limit, offset) = (i64::from(page.limit), signed(page.offset));
    let (limit_at, offset_at) = (values.len() + 1, values.len() + 2);
    values.push(&limit);
    values.push(&offset);
    let sql = format!(
        "SELECT {columns} FROM {from} ORDER BY {order} LIMIT ${limit_at} OFFSET ${offset_at}"
    );
    Ok(Listed {
        entries: rows(client, &sql, &values)
            .await?
            .iter()
            .map(read)
            .collect::<Read<_>>()?,
        total: unsigned(total, "total")?,
    })
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(Box::new($value) as Value),*] };
}

const REFERENCE: &str = "id, case_id, destination_id";

pub(super) async fn submissions(
    client: &ClientWrapper,
    filter: &SubmissionFilter,
    page: Page,
) -> Read<Listed<SubmissionRef>> {
    let (from, order, values) = match filter {
        // One alone gets its list in the order of the index.
        SubmissionFilter::ForPickup(destinations) => match destinations.as_slice() {
            [one] => (
                "submissions WHERE destination_id = $1 AND state = 'submitted'",
                "listed_at, id",
                values![one.uuid()],
            ),
            many => (
                "submissions WHERE destination_id = ANY ($1) AND state = 'submitted'",
                "listed_at, id",
                values![many.iter().map(|id| id.uuid()).collect::<Vec<_>>()],
            ),
        },
        SubmissionFilter::Stale { state, before } => (
            "submissions WHERE state = $1 AND since < $2",
            "since, id",
            values![state.name(), before.as_millis()],
        ),
        SubmissionFilter::Unreminded { reminded, before } => (
            "submissions WHERE state = 'submitted' AND reminded = $1 AND since < $2",
            "since, id",
            values![i64::from(*reminded), before.as_millis()],
        ),
        SubmissionFilter::OfCase(case) => (
            "submissions WHERE case_id = $1",
            "listed_at, id",
            values![case.uuid()],
        ),
        SubmissionFilter::SubmittedOfCase(case) => (
            "submissions WHERE case_id = $1 AND submitted_at IS NOT NULL",
            "listed_at, id",
            values![case.uuid()],
        ),
    };
    let query = Query {
        columns: REFERENCE,
        from,
        order,
        values,
    };
    list(client, query, page, |row| {
        Ok(SubmissionRef {
            id: id(row, "id", SubmissionId::from_uuid)?,
            case_id: id(row, "case_id", CaseId::from_uuid)?,
            destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        })
    })
    .await
}

pub(super) async fn replies(
    client: &ClientWrapper,
    filter: &ReplyFilter,
    page: Page,
) -> Read<Listed<ReplyRef>> {
    let (from, order, values) = match filter {
        ReplyFilter::ForPickup(receiver) => (
            "replies WHERE receiver = $1 AND state = 'submitted'",
            "listed_at, id",
            values![receiver.as_str().to_owned()],
        ),
        ReplyFilter::Stale { state, before } => (
            "replies WHERE state = $1 AND since < $2",
            "since, id",
            values![state.name(), before.as_millis()],
        ),
        ReplyFilter::OfCase(case) => (
            "replies WHERE case_id = $1",
            "listed_at, id",
            values![case.uuid()],
        ),
        ReplyFilter::SubmittedOfCase(case) => (
            "replies WHERE case_id = $1 AND submitted_at IS NOT NULL",
            "listed_at, id",
            values![case.uuid()],
        ),
    };
    let query = Query {
        columns: REFERENCE,
        from,
        order,
        values,
    };
    list(client, query, page, |row| {
        Ok(ReplyRef {
            id: id(row, "id", ReplyId::from_uuid)?,
            case_id: id(row, "case_id", CaseId::from_uuid)?,
            destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        })
    })
    .await
}

/// Each case once, whether it was found by its sender or by its destination.
pub(super) async fn cases(
    client: &ClientWrapper,
    filter: &CaseFilter,
    page: Page,
) -> Read<Listed<Case>> {
    let sender = filter.sender.as_ref();
    let query = Query {
        columns: "id, destination_id, sender, opened_at",
        from: "cases WHERE sender = $1 OR (destination_id = ANY ($2) AND EXISTS
            (SELECT 1 FROM submissions WHERE case_id = cases.id AND submitted_at IS NOT NULL))",
        order: "opened_at, id",
        values: values![
            sender.map(|client| client.as_str().to_owned()),
            filter
                .destinations
                .iter()
                .map(|id| id.uuid())
                .collect::<Vec<_>>(),
        ],
    };
    list(client, query, page, read_case).await
}

pub(super) async fn events(client: &ClientWrapper, of: LogOf, page: Page) -> Read<Listed<Event>> {
    let (from, wanted) = match of {
        LogOf::Case(id) => ("events WHERE case_id = $1", id.uuid()),
        LogOf::Subject(subject) => ("events WHERE subject_id = $1", subject.uuid()),
    };
    let columns = format!(
        "id, case_id, subject, subject_id, name, issuer, at, token, {} AS is_whole",
        is_whole("events")
    );
    let query = Query {
        columns: &columns,
        from,
        order: "number",
        values: values![wanted],
    };
    list(client, query, page, event).await
}

pub(super) async fn destinations(
    client: &ClientWrapper,
    filter: &DestinationFilter,
    page: Page,
) -> Read<Listed<amtsbote_model::Destination>> {
    let (from, values) = match filter {
        DestinationFilter::All => ("destinations", values![]),
        DestinationFilter::OwnedBy(owner) => (
            "destinations WHERE owner = $1",
            values![owner.as_str().to_owned()],
        ),
        DestinationFilter::Offering(service) => (
            "offers JOIN destinations ON destinations.id = offers.destination_id WHERE service = $1 AND status = $2",
            values![
                service.as_str().to_owned(),
                DestinationStatus::Active.name()
            ],
        ),
    };
    let query = Query {
        columns: destinations::COLUMNS,
        from,
        order: "destinations.created_at, destinations.id",
        values,
    };
    list(client, query, page, destinations::read).await
}

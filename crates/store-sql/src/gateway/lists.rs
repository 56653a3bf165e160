//! Lists: each one a slice of an index, its total a count over the same index.

use std::collections::BTreeSet;

use amtsbote_model::{CaseId, Destination, DestinationId, DestinationStatus, SubmissionId};
use amtsbote_store::{
    DestinationFilter, Event, Listed, LogOf, Page, SubmissionFilter, SubmissionRef,
};
use rusqlite::types::Value;
use rusqlite::{Connection, Result, Row, params_from_iter};

use super::apply::bytes;
use super::{destinations, rows};
use crate::columns::{bounds, id, unsigned};

/// Many destinations are handed over as JSON, few as parameters of their own: then the index gives the order, too.
const PARAMETERS_MAX: usize = 8;

/// What a list is made of. `from` has `?n` for each of the values.
struct Query {
    columns: &'static str,
    from: String,
    order: &'static str,
    values: Vec<Value>,
}

impl Query {
    fn list<T>(
        self,
        database: &Connection,
        page: Page,
        read: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Listed<T>> {
        let Self {
            columns,
            from,
            order,
            mut values,
        } = self;
        let count = format!("SELECT count(*) AS total FROM {from}");
        let total = database
            .prepare_cached(&count)?
            .query_row(params_from_iter(&values), |row| unsigned(row, "total"))?;
        let (limit, offset) = bounds(page);
        let (limit_at, offset_at) = (values.len() + 1, values.len() + 2);
        values.extend([Value::from(limit), Value::from(offset)]);
        let list = format!(
            "SELECT {columns} FROM {from} ORDER BY {order} LIMIT ?{limit_at} OFFSET ?{offset_at}"
        );
        let mut statement = database.prepare_cached(&list)?;
        let entries = statement.query_map(params_from_iter(&values), read)?;
        Ok(Listed {
            entries: entries.collect::<Result<_>>()?,
            total,
        })
    }
}

fn blob(uuid: uuid::Uuid) -> Value {
    Value::from(bytes(uuid).to_vec())
}

fn reference(row: &Row<'_>) -> Result<SubmissionRef> {
    Ok(SubmissionRef {
        id: id(row, "id", SubmissionId::from_uuid)?,
        case_id: id(row, "case_id", CaseId::from_uuid)?,
        destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
    })
}

pub(super) fn submissions(
    database: &Connection,
    filter: &SubmissionFilter,
    page: Page,
) -> Result<Listed<SubmissionRef>> {
    let columns = "id, case_id, destination_id";
    let query = match filter {
        SubmissionFilter::ForPickup(destinations) => {
            let (of, values) = one_of(destinations);
            Query {
                columns,
                from: format!("submissions WHERE destination_id IN ({of}) AND state = 'submitted'"),
                order: "listed_at, id",
                values,
            }
        }
        SubmissionFilter::Stale { state, before } => Query {
            columns,
            from: "submissions WHERE state = ?1 AND since < ?2".into(),
            order: "since, id",
            values: vec![state.name().to_owned().into(), before.as_millis().into()],
        },
        SubmissionFilter::OfCase(case) => Query {
            columns,
            from: "submissions WHERE case_id = ?1".into(),
            order: "listed_at, id",
            values: vec![blob(case.uuid())],
        },
    };
    query.list(database, page, reference)
}

fn one_of(destinations: &[DestinationId]) -> (String, Vec<Value>) {
    let distinct: BTreeSet<_> = destinations.iter().map(|id| id.uuid()).collect();
    if distinct.len() <= PARAMETERS_MAX {
        let places: Vec<_> = (1..=distinct.len()).map(|n| format!("?{n}")).collect();
        return (places.join(", "), distinct.into_iter().map(blob).collect());
    }
    // Hexadecimal digits need no escaping.
    let digits: Vec<_> = distinct
        .iter()
        .map(|id| format!("\"{}\"", id.simple()))
        .collect();
    let json = format!("[{}]", digits.join(","));
    let of = "SELECT unhex(value) FROM json_each(?1)".to_owned();
    (of, vec![Value::from(json)])
}

pub(super) fn events(database: &Connection, of: LogOf, page: Page) -> Result<Listed<Event>> {
    let (from, value) = match of {
        LogOf::Case(id) => ("events WHERE case_id = ?1", blob(id.uuid())),
        LogOf::Submission(id) => ("events WHERE submission_id = ?1", blob(id.uuid())),
    };
    let query = Query {
        columns: "id, case_id, submission_id, name, issuer, at, token",
        from: from.into(),
        order: "number",
        values: vec![value],
    };
    query.list(database, page, rows::event)
}

pub(super) fn destinations(
    database: &Connection,
    filter: &DestinationFilter,
    page: Page,
) -> Result<Listed<Destination>> {
    let text = |text: &str| Value::from(text.to_owned());
    let (from, values) = match filter {
        DestinationFilter::All => ("destinations", vec![]),
        DestinationFilter::OwnedBy(owner) => {
            ("destinations WHERE owner = ?1", vec![text(owner.as_str())])
        }
        DestinationFilter::Offering(service) => (
            "offers JOIN destinations ON destinations.id = offers.destination_id WHERE service = ?1 AND status = ?2",
            vec![
                text(service.as_str()),
                text(DestinationStatus::Active.name()),
            ],
        ),
    };
    let query = Query {
        columns: destinations::COLUMNS,
        from: from.into(),
        order: "destinations.created_at, destinations.id",
        values,
    };
    query.list(database, page, destinations::read)
}

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
    // No place to look at: SQLite finds no way through the index then.
    if matches!(filter, SubmissionFilter::ForPickup(destinations) if destinations.is_empty()) {
        return Ok(Listed {
            entries: Vec::new(),
            total: 0,
        });
    }
    submissions_query(filter).list(database, page, reference)
}

fn submissions_query(filter: &SubmissionFilter) -> Query {
    let columns = "id, case_id, destination_id";
    match filter {
        SubmissionFilter::ForPickup(destinations) => {
            let (of, values) = one_of(destinations);
            // Named, because the planner would rather walk through all that waits anywhere.
            Query {
                columns,
                from: format!(
                    "submissions INDEXED BY submissions_for_pickup WHERE destination_id IN ({of}) AND state = 'submitted'"
                ),
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
    }
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
    events_query(of).list(database, page, rows::event)
}

fn events_query(of: LogOf) -> Query {
    let (from, value) = match of {
        LogOf::Case(id) => ("events WHERE case_id = ?1", blob(id.uuid())),
        LogOf::Submission(id) => ("events WHERE submission_id = ?1", blob(id.uuid())),
    };
    Query {
        columns: "id, case_id, submission_id, name, issuer, at, token",
        from: from.into(),
        order: "number",
        values: vec![value],
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use amtsbote_model::Timestamp;
    use amtsbote_model::submission::State;

    fn plan(database: &Connection, sql: &str) -> String {
        let mut statement = database
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let rows = statement.raw_query();
        let steps = rows.mapped(|row| row.get::<_, String>("detail"));
        steps.collect::<Result<Vec<_>>>().unwrap().join("; ")
    }

    fn check(query: &Query, expected_list: &str) {
        let database = Connection::open_in_memory().unwrap();
        let schema = include_str!("../schema/gateway-1.sql");
        database.execute_batch(schema).unwrap();
        let Query {
            columns,
            from,
            order,
            ..
        } = query;
        let list = format!("SELECT {columns} FROM {from} ORDER BY {order}");
        assert_eq!(plan(&database, &list), expected_list);
        let count = plan(&database, &format!("SELECT count(*) AS total FROM {from}"));
        assert!(!count.contains("SCAN submissions"), "{count}");
        assert!(!count.contains("SCAN events"), "{count}");
    }

    #[test]
    fn lists_walk_an_index_and_sort_nothing() {
        let (case, submission) = (
            CaseId::from_uuid(uuid::Uuid::nil()),
            SubmissionId::from_uuid(uuid::Uuid::nil()),
        );
        let one = vec![DestinationId::from_uuid(uuid::Uuid::nil())];
        check(
            &submissions_query(&SubmissionFilter::ForPickup(one)),
            "SEARCH submissions USING INDEX submissions_for_pickup (destination_id=?)",
        );
        let stale = SubmissionFilter::Stale {
            state: State::Created,
            before: Timestamp::from_seconds(1),
        };
        check(
            &submissions_query(&stale),
            "SEARCH submissions USING INDEX submissions_stale (state=? AND since<?)",
        );
        check(
            &submissions_query(&SubmissionFilter::OfCase(case)),
            "SEARCH submissions USING INDEX submissions_of_case (case_id=?)",
        );
        check(
            &events_query(LogOf::Case(case)),
            "SEARCH events USING INDEX events_of_case (case_id=?)",
        );
        check(
            &events_query(LogOf::Submission(submission)),
            "SEARCH events USING INDEX events_of_submission (submission_id=?)",
        );
    }

    #[test]
    fn several_destinations_are_looked_up_among_what_waits() {
        let many = |count: u128| {
            let id = |n| DestinationId::from_uuid(uuid::Uuid::from_u128(n));
            SubmissionFilter::ForPickup((0..count).map(id).collect())
        };
        for count in [2, 100] {
            let query = submissions_query(&many(count));
            let database = Connection::open_in_memory().unwrap();
            let schema = include_str!("../schema/gateway-1.sql");
            database.execute_batch(schema).unwrap();
            let plan = plan(&database, &format!("SELECT id FROM {}", query.from));
            let index =
                "SEARCH submissions USING COVERING INDEX submissions_for_pickup (destination_id=?)";
            assert!(plan.contains(index), "{plan}");
        }
    }
}

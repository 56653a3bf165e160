//! Lists: each one a slice of an index, its total a count over the same index.

use std::collections::BTreeSet;

use amtsbote_model::{
    CaseId, Destination, DestinationId, DestinationStatus, ReplyId, SubmissionId,
};
use amtsbote_store::{
    Case, CaseFilter, DestinationFilter, Event, Listed, LogOf, Page, ReplyFilter, ReplyRef,
    SubmissionFilter, SubmissionRef,
};
use rusqlite::types::Value;
use rusqlite::{Connection, Result, Row, params_from_iter};

use super::apply::bytes;
use super::{destinations, replies, rows};
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
        SubmissionFilter::Unreminded { reminded, before } => Query {
            columns,
            from: "submissions WHERE state = 'submitted' AND reminded = ?1 AND since < ?2".into(),
            order: "since, id",
            values: vec![i64::from(*reminded).into(), before.as_millis().into()],
        },
        SubmissionFilter::OfCase(case) => Query {
            columns,
            from: "submissions WHERE case_id = ?1".into(),
            order: "listed_at, id",
            values: vec![blob(case.uuid())],
        },
        SubmissionFilter::SubmittedOfCase(case) => Query {
            columns,
            from: "submissions WHERE case_id = ?1 AND submitted_at IS NOT NULL".into(),
            order: "listed_at, id",
            values: vec![blob(case.uuid())],
        },
    }
}

pub(super) fn replies(
    database: &Connection,
    filter: &ReplyFilter,
    page: Page,
) -> Result<Listed<ReplyRef>> {
    replies_query(filter).list(database, page, |row| {
        Ok(ReplyRef {
            id: id(row, "id", ReplyId::from_uuid)?,
            case_id: id(row, "case_id", CaseId::from_uuid)?,
            destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        })
    })
}

fn replies_query(filter: &ReplyFilter) -> Query {
    let columns = "id, case_id, destination_id";
    match filter {
        ReplyFilter::ForPickup(receiver) => Query {
            columns,
            from: "replies WHERE receiver = ?1 AND state = 'submitted'".into(),
            order: "listed_at, id",
            values: vec![receiver.as_str().to_owned().into()],
        },
        ReplyFilter::Stale { state, before } => Query {
            columns,
            from: "replies WHERE state = ?1 AND since < ?2".into(),
            order: "since, id",
            values: vec![state.name().to_owned().into(), before.as_millis().into()],
        },
        ReplyFilter::OfCase(case) => Query {
            columns,
            from: "replies WHERE case_id = ?1".into(),
            order: "listed_at, id",
            values: vec![blob(case.uuid())],
        },
        ReplyFilter::SubmittedOfCase(case) => Query {
            columns,
            from: "replies WHERE case_id = ?1 AND submitted_at IS NOT NULL".into(),
            order: "listed_at, id",
            values: vec![blob(case.uuid())],
        },
    }
}

pub(super) fn cases(
    database: &Connection,
    filter: &CaseFilter,
    page: Page,
) -> Result<Listed<Case>> {
    cases_query(filter).list(database, page, replies::read_case)
}

/// Each case once, whether it was found by its sender or by its destination.
fn cases_query(filter: &CaseFilter) -> Query {
    let (of, mut values) = one_of(&filter.destinations);
    let sender_at = values.len() + 1;
    let sender = filter
        .sender
        .as_ref()
        .map(|client| client.as_str().to_owned());
    values.push(sender.into());
    Query {
        columns: replies::CASE_COLUMNS,
        from: format!(
            "cases WHERE (destination_id IN ({of}) AND EXISTS (SELECT 1 FROM submissions WHERE case_id = cases.id AND submitted_at IS NOT NULL)) OR sender = ?{sender_at}"
        ),
        order: "opened_at, id",
        values,
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
        LogOf::Subject(subject) => ("events WHERE subject_id = ?1", blob(subject.uuid())),
    };
    Query {
        columns: "id, case_id, subject, subject_id, name, issuer, at, token,
            sum IS row_sum('events', at, case_id, id, issuer, name, number, subject, subject_id, token) AS is_right",
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

    fn empty() -> Connection {
        let mut database = Connection::open_in_memory().unwrap();
        crate::sums::register(&database).unwrap();
        crate::database::migrate(&mut database, 0, &super::super::SCHEMA).unwrap();
        database
    }

    fn plan(database: &Connection, sql: &str) -> String {
        let mut statement = database
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let rows = statement.raw_query();
        let steps = rows.mapped(|row| row.get::<_, String>("detail"));
        steps.collect::<Result<Vec<_>>>().unwrap().join("; ")
    }

    fn check(query: &Query, expected_list: &str) {
        let database = empty();
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
        let unreminded = SubmissionFilter::Unreminded {
            reminded: 0,
            before: Timestamp::from_seconds(1),
        };
        check(
            &submissions_query(&unreminded),
            "SEARCH submissions USING INDEX submissions_unreminded (reminded=? AND since<?)",
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
            &events_query(LogOf::Subject(submission.into())),
            "SEARCH events USING INDEX events_of_subject (subject_id=?)",
        );
    }

    #[test]
    fn lists_of_replies_walk_an_index_and_sort_nothing() {
        check(
            &replies_query(&ReplyFilter::ForPickup("client".parse().unwrap())),
            "SEARCH replies USING INDEX replies_for_pickup (receiver=?)",
        );
        let stale = ReplyFilter::Stale {
            state: State::Created,
            before: Timestamp::from_seconds(1),
        };
        check(
            &replies_query(&stale),
            "SEARCH replies USING INDEX replies_stale (state=? AND since<?)",
        );
        check(
            &replies_query(&ReplyFilter::OfCase(CaseId::from_uuid(uuid::Uuid::nil()))),
            "SEARCH replies USING INDEX replies_of_case (case_id=?)",
        );
    }

    #[test]
    fn cases_are_found_by_sender_and_by_destination() {
        let filter = CaseFilter {
            sender: Some("client".parse().unwrap()),
            destinations: vec![DestinationId::from_uuid(uuid::Uuid::nil())],
        };
        let query = cases_query(&filter);
        let plan = plan(&empty(), &format!("SELECT id FROM {}", query.from));
        for index in ["cases_of_sender", "cases_of_destination"] {
            assert!(plan.contains(index), "{plan}");
        }
    }

    #[test]
    fn quiet_cases_are_found_without_looking_at_the_others() {
        let plan = plan(&empty(), super::super::upkeep::QUIET_CASES);
        let index = "SEARCH cases USING COVERING INDEX cases_quiet (last_at<?)";
        assert!(plan.starts_with(index), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[test]
    fn several_destinations_are_looked_up_among_what_waits() {
        let many = |count: u128| {
            let id = |n| DestinationId::from_uuid(uuid::Uuid::from_u128(n));
            SubmissionFilter::ForPickup((0..count).map(id).collect())
        };
        for count in [2, 100] {
            let query = submissions_query(&many(count));
            let database = empty();
            let plan = plan(&database, &format!("SELECT id FROM {}", query.from));
            let index =
                "SEARCH submissions USING COVERING INDEX submissions_for_pickup (destination_id=?)";
            assert!(plan.contains(index), "{plan}");
        }
    }
}

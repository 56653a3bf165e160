//! No statement walks through a table that grows with what is stored: each one in the sources is explained.
//!
//! Left out is what looks at everything by its nature: examining, copying, moving, bringing forward.

use rusqlite::Connection;

use crate::database::{self, Schema};
use crate::{deliveries, gateway, relays, sums};

const GATEWAY: &[&str] = &[
    include_str!("gateway/apply.rs"),
    include_str!("gateway/chain.rs"),
    include_str!("gateway/destinations.rs"),
    include_str!("gateway/lists.rs"),
    include_str!("gateway/replies.rs"),
    include_str!("gateway/rows.rs"),
    include_str!("gateway/upkeep.rs"),
];
const AGENT: &[&str] = &[
    include_str!("claims.rs"),
    include_str!("deliveries.rs"),
    include_str!("desk.rs"),
    include_str!("ways_back.rs"),
];
const UPLINK: &[&str] = &[include_str!("relays.rs")];

/// They have as many rows as there are destinations, or one.
const SMALL: [&str; 5] = ["destinations", "offers", "keys", "marks", "paces"];

/// The strings of a source, without its tests.
fn strings(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or(source);
    let code: Vec<_> = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n").replace("\\\"", "'");
    let strings = code.split('"').skip(1).step_by(2);
    strings.map(str::to_owned).collect()
}

/// Strings that are statements, or conditions of a list of one of the tables.
fn statements(source: &str, tables: &[String]) -> Vec<String> {
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];
    let is_statement = |text: &str| verbs.iter().any(|verb| text.starts_with(verb));
    let is_condition = |text: &str| {
        let mut words = text.split(' ');
        let table = words.next().unwrap_or_default();
        tables.iter().any(|known| known == table) && words.next().is_some()
    };
    let statement = |text: String| {
        // What stands there is explained for itself.
        if ["{from}", "WHERE {condition}"]
            .iter()
            .any(|place| text.contains(place))
        {
            return None;
        }
        if is_statement(&text) {
            return Some(text);
        }
        if text.contains("ORDER BY") && !text.contains('{') {
            // The agent's conditions are of one of these.
            let of = if text.contains("key") {
                "answers"
            } else {
                "deliveries"
            };
            return Some(format!("SELECT * FROM {of} WHERE {text}"));
        }
        is_condition(&text).then(|| format!("SELECT * FROM {text}"))
    };
    strings(source).into_iter().filter_map(statement).collect()
}

/// What is put together where it runs.
fn filled(sql: &str) -> String {
    let places = [
        ("{of}", "?1"),
        ("?{sender_at}", "?2"),
        ("{due}", "?4"),
        ("{COLUMNS}", "*"),
        ("{condition}", "WHERE submission_id = ?2"),
    ];
    let mut sql = places.iter().fold(sql.to_owned(), |sql, (place, value)| {
        sql.replace(place, value)
    });
    if sql.ends_with(" IN ") {
        sql.push_str("(SELECT id FROM submissions WHERE case_id = ?1)");
    }
    let beginnings = [
        (" FROM blocks", " WHERE number = ?1"),
        (" FROM ways_back", " WHERE submission_id = ?1"),
        (" FROM answers WHERE", " key = ?1"),
    ];
    for (end, rest) in beginnings {
        if sql.ends_with(end) {
            sql.push_str(rest);
        }
    }
    sql
}

fn database(schema: &Schema) -> Connection {
    let mut database = Connection::open_in_memory().unwrap();
    sums::register(&database).unwrap();
    database::migrate(&mut database, 0, schema).unwrap();
    database
}

/// Indexes that hold what is open.
fn partial_indexes(database: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'";
    let mut names = database.prepare(sql).unwrap();
    let names = names.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

/// The steps of a statement that walk through a table which grows; nothing if it cannot be explained.
fn scans(database: &Connection, tables: &[String], sql: &str) -> Option<Vec<String>> {
    let mut plan = database
        .prepare(&format!("EXPLAIN QUERY PLAN {}", filled(sql)))
        .ok()?;
    let steps = plan
        .raw_query()
        .mapped(|row| row.get::<_, String>("detail"));
    let steps: Vec<String> = steps.map(Result::unwrap).collect();
    let partial = partial_indexes(database);
    let is_scan = |step: &String| {
        // As short as what is open, or one step from the end.
        if partial.iter().any(|index| step.ends_with(index)) || sql.ends_with(" DESC LIMIT 1") {
            return false;
        }
        let scanned = step.strip_prefix("SCAN ");
        let scanned = scanned.and_then(|rest| rest.split(' ').next());
        let is_large = |table| !SMALL.contains(&table) && tables.iter().any(|name| name == table);
        scanned.is_some_and(is_large)
    };
    Some(steps.into_iter().filter(is_scan).collect())
}

/// How many statements were explained; each that scans or cannot be explained is told.
fn explained(schema: &Schema, sources: &[&str]) -> (usize, Vec<String>) {
    let database = database(schema);
    let tables = sums::tables(&database).unwrap();
    let tables: Vec<_> = tables.into_iter().map(|table| table.name).collect();
    let (mut count, mut faults) = (0, Vec::new());
    let found = sources
        .iter()
        .flat_map(|source| statements(source, &tables));
    for sql in found {
        match scans(&database, &tables, &sql) {
            Some(scans) if scans.is_empty() => count += 1,
            Some(scans) => faults.push(format!("{sql}: {scans:?}")),
            None => faults.push(format!("{sql}: not explained")),
        }
    }
    (count, faults)
}

#[test]
fn no_statement_walks_through_what_is_stored() {
    for (schema, sources, at_least) in [
        (&gateway::SCHEMA, GATEWAY, 50),
        (&deliveries::SCHEMA, AGENT, 10),
        (&relays::SCHEMA, UPLINK, 3),
    ] {
        let (count, faults) = explained(schema, sources);
        println!("{}: {count} explained", schema.name);
        assert!(faults.is_empty(), "{faults:#?}");
        assert!(count >= at_least, "{}: {count} were found", schema.name);
    }
}

#[test]
fn a_walk_is_seen() {
    let source = "let sql = \"SELECT id FROM submissions WHERE sender = ?1\"; let small = \"SELECT id FROM destinations\";";
    let (count, faults) = explained(&gateway::SCHEMA, &[source]);
    assert_eq!(count, 1);
    assert_eq!(
        faults,
        ["SELECT id FROM submissions WHERE sender = ?1: [\"SCAN submissions\"]"]
    );
}

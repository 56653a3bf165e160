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

/// Strings that are statements, or conditions of a list.
fn statements(source: &str, table: &str) -> Vec<String> {
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];
    let listed = |text: &String| {
        let is_condition = text.starts_with(&format!("{table} WHERE "));
        is_condition.then(|| format!("SELECT * FROM {text}"))
    };
    let is_statement = |text: &String| verbs.iter().any(|verb| text.starts_with(verb));
    strings(source)
        .into_iter()
        .filter_map(|text| {
            if is_statement(&text) {
                return Some(text);
            }
            listed(&text)
        })
        .collect()
}

/// What is put together where it runs; the rest of each is explained elsewhere.
fn filled(sql: &str) -> String {
    let places = [
        ("{of}", "?1"),
        ("?{sender_at}", "?2"),
        ("{due}", "?4"),
        ("{COLUMNS}", "submission_id"),
    ];
    places.iter().fold(sql.to_owned(), |sql, (place, value)| {
        sql.replace(place, value)
    })
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

fn scans(database: &Connection, sql: &str) -> Option<Vec<String>> {
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
        let scanned = step
            .strip_prefix("SCAN ")
            .map(|rest| rest.split(' ').next());
        scanned.flatten().is_some_and(|table| {
            let known = database
                .prepare(&format!("SELECT 1 FROM \"{table}\""))
                .is_ok();
            known && !SMALL.contains(&table)
        })
    };
    Some(steps.into_iter().filter(is_scan).collect())
}

/// How many statements were explained; each that scans or cannot be explained is told.
fn explained(schema: &Schema, sources: &[&str], tables: &[&str]) -> (usize, Vec<String>) {
    let database = database(schema);
    let (mut count, mut faults) = (0, Vec::new());
    for source in sources {
        for sql in tables.iter().flat_map(|table| statements(source, table)) {
            match scans(&database, &sql) {
                Some(scans) if scans.is_empty() => count += 1,
                Some(scans) => faults.push(format!("{sql}: {scans:?}")),
                None => faults.push(format!("{sql}: not explained")),
            }
        }
    }
    faults.sort();
    faults.dedup();
    (count, faults)
}

#[test]
fn no_statement_walks_through_what_is_stored() {
    for (schema, sources, tables) in [
        (
            &gateway::SCHEMA,
            GATEWAY,
            &["submissions", "cases", "replies", "events"][..],
        ),
        (&deliveries::SCHEMA, AGENT, &["deliveries"]),
        (&relays::SCHEMA, UPLINK, &["relays"]),
    ] {
        let (count, faults) = explained(schema, sources, tables);
        println!("{}: {count} explained", schema.name);
        assert!(faults.is_empty(), "{faults:#?}");
        assert!(count > 5, "{}: {count} statements were found", schema.name);
    }
}

#[test]
fn a_walk_is_seen() {
    let source = "let sql = \"SELECT id FROM submissions WHERE sender = ?1\"; let small = \"SELECT id FROM destinations\";";
    let (count, faults) = explained(&gateway::SCHEMA, &[source], &["events"]);
    assert_eq!(count, 1);
    assert_eq!(
        faults,
        ["SELECT id FROM submissions WHERE sender = ?1: [\"SCAN submissions\"]"]
    );
}

//! JSON: bounded parsing, and checking against a JSON Schema (2020-12) with findings for people.

mod bounds;
mod branches;
mod expected;
mod outline;
mod parse;
mod pattern;
mod people;
mod schema;
mod shape;
mod strings;
mod wording;

pub use parse::{Limits, parse};
pub use schema::{Schema, Strings};

pub(crate) use schema::FINDINGS_MAX;

#[cfg(test)]
mod tests;

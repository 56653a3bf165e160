//! JSON: bounded parsing, and checking against a JSON Schema (2020-12) with findings for people.

mod bounds;
mod branches;
mod expected;
mod outline;
mod parse;
pub(crate) mod pattern;
mod people;
mod schema;
pub(crate) mod shape;
mod strings;
mod surrogates;
mod wording;

pub use parse::{Limits, parse};
pub use schema::{Schema, Strings};

pub(crate) use schema::{ALLOWED_MAX, FINDINGS_MAX};
pub(crate) use wording::two;

#[cfg(test)]
mod tests;

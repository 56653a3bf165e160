//! What tests of several crates need of the machine they run on.
//!
//! ```text
//!  postgres::Server ──initdb, postgres──► a private server in a temporary folder, on a loopback port
//! ```
//!
//! Only ever a development dependency. What is missing is said, and the test skipped; with `CI=true` it is a failure.
//! Never put here: assertions about the product.
//!
//! Start reading at [`postgres::Server`].

pub mod postgres;
pub mod tables;

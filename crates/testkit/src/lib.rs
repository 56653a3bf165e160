//! What tests of several crates need of the machine they run on.
//!
//! ```text
//!  postgres::Server ──initdb, postgres──► a private server in a temporary folder, on a loopback port
//!  disk::Disk ──FUSE──► a disk whose power can be cut, whose fsync can fail, that can be full
//! ```
//!
//! Only ever a development dependency. What is missing is said, and the test skipped; with `CI=true` it is a failure, but for [`disk`]: not every CI may mount.
//! Never put here: assertions about the product.
//!
//! Start reading at [`postgres::Server`] and [`disk::Disk`].

pub mod disk;
pub mod postgres;
pub mod tables;

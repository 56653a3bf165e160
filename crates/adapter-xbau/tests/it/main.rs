//! Packages of this format: their examples, the laws, and the official schemas.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests panic where something is wrong, and say why they skip"
)]

mod hessen;
mod laws;
mod official;
mod packages;

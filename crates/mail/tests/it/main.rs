//! Letters to real and to hostile servers.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests panic where something is wrong, say why they skip, and are told by the environment where they run"
)]

mod hostile;
mod real;

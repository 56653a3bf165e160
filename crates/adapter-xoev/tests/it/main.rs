//! Packages of this format: their examples, the laws, and the official schemas.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests panic where something is wrong, say why they skip, and are told by the environment where files are"
)]

mod answers;
mod broken_inputs;
mod edge;
mod held;
mod hessen;
mod laws;
mod mutants;
mod official;
mod packages;
mod packed_answers;
mod shared;
mod xdomea;

//! What this crate promises, as seen from outside.

mod keys;
mod sealing;

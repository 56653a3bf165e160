//! The agent against a gateway in the same process, over loopback.

mod bench;
mod crashes;
mod failures;
mod large;
mod listening;
mod poison;
mod procedure;
mod refusals;
mod secrecy;
mod trace;
mod verdicts;
mod ways;

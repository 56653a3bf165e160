//! `amtsbote incident …`: what does not go on, why, and what to do about it.
//!
//! ```text
//!  settings ─► desks (the agents' stores and the gateway's, as a guest beside the running processes)
//!                └► items ─► stuck ─► incidents            list, show
//!                       └► change.rs: plan ─► dry run │ compare, change and note, one row after the other
//! ```
//!
//! Changes are made in the store and nowhere else: the running agent sees them at its next look.

mod change;
mod desks;
mod gateway_change;
mod held;
mod list;
mod next;
mod show;
mod version;
mod words;

use anyhow::Result;

use crate::args::Incident;
use crate::talk::Talk;

pub(crate) use change::Unconfirmed;

pub(crate) async fn run(args: &Incident, talk: Talk) -> Result<()> {
    match args {
        Incident::List(args) => list::run(args, talk).await,
        Incident::Show(args) => show::run(args, talk).await,
        Incident::Retry(args) => change::run(change::Command::Retry, (args, None), talk).await,
        Incident::Park(args) => change::run(change::Command::Park, (args, None), talk).await,
        Incident::Release(args) => change::run(change::Command::Release, (args, None), talk).await,
        Incident::Replay(args) => {
            let command = change::Command::Replay(args.restart(talk)?);
            change::run(command, (&args.change, args.package.as_deref()), talk).await
        }
        Incident::Reject(args) => {
            let told = change::one_line("--to-sender", &args.to_sender, talk)?;
            change::run(change::Command::Reject(told), (&args.change, None), talk).await
        }
        Incident::Audit(args) => list::audit(args, talk).await,
    }
}

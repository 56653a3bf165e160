//! `amtsbote demo`: sample applications into the formats of six municipalities, all real, all on this machine.
//!
//! ```text
//!  samples ──REST──────► gateway (SQLite, loopback) ◄──pull── six agents (own keys, own state) ──► folders
//!          └─FIT-Connect─►                                  then: every receipt is verified
//! ```

mod journey;
mod send;
mod show;
mod stage;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::args::Demo;
use crate::folder;
use crate::talk::Talk;
use journey::Journeys;
use stage::Stage;

/// After this nothing is expected to arrive any more.
const ARRIVAL_MAX: Duration = Duration::from_mins(2);

/// Ends with success only if everything arrived and every receipt holds.
pub(crate) async fn run(args: &Demo, talk: Talk) -> Result<()> {
    let began = Instant::now();
    folder::make(&args.dir)?;
    let dir = args
        .dir
        .canonicalize()
        .with_context(|| format!("{} cannot be used", args.dir.display()))?;
    let journeys = Journeys::default();
    let stage = Stage::set(&dir, &journeys, talk).await?;
    let played = play(&stage, &journeys, (&dir, talk)).await;
    if args.keep && played.is_ok() {
        show::hints(&stage, talk)?;
        stage.until_stopped().await;
    } else {
        stage.close().await;
    }
    played?;
    let seconds = began.elapsed().as_secs_f32();
    talk.say(format_args!(
        "✓ {} {seconds:.1} s",
        talk.pick("alles angekommen in", "everything arrived in")
    ));
    Ok(())
}

async fn play(stage: &Stage, journeys: &Journeys, (dir, talk): (&Path, Talk)) -> Result<()> {
    let sent = send::all(stage, talk).await?;
    let accepted = talk.pick(
        "Anträge angenommen (Quittung 1)",
        "applications accepted (receipt 1)",
    );
    talk.say(format_args!("✓ {} {accepted}", sent.len()));
    journeys.wait_for(sent.len(), (ARRIVAL_MAX, talk)).await;
    let rows = show::verify(stage, &sent, journeys).await?;
    show::all(&rows, journeys, (dir, talk))?;
    let missing = rows.iter().filter(|row| !row.is_complete()).count();
    if missing > 0 {
        bail!(
            "{missing} of {} applications did not arrive with all receipts",
            rows.len()
        );
    }
    Ok(())
}

//! `amtsbote receipt …`: proofs of what became of a case, made and checked.

mod export;
mod head;
pub(crate) mod token;
mod verify;

use anyhow::Result;

use crate::args::Receipt;
use crate::talk::Talk;

pub(crate) use verify::Unproven;

pub(crate) async fn run(args: &Receipt, talk: Talk) -> Result<()> {
    match args {
        Receipt::Export(args) => export::run(args, talk).await,
        Receipt::Head(args) => head::run(args, talk).await,
        Receipt::Verify(args) => verify::run(args, talk),
    }
}

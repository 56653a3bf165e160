//! `amtsbote receipt head FILE`: the newest head of the log, with the blocks that lead to it from a receipt file.

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::access;
use crate::args::ReceiptHead;
use crate::folder::{self, Readers};
use crate::receipt_file::{
    ClientSource, HEAD_FORMAT, HeadFile, ReceiptFile, SealedBlock, Source as _,
};
use crate::talk::{Form, Talk};

/// Blocks in one file, at most: a day of steady traffic. Beyond that, the head stands alone.
const LINKS_MAX: u64 = 100_000;

pub(crate) async fn run(args: &ReceiptHead, talk: Talk) -> Result<()> {
    let text = folder::read_text(&args.file)?;
    let file: ReceiptFile = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a receipt file", args.file.display()))?;
    let side = args.side.side();
    let source = ClientSource {
        session: access::session(&args.access, side)?,
        chain: access::log_chain(&args.access, side)?,
        talk,
    };
    let Some(head) = source.head().await? else {
        bail!(talk.error(
            "der Zustelldienst hat kein besiegeltes Protokoll, oder noch nichts besiegelt",
            "the delivery service has no sealed log, or has sealed nothing yet",
        ))
    };
    let newest = head.number;
    let since = file.blocks.last().map_or(newest, |block| block.number);
    let mut blocks: Vec<SealedBlock> = Vec::new();
    let mut next = since;
    while next < newest && newest - since < LINKS_MAX {
        let found = source.blocks(next).await?;
        let Some(last) = found.last() else { break };
        next = last.number.saturating_add(1);
        blocks.extend(found.into_iter().filter(|block| block.number < newest));
    }
    for block in &mut blocks {
        block.signature = None;
    }
    blocks.push(head);
    let count = blocks.len();
    let file = HeadFile {
        format: HEAD_FORMAT.to_owned(),
        blocks,
    };
    let text = serde_json::to_string(&file).context("the file cannot be written")?;
    folder::write(&args.out, format!("{text}\n").as_bytes(), Readers::All)?;
    match talk.form() {
        Form::Json => talk.json(&json!({ "file": args.out, "number": newest, "blocks": count }))?,
        Form::Text => talk.data(format_args!(
            "{}: {} {newest}",
            args.out.display(),
            talk.pick("Block", "block"),
        ))?,
    }
    Ok(())
}

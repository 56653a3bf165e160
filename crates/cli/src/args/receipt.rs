//! Receipts and what proves them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Access, ClientSide};

/// Proofs of what became of a case.
#[derive(Debug, Subcommand)]
pub(crate) enum Receipt {
    /// Write receipts, event log, keys and proofs of a case into one file.
    Export(ExportReceipt),
    /// Fetch the newest head of the event log, with what leads to it from the blocks of a receipt file.
    Head(ReceiptHead),
    /// Check a receipt file, a receipt or an event without any network. Exit code 0: valid; 1: not valid; 2: could not be checked; 3: valid, but
    /// something of it is not sealed yet, or --head does not connect.
    Verify(VerifyReceipt),
}

#[derive(Debug, Args)]
pub(crate) struct ExportReceipt {
    /// The case's or the submission's id.
    pub(crate) id: String,
    /// File to write; `receipt-<case>.json` if left out. Must not exist.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// A receipt that is not in the log, to be put in: what `submit --json` printed, or the data of a reply (`reply fetch`).
    #[arg(long = "receipt")]
    pub(crate) receipts: Vec<PathBuf>,
    /// Private JWK file of the key for replies: receipts in replies that can still be fetched are put in, too.
    #[arg(long = "key", conflicts_with = "settings")]
    pub(crate) keys: Vec<PathBuf>,
    /// Wait so long, in seconds, for events that are not sealed yet.
    #[arg(long, default_value_t = 5)]
    pub(crate) wait_s: u64,
    /// Settings file of the gateway: read its database instead of asking it, as its operator, also beside the running process.
    #[arg(long)]
    pub(crate) settings: Option<PathBuf>,
    /// Whose client of a sandbox.json to take.
    #[arg(long, value_enum, default_value = "sender")]
    pub(crate) side: ClientSide,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
pub(crate) struct ReceiptHead {
    /// Receipt file whose blocks the head is to go on from.
    pub(crate) file: PathBuf,
    /// File to write.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Whose client of a sandbox.json to take.
    #[arg(long, value_enum, default_value = "sender")]
    pub(crate) side: ClientSide,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyReceipt {
    /// Receipt file, compact token, or JSON with a member `receipt`.
    pub(crate) file: PathBuf,
    /// Whom to believe: JWK, JWK Set or PEM certificates; `service=FILE` or `destination=FILE` for one of them alone.
    #[arg(long = "trust", visible_alias = "keys", required = true)]
    pub(crate) trust: Vec<String>,
    /// A newer head of the same log (`receipt head`, or the answer of `GET /log/v1/head`): must go on from the file's blocks.
    #[arg(long)]
    pub(crate) head: Option<PathBuf>,
}

//! A sender's commands.

use std::path::PathBuf;

use clap::Args;

use super::Access;

#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// Intake request (JSON): service, region or destinationId, data, attachments …
    pub(crate) file: PathBuf,
    /// Check only, send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Repeat-safe key; made from the file's content if left out.
    #[arg(long)]
    pub(crate) idempotency_key: Option<String>,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Data (JSON), intake requests (JSON), or XML documents.
    #[arg(required_unless_present = "stdin")]
    pub(crate) files: Vec<PathBuf>,
    /// The service: name of its folder (`hundesteuer`), URN, or its schema's URI. Intake requests name their own.
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// Folder of the shared submission schemas; those built in if left out.
    #[arg(long, env = "AMTSBOTE_SCHEMAS")]
    pub(crate) schemas: Option<PathBuf>,
    /// Folder of official XSD sets, for XML.
    #[arg(long, env = "AMTSBOTE_XSD_DIR")]
    pub(crate) xsd_dir: Option<PathBuf>,
    /// One JSON document per line on stdin, one JSON answer per line on stdout, until the input ends.
    #[arg(long, conflicts_with = "files")]
    pub(crate) stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The submission's id.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) access: Access,
}

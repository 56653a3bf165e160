//! Backup, restore, moving and verifying of stores.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::SettingsFile;

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// Folder to write: made if missing, must be empty.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) file: SettingsFile,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) file: SettingsFile,
    /// Trusted keys of the gateway (JWK or JWK Set file, retired ones too): the signature of each block of the event log is checked.
    #[arg(long)]
    pub(crate) keys: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Folder that `backup` wrote.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) file: SettingsFile,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Copy everything to where the new settings say, and compare each row and attachment. The new store must be empty; the old one stays.
    Move(MoveStore),
}

#[derive(Debug, Args)]
pub(crate) struct MoveStore {
    #[command(flatten)]
    pub(crate) file: SettingsFile,
    /// Settings file of the new store.
    #[arg(long)]
    pub(crate) to: PathBuf,
    /// Count only: nothing is written, the new store is not looked at.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

//! Destinations, ways out, uplinks: what is set up elsewhere.

use std::path::PathBuf;

use amtsbote_model::{Ars, DestinationId, ServiceId};
use clap::{Args, Subcommand};

use super::{Access, SettingsFile};

/// Destinations from a folder of settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Destination {
    /// Show what would be done. Exit code 0: nothing to do; 3: changes are pending; 1: faults.
    Plan(DestinationFolder),
    /// Do it. Safe to repeat: what is done is not done again. Exit code 0: everything is as wanted; 1: faults.
    Apply(DestinationFolder),
}

#[derive(Debug, Args)]
pub(crate) struct DestinationFolder {
    /// Folder with one folder per destination: `destination.toml`, `keys/encryption-public.jwk`, `keys/signature-public.jwk`.
    pub(crate) dir: PathBuf,
    /// Access to the Destination API; `service.toml` in the folder if left out.
    #[arg(long)]
    pub(crate) service: Option<PathBuf>,
    /// Destinations worked on at a time.
    #[arg(long, default_value_t = 4)]
    pub(crate) parallel: usize,
}

/// The chain from service to procedure.
#[derive(Debug, Subcommand)]
pub(crate) enum Connect {
    /// Keys, certificates, access, destination, way into the procedure, packages; with `--send` a marked test message.
    Test(ConnectTest),
}

#[derive(Debug, Args)]
pub(crate) struct ConnectTest {
    /// Settings file of the agent.
    #[arg(
        long,
        short,
        env = "AMTSBOTE_SETTINGS",
        default_value = "amtsbote.toml"
    )]
    pub(crate) settings: PathBuf,
    /// Only this destination.
    #[arg(long)]
    pub(crate) destination: Option<String>,
    /// Send the first example of each package, marked `TEST`, through the intake and wait until the running agent has handed it over.
    #[arg(long)]
    pub(crate) send: bool,
    /// How long to wait for that, in seconds.
    #[arg(long, default_value_t = 60)]
    pub(crate) wait_s: u64,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Uplink {
    /// Ask each foreign delivery service for a token, its keys, destinations and their keys; nothing is sent.
    Test(UplinkTest),
}

#[derive(Debug, Args)]
pub(crate) struct UplinkTest {
    #[command(flatten)]
    pub(crate) file: SettingsFile,
    /// Only the uplink of this name.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A destination to look at; those of the routes if left out.
    #[arg(long)]
    pub(crate) destination: Option<DestinationId>,
    /// With --region: ask the routing service, too, for this service (URN).
    #[arg(long, requires = "region")]
    pub(crate) service: Option<ServiceId>,
    /// Regional key of twelve digits.
    #[arg(long, requires = "service")]
    pub(crate) region: Option<Ars>,
}

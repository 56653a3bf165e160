//! The command line: one file per family of commands.

mod backup;
mod connect;
mod faults;
mod german;
mod incident;
mod keys;
mod package;
mod receipt;
mod reply;
mod send;
mod service;
mod trial;

pub(crate) use backup::{Backup, MoveStore, Restore, Store, Verify};
pub(crate) use connect::{
    Connect, ConnectTest, Destination, DestinationFolder, Uplink, UplinkTest,
};
pub(crate) use incident::{
    AgentState, AuditIncidents, ChangeStuck, Incident, ListIncidents, ShowIncident, StuckKind,
};
pub(crate) use keys::{KeyOwner, Keys};
pub(crate) use package::{KeptPackages, LineageBy, NewPackage, Package, Preview, SampleKind};
pub(crate) use receipt::{ExportReceipt, Receipt, ReceiptHead, VerifyReceipt};
pub(crate) use reply::{OpenReply, RejectReply, Reply, SendReply};
pub(crate) use send::{Status, Submit, Validate};
pub(crate) use service::{ForeignKind, NewServiceArgs, Schema, Service};
pub(crate) use trial::{Demo, Sandbox};

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::access::Side;
use crate::talk::{Form, Talk, Tongue};

/// Amtsbote brings applications from any online service into any specialist procedure.
#[derive(Debug, Parser)]
#[command(
    name = "amtsbote",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// Language of texts; English if left out, German for `validate` and `receipt`.
    #[arg(long, global = true, env = "AMTSBOTE_LANG", value_enum)]
    pub(crate) lang: Option<Tongue>,
    /// Results as JSON, for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to log on stderr, for example `info` or `amtsbote_gateway=debug`.
    #[arg(long, global = true, env = "AMTSBOTE_LOG", default_value = "warn")]
    pub(crate) log: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// From the process's command line; whoever asks for help or errs is answered here, and the process ends.
    pub(crate) fn of_process(line: Vec<OsString>, environment: Option<&str>) -> Self {
        let words = line.iter().map(OsString::as_os_str);
        let is_german = german::is_asked(words, environment);
        let mut command = Self::command();
        if is_german {
            command = german::told(command);
        }
        let read = command
            .try_get_matches_from(line)
            .and_then(|matches| Self::from_arg_matches(&matches));
        read.unwrap_or_else(|error| match faults::german(&error).filter(|_| is_german) {
            Some(text) => {
                Talk::new(Tongue::De, Form::Text).say(text);
                std::process::exit(error.exit_code())
            }
            None => error.exit(),
        })
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run gateway and agent, whichever the settings name.
    Serve(SettingsFile),
    /// Run the gateway alone.
    Gateway(SettingsFile),
    /// Run the agent alone.
    Agent(SettingsFile),
    /// Start a gateway with throw-away keys to point a FIT-Connect SDK at.
    Sandbox(Sandbox),
    /// Bring sample applications into the formats of six municipalities, all on this machine.
    Demo(Demo),
    /// Send an intake request (JSON) to a gateway.
    Submit(Submit),
    /// Check data, intake requests and XML offline, before they are sent. Exit code 0: valid; 1: findings; 2: could not be checked.
    Validate(Validate),
    /// Show where a submission is.
    Status(Status),
    /// List, open and answer replies to submissions; send one.
    #[command(subcommand)]
    Reply(Reply),
    /// Make, check, compare, activate and roll back mapping packages.
    #[command(subcommand)]
    Package(Package),
    /// Add a service from a schema of others (JSON Schema, XSD, `XDatenfelder`).
    #[command(subcommand)]
    Service(Service),
    /// Create, change, roll over and deactivate many destinations from a folder of settings.
    #[command(subcommand)]
    Destination(Destination),
    /// Test each link from the delivery service to the procedure.
    #[command(subcommand)]
    Connect(Connect),
    /// Add or list official XSD sets.
    #[command(subcommand)]
    Schema(Schema),
    /// Copy databases and attachments of a running system into a new folder, with a manifest. Keys and secrets are not copied.
    Backup(Backup),
    /// Put a backup back into the empty folders that the settings name, after checking every hash.
    Restore(Restore),
    /// Hash every row and attachment anew, beside a running system or without one. Exit code 1: something is not as it was written.
    Verify(Verify),
    /// Move a stopped gateway's rows and attachments into another kind of store.
    #[command(subcommand)]
    Store(Store),
    /// Export and check receipts.
    #[command(subcommand)]
    Receipt(Receipt),
    /// Make or import keys and client secrets.
    #[command(subcommand)]
    Keys(Keys),
    /// Check or explain settings.
    #[command(subcommand)]
    Settings(Settings),
    /// Try the ways to foreign delivery services.
    #[command(subcommand)]
    Uplink(Uplink),
    /// Show what does not go on, retry, park, release and replay it.
    #[command(subcommand)]
    Incident(Incident),
}

/// The settings file.
#[derive(Debug, Args)]
pub(crate) struct SettingsFile {
    /// Settings file (TOML).
    #[arg(
        long,
        short,
        env = "AMTSBOTE_SETTINGS",
        default_value = "amtsbote.toml"
    )]
    pub(crate) settings: PathBuf,
}

/// How to reach a gateway, as a sender or a subscriber.
#[derive(Debug, Args)]
pub(crate) struct Access {
    /// A sandbox.json to take everything from.
    #[arg(long, env = "AMTSBOTE_SANDBOX")]
    pub(crate) sandbox: Option<PathBuf>,
    /// Gateway's base URL.
    #[arg(long, env = "AMTSBOTE_URL")]
    pub(crate) url: Option<String>,
    /// The client.
    #[arg(long, env = "AMTSBOTE_CLIENT_ID")]
    pub(crate) client_id: Option<String>,
    /// File with the client's secret.
    #[arg(long, env = "AMTSBOTE_CLIENT_SECRET_FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// PEM file with further trusted roots.
    #[arg(long, env = "AMTSBOTE_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// Whose client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ClientSide {
    /// Who sends submissions.
    Sender,
    /// Who gets them.
    Subscriber,
}

impl ClientSide {
    pub(crate) const fn side(self) -> Side {
        match self {
            Self::Sender => Side::Sender,
            Self::Subscriber => Side::Subscriber,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Settings {
    /// Check a settings file and what it refers to; all faults at once.
    Check(SettingsFile),
    /// Explain every key.
    Explain {
        /// Only keys that begin so.
        prefix: Option<String>,
    },
}

//! Everything on one machine, to try it.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// Folder for keys, data and sandbox.json; the same folder gives the same identity again.
    #[arg(long, default_value = ".sandbox")]
    pub(crate) dir: PathBuf,
    /// Port on 127.0.0.1; 0 takes the one used before, or any.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Serve TLS with a throw-away CA (written to the folder).
    #[arg(long)]
    pub(crate) tls: bool,
    /// Run an agent for the destination, too: submissions are handed over into the folder `out`, answers are taken from `answers`.
    #[arg(long)]
    pub(crate) with_agent: bool,
    /// TOML file of another way in for that agent: the keys of `[agent.destination.inbound]`.
    #[arg(long, requires = "with_agent")]
    pub(crate) answers: Option<PathBuf>,
    /// Folder with JWK files of the destination to use instead of new ones: the private decryption key (`unwrapKey`)
    /// and the private signing key (`sign`), whatever the files are called.
    #[arg(long)]
    pub(crate) keys: Option<PathBuf>,
    /// PEM file of root certificates: keys that clients bring for destinations must come with a chain that leads to one of them.
    #[arg(long)]
    pub(crate) trust_keys: Option<PathBuf>,
    /// Folder of the shared submission schemas.
    #[arg(long, env = "AMTSBOTE_SCHEMAS")]
    pub(crate) schemas: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Folder to leave everything in.
    #[arg(long, default_value = ".demo")]
    pub(crate) dir: PathBuf,
    /// Leave the servers running and print what to try with curl.
    #[arg(long)]
    pub(crate) keep: bool,
}

//! Keys.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make new keys.
    New {
        /// What for.
        #[arg(value_enum)]
        what: KeyOwner,
        /// Folder to write to.
        #[arg(long, default_value = "keys")]
        dir: PathBuf,
        /// Name in the certificate, or the client's id.
        #[arg(long, default_value = "amtsbote")]
        name: String,
    },
    /// Check JWK files made elsewhere and take them over.
    Import {
        /// Private JWK files: the decryption key (`unwrapKey`) and the signing key (`sign`) of a destination.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Folder to write to.
        #[arg(long, default_value = "keys")]
        dir: PathBuf,
    },
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyOwner {
    /// The gateway: events and receipts, routing data, tokens.
    Gateway,
    /// A destination: decryption and signing key with self-signed certificates (for tests).
    Destination,
    /// A client: its secret.
    Client,
    /// A sender: the key for replies, whose public half goes into `replyChannel.fitConnect` of submissions.
    Reply,
}

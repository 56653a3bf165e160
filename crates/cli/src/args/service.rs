//! Services and their schemas.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Services of others.
#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Convert a schema; lists what is not carried over, makes an example.
    New(NewServiceArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NewServiceArgs {
    /// JSON Schema, XSD (what it includes and imports is read, too), or `XDatenfelder` 2 or 3 (`xdatenfelder.stammdatenschema.0102`).
    #[arg(long)]
    pub(crate) from: PathBuf,
    /// Short name of the service, and of its folder: a-z, 0-9 and -.
    #[arg(long)]
    pub(crate) name: String,
    /// URN of the administrative service, such as `urn:de:fim:leika:leistung:99102013002000`.
    #[arg(long)]
    pub(crate) urn: String,
    /// Address of the schema, as senders name it; the schema's own, or FIM's, if left out.
    #[arg(long)]
    pub(crate) schema_uri: Option<String>,
    /// Name for people; the schema's own if left out.
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// What the file is; by its ending and content if left out.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<ForeignKind>,
    /// Root element, of an XSD with several.
    #[arg(long)]
    pub(crate) root: Option<String>,
    /// Folder of services to add to.
    #[arg(long, env = "AMTSBOTE_SCHEMAS", default_value = "schemas")]
    pub(crate) schemas: PathBuf,
}

/// Kinds of foreign schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ForeignKind {
    /// JSON Schema.
    JsonSchema,
    /// XML Schema.
    Xsd,
    /// `XDatenfelder`.
    Xdf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    /// Add official schemas or code lists as downloaded (zip, folder or file); nothing is fetched from a network.
    Add {
        /// Zip file, folder, .xsd file or code list (genericode).
        source: PathBuf,
        /// Folder to keep sets in.
        #[arg(long, env = "AMTSBOTE_XSD_DIR", default_value = "xsd")]
        xsd_dir: PathBuf,
    },
    /// List the sets.
    List {
        /// Folder of the sets.
        #[arg(long, env = "AMTSBOTE_XSD_DIR", default_value = "xsd")]
        xsd_dir: PathBuf,
    },
}

//! Mapping packages.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// From a sample of the procedure to an active package: `new`, look at the template, `preview`, `expect`, `check`, `activate`.
#[derive(Debug, Subcommand)]
pub(crate) enum Package {
    /// Propose a package from a sample of the procedure (XML, CSV, fixed width, keys and values, segments, JSON) or an XSD root.
    New(NewPackage),
    /// Run a package's examples and compare with the expected output.
    Check {
        /// Package folders, or folders of packages.
        #[arg(required = true)]
        dirs: Vec<PathBuf>,
        /// Folder of official XSD sets.
        #[arg(long, env = "AMTSBOTE_XSD_DIR")]
        xsd_dir: Option<PathBuf>,
    },
    /// Show output, lineage both ways, losses and findings for one input. Prints content: use invented data.
    Preview(Preview),
    /// Keep what the examples give now as their expected output; shows what changes.
    Expect {
        /// Package folder.
        dir: PathBuf,
        /// Folder of official XSD sets.
        #[arg(long, env = "AMTSBOTE_XSD_DIR")]
        xsd_dir: Option<PathBuf>,
    },
    /// Show what differs between two versions: settings, templates, code maps, and the output of every example.
    Diff {
        /// Package folder, or `name@version` of the packages kept (`name` alone is the active one).
        from: String,
        /// Package folder, or `name@version` of the packages kept.
        to: String,
        #[command(flatten)]
        kept: KeptPackages,
        /// Folder of official XSD sets.
        #[arg(long, env = "AMTSBOTE_XSD_DIR")]
        xsd_dir: Option<PathBuf>,
    },
    /// Keep a version and make it the active one; its examples must pass. A running agent takes it up by itself.
    Activate {
        /// Package folder.
        dir: PathBuf,
        /// What is still marked as open is meant so: constants of the sample go to the procedure with every application.
        #[arg(long)]
        accept_open: bool,
        #[command(flatten)]
        kept: KeptPackages,
        /// Folder of official XSD sets.
        #[arg(long, env = "AMTSBOTE_XSD_DIR")]
        xsd_dir: Option<PathBuf>,
    },
    /// Make the version active that was active before.
    Rollback {
        /// Name of the package.
        name: String,
        /// This version instead of the one before.
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        kept: KeptPackages,
        /// Folder of official XSD sets.
        #[arg(long, env = "AMTSBOTE_XSD_DIR")]
        xsd_dir: Option<PathBuf>,
    },
    /// List the packages kept, their versions, and which is active.
    List {
        #[command(flatten)]
        kept: KeptPackages,
    },
}

/// Where versions of packages are kept.
#[derive(Debug, Args)]
pub(crate) struct KeptPackages {
    /// Folder in which versions are kept: `packages_dir` of the agent.
    #[arg(
        long,
        env = "AMTSBOTE_PACKAGES_DIR",
        default_value = "packages",
        conflicts_with = "settings"
    )]
    pub(crate) packages_dir: PathBuf,
    /// Settings file to take `packages_dir` from.
    #[arg(long)]
    pub(crate) settings: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct NewPackage {
    /// Sample message or file of the procedure with invented content; a folder or a ZIP archive of files that it takes together; or an XSD file (what it includes and imports is read, too).
    pub(crate) sample: PathBuf,
    /// The service: name of its folder (`hundesteuer`) or its schema's URI.
    #[arg(long)]
    pub(crate) service: String,
    /// Name of the package: a-z, 0-9 and -; made of service and kind of sample if left out.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Folder to write; `./<name>` if left out. Must not exist yet.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// What the sample is; by its content if left out, and by its ending where that is open.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<SampleKind>,
    /// Root element, of an XSD with several.
    #[arg(long)]
    pub(crate) root: Option<String>,
    /// Schema (XSD) an XML sample keeps: goes into the package, and every output is checked against it.
    #[arg(long)]
    pub(crate) xsd: Option<PathBuf>,
    /// Record description of a fixed-width sample: `NAME:20,VORNAME:15`, or a file with one `NAME;width` per line; `[10]` above those of lines that begin with 10.
    #[arg(long)]
    pub(crate) fields: Option<String>,
    /// Example of the service to take (name of its file without `.json`); the first valid one if left out.
    #[arg(long)]
    pub(crate) example: Option<String>,
    /// Folder of the shared submission schemas; those built in if left out.
    #[arg(long, env = "AMTSBOTE_SCHEMAS")]
    pub(crate) schemas: Option<PathBuf>,
}

/// Kinds of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SampleKind {
    /// A sample message.
    Xml,
    /// A file with separators and, best, a first line with the columns' names.
    Csv,
    /// Records of fixed width.
    Fixed,
    /// Keys and values: INI, properties, `Key: value`.
    Keys,
    /// Segments, as UN/EDIFACT and HL7 have them.
    Segments,
    /// A sample document.
    Json,
    /// A schema.
    Xsd,
}

#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// Package folder.
    pub(crate) dir: PathBuf,
    /// Example of the package; the first if left out.
    #[arg(long, conflicts_with = "input")]
    pub(crate) example: Option<String>,
    /// Data (JSON), or an intake request, instead of an example.
    #[arg(long)]
    pub(crate) input: Option<PathBuf>,
    /// Header data of the receiver (TOML table or JSON).
    #[arg(long)]
    pub(crate) receiver: Option<PathBuf>,
    /// Settings with the way out (a destination's TOML): lineage also tells what the way says around the files.
    #[arg(long)]
    pub(crate) outbound: Option<PathBuf>,
    /// Lineage by output, by input, or both.
    #[arg(long, value_enum, default_value = "both")]
    pub(crate) by: LineageBy,
    /// Folder of official XSD sets.
    #[arg(long, env = "AMTSBOTE_XSD_DIR")]
    pub(crate) xsd_dir: Option<PathBuf>,
}

/// How lineage is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LineageBy {
    /// For each output its inputs.
    Output,
    /// For each input its outputs.
    Input,
    /// Both.
    Both,
}

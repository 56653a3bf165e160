//! The command line.

use std::path::PathBuf;

use amtsbote_model::delivery::{Restart, Version};
use amtsbote_model::incident::{Kind, Number};
use amtsbote_model::{Ars, DestinationId, ReplyId, ServiceId, SubmissionId};
use clap::{Args, Parser, Subcommand};

use crate::access::Side;
use crate::talk::{Talk, Tongue};

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

/// Replies. Content is shown to nobody: it is written where `--out` says, for the owner alone.
#[derive(Debug, Subcommand)]
pub(crate) enum Reply {
    /// List the replies that wait for this sender.
    List(Access),
    /// Fetch a reply, verify it by the event log and open it.
    Fetch {
        #[command(flatten)]
        reply: OpenReply,
        /// Folder to write metadata, data and attachments to; without it nothing is written.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Verify and open a reply, and say that it was taken. Fetch it before: it is gone then.
    Accept(OpenReply),
    /// Say that a reply cannot be taken, and why.
    Reject(RejectReply),
    /// Send a reply into the case of a submission that can still be fetched (subscriber's side).
    Send(SendReply),
}

#[derive(Debug, Args)]
pub(crate) struct OpenReply {
    /// The reply's id.
    pub(crate) id: ReplyId,
    /// Private JWK file of the key that the submission named for replies (`keys new reply`).
    #[arg(long = "key", required = true)]
    pub(crate) keys: Vec<PathBuf>,
    /// Destination the submission went to; as the delivery service says if left out.
    #[arg(long)]
    pub(crate) destination: Option<DestinationId>,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
pub(crate) struct RejectReply {
    /// The reply's id.
    pub(crate) id: ReplyId,
    /// What is wrong, such as `encryption-issue` or `hash-mismatch`.
    #[arg(long, default_value = "technical-error")]
    pub(crate) problem: String,
    /// In words. It stands in the event log: nothing personal.
    #[arg(long, default_value = "")]
    pub(crate) detail: String,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
pub(crate) struct SendReply {
    /// The submission that is answered.
    pub(crate) submission: SubmissionId,
    /// Private decryption key of the destination (JWK file): the key for the reply stands in the submission's metadata.
    #[arg(long = "key", required = true)]
    pub(crate) keys: Vec<PathBuf>,
    /// Data of the reply: JSON, or XML if the name ends so.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// Schema of the data; the first of the submission's `processStandards` if left out.
    #[arg(long)]
    pub(crate) schema_uri: Option<String>,
    /// A file to attach; its name is sent along, sealed.
    #[arg(long = "attachment")]
    pub(crate) attachments: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// From a sample of the procedure to an active package: `new`, look at the template, `preview`, `expect`, `check`, `activate`.
#[derive(Debug, Subcommand)]
pub(crate) enum Package {
    /// Propose a package from a sample of the procedure (XML, CSV, fixed width, JSON) or an XSD root.
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
    /// Sample message or file of the procedure with invented content; or an XSD file (what it includes and imports is read, too).
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
    /// What the sample is; by its ending and content if left out.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<SampleKind>,
    /// Root element, of an XSD with several.
    #[arg(long)]
    pub(crate) root: Option<String>,
    /// Schema (XSD) an XML sample keeps: goes into the package, and every output is checked against it.
    #[arg(long)]
    pub(crate) xsd: Option<PathBuf>,
    /// Record description of a fixed-width sample: `NAME:20,VORNAME:15`, or a file with one `NAME;width` per line.
    #[arg(long)]
    pub(crate) fields: Option<String>,
    /// Example of the service to take (name of its file without `.json`); the first valid one if left out.
    #[arg(long)]
    pub(crate) example: Option<String>,
    /// Folder of the shared submission schemas; those built in if left out.
    #[arg(long, env = "AMTSBOTE_SCHEMAS")]
    pub(crate) schemas: Option<PathBuf>,
}

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

/// Kinds of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SampleKind {
    /// A sample message.
    Xml,
    /// A file with separators and, best, a first line with the columns' names.
    Csv,
    /// Records of fixed width.
    Fixed,
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

/// What does not go on, why, and what to do about it. Works beside the running agent; every change is noted (`incident audit`).
#[derive(Debug, Subcommand)]
pub(crate) enum Incident {
    /// List what is stuck, put together by destination and cause.
    List(ListIncidents),
    /// Show the submissions of an incident, or where one submission is.
    Show(ShowIncident),
    /// Try now instead of at the next try.
    Retry(ChangeStuck),
    /// Take aside: nothing happens until it is released.
    Park(ChangeStuck),
    /// Let what is parked go on where it stopped.
    Release(ChangeStuck),
    /// Let deliveries begin again from a step.
    Replay(ReplayStuck),
    /// List what was changed by hand, newest first.
    Audit(AuditIncidents),
}

/// Where the states of agents and gateway are.
#[derive(Debug, Args)]
pub(crate) struct AgentState {
    /// Settings file of the agent, the gateway, or both (TOML).
    #[arg(
        long,
        short,
        env = "AMTSBOTE_SETTINGS",
        default_value = "amtsbote.toml"
    )]
    pub(crate) settings: PathBuf,
    /// Folder of one agent's state (with `agent.db`) instead of the settings, such as `.sandbox/agent`.
    #[arg(long)]
    pub(crate) agent_dir: Option<PathBuf>,
}

/// What is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StuckKind {
    /// A submission on its way into a procedure.
    Delivery,
    /// A procedure's answer on its way to the sender.
    Reply,
    /// A callback of the gateway.
    Callback,
    /// A reminder of the gateway by mail.
    Mail,
    /// A submission of the gateway on its way to a foreign delivery service.
    Uplink,
    /// What `verify` found.
    Integrity,
}

impl StuckKind {
    /// The stable name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Delivery => Kind::Delivery.name(),
            Self::Reply => Kind::Reply.name(),
            Self::Callback => "callback",
            Self::Mail => "mail",
            Self::Uplink => "uplink",
            Self::Integrity => "integrity",
        }
    }

    pub(crate) const fn is_delivery(self) -> bool {
        matches!(self, Self::Delivery)
    }

    pub(crate) const fn is_reply(self) -> bool {
        matches!(self, Self::Reply)
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListIncidents {
    /// Also what is under way without trouble.
    #[arg(long)]
    pub(crate) all: bool,
    /// Only this destination.
    #[arg(long)]
    pub(crate) destination: Option<DestinationId>,
    /// Only this cause, such as `procedure-misconfigured`.
    #[arg(long)]
    pub(crate) cause: Option<String>,
    /// Only this kind.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<StuckKind>,
    #[command(flatten)]
    pub(crate) state: AgentState,
}

#[derive(Debug, Args)]
pub(crate) struct ShowIncident {
    /// An incident's number (i-3f9a2c41), or a submission's id.
    pub(crate) what: String,
    /// Submissions shown, at most.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u32,
    /// Submissions left out at the start.
    #[arg(long, default_value_t = 0)]
    pub(crate) offset: u32,
    #[command(flatten)]
    pub(crate) state: AgentState,
}

/// What to change. Exit codes: 0 all changed (or a dry run); 1 something was not; 3 needs `--yes`.
#[derive(Debug, Args)]
pub(crate) struct ChangeStuck {
    /// An incident's number: all that is stuck in it.
    #[arg(conflicts_with = "submissions")]
    pub(crate) incident: Option<Number>,
    /// A submission, whatever its state; several are possible.
    #[arg(long = "submission")]
    pub(crate) submissions: Vec<SubmissionId>,
    /// All that is stuck at this destination.
    #[arg(long, conflicts_with = "submissions")]
    pub(crate) destination: Option<DestinationId>,
    /// All that is stuck for this cause, such as `service-refused`.
    #[arg(long, conflicts_with = "submissions")]
    pub(crate) cause: Option<String>,
    /// Only deliveries, or only replies; with --submission, deliveries if left out.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<StuckKind>,
    /// Show what would change, and change nothing. A good first step.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Change more than one, or replay what the procedure may have already.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Why, for the audit: one line, nothing personal.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) state: AgentState,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayStuck {
    /// The step to begin with. The content is fetched anew each time, which the service allows until it has the verdict.
    #[arg(long, value_enum)]
    pub(crate) from: Step,
    /// Translate with the package that is active now instead of the one it began with.
    #[arg(long)]
    pub(crate) newest: bool,
    /// Translate with this version of a package, `name@version`: it must be kept (`package list`), and its examples must pass.
    #[arg(long, conflicts_with = "newest")]
    pub(crate) package: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeStuck,
}

/// Steps of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Step {
    /// From the beginning, with the package that is active now.
    Fetch,
    /// Translate, with the package it began with or the active one (--newest).
    Translate,
    /// Hand over again, under the same parcel id.
    HandOver,
    /// Post the verdict.
    Acknowledge,
}

impl ReplayStuck {
    /// What the delivery is told.
    pub(crate) fn restart(&self, talk: Talk) -> anyhow::Result<Restart> {
        let version = if self.newest {
            Version::Active
        } else {
            Version::Same
        };
        if self.package.is_some() && self.from != Step::Translate {
            return Err(talk.error(
                "--package gehört zu --from translate",
                "--package goes with --from translate",
            ));
        }
        match (self.from, self.newest) {
            (Step::Fetch, _) => Ok(Restart::Fetch),
            (Step::Translate, _) => Ok(Restart::Translate(version)),
            (Step::HandOver, false) => Ok(Restart::HandOver),
            (Step::Acknowledge, false) => Ok(Restart::Acknowledge),
            (Step::HandOver | Step::Acknowledge, true) => Err(talk.error(
                "--newest gehört zu --from translate: ab hier wird mit dem Paket weitergearbeitet, mit dem begonnen wurde",
                "--newest goes with --from translate: from here on the package is the one it began with",
            )),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct AuditIncidents {
    /// Only this submission.
    #[arg(long)]
    pub(crate) submission: Option<SubmissionId>,
    /// Changes shown, at most.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) state: AgentState,
}

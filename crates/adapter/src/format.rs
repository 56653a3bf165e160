//! Target formats: what a procedure reads.

use std::borrow::Cow;
use std::sync::Arc;

use amtsbote_model::{
    CaseId, DestinationId, ParcelId, Personal, ServiceId, SubmissionId, Timestamp,
};
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::Lineage;
use serde_json::Value;

use crate::placement::Names;
use crate::{Answer, AttachmentSource, Checksums, Package, ParcelFile};

/// A target format, such as `xbau`, `container`, `table`. Registered once, in `cli`.
pub trait Format: Send + Sync {
    /// The name by which packages ask for it.
    fn name(&self) -> &'static str;

    /// Compiles a package for this format. Everything that can be wrong with templates, code maps, columns and
    /// settings is found here, all at once: at activation, never at delivery.
    fn open(&self, package: &Package) -> Result<Box<dyn Mapping>, Findings>;

    /// What is not checked of messages of this package, and why; for reports, neither a fault nor a reason to refuse.
    fn notices(&self, package: &Package) -> Findings {
        let _ = package;
        Findings::new()
    }

    /// Reads what a procedure of this format answers. The answer is foreign: whatever the bytes are, there is an answer or
    /// findings, which never carry a value. Formats without answers find that.
    fn read_answer(&self, document: &[u8]) -> Result<Answer, Findings> {
        let _ = document;
        Err(vec![Finding::new(
            "",
            "answer",
            Bilingual::new(
                format!("das Zielformat {} kennt keine Antworten", self.name()),
                format!("the format {} has no answers", self.name()),
            ),
        )])
    }

    /// Reads an archive as a procedure of this format packs its answers: message and documents. None: no message of this format is in
    /// it, and the archive is a document like any other.
    fn read_archive(&self, archive: &[u8]) -> Option<Result<Answer, Findings>> {
        let _ = archive;
        None
    }
}

/// A package compiled for its format.
pub trait Mapping: Send + Sync {
    /// Translates one opened submission. Findings are about the submission's data (place in the input, rule);
    /// the same input gives the same bytes.
    fn translate(&self, opened: &Opened<'_>) -> Result<Product, Findings>;

    /// How the documents will be called, where attachments may lie beside them: no attachment takes one of these names.
    fn documents(&self, opened: &Opened<'_>) -> Vec<String> {
        let _ = opened;
        Vec::new()
    }
}

/// An opened and validated submission with what surrounds it.
#[derive(Debug, Clone)]
pub struct Opened<'a> {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Its case.
    pub case_id: CaseId,
    /// Its destination.
    pub destination_id: DestinationId,
    /// The service.
    pub service: &'a ServiceId,
    /// What is handed over: also seeds message UUIDs, so that a repeat has the same.
    pub parcel_id: ParcelId,
    /// The moment of receipt, a legal fact.
    pub received_at: Timestamp,
    /// The data (JSON).
    pub data: &'a Personal<Value>,
    /// The data, byte for byte as sealed by the sender.
    pub data_bytes: &'a Personal<Vec<u8>>,
    /// The attachments, in the order of the metadata.
    pub attachments: &'a [OpenedAttachment],
    /// The destination's settings for header data (name, directory keys, contact …): `$receiver` in templates.
    pub receiver: &'a Value,
    /// What is known of the sender (reference …): `$sender` in templates.
    pub sender: &'a Personal<Value>,
    /// Inside a bundle what was made before: `$files` in templates. `null` elsewhere.
    pub files: &'a Value,
    /// How documents have to call the parcel's files.
    pub names: &'a Names,
}

impl Opened<'_> {
    /// How a document calls the parcel's file at `path`.
    pub fn called<'p>(&self, path: &'p str) -> Cow<'p, str> {
        self.names.of(self.parcel_id, path)
    }
}

/// An attachment whose tag and hash are verified.
#[derive(Clone)]
pub struct OpenedAttachment {
    /// Identifier.
    pub id: amtsbote_model::AttachmentId,
    /// File name as the sender gave it.
    pub filename: Option<Personal<String>>,
    /// Description as the sender gave it.
    pub description: Option<Personal<String>>,
    /// MIME type.
    pub media_type: String,
    /// `form`, `attachment`, `report` or `data`.
    pub purpose: String,
    /// SHA-512 of the plaintext, lower-case hex.
    pub sha512: String,
    /// SHA-256 of the plaintext, lower-case hex.
    pub sha256: String,
    /// MD5 and SHA-1 of the plaintext, where the package names them ([`Package::old_checksums`]).
    pub old_sums: Checksums,
    /// Where it lies in the parcel, once a format gave it a place.
    pub path: Option<String>,
    /// The plaintext, as a stream.
    pub source: Arc<dyn AttachmentSource>,
}

impl std::fmt::Debug for OpenedAttachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedAttachment")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a mapping made.
#[derive(Debug, Clone)]
pub struct Product {
    /// The files to hand over, at least one.
    pub files: Vec<ParcelFile>,
    /// Which output came from which input.
    pub lineage: Vec<Lineage>,
    /// JSON pointers of inputs that no output used.
    pub losses: Vec<String>,
}

//! The seam to procedures (*Fachverfahren*): what a target format and a way out must be, their laws, and mapping
//! packages.
//!
//! ```text
//!  opened submission ──► Mapping (a Format with one Package) ──► Product { files, lineage, losses }
//!                                                                  │ + stable ParcelId
//!                                                                  ▼
//!                                              Parcel ──► Outbound (a transport) ──► Receipt | Fault
//!
//!  procedure ──► Inbound (a way in): poll ──► Return { files, facts } ──► settle
//! ```
//!
//! An adapter translates and classifies. It does not retry, sleep, spawn, read the clock or the environment, or choose
//! the next state. Content lives in [`Personal`](amtsbote_model::Personal) and in [`AttachmentSource`]s, which stream.
//!
//! Start reading at [`Format`], then [`Transport`] and [`Outbound`], then [`Inbound`].

mod answer;
mod archive;
mod attachment_name;
mod attachment_names;
mod beside;
mod check;
mod checksum;
mod example;
mod fault;
pub mod file_lineage;
mod file_name;
mod format;
mod inbound;
pub mod laws;
mod naming;
mod outbound;
mod package;
mod packed;
mod parcel;
pub mod placement;
pub mod returned;
pub mod steps;
mod stream;
mod translation;
pub mod transport;

use std::future::Future;
use std::pin::Pin;

pub use amtsbote_translate::{Change, Encoding, Lineage, Place, Trace};
pub use answer::{Answer, AnswerContent, AnswerDocument, AnswerKind, Status};
pub use archive::{Archive, TooMuch};
pub use attachment_names::{AttachmentNames, Letters, Numbering};
pub use beside::{Along, Beside, Cut, Laid, safe};
pub use check::{Difference, ExampleResult, Preview, Report};
pub use checksum::{Algorithm, Checksums, Summing};
pub use fault::{Fault, Step};
pub use file_name::{FileName, MalformedFileName};
pub use format::{Format, Mapping, Opened, OpenedAttachment, Product};
pub use inbound::{
    Inbound, MalformedReturnId, OpenCase, OpenCases, Refusal, Return, ReturnId, Said, Settled,
};
pub use naming::{AttachmentName, Named, Naming};
pub use outbound::{Arrival, Outbound, Receipt};
pub use package::{Example, Files, Package, PackageName};
pub use packed::{NotUnpacked, Packed, UNPACKED_MAX_BYTES, Unpacked, is_archive};
pub use parcel::{
    AttachmentReader, AttachmentSource, Parcel, ParcelFile, ParcelPath, Piece, UnsafePath,
    bytes_source,
};
pub use stream::FileReader;
pub use translation::{loss_pointers, refusal_findings, template_findings};
pub use transport::Transport;
/// A boxed, sendable future.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

//! A way out and two ways in: a procedure's REST interface is sent to and asked, and it calls us.
//!
//! ```text
//!  parcel ─► wire: one body of one or many files, its length known, its content streamed
//!              │
//!              ├─(1) look up: is the parcel there? ── found ──► Receipt, Repeated
//!              └─(2) POST or PUT with the parcel's id ──► answer ─► Receipt with file number | Fault
//!                                                           └ in steps: id ─► each attachment ─► close (`steps.rs`)
//! ```
//!
//! HTTP cannot say whether a call whose answer is lost was carried out. So the settings have to say how the procedure
//! recognises a repeat: by the id that each call carries, or by a look-up before each call.
//!
//! It must never send without such a word, take a page for people as a procedure's refusal, put values of an answer into
//! a finding, or print a URL's query, a header or a body.
//!
//! Start reading at [`Settings`], then `outbound.rs`, then `answer.rs`.

mod access;
mod answer;
mod auth;
mod callback;
mod callback_server;
mod callback_settings;
mod fields;
mod inbound;
mod inbound_settings;
mod ledger;
mod lying;
mod multipart;
mod outbound;
mod percent;
mod reading;
mod said;
mod settings;
mod step_settings;
mod steps;
mod tls_words;
mod tree;
mod wire;

pub use callback::{CallbackInbound, Callbacks};
pub use callback_server::{CallbackServer, callback_tls};
pub use fields::{Documents, Fields, Kind, MalformedPointer, Pointer, UnknownKind};
pub use inbound::HttpInbound;
pub use lying::FieldsInbound;
pub use outbound::{Http, HttpOutbound};
pub use settings::{
    Answers, Auth, Body, ClientAuth, FileNumber, Lookup, Method, Repeats, Settings, Status,
    UrlTemplate,
};
pub use step_settings::{State, Step, StepLookup, StepMethod, StepUrl, Steps};

/// The name of this way in settings, logs and docs.
pub const NAME: &str = "http";

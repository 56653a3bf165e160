//! FIT-Connect over HTTP, as a sender and as a subscriber, API v1 and v2.
//!
//! ```text
//!            Session (service, token, its keys) ──► outgoing
//!           /        |         \
//!      Sender   Subscriber   Intake        (Router: a routing service, without token) one call is one try; answers are typed or a Fault
//!           \        |
//!            VerifiedLog ◄── verify::log (pure): SETs + keys → states, tags, or findings
//! ```
//!
//! It works against our gateway and against the federal service alike. It must never repeat a call (the one exception: a
//! token that is no longer taken is fetched anew once), sleep, hold an attachment in memory (but for the notices that
//! [`ReplyContent`] seals), read an answer without a bound, or put tokens, secrets or content into an error.
//!
//! Sources: Submission API 1.1.3 (`OpenAPI`), RFC 6749, RFC 7240, RFC 9110, SET payload 1.2.2.
//!
//! Start reading at [`Session`], then [`Subscriber`] and [`Fault`].

mod destination_api;
mod exchange;
mod fault;
mod intake;
mod log_chain;
mod reads;
mod replies;
mod reply_content;
mod router;
mod sender;
mod service;
mod session;
mod subscriber;
pub mod verify;

pub use destination_api::DestinationApi;
pub use fault::{Answered, Fault, Silence};
pub use intake::{Intake, IntakeReceipt, Validation};
pub use log_chain::{BLOCKS_MAX, LogChain};
pub use reply_content::{
    NotOpened, NotSealed, OpenedReply, ReplyAttachment, ReplyContent, SealedReply, open_reply,
    reply_key,
};
pub use router::{Places, Router};
pub use sender::Sender;
pub use service::{Credentials, Limits, MalformedBase, Service};
pub use session::Session;
pub use subscriber::{AttachmentStream, Posted, Subscriber};
pub use verify::VerifiedLog;

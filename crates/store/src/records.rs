//! What is stored. Ciphertext, routing data and signed events; never content.

use amtsbote_model::submission::{Issuer, State};
use amtsbote_model::{
    AttachmentId, Callback, CaseId, ClientId, DestinationId, EventId, MailAddress, Region, ReplyId,
    Secret, ServiceId, Subject, SubmissionId, Timestamp,
};

use crate::BlobId;

/// A submission and what has arrived of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Identifier.
    pub id: SubmissionId,
    /// The case it belongs to.
    pub case_id: CaseId,
    /// Where it goes.
    pub destination_id: DestinationId,
    /// The client that announced it.
    pub sender: ClientId,
    /// Which service it is for.
    pub service: ServiceId,
    /// The service's name as the sender gave it.
    pub service_name: Option<String>,
    /// The region the sender named (API v2).
    pub region: Option<Region>,
    /// Life cycle.
    pub state: State,
    /// The announced attachments, in the sender's order.
    pub announced: Vec<AttachmentId>,
    /// The attachments that have arrived, in the order of their ids.
    pub attachments: Vec<Attachment>,
    /// Where the sender wants to be told of events.
    pub callback: Option<Callback>,
    /// When it was announced.
    pub created_at: Timestamp,
    /// When it was submitted: the moment of receipt, a legal fact.
    pub submitted_at: Option<Timestamp>,
}

/// A case (*Vorgang*): what belongs together, with one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Identifier.
    pub id: CaseId,
    /// The destination all its submissions go to, and its replies come from.
    pub destination_id: DestinationId,
    /// The client that opened it: the one that sends its submissions and gets its replies.
    pub sender: ClientId,
    /// When.
    pub opened_at: Timestamp,
}

/// A reply and what has arrived of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyRecord {
    /// Identifier.
    pub id: ReplyId,
    /// The case it belongs to.
    pub case_id: CaseId,
    /// Where it comes from.
    pub destination_id: DestinationId,
    /// The client it is for: the case's sender.
    pub receiver: ClientId,
    /// Life cycle: that of a reply, never forwarded.
    pub state: State,
    /// The announced attachments, in the sender's order.
    pub announced: Vec<AttachmentId>,
    /// The attachments that have arrived, in the order of their ids.
    pub attachments: Vec<Attachment>,
    /// When it was announced.
    pub created_at: Timestamp,
    /// When it was submitted.
    pub submitted_at: Option<Timestamp>,
}

/// An attachment that has arrived: the ciphertext is a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Identifier, chosen by the sender.
    pub id: AttachmentId,
    /// Where the ciphertext is.
    pub blob: BlobId,
    /// Size of the compact JWE in bytes.
    pub size_bytes: u64,
    /// The JWE's authentication tag, base64url, 22 characters.
    pub tag: String,
}

/// The sealed parts of a submission or reply, compact JWEs.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Metadata.
    pub metadata: String,
    /// Data; optional in API v1.
    pub data: Option<String>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let data_bytes = self.data.as_ref().map(String::len);
        f.debug_struct("Content")
            .field("metadata_bytes", &self.metadata.len())
            .field("data_bytes", &data_bytes)
            .finish()
    }
}

/// What a list shows of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubmissionRef {
    /// Identifier.
    pub id: SubmissionId,
    /// Its case.
    pub case_id: CaseId,
    /// Its destination.
    pub destination_id: DestinationId,
}

/// Which submissions to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmissionFilter {
    /// Waiting to be fetched (state submitted only), at any of these destinations.
    ForPickup(Vec<DestinationId>),
    /// In this state since before the moment given (the deadlines' scheduler).
    Stale {
        /// The state.
        state: State,
        /// Announced (created), submitted, or moved into the state before this.
        before: Timestamp,
    },
    /// Waiting to be fetched since before the moment given, and its subscriber was reminded exactly so often.
    Unreminded {
        /// Reminders so far.
        reminded: u32,
        /// Submitted before this.
        before: Timestamp,
    },
    /// All of a case.
    OfCase(CaseId),
    /// Those of a case that were submitted, whatever became of them since.
    SubmittedOfCase(CaseId),
}

/// What a list shows of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyRef {
    /// Identifier.
    pub id: ReplyId,
    /// Its case.
    pub case_id: CaseId,
    /// Where it comes from.
    pub destination_id: DestinationId,
}

/// Which replies to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyFilter {
    /// Waiting to be fetched (state submitted only) by this client.
    ForPickup(ClientId),
    /// In this state since before the moment given (the deadlines' scheduler).
    Stale {
        /// The state.
        state: State,
        /// Announced (created), submitted, or moved into the state before this.
        before: Timestamp,
    },
    /// All of a case.
    OfCase(CaseId),
    /// Those of a case that were submitted, whatever became of them since.
    SubmittedOfCase(CaseId),
}

/// Which cases to list: those this client opened, and those at these destinations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFilter {
    /// Opened by this client, if one is named.
    pub sender: Option<ClientId>,
    /// At one of these destinations, if something was submitted in it: before that, its destination knows nothing of it.
    pub destinations: Vec<DestinationId>,
}

/// One signed event of a case's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The token's `jti`.
    pub id: EventId,
    /// The case.
    pub case_id: CaseId,
    /// What it is about.
    pub subject: Subject,
    /// The event's name as in its URI, for example `accept-submission`.
    pub name: String,
    /// Who signed it.
    pub issuer: Issuer,
    /// When it was written here.
    pub at: Timestamp,
    /// The security event token, compact.
    pub token: String,
}

/// Whose log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOf {
    /// The whole case.
    Case(CaseId),
    /// One submission or reply.
    Subject(Subject),
}

/// A destination's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Key id, unique per destination.
    pub kid: String,
    /// The public JWK, JSON text.
    pub jwk: String,
    /// When it was added.
    pub added_at: Timestamp,
}

/// Which destinations to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationFilter {
    /// All.
    All,
    /// Of this subscriber.
    OwnedBy(ClientId),
    /// Offering this service anywhere, active ones only.
    Offering(ServiceId),
}

/// An answer kept for repeats under an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The client.
    pub client: ClientId,
    /// Its key.
    pub key: String,
    /// Keyed hash of the request; tells a repeat from another request.
    pub fingerprint: String,
    /// The answer's body (ids and receipt, no content).
    pub answer: String,
    /// When.
    pub at: Timestamp,
}

/// Identifier of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NoticeId(pub EventId);

/// A callback to be sent until the other side answers 2xx or its tries are used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Identifier, made by who enqueues.
    pub id: NoticeId,
    /// What it tells of.
    pub subject: Subject,
    /// Target.
    pub url: String,
    /// HMAC key.
    pub secret: Secret,
    /// JSON body, exactly as it will be authenticated.
    pub body: String,
    /// When it was made: it is given up some time after this.
    pub made_at: Timestamp,
    /// Failed tries so far.
    pub tries: u32,
    /// When to try next.
    pub due_at: Timestamp,
}

/// Identifier of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MailId(pub EventId);

/// A mail to be sent until a mail server has taken it or it is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Identifier, made by who posts it.
    pub id: MailId,
    /// The destination it is about.
    pub destination_id: DestinationId,
    /// To whom.
    pub to: MailAddress,
    /// Subject, one line.
    pub subject: String,
    /// Plain text: ids, services, counts and dates only.
    pub text: String,
    /// When it was made: it is given up some time after this.
    pub made_at: Timestamp,
    /// Failed tries so far.
    pub tries: u32,
    /// When to try next.
    pub due_at: Timestamp,
}

/// A slice of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Entries to leave out at the start.
    pub offset: u64,
    /// Entries to give at most.
    pub limit: u32,
}

/// A slice of a list and how long the whole is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The slice.
    pub entries: Vec<T>,
    /// Length of the whole list.
    pub total: u64,
}

//! The kinds of events and their URIs.

use amtsbote_model::{reply, submission};

const PREFIX: &str = "https://schema.fitko.de/fit-connect/events/";

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $slug:literal,)+) => {
        /// What an event tells. Its URI is `https://schema.fitko.de/fit-connect/events/<slug>`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind {$($(#[$doc])* $name,)+}

        impl EventKind {
            /// All of them: submissions first, each in the order of life.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The last part of the URI.
            pub const fn slug(self) -> &'static str {
                match self {$(Self::$name => $slug,)+}
            }
        }
    };
}

kinds! {
    /// A submission was announced.
    CreateSubmission = "create-submission",
    /// A submission is complete; carries the authentication tags.
    SubmitSubmission = "submit-submission",
    /// The subscriber was told, or asked.
    NotifySubmission = "notify-submission",
    /// The subscriber passed it on (v1 only).
    ForwardSubmission = "forward-submission",
    /// The subscriber took it; carries the authentication tags.
    AcceptSubmission = "accept-submission",
    /// It was refused, by the subscriber or after the deadline by the service; carries problems.
    RejectSubmission = "reject-submission",
    /// Its content was deleted.
    DeleteSubmission = "delete-submission",
    /// A reply was announced.
    CreateReply = "create-reply",
    /// A reply is complete; carries the authentication tags.
    SubmitReply = "submit-reply",
    /// The receiver of the reply was told, or asked.
    NotifyReply = "notify-reply",
    /// The receiver took the reply. Unconfirmed: no public source names it.
    AcceptReply = "accept-reply",
    /// The reply was refused; carries problems.
    RejectReply = "reject-reply",
    /// The reply's content was deleted. Unconfirmed: no public source names it.
    DeleteReply = "delete-reply",
}

impl EventKind {
    /// The URI, as the member name in `events`.
    pub fn uri(self) -> String {
        format!("{PREFIX}{}", self.slug())
    }

    /// Which kind the URI names.
    pub fn from_uri(uri: &str) -> Option<Self> {
        let slug = uri.strip_prefix(PREFIX)?;
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }

    /// Whether a public source names this event.
    pub const fn is_confirmed(self) -> bool {
        !matches!(self, Self::AcceptReply | Self::DeleteReply)
    }

    /// The step in the life of a submission, or `None` for events of replies.
    pub const fn submission_event(self) -> Option<submission::Event> {
        match self {
            Self::CreateSubmission => Some(submission::Event::Create),
            Self::SubmitSubmission => Some(submission::Event::Submit),
            Self::NotifySubmission => Some(submission::Event::Notify),
            Self::ForwardSubmission => Some(submission::Event::Forward),
            Self::AcceptSubmission => Some(submission::Event::Accept),
            Self::RejectSubmission => Some(submission::Event::Reject),
            Self::DeleteSubmission => Some(submission::Event::Delete),
            Self::CreateReply
            | Self::SubmitReply
            | Self::NotifyReply
            | Self::AcceptReply
            | Self::RejectReply
            | Self::DeleteReply => None,
        }
    }

    /// The step in the life of a reply, or `None` for events of submissions.
    pub const fn reply_event(self) -> Option<reply::Event> {
        match self {
            Self::CreateReply => Some(reply::Event::Create),
            Self::SubmitReply => Some(reply::Event::Submit),
            Self::NotifyReply => Some(reply::Event::Notify),
            Self::AcceptReply => Some(reply::Event::Accept),
            Self::RejectReply => Some(reply::Event::Reject),
            Self::DeleteReply => Some(reply::Event::Delete),
            Self::CreateSubmission
            | Self::SubmitSubmission
            | Self::NotifySubmission
            | Self::ForwardSubmission
            | Self::AcceptSubmission
            | Self::RejectSubmission
            | Self::DeleteSubmission => None,
        }
    }

    /// The kind that tells of this step of a reply; nobody passes a reply on.
    pub const fn of_reply(event: reply::Event) -> Option<Self> {
        match event {
            reply::Event::Create => Some(Self::CreateReply),
            reply::Event::Submit => Some(Self::SubmitReply),
            reply::Event::Notify => Some(Self::NotifyReply),
            reply::Event::Accept => Some(Self::AcceptReply),
            reply::Event::Reject => Some(Self::RejectReply),
            reply::Event::Delete => Some(Self::DeleteReply),
            reply::Event::Forward => None,
        }
    }

    /// Whether the event is about a reply.
    pub const fn is_about_reply(self) -> bool {
        self.submission_event().is_none()
    }
}

impl From<submission::Event> for EventKind {
    fn from(event: submission::Event) -> Self {
        match event {
            submission::Event::Create => Self::CreateSubmission,
            submission::Event::Submit => Self::SubmitSubmission,
            submission::Event::Notify => Self::NotifySubmission,
            submission::Event::Forward => Self::ForwardSubmission,
            submission::Event::Accept => Self::AcceptSubmission,
            submission::Event::Reject => Self::RejectSubmission,
            submission::Event::Delete => Self::DeleteSubmission,
        }
    }
}

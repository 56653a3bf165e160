//! Places between two writes at which a test may let the process die. Only in builds with debug assertions; elsewhere
//! [`fail_point!`](crate::fail_point) is nothing.

macro_rules! fail_points {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        /// A place between two writes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FailPoint {
            $($(#[doc = $doc])+ $name),+
        }

        impl FailPoint {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name under which it is armed.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),+
                }
            }
        }
    };
}

fail_points! {
    /// Gateway: the parts of a blob are written, it is not kept.
    BlobWritten,
    /// Gateway: a blob's file is synced, and not moved to its place.
    BlobSynced,
    /// Gateway: a blob is at its place, its folder not synced.
    BlobMoved,
    /// Gateway: blobs are kept, nothing is committed.
    IntakeSealed,
    /// Gateway: the batch of the intake is committed, nothing answered.
    IntakeCommitted,
    /// Gateway: a submission is announced, not answered.
    Announced,
    /// Gateway: an uploaded attachment is kept, its row is not committed.
    UploadKept,
    /// Gateway: its row is committed, not answered.
    UploadCommitted,
    /// Gateway: a submit is committed, not answered.
    SubmitCommitted,
    /// Gateway: the destination's event is committed, not answered.
    EventCommitted,
    /// Any store on SQLite: the jobs of a group have written, nothing is committed.
    GroupWritten,
    /// Any store on SQLite: the group is committed, nobody knows.
    GroupCommitted,
    /// Gateway: a head of the log is signed, its block is not stored.
    HeadSigned,
    /// Gateway: callbacks are noted as begun, none is sent.
    CallbackBegun,
    /// Gateway: a callback was taken, that is not noted.
    CallbackTaken,
    /// Agent: submissions are listed, not noted.
    Listed,
    /// Agent: deliveries are noted, nothing is claimed.
    DeliveriesNoted,
    /// Agent: deliveries are claimed, nothing is fetched.
    DeliveriesClaimed,
    /// Agent: attachments are in the spool, nothing is handed over.
    Opened,
    /// Agent: the package is noted, nothing is handed over.
    PackageNoted,
    /// Agent: the names by which an answer finds its case are noted, nothing is handed over.
    WayNoted,
    /// Agent: handed over, no verdict stored.
    HandedOver,
    /// Agent: the verdict is stored, not posted.
    VerdictStored,
    /// Agent: the verdict is posted, that is not stored.
    VerdictPosted,
    /// Way out `folder`: the parcel's files are durable, no intent is.
    ParcelWritten,
    /// Way out `folder`: the intent is durable, the parcel not visible.
    ParcelIntended,
    /// Way out `folder`: the parcel is visible, that is not durable.
    ParcelMoved,
    /// Way out `folder`: all is durable but the ledger.
    ParcelShown,
    /// Way out `http`: looked up, not sent.
    LookedUp,
    /// Way out `http` in steps: the procedure has the application, nothing else.
    ApplicationSent,
    /// Way out `http` in steps: an attachment is there, the next or the last call is not made.
    AttachmentSent,
    /// Way out `sftp`: the parcel's files are written, no note is.
    FarParcelWritten,
    /// Way out `sftp`: a note is written beside its place.
    FarNoteWritten,
    /// Way out `sftp`: the note is at its place, the parcel not visible.
    FarParcelNoted,
    /// Way out `sftp`: the parcel (of a flat one: a file) is visible, nobody knows.
    FarParcelMoved,
    /// Way out `mail`: the mail server has the mail, nothing is noted.
    MailTaken,
    /// Way out `mail`: the note is written beside its place.
    MailNoteWritten,
    /// Way out `mail`: the note is at its place, its folder not synced.
    MailNoted,
    /// Way out `xta`: the server gave a message id, it is not noted.
    MessageIdMade,
    /// Way out `xta`: the message id is written beside its place.
    MessageIdWritten,
    /// Way out `xta`: the message id is durable, nothing is sent under it.
    MessageIdNoted,
    /// Way out `xta`: the server has the message, that is not noted.
    MessageSent,
    /// Way out `xta`: noted as sent, the folder not synced.
    MessageDone,
    /// Message box: a message is written, not visible.
    MessageWritten,
    /// Message box: a message is visible, its folder not synced.
    MessageMoved,
    /// Message box: a message is durable, nobody knows.
    MessagePlaced,
    /// Message box: the first fetch is noted, nothing is given.
    MessageFetched,
    /// Message box: a message's report is written, its content still there.
    ReportWritten,
    /// Message box: a message has ended, nobody knows.
    MessageEnded,
    /// Message box: a refused message is set aside, its folders not synced.
    MessageSetAside,
    /// Agent: an answer is read and matched, nothing of it is kept.
    AnswerMatched,
    /// Agent: an answer's file number is noted, the answer is not kept.
    NumberNoted,
    /// Agent: an answer is kept as a sealed reply, nothing else.
    AnswerKept,
    /// Agent: an answer that ends its case is kept and the case closed, the answer lies where it lay.
    CaseClosed,
    /// Agent: an answer is settled at its way in, its reply is not sent.
    AnswerSettled,
    /// Agent: a reply is announced, its id is not stored.
    ReplyAnnounced,
    /// Agent: a reply's id is stored, nothing is uploaded.
    ReplyNoted,
    /// Agent: an attachment of a reply is uploaded, the reply is not submitted.
    ReplyUploaded,
    /// Agent: a reply is submitted, that is not stored.
    ReplySubmitted,
    /// Way in `folder`: the place of a settled answer is made, the answer not moved.
    AnswerShelved,
    /// Way in `folder`: a settled answer is moved, the folders not synced.
    AnswerMoved,
    /// Way in `sftp`: the place of a settled answer is made, the answer not moved.
    FarAnswerShelved,
    /// Way in `http`: what was settled is written beside its place.
    AnswerNoteWritten,
    /// Way in `http`: what was settled is at its place, its folder not synced.
    AnswerNoted,
    /// Way in `http-callback`: the answer is kept, the procedure has no 204.
    CallbackAnswerKept,
    /// Gateway: a reply is announced, not answered.
    ReplyEntered,
    /// Gateway: a reply's submit is committed, not answered.
    ReplyCompleted,
    /// Gateway: the online service's word on a reply is committed, not answered.
    ReplyAcknowledged,
    /// Gateway: a deadline of one submission or reply is kept, its attachments still lie there.
    DeadlineKept,
    /// Gateway: a reminder is counted and its mail posted, the round goes on.
    ReminderPosted,
    /// Gateway: a quiet case is gone, the round goes on.
    CaseDropped,
    /// Gateway: everything due is done, the round is not noted.
    RoundDone,
    /// Gateway: the round is noted, orphans are not swept.
    RoundNoted,
    /// Gateway: a mail is claimed, not sent.
    ReminderClaimed,
    /// Gateway: the mail server has the mail, that is not noted.
    ReminderSent,
    /// Uplink: the foreign destination's place in our directory is made, nothing is accepted for it.
    ShadowMade,
    /// Uplink: a relay is noted, nothing is announced.
    RelayBegun,
    /// Uplink: announced at the foreign service, its ids are not stored.
    RelayAnnounced,
    /// Uplink: an attachment is there, that is not counted.
    RelayUploaded,
    /// Uplink: the foreign service has answered the submit, that is not stored.
    RelaySubmitted,
    /// Uplink: a step is stored, the next is not begun.
    RelayStepped,
    /// Uplink: our own submission is passed on, the foreign log is not read.
    RelayPassedOn,
    /// Uplink: the end is in our own log, the relay is not settled and attachments still lie there.
    RelayTold,
    /// Gateway on PostgreSQL: a group has written, nothing is committed.
    RowsWritten,
    /// Gateway on PostgreSQL: a group is committed, nobody knows.
    RowsCommitted,
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::Mutex;
    use std::sync::PoisonError;

    use super::FailPoint;

    static ARMED: Mutex<Option<(FailPoint, u32)>> = Mutex::new(None);

    impl FailPoint {
        /// `Name` or `Name:N`: the process dies when it is there for the N-th time. Whether there is such a point.
        #[must_use]
        pub fn arm(text: &str) -> bool {
            let (name, times) = text.split_once(':').unwrap_or((text, "1"));
            let found = Self::ALL.iter().find(|point| point.name() == name);
            let (Some(point), Ok(times)) = (found, times.parse()) else {
                return false;
            };
            *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some((*point, times));
            true
        }

        /// Here it is.
        pub fn reached(self) {
            let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((point, left)) = &mut *armed
                && *point == self
            {
                *left -= 1;
                if *left == 0 {
                    std::process::abort();
                }
            }
        }
    }
}

/// A place at which a test may let the process die: `fail_point!(HandedOver)`. Nothing without debug assertions.
#[cfg(debug_assertions)]
#[macro_export]
macro_rules! fail_point {
    ($name:ident) => {
        $crate::fail_points::FailPoint::$name.reached()
    };
}

/// A place at which a test may let the process die: nothing in this build.
#[cfg(not(debug_assertions))]
#[macro_export]
macro_rules! fail_point {
    ($name:ident) => {};
}

#[cfg(test)]
mod tests {
    use super::FailPoint;

    #[test]
    fn only_points_that_exist_are_armed() {
        for wrong in ["", "Nowhere", "Opened:", "Opened:x"] {
            assert!(!FailPoint::arm(wrong), "{wrong}");
        }
        assert!(FailPoint::arm("Opened:1000000"));
        crate::fail_point!(Opened);
    }
}

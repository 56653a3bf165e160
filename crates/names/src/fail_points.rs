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

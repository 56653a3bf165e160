//! What the library says, in the words of the seam.

use std::time::Duration;

use amtsbote_store::Error;
use object_store::Error as Fault;

/// Soon: it may be this process alone that does not reach it.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The library's texts name bucket, object and server, which are no content; they go to the log at level `debug` only.
pub(crate) fn unavailable(fault: &Fault) -> Error {
    tracing::debug!(error = %fault, "the object store failed: {fault}");
    let is_refused = matches!(
        fault,
        Fault::PermissionDenied { .. } | Fault::Unauthenticated { .. }
    );
    let (reason, passes) = if is_refused {
        ("object store: the access key is refused", false)
    } else if matches!(fault, Fault::NotFound { .. }) {
        ("object store: the bucket is not there", false)
    } else {
        ("object store: not reachable, or failing", true)
    };
    Error::Unavailable {
        reason: reason.into(),
        retry_after: passes.then_some(RETRY_AFTER),
    }
}

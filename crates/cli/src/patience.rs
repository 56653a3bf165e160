//! Waiting at the start for what is elsewhere and comes back by itself: a database on a server, a bucket.
//!
//! What a person has to change (a password, a version, an identity) ends the process at once, and so does everything wrong with our own files.

use std::time::Duration;

use amtsbote_blobs_s3::OpenError as BucketError;
use amtsbote_store_postgres::{NotAdmitted, OpenError as ServerError};
use anyhow::Result;

use crate::stop::Stop;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// It was asked to stop before it had begun.
#[derive(Debug)]
pub(crate) struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped while it waited")
    }
}

impl std::error::Error for Stopped {}

/// Tries until it works, ends for good, or the process is to stop ([`Stopped`]). `what` is it that is waited for.
pub(crate) async fn until_there<T>(
    stop: &Stop,
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let mut stopped = std::pin::pin!(stop.wait());
    let mut last = String::new();
    loop {
        let outcome = tokio::select! {
            outcome = attempt() => outcome,
            () = &mut stopped => return Err(Stopped.into()),
        };
        match outcome {
            Err(error) if passes(&error) => {
                let reason = format!("{error:#}");
                // Once for each reason: it may take hours.
                if reason != last {
                    tracing::warn!(reason, "not ready, waiting for {what}: {reason}");
                }
                last = reason;
            }
            Ok(there) => {
                if !last.is_empty() {
                    tracing::info!("{what} is there");
                }
                return Ok(there);
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = &mut stopped => return Err(Stopped.into()),
        }
    }
}

/// Whether it may be over in a while without anybody doing something here.
fn passes(error: &anyhow::Error) -> bool {
    if let Some(error) = error.downcast_ref::<ServerError>() {
        return matches!(
            error,
            ServerError::Unreachable { .. } | ServerError::Failed { .. }
        );
    }
    if let Some(error) = error.downcast_ref::<BucketError>() {
        return error.passes();
    }
    if let Some(error) = error.downcast_ref::<NotAdmitted>() {
        return matches!(
            error,
            NotAdmitted::Store(amtsbote_store::Error::Unavailable { .. })
        );
    }
    let store = error.downcast_ref::<amtsbote_store::Error>();
    matches!(store, Some(amtsbote_store::Error::Unavailable { .. }))
}

//! Where answers of procedures come from, and how they are read.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::{Answer, Inbound};
use amtsbote_problem::Findings;

/// Reads a message of a procedure, or an archive with one. It is foreign: whatever the bytes are, there is an answer or findings. None:
/// an archive without a message, which is a document.
pub type ReadAnswer = Arc<dyn Fn(&[u8]) -> Option<Result<Answer, Findings>> + Send + Sync>;

/// The way in of a destination's procedures.
#[derive(Clone)]
pub struct WayIn {
    /// Where answers lie.
    pub inbound: Arc<dyn Inbound>,
    /// What they say.
    pub read: ReadAnswer,
    /// Pause between two looks.
    pub poll: Duration,
    /// It is called by the procedure: what comes to this process, this process takes. Others are looked at by one process at a
    /// time.
    pub is_called: bool,
}

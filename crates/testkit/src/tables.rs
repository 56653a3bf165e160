//! What tests of whole processes want to know of the gateway's tables.

use crate::postgres::Server;

/// A number that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Submissions that are accepted.
    Accepted,
    /// Submissions that wait.
    Submitted,
    /// Callbacks that wait or are on their way.
    Waiting,
    /// Events that are in no block.
    Unsealed,
    /// Events that a sender is told of by callback.
    ToldOf,
    /// Kinds of events that stand more than once in the log of one submission.
    Twice,
    /// When the deadlines were last looked at, milliseconds.
    LastRound,
}

impl Count {
    const fn sql(self) -> &'static str {
        match self {
            Self::Accepted => {
                "SELECT count(*) FROM amtsbote_gateway.submissions WHERE state = 'accepted'"
            }
            Self::Submitted => {
                "SELECT count(*) FROM amtsbote_gateway.submissions WHERE state = 'submitted'"
            }
            Self::Waiting => "SELECT count(*) FROM amtsbote_gateway.outbox",
            Self::Unsealed => "SELECT count(*) FROM amtsbote_gateway.unsealed",
            Self::ToldOf => {
                "SELECT count(*) FROM amtsbote_gateway.events
                    WHERE name NOT IN ('create-submission', 'submit-submission')"
            }
            Self::Twice => {
                "SELECT count(*) FROM (SELECT 1 FROM amtsbote_gateway.events
                    GROUP BY subject_id, name HAVING count(*) > 1) AS twice"
            }
            Self::LastRound => "SELECT coalesce(max(at), 0) FROM amtsbote_gateway.marks",
        }
    }
}

impl Server {
    /// Asks a database, given by URL, with or without a password.
    ///
    /// # Panics
    ///
    /// When there is no such database or table.
    pub fn count(&self, url: &str, what: Count) -> u64 {
        let said = self.sql(url, what.sql());
        said.parse().expect("it is a number")
    }
}

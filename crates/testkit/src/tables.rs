//! What tests of whole processes want to know of the tables of gateways and agents.

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
    /// Deliveries of agents that are not done.
    Undone,
    /// Answers of procedures that agents keep.
    Answers,
    /// Those whose reply is sent.
    Replied,
    /// What agents do alone now.
    Turns,
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
            Self::Undone => "SELECT count(*) FROM amtsbote_agent.deliveries WHERE state <> 'done'",
            Self::Answers => "SELECT count(*) FROM amtsbote_agent.answers",
            Self::Replied => "SELECT count(*) FROM amtsbote_agent.answers WHERE state = 'sent'",
            Self::Turns => "SELECT count(*) FROM amtsbote_agent.leases",
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

    /// Which agent does alone what has this name; empty if none.
    pub fn has_turn(&self, url: &str, name: &str) -> String {
        let sql = format!("SELECT owner FROM amtsbote_agent.leases WHERE name = '{name}'");
        self.sql(url, &sql)
    }
}

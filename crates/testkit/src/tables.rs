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
    /// Schemas of the program.
    Schemas,
    /// Connections of the program that are encrypted.
    Encrypted,
    /// Those that are not.
    Plain,
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
            // One that has ended was of somebody who was killed, or lost it: nobody does it now.
            Self::Turns => {
                "SELECT count(*) FROM amtsbote_agent.leases
                    WHERE until > extract(epoch FROM clock_timestamp()) * 1000"
            }
            Self::Schemas => "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'amtsbote%'",
            Self::Encrypted => {
                "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                    WHERE application_name LIKE 'amtsbote %' AND ssl"
            }
            Self::Plain => {
                "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                    WHERE application_name LIKE 'amtsbote %' AND NOT ssl"
            }
            Self::LastRound => "SELECT coalesce(max(at), 0) FROM amtsbote_gateway.marks",
        }
    }
}

impl Server {
    /// Reads its certificate and settings anew.
    pub fn reload(&self) {
        self.sql("x/postgres", "SELECT pg_reload_conf()");
    }

    /// By another hand: sealed data that reads `text` has other letters in its middle. Whether there was any.
    pub fn alter_data(&self, url: &str, text: &str) -> bool {
        let harm = format!(
            "UPDATE amtsbote_gateway.contents SET data = overlay(data PLACING 'AAAA' FROM 400) WHERE data = '{text}' RETURNING 1"
        );
        self.sql(url, &harm) == "1"
    }

    /// By another hand: what is on its way goes through another uplink.
    pub fn alter_relays(&self, url: &str) {
        self.sql(url, "UPDATE amtsbote_uplink.relays SET uplink = 'land'");
    }

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

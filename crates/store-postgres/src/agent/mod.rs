//! The agents' store: [`PostgresDeliveries`].
//!
//! Claims, renewals and swaps are short transactions of their own: several agents write at the same time, and the server
//! brings their commits to the disk together.

mod claims;
mod deliveries;
mod desk;
pub(crate) mod rows;
mod ways_back;

use std::sync::Arc;
use std::time::Duration;

use amtsbote_model::Timestamp;
use amtsbote_store::{Error, Leases, Reply};

use crate::database::{Database, settled};
use crate::migrations::AGENT;
use crate::{OpenError, PostgresLeases, RowsExamined, Target};

/// For a whole call. Shorter than a lease is not needed: what a late answer says is checked by its revision.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(15);

/// The state of the agents of one delivery service, in a PostgreSQL database that several processes may have open.
#[derive(Debug, Clone)]
pub struct PostgresDeliveries {
    database: Database,
    leases: PostgresLeases,
    /// Rows of other services are never seen.
    service: Arc<str>,
}

impl PostgresDeliveries {
    /// Connects, and brings the tables forward. `service` is the delivery service's name in the settings, the same for all
    /// agents that share the work. Needs a tokio runtime.
    pub async fn open(target: &Target, service: &str) -> Result<Self, OpenError> {
        let database = Database::open(target, &AGENT, "amtsbote agent").await?;
        Ok(Self::over(database, service))
    }

    /// Connects beside agents that run, for an operator's commands. Makes and migrates nothing; tables of another version than
    /// this program's are refused.
    pub async fn open_as_guest(target: &Target, service: &str) -> Result<Self, OpenError> {
        let database = Database::join(target, &AGENT, "amtsbote incident").await?;
        Ok(Self::over(database, service))
    }

    fn over(database: Database, service: &str) -> Self {
        Self {
            leases: PostgresLeases::over(database.clone()),
            database,
            service: service.into(),
        }
    }

    /// The state at another service, over the same connections.
    #[must_use]
    pub fn at(&self, service: &str) -> Self {
        Self::over(self.database.clone(), service)
    }

    /// Notes the mark of a place that all agents must see alike, unless there is one; the mark that is noted.
    pub async fn place(&self, name: &str, mark: &str) -> Result<String, Error> {
        let connection = self.database.reader().await?;
        let noted = async {
            let sql = "INSERT INTO places (name, mark) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            let statement = connection.prepare_cached(sql).await?;
            connection.execute(&statement, &[&name, &mark]).await?;
            let sql = "SELECT mark FROM places WHERE name = $1";
            let statement = connection.prepare_cached(sql).await?;
            let row = connection.query_one(&statement, &[&name]).await?;
            Ok(row.try_get::<_, String>(0)?)
        };
        let noted = tokio::time::timeout(ANSWER_MAX, noted).await;
        settled(noted, connection, "place")
    }

    /// Looks at the sum of each row, of all services, at one moment. Reads only.
    pub async fn examine(&self) -> Result<RowsExamined, Error> {
        self.database.examine(&AGENT).await
    }

    fn lease_name(&self, name: &str) -> String {
        format!("{}/{name}", self.service)
    }
}

impl Leases for PostgresDeliveries {
    fn hold<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Reply<'a, Result<bool, Error>> {
        Box::pin(async move {
            let name = self.lease_name(name);
            self.leases.hold(&name, owner, now, until).await
        })
    }

    fn leave<'a>(&'a self, name: &'a str, owner: &'a str) -> Reply<'a, Result<(), Error>> {
        Box::pin(async move { self.leases.leave(&self.lease_name(name), owner).await })
    }
}

/// Works with a connection of the pool, for a limited time.
macro_rules! run {
    ($self:ident, $kind:expr, $connection:ident => $work:expr) => {
        Box::pin(async move {
            let mut connection = $self.database.reader().await?;
            let done = tokio::time::timeout($crate::agent::ANSWER_MAX, async {
                let $connection = &mut connection;
                $work.await
            });
            let done = done.await;
            $crate::database::settled(done, connection, $kind)
        })
    };
}
pub(crate) use run;

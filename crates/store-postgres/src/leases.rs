//! Leases in a table.

use amtsbote_model::Timestamp;
use amtsbote_store::{Error, Leases, Reply};
use tokio::time::timeout;

use crate::database::{ANSWER_MAX, Database, settled};
use crate::fault::Fault;
use crate::migrations::GATEWAY;
use crate::{OpenError, Target};

const KIND: &str = "lease";

/// The gateways' leases.
#[derive(Debug, Clone)]
pub struct PostgresLeases {
    database: Database,
}

impl PostgresLeases {
    /// Connects, and brings the tables forward.
    pub async fn open(target: &Target) -> Result<Self, OpenError> {
        let database = Database::open(target, &GATEWAY, "amtsbote gateway").await?;
        Ok(Self::over(database))
    }

    pub(crate) const fn over(database: Database) -> Self {
        Self { database }
    }
}

impl Leases for PostgresLeases {
    fn hold<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Reply<'a, Result<bool, Error>> {
        Box::pin(async move {
            let connection = self.database.reader().await?;
            // One statement: whoever comes second waits for the first and looks at what that has written.
            let sql = "INSERT INTO leases (name, owner, until) VALUES ($1, $2, $4)
                ON CONFLICT (name) DO UPDATE SET owner = $2, until = $4
                WHERE leases.owner = $2 OR leases.until <= $3";
            let held = async {
                let statement = connection.prepare_cached(sql).await?;
                let row: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                    [&name, &owner, &now.as_millis(), &until.as_millis()];
                connection.execute(&statement, &row).await
            };
            let held = timeout(ANSWER_MAX, async { held.await.map_err(Fault::from) }).await;
            Ok(settled(held, connection, KIND)? == 1)
        })
    }

    fn leave<'a>(&'a self, name: &'a str, owner: &'a str) -> Reply<'a, Result<(), Error>> {
        Box::pin(async move {
            let connection = self.database.reader().await?;
            let sql = "DELETE FROM leases WHERE name = $1 AND owner = $2";
            let left = async {
                let statement = connection.prepare_cached(sql).await?;
                connection.execute(&statement, &[&name, &owner]).await
            };
            let left = timeout(ANSWER_MAX, async { left.await.map_err(Fault::from) }).await;
            settled(left, connection, KIND).map(|_| ())
        })
    }
}

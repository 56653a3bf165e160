//! Stores over fresh databases of a private server.

use amtsbote_store::laws::Bench;
use amtsbote_store_postgres::{Encryption, OpenError, PostgresLeases, Target};
use amtsbote_testkit::postgres::Server;

/// A target by its URL.
pub(crate) fn target(url: &str) -> Target {
    Target::parse(url, Encryption::Required).unwrap()
}

/// What can be opened in a database.
pub(crate) trait Open: Sized {
    async fn open(target: &Target) -> Result<Self, OpenError>;
}

impl Open for PostgresLeases {
    async fn open(target: &Target) -> Result<Self, OpenError> {
        Self::open(target).await
    }
}

/// A store over a fresh database.
pub(crate) struct Over<S> {
    subject: S,
}

impl<S: Open> Over<S> {
    /// `None` where there is no PostgreSQL.
    pub(crate) async fn new() -> Option<Self> {
        let url = Server::shared()?.database();
        let subject = S::open(&target(&url)).await.unwrap();
        Some(Self { subject })
    }
}

impl<S> Bench for Over<S> {
    type Subject = S;

    fn subject(&self) -> &S {
        &self.subject
    }
}

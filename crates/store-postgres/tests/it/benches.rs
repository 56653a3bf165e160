//! Stores over fresh databases of a private server.

use std::sync::LazyLock;

use amtsbote_store::laws::{Bench, DurableBench};
use amtsbote_store_postgres::{
    Encryption, OpenError, PostgresDeliveries, PostgresLeases, PostgresRelays, PostgresStore,
    Target,
};
use amtsbote_testkit::postgres::Server;
use tokio::runtime::Runtime;

/// Where stores that were opened again live: the runtime of a test waits for the opening.
static ELSEWHERE: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

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

impl Open for PostgresStore {
    async fn open(target: &Target) -> Result<Self, OpenError> {
        Self::open(target).await
    }
}

impl Open for PostgresDeliveries {
    async fn open(target: &Target) -> Result<Self, OpenError> {
        Self::open(target, "bund").await
    }
}

impl Open for PostgresRelays {
    async fn open(target: &Target) -> Result<Self, OpenError> {
        Self::open(target).await
    }
}

/// A store over a fresh database.
pub(crate) struct Over<S> {
    subject: S,
    url: String,
}

impl<S: Open> Over<S> {
    /// `None` where there is no PostgreSQL.
    pub(crate) async fn new() -> Option<Self> {
        let url = Server::shared()?.database();
        let subject = S::open(&target(&url)).await.unwrap();
        Some(Self { subject, url })
    }
}

impl<S> Bench for Over<S> {
    type Subject = S;

    fn subject(&self) -> &S {
        &self.subject
    }
}

impl<S: Open + Send + 'static> DurableBench for Over<S> {
    fn reopen(self) -> Self {
        let Self { subject, url } = self;
        drop(subject);
        let opening = std::thread::spawn(move || {
            let subject = ELSEWHERE.block_on(S::open(&target(&url)));
            Self {
                subject: subject.unwrap(),
                url,
            }
        });
        opening.join().unwrap()
    }
}

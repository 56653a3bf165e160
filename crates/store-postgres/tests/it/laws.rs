//! All laws of all traits.

use amtsbote_store_postgres::{PostgresLeases, PostgresStore};

use crate::benches::Over;

/// Ends a test where there is no PostgreSQL; the reason was printed.
macro_rules! bench {
    ($subject:ty) => {
        match Over::<$subject>::new().await {
            Some(bench) => bench,
            None => return,
        }
    };
}

amtsbote_store::lease_laws!(bench!(PostgresLeases));
amtsbote_store::chain_laws!(bench!(PostgresStore));
amtsbote_store::ledger_laws!(bench!(PostgresStore));
amtsbote_store::durable_ledger_laws!(bench!(PostgresStore));

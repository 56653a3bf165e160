//! All laws of all traits.

use amtsbote_store_postgres::{PostgresDeliveries, PostgresLeases, PostgresRelays, PostgresStore};

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
amtsbote_store::delivery_laws!(bench!(PostgresDeliveries));
amtsbote_store::way_back_laws!(bench!(PostgresDeliveries));
amtsbote_store::relay_laws!(bench!(PostgresRelays));
amtsbote_store::durable_relay_laws!(bench!(PostgresRelays));
amtsbote_store::desk_laws!(bench!(PostgresDeliveries));
amtsbote_store::durable_delivery_laws!(bench!(PostgresDeliveries));

/// The agents' own, in their own tables.
mod leases_of_agents {
    use super::*;

    amtsbote_store::lease_laws!(bench!(PostgresDeliveries));
}

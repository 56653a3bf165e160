//! All laws of all traits.

use amtsbote_store_sql::{FolderBlobs, SqliteDeliveries, SqliteRelays, SqliteStore};

use crate::benches::InFolder;

amtsbote_store::ledger_laws!(InFolder::<SqliteStore>::new());
amtsbote_store::durable_ledger_laws!(InFolder::<SqliteStore>::new());
amtsbote_store::blob_laws!(InFolder::<FolderBlobs>::new());
amtsbote_store::durable_blob_laws!(InFolder::<FolderBlobs>::new());
amtsbote_store::delivery_laws!(InFolder::<SqliteDeliveries>::new());
amtsbote_store::way_back_laws!(InFolder::<SqliteDeliveries>::new());
amtsbote_store::desk_laws!(InFolder::<SqliteDeliveries>::new());
amtsbote_store::durable_delivery_laws!(InFolder::<SqliteDeliveries>::new());
amtsbote_store::chain_laws!(InFolder::<SqliteStore>::new());
amtsbote_store::lease_laws!(InFolder::<SqliteStore>::new());
amtsbote_store::relay_laws!(InFolder::<SqliteRelays>::new());
amtsbote_store::durable_relay_laws!(InFolder::<SqliteRelays>::new());

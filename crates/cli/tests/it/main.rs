//! The program from outside: real processes on loopback, killed, flooded, starved and asked all its commands.

#[cfg(test)]
mod agents;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod integrity;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod packages;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod replies;
#[cfg(test)]
#[path = "../../../blobs-s3/tests/it/server.rs"]
#[expect(
    dead_code,
    reason = "the server of the blob store's own tests, of which few parts are needed here"
)]
mod s3;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod server_store;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod starved;
#[cfg(test)]
mod store_move;
#[cfg(test)]
mod uplink;
#[cfg(test)]
mod validate;
#[cfg(test)]
mod way_back;
#[cfg(test)]
mod ways;
#[cfg(test)]
mod wire;

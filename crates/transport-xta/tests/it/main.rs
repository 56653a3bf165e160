//! The laws of both ways and of the way in, over real mutual TLS; the server's operations; crash points and foreign peers of
//! the client.

#![expect(
    clippy::unwrap_used,
    reason = "tests; clippy spares only the functions marked so"
)]

mod client;
mod cuts;
mod laws;
mod peer;
mod pki;
mod server;
mod stage;

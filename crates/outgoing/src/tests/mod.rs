//! Each guard against a peer on loopback.

mod guards;
mod limits;
mod peer;
mod repeats;
mod tls;

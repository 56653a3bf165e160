//! The one guarded HTTP listener: TLS, a bound on connections, time-outs for everything a peer may be slow with, orderly end.
//!
//! ```text
//!  accept ─► TLS ─► Host::meet ─► request ─► Host::answer ─► body
//!   slots   10 s     per          header      the host's    a peer that
//!                 connection       30 s        business     takes nothing: 60 s
//! ```
//!
//! It never reads a body, knows no route and says nothing of HTTP's statuses: that is the [`Host`]'s. A connection that is of no
//! use (no request, or an answer nobody takes) is ended, whatever its peer does to keep it up. Start reading at [`Listener::run`].

mod activity;
mod bounds;
mod connection;
mod listener;
#[cfg(test)]
mod tests;
mod tls;
mod watched;

pub use bounds::{Bounds, Speaks};
pub use listener::{Host, Listener};
pub use tls::{ClientCertificates, NotSecured, server_tls};

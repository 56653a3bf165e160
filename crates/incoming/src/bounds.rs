//! What a peer may take.

use std::time::Duration;

/// Bounds of a listener and of its connections.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at a time; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Time for the TLS handshake.
    pub handshake_max: Duration,
    /// Time for a request's header; also for the first one to begin.
    pub header_read_max: Duration,
    /// How long a connection stays without a request.
    pub idle_max: Duration,
    /// How long a peer may take nothing of an answer.
    pub stall_max: Duration,
    /// How long a connection takes requests, however lively; open ones may last as long again.
    pub connection_max: Duration,
    /// Time for open requests when shutting down.
    pub drain_max: Duration,
    /// Versions of HTTP.
    pub speaks: Speaks,
}

/// Which versions of HTTP are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/1.1.
    Http1,
    /// Also HTTP/2.
    Http2,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            handshake_max: Duration::from_secs(10),
            header_read_max: Duration::from_secs(30),
            idle_max: Duration::from_mins(2),
            stall_max: Duration::from_mins(1),
            connection_max: Duration::from_hours(24),
            drain_max: Duration::from_secs(25),
            speaks: Speaks::Http2,
        }
    }
}

impl Bounds {
    /// For the few procedures of an agent: 64 connections, HTTP/1.1.
    pub fn of_agents() -> Self {
        Self {
            connections_max: 64,
            connection_max: Duration::from_hours(3),
            speaks: Speaks::Http1,
            ..Self::default()
        }
    }
}

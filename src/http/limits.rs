//! What clients may take of a listener.

use std::time::Duration;

use super::Pace;

/// Limits of one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Open connections; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Of these, the connections of one client address, which an IPv6 client has a /64
    /// of; further ones are closed.
    pub connections_per_address: usize,
    /// Of these, the connections on which no request has come yet.
    pub half_open_per_address: usize,
    /// Time for a TLS handshake.
    pub handshake: Duration,
    /// Time in which the head of a connection's first request must arrive whole.
    pub first_request: Duration,
    /// Time in which the head of the next request must arrive whole on a connection
    /// that is kept alive.
    pub idle: Duration,
    /// How slowly a client may take the bytes that wait for it.
    pub pace: Pace,
}

impl Default for ConnectionLimits {
    /// A cluster behind one address has half of all connections, and each client far
    /// more than it needs.
    fn default() -> Self {
        Self {
            connections: 8192,
            connections_per_address: 4096,
            half_open_per_address: 1024,
            handshake: Duration::from_secs(10),
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            pace: Pace {
                minimum_rate: 1024,
                window: Duration::from_secs(60),
            },
        }
    }
}

//! The configured limits, as listeners hold them.

use std::time::Duration;

use super::config::LimitsConfig;
use crate::http::{ConnectionLimits, Pace};

/// Longer than API servers keep an idle connection (90 s), so that no review is sent into
/// a connection that is being closed.
const API_SERVER_IDLE: Duration = Duration::from_secs(300);
/// API servers open a connection for each review that waits, and few addresses have them.
const API_SERVER_CONNECTIONS: usize = 2;

/// Of the registry, the admin API and the probes.
pub(super) fn of_listener(config: &LimitsConfig) -> ConnectionLimits {
    ConnectionLimits {
        connections: config.connections,
        connections_per_address: config.connections_per_address,
        half_open_per_address: config.half_open_per_address,
        handshake: config.handshake_timeout,
        first_request: config.request_timeout,
        idle: config.idle_timeout,
        pace: Pace {
            minimum_rate: config.minimum_rate,
            window: config.minimum_rate_window,
        },
    }
}

/// Of the webhook: twice the connections, and a longer idle time.
pub(super) fn of_webhook(config: &LimitsConfig) -> ConnectionLimits {
    let usual = of_listener(config);
    ConnectionLimits {
        connections: usual.connections * API_SERVER_CONNECTIONS,
        connections_per_address: usual.connections_per_address * API_SERVER_CONNECTIONS,
        idle: usual.idle.max(API_SERVER_IDLE),
        ..usual
    }
}

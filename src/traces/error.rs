//! Why traces cannot be sent at all.

/// A collector that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error("telemetry: the CA file holds no certificate")]
    Ca,
    #[error("telemetry: no client for the collector: {0}")]
    Client(String),
}

//! The door of probes and scrapers: `/livez`, `/readyz`, `/metrics`. No tokens.

mod door;
mod readiness;
mod router;

pub use door::{ProbesBeside, ops_door};
pub use readiness::{Health, HealthPart, Readiness};
pub use router::{MetricsPage, Ops};

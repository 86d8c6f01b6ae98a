//! The door of probes and scrapers: `/livez`, `/readyz`, `/metrics`. No tokens.

mod readiness;
mod router;

pub use readiness::{Health, Part, Readiness};
pub use router::{Ops, router};

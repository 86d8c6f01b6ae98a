//! Reports of our own, read as they would be handed in.

mod grype;
mod trivy;

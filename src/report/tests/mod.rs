//! Reports of our own, read as they would be handed in.

mod aqua;
mod gitlab;
mod grype;
mod harbor;
mod recognition;
mod trivy;

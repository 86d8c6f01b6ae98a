//! Reports of our own, read as they would be handed in.

mod aqua;
mod attested;
mod built_from;
mod clair;
mod cyclonedx;
mod faults;
mod gitlab;
mod graver;
mod grype;
mod harbor;
mod recognition;
mod sarif;
mod size;
mod sweep;
mod trivy;
mod variations;
mod vendors;

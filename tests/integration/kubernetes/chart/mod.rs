//! The Helm chart: what it makes, what it refuses, and how it lives in a real cluster.

mod example;
mod installed;
mod refused;
mod rendered;
mod replicas;
mod running;
mod values;

pub use values::with_agents;

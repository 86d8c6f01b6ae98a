//! What is said of an installation, and what is refused.

mod drill;
mod node_agent;
mod objects;
mod plan;
mod sample;
mod text;

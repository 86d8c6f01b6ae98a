//! What is said of an installation, and what is refused.

mod drill;
mod objects;
mod plan;
mod sample;
mod text;

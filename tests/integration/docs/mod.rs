//! Pages of `docs/` that are made from the code, or held to it.
//!
//! `UPDATE_DOCS=1 cargo test --test integration docs::` writes the parts that are
//! made from the code anew.

mod audit_log;
mod configuration;
mod metrics;
pub mod page;
mod recipes;

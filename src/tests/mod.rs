//! A fuzzer that runs in the tests, and its targets among the readers that all rooms use;
//! those of one room stand with its own tests.
//!
//! Seeds are mutated, and each mutant is given to a check. It needs no other compiler and no
//! instrumentation. Instead of coverage it goes by outcomes: a mutant with an outcome that was
//! not seen before becomes a seed. The suite gives each target a fixed amount of text;
//! `SEKISHO_FUZZ_SECONDS=600 cargo test --lib fuzz` gives each ten minutes, from a seed of its
//! own that it prints.

mod documents;
mod fuzz;
mod mutation;
mod names;
mod node_files;
mod repeated_keys;
mod reports;

pub use fuzz::{Fuzz, folded};

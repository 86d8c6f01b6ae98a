//! The laws of the house, kept by reading the source.

mod circles;
mod decisions;
mod floors;
mod laws;
mod licenses;
mod materials;
mod migrations;
mod names;
mod places;
mod shape;
mod source;
mod system_calls;

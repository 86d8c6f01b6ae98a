//! What one call costs in the rooms that every pull, report and review goes through:
//! `cargo bench`. Whole requests are measured by `tests/bench/run`.

#![allow(clippy::unwrap_used)]

mod index;
mod reading;

fn main() {
    divan::main();
}

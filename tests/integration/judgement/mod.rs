//! The golden table of judgement, taken through a running gateway: pull, admission,
//! verdict, `explain`, `verify` and replay give the one answer that the table has.

// The table is written for the library's own tests, and not all of it is used here.
mod any_case;
mod any_door;
mod doors;
#[allow(dead_code)]
#[path = "../../../src/trust/tests/golden/mod.rs"]
mod golden;
#[allow(dead_code)]
#[path = "../../../src/trust/tests/images.rs"]
mod images;
mod stage;

/// As the table names the crate.
mod sekisho {
    pub use ::sekisho::*;
}

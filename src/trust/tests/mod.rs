//! Judgement held to a table of cases, and to laws that hold for every case.
//!
//! `images` and `golden` name the crate as `sekisho`, so that the doors' tests can
//! mount the same files and hold pulls and the API to the same answers.

use crate as sekisho;

mod classes;
mod decides;
mod golden;
mod images;
mod keys;
mod laws;
mod permits;
mod worlds;

//! What is said on stderr, beside the output.

use crate::oci::without_controls;

/// Writes to stderr, ended by one line end, without control characters.
pub fn say_aside(text: &str) {
    eprintln!("{}", without_controls(text));
}

//! What is said on stderr, beside the output. Where nobody can read it, the command goes
//! on all the same.

use std::io::{self, IsTerminal, Write};

use crate::oci::without_controls;

/// Clears a line of a terminal from the cursor on (ECMA-48, 8.3.41).
const CLEAR_LINE: &str = "\r\x1b[K";

/// Writes to stderr, ended by one line end, without control characters.
pub fn say_aside(text: &str) {
    let _ = writeln!(io::stderr(), "{}", without_controls(text));
}

/// A line about work that takes its time, written over and over. On a terminal alone.
#[derive(Debug)]
pub struct ProgressLine {
    shown: bool,
}

impl ProgressLine {
    /// `wanted`: whether there is so much to do that it is worth a line.
    pub fn new(wanted: bool) -> Self {
        Self {
            shown: wanted && io::stderr().is_terminal(),
        }
    }

    pub fn show(&self, text: &str) {
        if self.shown {
            let _ = write!(io::stderr(), "{CLEAR_LINE}{}", without_controls(text));
        }
    }
}

/// Leaves the line empty for what follows.
impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "{CLEAR_LINE}");
        }
    }
}

//! Prints the story: lines of text, or one JSON object for each step.

use serde::Serialize;
use serde_json::json;

use super::setup::DemoSetup;
use crate::cli::failure::Failure;
use crate::cli::output::say;
use crate::oci::readable;

/// The widest line.
const MAX_LINE_CHARS: usize = 300;

/// Prints each step when it is done.
pub struct StoryPrinter {
    json: bool,
}

/// One request of the story and the real answer to it.
#[derive(Debug, Serialize)]
pub struct StoryStep {
    /// What happens, in a few words.
    pub what: &'static str,
    /// As one would type it.
    pub command: String,
    pub status: u16,
    /// The answer, in one line.
    pub answer: String,
    /// Requests that reached the upstream for it.
    pub upstream_requests: usize,
}

impl StoryPrinter {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    pub fn opens(&self, setup: &DemoSetup) -> Result<(), Failure> {
        match self.json {
            true => Ok(()),
            false => say(&format!(
                "An upstream registry with sample images listens at {}.\n\
                 Sekisho stands before it at {}.",
                setup.upstream(),
                setup.gateway()
            )),
        }
    }

    pub fn step(&self, step: &StoryStep) -> Result<(), Failure> {
        if self.json {
            return say(&json!(step).to_string());
        }
        say(&format!(
            "\n* {}\n  $ {}\n  {} {}\n  ({} requests reached the upstream)",
            step.what,
            readable(&step.command, MAX_LINE_CHARS),
            step.status,
            readable(&step.answer, MAX_LINE_CHARS),
            step.upstream_requests
        ))
    }

    pub fn stays_up(&self, setup: &DemoSetup) -> Result<(), Failure> {
        let (gateway, admin) = (setup.gateway(), setup.admin());
        if self.json {
            return say(&json!({"gateway": gateway, "admin": admin}).to_string());
        }
        let program = std::env::args().next();
        let program = program.unwrap_or_else(|| "sekisho".to_owned());
        let server = format!("--server http://{admin}");
        say(&format!(
            "\nStill up. Pull for yourself:\n  \
             docker pull {gateway}/demo.example/team/app:1.1\n  \
             docker pull {gateway}/demo.example/team/app:1.0   # denied\n\
             Ask why, and see who was denied:\n  \
             {program} explain demo.example/team/app:1.0 {server}\n  \
             {program} denials {server}\n\
             Ctrl-C ends it; nothing is left behind."
        ))
    }
}

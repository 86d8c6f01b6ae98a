//! Prints the story: lines of text, or one JSON object for each step.

use serde::Serialize;
use serde_json::json;

use super::setup::DemoSetup;
use crate::oci::printable;

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

    pub fn opens(&self, setup: &DemoSetup) {
        if !self.json {
            println!(
                "An upstream registry with sample images listens at {}.",
                setup.upstream()
            );
            println!("Sekisho stands before it at {}.\n", setup.gateway());
        }
    }

    pub fn step(&self, step: &StoryStep) {
        if self.json {
            println!("{}", json!(step));
            return;
        }
        println!("* {}", step.what);
        println!("  $ {}", printable(&step.command, MAX_LINE_CHARS));
        println!(
            "  {} {}",
            step.status,
            printable(&step.answer, MAX_LINE_CHARS)
        );
        println!(
            "  ({} requests reached the upstream)\n",
            step.upstream_requests
        );
    }

    pub fn stays_up(&self, setup: &DemoSetup) {
        if self.json {
            println!(
                "{}",
                json!({"gateway": setup.gateway(), "admin": setup.admin()})
            );
            return;
        }
        println!("Still up. Pull for yourself:");
        println!(
            "  docker pull {}/demo.example/team/app:1.1",
            setup.gateway()
        );
        println!(
            "  docker pull {}/demo.example/team/app:1.0   # denied",
            setup.gateway()
        );
        println!("Ask why, and see who was denied:");
        let server = format!("--server http://{}", setup.admin());
        let program = std::env::args()
            .next()
            .unwrap_or_else(|| "sekisho".to_owned());
        println!("  {program} explain demo.example/team/app:1.0 {server}");
        println!("  {program} denials {server}");
        println!("Ctrl-C ends it; nothing is left behind.");
    }
}

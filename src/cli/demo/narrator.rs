//! How the story is told: lines for people, or an object for each step.

use serde::Serialize;
use serde_json::json;

use super::stage::Stage;
use crate::oci::printable;

/// The widest line.
const WIDTH: usize = 300;

/// Prints steps as they happen.
pub struct Narrator {
    json: bool,
}

/// One request of the story and the real answer to it.
#[derive(Debug, Serialize)]
pub struct Step {
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

impl Narrator {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    pub fn opens(&self, stage: &Stage) {
        if !self.json {
            println!(
                "An upstream registry with sample images listens at {}.",
                stage.upstream()
            );
            println!("Sekisho stands before it at {}.\n", stage.gateway());
        }
    }

    pub fn step(&self, step: &Step) {
        if self.json {
            println!("{}", json!(step));
            return;
        }
        println!("* {}", step.what);
        println!("  $ {}", printable(&step.command, WIDTH));
        println!("  {} {}", step.status, printable(&step.answer, WIDTH));
        println!(
            "  ({} requests reached the upstream)\n",
            step.upstream_requests
        );
    }

    pub fn stays_up(&self, stage: &Stage) {
        if self.json {
            println!(
                "{}",
                json!({"gateway": stage.gateway(), "admin": stage.admin()})
            );
            return;
        }
        println!("Still up. Pull for yourself:");
        println!(
            "  docker pull {}/demo.example/team/app:1.1",
            stage.gateway()
        );
        println!(
            "  docker pull {}/demo.example/team/app:1.0   # denied",
            stage.gateway()
        );
        println!("Ask why, and see who was denied:");
        let server = format!("--server http://{}", stage.admin());
        let program = std::env::args()
            .next()
            .unwrap_or_else(|| "sekisho".to_owned());
        println!("  {program} explain demo.example/team/app:1.0 {server}");
        println!("  {program} denials {server}");
        println!("Ctrl-C ends it; nothing is left behind.");
    }
}

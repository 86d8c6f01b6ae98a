//! `sekisho demo`.

use std::process::ExitCode;

use clap::Args;

use super::failure::Failure;

/// Tell the story with real answers: denied, scanned, promoted, pulled
#[derive(Debug, Args)]
#[command(
    after_help = "Needs nothing but this binary: the upstream registry and its sample images
are built in, and nothing is left behind. Stays up afterwards, for a pull of your own.

Examples:
  sekisho demo
  sekisho demo --once --json"
)]
pub struct Demo {
    /// Exit when the story is told
    #[arg(long)]
    once: bool,
    /// One JSON object for each step
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        demo(self.once, self.json).await
    }
}

/// Stands in for the demo until it is there.
async fn demo(once: bool, json: bool) -> Result<ExitCode, Failure> {
    let asked = format!("once: {once}, json: {json}");
    Err(Failure::new(format!("there is no demo yet ({asked})")))
}

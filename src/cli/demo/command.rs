//! The command: set the stage, tell the story, stay up.

use std::process::ExitCode;

use clap::Args;

use super::narrator::Narrator;
use super::stage::Stage;
use super::story;
use crate::app::stop_signal;
use crate::cli::failure::Failure;

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
        let stage = Stage::set(!self.once).await?;
        let narrator = Narrator::new(self.json);
        let told = story::tell(&stage, &narrator).await;
        if told.is_ok() && !self.once {
            narrator.stays_up(&stage);
            stop_signal().await;
        }
        stage.clear().await;
        told.map(|()| ExitCode::SUCCESS)
    }
}

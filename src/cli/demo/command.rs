//! The `demo` command: starts the gateway, runs the story, stays up.

use std::process::ExitCode;

use clap::Args;

use super::printer::StoryPrinter;
use super::setup::DemoSetup;
use super::story;
use crate::app::Signals;
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
    /// Exit after the last step
    #[arg(long)]
    once: bool,
    /// One JSON object for each step
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let setup = DemoSetup::set(!self.once).await?;
        let printer = StoryPrinter::new(self.json);
        let mut told = story::tell(&setup, &printer).await;
        if told.is_ok() && !self.once {
            told = printer.stays_up(&setup);
        }
        if told.is_ok() && !self.once {
            Signals::hear().stop().await;
        }
        setup.clear().await;
        told.map(|()| ExitCode::SUCCESS)
    }
}

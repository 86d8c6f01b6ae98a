//! The commands about clusters.

use clap::{Args, Subcommand};

use super::doctor::Doctor;
use super::manifests::Manifests;
use crate::cli::arguments::Shared;
use crate::cli::failure::{Exit, Failure};

/// What to apply to a Kubernetes cluster, and what is wrong in it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho kubernetes manifests --image registry.corp/sekisho:1 | kubectl apply --server-side -f -
  sekisho kubernetes doctor")]
pub struct Kubernetes {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Manifests(Manifests),
    Doctor(Doctor),
}

impl Kubernetes {
    pub async fn run(self, shared: &Shared) -> Result<Exit, Failure> {
        match self.command {
            Command::Manifests(command) => command.run(shared),
            Command::Doctor(command) => command.run(shared).await,
        }
    }
}

//! The commands about clusters.

use clap::{Args, Subcommand};

use super::manifests::Manifests;
use crate::cli::arguments::Shared;
use crate::cli::failure::{Exit, Failure};

/// What to apply to a Kubernetes cluster
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho kubernetes manifests --image registry.corp/sekisho:1 | kubectl apply --server-side -f -")]
pub struct Kubernetes {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Manifests(Manifests),
}

impl Kubernetes {
    pub fn run(self, shared: &Shared) -> Result<Exit, Failure> {
        match self.command {
            Command::Manifests(command) => command.run(shared),
        }
    }
}

//! The commands about clusters.

use clap::{Args, Subcommand};

use super::doctor::KubernetesDoctorArgs;
use super::manifests::ManifestsArgs;
use crate::cli::arguments::SharedArgs;
use crate::cli::failure::{Exit, Failure};

/// What to apply to a Kubernetes cluster, and what is wrong in it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho kubernetes manifests --image registry.corp/sekisho:1 | kubectl apply --server-side -f -
  sekisho kubernetes doctor")]
pub struct KubernetesArgs {
    #[command(subcommand)]
    command: KubernetesCommand,
}

#[derive(Debug, Subcommand)]
enum KubernetesCommand {
    Manifests(ManifestsArgs),
    Doctor(KubernetesDoctorArgs),
}

impl KubernetesArgs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        match self.command {
            KubernetesCommand::Manifests(command) => command.run(shared),
            KubernetesCommand::Doctor(command) => command.run(shared).await,
        }
    }
}

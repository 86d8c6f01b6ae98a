//! `sekisho doctor`.

use clap::{Args, Subcommand};

use super::arguments::Node;
use super::node;
use crate::cli::failure::{Exit, Failure};

/// Check that nothing leads past the gateway
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(subcommand)]
    command: DoctorCommand,
}

#[derive(Debug, Subcommand)]
enum DoctorCommand {
    Node(Box<Node>),
}

impl DoctorArgs {
    pub async fn run(self) -> Result<Exit, Failure> {
        match self.command {
            DoctorCommand::Node(command) => node::run(&command).await,
        }
    }
}

//! `sekisho node`.

use clap::{Args, Subcommand};

use super::agent;
use super::arguments::RunAgent;
use crate::cli::failure::{Exit, Failure};

/// What runs on each node
#[derive(Debug, Args)]
pub struct NodeArgs {
    #[command(subcommand)]
    command: NodeCommand,
}

#[derive(Debug, Subcommand)]
enum NodeCommand {
    Agent(Box<RunAgent>),
}

impl NodeArgs {
    pub async fn run(self) -> Result<Exit, Failure> {
        match self.command {
            NodeCommand::Agent(command) => agent::run(*command).await,
        }
    }
}

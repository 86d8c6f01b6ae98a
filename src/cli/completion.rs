//! `sekisho completion`.

use clap::Args;
use clap_complete::Shell;

use super::failure::{Exit, Failure};
use super::output::say;

/// Print what completes these commands in a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho completion bash > /etc/bash_completion.d/sekisho
  sekisho completion zsh > ~/.zfunc/_sekisho")]
pub struct Completion {
    /// For which shell
    shell: Shell,
}

impl Completion {
    /// Prints the script that completes `commands`.
    pub fn run(self, mut commands: clap::Command) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut commands, "sekisho", &mut script);
        say(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Done)
    }
}

//! `sekisho notify test`.

use clap::{Args, Subcommand};

use super::arguments::{OutputArgs, SharedArgs};
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use crate::api::{NOTIFY_TESTS, NotifyTestAnswer, NotifyTestRequest, NotifyTestView};
use crate::oci::printable;

/// What people are told without asking
#[derive(Debug, Args)]
pub struct NotifyArgs {
    #[command(subcommand)]
    command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
enum NotifyCommand {
    Test(NotifyTest),
}

impl NotifyArgs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        match self.command {
            NotifyCommand::Test(test) => test.run(shared).await,
        }
    }
}

/// Let the gateway send a sample, and print what was answered
#[derive(Debug, Args)]
#[command(
    after_help = "The gateway sends it, so that its way out is what is tried.

Examples:
  sekisho notify test
  sekisho notify test on-call"
)]
struct NotifyTest {
    /// A name of [[notify]]; all of them when left out
    name: Option<String>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl NotifyTest {
    async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let request = NotifyTestRequest { name: self.name };
        let answer = client
            .post::<NotifyTestAnswer>(NOTIFY_TESTS, &request)
            .await?;
        let targets = &answer.body.targets;
        self.screen.output.show(&answer.raw, |palette| {
            let line = |it: &NotifyTestView| match (&it.status, &it.error) {
                (Some(status), _) => {
                    let word = palette.good("sent");
                    format!(
                        "{word} to {}: it answered {status} in {} ms",
                        it.name, it.duration_ms
                    )
                }
                (None, error) => {
                    let word = palette.bad("not sent");
                    let error = error.as_deref().unwrap_or("no answer");
                    format!("{word} to {}: {}", it.name, printable(error, 300))
                }
            };
            targets.iter().map(line).collect::<Vec<_>>().join("\n")
        })?;
        match targets.iter().all(|it| it.status.is_some()) {
            true => Ok(Exit::Done),
            false => Err(Failure::new("not every target took it")
                .next("look at its url, and at the gateway's way out")),
        }
    }
}

//! `sekisho mode`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::arguments::{OutputArgs, SharedArgs, hours};
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use super::output::{Palette, Table};
use crate::api::{EndQuery, MODES, ModeEnded, ModeList, ModeRequest, ModeView};
use crate::oci::readable;
use crate::trust::{EnvironmentName, Mode, TimedMode};

/// Judge an environment in another mode for hours, under a ticket
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "It returns by itself; `end` brings the mode of the configuration back early.

Examples:
  sekisho mode production audit --hours 4 --ticket INC-7
  sekisho mode list
  sekisho mode end production"
)]
pub struct ModeArgs {
    #[command(subcommand)]
    command: Option<ModeCommand>,
    #[command(flatten)]
    set: Option<SetMode>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

#[derive(Debug, Subcommand)]
enum ModeCommand {
    List(ListModes),
    End(EndMode),
}

#[derive(Debug, Args)]
struct SetMode {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: EnvironmentName,
    /// audit: let through and record; warn: the same, with warnings; enforce: deny
    #[arg(value_name = "audit|warn|enforce", value_parser = mode())]
    mode: Mode,
    /// How long, 168 at most
    #[arg(long, value_name = "N", value_parser = hours(TimedMode::MAX_HOURS))]
    hours: u32,
    /// The incident it is for
    #[arg(long, value_name = "ID")]
    ticket: String,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

fn mode() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(Mode::ALL.map(Mode::as_str)).map(|word| {
        let mut modes = Mode::ALL.into_iter();
        modes.find(|mode| mode.as_str() == word).unwrap_or_default()
    })
}

/// List the modes that were set for some hours, and hold now
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho mode list")]
struct ListModes {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

/// Bring the mode of the configuration back before the time is over
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho mode end production --reason 'the scanner is back'")]
struct EndMode {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: EnvironmentName,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl ModeArgs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        match (self.command, self.set) {
            (Some(ModeCommand::List(command)), _) => command.run(shared).await,
            (Some(ModeCommand::End(command)), _) => command.run(shared).await,
            (None, Some(set)) => set.run(&self.remote, &self.screen, shared).await,
            (None, None) => Err(Failure::usage("which environment, and which mode?")
                .next("sekisho mode --help shows how to name them")),
        }
    }
}

impl SetMode {
    async fn run(
        self,
        remote: &RemoteArgs,
        screen: &OutputArgs,
        shared: &SharedArgs,
    ) -> Result<Exit, Failure> {
        let client = remote.client(shared)?;
        let request = ModeRequest {
            environment: self.environment,
            mode: self.mode,
            ticket: self.ticket,
            hours: self.hours,
            reason: self.reason,
        };
        let answer = client.post::<ModeView>(MODES, &request).await?;
        let set = &answer.body;
        screen.output.show(&answer.raw, |palette| {
            let word = palette.doubtful(set.mode.as_str());
            let (environment, until) = (&set.environment, set.until);
            let ticket = readable(&set.ticket, 200);
            format!("{environment} is judged in mode {word} until {until:.0}, for {ticket}")
        })?;
        Ok(Exit::Done)
    }
}

impl ListModes {
    async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let answer = client.get::<ModeList>(MODES, &()).await?;
        self.screen
            .output
            .show(&answer.raw, |palette| render(&answer.body.modes, palette))?;
        Ok(Exit::Done)
    }
}

fn render(set: &[ModeView], palette: Palette) -> String {
    let mut table = Table::new(["ENVIRONMENT", "MODE", "UNTIL", "BY", "TICKET", "REASON"]);
    for set in set {
        table.row([
            set.environment.as_str(),
            set.mode.as_str(),
            &format!("{:.0}", set.until),
            &set.set_by,
            &set.ticket,
            set.reason.as_deref().unwrap_or("-"),
        ]);
    }
    match table.is_empty() {
        true => "the modes of the configuration hold".to_owned(),
        false => table.render(palette),
    }
}

impl EndMode {
    async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let query = EndQuery {
            reason: self.reason,
        };
        let name = self.environment.as_str();
        let answer = client.delete::<ModeEnded>(MODES, name, &query).await?;
        let ended = &answer.body;
        self.screen.output.show(&answer.raw, |palette| {
            let word = palette.good(ended.mode.as_str());
            let (environment, before) = (&ended.ended.environment, ended.ended.mode);
            match before == ended.mode {
                true => format!("{environment} stays in mode {word}, by the configuration now"),
                false => {
                    format!("{environment} is judged in mode {word} again, no longer in {before}")
                }
            }
        })?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_listed_with_ticket_and_reason() {
        let list: ModeList = serde_json::from_str(
            r#"{"modes":[{"id":"mode:1","environment":"production","mode":"audit",
            "ticket":"OPS-1","reason":"the scanner is down","set_by":"kai",
            "set_at":"2026-06-01T00:00:00Z","until":"2026-06-01T04:00:00Z"}]}"#,
        )
        .unwrap();
        let told = render(&list.modes, Palette::plain());
        assert!(
            told.contains("kai  OPS-1   the scanner is down\n"),
            "{told}"
        );
    }
}

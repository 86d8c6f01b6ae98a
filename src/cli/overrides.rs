//! `sekisho break-glass` and `sekisho mode`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::arguments::{OutputArgs, SharedArgs, image};
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use crate::api::{BREAK_GLASS, BreakGlassRequest, BreakGlassView, MODES, ModeRequest, ModeView};
use crate::oci::printable;
use crate::trust::{EnvironmentName, Mode};

/// Let one image through although it is denied, for hours, under a ticket
#[derive(Debug, Args)]
#[command(
    after_help = "For an emergency, and on record: every pull under it is recorded and counted,
`status` shows it, and it ends by itself. It lifts missing or bad evidence, never
what cannot be judged safely, and a revocation only with --revoked.

Examples:
  sekisho break-glass registry.corp/team/app@sha256:… --environment production --ticket INC-7 --hours 2 --reason 'checkout is down, the fix is unscanned'"
)]
pub struct BreakGlassArgs {
    /// The image, with its digest
    #[arg(value_name = "REF", value_parser = image)]
    image: String,
    /// Where it is let through
    #[arg(long, value_name = "ENV")]
    environment: EnvironmentName,
    /// The incident it is for
    #[arg(long, value_name = "ID")]
    ticket: String,
    /// How long, 24 at most
    #[arg(long, value_name = "N")]
    hours: u32,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Lift a revocation too
    #[arg(long)]
    revoked: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl BreakGlassArgs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let request = BreakGlassRequest {
            image: self.image,
            environment: self.environment,
            ticket: self.ticket,
            hours: self.hours,
            reason: self.reason,
            revoked: self.revoked,
        };
        let answer = client.post::<BreakGlassView>(BREAK_GLASS, &request).await?;
        let granted = &answer.body;
        self.screen.output.show(&answer.raw, |palette| {
            let word = palette.doubtful("let through");
            let (digest, until) = (&granted.digest, granted.until);
            let ticket = printable(&granted.ticket, 200);
            let environment = &granted.environment;
            format!("{word} {digest} in {environment} until {until}, for {ticket}")
        })?;
        Ok(Exit::Done)
    }
}

/// Judge an environment in another mode for hours, under a ticket
#[derive(Debug, Args)]
#[command(
    after_help = "It returns by itself. Setting the mode of the configuration again ends it early.

Examples:
  sekisho mode production audit --hours 4 --ticket INC-7
  sekisho mode production enforce --hours 1 --ticket INC-7"
)]
pub struct SetMode {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: EnvironmentName,
    /// audit: let through and record; warn: the same, with warnings; enforce: deny
    #[arg(value_name = "audit|warn|enforce", value_parser = mode())]
    mode: Mode,
    /// How long, 168 at most
    #[arg(long, value_name = "N")]
    hours: u32,
    /// The incident it is for
    #[arg(long, value_name = "ID")]
    ticket: String,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

fn mode() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(Mode::ALL.map(Mode::as_str)).map(|word| {
        let mut modes = Mode::ALL.into_iter();
        modes.find(|mode| mode.as_str() == word).unwrap_or_default()
    })
}

impl SetMode {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let request = ModeRequest {
            environment: self.environment,
            mode: self.mode,
            ticket: self.ticket,
            hours: self.hours,
        };
        let answer = client.post::<ModeView>(MODES, &request).await?;
        let set = &answer.body;
        self.screen.output.show(&answer.raw, |palette| {
            let word = palette.doubtful(set.mode.as_str());
            let (environment, until) = (&set.environment, set.until);
            let ticket = printable(&set.ticket, 200);
            format!("{environment} is judged in mode {word} until {until}, for {ticket}")
        })?;
        Ok(Exit::Done)
    }
}

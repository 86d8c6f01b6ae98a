//! `sekisho promote`.

use clap::Args;

use super::arguments::{OutputArgs, SharedArgs, image};
use super::client::{ApiAnswer, RemoteArgs};
use super::failure::{Exit, Failure};
use super::output::Palette;
use super::verdict;
use crate::api::{PROMOTIONS, PromotionAnswer, PromotionRequest, VerdictView, no_link};
use crate::trust::EnvironmentName;

/// Let an image into an environment; judges first, and exits 3 if that denies it, or would
/// in enforce
#[derive(Debug, Args)]
#[command(
    after_help = "When judgement denies it, or would in enforce, nothing is recorded. --force records
it all the same, and lifts no denial. A promoted index promotes its children; each
still needs its own scan.

Examples:
  sekisho promote registry.corp/team/app@sha256:… --to production --link https://gitlab.corp/mr/7
  sekisho promote registry.corp/team/app:1.4 --to staging --resolve"
)]
pub struct Promote {
    /// The image, with its digest; a bare tag needs --resolve, which takes the upstream's
    #[arg(value_name = "REF", value_parser = image)]
    image: String,
    /// The environment to let it into
    #[arg(long, value_name = "ENV")]
    to: EnvironmentName,
    /// Where it was decided
    #[arg(long, value_name = "URL", value_parser = link)]
    link: Option<String>,
    /// Why, in a few words
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Read the tag's digest from the upstream, and print it
    #[arg(long)]
    resolve: bool,
    /// Record it although it is denied
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

fn link(text: &str) -> Result<String, String> {
    no_link(text).map_or(Ok(text.to_owned()), |why| Err(format!("it {why}")))
}

impl Promote {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let request = PromotionRequest {
            image: self.image,
            environment: self.to,
            link: self.link,
            reason: self.reason,
            resolve: self.resolve,
            force: self.force,
        };
        let output = self.screen.output;
        let denied = match client.post::<PromotionAnswer>(PROMOTIONS, &request).await {
            Ok(ApiAnswer { body, raw }) => {
                output.show(&raw, |palette| render(&body, palette))?;
                return Ok(Exit::Done);
            }
            Err(failure) => failure,
        };
        let denied = denied.into_verdict();
        let (denied, raw) = denied.map_err(Failure::denied_as_pulls_are)?;
        output.show(&raw, |palette| {
            let told = verdict::render(&denied, palette);
            format!(
                "{told}not promoted to {}: {}nothing is recorded",
                request.environment,
                lifted(&denied)
            )
        })?;
        // In `audit` the verdict itself allows; what was asked for was not done.
        Ok(match denied.is_undecided() {
            true => Exit::Failure,
            false => Exit::Denied,
        })
    }
}

/// A mode or a ticket lets it pass for a while; a promotion lasts.
fn lifted(verdict: &VerdictView) -> String {
    let lifted = verdict.lifted();
    let told = lifted.map(|it| match verdict.instead_of_force() {
        None => format!("{it}; --force would record it all the same; "),
        Some(instead) => format!("{it}, and --force records no such image; {instead}; "),
    });
    told.unwrap_or_default()
}

fn render(answer: &PromotionAnswer, palette: Palette) -> String {
    let to = &answer.environment;
    let how = match (answer.forced, answer.verdict.lifted()) {
        (false, _) => format!("{} to {to}", palette.good("promoted")),
        (true, lifted) => {
            let but = lifted.unwrap_or_else(|| "still denied".to_owned());
            palette.doubtful(&format!("promoted by force to {to}, {but}"))
        }
    };
    let told = verdict::render(&answer.verdict, palette);
    let digest = &answer.digest;
    format!("{how}: {digest}\n{told}")
}

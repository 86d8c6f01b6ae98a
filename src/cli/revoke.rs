//! `sekisho revoke` and `sekisho reinstate`.

use clap::Args;

use super::arguments::{OutputArgs, SharedArgs, image};
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use crate::api::{
    REINSTATEMENTS, REVOCATIONS, ReinstatementAnswer, RevocationAnswer, RevocationRequest,
};
use crate::oci::{listed, readable};
use crate::trust::EnvironmentName;

/// Take trust back from a digest, wherever it lies; nothing but reinstate undoes it
#[derive(Debug, Args)]
#[command(
    after_help = "Holds for the digest and for everything below it, in every repository; by a
token of some repositories, in those alone, which the answer says.

Examples:
  sekisho revoke registry.corp/team/app@sha256:… --reason 'INC-3: key leaked in a layer'
  sekisho revoke registry.corp/team/app@sha256:… --environment production --reason 'crashes'"
)]
pub struct Revoke {
    #[command(flatten)]
    subject: RevocationArgs,
}

/// Undo a revocation; both stay on record
#[derive(Debug, Args)]
#[command(
    after_help = "Ends what was revoked for the same environment; a token of some repositories
ends what was revoked for exactly those.

Examples:
  sekisho reinstate registry.corp/team/app@sha256:… --reason 'INC-3: the key was rotated'"
)]
pub struct Reinstate {
    #[command(flatten)]
    subject: RevocationArgs,
}

#[derive(Debug, Args)]
struct RevocationArgs {
    /// The image, with its digest
    #[arg(value_name = "REF", value_parser = image)]
    image: String,
    /// Only in this environment; by default in all
    #[arg(long, value_name = "ENV")]
    environment: Option<EnvironmentName>,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl RevocationArgs {
    fn request(&self) -> RevocationRequest {
        RevocationRequest {
            image: self.image.clone(),
            environment: self.environment.clone(),
            reason: self.reason.clone(),
        }
    }
}

impl Revoke {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.subject.remote.client(shared)?;
        let request = self.subject.request();
        let answer = client
            .post::<RevocationAnswer>(REVOCATIONS, &request)
            .await?;
        let body = &answer.body;
        let reach = reach(body.environment.as_ref(), &body.repositories);
        self.subject.screen.output.show(&answer.raw, |palette| {
            let done = palette.bad("revoked");
            format!(
                "{done} {} in {reach}{}{}",
                body.digest,
                elsewhere(&body.repositories),
                body.note
                    .iter()
                    .map(|note| format!("\n{note}"))
                    .collect::<String>()
            )
        })?;
        Ok(Exit::Done)
    }
}

impl Reinstate {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.subject.remote.client(shared)?;
        let request = self.subject.request();
        let answer = client
            .post::<ReinstatementAnswer>(REINSTATEMENTS, &request)
            .await?;
        let body = &answer.body;
        let reach = reach(body.environment.as_ref(), &body.repositories);
        self.subject.screen.output.show(&answer.raw, |palette| {
            let done = palette.good("reinstated");
            format!(
                "{done} {} in {reach}: {} revocation(s) ended",
                body.digest, body.ended
            )
        })?;
        Ok(Exit::Done)
    }
}

fn reach(environment: Option<&EnvironmentName>, repositories: &[String]) -> String {
    let environment = environment.map_or("every environment", EnvironmentName::as_str);
    match repositories {
        [] => environment.to_owned(),
        own => format!("{environment}, {}", readable(&listed(own, 900), 1000)),
    }
}

fn elsewhere(repositories: &[String]) -> &'static str {
    match repositories {
        [] => "",
        _ => {
            "\n  in other repositories it is served as before: an on-call token of all of them \
             revokes it there"
        }
    }
}

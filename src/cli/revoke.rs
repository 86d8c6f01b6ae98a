//! `sekisho revoke` and `sekisho reinstate`.

use clap::Args;

use super::arguments::{Screen, Shared, image};
use super::client::Remote;
use super::failure::{Exit, Failure};
use crate::api::{
    REINSTATEMENTS, REVOCATIONS, ReinstatementAnswer, RevocationAnswer, RevocationRequest,
};
use crate::trust::EnvironmentName;

/// Take trust back from a digest, wherever it lies; nothing but reinstate undoes it
#[derive(Debug, Args)]
#[command(
    after_help = "Holds in every repository, for the digest and for everything below it.

Examples:
  sekisho revoke registry.corp/team/app@sha256:… --reason 'INC-3: key leaked in a layer'
  sekisho revoke registry.corp/team/app@sha256:… --environment production --reason 'crashes'"
)]
pub struct Revoke {
    #[command(flatten)]
    subject: Subject,
}

/// Undo a revocation; both stay on record
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho reinstate registry.corp/team/app@sha256:… --reason 'INC-3: the key was rotated'")]
pub struct Reinstate {
    #[command(flatten)]
    subject: Subject,
}

#[derive(Debug, Args)]
struct Subject {
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
    remote: Remote,
    #[command(flatten)]
    screen: Screen,
}

impl Subject {
    fn request(&self) -> RevocationRequest {
        RevocationRequest {
            image: self.image.clone(),
            environment: self.environment.clone(),
            reason: self.reason.clone(),
        }
    }
}

impl Revoke {
    pub async fn run(self, shared: &Shared) -> Result<Exit, Failure> {
        let client = self.subject.remote.client(shared)?;
        let request = self.subject.request();
        let answer = client
            .post::<RevocationAnswer>(REVOCATIONS, &request)
            .await?;
        let (body, reach) = (&answer.body, reach(answer.body.environment.as_ref()));
        self.subject.screen.output.show(&answer.raw, |palette| {
            format!("{} {} in {reach}", palette.bad("revoked"), body.digest)
        })?;
        Ok(Exit::Done)
    }
}

impl Reinstate {
    pub async fn run(self, shared: &Shared) -> Result<Exit, Failure> {
        let client = self.subject.remote.client(shared)?;
        let request = self.subject.request();
        let answer = client
            .post::<ReinstatementAnswer>(REINSTATEMENTS, &request)
            .await?;
        let (body, reach) = (&answer.body, reach(answer.body.environment.as_ref()));
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

fn reach(environment: Option<&EnvironmentName>) -> String {
    environment.map_or_else(|| "every environment".to_owned(), ToString::to_string)
}

//! `sekisho revoke` and `sekisho reinstate`.

use clap::Args;

use super::arguments::{OutputArgs, SharedArgs, image};
use super::client::{ApiClient, RemoteArgs};
use super::failure::{Exit, Failure};
use super::output::{Output, say};
use crate::api::{
    IMAGES, ImageDetail, REINSTATEMENTS, REVOCATIONS, ReinstatementAnswer, RevocationAnswer,
    RevocationRequest, RevokedView,
};
use crate::oci::{Digest, counted, listed, readable};
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
ends what was revoked for exactly those. Where there was none to end, it fails with 1.

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
        let output = self.subject.screen.output;
        if body.ended == 0 {
            if output == Output::Json {
                say(&answer.raw)?;
            }
            let told = format!(
                "no revocation of {} for {reach}: nothing ended",
                body.digest
            );
            let next = what_holds(&client, &body.digest).await;
            return Err(Failure::new(told).next(next));
        }
        output.show(&answer.raw, |palette| {
            let done = palette.good("reinstated");
            format!(
                "{done} {} in {reach}: ended {}",
                body.digest,
                counted(body.ended, "revocation")
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Which revocations of a digest hold, for who could not end one.
async fn what_holds(client: &ApiClient, digest: &Digest) -> String {
    let name = digest.to_string();
    let known = client.get_one::<ImageDetail>(IMAGES, &name).await;
    let revocations = known.map(|known| known.body.revocations);
    let all = revocations.iter().flatten();
    let held: Vec<String> = all.map(|it| held(it, digest)).collect();
    match (revocations.is_ok(), held.is_empty()) {
        (true, false) => format!(
            "it is revoked {}; name that environment, or none where it holds in every one",
            held.join("; and ")
        ),
        (true, true) => {
            "none is known to hold here: sekisho acts tells what was revoked".to_owned()
        }
        (false, _) => "what holds in every environment ends without --environment, and what holds \
                       in one with it; sekisho acts tells what was revoked"
            .to_owned(),
    }
}

/// Where one holds, and in a word what it takes to end it.
fn held(revocation: &RevokedView, asked: &Digest) -> String {
    let at = reach(revocation.environment.as_ref(), &revocation.repositories);
    let by_whom = match revocation.repositories.as_slice() {
        [] => "",
        _ => " (by a token of exactly those, or of every repository)",
    };
    let other = match revocation.digest == *asked {
        true => String::new(),
        false => format!(" as {}", revocation.digest),
    };
    let reason = readable(&revocation.reason, 200);
    format!("in {at}{by_whom}{other}: {reason}")
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

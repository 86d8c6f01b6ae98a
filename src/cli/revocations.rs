//! `sekisho revocations`.

use clap::Args;

use super::arguments::{OutputArgs, SharedArgs};
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use super::output::{Palette, Table};
use crate::api::{ListedRevocation, REVOCATIONS, RevocationList};
use crate::trust::EnvironmentName;

/// List what is revoked now, the newest first
#[derive(Debug, Args)]
#[command(after_help = "What was reinstated since: sekisho acts --act reinstate

Examples:
  sekisho revocations
  sekisho revocations --output json | jq -r '.revocations[].digest'")]
pub struct ListRevocations {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl ListRevocations {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let answer = client.get::<RevocationList>(REVOCATIONS, &()).await?;
        self.screen.output.show(&answer.raw, |palette| {
            render(&answer.body.revocations, palette)
        })?;
        Ok(Exit::Done)
    }
}

fn render(revocations: &[ListedRevocation], palette: Palette) -> String {
    let mut table = Table::new(["AT", "BY", "ENVIRONMENT", "REASON", "IMAGE"]);
    for ListedRevocation {
        revocation,
        lies_in,
    } in revocations
    {
        let environment = revocation.environment.as_ref();
        table.row([
            &format!("{:.0}", revocation.at),
            revocation.by.as_deref().unwrap_or("-"),
            environment.map_or("all", EnvironmentName::as_str),
            &revocation.reason,
            &match lies_in.first() {
                Some(repository) => format!("{repository}@{}", revocation.digest),
                None => revocation.digest.to_string(),
            },
        ]);
    }
    match table.is_empty() {
        true => "nothing is revoked".to_owned(),
        false => table.render(palette),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_is_listed_with_what_reinstate_takes() {
        assert_eq!(render(&[], Palette::plain()), "nothing is revoked");
        let list: RevocationList = serde_json::from_str(
            r#"{"revocations":[{"id":"revocation:5","digest":
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "environment":null,"repositories":[],"at":"2026-06-01T12:00:00.123Z","by":"oncall",
            "reason":"INC-3","lies_in":["registry.corp/team/app"]}]}"#,
        )
        .unwrap();
        let told = render(&list.revocations, Palette::plain());
        for part in [
            "2026-06-01T12:00:00Z",
            "oncall  all",
            "INC-3",
            "registry.corp/team/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}

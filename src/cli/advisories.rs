//! `sekisho advisories`.

use clap::{Args, Subcommand};

use super::arguments::{OutputArgs, SharedArgs};
use super::client::RemoteArgs;
use super::exceptions::{CheckFiles, tell_not_in_force};
use super::failure::{Exit, Failure};
use super::output::{Palette, Table};
use crate::api::{ADVISORIES, AdvisoryList, AdvisoryView};
use crate::trust::told_end;

/// What the security department says of vulnerabilities, packages and digests
#[derive(Debug, Args)]
pub struct Advisories {
    #[command(subcommand)]
    command: AdvisoriesCommand,
}

#[derive(Debug, Subcommand)]
enum AdvisoriesCommand {
    List(ListAdvisories),
    #[command(
        after_help = "Reads the folders that the configuration names, and nothing else of it.

Examples:
  sekisho advisories check --config /etc/sekisho/sekisho.toml"
    )]
    Check(CheckFiles),
}

/// List the advisories in force, and those that have ended and are still written down
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho advisories list
  sekisho advisories list --output json | jq -r '.advisories[] | select(.effect == \"block\") | .id'")]
struct ListAdvisories {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl Advisories {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        match self.command {
            AdvisoriesCommand::List(command) => command.run(shared).await,
            AdvisoriesCommand::Check(command) => command.run(shared),
        }
    }
}

impl ListAdvisories {
    async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let answer = client.get::<AdvisoryList>(ADVISORIES, &()).await?;
        tell_not_in_force(&answer.body.not_in_force);
        self.screen.output.show(&answer.raw, |palette| {
            render(&answer.body.advisories, palette)
        })?;
        Ok(Exit::Done)
    }
}

fn render(advisories: &[AdvisoryView], palette: Palette) -> String {
    let mut table = Table::new(["ID", "EFFECT", "ON", "EXPIRES", "STATE", "REASON", "LINK"]);
    for advisory in advisories {
        table.row([
            &advisory.id,
            &effect(advisory),
            &subjects(advisory),
            &advisory.expires.map_or_else(|| "-".to_owned(), told_end),
            advisory.state.as_str(),
            &advisory.reason,
            &advisory.link,
        ]);
    }
    match table.is_empty() {
        true => "there is no advisory".to_owned(),
        false => table.render(palette),
    }
}

/// `block`, or `raise to high`.
fn effect(advisory: &AdvisoryView) -> String {
    match advisory.severity {
        Some(severity) => format!("{} to {severity}", advisory.effect),
        None => advisory.effect.clone(),
    }
}

fn subjects(advisory: &AdvisoryView) -> String {
    let digests = advisory.digests.iter().map(ToString::to_string);
    let named = advisory.vulnerabilities.iter().chain(&advisory.packages);
    let all: Vec<String> = named.cloned().chain(digests).collect();
    all.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_an_advisory_is_on_and_what_it_does() {
        let list: AdvisoryList = serde_json::from_str(
            r#"{"advisories":[
            {"id":"SEC-1","vulnerabilities":["CVE-1"],"packages":["xz-utils"],"digests":[],
             "effect":"block","severity":null,"reason":"exploited","link":"https://s.example/1",
             "expires":null,"state":"active"},
            {"id":"SEC-2","vulnerabilities":["CVE-2"],"packages":[],"digests":[],
             "effect":"lower","severity":"low","reason":"not reachable","link":"https://s.example/2",
             "expires":"2026-06-06T00:00:00Z","state":"expired"}]}"#,
        )
        .unwrap();
        let told = render(&list.advisories, Palette::plain());
        for part in [
            "SEC-1  block         CVE-1,xz-utils  -           active   exploited",
            "SEC-2  lower to low  CVE-2           2026-06-05  expired  not reachable",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        assert_eq!(render(&[], Palette::plain()), "there is no advisory");
    }
}

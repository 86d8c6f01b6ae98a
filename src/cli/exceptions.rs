//! `sekisho exceptions`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::arguments::{OutputArgs, SharedArgs};
use super::aside::say_aside;
use super::client::RemoteArgs;
use super::draft;
use super::failure::{Exit, Failure};
use super::output::{Output, Palette, Table, say};
use crate::api::{EXCEPTIONS, ExceptionList, ExceptionView, PolicyEntryState};
use crate::app::config::{Problem, Problems, VulnerabilityPolicyFiles, load_vulnerability_policy};
use crate::clock::in_days;
use crate::oci::{counted, listed, readable};
use crate::trust::told_end;

/// The longest list in a row, in characters.
const MAX_LIST_CHARS: usize = 100;

/// What is accepted, until when, and by whom
#[derive(Debug, Args)]
pub struct Exceptions {
    #[command(subcommand)]
    command: ExceptionsCommand,
}

#[derive(Debug, Subcommand)]
enum ExceptionsCommand {
    List(ListExceptions),
    Check(CheckFiles),
    Draft(draft::Draft),
}

/// List the exceptions in force, and those that have ended
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho exceptions list
  sekisho exceptions list --output json | jq -r '.exceptions[] | select(.state != \"active\") | .link'")]
struct ListExceptions {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

/// Check the files of exceptions and advisories: every problem at once; exit 64 if any
#[derive(Debug, Args)]
#[command(
    after_help = "Reads the folders that the configuration names, and nothing else of it: so the
repository of exceptions can be checked where the gateway's secrets are not.

Examples:
  sekisho exceptions check --config /etc/sekisho/sekisho.toml
  sekisho exceptions check --config sekisho.toml --output json | jq '.problems[].text'"
)]
pub struct CheckFiles {
    #[command(flatten)]
    screen: OutputArgs,
}

/// What `--output json` prints; `check-config` says more behind it.
#[derive(Serialize)]
pub(super) struct CheckedFiles<'a> {
    pub(super) ok: bool,
    pub(super) problems: &'a [Problem],
    pub(super) warnings: Vec<&'a Problem>,
    pub(super) exceptions: usize,
    pub(super) advisories: usize,
}

impl Exceptions {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        match self.command {
            ExceptionsCommand::List(command) => command.run(shared).await,
            ExceptionsCommand::Check(command) => command.run(shared),
            ExceptionsCommand::Draft(command) => command.run(shared).await,
        }
    }
}

impl ListExceptions {
    async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let answer = client.get::<ExceptionList>(EXCEPTIONS, &()).await?;
        tell_not_in_force(&answer.body.not_in_force);
        let now = Timestamp::now();
        self.screen.output.show(&answer.raw, |palette| {
            render(&answer.body.exceptions, now, palette)
        })?;
        Ok(Exit::Done)
    }
}

/// On stderr, beside a list that lacks what these files say.
pub(super) fn tell_not_in_force(files: &[String]) {
    for file in files {
        say_aside(&format!("sekisho: not in force: {}", readable(file, 1000)));
    }
}

fn render(exceptions: &[ExceptionView], now: Timestamp, palette: Palette) -> String {
    let mut table = Table::new([
        "ID", "ACCEPTS", "IMAGES", "OWNER", "EXPIRES", "STATE", "USED", "LINK",
    ]);
    for exception in exceptions {
        table.row([
            &exception.id,
            &accepted(exception),
            &listed(&exception.images, MAX_LIST_CHARS),
            &exception.owner,
            &told_end(exception.expires),
            exception.state.as_str(),
            match exception.used {
                Some(true) => "yes",
                Some(false) => "no",
                None => "-",
            },
            &exception.link,
        ]);
    }
    if table.is_empty() {
        return "nothing is accepted".to_owned();
    }
    let told = exceptions.iter().filter_map(|it| warning(it, now, palette));
    table.render(palette) + &told.collect::<String>()
}

/// Vulnerabilities, in some packages perhaps, or the end of life.
fn accepted(exception: &ExceptionView) -> String {
    let ids = exception.vulnerabilities.iter().chain(&exception.accept);
    let ids = listed(&ids.collect::<Vec<_>>(), MAX_LIST_CHARS);
    match exception.packages.is_empty() {
        true => ids,
        false => format!("{ids} in {}", listed(&exception.packages, MAX_LIST_CHARS)),
    }
}

/// No exception accepts what an advisory raises.
fn is_overruled(exception: &ExceptionView) -> bool {
    exception.used == Some(false) && !exception.overruled_by.is_empty()
}

fn warning(exception: &ExceptionView, now: Timestamp, palette: Palette) -> Option<String> {
    let told = match exception.state {
        PolicyEntryState::Active | PolicyEntryState::Expiring if is_overruled(exception) => {
            let by = listed(&exception.overruled_by, MAX_LIST_CHARS);
            format!("accepts nothing, since {by} raises what it names; ask the owner of that")
        }
        PolicyEntryState::Active if exception.used == Some(false) => {
            "is unused: no scan in force names what it accepts; take it out".to_owned()
        }
        PolicyEntryState::Active => return None,
        PolicyEntryState::Expiring => format!("ends {}", in_days(now, exception.expires)),
        PolicyEntryState::Expired => {
            "has ended and accepts nothing; take it out, or renew it".to_owned()
        }
    };
    let owner = readable(&exception.owner, 80);
    let id = readable(&exception.id, 200);
    let word = palette.doubtful("warning");
    Some(format!("{word}: {id} of {owner} {told}\n"))
}

impl CheckFiles {
    pub fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let file = shared.config.as_deref();
        let loaded = load_vulnerability_policy(file, Timestamp::now());
        let vulnerability_policy = match (loaded, self.screen.output) {
            (Ok(loaded), _) => loaded,
            (Err(problems), Output::Json) => {
                say(&json(&CheckedFiles::bad(&problems))?)?;
                return Ok(Exit::Config);
            }
            (Err(problems), Output::Text) => return Err(Failure::config(&problems)),
        };
        if !vulnerability_policy.has_folders() {
            let text = "the configuration names neither exceptions_dir nor advisories_dir, \
                        so nothing was checked";
            return Err(Failure::bad_config(text).next("name it: --config FILE"));
        }
        let raw = json(&CheckedFiles::good(&vulnerability_policy))?;
        let output = self.screen.output;
        output.show(&raw, |_| render_check(&vulnerability_policy))?;
        Ok(Exit::Done)
    }
}

impl<'a> CheckedFiles<'a> {
    fn good(files: &'a VulnerabilityPolicyFiles) -> Self {
        Self {
            ok: true,
            problems: &[],
            warnings: files.warnings().collect(),
            exceptions: files.exceptions().count(),
            advisories: files.advisories().count(),
        }
    }

    pub(super) fn bad(found: &'a Problems) -> Self {
        Self {
            ok: false,
            problems: &found.problems,
            warnings: Vec::new(),
            exceptions: 0,
            advisories: 0,
        }
    }
}

fn json(checked: &CheckedFiles<'_>) -> Result<String, Failure> {
    serde_json::to_string(checked)
        .map_err(|error| Failure::new(format!("cannot write the report: {error}")))
}

/// The files are good; what is worth a second look follows.
fn render_check(vulnerability_policy: &VulnerabilityPolicyFiles) -> String {
    let mut text = format!(
        "good: {}, {}",
        counted(vulnerability_policy.exceptions().count(), "exception"),
        counted(vulnerability_policy.advisories().count(), "advisory"),
    );
    for warning in vulnerability_policy.warnings() {
        text.push_str(&format!("\n{warning} (warning)"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_is_accepted_and_what_ends() {
        let list: ExceptionList = serde_json::from_str(
            r#"{"exceptions":[
            {"id":"team.toml#1","vulnerabilities":["CVE-2023-45853"],"accept":[],
             "images":["registry.corp/team/**"],"packages":["zlib1g"],"reason":"not linked",
             "link":"https://gitlab.example/214","owner":"platform-team",
             "expires":"2026-06-06T00:00:00Z","state":"expiring","used":null},
            {"id":"old\u001b.toml#1","vulnerabilities":[],"accept":["end-of-life"],
             "images":["docker.io/**"],"packages":[],"reason":"x",
             "link":"https://gitlab.example/1","owner":"web",
             "expires":"2026-01-01T00:00:00Z","state":"expired","used":true},
            {"id":"today.toml#1","vulnerabilities":["CVE-1"],"accept":[],
             "images":["docker.io/**"],"packages":[],"reason":"x",
             "link":"https://gitlab.example/2","owner":"web",
             "expires":"2026-06-02T00:00:00Z","state":"expiring","used":true},
            {"id":"new.toml#1","vulnerabilities":["CVE-1"],"accept":[],
             "images":["docker.io/**"],"packages":[],"reason":"x",
             "link":"https://gitlab.example/2","owner":"web",
             "expires":"2026-09-01T00:00:00Z","state":"active","used":false}]}"#,
        )
        .unwrap();
        let now = "2026-06-01T12:00:00Z".parse().unwrap();
        let told = render(&list.exceptions, now, Palette::plain());
        for part in [
            "team.toml#1   CVE-2023-45853 in zlib1g  registry.corp/team/**  platform-team  \
             2026-06-05  expiring  -     https://gitlab.example/214\n",
            "end-of-life",
            "warning: team.toml#1 of platform-team ends in 4 days\n",
            "warning: today.toml#1 of web ends in less than a day\n",
            "warning: old?.toml#1 of web has ended",
            "warning: new.toml#1 of web is unused",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        assert_eq!(told.matches("warning").count(), 4, "{told}");
        assert_eq!(render(&[], now, Palette::plain()), "nothing is accepted");
    }
}

//! `sekisho denials`.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::arguments::{OutputArgs, SharedArgs};
use super::client::{ApiClient, RemoteArgs};
use super::explain::reasons_line;
use super::failure::{Exit, Failure};
use super::output::{Output, Palette, Table, is_read, say};
use crate::api::{DECISIONS, DecisionList, DecisionQuery, DecisionRecord, MAX_DECISIONS};
use crate::app::config::Period;
use crate::oci::printable;
use crate::trust::{DecisionId, EnvironmentName, Outcome};

/// How often `--follow` asks.
const POLL_PERIOD: Duration = Duration::from_secs(2);

/// How far back `--follow` looks again: a denial's count grows for a minute.
const POLL_OVERLAP: SignedDuration = SignedDuration::from_secs(90);

/// List what was denied, and what would have been in enforce
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho denials --since 24h --environment production
  sekisho denials --follow
  sekisho denials --output json | jq -r '.decisions[].image' | sort | uniq -c")]
pub struct DenialsArgs {
    /// How far to look back
    #[arg(long, value_name = "1h", default_value = "1h")]
    since: Period,
    /// Only in this environment
    #[arg(long, value_name = "ENV")]
    environment: Option<EnvironmentName>,
    /// Go on showing new ones
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl DenialsArgs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let since = before(Timestamp::now(), self.since.into());
        if self.follow {
            return self.follow(&client, since).await;
        }
        let decisions = self.fetch(&client, since).await?;
        match self.screen.output {
            Output::Json => say(&json(&DecisionList {
                decisions,
                next: None,
            })?)?,
            Output::Text => self
                .screen
                .output
                .show("", |palette| table(&decisions, palette))?,
        }
        Ok(Exit::Done)
    }

    /// Newest last. In `audit` and `warn`, denials are passes that would be denied.
    async fn fetch(
        &self,
        client: &ApiClient,
        since: Timestamp,
    ) -> Result<Vec<DecisionRecord>, Failure> {
        let mut found = Vec::new();
        for verdict in [Outcome::Denied, Outcome::WouldDeny] {
            let query = DecisionQuery {
                since: Some(since),
                environment: self.environment.clone(),
                verdict: Some(verdict),
                limit: Some(MAX_DECISIONS),
                spread: true,
                ..DecisionQuery::default()
            };
            let answer = client.get::<DecisionList>(DECISIONS, &query).await?;
            found.extend(answer.body.decisions);
        }
        found.sort_by_key(|decision| decision.time);
        Ok(found)
    }

    /// One line for each new denial, until interrupted.
    async fn follow(&self, client: &ApiClient, mut since: Timestamp) -> Result<Exit, Failure> {
        let mut shown: HashMap<DecisionId, Timestamp> = HashMap::new();
        loop {
            let decisions = self.fetch(client, since).await?;
            for decision in &decisions {
                if shown.insert(decision.id.clone(), decision.time).is_none() {
                    self.show(decision)?;
                }
            }
            if let Some(newest) = decisions.last() {
                since = since.max(before(newest.time, POLL_OVERLAP));
            }
            shown.retain(|_, time| *time >= since);
            tokio::time::sleep(POLL_PERIOD).await;
            if !is_read() {
                return Err(Failure::reader_gone());
            }
        }
    }

    fn show(&self, decision: &DecisionRecord) -> Result<(), Failure> {
        match self.screen.output {
            Output::Json => say(&json(decision)?),
            Output::Text => say(&line(decision)),
        }
    }
}

fn before(time: Timestamp, period: SignedDuration) -> Timestamp {
    time.checked_sub(period).unwrap_or(Timestamp::MIN)
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::new(format!("cannot write: {error}")))
}

fn line(decision: &DecisionRecord) -> String {
    let told = match decision.message.is_empty() {
        true => reasons_line(decision),
        false => decision.message.clone(),
    };
    let place = decision.place().map(|place| format!("  {place}"));
    let text = format!(
        "{:.0}  {}{}  {}  {}  {told}",
        decision.time,
        decision.environment,
        place.unwrap_or_default(),
        decision.verdict.as_str(),
        decision.image,
    );
    printable(&text, 1000)
}

fn table(decisions: &[DecisionRecord], palette: Palette) -> String {
    if decisions.is_empty() {
        return "nothing was denied".to_owned();
    }
    let head = [
        "TIME",
        "ENVIRONMENT",
        "WORKLOAD",
        "VERDICT",
        "COUNT",
        "IMAGE",
        "REASONS",
        "ID",
    ];
    let mut table = Table::new(head);
    for decision in decisions {
        table.row([
            &format!("{:.0}", decision.time),
            decision.environment.as_str(),
            &decision.place().unwrap_or_else(|| "-".to_owned()),
            decision.verdict.as_str(),
            &decision.count.to_string(),
            &decision.image,
            &reasons_line(decision),
            decision.id.as_str(),
        ]);
    }
    table.render(palette)
}

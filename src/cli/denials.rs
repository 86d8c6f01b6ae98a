//! `sekisho denials`.

use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use super::arguments::{SharedArgs, image_filter, one_of};
use super::aside::say_aside;
use super::client::{ApiClient, RemoteArgs};
use super::event_stream::{EventStream, ServerEvent};
use super::explain::reasons_line;
use super::failure::{Exit, Failure};
use super::listing::{ListOutput, csv_out, list_output};
use super::output::{Output, Palette, Table, is_read, say};
use crate::api::{
    DECISION_STREAM, DECISIONS, DecisionList, DecisionQuery, DecisionRecord, DecisionStreamQuery,
    MAX_DECISIONS, STREAM_DECISION, STREAM_END, STREAM_GAP, StreamEnd, StreamEndReason, StreamGap,
    csv,
};
use crate::app::config::Period;
use crate::oci::printable;
use crate::trust::{DenialReason, EnvironmentName, Outcome};

/// Between tries of `--follow` to go on.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// Tries in a row that may fail: about a minute.
const MAX_RETRIES: u32 = 30;
/// How often it is seen whether somebody still reads.
const READ_CHECK: Duration = Duration::from_secs(1);

/// List what was denied, and what would have been in enforce
#[derive(Debug, Args)]
#[command(
    after_help = "On a narrow terminal each denial has lines of its own; `explain` takes the beginning of
an id.

Examples:
  sekisho denials --since 24h --environment production
  sekisho denials --image 'registry.corp/team/**' --reason too-severe
  sekisho denials --follow
  sekisho denials --output json | jq -r '.decisions[].image' | sort | uniq -c"
)]
pub struct DenialsArgs {
    /// How far to look back
    #[arg(long, value_name = "1h", default_value = "1h")]
    since: Period,
    /// Only in this environment
    #[arg(long, value_name = "ENV")]
    environment: Option<EnvironmentName>,
    /// Only of this image: a name, a digest, or a glob over host/name
    #[arg(long, value_name = "REF|GLOB", value_parser = image_filter)]
    image: Option<String>,
    /// Only for this reason
    #[arg(long, value_name = "CODE", value_parser = one_of(DenialReason::ALL, DenialReason::code))]
    reason: Option<DenialReason>,
    /// Only of who asked under this name
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Only from this address
    #[arg(long, value_name = "ADDRESS")]
    client: Option<String>,
    /// Go on showing new ones, and how often they come again
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    /// text for people, json for scripts, csv for spreadsheets
    #[arg(
        short,
        long,
        value_name = "text|json|csv",
        default_value = "text",
        value_parser = list_output()
    )]
    output: ListOutput,
}

impl DenialsArgs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let since = before(Timestamp::now(), self.since.into());
        if self.follow {
            return self.follow(&client, since).await;
        }
        let decisions = self.fetch(&client, since).await?;
        match self.output {
            ListOutput::Json => say(&json(&DecisionList {
                decisions,
                next: None,
            })?)?,
            ListOutput::Csv => csv_out(&spreadsheet(&decisions))?,
            ListOutput::Text => Output::Text.show("", |palette| table(&decisions, palette))?,
        }
        Ok(Exit::Done)
    }

    fn query(&self, since: Timestamp, verdict: Outcome) -> DecisionQuery {
        DecisionQuery {
            since: Some(since),
            environment: self.environment.clone(),
            verdict: Some(verdict),
            image: self.image.clone(),
            reason: self.reason,
            principal: self.principal.clone(),
            client: self.client.clone(),
            limit: Some(MAX_DECISIONS),
            spread: true,
            ..DecisionQuery::default()
        }
    }

    /// Newest last. In `audit` and `warn`, denials are passes that would be denied.
    async fn fetch(
        &self,
        client: &ApiClient,
        since: Timestamp,
    ) -> Result<Vec<DecisionRecord>, Failure> {
        let mut found = Vec::new();
        for verdict in [Outcome::Denied, Outcome::WouldDeny] {
            let query = self.query(since, verdict);
            let answer = client.get::<DecisionList>(DECISIONS, &query).await?;
            if answer.body.decisions.len() == MAX_DECISIONS {
                say_aside(&format!(
                    "only {MAX_DECISIONS} {} are shown; --since and the filters narrow it",
                    verdict.as_str()
                ));
            }
            found.extend(answer.body.decisions);
        }
        found.sort_by_key(|decision| decision.time);
        Ok(found)
    }

    /// One line for each new denial, and one when its count has grown, until interrupted.
    /// A gateway that starts anew is asked again for a while.
    async fn follow(&self, client: &ApiClient, since: Timestamp) -> Result<Exit, Failure> {
        let query = self.stream_query(since);
        if self.output == ListOutput::Csv {
            csv_out(&spreadsheet(&[]))?;
        }
        let mut last_id = None;
        let mut failures = 0;
        loop {
            match client
                .events(DECISION_STREAM, &query, last_id.as_deref())
                .await
            {
                Ok(mut events) => {
                    failures = 0;
                    self.show_events(client, &mut events).await?;
                    last_id = events.last_id().map(str::to_owned).or(last_id);
                }
                Err(failure) if last_id.is_none() || failures == MAX_RETRIES => {
                    return Err(failure);
                }
                Err(_) => failures += 1,
            }
            while_read(tokio::time::sleep(RETRY_PAUSE)).await?;
        }
    }

    async fn show_events(
        &self,
        client: &ApiClient,
        events: &mut EventStream,
    ) -> Result<(), Failure> {
        while let Some(event) = while_read(events.next()).await? {
            match event.name.as_str() {
                STREAM_DECISION => self.show(&read(&event)?)?,
                STREAM_GAP => {
                    let skipped = read::<StreamGap>(&event)?.skipped;
                    say_aside(&format!(
                        "up to {skipped} older ones are not shown; `sekisho denials` lists them"
                    ));
                }
                STREAM_END => end_of(client, &read::<StreamEnd>(&event)?)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn stream_query(&self, since: Timestamp) -> DecisionStreamQuery {
        let denied = [Outcome::Denied, Outcome::WouldDeny].map(Outcome::as_str);
        DecisionStreamQuery {
            since: Some(since),
            environment: self.environment.clone(),
            verdict: Some(denied.join(",")),
            image: self.image.clone(),
            reason: self.reason,
            principal: self.principal.clone(),
            client: self.client.clone(),
            ..DecisionStreamQuery::default()
        }
    }

    fn show(&self, decision: &DecisionRecord) -> Result<(), Failure> {
        match self.output {
            ListOutput::Json => say(&json(decision)?),
            ListOutput::Csv => {
                let rows = csv(SPREADSHEET, std::iter::once(row(decision)));
                csv_out(rows.split_once('\n').map_or("", |(_, row)| row))
            }
            ListOutput::Text => say(&line(decision)),
        }
    }
}

/// Waits, as long as somebody reads what is shown.
async fn while_read<T>(waited_for: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::pin!(waited_for);
    loop {
        match tokio::time::timeout(READ_CHECK, &mut waited_for).await {
            Ok(value) => return Ok(value),
            Err(_) if is_read() => {}
            Err(_) => return Err(Failure::reader_gone()),
        }
    }
}

fn read<T: DeserializeOwned>(event: &ServerEvent) -> Result<T, Failure> {
    let read = serde_json::from_str(&event.data);
    read.map_err(|error| Failure::new(format!("an event cannot be read: {error}")))
}

/// What the server said when it ended the stream; a reason to come again is none to fail.
fn end_of(client: &ApiClient, end: &StreamEnd) -> Result<(), Failure> {
    match end.reason {
        StreamEndReason::Unauthenticated => {
            let ended = Failure::new("it expired or was revoked");
            Err(client.without_access(ended))
        }
        StreamEndReason::TooSlow | StreamEndReason::Stopping | StreamEndReason::Unavailable => {
            Ok(())
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
        "{:.0}  {}x  {}{}  {}  {}  {told}",
        decision.time,
        decision.count,
        decision.environment,
        place.unwrap_or_default(),
        decision.verdict.as_str(),
        decision.image,
    );
    printable(&text, 1000)
}

/// Who asked, and from where.
fn who(decision: &DecisionRecord) -> String {
    let client = decision.client.as_ref().map(|it| format!(" at {it}"));
    format!("{}{}", decision.principal, client.unwrap_or_default())
}

fn table(decisions: &[DecisionRecord], palette: Palette) -> String {
    if decisions.is_empty() {
        return "nothing was denied".to_owned();
    }
    let head = [
        "TIME",
        "ENVIRONMENT",
        "WORKLOAD",
        "WHO",
        "VERDICT",
        "COUNT",
        "REASONS",
        "IMAGE",
        "ID",
    ];
    let mut table = Table::new(head);
    for decision in decisions {
        table.row([
            &format!("{:.0}", decision.time),
            decision.environment.as_str(),
            &decision.place().unwrap_or_else(|| "-".to_owned()),
            &who(decision),
            decision.verdict.as_str(),
            &decision.count.to_string(),
            &reasons_line(decision),
            &decision.image,
            decision.id.as_str(),
        ]);
    }
    table.render(palette)
}

const SPREADSHEET: [&str; 11] = [
    "time",
    "id",
    "environment",
    "verdict",
    "count",
    "image",
    "digest",
    "reasons",
    "principal",
    "client",
    "workload",
];

fn spreadsheet(decisions: &[DecisionRecord]) -> String {
    csv(SPREADSHEET, decisions.iter().map(row))
}

fn row(decision: &DecisionRecord) -> [String; 11] {
    let digest = decision.digest.as_ref();
    [
        decision.time.to_string(),
        decision.id.to_string(),
        decision.environment.to_string(),
        decision.verdict.as_str().to_owned(),
        decision.count.to_string(),
        decision.image.clone(),
        digest.map(ToString::to_string).unwrap_or_default(),
        reasons_line(decision),
        decision.principal.clone(),
        decision.client.clone().unwrap_or_default(),
        decision.place().unwrap_or_default(),
    ]
}

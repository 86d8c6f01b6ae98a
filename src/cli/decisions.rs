//! `sekisho decisions`.

use clap::Args;
use jiff::Timestamp;

use super::arguments::{SharedArgs, image_filter, one_of};
use super::client::RemoteArgs;
use super::explain::reasons_line;
use super::failure::{Exit, Failure};
use super::listing::{Listing, ListingArgs, before};
use super::output::{Palette, Table};
use crate::api::{DECISIONS, DecisionList, DecisionQuery, MAX_DECISIONS};
use crate::app::config::Period;
use crate::trust::{DenialReason, EnvironmentName, Outcome};

/// List what was decided, passes and denials, the newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho decisions --since 24h --environment production
  sekisho decisions --image registry.example/team/app --verdict allowed
  sekisho decisions --reason too-severe --output csv --limit 10000")]
pub struct ListDecisions {
    /// How far to look back
    #[arg(long, value_name = "1h", default_value = "1h")]
    since: Period,
    /// Only in this environment
    #[arg(long, value_name = "ENV")]
    environment: Option<EnvironmentName>,
    /// Only of this image: a part of its name, or its digest
    #[arg(long, value_name = "IMAGE", value_parser = image_filter)]
    image: Option<String>,
    /// Only with this reason
    #[arg(long, value_name = "REASON", value_parser = one_of(DenialReason::ALL, DenialReason::code))]
    reason: Option<DenialReason>,
    /// Only of this principal
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Only of a client at this address
    #[arg(long, value_name = "ADDRESS")]
    client: Option<String>,
    /// Only those: denied, would-deny, break-glass or allowed
    #[arg(long, value_name = "VERDICT", value_parser = one_of(Outcome::ALL, Outcome::as_str))]
    verdict: Option<Outcome>,
    #[command(flatten)]
    listing: ListingArgs,
    #[command(flatten)]
    remote: RemoteArgs,
}

impl ListDecisions {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let mut query = DecisionQuery {
            since: Some(before(Timestamp::now(), self.since.into())),
            environment: self.environment.clone(),
            verdict: self.verdict,
            image: self.image.clone(),
            reason: self.reason,
            principal: self.principal.clone(),
            client: self.client.clone(),
            ..DecisionQuery::default()
        };
        let ask = async |page, limit| {
            (query.page, query.limit) = (page, Some(limit));
            let answer = client.get::<DecisionList>(DECISIONS, &query).await?.body;
            Ok((answer.decisions, answer.next))
        };
        let (decisions, next) = self.listing.collect(MAX_DECISIONS, ask).await?;
        self.listing.show(&DecisionList { decisions, next })?;
        Ok(Exit::Done)
    }
}

impl Listing for DecisionList {
    fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    fn csv(&self) -> String {
        self.spreadsheet()
    }

    fn text(&self, palette: Palette) -> String {
        if self.decisions.is_empty() {
            return "nothing was decided".to_owned();
        }
        let mut table = Table::new([
            "TIME",
            "ENVIRONMENT",
            "BY",
            "FROM",
            "VERDICT",
            "COUNT",
            "IMAGE",
            "REASONS",
            "ID",
        ]);
        for decision in &self.decisions {
            table.row([
                &format!("{:.0}", decision.time),
                decision.environment.as_str(),
                &decision.principal,
                decision.client.as_deref().unwrap_or("-"),
                decision.verdict.as_str(),
                &decision.count.to_string(),
                &decision.image,
                &reasons_line(decision),
                decision.id.as_str(),
            ]);
        }
        table.render(palette)
    }

    fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

//! `sekisho acts`.

use clap::Args;
use jiff::Timestamp;

use super::arguments::{SharedArgs, image_filter, one_of};
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use super::listing::{Listing, ListingArgs, before};
use super::output::{Palette, Table};
use crate::api::{ACTS, ActList, ActQuery, ActRecord, MAX_ACTS};
use crate::app::config::Period;
use crate::trust::{ActKind, EnvironmentName};

/// List what people and pipelines did: scans, promotions, revocations, overrides, tokens,
/// policy; the newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho acts
  sekisho acts --since 30d --act revoke
  sekisho acts --principal ci-team --output csv --limit 10000")]
pub struct ListActs {
    /// How far to look back
    #[arg(long, value_name = "7d", default_value = "7d")]
    since: Period,
    /// Only in this environment
    #[arg(long, value_name = "ENV")]
    environment: Option<EnvironmentName>,
    /// Only of this kind: scan, promote, revoke, break-glass, mode, token-create, …
    #[arg(long, value_name = "ACT", value_parser = one_of(ActKind::ALL, ActKind::as_str))]
    act: Option<ActKind>,
    /// Only by this token, or `local:USER`, or `sekisho`
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Only about this image: a part of its name, or its digest
    #[arg(long, value_name = "IMAGE", value_parser = image_filter)]
    image: Option<String>,
    #[command(flatten)]
    listing: ListingArgs,
    #[command(flatten)]
    remote: RemoteArgs,
}

impl ListActs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let mut query = ActQuery {
            since: Some(before(Timestamp::now(), self.since.into())),
            environment: self.environment.clone(),
            act: self.act,
            principal: self.principal.clone(),
            image: self.image.clone(),
            ..ActQuery::default()
        };
        let ask = async |page, limit| {
            (query.page, query.limit) = (page, Some(limit));
            let answer = client.get::<ActList>(ACTS, &query).await?.body;
            Ok((answer.acts, answer.next))
        };
        let (acts, next) = self.listing.collect(MAX_ACTS, ask).await?;
        self.listing.show(&ActList { acts, next })?;
        Ok(Exit::Done)
    }
}

impl Listing for ActList {
    fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    fn csv(&self) -> String {
        self.spreadsheet()
    }

    fn text(&self, palette: Palette) -> String {
        if self.acts.is_empty() {
            return "nothing was done".to_owned();
        }
        let mut table = Table::new([
            "TIME",
            "ACT",
            "BY",
            "FROM",
            "ENVIRONMENT",
            "DETAIL",
            "ABOUT",
            "WHY",
        ]);
        for act in &self.acts {
            let why = [&act.ticket, &act.reason, &act.link].into_iter().flatten();
            let why: Vec<&str> = why.map(String::as_str).collect();
            let about = act.image.as_deref().or(act.subject.as_deref());
            table.row([
                &format!("{:.0}", act.time),
                act.act.as_str(),
                &act.principal,
                act.client.as_deref().unwrap_or("-"),
                act.environment
                    .as_ref()
                    .map_or("-", EnvironmentName::as_str),
                &detail(act),
                about.unwrap_or("-"),
                &why.join(": "),
            ]);
        }
        table.render(palette)
    }

    fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

/// What came of it and what more there is to say: a forced promotion, how far a token reaches.
fn detail(act: &ActRecord) -> String {
    let came_of = act.subject.as_deref().filter(|_| act.image.is_some());
    let more = Some(act.detail.as_str()).filter(|it| !it.is_empty());
    let told: Vec<&str> = more.into_iter().chain(came_of).collect();
    match told.is_empty() {
        true => "-".to_owned(),
        false => told.join("; "),
    }
}

//! `sekisho scan due`.

use clap::Args;
use jiff::SignedDuration;

use super::arguments::{OutputArgs, SharedArgs};
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use super::output::{Palette, Table};
use crate::api::{DUE, DueList, DueQuery};
use crate::app::config::Period;

/// List what wants a scan: denied without one, or about to be
#[derive(Debug, Args)]
#[command(
    after_help = "SCAN is the image at its upstream, for the scanner; the gateway does not serve what
lacks evidence. IMAGE is what the report is handed in for.

Examples:
  sekisho scan due
  sekisho scan due --within 3d --output json"
)]
pub struct ScanDue {
    /// Also scans that run out within this time
    #[arg(long, value_name = "PERIOD", default_value = "7d")]
    within: Period,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl ScanDue {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let hours = SignedDuration::from(self.within).as_hours();
        let query = DueQuery {
            within_hours: Some(u32::try_from(hours).unwrap_or(u32::MAX)),
        };
        let answer = client.get::<DueList>(DUE, &query).await?;
        self.screen
            .output
            .show(&answer.raw, |palette| render(&answer.body, palette))?;
        Ok(Exit::Done)
    }
}

fn render(list: &DueList, palette: Palette) -> String {
    let mut table = Table::new(["CAUSE", "UNTIL", "PLATFORM", "FOR", "IMAGE", "SCAN"]);
    for due in &list.due {
        let environments: Vec<&str> = due.environments.iter().map(|it| it.as_str()).collect();
        let platform = due.platform.as_ref();
        table.row([
            &due.cause,
            &due.expires_at
                .map_or_else(|| "-".to_owned(), |at| at.to_string()),
            &platform.map_or_else(|| "-".to_owned(), ToString::to_string),
            &environments.join(","),
            &due.image,
            &due.scan,
        ]);
    }
    match table.is_empty() {
        true => palette.good("nothing wants a scan"),
        false => table.render(palette),
    }
}

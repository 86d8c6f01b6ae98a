//! `sekisho scan due`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use clap::Args;
use jiff::SignedDuration;

use super::arguments::{OutputArgs, SharedArgs};
use super::aside::ProgressLine;
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use super::output::{Palette, Table};
use crate::api::{DUE, DueList, DueQuery, DueView};
use crate::app::config::Period;

/// Images in use that the server looks at for one answer: some tenths of a second.
const IMAGES_PER_PAGE: u32 = 500;

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
        let mut query = DueQuery {
            within_hours: Some(u32::try_from(hours).unwrap_or(u32::MAX)),
            limit: Some(IMAGES_PER_PAGE),
            page: None,
        };
        let progress = ProgressLine::new(true);
        let mut found = Vec::new();
        for page in 1_u32.. {
            let answer = client.get::<DueList>(DUE, &query).await?.body;
            found.extend(answer.due);
            query.page = answer.next;
            if query.page.is_none() {
                break;
            }
            let looked_at = page.saturating_mul(IMAGES_PER_PAGE);
            progress.show(&format!("looked at about {looked_at} images"));
        }
        drop(progress);
        let list = DueList {
            due: each_once(found),
            next: None,
        };
        let json = serde_json::to_string(&list);
        let json = json.map_err(|error| Failure::new(format!("cannot write the list: {error}")))?;
        let render = |palette| render(&list, palette);
        self.screen.output.show(&json, render)?;
        Ok(Exit::Done)
    }
}

/// Pages may name an image twice: what is denied comes first. The most urgent first.
fn each_once(found: Vec<DueView>) -> Vec<DueView> {
    let mut each: BTreeMap<String, DueView> = BTreeMap::new();
    for due in found {
        match each.entry(due.image.clone()) {
            Entry::Vacant(none) => {
                none.insert(due);
            }
            Entry::Occupied(mut known) => {
                known.get_mut().environments.extend(due.environments);
            }
        }
    }
    let mut list: Vec<DueView> = each.into_values().collect();
    for due in &mut list {
        due.environments.sort();
        due.environments.dedup();
    }
    list.sort_by_key(|due| (due.cause == "expires", due.expires_at));
    list
}

fn render(list: &DueList, palette: Palette) -> String {
    let mut table = Table::new(["CAUSE", "UNTIL", "PLATFORM", "FOR", "IMAGE", "SCAN"]);
    for due in &list.due {
        let environments: Vec<&str> = due.environments.iter().map(|it| it.as_str()).collect();
        let platform = due.platform.as_ref();
        table.row([
            &due.cause,
            &due.expires_at
                .map_or_else(|| "-".to_owned(), |at| format!("{at:.0}")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_scan_is_told_to_the_second() {
        let list: DueList = serde_json::from_str(
            r#"{"due":[{"image":"a.example/b@sha256:0","scan":"a.example/b","insecure":false,
            "platform":null,"cause":"expires","environments":["production"],
            "expires_at":"2026-06-01T00:00:00.123456789Z"}],"next":null}"#,
        )
        .unwrap();
        let told = render(&list, Palette::plain());
        assert!(told.contains(" 2026-06-01T00:00:00Z "), "{told}");
    }
}

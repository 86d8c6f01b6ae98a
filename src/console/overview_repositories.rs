//! Which repositories were pulled from and denied most, as the overview shows it.

use jiff::Timestamp;

use super::admin_api::address;
use super::moment::Moment;
use super::quantities::percent;
use crate::api::{DenialGroupQuery, ImageQuery, RepositoryActivity};

/// Repositories of each list that are shown.
const MAX_SHOWN: usize = 5;

pub(super) struct RepositoriesShown {
    pub pulled: Vec<RepositoryRow>,
    pub denied: Vec<RepositoryRow>,
    /// Since when it is counted, where that is not the whole time.
    pub since: Option<Moment>,
    pub left_out: u64,
}

/// One repository with a count.
pub(super) struct RepositoryRow {
    /// `host/name`.
    pub repository: String,
    /// Where its images, or its denials, are listed.
    pub listed: String,
    pub count: u64,
    /// Of these, what passed and would be denied in `enforce`.
    pub would: u64,
    /// Beside the most frequent one, in hundredths; never none.
    pub part: u64,
}

impl RepositoriesShown {
    /// `within` is how far back, as the page of denials has it in its address.
    pub fn new(activity: &RepositoryActivity, within: &str, now: Timestamp) -> Self {
        let pulled = activity.pulled.iter().take(MAX_SHOWN).map(|it| {
            let name = it.repository.to_string();
            let listed = address(
                "images",
                &ImageQuery {
                    name: Some(name.clone()),
                    ..ImageQuery::default()
                },
            );
            RepositoryRow::new(name, listed, (it.pulls, 0))
        });
        let denied = activity.denied.iter().take(MAX_SHOWN).map(|it| {
            let name = it.repository.to_string();
            let query = DenialGroupQuery {
                image: Some(name.clone()),
                ..DenialGroupQuery::default()
            };
            let listed = format!("{}&within={within}", address("denials", &query));
            RepositoryRow::new(name, listed, (it.denied + it.would_deny, it.would_deny))
        });
        Self {
            pulled: beside_the_first(pulled.collect()),
            denied: beside_the_first(denied.collect()),
            since: activity.complete_since.map(|at| Moment::new(at, now)),
            left_out: activity.left_out,
        }
    }
}

impl RepositoryRow {
    fn new(repository: String, listed: String, (count, would): (u64, u64)) -> Self {
        Self {
            repository,
            listed,
            count,
            would,
            part: 1,
        }
    }
}

/// The first has most.
fn beside_the_first(mut rows: Vec<RepositoryRow>) -> Vec<RepositoryRow> {
    let most = rows.first().map_or(0, |it| it.count);
    for row in &mut rows {
        row.part = percent(row.count, most).max(1);
    }
    rows
}

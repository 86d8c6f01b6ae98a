//! Which repositories were pulled from and denied most.

use std::cmp::Reverse;
use std::collections::HashMap;

use jiff::Timestamp;

use super::Admin;
use super::error::AdminError;
use crate::access::Scope;
use crate::api::{RepositoryActivity, RepositoryDenials, RepositoryPulls};
use crate::oci::{Repository, written_host};
use crate::trust::{EnvironmentName, Outcome};

/// Repositories of each list, at most.
const MAX_REPOSITORIES: usize = 10;

/// Those in a reader's scope, of all replicas.
///
/// # Errors
/// The records cannot be read.
pub(super) async fn most_active(
    admin: &Admin,
    scope: &Scope,
    since: Timestamp,
    now: Timestamp,
) -> Result<RepositoryActivity, AdminError> {
    let recent = &admin.recent;
    recent.follow_once(now).await?;
    let sees = |environment: &EnvironmentName, repository: &Repository| {
        scope.covers_environment(environment.as_str()) && scope.covers_repository(repository)
    };
    let mut denied: HashMap<Repository, RepositoryDenials> = HashMap::new();
    let later = recent.all(|it| it.time >= since);
    for denial in &later {
        // A name without a host that leads to no upstream names no repository.
        let is_named = denial.upstream.is_some() || written_host(&denial.image).is_some();
        let of = denial.repository.as_ref().filter(|_| is_named);
        if let Some(repository) = of.filter(|it| sees(&denial.environment, it)) {
            let counts = denied
                .entry(repository.clone())
                .or_insert_with(|| none_of(repository));
            match denial.verdict {
                Outcome::WouldDeny => counts.would_deny += denial.count,
                _ => counts.denied += denial.count,
            }
        }
    }
    let pulls = recent.pulls(since, sees).into_iter();
    let pulled = pulls.map(|(repository, pulls)| RepositoryPulls { repository, pulls });
    let complete = recent.complete_since().max(recent.pulls_complete_since());
    Ok(RepositoryActivity {
        pulled: most(pulled, |it| (Reverse(it.pulls), it.repository.clone())),
        denied: most(denied.into_values(), |it| {
            (Reverse(it.denied + it.would_deny), it.repository.clone())
        }),
        complete_since: Some(complete).filter(|it| *it > since),
        left_out: recent.left_out(),
    })
}

fn none_of(repository: &Repository) -> RepositoryDenials {
    RepositoryDenials {
        repository: repository.clone(),
        denied: 0,
        would_deny: 0,
    }
}

/// The first few in that order.
fn most<T, K: Ord>(all: impl Iterator<Item = T>, order: impl Fn(&T) -> K) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_by_cached_key(order);
    all.truncate(MAX_REPOSITORIES);
    all
}

//! What needs somebody now: `status` warns of it, and `status --exit-code` fails on it.

use jiff::Timestamp;

use super::Components;
use super::free_bytes::free_bytes;
use super::health::health;
use super::invalid_files::InvalidFiles;
use crate::api::{UpstreamState, UpstreamStatus};
use crate::ops::Health;

/// Everything, the gravest first.
pub(super) fn problems(
    parts: &Components,
    upstreams: &[UpstreamStatus],
    now: Timestamp,
) -> Vec<String> {
    let ending = parts.certificates.ending(now);
    of_parts(parts, now)
        .into_iter()
        .chain(upstreams.iter().filter_map(of_upstream))
        .chain(ending)
        .chain(cache_without_room(parts))
        .chain(not_in_force(&parts.invalid_files))
        .chain(parts.credential_problems.lines())
        .chain(parts.remote_credentials.line())
        .collect()
}

/// What `/readyz` names too; files are told one by one.
fn of_parts(parts: &Components, now: Timestamp) -> Vec<String> {
    let told = health(parts, now).into_iter().filter_map(|part| {
        let detail = match part.health {
            Health::Ok => return None,
            Health::Degraded(detail) | Health::Failed(detail) => detail,
        };
        (part.name != "policy").then(|| format!("{}: {detail}", part.name))
    });
    told.collect()
}

/// A disk that has less room than the cache is to leave free: everything is served, and fetched
/// each time anew.
fn cache_without_room(parts: &Components) -> Option<String> {
    let cache = &parts.config.cache;
    let free = free_bytes(&cache.path)?;
    let most = parts.cache.stats().bytes.saturating_add(free);
    (most < cache.min_free).then(|| {
        format!(
            "the cache stores nothing: {} MiB are free where it lies, and [cache] min_free is {} \
             MiB; make room there, or lower min_free",
            free >> 20,
            cache.min_free >> 20
        )
    })
}

fn of_upstream(upstream: &UpstreamStatus) -> Option<String> {
    let word = match upstream.state {
        UpstreamState::Unknown | UpstreamState::Up => return None,
        UpstreamState::BackingOff => "fails",
        UpstreamState::Down => "is down",
    };
    let detail = upstream.detail.as_deref().unwrap_or("no answer came");
    Some(format!("upstream {} {word}: {detail}", upstream.name))
}

/// What is wrong with files that changed while we run.
fn not_in_force(files: &InvalidFiles) -> Vec<String> {
    let (problems, more) = files.told();
    let problems = problems.into_iter();
    let mut told: Vec<String> = problems.map(|it| format!("not in force: {it}")).collect();
    if more > 0 {
        told.push(format!(
            "{more} more problems; sekisho check-config shows all"
        ));
    }
    told
}

//! `GET /api/v1/activity`: how much was pulled and denied over time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::Admin;
use super::authenticate::{ReadAccess, RequestTime};
use super::error::AdminError;
use super::extract::StrictQuery;
use super::repository_activity::most_active;
use crate::access::Scope;
use crate::api::{
    ACTIVITY, ActivityQuery, ActivityView, CacheActivityView, EnvironmentActivity, ReasonActivity,
};
use crate::metrics::{ActivityKey, ActivityMinute, ActivityVerdict};
use crate::trust::{EnvironmentName, Outcome};

/// The longest time that is shown, in hours.
const MAX_HOURS: u32 = 24;
/// Steps that a time is cut into.
const CHART_STEPS: i64 = 60;

/// Count what was decided over time.
#[utoipa::path(
    get,
    path = ACTIVITY,
    operation_id = "activity",
    params(ActivityQuery),
    responses((status = 200, body = ActivityView))
)]
pub(super) async fn show(
    State(admin): State<Admin>,
    ReadAccess(principal): ReadAccess,
    RequestTime(now): RequestTime,
    StrictQuery(query): StrictQuery<ActivityQuery>,
) -> Result<Json<ActivityView>, AdminError> {
    let hours = query.hours.unwrap_or(1).clamp(1, MAX_HOURS);
    admin.activity.sample_once(now);
    let steps = Steps::ending(now, hours);
    let scope = principal.scope();
    let minutes = admin.activity.minutes_since(steps.from);
    let since = admin.activity.since();
    let mut view = ActivityView {
        from: steps.from,
        step_s: steps.length_s,
        counted_since: since.filter(|since| *since > steps.from),
        environments: None,
        reasons: Vec::new(),
        cache: None,
        repositories: most_active(&admin, scope, steps.from, now).await?,
    };
    if scope.covers_all_repositories() {
        let rulebook = admin.gate.rulebook();
        let names = rulebook.environments().map(|it| it.name.clone());
        let names: Vec<EnvironmentName> = names
            .filter(|name| scope.covers_environment(name.as_str()))
            .collect();
        view.reasons = reasons(&minutes, scope, &names);
        let environments = names.into_iter();
        let environments = environments.map(|name| of_environment(name, &minutes, &steps));
        view.environments = Some(environments.collect());
        view.cache = Some(of_cache(&minutes));
    }
    Ok(Json(view))
}

/// Equal steps of time.
struct Steps {
    from: Timestamp,
    length_s: i64,
}

impl Steps {
    /// The last one holds `now`; each begins at a whole multiple of its length.
    fn ending(now: Timestamp, hours: u32) -> Self {
        let length_s = i64::from(hours) * 3600 / CHART_STEPS;
        let last = now.as_second().div_euclid(length_s);
        let from = Timestamp::from_second((last + 1 - CHART_STEPS) * length_s);
        Self {
            from: from.unwrap_or(Timestamp::MIN),
            length_s,
        }
    }

    fn of(&self, at: Timestamp) -> Option<usize> {
        let away = at.duration_since(self.from);
        let step = away.as_secs().div_euclid(self.length_s);
        usize::try_from(step)
            .ok()
            .filter(|it| *it < CHART_STEPS as usize)
    }
}

fn of_environment(
    environment: EnvironmentName,
    minutes: &[ActivityMinute],
    steps: &Steps,
) -> EnvironmentActivity {
    let counts = |verdict: ActivityVerdict| {
        let mut counts = vec![0; CHART_STEPS as usize];
        for minute in minutes {
            let of_minute = minute.decisions.iter();
            let own = of_minute.filter(|(key, _)| {
                *key.environment == *environment.as_str() && key.verdict == verdict
            });
            if let Some(step) = steps.of(minute.from) {
                counts[step] += own.map(|(_, count)| count).sum::<u64>();
            }
        }
        counts
    };
    EnvironmentActivity {
        allowed: counts(ActivityVerdict::Allowed),
        would_deny: counts(ActivityVerdict::WouldDeny),
        break_glass: counts(ActivityVerdict::BreakGlass),
        denied: counts(ActivityVerdict::Denied),
        environment,
    }
}

/// The most frequent first.
fn reasons(
    minutes: &[ActivityMinute],
    scope: &Scope,
    names: &[EnvironmentName],
) -> Vec<ReasonActivity> {
    let mut counted: BTreeMap<&ActivityKey, u64> = BTreeMap::new();
    for (key, count) in minutes.iter().flat_map(|it| &it.decisions) {
        if scope.covers_environment(&key.environment) {
            *counted.entry(key).or_default() += count;
        }
    }
    let mut reasons: Vec<ReasonActivity> = counted
        .into_iter()
        .filter_map(|(key, count)| reason(key, count, names))
        .collect();
    reasons.sort_by_key(|it| Reverse(it.count));
    reasons
}

fn reason(key: &ActivityKey, count: u64, names: &[EnvironmentName]) -> Option<ReasonActivity> {
    let verdict = match key.verdict {
        ActivityVerdict::Denied => Outcome::Denied,
        ActivityVerdict::WouldDeny => Outcome::WouldDeny,
        ActivityVerdict::Allowed | ActivityVerdict::BreakGlass => return None,
    };
    let environment = names.iter().find(|it| it.as_str() == &*key.environment)?;
    Some(ReasonActivity {
        environment: environment.clone(),
        verdict,
        reason: key.reason?,
        count,
    })
}

fn of_cache(minutes: &[ActivityMinute]) -> CacheActivityView {
    let mut cache = CacheActivityView::default();
    for minute in minutes {
        cache.hits += minute.cache.hits;
        cache.misses += minute.cache.misses;
    }
    cache
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn steps_end_with_the_one_that_holds_now() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(100);
        for hours in [1, 6, 24] {
            let steps = Steps::ending(now, hours);
            assert_eq!(steps.of(now), Some(59), "{hours}");
            assert_eq!(steps.of(steps.from), Some(0));
            let before = steps.from - SignedDuration::from_secs(1);
            assert_eq!(steps.of(before), None);
        }
    }
}

//! What was pulled and denied over time, as the overview shows it.

use jiff::Timestamp;

use super::activity_chart::ActivityChart;
use super::moment::Moment;
use super::quantities::percent;
use crate::api::{ActivityView, EnvironmentActivity, ReasonActivity};

/// Reasons that are shown.
const MAX_REASONS: usize = 8;

/// Charts by environment, and why was denied.
pub(super) struct ActivityShown {
    /// Since when it is counted, where that is not the whole time.
    pub since: Option<Moment>,
    /// `None`: it is not for this reader.
    pub environments: Option<Vec<EnvironmentCharts>>,
    pub reasons: Vec<ReasonRow>,
    /// Content found in the cache, in words.
    pub cache: Option<String>,
}

/// One environment.
pub(super) struct EnvironmentCharts {
    pub environment: String,
    pub charts: Vec<(&'static str, ActivityChart)>,
}

/// How often was denied for a reason.
pub(super) struct ReasonRow {
    pub environment: String,
    pub verdict: &'static str,
    pub reason: &'static str,
    pub count: u64,
    /// Beside the most frequent one, in hundredths; never none.
    pub part: u64,
}

impl ActivityShown {
    pub fn new(view: ActivityView, now: Timestamp) -> Self {
        let steps = (view.from, view.step_s);
        let most = view.reasons.first().map_or(0, |it| it.count);
        let reasons = view.reasons.iter().take(MAX_REASONS);
        Self {
            since: view.counted_since.map(|at| Moment::new(at, now)),
            reasons: reasons.map(|it| ReasonRow::new(it, most)).collect(),
            cache: view.cache.map(|cache| match cache.hits + cache.misses {
                0 => "nothing was asked for".to_owned(),
                all => {
                    let part = percent(cache.hits, all);
                    format!("{part} % of {all} requests for content were found in it")
                }
            }),
            environments: view.environments.map(|all| {
                let charts = |it| EnvironmentCharts::new(it, steps);
                all.into_iter().map(charts).collect()
            }),
        }
    }
}

impl EnvironmentCharts {
    fn new(activity: EnvironmentActivity, steps: (Timestamp, i64)) -> Self {
        let name = &activity.environment;
        let chart = |counts: &[u64], what: &str, tone| {
            ActivityChart::new(counts, steps, &format!("{what} in {name}"), tone)
        };
        let mut charts = vec![
            (
                "let through",
                chart(&activity.allowed, "let through", "good"),
            ),
            ("denied", chart(&activity.denied, "denied", "bad")),
        ];
        let rare = [
            ("would be denied", &activity.would_deny, "warn"),
            ("by break-glass", &activity.break_glass, "warn"),
        ];
        for (what, counts, tone) in rare {
            if counts.iter().any(|count| *count > 0) {
                charts.push((what, chart(counts, what, tone)));
            }
        }
        Self {
            environment: activity.environment.to_string(),
            charts,
        }
    }
}

impl ReasonRow {
    fn new(activity: &ReasonActivity, most: u64) -> Self {
        Self {
            environment: activity.environment.to_string(),
            verdict: activity.verdict.as_str(),
            reason: activity.reason.code(),
            count: activity.count,
            part: percent(activity.count, most).max(1),
        }
    }
}

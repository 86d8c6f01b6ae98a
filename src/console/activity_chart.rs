//! Counts over time as small charts, each with its content in words.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

/// Of the drawing, in its own units.
const WIDTH: u64 = 240;
const HEIGHT: u64 = 32;

/// Counts of equal steps, as one stepped line with what is under it.
pub(super) struct ActivityChart {
    /// The outline, as SVG writes a path.
    pub path: String,
    /// What it shows, for who does not see it.
    pub told: String,
    pub total: u64,
    /// The colour, by its meaning.
    pub tone: &'static str,
}

impl ActivityChart {
    /// `what` is what is counted, as in `denied in production`.
    pub fn new(
        counts: &[u64],
        (from, step_s): (Timestamp, i64),
        what: &str,
        tone: &'static str,
    ) -> Self {
        let total = counts.iter().sum();
        Self {
            path: path(counts),
            told: told(counts, total, (from, step_s), what),
            total,
            tone,
        }
    }
}

/// Steps from the left to the right; an empty text where nothing was counted.
fn path(counts: &[u64]) -> String {
    let most = counts.iter().copied().max().unwrap_or_default();
    if most == 0 {
        return String::new();
    }
    let steps = counts.len() as u64;
    let mut path = format!("M0 {HEIGHT}");
    for (step, count) in counts.iter().enumerate() {
        // Whatever was counted at all is seen.
        let up = (u128::from(*count) * u128::from(HEIGHT)).div_ceil(u128::from(most));
        let down = u128::from(HEIGHT).saturating_sub(up);
        let right = (step as u64 + 1) * WIDTH / steps;
        let _ = write!(path, "V{down}H{right}");
    }
    let _ = write!(path, "V{HEIGHT}Z");
    path
}

fn told(counts: &[u64], total: u64, (from, step_s): (Timestamp, i64), what: &str) -> String {
    let newest_most = counts.iter().enumerate().max_by_key(|(_, count)| **count);
    match newest_most.filter(|(_, most)| **most > 0) {
        None => format!("None {what}"),
        Some((step, most)) => {
            let away = i64::try_from(step)
                .unwrap_or_default()
                .saturating_mul(step_s);
            let at = from.saturating_add(SignedDuration::from_secs(away));
            let at = at.unwrap_or(from);
            format!("{total} {what}; most from {at:.0}: {most}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(counts: &[u64]) -> ActivityChart {
        let steps = (Timestamp::UNIX_EPOCH, 60);
        ActivityChart::new(counts, steps, "denied in production", "bad")
    }

    #[test]
    fn a_chart_is_drawn_and_told() {
        let chart = chart(&[0, 1000, 1, 0]);
        assert_eq!(chart.path, "M0 32V32H60V0H120V31H180V32H240V32Z");
        assert_eq!(chart.total, 1001);
        assert_eq!(
            chart.told,
            "1001 denied in production; most from 1970-01-01T00:01:00Z: 1000"
        );
    }

    #[test]
    fn nothing_is_told_as_nothing() {
        for counts in [&[][..], &[0, 0]] {
            let chart = chart(counts);
            assert_eq!((chart.path.as_str(), chart.total), ("", 0));
            assert_eq!(chart.told, "None denied in production");
        }
    }
}

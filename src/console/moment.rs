//! Times as people read them: how long ago or how long still, and exactly on demand.

use jiff::Timestamp;

/// A time, seen from when the page was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// For machines.
    pub exact: String,
    /// For people: `3 min ago`, `in 2 h`.
    pub told: String,
}

impl Moment {
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        let away = at.duration_since(now).as_secs();
        let told = match away {
            0 => "now".to_owned(),
            1.. => format!("in {}", span(away)),
            _ => format!("{} ago", span(-away)),
        };
        Self {
            exact: format!("{at:.0}"),
            told,
        }
    }
}

/// A number of seconds in its largest fitting unit.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..=89 => format!("{seconds} s"),
        90..=5_399 => format!("{} min", (seconds + 30) / 60),
        5_400..=129_599 => format!("{} h", (seconds + 1_800) / 3_600),
        _ => format!("{} d", (seconds + 43_200) / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let now = Timestamp::UNIX_EPOCH;
        for (away, told) in [
            (0, "now"),
            (-5, "5 s ago"),
            (-200, "3 min ago"),
            (7_200, "in 2 h"),
            (-864_000, "10 d ago"),
        ] {
            let at = now + SignedDuration::from_secs(away);
            assert_eq!(Moment::new(at, now).told, told);
        }
    }
}

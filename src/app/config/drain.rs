//! `[drain]`: how the program ends.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::quantity::Period;
use super::section::Section;

const DEFAULT_DELAY: Period = Period::seconds(0);
const MAX_DELAY_SECONDS: u64 = 600;
const DEFAULT_TIMEOUT: Period = Period::seconds(25);
const TIMEOUT_BOUNDS_SECONDS: RangeInclusive<u64> = 1..=3600;

/// How the program ends when it is asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainConfig {
    /// For how long it serves on after it has said that it is not ready, so that load
    /// balancers turn to others first.
    pub delay: Duration,
    /// How long transfers under way have to end, after that.
    pub timeout: Duration,
}

/// Reads `[drain]`.
pub(super) fn drain(root: &mut Section<'_, '_>) -> DrainConfig {
    let mut section = root.section("drain");
    let delay: Duration = section.read("delay").unwrap_or(DEFAULT_DELAY).into();
    if delay.as_secs() > MAX_DELAY_SECONDS {
        section.problem(
            "delay",
            "is over 10m; whoever waits for the end gives up before",
        );
    }
    let timeout: Duration = section.read("timeout").unwrap_or(DEFAULT_TIMEOUT).into();
    if !TIMEOUT_BOUNDS_SECONDS.contains(&timeout.as_secs()) {
        section.problem("timeout", "is not from 1s to 1h");
    }
    section.finish();
    DrainConfig { delay, timeout }
}

#[cfg(test)]
mod tests {
    use super::super::tests::load;

    #[test]
    fn ends_at_once_and_gives_transfers_their_time_unless_told_otherwise() {
        let usual = load("").unwrap().drain;
        assert_eq!((usual.delay.as_secs(), usual.timeout.as_secs()), (0, 25));
        let text = "[drain]\ndelay = '10s'\ntimeout = '2m'";
        let told = load(text).unwrap().drain;
        assert_eq!((told.delay.as_secs(), told.timeout.as_secs()), (10, 120));
    }

    #[test]
    fn names_each_key_that_is_out_of_bounds_or_unknown() {
        for (text, key) in [
            ("[drain]\ndelay = '11m'", "drain.delay"),
            ("[drain]\ntimeout = '0s'", "drain.timeout"),
            ("[drain]\npause = '1s'", "drain.pause"),
        ] {
            let found = load(text).expect_err(text).problems;
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(found[0].key, key, "{text}");
        }
    }
}

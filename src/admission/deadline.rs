//! The deadline of an admission review.

use std::time::{Duration, Instant};

/// Kubernetes' timeout where the webhook configuration sets none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The most that a configuration can ask for.
pub(super) const MAX_TIMEOUT: Duration = Duration::from_secs(30);
/// The API server's timeout is divided by this; one part is reserved for sending the
/// answer.
const RESERVED_FRACTION: u32 = 5;

/// The deadlines of one review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline {
    /// Until when `mutate` waits for digests: half of the time.
    pub(super) half: Instant,
    /// When the answer is sent at the latest, complete or not.
    pub(super) answer: Instant,
}

impl Deadline {
    /// From the moment at which the request came in, and its query: the API server
    /// sends `?timeout=2s`. Anybody can write that, so `longest` holds whatever it says.
    pub(super) fn new(started: Instant, query: Option<&str>, longest: Duration) -> Self {
        let given = query
            .and_then(timeout)
            .unwrap_or(DEFAULT_TIMEOUT)
            .min(longest);
        let answer = given - given / RESERVED_FRACTION;
        Self {
            half: started + (given / 2).min(answer),
            answer: started + answer,
        }
    }
}

fn timeout(query: &str) -> Option<Duration> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, value) = pairs.find(|(key, _)| key == "timeout")?;
    duration(&value)
}

/// A duration as Go writes it: `2s`, `1m30s`, `500ms`, `1.5s`.
fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, after) = rest.split_at(number);
        let unit = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let seconds = digits.parse::<f64>().ok()? * seconds_of(unit)?;
        total = total.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        rest = after;
    }
    (total > Duration::ZERO).then_some(total)
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "h" => 3600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(query: Option<&str>) -> (Duration, Duration) {
        let now = Instant::now();
        let deadline = Deadline::new(now, query, MAX_TIMEOUT);
        (deadline.half - now, deadline.answer - now)
    }

    #[test]
    fn keeps_some_of_the_time_for_the_way_back() {
        let seconds = Duration::from_secs_f64;
        assert_eq!(given(Some("timeout=2s")), (seconds(1.0), seconds(1.6)));
        assert_eq!(
            given(Some("a=b&timeout=500ms")),
            (seconds(0.25), seconds(0.4))
        );
        assert_eq!(given(Some("timeout=1m30s")), (seconds(15.0), seconds(24.0)));
        assert_eq!(given(None), (seconds(5.0), seconds(8.0)));
    }

    #[test]
    fn nobody_names_more_time_than_is_given_to_their_like() {
        let now = Instant::now();
        for query in ["timeout=30s", "timeout=2s", "timeout=nonsense"] {
            let deadline = Deadline::new(now, Some(query), Duration::from_secs(2));
            assert_eq!(
                deadline.answer - now,
                Duration::from_millis(1600),
                "{query}"
            );
        }
    }

    #[test]
    fn reads_nonsense_as_if_it_were_not_there() {
        for query in [
            "timeout=",
            "timeout=2",
            "timeout=-1s",
            "timeout=1e9s",
            "timeout=s",
            "timeout=0s",
            "timeout=1.2.3s",
        ] {
            assert_eq!(given(Some(query)), given(None), "{query}");
        }
    }
}

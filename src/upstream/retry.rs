//! How long to wait before a call is tried again.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use super::Retries;
use crate::random;

impl Retries {
    /// The pause after try number `attempt` (from 0). What the upstream asks
    /// for is honoured up to the bound; else it doubles, less a random half so
    /// that many callers do not return at once.
    pub(super) fn pause(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(self.max_pause);
        }
        let full = self
            .first_pause
            .saturating_mul(1 << attempt.min(16))
            .min(self.max_pause);
        full.mul_f64(0.5 + random_half())
    }
}

/// Between 0 and 0.5.
fn random_half() -> f64 {
    f64::from(u32::from_ne_bytes(random::bytes())) / f64::from(u32::MAX) / 2.0
}

/// The longest wait that is believed: clients are told of it, and an upstream could ask
/// for years.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds or a date, an hour at most.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = match text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // A number that no integer holds is a long time, too.
        true => text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs),
        false => {
            let date = httpdate::parse_http_date(text).ok()?;
            date.duration_since(now).unwrap_or_default()
        }
    };
    Some(asked.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRIES: Retries = Retries {
        tries: 4,
        first_pause: Duration::from_millis(100),
        max_pause: Duration::from_secs(1),
    };

    #[test]
    fn doubles_with_jitter_up_to_the_bound() {
        for (attempt, most) in [(0, 100), (1, 200), (2, 400), (9, 1000), (u32::MAX, 1000)] {
            let most = Duration::from_millis(most);
            let pause = RETRIES.pause(attempt, None);
            assert!(most / 2 <= pause && pause <= most, "{attempt}: {pause:?}");
        }
    }

    #[test]
    fn honours_retry_after_up_to_the_bound() {
        let second = Duration::from_secs(1);
        assert_eq!(RETRIES.pause(0, Some(second / 2)), second / 2);
        assert_eq!(RETRIES.pause(0, Some(3600 * second)), second);
    }

    #[test]
    fn reads_seconds_and_dates() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (text, expected) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("3601", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Mon, 06 Nov 1995 08:49:37 GMT", Some(3600)),
            ("", None),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = [(header::RETRY_AFTER, text.parse().unwrap())];
            let headers = HeaderMap::from_iter(headers);
            assert_eq!(
                retry_after(&headers, now),
                expected.map(Duration::from_secs),
                "{text}"
            );
        }
    }
}

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

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
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

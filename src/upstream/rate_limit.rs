//! Hosts that limit our rate and say until when: nothing of that kind is asked there before.
//!
//! A short wait that is asked for is waited where the call is tried again; a long one would
//! only spend the tries, and more of the limit with each.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use reqwest::Response;
use tokio::time::Instant;
use url::Url;

use super::UpstreamError;
use super::health::CallKind;
use crate::http_client::retry_after;

/// A host is asked again after this time, whatever it said.
pub(super) const MAX_REST: Duration = Duration::from_mins(10);
/// Hosts that are remembered at most: one upstream leads to a few.
const MAX_HOSTS: usize = 256;

type Place = (CallKind, Box<str>);

/// Until when which host is not asked.
pub(super) struct RateLimits {
    /// What is waited for within a call.
    max_pause: Duration,
    until: Mutex<HashMap<Place, Instant>>,
}

impl RateLimits {
    pub(super) fn new(max_pause: Duration) -> Self {
        Self {
            max_pause,
            until: Mutex::default(),
        }
    }

    /// Fails fast while the host of `url` wants not to be asked.
    pub(super) fn check(
        &self,
        kind: CallKind,
        url: &Url,
        now: Instant,
    ) -> Result<(), UpstreamError> {
        let until = self.lock().get(&place(kind, url)).copied();
        match until.map(|until| until.duration_since(now)) {
            Some(rest) if !rest.is_zero() => Err(UpstreamError::RateLimited {
                retry_after: Some(rest),
            }),
            _ => Ok(()),
        }
    }

    /// Notes how long the host of `url` wants to be left alone, where that is long.
    pub(super) fn saw(&self, kind: CallKind, url: &Url, answer: &Response, now: Instant) {
        if answer.status() != StatusCode::TOO_MANY_REQUESTS {
            return;
        }
        let asked = retry_after(answer.headers(), SystemTime::now());
        if let Some(asked) = asked.filter(|asked| *asked > self.max_pause) {
            self.rest(kind, url, asked, now);
        }
    }

    fn rest(&self, kind: CallKind, url: &Url, asked: Duration, now: Instant) {
        let mut until = self.lock();
        if until.len() >= MAX_HOSTS {
            until.retain(|_, until| *until > now);
        }
        if until.len() < MAX_HOSTS {
            until.insert(place(kind, url), now + asked.min(MAX_REST));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(kind: CallKind, url: &Url) -> Place {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    (kind, format!("{host}:{port}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn url(host: &str) -> Url {
        format!("https://{host}/v2/").parse().unwrap()
    }

    #[test]
    fn a_host_rests_as_long_as_it_says_and_ten_minutes_at_most() {
        for (asked, rests) in [(90, 90), (3600, 600)] {
            let (limits, now) = (RateLimits::new(5 * SECOND), Instant::now());
            let kind = CallKind::Manifest;
            limits.rest(kind, &url("r.test"), asked * SECOND, now);
            let retry_after = Some(rests * SECOND);
            let limited = Err(UpstreamError::RateLimited { retry_after });
            assert_eq!(limits.check(kind, &url("r.test"), now), limited);
            let later = now + rests * SECOND;
            assert_eq!(limits.check(kind, &url("r.test"), later), Ok(()));
            for (kind, host) in [(CallKind::ManifestHead, "r.test"), (kind, "cdn.test")] {
                assert_eq!(limits.check(kind, &url(host), now), Ok(()));
            }
        }
    }

    #[test]
    fn hosts_are_bounded_in_number() {
        let (limits, now) = (RateLimits::new(SECOND), Instant::now());
        for host in 0..2 * MAX_HOSTS {
            let url = url(&format!("r{host}.test"));
            limits.rest(CallKind::Blob, &url, 9 * SECOND, now);
        }
        assert_eq!(limits.lock().len(), MAX_HOSTS);
        limits.rest(
            CallKind::Blob,
            &url("r.test"),
            9 * SECOND,
            now + 10 * SECOND,
        );
        assert_eq!(limits.lock().len(), 1);
    }
}

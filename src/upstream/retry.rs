//! How long to wait before a call is tried again.

use std::time::Duration;

use super::Retries;
use crate::random;

impl Retries {
    /// The pause after try number `attempt` (from 0); `None`: the upstream asks for one
    /// beyond the bound, and another try within this call would be in vain. Unasked it
    /// doubles, less a random half so that many callers do not return at once.
    pub(super) fn pause(&self, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        if asked.is_some() {
            return asked.filter(|asked| *asked <= self.max_pause);
        }
        let full = self
            .first_pause
            .saturating_mul(1 << attempt.min(16))
            .min(self.max_pause);
        Some(full.mul_f64(0.5 + random_half()))
    }
}

/// Between 0 and 0.5.
fn random_half() -> f64 {
    f64::from(u32::from_ne_bytes(random::bytes())) / f64::from(u32::MAX) / 2.0
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
            let pause = RETRIES.pause(attempt, None).unwrap();
            assert!(most / 2 <= pause && pause <= most, "{attempt}: {pause:?}");
        }
    }

    #[test]
    fn honours_retry_after_up_to_the_bound() {
        let second = Duration::from_secs(1);
        assert_eq!(RETRIES.pause(0, Some(second / 2)), Some(second / 2));
        assert_eq!(RETRIES.pause(0, Some(3600 * second)), None);
    }
}

//! What one client may take of a listener.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::quantity::{ByteSize, Period};
use super::section::Section;

const DEFAULT_CONNECTIONS: usize = 8192;
const CONNECTIONS_BOUNDS: RangeInclusive<usize> = 16..=1_000_000;
/// Of all connections one address has a half, and of these a quarter may be half open.
const DEFAULT_PER_ADDRESS: usize = 2;
const DEFAULT_HALF_OPEN: usize = 4;

const TIMEOUT: Period = Period::seconds(10);
const DEFAULT_IDLE: Period = Period::seconds(60);
const DEFAULT_SLOW: Period = Period::seconds(60);
const TIMEOUT_BOUNDS_SECONDS: RangeInclusive<u64> = 1..=3600;

const DEFAULT_MINIMUM_RATE: ByteSize = ByteSize(1 << 10);
const MINIMUM_RATE_BOUNDS: RangeInclusive<u64> = 1..=1 << 20;

/// The limits of every listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitsConfig {
    /// Open connections of a listener.
    pub connections: usize,
    /// Of these, those of one client address.
    pub connections_per_address: usize,
    /// Of these, those on which no request has come yet.
    pub half_open_per_address: usize,
    /// Time for a TLS handshake.
    #[serde(serialize_with = "in_seconds")]
    pub handshake_timeout: Duration,
    /// Time for the head of a connection's first request.
    #[serde(serialize_with = "in_seconds")]
    pub request_timeout: Duration,
    /// Time that a connection may wait for its next request.
    #[serde(serialize_with = "in_seconds")]
    pub idle_timeout: Duration,
    /// The least that a client takes of what waits for it, in bytes a second.
    pub minimum_rate: u64,
    /// Waiting time over which that rate is measured.
    #[serde(serialize_with = "in_seconds")]
    pub minimum_rate_window: Duration,
}

fn in_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs())
}

/// As `check-config` shows it.
impl fmt::Display for LimitsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} connections, {} of one address, {} of these before their first request; \
             handshake {}s, first request {}s, idle {}s; at least {} B/s over {}s",
            self.connections,
            self.connections_per_address,
            self.half_open_per_address,
            self.handshake_timeout.as_secs(),
            self.request_timeout.as_secs(),
            self.idle_timeout.as_secs(),
            self.minimum_rate,
            self.minimum_rate_window.as_secs(),
        )
    }
}

/// Reads `[limits]`.
pub(super) fn limits(root: &mut Section<'_, '_>) -> LimitsConfig {
    let mut section = root.section("limits");
    let connections = bounded(&mut section, "connections", CONNECTIONS_BOUNDS);
    let connections = connections.unwrap_or(DEFAULT_CONNECTIONS);
    let per_address = bounded(&mut section, "connections_per_address", 1..=connections);
    let per_address = per_address.unwrap_or(connections / DEFAULT_PER_ADDRESS);
    let half_open = bounded(&mut section, "half_open_per_address", 1..=per_address);
    let config = LimitsConfig {
        connections,
        connections_per_address: per_address,
        half_open_per_address: half_open.unwrap_or(per_address.div_ceil(DEFAULT_HALF_OPEN)),
        handshake_timeout: timeout(&mut section, "handshake_timeout", TIMEOUT),
        request_timeout: timeout(&mut section, "request_timeout", TIMEOUT),
        idle_timeout: timeout(&mut section, "idle_timeout", DEFAULT_IDLE),
        minimum_rate: minimum_rate(&mut section),
        minimum_rate_window: timeout(&mut section, "minimum_rate_window", DEFAULT_SLOW),
    };
    section.finish();
    config
}

pub(super) fn bounded(
    section: &mut Section<'_, '_>,
    key: &'static str,
    bounds: RangeInclusive<usize>,
) -> Option<usize> {
    let number: usize = section.read(key)?;
    if bounds.contains(&number) {
        return Some(number);
    }
    let (least, most) = (bounds.start(), bounds.end());
    section.problem(key, format_args!("{number} is not from {least} to {most}"));
    None
}

fn timeout(section: &mut Section<'_, '_>, key: &'static str, default: Period) -> Duration {
    let time: Duration = section.read(key).unwrap_or(default).into();
    if !TIMEOUT_BOUNDS_SECONDS.contains(&time.as_secs()) {
        section.problem(key, "is not from 1s to 1h");
    }
    time
}

fn minimum_rate(section: &mut Section<'_, '_>) -> u64 {
    let rate: ByteSize = section.read("minimum_rate").unwrap_or(DEFAULT_MINIMUM_RATE);
    if !MINIMUM_RATE_BOUNDS.contains(&rate.0) {
        section.problem("minimum_rate", "is not from 1B to 1MiB, each second");
    }
    rate.0
}

#[cfg(test)]
mod tests {
    use super::super::tests::load;

    /// What is written, the key that is named, and a part of what is said of it.
    const PROBLEMS: &[(&str, &str, &str)] = &[
        ("[limits]\nper_ip = 3", "limits.per_ip", "is unknown"),
        (
            "[limits]\nconnections = 2",
            "limits.connections",
            "2 is not from 16 to 1000000",
        ),
        (
            "[limits]\nconnections = 100\nconnections_per_address = 101",
            "limits.connections_per_address",
            "101 is not from 1 to 100",
        ),
        (
            "[limits]\nhalf_open_per_address = 0",
            "limits.half_open_per_address",
            "0 is not from 1 to 4096",
        ),
        (
            "[limits]\nidle_timeout = '0s'",
            "limits.idle_timeout",
            "is not from 1s to 1h",
        ),
        (
            "[limits]\nrequest_timeout = '2h'",
            "limits.request_timeout",
            "is not from 1s to 1h",
        ),
        (
            "[limits]\nminimum_rate = '0B'",
            "limits.minimum_rate",
            "is not from 1B to 1MiB",
        ),
    ];

    #[test]
    fn names_each_key_that_is_out_of_bounds_or_unknown() {
        for (text, key, said) in PROBLEMS {
            let found = load(text).expect_err(text).problems;
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(found[0].key, *key, "{text}");
            assert!(found[0].text.contains(said), "{text}: {}", found[0].text);
        }
    }

    #[test]
    fn what_is_left_out_follows_from_what_is_written() {
        let limits = load("").unwrap().limits;
        let usual = (limits.connections, limits.connections_per_address);
        assert_eq!(usual, (8192, 4096));
        assert_eq!(limits.half_open_per_address, 1024);
        let limits = load("[limits]\nconnections = 1000").unwrap().limits;
        let shares = (limits.connections_per_address, limits.half_open_per_address);
        assert_eq!(shares, (500, 125));
        let text = "[limits]\nconnections = 50\nconnections_per_address = 50";
        let limits = load(text).unwrap().limits;
        assert_eq!(limits.connections_per_address, 50, "all may be behind one");
    }
}

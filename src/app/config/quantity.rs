//! Durations and sizes of the configuration file.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};

/// A century, in seconds: no limit of ours is longer.
const MAX_PERIOD_SECONDS: i64 = 100 * 365 * 86_400;

/// A duration: `60s`, `15m`, `12h`, `30d`, `2w`. A day has 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period(i64);

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration; write 60s, 15m, 12h, 30d or 2w")]
pub struct PeriodError(String);

impl Period {
    pub const LONGEST: Self = Self(MAX_PERIOD_SECONDS);

    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        parse(text, period_unit)
            .filter(|seconds| *seconds <= MAX_PERIOD_SECONDS as u64)
            .map(|seconds| Self(seconds as i64))
            .ok_or_else(|| PeriodError(text.to_owned()))
    }
}

/// As one would write it.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400, "d"), (3600, "h"), (60, "m")];
        let mut whole = units.iter().filter(|(length, _)| self.0 % length == 0);
        let (length, unit) = whole.next().unwrap_or(&(1, "s"));
        write!(f, "{}{unit}", self.0 / length)
    }
}

impl From<Period> for SignedDuration {
    fn from(period: Period) -> Self {
        Self::from_secs(period.0)
    }
}

impl From<Period> for Duration {
    fn from(period: Period) -> Self {
        Self::from_secs(period.0.unsigned_abs())
    }
}

fn period_unit(unit: &str) -> Option<u64> {
    Some(match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    })
}

/// A duration that may be less than a second: `300ms`, `2s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortPeriod(u64);

/// Why a text is no short duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration; write 300ms or 2s")]
pub struct ShortPeriodError(String);

impl ShortPeriod {
    pub const fn milliseconds(milliseconds: u64) -> Self {
        Self(milliseconds)
    }
}

impl FromStr for ShortPeriod {
    type Err = ShortPeriodError;

    fn from_str(text: &str) -> Result<Self, ShortPeriodError> {
        let unit = |unit: &str| match unit {
            "ms" => Some(1),
            "s" => Some(1000),
            _ => None,
        };
        let milliseconds = parse(text, unit).filter(|it| *it <= 1000 * MAX_PERIOD_SECONDS as u64);
        milliseconds
            .map(Self)
            .ok_or_else(|| ShortPeriodError(text.to_owned()))
    }
}

impl From<ShortPeriod> for Duration {
    fn from(period: ShortPeriod) -> Self {
        Self::from_millis(period.0)
    }
}

/// A number of bytes: `512MiB`, `100GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub u64);

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no size; write 512MiB, 100GiB or 2TiB")]
pub struct ByteSizeError(String);

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        parse(text, byte_unit)
            .map(Self)
            .ok_or_else(|| ByteSizeError(text.to_owned()))
    }
}

fn byte_unit(unit: &str) -> Option<u64> {
    Some(match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    })
}

/// A whole number directly followed by a unit.
fn parse(text: &str, unit: fn(&str) -> Option<u64>) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    number.parse::<u64>().ok()?.checked_mul(unit(rest)?)
}

macro_rules! through_parser {
    ($type:ty, $quoted:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer);
                let text = text.map_err(|_| serde::de::Error::custom($quoted))?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

through_parser!(Period, "is no duration; write it in quotes, as \"15m\"");
through_parser!(
    ShortPeriod,
    "is no duration; write it in quotes, as \"300ms\""
);
through_parser!(ByteSize, "is no size; write it in quotes, as \"512MiB\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        for (text, seconds) in [("0s", 0), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(text.parse(), Ok(Period(seconds)), "{text}");
            let shown = if seconds == 0 { "0d" } else { text };
            assert_eq!(Period(seconds).to_string(), shown);
        }
        for bad in [
            "",
            "30",
            "d",
            "-1d",
            "1.5h",
            "30 d",
            "1h30m",
            "99999999d",
            "30D",
        ] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_short_durations() {
        for (text, milliseconds) in [("0ms", 0), ("300ms", 300), ("2s", 2000)] {
            assert_eq!(text.parse(), Ok(ShortPeriod(milliseconds)), "{text}");
        }
        for bad in ["", "300", "1m", "0.5s", "-1s", "99999999999999999s"] {
            assert!(bad.parse::<ShortPeriod>().is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_sizes() {
        assert_eq!("100GiB".parse(), Ok(ByteSize(100 << 30)));
        for bad in ["", "1", "1GB", "GiB", "99999999TiB", "-1B", "é"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }
}

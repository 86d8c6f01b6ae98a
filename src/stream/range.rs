//! The Range header of one byte range (RFC 9110, section 14).

use std::ops::Range;

/// A single byte range as a client asks for it, before the length is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=a-b`: both ends included; `a <= b`.
    Between(u64, u64),
    /// `bytes=a-`: from an offset to the end.
    From(u64),
    /// `bytes=-n`: the last bytes.
    Last(u64),
}

/// The range has no byte of the content (416, section 15.5.17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the range lies outside of the content")]
pub struct RangeUnsatisfiable;

impl ByteRange {
    /// Reads the value of a Range header.
    ///
    /// `None` means that the header is to be ignored and the whole content
    /// sent: another unit, an invalid range, or several ranges (section 14.2
    /// lets a server ignore any Range).
    pub fn parse(header: &str) -> Option<Self> {
        let (unit, set) = header.split_once('=')?;
        let (first, last) = set.trim_matches([' ', '\t']).split_once('-')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        match (first, last) {
            ("", last) => Some(Self::Last(position(last)?)),
            (first, "") => Some(Self::From(position(first)?)),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// The bytes that this range selects from a content of `total` bytes.
    ///
    /// # Errors
    /// [`RangeUnsatisfiable`] where it begins behind the end (RFC 9110, 14.1.2).
    pub fn within(self, total: u64) -> Result<Range<u64>, RangeUnsatisfiable> {
        let range = match self {
            Self::Between(first, last) => first..last.saturating_add(1).min(total),
            Self::From(first) => first..total,
            Self::Last(count) => total.saturating_sub(count)..total,
        };
        if range.start < range.end {
            Ok(range)
        } else {
            Err(RangeUnsatisfiable)
        }
    }
}

/// Digits only. A number too large to hold lies beyond every content, so it
/// becomes the largest one.
fn position(digits: &str) -> Option<u64> {
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn selects(header: &str, total: u64) -> Option<Result<Range<u64>, RangeUnsatisfiable>> {
        ByteRange::parse(header).map(|range| range.within(total))
    }

    #[test]
    fn selects_single_ranges() {
        assert_eq!(selects("bytes=0-0", 10), Some(Ok(0..1)));
        assert_eq!(selects("bytes=2-5", 10), Some(Ok(2..6)));
        assert_eq!(selects("bytes=2-500", 10), Some(Ok(2..10)));
        assert_eq!(selects("Bytes= 2- ", 10), Some(Ok(2..10)));
        assert_eq!(selects("bytes=-3", 10), Some(Ok(7..10)));
        assert_eq!(selects("bytes=-300", 10), Some(Ok(0..10)));
        assert_eq!(
            selects("bytes=0-99999999999999999999999", 10),
            Some(Ok(0..10))
        );
    }

    #[test]
    fn refuses_what_selects_nothing() {
        for header in ["bytes=10-", "bytes=10-11", "bytes=-0"] {
            assert_eq!(
                selects(header, 10),
                Some(Err(RangeUnsatisfiable)),
                "{header}"
            );
        }
        let beyond = "bytes=99999999999999999999999-";
        assert_eq!(selects(beyond, 10), Some(Err(RangeUnsatisfiable)));
        assert_eq!(selects("bytes=0-", 0), Some(Err(RangeUnsatisfiable)));
    }

    #[test]
    fn ignores_what_it_does_not_read() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=0-1,3-4",
            "bytes=0x1-2",
            "bytes=1--2",
            "bytes =0-1",
            "items=0-1",
        ] {
            assert_eq!(ByteRange::parse(header), None, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn never_selects_beyond_the_content(header in "bytes=[0-9]{0,21}-[0-9]{0,21}", total: u64) {
            if let Some(Ok(range)) = selects(&header, total) {
                prop_assert!(range.start < range.end && range.end <= total);
            }
        }
    }
}

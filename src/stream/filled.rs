//! Which ranges of a growing content are there.

use std::ops::Range;

/// Ranges that neither touch nor overlap, in order.
#[derive(Debug, Default)]
pub(super) struct FilledRanges {
    ranges: Vec<Range<u64>>,
}

impl FilledRanges {
    pub(super) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.ranges.partition_point(|it| it.end < range.start);
        let behind = self.ranges.partition_point(|it| it.start <= range.end);
        let touched = &self.ranges[first..behind];
        let start = touched.first().map_or(range.start, |it| it.start);
        let end = touched.last().map_or(range.end, |it| it.end);
        let merged = start.min(range.start)..end.max(range.end);
        self.ranges.splice(first..behind, [merged]);
    }

    /// The first offset from `at` on that is missing.
    pub(super) fn end_from(&self, at: u64) -> u64 {
        let next = self.ranges.partition_point(|it| it.end <= at);
        match self.ranges.get(next) {
            Some(range) if range.start <= at => range.end,
            _ => at,
        }
    }

    /// The first offset from `at` on that is there.
    pub(super) fn next_from(&self, at: u64) -> Option<u64> {
        let next = self.ranges.partition_point(|it| it.end <= at);
        self.ranges.get(next).map(|range| range.start.max(at))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn merges_what_touches() {
        let mut filled = FilledRanges::default();
        for range in [4..6, 0..1, 8..9, 6..7, 3..3] {
            filled.insert(range);
        }
        assert_eq!(filled.ranges, [0..1, 4..7, 8..9]);
        filled.insert(1..8);
        let [whole] = &filled.ranges[..] else {
            panic!("{:?}", filled.ranges);
        };
        assert_eq!(*whole, 0..9);
    }

    proptest! {
        #[test]
        fn knows_every_offset(ranges in prop::collection::vec((0u64..40, 0u64..9), 0..12), at in 0u64..50) {
            let mut filled = FilledRanges::default();
            let mut there = [false; 64];
            for (start, length) in ranges {
                filled.insert(start..start + length);
                there[start as usize..(start + length) as usize].fill(true);
            }
            let from = |wanted| (at..64).find(|at| there[*at as usize] == wanted);
            prop_assert_eq!(Some(filled.end_from(at)), from(false));
            prop_assert_eq!(filled.next_from(at), from(true));
        }
    }
}

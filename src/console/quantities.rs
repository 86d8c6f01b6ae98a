//! Quantities as people read them.

/// Bytes in their largest fitting unit.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let place = usize::try_from((count.ilog2() / 10 - 1).min(4)).unwrap_or_default();
    // A tenth of a unit is as exact as anybody reads.
    let tenths = (u128::from(count) * 10) >> (10 * (place + 1));
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[place])
}

/// A part of a whole in hundredths; 100 where the whole is nothing.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    let hundredths = (u128::from(part) * 100).checked_div(u128::from(whole));
    hundredths.map_or(100, |it| u64::try_from(it).unwrap_or(u64::MAX).min(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_their_largest_unit() {
        for (count, told) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_572_864, "1.5 MiB"),
            (107_374_182_400, "100.0 GiB"),
            (u64::MAX, "16383.9 PiB"),
        ] {
            assert_eq!(bytes(count), told);
        }
    }

    #[test]
    fn a_part_is_at_most_the_whole() {
        assert_eq!(
            (percent(1, 2), percent(3, 2), percent(0, 0)),
            (50, 100, 100)
        );
    }
}

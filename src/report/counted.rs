//! A report that counts its findings proves how many there have to be, and how grave.

use super::{Incomplete, Severity};

/// What a report counts beside its list, the gravest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) critical: u64,
    pub(super) high: u64,
    pub(super) medium: u64,
    pub(super) low: u64,
    /// Of whatever severity, these included.
    pub(super) total: u64,
}

/// What it lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    listed: u64,
    /// Critical, high or worse, medium or worse, low or worse.
    at_least: [u64; 4],
}

const SEVERITIES: [Severity; 4] = [
    Severity::Critical,
    Severity::High,
    Severity::Medium,
    Severity::Low,
];

impl Tally {
    pub(super) fn add(&mut self, severity: Option<Severity>) {
        self.listed += 1;
        for (count, least) in self.at_least.iter_mut().zip(SEVERITIES) {
            *count += u64::from(severity >= Some(least));
        }
    }
}

impl Counted {
    /// Why the list is too short, or rated too low, if it is.
    pub(super) fn shortfall(self, tally: Tally) -> Option<Incomplete> {
        let mut expected = 0_u64;
        let counts = [self.critical, self.high, self.medium, self.low];
        let mut each = counts.into_iter().zip(SEVERITIES).zip(tally.at_least);
        let missing = each.find_map(|((count, severity), listed)| {
            expected = expected.saturating_add(count);
            let what = format!("{expected} vulnerabilities that are {severity} or worse");
            (listed < expected).then_some((what, listed))
        });
        let total = self.total.max(expected);
        let too_few = || (tally.listed < total).then(|| (format!("{total}"), tally.listed));
        let (what, listed) = missing.or_else(too_few)?;
        Some(Incomplete::Filtered(format!(
            "the summary counts {what}, {listed} are listed"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_to_hold_what_is_counted() {
        let counted = Counted {
            critical: 1,
            medium: 1,
            total: 3,
            ..Counted::default()
        };
        let tally = |severities: &[Option<Severity>]| {
            let mut tally = Tally::default();
            severities.iter().for_each(|severity| tally.add(*severity));
            tally
        };
        let [critical, high, low] = [Severity::Critical, Severity::High, Severity::Low].map(Some);
        for (listed, whole) in [
            (vec![critical, high, None], true),
            (vec![critical, critical, critical, low], true),
            (vec![critical, high], false),
            (vec![high, high, high], false),
            (vec![critical, low, low], false),
            (vec![], false),
        ] {
            let found = counted.shortfall(tally(&listed));
            assert_eq!(found.is_none(), whole, "{listed:?}: {found:?}");
        }
        assert_eq!(Counted::default().shortfall(Tally::default()), None);
    }
}

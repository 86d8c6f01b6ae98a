//! When a scan was made, as its submitter declares it: for reports that carry no time of
//! their own. It is the submitter's word, and never stands against the report's.

use jiff::{SignedDuration, Timestamp};

use super::ScanReport;

/// How long ago a scan may have been made that is declared: 366 days. What is older renews
/// nothing, and is most often a mistake, as of a clock that begins in 1970.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Within what two times are the same, as one of them may be written without fractions of a
/// second.
const SAME: SignedDuration = SignedDuration::from_secs(1);

/// Why a declared time does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclaredTimeError {
    #[error("the report says itself that it is of {reported}, not of {declared}")]
    Reported {
        reported: Timestamp,
        declared: Timestamp,
    },
    #[error(
        "the scan is declared to be of {declared}, before its vulnerability database was built \
         ({database_at})"
    )]
    BeforeDatabase {
        declared: Timestamp,
        database_at: Timestamp,
    },
    #[error("the scan is declared to be of {0}, which is more than a year ago")]
    TooOld(Timestamp),
}

impl ScanReport {
    /// What counts of a declared time at `now`: all of it, or nothing where the report carries
    /// the same. Whether it lies ahead is asked where reports' own times are.
    ///
    /// # Errors
    /// [`DeclaredTimeError`] where it contradicts the report, or cannot be meant.
    pub fn declared_at(
        &self,
        declared: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, DeclaredTimeError> {
        if let Some(reported) = self.scanned_at {
            return match reported.duration_since(declared).abs() < SAME {
                true => Ok(None),
                false => Err(DeclaredTimeError::Reported { reported, declared }),
            };
        }
        if now.duration_since(declared) > MAX_AGE {
            return Err(DeclaredTimeError::TooOld(declared));
        }
        match self.database_at.filter(|built| declared < *built) {
            Some(database_at) => Err(DeclaredTimeError::BeforeDatabase {
                declared,
                database_at,
            }),
            None => Ok(Some(declared)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, read};
    use super::*;

    /// One report of each format that carries no time of the scan.
    const TIMELESS: [(Format, &[u8]); 5] = [
        (
            Format::Snyk,
            include_bytes!("../../tests/fixtures/reports/snyk.json"),
        ),
        (
            Format::Clair,
            include_bytes!("../../tests/fixtures/reports/clair.json"),
        ),
        (
            Format::Quay,
            include_bytes!("../../tests/fixtures/reports/quay.json"),
        ),
        (
            Format::Anchore,
            include_bytes!("../../tests/fixtures/reports/anchore.json"),
        ),
        (
            Format::Inspector,
            include_bytes!("../../tests/fixtures/reports/inspector.json"),
        ),
    ];
    const TRIVY: &[u8] = include_bytes!("../../tests/fixtures/reports/trivy-findings.json");

    fn now() -> Timestamp {
        "2026-06-01T00:00:00Z".parse().unwrap()
    }

    fn hours(hours: i64) -> SignedDuration {
        SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_time_is_declared_for_every_format_that_carries_none() {
        let declared = now() - hours(1);
        for (format, text) in TIMELESS {
            let report = read(text, None).unwrap();
            assert_eq!((report.format, report.scanned_at), (format, None));
            assert_eq!(report.declared_at(declared, now()), Ok(Some(declared)));
        }
    }

    #[test]
    fn no_declared_time_stands_against_the_reports_own() {
        let report = read(TRIVY, None).unwrap();
        let own = report.scanned_at.unwrap();
        for declared in [own + hours(1), own - hours(1)] {
            let refused = report.declared_at(declared, now()).unwrap_err();
            let told = refused.to_string();
            assert!(told.contains(&own.to_string()), "{told}");
        }
        let in_seconds = Timestamp::from_second(own.as_second()).unwrap();
        assert_eq!(report.declared_at(in_seconds, now()), Ok(None));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let mut report = read(TIMELESS[0].1, None).unwrap();
        let refused = report.declared_at(Timestamp::UNIX_EPOCH, now());
        assert_eq!(
            refused,
            Err(DeclaredTimeError::TooOld(Timestamp::UNIX_EPOCH))
        );
        assert!(report.declared_at(now() - hours(366 * 24), now()).is_ok());
        report.database_at = Some(now() - hours(2));
        assert!(report.declared_at(now() - hours(1), now()).is_ok());
        let refused = report.declared_at(now() - hours(3), now()).unwrap_err();
        assert!(matches!(refused, DeclaredTimeError::BeforeDatabase { .. }));
    }
}

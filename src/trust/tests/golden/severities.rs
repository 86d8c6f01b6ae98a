//! Ceilings by exposure (rule 3).

use super::Expected::*;
use super::sekisho::report::Severity;
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::{Exposure, ExposureRule, Settings};
use super::{Case, case, finding, found, globs};

pub fn cases() -> Vec<Case> {
    let over =
        |severity: Severity| move |c: &mut Case| c.rescan(|s| *s = found(severity, s.clone()));
    let internal = |c: &mut Case| c.exposure = Exposure::Internal;
    vec![
        case(
            3,
            "serves low findings to external services",
            Allowed,
            over(Severity::Low),
        ),
        case(
            3,
            "denies medium findings to external services",
            Denied(&[TooSevere]),
            over(Severity::Medium),
        ),
        case(
            3,
            "serves high findings to internal services",
            Allowed,
            |c| {
                internal(c);
                over(Severity::High)(c);
            },
        ),
        case(
            3,
            "denies critical findings to internal services",
            Denied(&[TooSevere]),
            |c| {
                internal(c);
                over(Severity::Critical)(c);
            },
        ),
        case(
            3,
            "rates what the scanner could not rate by policy",
            Denied(&[TooSevere]),
            |c| {
                c.rescan(|scan| scan.findings = vec![finding(None)]);
            },
        ),
        case(
            3,
            "takes the first exposure rule before the listener",
            Denied(&[TooSevere]),
            |c| {
                internal(c);
                over(Severity::High)(c);
                let rule = |exposure| ExposureRule {
                    repositories: globs("registry.corp/**"),
                    exposure,
                    reason: "shop".to_owned(),
                };
                c.exposures = vec![rule(Exposure::External), rule(Exposure::Internal)];
            },
        ),
        case(
            3,
            "counts findings even where no scan is demanded",
            Denied(&[TooSevere]),
            |c| {
                over(Severity::Critical)(c);
                c.settings().require.clear();
            },
        ),
        case(3, "takes a repository's own rule", Allowed, |c| {
            over(Severity::Medium)(c);
            let mut settings = Settings::default();
            settings.ceilings.external = Severity::Medium;
            c.environment.rules = vec![(globs("registry.corp/team/*"), settings)];
        }),
    ]
}

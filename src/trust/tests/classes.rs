//! The table of classes, written out: what lifts what.

use super::golden::good;
use crate::trust::{
    BreakGlassReach, Denial, DenialReason, Exposure, ExposureSource, Mode, ReasonClass, Verdict,
};
use DenialReason::*;
use ReasonClass::*;

/// Reason, class, whether `audit` and `warn` let it pass.
const TABLE: [(DenialReason, &str, ReasonClass, bool); 20] = [
    (NotScanned, "not-scanned", Evidence, true),
    (PlatformNotScanned, "platform-not-scanned", Evidence, true),
    (ScanIncomplete, "scan-incomplete", Evidence, true),
    (ScanStale, "scan-stale", Evidence, true),
    (NotPromoted, "not-promoted", Evidence, true),
    (UntrustedBase, "untrusted-base", Evidence, true),
    (TooNew, "too-new", Evidence, true),
    (Malware, "malware", Harm, true),
    (Secrets, "secrets", Harm, true),
    (BlockedByAdvisory, "blocked-by-advisory", Harm, true),
    (TooSevere, "too-severe", Harm, true),
    (Revoked, "revoked", Withdrawn, false),
    (ManifestRefused, "manifest-refused", Structural, false),
    (AmbiguousReference, "ambiguous-reference", Structural, false),
    (UnknownUpstream, "unknown-upstream", Structural, false),
    (
        NotInAdmittedImage,
        "not-in-admitted-image",
        Structural,
        false,
    ),
    (
        PlatformNotAllowed,
        "platform-not-allowed",
        Structural,
        false,
    ),
    (
        RegistryNotPermitted,
        "registry-not-permitted",
        Structural,
        false,
    ),
    (Unauthenticated, "unauthenticated", Structural, false),
    (Undecidable, "undecidable", OwnFailure, true),
];

#[test]
fn the_table_names_every_reason_once() {
    for reason in DenialReason::ALL {
        let rows = TABLE.iter().filter(|row| row.0 == reason).count();
        assert_eq!(rows, 1, "{reason}");
    }
    assert_eq!(TABLE.len(), DenialReason::ALL.len());
}

#[test]
fn every_reason_has_its_class_and_one_stable_word() {
    for (reason, code, class, _) in TABLE {
        assert_eq!((reason.code(), reason.class()), (code, class));
        assert_eq!(DenialReason::parse(code), Some(reason));
        let json = serde_json::to_value(reason).unwrap();
        assert_eq!(json, code);
        assert_eq!(
            serde_json::from_value::<DenialReason>(json).unwrap(),
            reason
        );
    }
    assert_eq!(DenialReason::parse("Revoked"), None);
}

#[test]
fn modes_lift_what_the_table_says_and_nothing_else() {
    for (reason, _, _, lifted) in TABLE {
        for mode in Mode::ALL {
            let allowed = mode != Mode::Enforce && lifted;
            let verdict = refused(mode, reason);
            assert_eq!(verdict.is_allowed(), allowed, "{reason} in {mode}");
            assert_eq!(verdict.lifted().count(), usize::from(allowed));
            assert_eq!(verdict.denial().is_some(), !allowed);
            assert_eq!(verdict.permit(super::golden::now()).is_some(), allowed);
        }
    }
}

#[test]
fn break_glass_lifts_evidence_and_a_revocation_only_where_it_says_so() {
    for (reason, _, class, _) in TABLE {
        let needs_evidence = matches!(class, Evidence | Harm);
        assert_eq!(
            BreakGlassReach::Evidence.lifts(reason.class()),
            needs_evidence,
            "{reason}"
        );
        let revocations = needs_evidence || class == Withdrawn;
        assert_eq!(
            BreakGlassReach::Revocations.lifts(reason.class()),
            revocations,
            "{reason}"
        );
    }
}

fn refused(mode: Mode, reason: DenialReason) -> Verdict {
    let exposure = (Exposure::External, ExposureSource::Listener);
    let denial = Denial::new(reason, "found", "do");
    Verdict::refused(&good().subject, mode, exposure, 1, denial)
}

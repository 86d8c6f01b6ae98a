//! Arbitrary evidence under arbitrary policy, dense enough that rules meet.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::golden::*;
use super::images::{alone, child, digest, index, platform, runnable};
use crate::access::Scope;
use crate::report::{Incomplete, Severity};
use crate::trust::{
    Ceilings, Evidence, Exposure, Mode, Promotion, Requirement, Revocation, Scan, Settings,
    Vouching,
};

const IMAGES: [(&str, &str); 2] = [("amd", "linux/amd64"), ("arm", "linux/arm64")];

pub fn severity() -> impl Strategy<Value = Severity> {
    use Severity::*;
    prop::sample::select(vec![Negligible, Low, Medium, High, Critical])
}

fn within(low: i64, high: i64) -> impl Strategy<Value = Timestamp> {
    (low..high).prop_map(ago)
}

fn length() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        Just(SignedDuration::ZERO),
        (1i64..1200).prop_map(SignedDuration::from_hours)
    ]
}

pub fn scans() -> impl Strategy<Value = Vec<Arc<Scan>>> {
    let one = (
        (0..2usize, 0..2usize, 0..2usize),
        (within(-30, 1500), -5i64..100, option::of(0i64..400)),
        (
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.1),
        ),
        vec(option::of(severity()), 0..2),
    );
    vec(one, 0..5).prop_map(|scans| {
        let numbered = scans.into_iter().zip(1..);
        numbered
            .map(|(parts, id)| Arc::new(scan_of(id, parts)))
            .collect()
    })
}

type Parts = (
    (usize, usize, usize),
    (Timestamp, i64, Option<i64>),
    (bool, bool, bool),
    Vec<Option<Severity>>,
);

fn scan_of(id: i64, parts: Parts) -> Scan {
    let ((image, tool, submitter), (scanned_at, late, database), flags, severities) = parts;
    let (incomplete, end_of_life, elsewhere) = flags;
    let hours = SignedDuration::from_hours;
    Scan {
        submitter: ["ci", "nightly"][submitter].to_owned(),
        scope: match elsewhere {
            true => Scope::new(globs("registry.corp/other/*"), Vec::new()),
            false => Scope::everything(),
        },
        scanned_at,
        received_at: scanned_at + hours(late),
        database_at: database.map(|age| scanned_at - hours(age)),
        incomplete: Vec::from_iter(incomplete.then_some(Incomplete::NothingRecognised)),
        end_of_life,
        findings: severities.into_iter().map(finding).collect(),
        ..scan(id, ["trivy", "grype"][tool], IMAGES[image].0)
    }
}

fn promotions() -> impl Strategy<Value = Vec<Promotion>> {
    let one = (
        prop::sample::select(vec!["root", "above", "other"]),
        within(0, 500),
    );
    vec(one, 0..3).prop_map(|promotions| {
        let numbered = promotions.into_iter().zip(1..);
        let promoted = numbered.map(|((name, promoted_at), id)| Promotion {
            promoted_at,
            ..promotion(id, digest(name))
        });
        promoted.collect()
    })
}

pub fn some_revocation() -> impl Strategy<Value = Revocation> {
    let names = vec![
        "root",
        "above",
        "amd",
        "arm",
        "layer of amd",
        "layer of arm",
    ];
    (prop::sample::select(names), 1..100i64, any::<bool>()).prop_map(|(name, id, here)| {
        Revocation {
            id,
            environment: here.then(production),
            ..revocation(name)
        }
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let require = prop::sample::subsequence(vec![Requirement::Scan, Requirement::Promotion], 0..=2);
    let platforms = prop::sample::subsequence(vec!["linux/amd64", "linux/arm64"], 0..=1);
    (
        (prop::sample::select(Mode::ALL.to_vec()), require, platforms),
        (severity(), severity(), severity()),
        (length(), length(), length(), length()),
        (any::<bool>(), any::<bool>()),
    )
        .prop_map(
            |((mode, require, platforms), severities, ages, flags)| Settings {
                mode,
                require,
                platforms: platforms.into_iter().map(platform).collect(),
                ceilings: Ceilings {
                    external: severities.0,
                    internal: severities.1,
                },
                unknown_severity: severities.2,
                max_report_age: ages.0,
                max_database_age: ages.1,
                grace_for_admitted: ages.2,
                grace_for_worse: ages.3,
                require_database_date: flags.0,
                allow_end_of_life: flags.1,
                ..Settings::default()
            },
        )
}

fn vouchings() -> impl Strategy<Value = Vec<Vouching>> {
    let require = prop::sample::subsequence(vec![Requirement::Scan, Requirement::Promotion], 0..=2);
    let one = (require, within(-100, 10)).prop_map(|(of, until)| vouching(&of, until));
    vec(one, 0..3)
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let revocations = prop_oneof![
        5 => Just(Vec::new()),
        1 => vec(some_revocation(), 1..3),
    ];
    (
        (0..3usize, scans(), promotions(), revocations),
        (option::of(within(0, 2000)), option::of(within(-50, 10))),
        prop::bool::weighted(0.95),
    )
        .prop_map(
            |((shape, scans, promotions, revocations), times, confirmed)| {
                let (closure, above) = shaped(shape);
                let promotions = promotions.into_iter().map(|promotion| Promotion {
                    digest: match promotion.digest == digest("root") {
                        true => closure.root().clone(),
                        false => promotion.digest,
                    },
                    ..promotion
                });
                Evidence {
                    promotions: promotions.collect(),
                    above,
                    scans,
                    revocations,
                    first_served: times.0,
                    vouched_until: times.1,
                    confirmed,
                    ..Evidence::none(closure)
                }
            },
        )
}

/// An index, an image by itself, or an image below an index.
fn shaped(shape: usize) -> (Arc<crate::oci::Closure>, Vec<crate::oci::Digest>) {
    let [amd, arm] = IMAGES.map(|(name, on)| runnable(name, on));
    match shape {
        0 => (index("root", vec![child(amd), child(arm)]), Vec::new()),
        1 => (alone(amd), Vec::new()),
        _ => (alone(arm), vec![digest("above")]),
    }
}

/// A case with nothing expected of it.
pub fn world() -> impl Strategy<Value = Case> {
    let exposure = prop::sample::select(vec![Exposure::External, Exposure::Internal]);
    (evidence(), settings(), vouchings(), exposure).prop_map(
        |(evidence, settings, vouchings, exposure)| {
            let mut case = good();
            case.subject.digest = evidence.closure.root().clone();
            *case.settings() = settings;
            Case {
                evidence,
                vouchings,
                exposure,
                ..case
            }
        },
    )
}

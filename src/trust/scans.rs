//! Whether an image is scanned, by whom it counts, and how fresh that is
//! (rules 1, 7 and 8).

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};

use super::judgement::{Judgement, after};
use super::severities::{judge_severity, report_accepted};
use super::{CheckOutcome, DenialReason, Exception, NewerScans, Requirement, Scan, TimeSource};
use crate::oci::{Digest, Image};
use crate::report::Incomplete;

/// The text for a scan of an operating system past its end of life.
pub const END_OF_LIFE: &str = "its operating system is past its end of life";

const ONE_HOUR: SignedDuration = SignedDuration::from_hours(1);
const ONE_DAY: SignedDuration = SignedDuration::from_hours(24);

/// Judges the scans of `images`. `of_index`: they are the children of one.
pub(super) fn judge_scans(judgement: &mut Judgement<'_>, images: &[&Image], of_index: bool) {
    let mut standing = Vec::new();
    for image in images {
        standing.push((*image, current_scans(judgement, &image.manifest)));
    }
    let some_scanned = of_index && standing.iter().any(|(_, scans)| !scans.is_empty());
    let several = images.len() > 1;
    for (image, scans) in &standing {
        judgement.turn_to(several.then_some(*image));
        if scans.is_empty() {
            judge_absence(judgement, image, some_scanned);
        } else {
            judge_presence(judgement, scans);
            judge_severity(judgement, &image.manifest, scans);
        }
    }
    judgement.turn_to(None);
}

/// The scans of a manifest by submitters whose scope reaches here.
pub(super) fn scans_in_scope<'a>(
    judgement: &Judgement<'a>,
    manifest: &Digest,
) -> impl Iterator<Item = &'a Scan> {
    let subject = judgement.subject;
    judgement
        .evidence
        .scans
        .iter()
        .map(|scan| &**scan)
        .filter(move |scan| scan.counts_for(subject, manifest))
}

/// The latest of each tool and submitter, and older ones that say more for themselves.
/// One that is dated ahead counts once its time has come.
fn current_scans<'a>(judgement: &mut Judgement<'a>, manifest: &Digest) -> Vec<&'a Scan> {
    let (mut counting, ahead): (Vec<&Scan>, Vec<&Scan>) =
        scans_in_scope(judgement, manifest).partition(|scan| scan.scanned_at <= judgement.now);
    for scan in ahead {
        judgement.expires(scan.scanned_at);
    }
    counting.sort_by_key(|scan| Reverse((scan.scanned_at, scan.id)));
    let mut newer = NewerScans::default();
    counting.retain(|scan| {
        let stands = !newer.replace(&scan.series(), scan.rank());
        newer.add(scan.series(), scan.rank());
        stands
    });
    counting.sort_by_key(|scan| scan.series());
    counting
}

/// Rule 1: absent evidence is never a pass, unless the upstream vouches.
fn judge_absence(judgement: &mut Judgement<'_>, image: &Image, some_scanned: bool) {
    if !judgement.settings.requires(Requirement::Scan) || judgement.vouches_for(Requirement::Scan) {
        return;
    }
    let name = match image.platform() {
        Some(platform) => format!("{platform} {}", image.manifest.short()),
        None => image.manifest.short(),
    };
    let (reason, detail) = match some_scanned {
        true => (
            DenialReason::PlatformNotScanned,
            format!("{name} has no scan"),
        ),
        false => (DenialReason::NotScanned, format!("{name} not yet scanned")),
    };
    let next = format!("hand in a scan: {}", submission(judgement));
    judgement.deny(reason, detail, next);
}

/// The command that hands in what is missing.
fn submission(judgement: &Judgement<'_>) -> String {
    let (repository, digest) = (&judgement.subject.repository, &judgement.subject.digest);
    format!("sekisho scan submit --image {repository}@{digest} --report report.json")
}

/// Rule 7: one complete and fresh scan is needed. That an operating system is past its
/// end of life is a fact about the image, whoever else does not say it.
fn judge_presence(judgement: &mut Judgement<'_>, scans: &[&Scan]) {
    for scan in scans {
        judgement.rests_on(format!("scan:{}", scan.id));
        judgement.counts_from(from(scan));
    }
    if !judgement.settings.requires(Requirement::Scan) {
        return;
    }
    if let Some(by) =
        accepted_end_of_life(judgement).filter(|_| scans.iter().any(|it| it.end_of_life))
    {
        judgement.expires(by.expires);
    }
    if scans.iter().any(|scan| is_past_its_end(judgement, scan)) {
        let next = "rebuild it on a base that is maintained, or ask for an exception";
        return judgement.deny(DenialReason::ScanIncomplete, END_OF_LIFE, next);
    }
    let why = |scan: &&Scan| incompleteness(judgement, scan);
    let complete = scans.iter().copied().filter(|scan| why(scan).is_none());
    match complete.max_by_key(|scan| (stale_at(judgement, scan), scan.id)) {
        None => {
            let (why, next) = scans.iter().find_map(why).unwrap_or_default();
            let next = format!("{next}: {}", submission(judgement));
            judgement.deny(DenialReason::ScanIncomplete, why, next);
        }
        Some(scan) if judgement.now < stale_at(judgement, scan) => accept(judgement, scan),
        Some(scan) => judge_stale(judgement, scan),
    }
}

fn accept(judgement: &mut Judgement<'_>, scan: &Scan) {
    judgement.expires(stale_at(judgement, scan));
    let database = match scan.database_at {
        Some(built) => format!("a database of {built}"),
        None => "an undated database".to_owned(),
    };
    let (tool, at) = (&scan.tool.name, scan.scanned_at);
    let text = match scan.time_source {
        Some(TimeSource::Report) | None => format!("{tool} scanned it at {at} with {database}"),
        Some(TimeSource::Submitter(_)) => {
            format!("{tool} scanned it at {at}, as its submitter says, with {database}")
        }
        Some(TimeSource::Receipt) => format!(
            "{tool} scanned it with {database}; its report, which tells no time, counts from {at}"
        ),
    };
    judgement.check("scan", CheckOutcome::Met, text);
    if scan.end_of_life
        && !judgement.settings.allow_end_of_life
        && let Some(by) = accepted_end_of_life(judgement)
    {
        report_accepted(judgement, by, "an operating system past its end of life");
    }
}

/// Why a scan cannot be a pass, however few findings it lists, and what to do.
fn incompleteness(judgement: &Judgement<'_>, scan: &Scan) -> Option<(String, &'static str)> {
    let lossy = (!scan.format.can_satisfy()).then(|| Incomplete::Lossy(scan.format).to_string());
    let cause = lossy.or_else(|| scan.incomplete.first().map(ToString::to_string));
    if let Some(cause) = cause {
        return Some((cause, "scan it again, whole and unfiltered"));
    }
    let undated = scan.database_at.is_none() && judgement.settings.require_database_date;
    undated.then(|| {
        let why = "the report does not date its vulnerability database";
        let next = "hand in the scanner's own word for its database with --scanner-info";
        (why.to_owned(), next)
    })
}

/// Whether the image stands on an operating system that is past its end of life, and
/// nobody accepts that.
fn is_past_its_end(judgement: &Judgement<'_>, scan: &Scan) -> bool {
    scan.end_of_life
        && !judgement.settings.allow_end_of_life
        && accepted_end_of_life(judgement).is_none()
}

/// The exception that accepts an operating system past its end of life.
fn accepted_end_of_life<'a>(judgement: &Judgement<'a>) -> Option<&'a Exception> {
    let repository = &judgement.subject.repository;
    let exception = judgement
        .rulebook
        .vulnerability_policy
        .end_of_life(repository);
    exception.filter(|it| it.holds(repository, judgement.now))
}

/// The age of a report counts from the earlier of scanned and received.
fn from(scan: &Scan) -> Timestamp {
    scan.scanned_at.min(scan.received_at)
}

/// Whether the database was too old when the scan was made.
fn has_old_database(judgement: &Judgement<'_>, scan: &Scan) -> bool {
    let limit = judgement.settings.max_database_age;
    scan.database_at
        .is_some_and(|built| after(built, limit) < scan.scanned_at)
}

/// When a scan turns stale. One with too old a database never was fresh.
fn stale_at(judgement: &Judgement<'_>, scan: &Scan) -> Timestamp {
    match has_old_database(judgement, scan) {
        true => from(scan),
        false => after(from(scan), judgement.settings.max_report_age),
    }
}

/// A stale scan is only a warning, for some time, of what was served here before.
fn judge_stale(judgement: &mut Judgement<'_>, scan: &Scan) {
    let detail = staleness(judgement, scan);
    let grace_ends = after(
        stale_at(judgement, scan),
        judgement.settings.grace_for_admitted,
    );
    if judgement.evidence.first_served.is_some() && judgement.now < grace_ends {
        judgement.expires(grace_ends);
        let text = format!("{detail}; denied from {grace_ends}");
        judgement.check("scan", CheckOutcome::Warned, text);
    } else {
        let next = renewal(judgement, scan);
        judgement.deny(DenialReason::ScanStale, detail, next);
    }
}

/// What replaces a stale scan. A report that tells no time, and says the same as before, is
/// the same scan unless somebody says when it was made.
fn renewal(judgement: &Judgement<'_>, scan: &Scan) -> String {
    let submission = submission(judgement);
    match scan.told_by() {
        TimeSource::Report => format!("rescan it, no rebuild: {submission}"),
        TimeSource::Submitter(_) | TimeSource::Receipt => format!(
            "rescan it, no rebuild, and say when with --scanned-at: {submission} \
             --scanned-at TIME"
        ),
    }
}

/// Says how old the scan is, which holds until that text would be another one. The limit is
/// told in the greatest unit that it is a whole number of, and so is the age, unless it is far
/// beyond.
fn staleness(judgement: &mut Judgement<'_>, scan: &Scan) -> String {
    if let Some(built) = scan
        .database_at
        .filter(|_| has_old_database(judgement, scan))
    {
        let limit = judgement.settings.max_database_age;
        let age = scan.scanned_at.duration_since(built);
        let (age, limit) = (
            in_units(age, age_unit(age, limit)),
            in_units(limit, unit(limit)),
        );
        return format!(
            "the scanner's database, of {built:.0}, was {age} old at the scan, limit {limit}"
        );
    }
    let limit = judgement.settings.max_report_age;
    let age = judgement.now.duration_since(from(scan));
    let age_unit = age_unit(age, limit);
    let next = i32::try_from(age.as_secs() / age_unit.0.as_secs() + 1)
        .ok()
        .and_then(|n| age_unit.0.checked_mul(n));
    judgement.expires(after(from(scan), next.unwrap_or(SignedDuration::MAX)));
    let (age, limit) = (in_units(age, age_unit), in_units(limit, unit(limit)));
    format!("scan is {age} old, limit {limit}")
}

/// A unit of time, and the letter for it.
type TimeUnit = (SignedDuration, char);

const UNITS: [TimeUnit; 4] = [
    (ONE_DAY, 'd'),
    (ONE_HOUR, 'h'),
    (SignedDuration::from_mins(1), 'm'),
    (SignedDuration::from_secs(1), 's'),
];

/// The greatest unit that a duration is a whole number of.
fn unit(duration: SignedDuration) -> TimeUnit {
    let whole =
        |(unit, _): &TimeUnit| duration >= *unit && duration.as_secs() % unit.as_secs() == 0;
    let [.., seconds] = UNITS;
    UNITS.into_iter().find(whole).unwrap_or(seconds)
}

/// The unit of an age beside its limit: the limit's, so that they compare; a greater one for
/// what is far older.
fn age_unit(age: SignedDuration, limit: SignedDuration) -> TimeUnit {
    let is_far = limit.checked_mul(4).is_some_and(|far| age > far);
    let tells = |(unit, _): &TimeUnit| unit.checked_mul(2).is_some_and(|two| age >= two);
    let greater = UNITS.into_iter().find(|it| is_far && tells(it));
    let own = unit(limit);
    greater.filter(|it| it.0 > own.0).unwrap_or(own)
}

fn in_units(duration: SignedDuration, (unit, letter): TimeUnit) -> String {
    format!("{}{letter}", duration.as_secs() / unit.as_secs())
}

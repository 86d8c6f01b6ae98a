//! Findings against the ceiling of the exposure (rule 3), malware and secrets (rule
//! 11), and what exceptions and advisories make of both (rules 4 and 5). Across tools the
//! worst decides (rule 8), and a worse report may have grace (rule 7).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::effective_finding::EffectiveFinding;
use super::judgement::{Judgement, after};
use super::package_pattern::ReadPackage;
use super::{
    Advisory, CheckOutcome, DenialReason, Effect, Exception, JudgedFinding, Scan, SecretsPolicy,
    told_end,
};
use crate::oci::Digest;
use crate::report::{Finding, Severity, versioned};

/// Judges the findings of the scans that stand for an image.
pub(super) fn judge_severity<'a>(
    judgement: &mut Judgement<'a>,
    manifest: &Digest,
    scans: &[&'a Scan],
) {
    let ceiling = judgement.settings.ceilings.of(judgement.exposure);
    let mut words = FindingNotes::default();
    let mut exceeding = Vec::new();
    for scan in scans {
        judge_malware(judgement, scan);
        judge_secrets(judgement, scan);
        exceeding.extend(weigh_all(judgement, scan, ceiling, &mut words));
    }
    // Behind all findings, so that a package which has one is not counted again.
    for scan in scans {
        words.add_packages(judgement, scan);
    }
    // People read the first alone.
    exceeding.sort_by_key(|excess| Reverse(excess.weight.severity));
    for excess in &exceeding {
        judge_worsened(judgement, manifest, ceiling, excess);
    }
    words.report(judgement);
    if exceeding.is_empty() {
        let exposure = judgement.exposure;
        let text = format!("nothing above {ceiling}, as {exposure} demands");
        judgement.check("ceiling", CheckOutcome::Met, text);
    }
}

fn judge_malware(judgement: &mut Judgement<'_>, scan: &Scan) {
    if scan.malware > 0 {
        let (count, tool) = (scan.malware, &scan.tool.name);
        judgement.deny(
            DenialReason::Malware,
            format!("{tool} found malware in it ({count})"),
            "do not run it; rebuild from a clean source",
        );
    }
}

fn judge_secrets(judgement: &mut Judgement<'_>, scan: &Scan) {
    if scan.secrets == 0 {
        return;
    }
    let found = format!("{} found secrets in it ({})", scan.tool.name, scan.secrets);
    match judgement.settings.secrets {
        SecretsPolicy::Ignore => {
            let text = format!("{found}, which deny nothing here");
            judgement.check("secrets", CheckOutcome::Met, text);
        }
        SecretsPolicy::Deny => judgement.deny(
            DenialReason::Secrets,
            found,
            "revoke them; rebuild without them in any layer",
        ),
    }
}

/// Findings above the ceiling: the worst of them, and how many.
struct Excess<'a> {
    worst: &'a Finding,
    weight: EffectiveFinding<'a>,
    count: usize,
    /// One of them exceeds only since an advisory raises it; there is no grace for that.
    raised: bool,
}

impl Excess<'_> {
    fn describe(&self) -> String {
        let description = describe(self.worst, &self.weight);
        match self.count {
            1 => description,
            count => format!("{description} (+{} more)", count - 1),
        }
    }
}

/// Weighs the findings of a scan: what exceeds the ceiling is returned, what
/// people said is noted in `words`.
fn weigh_all<'a>(
    judgement: &mut Judgement<'a>,
    scan: &'a Scan,
    ceiling: Severity,
    words: &mut FindingNotes<'a>,
) -> Option<Excess<'a>> {
    let unknown = judgement.settings.unknown_severity;
    let mut excess: Option<Excess<'a>> = None;
    for finding in &scan.findings {
        let weight = judgement.scale().rate(finding);
        if let Some(until) = weight.until {
            judgement.expires(until);
        }
        judgement.note_finding(|| JudgedFinding::of(scan, finding, &weight, (ceiling, unknown)));
        words.add(finding, &weight, ceiling);
        if weight.exceeds(ceiling) {
            let raised = weight.raised_by.is_some() && passes_unraised(judgement, finding, ceiling);
            let known = excess.get_or_insert(Excess {
                worst: finding,
                weight,
                count: 0,
                raised: false,
            });
            known.count += 1;
            known.raised |= raised;
            if weight.severity >= known.weight.severity {
                known.worst = finding;
                known.weight = weight;
            }
        }
    }
    excess
}

/// Whether a finding would not exceed the ceiling without the advisory that raises it: by
/// its own severity, or since an exception accepts it or another advisory lowers it.
fn passes_unraised(judgement: &mut Judgement<'_>, finding: &Finding, ceiling: Severity) -> bool {
    let unraised = judgement.scale().rate_unraised(finding);
    if let Some(until) = unraised.until {
        judgement.expires(until);
    }
    !unraised.exceeds(ceiling)
}

/// What was served before the first bad report may have some time. It counts
/// from that first one, so that scanning again does not prolong it.
fn judge_worsened(
    judgement: &mut Judgement<'_>,
    manifest: &Digest,
    ceiling: Severity,
    excess: &Excess<'_>,
) {
    let (environment, exposure) = (&judgement.subject.environment, judgement.exposure);
    let detail = format!(
        "{}; {environment}/{exposure} allows {ceiling}",
        excess.describe()
    );
    let grace_ends = first_exceeded(judgement, manifest, ceiling)
        .filter(|_| !excess.raised)
        .filter(|bad| judgement.evidence.first_served.is_some_and(|it| it < *bad))
        .map(|bad| after(bad, judgement.settings.grace_for_worse))
        .filter(|ends| judgement.now < *ends);
    match grace_ends {
        Some(ends) => {
            judgement.expires(ends);
            let text = format!("{detail}; denied from {ends}");
            judgement.check("ceiling", CheckOutcome::Warned, text);
        }
        None => {
            let next = next_step(excess);
            judgement.deny(DenialReason::TooSevere, detail, next);
        }
    }
}

/// No exception accepts what an advisory raises.
fn next_step(excess: &Excess<'_>) -> String {
    let mend = match &excess.worst.fixed {
        Some(_) => "rebuild",
        None => "use another base",
    };
    match excess.weight.raised_by {
        Some(by) => format!("{mend}, or ask the owner of {}", by.id),
        None => format!("{mend}, or ask for an exception"),
    }
}

/// When a finding that exceeds the ceiling was first reported. One that does not, by an
/// exception or advisory, does once that ends.
fn first_exceeded(
    judgement: &mut Judgement<'_>,
    manifest: &Digest,
    ceiling: Severity,
) -> Option<Timestamp> {
    let (subject, evidence) = (judgement.subject, judgement.evidence);
    let reported = evidence.first_reported.iter();
    let mut first: Option<Timestamp> = None;
    for it in reported.filter(|it| it.manifest == *manifest && it.counts_for(subject)) {
        let weight = judgement.scale().rate(&it.finding);
        if let Some(until) = weight.until {
            judgement.expires(until);
        }
        if weight.exceeds(ceiling) {
            first = Some(first.map_or(it.received_at, |known| known.min(it.received_at)));
        }
    }
    first
}

/// Exceptions and advisories that apply to the findings of an image, grouped by their id.
#[derive(Default)]
struct FindingNotes<'a> {
    blocked: BTreeMap<&'a str, (&'a Advisory, String, usize)>,
    /// Packages that are counted there: of each advisory's id, with their version.
    counted: BTreeSet<(&'a str, String)>,
    accepted: BTreeMap<&'a str, (&'a Exception, String, usize)>,
    lowered: BTreeMap<&'a str, (&'a Advisory, String, usize)>,
}

impl<'a> FindingNotes<'a> {
    fn add(&mut self, finding: &Finding, weight: &EffectiveFinding<'a>, ceiling: Severity) {
        if let Some(by) = weight.blocked_by {
            note(&mut self.blocked, (&by.id, by), || {
                format!("{} {}", finding.id, by.told(finding))
            });
            let package = versioned(&finding.package, &finding.installed);
            self.counted.insert((&by.id, package));
        }
        if let Some(by) = weight.accepted_by.filter(|_| weight.severity > ceiling) {
            note(&mut self.accepted, (&by.id, by), || {
                describe(finding, weight)
            });
        }
        if let Some(by) = weight.lowered_by {
            note(&mut self.lowered, (&by.id, by), || {
                describe(finding, weight)
            });
        }
    }

    /// Packages without findings that an advisory blocks.
    fn add_packages(&mut self, judgement: &mut Judgement<'a>, scan: &Scan) {
        let policy = &judgement.rulebook.vulnerability_policy;
        if !policy.speaks_of_packages() {
            return;
        }
        for package in &scan.packages {
            let read = ReadPackage::of(package);
            let advisories = policy.advisories_on_package(&read, judgement.now);
            for by in advisories.filter(|it| it.effect == Effect::Block) {
                if let Some(end) = by.expires {
                    judgement.expires(end);
                }
                let name = versioned(&package.name, &package.version);
                if self.counted.insert((&by.id, name)) {
                    note(&mut self.blocked, (&by.id, by), || by.told(package));
                }
            }
        }
    }

    fn report(self, judgement: &mut Judgement<'a>) {
        for (by, what, count) in self.blocked.into_values() {
            let more = more(count);
            judgement.deny_by_advisory(by, &format!("{what}{more}"));
        }
        for (by, what, count) in self.accepted.into_values() {
            report_accepted(judgement, by, &format!("{what}{}", more(count)));
        }
        for (by, what, count) in self.lowered.into_values() {
            judgement.rests_on(format!("advisory:{}", by.id));
            let text = format!("{what}{}, lowered by {} ({})", more(count), by.id, by.link);
            judgement.check("advisory", CheckOutcome::Met, text);
        }
    }
}

/// Says which exception accepts something; when it ends soon, as a warning.
pub(super) fn report_accepted(judgement: &mut Judgement<'_>, by: &Exception, what: &str) {
    let soon = by.ends_soon_from();
    judgement.expires(soon);
    judgement.expires(by.expires);
    let outcome = match judgement.now < soon {
        true => CheckOutcome::Met,
        false => CheckOutcome::Warned,
    };
    judgement.rests_on(format!("exception:{}", by.id));
    let (id, ends, link) = (&by.id, told_end(by.expires), &by.link);
    let text = format!("{what}, accepted by {id} until {ends} ({link})");
    judgement.check("exception", outcome, text);
}

fn note<'a, T>(
    words: &mut BTreeMap<&'a str, (&'a T, String, usize)>,
    (id, by): (&'a str, &'a T),
    what: impl FnOnce() -> String,
) {
    let entry = words.entry(id).or_insert_with(|| (by, what(), 0));
    entry.2 += 1;
}

fn more(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        count => format!(" (+{} more)", count - 1),
    }
}

fn describe(finding: &Finding, weight: &EffectiveFinding<'_>) -> String {
    let id = &finding.id;
    let severity = weight.severity.as_str().to_uppercase();
    let (raised, package) = match weight.raised_by {
        Some(by) => (format!(" (raised by {})", by.id), by.told(finding)),
        None => (
            String::new(),
            versioned(&finding.package, &finding.installed),
        ),
    };
    match &finding.fixed {
        Some(fixed) => format!("{id} {severity}{raised} {package}, fixed {fixed}"),
        None => format!("{id} {severity}{raised} {package}, no fix yet"),
    }
}

//! All the ledger holds on a subject: the input of judgement.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{BreakGlass, EnvironmentName, Subject, TimedMode};
use crate::access::Scope;
use crate::oci::{Closure, Digest, Image, Repository, RepositoryGlobs, Tag};
use crate::report::{Finding, Format, Incomplete, Package, Remark, ReportBinding, Tool};

/// Who says when a scan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSource {
    /// The report itself.
    Report,
    /// Its submitter, as the report does not; with the time as it was declared.
    Submitter(Timestamp),
    /// Nobody: it counts from when it was first handed in.
    Receipt,
}

/// A scan that was handed in, bound to one image manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scan {
    pub id: i64,
    /// The image manifest that was scanned; never an index.
    pub manifest: Digest,
    pub format: Format,
    pub tool: Tool,
    /// Name of the token it was submitted with.
    pub submitter: String,
    /// What that token reached when it submitted.
    pub scope: Scope,
    pub scanned_at: Timestamp,
    /// Who says `scanned_at`; not known of what came before this was kept.
    #[serde(default)]
    pub time_source: Option<TimeSource>,
    pub received_at: Timestamp,
    pub database_at: Option<Timestamp>,
    pub incomplete: Vec<Incomplete>,
    pub end_of_life: bool,
    /// Pieces of malware that were found.
    #[serde(default)]
    pub malware: u64,
    /// What ties the report to the manifest. What came before this was kept counts as
    /// naming it, so that nothing that names less replaces it.
    #[serde(default = "named")]
    pub binding: ReportBinding,
    /// Whether it lists packages without a finding, too. Of what came before this was kept
    /// nobody knows, so that anything newer replaces it.
    #[serde(default)]
    pub lists_packages: bool,
    /// Secrets that were found; none in reports that were stored before they were read.
    #[serde(default)]
    pub secrets: u64,
    /// The image ID under which it was scanned before the push, where its
    /// submitter bound it to the manifest later.
    #[serde(default)]
    pub bound_from: Option<Digest>,
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Packages of the image, also such without findings.
    #[serde(default)]
    pub packages: Vec<Package>,
}

const fn named() -> ReportBinding {
    ReportBinding::Manifest
}

impl Scan {
    /// Whether it is of this manifest, by a submitter whose scope reaches the subject.
    pub(super) fn counts_for(&self, subject: &Subject, manifest: &Digest) -> bool {
        self.manifest == *manifest
            && self.scope.covers_repository(&subject.repository)
            && self.scope.covers_environment(subject.environment.as_str())
    }

    /// Who says when it was made. What came before that was kept counted from its receipt
    /// where both times are the same.
    pub fn told_by(&self) -> TimeSource {
        match self.time_source {
            Some(source) => source,
            None if self.scanned_at == self.received_at => TimeSource::Receipt,
            None => TimeSource::Report,
        }
    }

    /// What a later scan must share with this one to replace it: tool and submitter.
    pub fn series(&self) -> (&str, &str) {
        (&self.tool.name, &self.submitter)
    }

    /// Whether the report said this of the image.
    pub fn says(&self, remark: Remark) -> bool {
        match remark {
            Remark::EndOfLife => self.end_of_life,
            Remark::Malware => self.malware > 0,
            Remark::Secrets => self.secrets > 0,
            Remark::Packages => self.lists_packages,
        }
    }
}

/// An image was let into an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    pub id: i64,
    pub environment: EnvironmentName,
    pub repository: Repository,
    pub digest: Digest,
    /// The tag it was promoted under, if any.
    pub tag: Option<Tag>,
    pub promoter: String,
    pub promoted_at: Timestamp,
    pub reason: Option<String>,
    pub link: Option<String>,
    /// Judgement denied it, and the promoter insisted.
    pub forced: bool,
}

impl Promotion {
    /// Whether nobody made it: it is assumed for a forecast.
    pub(super) fn is_hypothetical(&self) -> bool {
        self.id == 0
    }

    /// A promotion that nobody made, to judge what it would change.
    pub fn hypothetical(subject: &Subject, promoter: &str, at: Timestamp) -> Self {
        Self {
            id: 0,
            environment: subject.environment.clone(),
            repository: subject.repository.clone(),
            digest: subject.digest.clone(),
            tag: None,
            promoter: promoter.to_owned(),
            promoted_at: at,
            reason: None,
            link: None,
            forced: false,
        }
    }
}

/// Trust was taken back, for a digest wherever it lies, unless it is narrowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    pub id: i64,
    pub digest: Digest,
    /// Narrowed to one environment; `None`: all of them.
    pub environment: Option<EnvironmentName>,
    /// Narrowed to some repositories, by who speaks for no others; none: all of them.
    #[serde(default = "RepositoryGlobs::none")]
    pub repositories: RepositoryGlobs,
    pub revoker: String,
    pub revoked_at: Timestamp,
    pub reason: String,
}

/// What one source of evidence says, for as long as it counts. By default nothing: the
/// source was not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimedEvidence<T> {
    pub value: T,
    /// From then on it says nothing, and a verdict that rests on it ends; `None`: time
    /// does not end it.
    pub until: Option<Timestamp>,
}

impl<T> TimedEvidence<T> {
    pub const fn until(value: T, moment: Timestamp) -> Self {
        Self {
            value,
            until: Some(moment),
        }
    }

    /// Counts for `duration` from `now` on.
    pub fn lasting(value: T, now: Timestamp, duration: SignedDuration) -> Self {
        let end = now.saturating_add(duration).unwrap_or(Timestamp::MAX);
        Self::until(value, end)
    }
}

/// When a finding was first reported, at this severity, by anybody of one scope:
/// reporting it again does not begin a new grace.
#[derive(Clone, Debug)]
pub struct FirstReported {
    pub manifest: Digest,
    pub scope: Scope,
    pub received_at: Timestamp,
    pub finding: Finding,
}

impl Promotion {
    /// Whether it is of the subject, in its environment and repository, or of one of the
    /// indexes `above` it.
    pub(super) fn counts_for(&self, subject: &Subject, above: &[Digest]) -> bool {
        self.environment == subject.environment
            && self.repository == subject.repository
            && (self.digest == subject.digest || above.contains(&self.digest))
    }
}

impl Revocation {
    /// Whether it holds for images of `repository` in `environment`.
    pub fn reaches(&self, environment: &EnvironmentName, repository: &Repository) -> bool {
        self.environment
            .as_ref()
            .is_none_or(|name| name == environment)
            && self.repositories.empty_or_matches(repository)
    }

    /// Whether nothing narrows it.
    pub fn is_everywhere(&self) -> bool {
        self.environment.is_none() && self.repositories.is_empty()
    }
}

impl FirstReported {
    /// Whether the submitter's scope reaches the subject.
    pub(super) fn counts_for(&self, subject: &Subject) -> bool {
        self.scope.covers_repository(&subject.repository)
            && self.scope.covers_environment(subject.environment.as_str())
    }
}

/// An image of the subject's closure begins with all layers of an admitted image
/// of a trusted repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedBase {
    /// Manifest of the image that was built on it.
    pub image: Digest,
    /// `host/name@digest` of the base.
    pub base: String,
}

/// Everything known of one subject, read from the ledger and the closure.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub closure: Arc<Closure>,
    /// Indexes that hold the root, in the same repository, and did not refuse it: what is
    /// granted to them holds for it.
    pub parents: Vec<Digest>,
    /// What else the subject goes the way of: indexes that hold the root in other
    /// repositories, and the same bytes under the other algorithm.
    pub related: HashSet<Digest>,
    /// Of any image manifest in the closure; older ones of a tool and submitter may
    /// be among them.
    pub scans: Vec<Arc<Scan>>,
    /// Of the same manifests; needed only where a worse report has grace.
    pub first_reported: Vec<FirstReported>,
    /// Of the root, or of an index above it in the same repository.
    pub promotions: Vec<Promotion>,
    /// Of the root, of anything in its closure, or of an index above it, under
    /// either algorithm. Reinstated ones are not among them.
    pub revocations: Vec<Revocation>,
    /// Of the root, or of an index above it, in this environment.
    pub break_glass: Vec<BreakGlass>,
    /// The last that was set for this environment.
    pub timed_mode: Option<TimedMode>,
    /// When the root, or an index above it, was first seen anywhere here.
    pub first_seen: Option<Timestamp>,
    /// When the root was first served in this environment with nothing against it: what passed
    /// by a mode or by break-glass alone was not admitted.
    pub first_served: Option<Timestamp>,
    /// Whether the upstream was seen to hold the root, so that it may vouch for it.
    pub held_upstream: TimedEvidence<bool>,
    /// Whether what this manifest refers to is itself permitted: its `subject`, or an
    /// index that holds it when it is an attestation.
    pub subject_permitted: TimedEvidence<bool>,
    /// Permitted images that those in the closure were built on.
    pub trusted_bases: TimedEvidence<Vec<TrustedBase>>,
    /// It lies in no registry yet: what needs its layers or its age is judged once it
    /// does.
    pub unpushed: bool,
    /// The ledger could be asked. Else only revocations that memory knows are
    /// here, and nothing can be decided that needs evidence.
    pub confirmed: bool,
}

impl Evidence {
    /// Whether a scan or a promotion that counts for the subject at `now` is missing, so
    /// that an upstream may vouch in its place. What counts elsewhere takes nobody's place.
    pub fn lacks_scan_or_promotion(&self, subject: &Subject, now: Timestamp) -> bool {
        let mut promotions = self.promotions.iter();
        let promoted =
            promotions.any(|it| it.promoted_at <= now && it.counts_for(subject, &self.parents));
        let scanned = |image: &Image| {
            let mut scans = self.scans.iter();
            scans.any(|it| it.scanned_at <= now && it.counts_for(subject, &image.manifest))
        };
        !promoted || !self.closure.images().all(scanned)
    }

    /// No evidence at all.
    pub fn none(closure: Arc<Closure>) -> Self {
        Self {
            closure,
            parents: Vec::new(),
            related: HashSet::new(),
            scans: Vec::new(),
            first_reported: Vec::new(),
            promotions: Vec::new(),
            revocations: Vec::new(),
            break_glass: Vec::new(),
            timed_mode: None,
            first_seen: None,
            first_served: None,
            held_upstream: TimedEvidence::default(),
            subject_permitted: TimedEvidence::default(),
            trusted_bases: TimedEvidence::default(),
            unpushed: false,
            confirmed: true,
        }
    }
}

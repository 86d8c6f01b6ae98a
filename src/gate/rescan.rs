//! The rescan forecast: images that are denied for lack of a scan, and images in use
//! whose scan runs out.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::closures::Closures;
use super::inspect::InspectError;
use super::judge::Judge;
use super::parts::Shared;
use super::pull::{ExposureInput, Question};
use super::upstreams::Upstreams;
use crate::ledger::{Alias, DecisionFilter, InUsePage, Ledger, LedgerError};
use crate::oci::{Closure, Digest, Image, ImageContent, Platform, Repository};
use crate::trust::{
    CheckOutcome, Decision, DenialReason, EnvironmentName, Evidence, Outcome, Rulebook, Subject,
    Verdict,
};

/// Subjects looked at for one page, at most.
pub const MAX_RESCAN_SUBJECTS: u32 = 5000;
/// Denials and pulls older than this do not count as use.
const IN_USE_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often time may change a verdict before the end that is looked at.
const MAX_STEPS: usize = 16;

/// Why an image wants a scan, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RescanReason {
    NotScanned,
    PlatformNotScanned,
    ScanIncomplete,
    ScanStale,
    /// Its scan runs out soon.
    Expires,
}

impl RescanReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotScanned => "not-scanned",
            Self::PlatformNotScanned => "platform-not-scanned",
            Self::ScanIncomplete => "scan-incomplete",
            Self::ScanStale => "scan-stale",
            Self::Expires => "expires",
        }
    }

    /// `None`: a new scan would not lift it.
    fn of(reason: DenialReason) -> Option<Self> {
        match reason {
            DenialReason::NotScanned => Some(Self::NotScanned),
            DenialReason::PlatformNotScanned => Some(Self::PlatformNotScanned),
            DenialReason::ScanIncomplete => Some(Self::ScanIncomplete),
            DenialReason::ScanStale => Some(Self::ScanStale),
            DenialReason::Revoked
            | DenialReason::ManifestRefused
            | DenialReason::AmbiguousReference
            | DenialReason::UnknownUpstream
            | DenialReason::RegistryNotPermitted
            | DenialReason::NotInAdmittedImage
            | DenialReason::PlatformNotAllowed
            | DenialReason::Unauthenticated
            | DenialReason::Malware
            | DenialReason::Secrets
            | DenialReason::BlockedByAdvisory
            | DenialReason::TooSevere
            | DenialReason::NotPromoted
            | DenialReason::UntrustedBase
            | DenialReason::TooNew
            | DenialReason::Undecidable => None,
        }
    }
}

/// One image that needs a scan.
#[derive(Clone, Debug)]
pub struct RescanDue {
    pub repository: Repository,
    /// The image manifest; never an index.
    pub manifest: Digest,
    pub platform: Option<Platform>,
    /// The image as its upstream must be asked for it, past the gateway.
    pub direct: String,
    /// The upstream is reached without TLS.
    pub plain: bool,
    pub cause: RescanReason,
    pub environments: Vec<EnvironmentName>,
    /// When the scan that it has runs out.
    pub expires_at: Option<Timestamp>,
}

/// What is asked, and how.
pub struct RescanQuery<'a> {
    pub rulebook: &'a Rulebook,
    /// The exposure of pulls in an environment.
    pub exposure: &'a (dyn Fn(&EnvironmentName) -> ExposureInput + Send + Sync),
    /// What the client may see. Nothing else is considered, so that it does not use up
    /// the list's limit.
    pub is_visible: &'a (dyn Fn(&EnvironmentName, &Repository) -> bool + Send + Sync),
    pub now: Timestamp,
    /// Scans that run out within this long are due.
    pub within: SignedDuration,
}

/// A part of what is in use, in the order of digests.
pub struct RescanPage<'a> {
    /// Only what comes behind it.
    pub after: Option<&'a Subject>,
    /// Subjects that are looked at; [`MAX_RESCAN_SUBJECTS`] at most.
    pub limit: u32,
}

type FoundScans = BTreeMap<(Repository, Digest), RescanDue>;

/// Lists the images that need a scan.
pub struct RescanForecast {
    ledger: Arc<Ledger>,
    upstreams: Arc<Upstreams>,
    closures: Arc<Closures>,
    judge: Arc<Judge>,
}

impl RescanForecast {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            ledger: shared.ledger.clone(),
            upstreams: shared.upstreams.clone(),
            closures: shared.closures.clone(),
            judge: shared.judge.clone(),
        }
    }

    /// Images that need a scan, the most urgent first, among a part of what was pulled or is
    /// promoted, and the last subject of that part, where others follow. What was denied for
    /// want of a scan comes with the first part.
    ///
    /// # Errors
    /// [`InspectError`] where the records cannot be read.
    pub async fn due(
        &self,
        query: &RescanQuery<'_>,
        page: RescanPage<'_>,
    ) -> Result<(Vec<RescanDue>, Option<Subject>), InspectError> {
        let since = query.now.checked_sub(IN_USE_FOR).unwrap_or(Timestamp::MIN);
        let sees = |it: &Subject| (query.is_visible)(&it.environment, &it.repository);
        let limit = page.limit.clamp(1, MAX_RESCAN_SUBJECTS);
        let in_use = self.ledger.in_use_page(page.after, since, limit).await;
        let InUsePage { subjects, is_cut } = in_use.map_err(unreadable)?;
        let last = subjects.last().filter(|_| is_cut).cloned();
        let mut seen: HashSet<Subject> = subjects.into_iter().filter(|it| sees(it)).collect();
        if page.after.is_none() {
            let denied = self.denied_for_lack(since, sees).await;
            seen.extend(denied.map_err(unreadable)?);
        }
        let mut found = FoundScans::new();
        for subject in &seen {
            self.look_at(query, subject, &mut found).await;
        }
        let mut due: Vec<RescanDue> = found.into_values().collect();
        due.iter_mut().for_each(|due| due.environments.sort());
        due.sort_by_key(|due| (due.cause, due.expires_at));
        Ok((due, last))
    }

    async fn denied_for_lack(
        &self,
        since: Timestamp,
        sees: impl Fn(&Subject) -> bool,
    ) -> Result<Vec<Subject>, LedgerError> {
        let mut subjects = Vec::new();
        for verdict in [Outcome::Denied, Outcome::WouldDeny, Outcome::BreakGlass] {
            let filter = DecisionFilter {
                since: Some(since),
                verdict: Some(verdict),
                ..DecisionFilter::default()
            };
            let wanted = |decision: &Decision| {
                let for_want = decision
                    .reasons
                    .iter()
                    .any(|it| RescanReason::of(*it).is_some());
                for_want && decision.subject().is_some_and(|subject| sees(&subject))
            };
            let denied = self.ledger.decisions_where(&filter, wanted).await?;
            subjects.extend(denied.iter().filter_map(Decision::subject));
        }
        Ok(subjects)
    }

    /// Adds the images of `subject` that need a scan. What its upstream does not have now
    /// cannot be scanned now.
    async fn look_at(&self, query: &RescanQuery<'_>, subject: &Subject, found: &mut FoundScans) {
        let Some(environment) = query.rulebook.environment(&subject.environment) else {
            return;
        };
        let settings = environment.settings(&subject.repository);
        let Ok((closure, aliases)) = self.closures.readable(subject, query.now).await else {
            return;
        };
        for image in closure.images() {
            let ImageContent::Runnable { platform, .. } = &image.content else {
                continue;
            };
            if settings.deploys(platform) {
                let known = (image, &*aliases);
                self.look_at_image(query, subject, known, found).await;
            }
        }
    }

    async fn look_at_image(
        &self,
        query: &RescanQuery<'_>,
        root: &Subject,
        (image, aliases): (&Image, &[Alias]),
        found: &mut FoundScans,
    ) {
        let Ok(reachable) = self.upstreams.of(&root.repository) else {
            return;
        };
        let subject = Subject {
            digest: image.manifest.clone(),
            ..root.clone()
        };
        let question = Question {
            rulebook: query.rulebook,
            subject: &subject,
            exposure: (query.exposure)(&subject.environment),
            now: query.now,
            depth: 0,
        };
        let closure = Arc::new(Closure::of_image(image));
        let (evidence, _) = self.judge.evidence(question, (closure, aliases)).await;
        let Some((cause, expires_at)) = due_at(question, &evidence, query.within) else {
            return;
        };
        let key = (subject.repository.clone(), subject.digest.clone());
        let due = found.entry(key).or_insert_with(|| RescanDue {
            direct: reachable.direct(&subject.repository, &subject.digest),
            plain: reachable.is_plain(),
            repository: subject.repository.clone(),
            manifest: subject.digest.clone(),
            platform: image.platform().cloned(),
            cause,
            environments: Vec::new(),
            expires_at,
        });
        due.cause = due.cause.min(cause);
        if !due.environments.contains(&subject.environment) {
            due.environments.push(subject.environment.clone());
        }
    }
}

fn unreadable(error: LedgerError) -> InspectError {
    tracing::error!(%error, "records not readable");
    InspectError::Unavailable("the records cannot be read".to_owned())
}

/// Why a scan is wanted, if it is: now, or since the one that it has runs out
/// before the end. Only time is moved on; the verdict says how far.
fn due_at(
    question: Question<'_>,
    evidence: &Evidence,
    within: SignedDuration,
) -> Option<(RescanReason, Option<Timestamp>)> {
    let end = question.now.checked_add(within).unwrap_or(Timestamp::MAX);
    let mut at = question.now;
    for _ in 0..MAX_STEPS {
        let verdict = Question {
            now: at,
            ..question
        }
        .verdict(evidence);
        if let Some(cause) = rescan_reason(&verdict) {
            return Some(match at == question.now {
                true => (cause, None),
                false => (RescanReason::Expires, Some(at)),
            });
        }
        at = verdict.valid_until().filter(|until| *until <= end)?;
    }
    None
}

/// A stale scan that has grace is wanted anew before the grace ends.
fn rescan_reason(verdict: &Verdict) -> Option<RescanReason> {
    let reasons = verdict.denials().iter().map(|denial| denial.reason);
    let in_grace = verdict
        .checks()
        .iter()
        .any(|check| check.requirement == "scan" && check.outcome == CheckOutcome::Warned);
    let denied = reasons.filter_map(RescanReason::of).min();
    denied.or(in_grace.then_some(RescanReason::ScanStale))
}

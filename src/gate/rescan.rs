//! The rescan forecast: images that are denied for lack of a scan, and images in use
//! whose scan runs out.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};

use super::closures::Closures;
use super::forecast::FORESEEN_AT_ONCE;
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
        let looks = seen.into_iter().map(|subject| self.look_at(query, subject));
        let mut looked = stream::iter(looks).buffer_unordered(FORESEEN_AT_ONCE);
        while let Some(due) = looked.next().await {
            due.into_iter().for_each(|due| add(&mut found, due));
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

    /// The images of `subject` that need a scan. What its upstream does not have now cannot
    /// be scanned now.
    async fn look_at(&self, query: &RescanQuery<'_>, subject: Subject) -> Vec<RescanDue> {
        let mut due = Vec::new();
        let Some(environment) = query.rulebook.environment(&subject.environment) else {
            return due;
        };
        let settings = environment.settings(&subject.repository);
        let Ok((closure, aliases)) = self.closures.readable(&subject, query.now).await else {
            return due;
        };
        for image in closure.images() {
            let ImageContent::Runnable { platform, .. } = &image.content else {
                continue;
            };
            if settings.deploys(platform) {
                let known = (image, &*aliases);
                due.extend(self.look_at_image(query, &subject, known).await);
            }
        }
        due
    }

    async fn look_at_image(
        &self,
        query: &RescanQuery<'_>,
        root: &Subject,
        (image, aliases): (&Image, &[Alias]),
    ) -> Option<RescanDue> {
        let reachable = self.upstreams.of(&root.repository).ok()?;
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
        let (cause, expires_at) = due_at(question, &evidence, query.within)?;
        Some(RescanDue {
            direct: reachable.direct(&subject.repository, &subject.digest),
            plain: reachable.is_plain(),
            repository: subject.repository,
            manifest: subject.digest,
            platform: image.platform().cloned(),
            cause,
            environments: vec![subject.environment],
            expires_at,
        })
    }
}

/// One image once, for the most urgent of its causes.
fn add(found: &mut FoundScans, due: RescanDue) {
    match found.entry((due.repository.clone(), due.manifest.clone())) {
        Entry::Vacant(place) => drop(place.insert(due)),
        Entry::Occupied(mut known) => {
            let known = known.get_mut();
            let more_urgent = (due.cause, due.expires_at) < (known.cause, known.expires_at);
            if more_urgent {
                (known.cause, known.expires_at) = (due.cause, due.expires_at);
            }
            for environment in due.environments {
                if !known.environments.contains(&environment) {
                    known.environments.push(environment);
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn due(environment: &str, cause: RescanReason, expires_at: Option<Timestamp>) -> RescanDue {
        RescanDue {
            repository: "registry.corp/app".parse().unwrap(),
            manifest: Digest::sha256(b"app"),
            platform: None,
            direct: String::new(),
            plain: false,
            cause,
            environments: vec![environment.parse().unwrap()],
            expires_at,
        }
    }

    /// Whichever environment is looked at first.
    #[test]
    fn an_image_is_due_once_for_the_most_urgent_cause_in_all_its_environments() {
        let soon = Timestamp::UNIX_EPOCH;
        let later = soon + SignedDuration::from_hours(1);
        let all = [
            due("staging", RescanReason::Expires, Some(later)),
            due("production", RescanReason::Expires, Some(soon)),
            due("test", RescanReason::ScanStale, None),
            due("test", RescanReason::ScanStale, None),
        ];
        for told in [vec![0, 1, 2, 3], vec![3, 2, 1, 0], vec![1, 3, 0]] {
            let mut found = FoundScans::new();
            told.into_iter()
                .for_each(|at| add(&mut found, all[at].clone()));
            let found: Vec<RescanDue> = found.into_values().collect();
            assert_eq!(found.len(), 1);
            let cause = (found[0].cause, found[0].expires_at);
            assert_eq!(cause, (RescanReason::ScanStale, None));
            assert_eq!(found[0].environments.len(), 3);
        }
        let mut found = FoundScans::new();
        add(&mut found, all[0].clone());
        add(&mut found, all[1].clone());
        assert!(found.values().all(|it| it.expires_at == Some(soon)));
    }
}

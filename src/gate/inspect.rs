//! For scan submissions and verdict queries: resolves an image name at its upstream,
//! finds the image that a report is about, and gives the verdict that a pull would get.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::closures::{Closures, KnownClosure};
use super::judge::{Judge, rests_on_others};
use super::parts::Shared;
use super::pull::{ExposureInput, Halt, Lane, Pull, Question};
use super::refusal::Refusal;
use super::resolve::Resolver;
use super::unread::UnreadDigests;
use super::upstreams::Upstreams;
use crate::ledger::{Alias, Attributed, Ledger, LedgerError, NewScan, TakenScan};
use crate::oci::{
    Closure, Digest, Image, ImageContent, ImageRef, Reference, Repository, Shape, Tag, listed,
};
use crate::report::{BindError, BindTarget, ReportBinding, ScanReport};
use crate::trust::{
    Denial, DenialReason, Environment, Evidence, JudgedFinding, MAX_LIST_CHARS, Promotion,
    Rulebook, Verdict,
};

/// How long somebody who speaks against an image waits for it to be read.
const READ_WITHIN: Duration = Duration::from_secs(3);

/// An image as its upstream has it.
#[derive(Clone, Debug)]
pub struct InspectedImage {
    pub repository: Repository,
    /// The tag it was asked by, if any.
    pub tag: Option<Tag>,
    pub digest: Digest,
    pub closure: Arc<Closure>,
    /// Digests of the same bytes, where they were read just now.
    pub aliases: Arc<[Alias]>,
}

/// Why an image cannot be looked at.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InspectError {
    #[error("{0} is no upstream of this gateway; configured are {1}")]
    UnknownUpstream(String, String),
    /// The operator's lists leave it out: an upstream's, a listener's or an
    /// environment's.
    #[error("{}: {}", .0.reason.code(), .0.detail)]
    NotPermitted(Denial),
    #[error("{0} is not there; push it first")]
    NotFound(String),
    /// The environment serves promoted tags alone.
    #[error("{}: {}", .0.reason.code(), .0.detail)]
    NotPromoted(Arc<Denial>),
    #[error("{0} cannot be judged: {1}")]
    Unfit(String, String),
    #[error("the image cannot be looked at now: {0}")]
    Unavailable(String),
}

impl InspectedImage {
    /// The image that `report` is about: this one, or the one child of this index that
    /// the report names. `declared`: the submitter named the digest. A report that fits
    /// no image, or several, is refused.
    ///
    /// # Errors
    /// [`BindError`]: the report is about none of these images, or not for sure about one.
    pub fn bind(
        &self,
        report: &ScanReport,
        declared: bool,
    ) -> Result<(&Image, ReportBinding), BindError> {
        let mut bound = Vec::new();
        let mut refused = None;
        for image in self.closure.images() {
            match self.bind_to(image, report, declared) {
                Some(Ok(how)) => bound.push((image, how)),
                Some(Err(error)) => refused = refused.or(Some(error)),
                None => {}
            }
        }
        match bound[..] {
            [one] => Ok(one),
            [] => Err(refused.unwrap_or(BindError::NamesNoDigest)),
            _ => Err(BindError::AmbiguousIndex(self.digest.clone())),
        }
    }

    /// `None`: nothing that a scanner scans.
    fn bind_to(
        &self,
        image: &Image,
        report: &ScanReport,
        declared: bool,
    ) -> Option<Result<ReportBinding, BindError>> {
        let ImageContent::Runnable { platform, chain_id } = &image.content else {
            return None;
        };
        let of_index = matches!(self.closure.shape(), Shape::Index(_));
        Some(report.subject.binding(&BindTarget {
            manifest: &image.manifest,
            index: of_index.then_some(&self.digest),
            config: &image.config.digest,
            platform,
            chain_id: chain_id.as_ref(),
            declared: declared && !of_index,
        }))
    }
}

/// Looks images up, and judges what was found.
pub struct Inspector {
    ledger: Arc<Ledger>,
    upstreams: Arc<Upstreams>,
    resolver: Arc<Resolver>,
    closures: Arc<Closures>,
    judge: Arc<Judge>,
    unread: UnreadDigests,
}

impl Inspector {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            ledger: shared.ledger.clone(),
            upstreams: shared.upstreams.clone(),
            resolver: shared.resolver.clone(),
            closures: shared.closures.clone(),
            judge: shared.judge.clone(),
            unread: UnreadDigests::new(
                shared.ledger.clone(),
                shared.upstreams.clone(),
                shared.closures.clone(),
            ),
        }
    }

    /// Looks an image up at its upstream: the digest that its reference means
    /// now, and the closure below it.
    ///
    /// # Errors
    /// [`InspectError`] where there is nothing to look at.
    pub async fn inspect(
        &self,
        image: &ImageRef,
        now: Timestamp,
    ) -> Result<InspectedImage, InspectError> {
        let repository = image.repository();
        self.served(repository)?;
        let digest = match image.reference() {
            Reference::Digest(digest) => digest,
            Reference::Tag(tag) => self
                .resolver
                .resolve_now(repository, &tag)
                .await
                .map_err(|refusal| inspect_error(image, refusal))?,
        };
        let found = self.closures.find_now(repository, &digest, now).await;
        let (closure, aliases) = known(image, found)?;
        Ok(InspectedImage {
            repository: repository.clone(),
            tag: image.tag().cloned(),
            digest,
            closure,
            aliases,
        })
    }

    /// Whether an image of a digest is judged without a question to its upstream about it.
    pub fn is_at_hand(&self, image: &ImageRef, now: Timestamp) -> bool {
        let digest = image.digest();
        digest.is_some_and(|it| self.closures.is_at_hand(image.repository(), it, now))
    }

    /// Records what lies in what, and which digests are of the same bytes.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn record(&self, inspected: &InspectedImage) -> Result<(), LedgerError> {
        let (repository, closure) = (&inspected.repository, &inspected.closure);
        let recorded = self
            .ledger
            .record_read(repository, closure, &inspected.aliases);
        recorded.await
    }

    /// Reads and records what lies below an image that was spoken against just now, so that it
    /// holds for all of that; within a bound. What could not be read is asked for again in the
    /// background.
    ///
    /// # Errors
    /// [`InspectError`]: nobody knows what lies below it.
    pub async fn read_below(&self, image: &ImageRef, now: Timestamp) -> Result<(), InspectError> {
        let Some(digest) = image.digest().filter(|it| !self.unread.is_read(it)) else {
            return Ok(());
        };
        self.unread.remember(image.repository(), digest);
        let unavailable = |why: &str| InspectError::Unavailable(why.to_owned());
        let reading = async {
            let inspected = self.inspect(image, now).await?;
            let recorded = self.record(&inspected).await;
            recorded.map_err(|error| unavailable(&error.to_string()))
        };
        let read = timeout(READ_WITHIN, reading).await;
        read.unwrap_or_else(|_| Err(unavailable("the upstream has not answered yet")))
    }

    /// Reads what is spoken against and not known.
    pub fn unread(&self) -> &UnreadDigests {
        &self.unread
    }

    /// Takes in a report on one of these images, with what lies in what: what pulls of the
    /// image are judged by from now on.
    ///
    /// # Errors
    /// Those of [`Ledger::take_scan`].
    pub async fn submit(
        &self,
        inspected: &InspectedImage,
        new: Attributed<NewScan>,
    ) -> Result<TakenScan, LedgerError> {
        self.record(inspected).await?;
        self.ledger.take_scan(new).await
    }

    fn served(&self, repository: &Repository) -> Result<(), InspectError> {
        match self.upstreams.get(repository.host()) {
            Some(upstream) if upstream.serves(repository) => Ok(()),
            Some(_) => Err(InspectError::NotPermitted(Denial::new(
                DenialReason::RegistryNotPermitted,
                format!(
                    "the upstream does not serve {repository}; its `repositories` leave it out"
                ),
                "ask the operator to list it there",
            ))),
            None => {
                let known: Vec<&str> = self.upstreams.all().map(|it| it.host.as_str()).collect();
                let host = repository.host().to_string();
                Err(InspectError::UnknownUpstream(
                    host,
                    listed(&known, MAX_LIST_CHARS),
                ))
            }
        }
    }

    /// The verdict that a pull of `image` would get: its reference is resolved as
    /// that of a pull is, so that a tag means what was promoted under it where the
    /// environment serves promoted tags. With the findings that it turns on; nothing
    /// is recorded.
    ///
    /// # Errors
    /// [`InspectError`] where there is nothing to judge.
    pub async fn explain(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        image: &ImageRef,
        exposure: ExposureInput,
    ) -> Result<(Verdict, Vec<JudgedFinding>), InspectError> {
        let reference = image.reference();
        let digest = match (self.resolve(pull, rulebook, &reference).await, &reference) {
            (Ok(digest), _) => digest,
            (Err(Halt::NotServed(denial)), Reference::Digest(digest)) => {
                let subject = pull.subject(digest.clone());
                let question = pull.question(rulebook, &subject);
                return Ok((question.refused(denial), Vec::new()));
            }
            (Err(halt), _) => return Err(unresolved(image, halt)),
        };
        let subject = pull.subject(digest);
        let question = Question {
            exposure,
            ..pull.question(rulebook, &subject)
        };
        let closures = &self.closures;
        let found = closures.find(&subject.repository, &subject.digest, pull.now);
        let (closure, aliases) = known(image, found.await)?;
        let gathered = self.judge.gathered(question, (closure, &*aliases)).await;
        if let Some(verdict) = self.remembered(question, &gathered.evidence) {
            return Ok((verdict, Vec::new()));
        }
        let verdict = question.verdict_in_full(&gathered.evidence);
        match gathered.doubts.failed {
            Some(refusal) if rests_on_others(&verdict.0) => Err(inspect_error(image, refusal)),
            _ => Ok(verdict),
        }
    }

    /// Where the records cannot be read, what a pull gets from memory meanwhile; the findings
    /// behind it are not there.
    fn remembered(&self, question: Question<'_>, evidence: &Evidence) -> Option<Verdict> {
        let unreadable = !evidence.confirmed;
        let cached = unreadable.then(|| self.judge.cached(question)).flatten()?;
        Some((*cached.verdict).clone())
    }

    /// Limits and resolve of a pull.
    async fn resolve(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        reference: &Reference,
    ) -> Result<Digest, Halt> {
        let environment = self.limits(pull, rulebook)?;
        let resolved = self
            .resolver
            .resolve(pull, environment, reference, Lane::Layered);
        Ok(resolved.await?.digest)
    }

    /// Limits of a pull. What policy itself leaves out is judged all the same, to tell
    /// what else is said against it.
    fn limits<'a>(&self, pull: Pull<'_>, rulebook: &'a Rulebook) -> Result<&'a Environment, Halt> {
        let repository = pull.repository();
        let environment = rulebook.environment(pull.environment());
        let denied = |it: &&Environment| !it.permits_upstream(repository, repository.host());
        match environment.filter(denied) {
            Some(environment) => Ok(environment),
            None => self.resolver.limits(pull, rulebook),
        }
    }

    /// The verdict that a pull of `inspected` would get, with the findings that it
    /// turns on. `as_promoted_by`: as if they had promoted it already.
    pub async fn judge(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        inspected: &InspectedImage,
        as_promoted_by: Option<&str>,
    ) -> (Verdict, Vec<JudgedFinding>) {
        let subject = pull.subject(inspected.digest.clone());
        let question = pull.question(rulebook, &subject);
        if let Err(Halt::NotServed(denial)) = self.limits(pull, rulebook) {
            return (question.refused(denial), Vec::new());
        }
        let known = (inspected.closure.clone(), &*inspected.aliases);
        let (mut evidence, _) = self.judge.evidence(question, known).await;
        if as_promoted_by.is_none()
            && let Some(verdict) = self.remembered(question, &evidence)
        {
            return (verdict, Vec::new());
        }
        let supposed = as_promoted_by.map(|who| Promotion::hypothetical(&subject, who, pull.now));
        evidence.promotions.extend(supposed);
        question.verdict_in_full(&evidence)
    }
}

fn known(
    image: &ImageRef,
    found: Result<KnownClosure, Refusal>,
) -> Result<(Arc<Closure>, Arc<[Alias]>), InspectError> {
    match found.map_err(|refusal| inspect_error(image, refusal))? {
        KnownClosure::Recorded(closure) => Ok((closure, Arc::default())),
        KnownClosure::Unrecorded(read) => Ok((read.closure, read.aliases)),
        KnownClosure::Unfit(unfit) => Err(InspectError::Unfit(
            image.to_string(),
            unfit.why.to_string(),
        )),
    }
}

/// Why a pull would come to no verdict.
fn unresolved(image: &ImageRef, halt: Halt) -> InspectError {
    match halt {
        Halt::NotServed(denial) => InspectError::NotPermitted(denial),
        Halt::Refused(Refusal::TagNotPromoted(denial)) => InspectError::NotPromoted(denial),
        Halt::Refused(refusal) => inspect_error(image, refusal),
        Halt::BeyondMemory => InspectError::Unavailable("no answer".to_owned()),
    }
}

fn inspect_error(image: &ImageRef, refusal: Refusal) -> InspectError {
    match refusal {
        Refusal::NameUnknown
        | Refusal::ManifestUnknown
        | Refusal::BlobUnknown
        | Refusal::TagNotPromoted(_) => InspectError::NotFound(image.to_string()),
        Refusal::UpstreamFailed(error) => InspectError::Unavailable(error.to_string()),
        Refusal::Delayed(why) => InspectError::Unavailable(why),
        Refusal::Denied(_) | Refusal::Undecidable(_) | Refusal::RangeNotSatisfiable(_) => {
            InspectError::Unavailable("no answer".to_owned())
        }
    }
}

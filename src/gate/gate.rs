//! The gate that doors hold: its parts, and a pull as a straight line.
//!
//! Limits, resolve, check, permit, and only then a byte. The line is written once,
//! and walked in two lanes: in memory alone, where it never waits and gives up
//! when memory does not know, and layered, where ledger, disk and upstream answer.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::FutureExt;
use jiff::Timestamp;
use tracing::Instrument;

use super::admit::{AdmissionContext, AdmissionOutcome, Admissions, unjudged};
use super::blob::Blobs;
use super::forecast::Forecast;
use super::inspect::{InspectError, Inspector};
use super::parts::{GateParts, Shared};
use super::pull::{Client, ExposureInput, Halt, Lane, Listener, Pull, Question, RequestTarget};
use super::record::{Recorder, shown_warnings};
use super::referrers::ReferrerLists;
use super::refusal::Refusal;
use super::rejudge::Rejudger;
use super::replay::{Replay, Replayed, Replayer};
use super::rescan::RescanForecast;
use super::serve::{BlobPart, ServedBlob, ServedFrom, ServedManifest};
use super::tags::{TagList, TagLists};
use super::traced::traced;
use super::unpushed::UnpushedJudge;
use super::upstreams::{AddressError, ConfiguredUpstream, Namespace};
use crate::access::Principal;
use crate::cache::CachedManifest;
use crate::clock::Clock;
use crate::oci::{Digest, MediaType, Reference, write_referrers};
use crate::spans::trace_span;
use crate::trust::{Denial, ImageMember, Mode, Rulebook, Verdict};

/// Everything a decision needs.
pub struct Gate {
    rulebook: ArcSwap<Rulebook>,
    clock: Clock,
    shared: Shared,
    blobs: Blobs,
    tags: TagLists,
    referrers: ReferrerLists,
    admissions: Admissions,
    inspector: Inspector,
    unpushed: UnpushedJudge,
    rejudger: Rejudger,
    rescans: RescanForecast,
    forecasts: Forecast,
    replayer: Replayer,
}

/// A verdict, with a warning if the digest may be stale.
struct FoundVerdict {
    verdict: Arc<Verdict>,
    warning: Option<String>,
}

impl Gate {
    pub fn new(parts: GateParts) -> Self {
        let (clock, tasks) = (parts.clock.clone(), parts.tasks.clone());
        let metrics = parts.metrics.clone();
        let (rulebook, shared) = parts.share();
        Self {
            tags: TagLists::new(&shared, clock.clone(), tasks),
            clock,
            rulebook: ArcSwap::from_pointee(rulebook),
            blobs: Blobs::new(&shared),
            referrers: ReferrerLists::new(&shared),
            admissions: Admissions::new(&shared),
            inspector: Inspector::new(&shared),
            unpushed: UnpushedJudge::new(&shared),
            rejudger: Rejudger::new(&shared, metrics),
            rescans: RescanForecast::new(&shared),
            forecasts: Forecast::new(&shared),
            replayer: Replayer::new(&shared),
            shared,
        }
    }

    /// The time of a request that comes in now: a door asks once for each.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The answer to a manifest pull that needs no waiting: memory only, no
    /// await, no SQL, no formatting. `None`: take [`Gate::pull_manifest`].
    pub fn hot_manifest(
        &self,
        pull: Pull<'_>,
        reference: &Reference,
    ) -> Option<Result<Arc<CachedManifest>, Refusal>> {
        let rulebook = self.rulebook.load();
        let walked = self.walk(pull, &rulebook, reference, Lane::Memory);
        match walked.now_or_never()? {
            Ok(served) => Some(Ok(served.manifest)),
            Err(Halt::Refused(refusal)) => Some(Err(refusal)),
            Err(Halt::BeyondMemory | Halt::NotServed(_)) => None,
        }
    }

    /// Serves a manifest, by GET or HEAD alike.
    ///
    /// # Errors
    /// [`Refusal`], recorded where it is a denial.
    pub async fn pull_manifest(
        &self,
        pull: Pull<'_>,
        reference: &Reference,
    ) -> Result<ServedManifest, Refusal> {
        let rulebook = self.rulebook();
        // Boxed: what waits for it would hold it several times.
        let walked = Box::pin(self.walk(pull, &rulebook, reference, Lane::Layered));
        let answer = async {
            match walked.await {
                Ok(served) => Ok(served),
                Err(halt) => Err(self
                    .refused(pull, &rulebook, pull.image(reference), halt)
                    .await),
            }
        };
        traced(pull, reference, answer).await
    }

    /// A pull from top to bottom, in either lane.
    async fn walk(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        reference: &Reference,
        lane: Lane,
    ) -> Result<ServedManifest, Halt> {
        let exposure = pull.exposure();
        let FoundVerdict { verdict, warning } = self
            .check(pull, rulebook, exposure, reference, lane)
            .await?;
        let records = &self.shared.records;
        let permitted = records.permit(pull, reference, &verdict, lane);
        let permitting = lane.span(|| trace_span!("permit"));
        let permit = permitted.instrument(permitting).await?;
        let at_hand = self.shared.server.in_memory(&permit, lane)?;
        records.passed(pull, reference, &verdict, lane)?;
        self.blobs.expect(pull, &verdict, lane);
        let (manifest, source) = match at_hand {
            Some(manifest) => (manifest, ServedFrom::Cache),
            None => {
                let served = Box::pin(self.shared.server.manifest(pull, permit));
                served.instrument(trace_span!("serve")).await?
            }
        };
        let mut warnings = Vec::from_iter(warning);
        warnings.extend(shown_warnings(&verdict));
        Ok(ServedManifest {
            manifest,
            source,
            warnings,
        })
    }

    /// Limits, resolve, check: the verdict on what `reference` means now.
    async fn check(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        exposure: ExposureInput,
        reference: &Reference,
        lane: Lane,
    ) -> Result<FoundVerdict, Halt> {
        let resolver = &self.shared.resolver;
        let limits = lane.span(|| trace_span!("limits"));
        let environment = limits.in_scope(|| resolver.limits(pull, rulebook))?;
        let resolved = resolver.resolve(pull, environment, reference, lane);
        let resolving = lane.span(|| trace_span!("resolve"));
        let resolved = resolved.instrument(resolving).await?;
        let subject = pull.subject(resolved.digest);
        let question = Question {
            exposure,
            ..pull.question(rulebook, &subject)
        };
        let judged = self.shared.judge.verdict_in(question, lane);
        let checking = lane.span(|| trace_span!("check"));
        let verdict = judged.instrument(checking).await?;
        let warning = resolved.warning;
        Ok(FoundVerdict { verdict, warning })
    }

    /// Why a pull did not go on, recorded where the line did not do so.
    async fn refused(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        image: String,
        halt: Halt,
    ) -> Refusal {
        match halt {
            Halt::Refused(refusal) => refusal,
            Halt::BeyondMemory => Refusal::later("no answer"),
            Halt::NotServed(denial) => {
                self.shared
                    .records
                    .refuse(pull, rulebook, image, denial)
                    .await
            }
        }
    }

    /// A blob that needs no waiting, through the image that permitted it before: memory
    /// and open files only, no await, no SQL, no formatting. `None`: take
    /// [`Gate::pull_blob`].
    pub fn hot_blob(
        &self,
        pull: Pull<'_>,
        member: &ImageMember,
        wanted: BlobPart,
    ) -> Option<ServedBlob> {
        let rulebook = self.rulebook.load();
        self.shared.resolver.limits(pull, &rulebook).ok()?;
        // Before the permit: one that is known only after it may be spoken against.
        if self.shared.server.lacks_other(member.digest()) {
            return None;
        }
        let permitted = self.blobs.permit_again(pull, &rulebook, member)?;
        self.shared.server.blob_at_hand(pull, permitted, wanted)
    }

    /// Serves a blob of a permitted image, or as much of it as is `wanted`.
    ///
    /// # Errors
    /// [`Refusal`], recorded where it is a denial.
    pub async fn pull_blob(
        &self,
        pull: Pull<'_>,
        digest: &Digest,
        wanted: BlobPart,
    ) -> Result<ServedBlob, Refusal> {
        let reference = Reference::Digest(digest.clone());
        let answer = Box::pin(self.walk_to_blob(pull, digest, wanted));
        traced(pull, &reference, answer).await
    }

    async fn walk_to_blob(
        &self,
        pull: Pull<'_>,
        digest: &Digest,
        wanted: BlobPart,
    ) -> Result<ServedBlob, Refusal> {
        let rulebook = self.rulebook();
        let resolver = &self.shared.resolver;
        let limits = trace_span!("limits").in_scope(|| resolver.limits(pull, &rulebook));
        if let Err(halt) = limits {
            let image = pull.image(&Reference::Digest(digest.clone()));
            return Err(self.refused(pull, &rulebook, image, halt).await);
        }
        let server = &self.shared.server;
        self.blobs
            .send(server, pull, (&rulebook, digest), wanted)
            .await
    }

    /// The first tags behind `last` that would be served, `limit` at most, in lexical
    /// order.
    ///
    /// # Errors
    /// [`Refusal`] of the list as a whole.
    pub async fn list_tags(
        &self,
        pull: Pull<'_>,
        limit: usize,
        last: Option<&str>,
    ) -> Result<TagList, Refusal> {
        let rulebook = self.rulebook();
        match self.shared.resolver.limits(pull, &rulebook) {
            Ok(environment) => {
                let policy = (&rulebook, environment);
                self.tags.page(pull, policy, limit, last).await
            }
            Err(halt) => {
                let image = pull.repository().to_string();
                Err(self.refused(pull, &rulebook, image, halt).await)
            }
        }
    }

    /// An index of what refers to a permitted manifest, of the types that are
    /// served. Empty when nothing does.
    ///
    /// # Errors
    /// [`Refusal`] of the manifest that they refer to.
    pub async fn list_referrers(
        &self,
        pull: Pull<'_>,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<Bytes, Refusal> {
        let rulebook = self.rulebook();
        let reference = Reference::Digest(digest.clone());
        let listed = async {
            let environment = self.shared.resolver.limits(pull, &rulebook)?;
            let found = self.check(pull, &rulebook, pull.exposure(), &reference, Lane::Layered);
            let verdict = found.await?.verdict;
            let records = &self.shared.records;
            let _permit = records
                .permit(pull, &reference, &verdict, Lane::Layered)
                .await?;
            records.passed(pull, &reference, &verdict, Lane::Layered)?;
            let lists = &self.referrers;
            Ok(lists
                .index(pull, (&rulebook, environment), digest, artifact_type)
                .await?)
        };
        match listed.await {
            Ok(index) => Ok(index),
            Err(Halt::Refused(Refusal::ManifestUnknown)) => Ok(write_referrers(&[])),
            Err(halt) => Err(self
                .refused(pull, &rulebook, pull.image(&reference), halt)
                .await),
        }
    }

    /// Finds the repository behind `name` as it stands in the path.
    ///
    /// With `ns` the path is the repository; else its first component is an upstream's, unless the
    /// listener mirrors one. `host` is the request's authority: `ns` that names it counts as absent.
    ///
    /// # Errors
    /// [`AddressError`] where no configured upstream is meant, or none for sure.
    pub fn address(
        &self,
        listener: &Listener,
        name: &str,
        ns: Namespace<'_>,
        host: Option<&str>,
    ) -> Result<RequestTarget, AddressError> {
        let upstreams = &self.shared.upstreams;
        upstreams.address(&|| self.rulebook(), listener, name, ns, host)
    }

    /// A denial of an address that names no repository here, recorded.
    pub async fn refuse_address(
        &self,
        client: &Client,
        name: &str,
        denial: Denial,
        now: Timestamp,
        started: Instant,
    ) -> Refusal {
        let rulebook = self.rulebook();
        let at = (now, started);
        self.shared
            .records
            .refuse_address(client, &rulebook, name, denial, at)
            .await
    }

    /// Judges one image of a Pod as a pull of it would be judged. Never fails: what
    /// cannot be decided is `undecidable`.
    pub async fn admit(
        &self,
        admission: AdmissionContext<'_>,
        target: &RequestTarget,
        reference: &Reference,
    ) -> AdmissionOutcome {
        let rulebook = self.rulebook();
        let pull = admission.pull(target);
        let image = pull.image(reference);
        let (exposure, source) = admission.exposure(&rulebook, target);
        let found = self.check(pull, &rulebook, exposure, reference, Lane::Layered);
        let admissions = &self.admissions;
        match found.await {
            Ok(FoundVerdict { verdict, .. }) => {
                let what = (&*image, target);
                admissions
                    .judged(admission, &rulebook, what, &verdict, &source)
                    .await
            }
            Err(halt) => {
                let denial = unjudged(&image, halt);
                let what = (&*image, Some(target));
                admissions.refused(admission, &rulebook, what, denial).await
            }
        }
    }

    /// The digest that `reference` means now, to pin it; `None` where it cannot be
    /// resolved.
    pub async fn pin(
        &self,
        admission: AdmissionContext<'_>,
        target: &RequestTarget,
        reference: &Reference,
    ) -> Option<Digest> {
        let rulebook = self.rulebook();
        let pull = admission.pull(target);
        let resolver = &self.shared.resolver;
        let environment = resolver.limits(pull, &rulebook).ok()?;
        let resolved = resolver.resolve(pull, environment, reference, Lane::Layered);
        let resolved = resolved.await.ok()?;
        resolved.warning.is_none().then_some(resolved.digest)
    }

    /// A denial of an image of a Pod before anything of it could be judged.
    pub async fn refuse_image(
        &self,
        admission: AdmissionContext<'_>,
        image: &str,
        denial: Denial,
    ) -> AdmissionOutcome {
        let rulebook = self.rulebook();
        let what = (image, None);
        self.admissions
            .refused(admission, &rulebook, what, denial)
            .await
    }

    /// The mode that holds for a request, whatever its image.
    pub fn mode_of(&self, admission: AdmissionContext<'_>) -> Mode {
        self.admissions.mode(admission, &self.rulebook())
    }

    /// Inspection, for scan submissions and verdict queries.
    pub fn inspector(&self) -> &Inspector {
        &self.inspector
    }

    /// Judgement of images before the push.
    pub fn unpushed(&self) -> &UnpushedJudge {
        &self.unpushed
    }

    /// Judges what is in use again.
    pub fn rejudger(&self) -> &Rejudger {
        &self.rejudger
    }

    /// The rescan forecast.
    pub fn rescans(&self) -> &RescanForecast {
        &self.rescans
    }

    /// What will be denied.
    pub fn forecasts(&self) -> &Forecast {
        &self.forecasts
    }

    /// Judges what was decided since, under the policy in force and another one.
    ///
    /// # Errors
    /// [`InspectError::Unavailable`] where the decisions cannot be read.
    pub async fn replay(&self, replay: &Replay<'_>) -> Result<Replayed, InspectError> {
        self.replayer.replay(&self.rulebook(), replay).await
    }

    /// The policy as it stands; a request reads it once.
    pub fn rulebook(&self) -> Arc<Rulebook> {
        self.rulebook.load_full()
    }

    /// Swaps the whole policy. Cached verdicts of another revision are judged
    /// again at their next request.
    pub fn set_rulebook(&self, rulebook: Rulebook) {
        self.rulebook.store(Arc::new(rulebook));
    }

    pub fn upstreams(&self) -> impl Iterator<Item = &ConfiguredUpstream> {
        self.shared.upstreams.all()
    }

    /// Who holds this token. Memory only.
    pub fn authenticate(&self, token: &str, now: Timestamp) -> Option<Principal> {
        self.shared.ledger.authenticate(token, now)
    }

    pub fn recorder(&self) -> &Recorder {
        &self.shared.records.recorder
    }

    /// Writes the facts that wait. What cannot be written waits on.
    pub async fn write_facts_once(&self) {
        self.shared.facts.write_once(&self.shared.ledger).await;
    }

    /// Marks images that were pulled since `moment` as used in the cache, with all their
    /// blobs, so that an image ages as a whole.
    pub fn touch_pulled_once(&self, moment: Timestamp, now: Timestamp) {
        for subject in self.shared.records.recorder.pulled_since(moment) {
            let closure = self
                .shared
                .closures
                .known(&subject.repository, &subject.digest);
            self.shared
                .server
                .touch(&subject.digest, closure.as_deref(), now);
        }
    }
}

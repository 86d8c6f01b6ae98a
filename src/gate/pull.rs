//! One pull, as a straight line: may it be asked for here, what digest is
//! meant, is it permitted, and only then a byte.

use std::sync::Arc;

use super::judged::Judged;
use super::record::DenialKey;
use super::{DenialAnswer, Gate, Pull, Refusal, ServedBlob, Wanted};
use crate::cache::CachedManifest;
use crate::oci::{Digest, Reference};
use crate::trust::{Denial, DenialReason, Environment, Permit, Rulebook, Verdict};

/// Where served bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Cache,
    Upstream,
}

impl Source {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Upstream => "upstream",
        }
    }
}

/// A manifest that may be sent, verbatim.
#[derive(Debug)]
pub struct ServedManifest {
    pub manifest: Arc<CachedManifest>,
    pub source: Source,
    /// Worth a `Warning: 299` each.
    pub warnings: Vec<String>,
}

impl Gate {
    /// The answer to a manifest pull that needs no waiting: memory only, no
    /// await, no SQL, no formatting. `None`: take [`Gate::pull_manifest`].
    pub fn hot_manifest(
        &self,
        pull: Pull<'_>,
        reference: &Reference,
    ) -> Option<Result<Arc<CachedManifest>, Arc<DenialAnswer>>> {
        let rulebook = self.rulebook.load();
        let environment = rulebook.environment(&pull.asker.listener.environment)?;
        if self.ledger.is_silent(pull.now) || self.limits(pull, environment).is_some() {
            return None;
        }
        let digest = self.known_digest(pull, environment, reference)?;
        let subject = pull.subject(digest);
        let standing = self.check(pull.question(&rulebook, &subject))?;
        match standing.verdict.denial() {
            Some(denial) => {
                let key = DenialKey::of_image(pull.asker, &subject, denial.reason);
                self.recorder.repeated(&key, denial, pull.now).map(Err)
            }
            // Warnings are put together on the layered path.
            None if standing.verdict.has_warnings() => None,
            None => self.hot_pass(pull, &standing.verdict).map(Ok),
        }
    }

    /// A pass that stands in the record already, of a manifest in memory.
    fn hot_pass(&self, pull: Pull<'_>, verdict: &Verdict) -> Option<Arc<CachedManifest>> {
        let permit = verdict.permit(pull.now)?;
        let manifest = self.cache.manifest(permit.digest())?;
        self.recorder
            .passed_before(pull.asker, verdict, pull.now)
            .then_some(manifest)
    }

    /// Serves a manifest, by GET or HEAD alike.
    pub async fn pull_manifest(
        &self,
        pull: Pull<'_>,
        reference: &Reference,
    ) -> Result<ServedManifest, Refusal> {
        let rulebook = self.rulebook();
        let image = pull.image(reference);
        self.admit_request(pull, &rulebook, &image).await?;
        let resolved = self.resolve(pull, &rulebook, reference).await?;
        let subject = pull.subject(resolved.digest);
        let verdict = self.verdict(pull.question(&rulebook, &subject)).await?;
        let permit = self.permit(pull, &image, &verdict).await?;
        let mut served = self.serve_manifest(pull, permit).await?;
        served.warnings.extend(resolved.warning);
        served.warnings.extend(self.shown_warnings(&verdict));
        Ok(served)
    }

    /// Serves a blob of a permitted image. `range` is ignored for HEAD.
    pub async fn pull_blob(
        &self,
        pull: Pull<'_>,
        digest: &Digest,
        wanted: Wanted,
    ) -> Result<ServedBlob, Refusal> {
        let rulebook = self.rulebook();
        let image = pull.image(&Reference::Digest(digest.clone()));
        self.admit_request(pull, &rulebook, &image).await?;
        let permitted = self.permit_blob(pull, &rulebook, &image, digest).await?;
        self.serve_blob(pull, permitted, wanted).await
    }

    /// Whether such a request is answered here at all, whatever it names.
    pub(super) async fn admit_request(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        image: &str,
    ) -> Result<(), Refusal> {
        let Some(environment) = rulebook.environment(&pull.asker.listener.environment) else {
            let denial = Denial::new(
                DenialReason::RegistryNotPermitted,
                "the listener's environment is not configured",
                "run: sekisho check-config",
            );
            return Err(self.refuse(pull, rulebook, image, denial).await);
        };
        match self.limits(pull, environment) {
            Some(denial) => Err(self.refuse(pull, rulebook, image, denial).await),
            None => Ok(()),
        }
    }

    /// What the operator's lists of upstreams and repositories leave out.
    pub(super) fn limits(&self, pull: Pull<'_>, environment: &Environment) -> Option<Denial> {
        let repository = &pull.target.repository;
        let upstream = self.upstreams.get(repository.host())?;
        let permitted = environment.permits_upstream(repository, repository.host())
            && pull
                .asker
                .listener
                .repositories
                .empty_or_matches(repository)
            && upstream.serves(repository);
        (!permitted).then(|| {
            let upstreams = &environment.settings(repository).upstreams;
            let only: Vec<&str> = upstreams.iter().map(|host| host.as_str()).collect();
            Denial::new(
                DenialReason::RegistryNotPermitted,
                format!("{repository} is not served to {}", environment.name),
                if only.is_empty() {
                    format!("ask the operator to list it for {}", environment.name)
                } else {
                    format!("{} pulls only from {}", environment.name, only.join(", "))
                },
            )
        })
    }

    /// A denial that needs no evidence, recorded.
    pub async fn refuse(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        image: &str,
        denial: Denial,
    ) -> Refusal {
        let judged = Judged::refused(pull.asker, &denial, rulebook.revision());
        self.deny(&self.ask(pull, image, None), judged, pull.now)
            .await
    }

    /// The permit that a verdict gives; else its denial, recorded.
    pub(super) async fn permit(
        &self,
        pull: Pull<'_>,
        image: &str,
        verdict: &Verdict,
    ) -> Result<Permit, Refusal> {
        let ask = self.ask(pull, image, Some(verdict.subject().digest.clone()));
        match verdict.permit(pull.now) {
            Some(permit) => {
                if self
                    .recorder
                    .passed(&ask, verdict, Judged::by(verdict), pull.now)
                {
                    self.note_pull(verdict, pull.now);
                }
                Ok(permit)
            }
            None => Err(self.deny(&ask, Judged::by(verdict), pull.now).await),
        }
    }
}

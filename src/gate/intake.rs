//! For those who hand in evidence or ask for a verdict: what an image name
//! means at its upstream, and the verdict that a pull would get.

use std::sync::Arc;

use jiff::Timestamp;

use super::check::{Asked, Question};
use super::closures::Known;
use super::{Gate, Refusal};
use crate::oci::{Closure, Digest, ImageRef, Reference, Repository, Tag};
use crate::trust::{EnvironmentName, JudgedFinding, Promotion, Rulebook, Subject, Verdict};

/// An image as its upstream has it.
#[derive(Clone, Debug)]
pub struct Inspected {
    pub repository: Repository,
    /// The tag it was asked by, if any.
    pub tag: Option<Tag>,
    pub digest: Digest,
    pub closure: Arc<Closure>,
}

/// Why an image cannot be looked at.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InspectError {
    #[error("{0} is no upstream of this gateway; configured are {1}")]
    UnknownUpstream(String, String),
    #[error("the upstream does not serve {0}; its `repositories` leave it out")]
    NotServed(String),
    #[error("{0} is not there; push it first")]
    NotFound(String),
    #[error("{0} cannot be judged: {1}")]
    Unfit(String, String),
    #[error("the upstream cannot answer now: {0}")]
    Unavailable(String),
}

impl Gate {
    /// Looks an image up at its upstream: the digest that its reference means
    /// now, and the closure below it.
    pub async fn inspect(
        &self,
        image: &ImageRef,
        now: Timestamp,
    ) -> Result<Inspected, InspectError> {
        let repository = image.repository();
        self.served(repository)?;
        let digest = match image.reference() {
            Reference::Digest(digest) => digest,
            Reference::Tag(tag) => self
                .resolve_now(repository, &tag)
                .await
                .map_err(|refusal| inspect_error(image, refusal))?,
        };
        let known = self.closure(repository, &digest, now).await;
        let closure = match known.map_err(|refusal| inspect_error(image, refusal))? {
            Known::Recorded(closure) => closure,
            Known::Unrecorded(read) => read.closure,
            Known::Unfit(why) => {
                return Err(InspectError::Unfit(image.to_string(), why.to_string()));
            }
        };
        Ok(Inspected {
            repository: repository.clone(),
            tag: image.tag().cloned(),
            digest,
            closure,
        })
    }

    fn served(&self, repository: &Repository) -> Result<(), InspectError> {
        match self.upstreams.get(repository.host()) {
            Some(upstream) if upstream.serves(repository) => Ok(()),
            Some(_) => Err(InspectError::NotServed(repository.to_string())),
            None => {
                let known: Vec<&str> = self.upstreams.keys().map(|host| host.as_str()).collect();
                let host = repository.host().to_string();
                Err(InspectError::UnknownUpstream(host, known.join(", ")))
            }
        }
    }

    /// The verdict that a pull of `inspected` would get, with the findings that it
    /// turns on. `as_promoted_by`: as if they had promoted it already.
    pub async fn judge_inspected(
        &self,
        rulebook: &Rulebook,
        environment: &EnvironmentName,
        inspected: &Inspected,
        exposure: Asked,
        as_promoted_by: Option<&str>,
        now: Timestamp,
    ) -> (Verdict, Vec<JudgedFinding>) {
        let subject = Subject {
            environment: environment.clone(),
            repository: inspected.repository.clone(),
            digest: inspected.digest.clone(),
        };
        let question = Question {
            rulebook,
            subject: &subject,
            exposure,
            now,
            depth: 0,
        };
        let (mut evidence, _) = self.evidence(question, inspected.closure.clone()).await;
        let supposed = as_promoted_by.map(|who| Promotion::supposed(&subject, who, now));
        evidence.promotions.extend(supposed);
        question.verdict_in_full(&evidence)
    }
}

fn inspect_error(image: &ImageRef, refusal: Refusal) -> InspectError {
    match refusal {
        Refusal::NameUnknown | Refusal::ManifestUnknown | Refusal::BlobUnknown => {
            InspectError::NotFound(image.to_string())
        }
        Refusal::UpstreamUnavailable { why, .. } => InspectError::Unavailable(why),
        Refusal::Denied(_) | Refusal::Undecidable(_) | Refusal::RangeNotSatisfiable(_) => {
            InspectError::Unavailable("no answer".to_owned())
        }
    }
}

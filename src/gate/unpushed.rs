//! An image that no registry has yet, judged by its image ID: build, scan, gate,
//! and only then push.

use std::sync::Arc;

use jiff::Timestamp;

use super::parts::Shared;
use super::pull::{ExposureInput, Question};
use super::upstreams::Upstreams;
use crate::ledger::Ledger;
use crate::oci::{
    ChainId, Closure, Descriptor, Digest, Image, ImageContent, MediaType, Platform, Repository,
    RepositoryName,
};
use crate::trust::{
    EnvironmentName, Evidence, JudgedFinding, Promotion, Rulebook, Scan, Subject, Verdict,
};

/// The repository name used for an image that nobody named.
const UNNAMED: &str = "not-pushed";

/// An image by its ID, and where it will be pushed.
#[derive(Clone, Debug)]
pub struct Unpushed {
    pub image_id: Digest,
    /// `None`: the submitter named no repository, so no rule or exception for a
    /// repository applies.
    pub repository: Option<Repository>,
    /// As the scanner saw it.
    pub platform: Option<Platform>,
    /// As the scanner saw it.
    pub chain_id: Option<ChainId>,
    pub scans: Vec<Arc<Scan>>,
    /// Who asks, as if they had promoted it.
    pub promoter: String,
}

/// Judges images that are in no registry yet.
pub struct UnpushedJudge {
    ledger: Arc<Ledger>,
    upstreams: Arc<Upstreams>,
}

impl UnpushedJudge {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            ledger: shared.ledger.clone(),
            upstreams: shared.upstreams.clone(),
        }
    }

    /// The verdict that the image would get once it is pushed, bound and promoted,
    /// with the findings that it turns on.
    pub fn judge(
        &self,
        rulebook: &Rulebook,
        environment: &EnvironmentName,
        image: &Unpushed,
        exposure: ExposureInput,
        now: Timestamp,
    ) -> Option<(Verdict, Vec<JudgedFinding>)> {
        let subject = Subject {
            environment: environment.clone(),
            repository: match &image.repository {
                Some(repository) => repository.clone(),
                None => self.anywhere(rulebook, environment)?,
            },
            digest: image.image_id.clone(),
        };
        let question = Question {
            rulebook,
            subject: &subject,
            exposure,
            now,
            depth: 0,
        };
        let evidence = self.evidence(question, image);
        Some(question.verdict_in_full(&evidence))
    }

    fn evidence(&self, question: Question<'_>, image: &Unpushed) -> Evidence {
        let subject = question.subject;
        let index = self.ledger.index();
        let settings = question.settings();
        let deployed = settings.and_then(|settings| settings.platforms.first());
        let platform = image.platform.as_ref().or(deployed).cloned();
        let closure = stand_in(image, platform.unwrap_or_else(default_platform));
        let (_, timed_mode) = index.overrides(subject, &[]);
        Evidence {
            scans: image.scans.clone(),
            promotions: vec![Promotion::hypothetical(
                subject,
                &image.promoter,
                question.now,
            )],
            revocations: index.revocations(&image.image_id),
            timed_mode,
            unpushed: true,
            confirmed: !self.ledger.is_silent(question.now),
            ..Evidence::none(Arc::new(closure))
        }
    }

    /// A repository of an upstream that the environment pulls from, to which no rule
    /// applies.
    fn anywhere(&self, rulebook: &Rulebook, environment: &EnvironmentName) -> Option<Repository> {
        let name = RepositoryName::parse(UNNAMED).ok()?;
        let environment = rulebook.environment(environment)?;
        let listed = environment.settings.upstreams.first();
        let host = listed.or_else(|| self.upstreams.all().next().map(|it| &it.host))?;
        Some(Repository::new(host.clone(), name))
    }
}

fn default_platform() -> Platform {
    Platform::new("linux", "amd64", None)
}

/// An image whose manifest is not known yet; its ID stands for it.
fn stand_in(image: &Unpushed, platform: Platform) -> Closure {
    let config = Descriptor {
        media_type: MediaType::OCI_CONFIG,
        digest: image.image_id.clone(),
        size: 0,
        platform: None,
        artifact_type: None,
    };
    Closure::of_image(&Image {
        manifest: image.image_id.clone(),
        media_type: MediaType::OCI_MANIFEST,
        size: 0,
        content: ImageContent::Runnable {
            platform,
            chain_id: image.chain_id.clone(),
        },
        config,
        layers: Vec::new(),
        subject: None,
    })
}

//! What the content is, and so which evidence it needs: images, indexes, charts,
//! signatures, attestations (rules 2 and 13).

use super::judgement::Judgement;
use super::scans::judge_scans;
use super::{CheckOutcome, DenialReason};
use crate::oci::{Child, ChildOutcome, Image, ImageContent, MediaType, Platform};

impl<'a> Judgement<'a> {
    /// An image manifest that is asked for by itself.
    pub(super) fn judge_alone(&mut self, image: &'a Image) {
        match &image.content {
            ImageContent::Runnable { platform, .. } => self.judge_runnable(image, platform),
            ImageContent::Attestation => self.judge_attestation(),
            ImageContent::Artifact { artifact_type } => {
                if self.is_referrer(image, artifact_type) {
                    self.judge_referrer("a referrer");
                } else if self.admits_artifact(image, artifact_type) {
                    self.judge_evidence(&[image], false);
                }
            }
        }
    }

    fn judge_runnable(&mut self, image: &'a Image, platform: &Platform) {
        if self.settings.deploys(platform) {
            self.judge_base(image);
            return self.judge_evidence(&[image], false);
        }
        let environment = &self.subject.environment;
        let detail = format!("{platform} is not deployed to {environment}");
        self.deny(
            DenialReason::PlatformNotAllowed,
            detail,
            "pull a listed platform",
        );
    }

    /// Rule 2: as bad as the worst child that is deployed.
    pub(super) fn judge_index(&mut self, children: &'a [Child]) {
        let deployed: Vec<&Child> = children.iter().filter(|it| self.deploys(it)).collect();
        if deployed.is_empty() {
            let environment = &self.subject.environment;
            let detail = format!("no platform of this index is deployed to {environment}");
            return self.deny(
                DenialReason::PlatformNotAllowed,
                detail,
                "build a listed platform",
            );
        }
        let readable: Vec<&Image> = deployed
            .into_iter()
            .filter_map(|child| self.readable(child))
            .collect();
        let several = readable.len() > 1;
        for image in readable.iter().filter(|image| image.platform().is_some()) {
            self.turn_to(several.then_some(*image));
            self.judge_base(image);
        }
        self.turn_to(None);
        self.judge_evidence(&readable, true);
    }

    fn judge_evidence(&mut self, images: &[&Image], of_index: bool) {
        judge_scans(self, images, of_index);
        self.judge_promotion();
    }

    /// The image of a deployed entry, if its index may hold it.
    fn readable(&mut self, child: &'a Child) -> Option<&'a Image> {
        match &child.outcome {
            ChildOutcome::Image(image) => {
                if let ImageContent::Artifact { artifact_type } = &image.content {
                    self.admits_artifact(image, artifact_type);
                }
                return Some(image);
            }
            ChildOutcome::Absent => self.deny(
                DenialReason::PlatformNotScanned,
                format!("{} is absent upstream", child.descriptor.digest.short()),
                "push the whole index, or list the platforms you deploy",
            ),
            ChildOutcome::Refused(why) => self.deny(
                DenialReason::ManifestRefused,
                why.clone(),
                "rebuild the image as plain OCI",
            ),
        }
        None
    }

    /// Whether a child counts.
    pub(super) fn deploys(&self, child: &Child) -> bool {
        self.settings.deploys_child(child)
    }

    /// Rule 13: other artifacts need a rule that names their type.
    fn admits_artifact(&mut self, image: &Image, artifact_type: &MediaType) -> bool {
        let mut next = "a repository rule can name its type in artifact_types";
        let detail = if image.has_runnable_layers() {
            format!("it says that it is {artifact_type}, and its layers run")
        } else if self.settings.artifact_types.contains(artifact_type) {
            return true;
        } else if self.settings.referrer_types.contains(artifact_type) {
            next = "pull it by the tag that names its image";
            format!("{artifact_type} that refers to no image, as far as is known")
        } else {
            format!("artifact type {artifact_type} is not served")
        };
        self.deny(DenialReason::ManifestRefused, detail, next);
        false
    }

    fn is_referrer(&self, image: &Image, artifact_type: &MediaType) -> bool {
        image.subject.is_some()
            && self.settings.referrer_types.contains(artifact_type)
            && !image.has_runnable_layers()
    }

    /// An attestation's layers are unverified, and some runtimes unpack any layer: served
    /// only where the configuration allows it.
    fn judge_attestation(&mut self) {
        if self.settings.referrer_types.contains(&MediaType::IN_TOTO) {
            return self.judge_referrer("an attestation");
        }
        let next = format!("list {} in referrer_types", MediaType::IN_TOTO);
        let detail = "attestations are not served here";
        self.deny(DenialReason::ManifestRefused, detail, next);
    }

    /// Rule 13: a referrer is permitted if its subject is.
    fn judge_referrer(&mut self, what: &str) {
        match self.consult(&self.evidence.subject_permitted) {
            Some(true) => {
                let text = format!("{what} of a permitted image");
                self.check("subject", CheckOutcome::Met, text);
            }
            Some(false) | None => self.deny(
                DenialReason::NotInAdmittedImage,
                format!("{what} of an image that is not permitted"),
                "admit the image that it refers to",
            ),
        }
    }
}

//! The one function of judgement (rules 1, 2, 3, 6, 7, 8, 9, 12 and 13 of
//! `docs/judgement.md`), as a walk over what a subject consists of.

use jiff::{SignedDuration, Timestamp};

use super::scans::judge_scans;
use super::{
    Check, CheckOutcome, Class, Denial, DenialReason, Environment, Evidence, Exposure,
    ExposureSource, Mode, Promotion, Requirement, Revocation, Rulebook, Settings, Subject, Verdict,
};
use crate::oci::{Child, ChildOutcome, Content, Image, Shape};

impl Rulebook {
    /// Judges `subject` on `evidence`. Pure: the same input gives the same
    /// verdict, and at every moment before its `valid_until` too.
    pub fn judge(
        &self,
        subject: &Subject,
        evidence: &Evidence,
        exposure: (Exposure, ExposureSource),
        now: Timestamp,
    ) -> Verdict {
        let Some(environment) = self.environment(&subject.environment) else {
            return self.unknown_environment(subject, exposure);
        };
        let mut judgement = Judgement::new(environment, subject, evidence, exposure.0, now);
        judgement.vouched = self.vouched(subject, evidence, now);
        judgement.walk(environment);
        judgement.verdict(exposure, self.revision())
    }

    fn unknown_environment(
        &self,
        subject: &Subject,
        exposure: (Exposure, ExposureSource),
    ) -> Verdict {
        let detail = format!("no environment is called {}", subject.environment);
        let next = "name one of the configuration";
        Verdict {
            denials: vec![Denial::new(
                DenialReason::RegistryNotPermitted,
                detail,
                next,
            )],
            ..Verdict::blank(subject, Mode::Enforce, exposure, self.revision())
        }
    }

    /// What an upstream's word stands in for, and until when (rule 9).
    fn vouched(&self, subject: &Subject, evidence: &Evidence, now: Timestamp) -> Vouched {
        let word = self.vouching(subject.repository.host(), &subject.environment, now);
        match (word, evidence.vouched_until) {
            (Some(vouching), Some(seen_until)) if now < seen_until => Vouched {
                requirements: vouching.requirements.clone(),
                until: Some(seen_until.min(vouching.until)),
            },
            _ => Vouched::default(),
        }
    }
}

/// What is vouched for.
#[derive(Default)]
pub(super) struct Vouched {
    requirements: Vec<Requirement>,
    until: Option<Timestamp>,
}

/// One judgement while it is being made.
pub(super) struct Judgement<'a> {
    pub(super) subject: &'a Subject,
    pub(super) evidence: &'a Evidence,
    pub(super) settings: &'a Settings,
    pub(super) exposure: Exposure,
    pub(super) now: Timestamp,
    vouched: Vouched,
    denials: Vec<Denial>,
    checks: Vec<Check>,
    rests_on: Vec<String>,
    oldest: Option<Timestamp>,
    valid_until: Option<Timestamp>,
}

impl<'a> Judgement<'a> {
    fn new(
        environment: &'a Environment,
        subject: &'a Subject,
        evidence: &'a Evidence,
        exposure: Exposure,
        now: Timestamp,
    ) -> Self {
        Self {
            subject,
            evidence,
            settings: environment.settings(&subject.repository),
            exposure,
            now,
            vouched: Vouched::default(),
            denials: Vec::new(),
            checks: Vec::new(),
            rests_on: Vec::new(),
            oldest: None,
            valid_until: None,
        }
    }

    fn walk(&mut self, environment: &Environment) {
        self.judge_revocations();
        if self.is_platform_image(environment) {
            return;
        }
        let evidence = self.evidence;
        match evidence.closure.shape() {
            Shape::Image(image) => self.judge_alone(image),
            Shape::Index(children) => self.judge_index(children),
        }
        if !evidence.confirmed {
            self.judge_unconfirmed();
        }
    }

    /// The ledger could not be asked: what is missing may be there.
    fn judge_unconfirmed(&mut self) {
        self.denials.retain(|denial| match denial.reason.class() {
            Class::Withdrawn | Class::Structural => true,
            Class::Evidence | Class::Harm | Class::OwnFailure => false,
        });
        self.deny(
            DenialReason::Undecidable,
            "not a policy denial: records unreachable",
            "retried automatically",
        );
    }

    /// Rule 12: served without papers, by digest only.
    fn is_platform_image(&mut self, environment: &Environment) -> bool {
        let root = self.evidence.closure.root();
        let listed = std::iter::once(root)
            .chain(&self.evidence.above)
            .find_map(|digest| environment.platform_image(digest));
        if let Some(image) = listed {
            self.check("platform-image", CheckOutcome::Met, image.reason.clone());
        }
        listed.is_some()
    }

    fn judge_alone(&mut self, image: &'a Image) {
        match &image.content {
            Content::Runnable { platform, .. } if !self.settings.deploys(platform) => {
                let detail = format!("{platform} is not deployed to {}", self.subject.environment);
                self.deny(
                    DenialReason::PlatformNotAllowed,
                    detail,
                    "pull a listed platform",
                );
            }
            Content::Runnable { .. } => {
                judge_scans(self, &[image], false);
                self.judge_promotion();
            }
            Content::Attestation => self.judge_referrer("an attestation"),
            Content::Artifact { artifact_type } => {
                if self.is_served_referrer(image) {
                    self.judge_referrer("a referrer");
                } else if self.settings.artifact_types.contains(artifact_type)
                    && !image.has_runnable_layers()
                {
                    judge_scans(self, &[image], false);
                    self.judge_promotion();
                } else {
                    let detail = format!("artifact type {artifact_type} is not served");
                    self.deny(
                        DenialReason::ManifestRefused,
                        detail,
                        "a repository rule can name it in artifact_types",
                    );
                }
            }
        }
    }

    fn is_served_referrer(&self, image: &Image) -> bool {
        let listed = match &image.content {
            Content::Artifact { artifact_type } => {
                self.settings.referrer_types.contains(artifact_type)
            }
            Content::Runnable { .. } | Content::Attestation => false,
        };
        listed && image.subject.is_some() && !image.has_runnable_layers()
    }

    /// Rule 13: what refers to an image goes the way of that image.
    fn judge_referrer(&mut self, what: &str) {
        match self.evidence.subject_permitted_until {
            Some(until) if self.now < until => {
                self.expires(until);
                self.check(
                    "subject",
                    CheckOutcome::Met,
                    format!("{what} of a permitted image"),
                );
            }
            _ => self.deny(
                DenialReason::NotInAdmittedImage,
                format!("{what} of an image that is not permitted"),
                "admit the image that it refers to",
            ),
        }
    }

    /// Rule 2: as bad as the worst child that is deployed.
    fn judge_index(&mut self, children: &'a [Child]) {
        let mut images = Vec::new();
        for child in children {
            if !self.deploys(child) {
                continue;
            }
            match &child.outcome {
                ChildOutcome::Image(image) => images.push(&**image),
                ChildOutcome::Absent => self.deny(
                    DenialReason::PlatformNotScanned,
                    format!("{} is absent upstream", child.descriptor.digest),
                    "push the whole index, or list the platforms you deploy",
                ),
                ChildOutcome::Refused(why) => self.deny(
                    DenialReason::ManifestRefused,
                    why.clone(),
                    "rebuild the image as plain OCI",
                ),
            }
        }
        if images.is_empty() && self.denials.is_empty() {
            let detail = format!(
                "no platform of this index is deployed to {}",
                self.subject.environment
            );
            self.deny(
                DenialReason::PlatformNotAllowed,
                detail,
                "build a listed platform",
            );
        }
        self.refuse_artifacts(&images);
        judge_scans(self, &images, true);
        self.judge_promotion();
    }

    fn refuse_artifacts(&mut self, images: &[&Image]) {
        let unlisted = images.iter().find_map(|image| match &image.content {
            Content::Artifact { artifact_type }
                if !self.settings.artifact_types.contains(artifact_type) =>
            {
                Some(artifact_type.clone())
            }
            _ => None,
        });
        if let Some(artifact_type) = unlisted {
            let detail = format!("the index holds an artifact of type {artifact_type}");
            self.deny(
                DenialReason::ManifestRefused,
                detail,
                "a repository rule can name it in artifact_types",
            );
        }
    }

    /// Whether a child counts. What cannot be read counts by its descriptor's
    /// platform: it is never served itself, so a false one gains nothing.
    fn deploys(&self, child: &Child) -> bool {
        match child.image().map(|image| &image.content) {
            Some(Content::Attestation) => false,
            Some(Content::Runnable { platform, .. }) => self.settings.deploys(platform),
            Some(Content::Artifact { .. }) => true,
            None => child
                .descriptor
                .platform
                .as_ref()
                .is_none_or(|platform| self.settings.deploys(platform)),
        }
    }

    /// Rule 6: for the digest, everything below it, and an index that deploys it.
    fn judge_revocations(&mut self) {
        let evidence = self.evidence;
        let hit = evidence.revocations.iter().find(|revocation| {
            let narrowed = revocation.environment.as_ref();
            narrowed.is_none_or(|name| *name == self.subject.environment)
                && self.revocation_reaches(revocation)
        });
        if let Some(revocation) = hit {
            let detail = format!("revoked: {}", revocation.reason);
            self.rests_on.push(format!("revocation:{}", revocation.id));
            self.deny(
                DenialReason::Revoked,
                detail,
                "use another version; an on-call person can reinstate it",
            );
        } else {
            self.check("revocation", CheckOutcome::Met, "not revoked");
        }
    }

    /// A revoked child that is not deployed does not deny its index; anything
    /// else that the ledger found does.
    fn revocation_reaches(&self, revocation: &Revocation) -> bool {
        let Shape::Index(children) = self.evidence.closure.shape() else {
            return true;
        };
        let holds = |child: &&Child| {
            child.descriptor.digest == revocation.digest
                || child
                    .image()
                    .is_some_and(|image| image.blobs().any(|blob| blob.digest == revocation.digest))
        };
        let mut below = children.iter().filter(holds).peekable();
        below.peek().is_none() || below.any(|child| self.deploys(child))
    }

    fn judge_promotion(&mut self) {
        if !self.settings.requires(Requirement::Promotion) {
            return;
        }
        let evidence = self.evidence;
        match evidence.promotions.iter().max_by_key(|p| p.promoted_at) {
            Some(promotion) => self.promoted(promotion),
            None if self.vouches_for(Requirement::Promotion) => {}
            None => self.deny(
                DenialReason::NotPromoted,
                format!("not promoted to {}", self.subject.environment),
                format!(
                    "ask a promoter to run: sekisho promote {}@{} --to {}",
                    self.subject.repository, self.subject.digest, self.subject.environment
                ),
            ),
        }
    }

    fn promoted(&mut self, promotion: &Promotion) {
        self.rests_on.push(format!("promotion:{}", promotion.id));
        self.check(
            "promotion",
            CheckOutcome::Met,
            format!(
                "promoted by {} at {}",
                promotion.promoter, promotion.promoted_at
            ),
        );
    }

    /// Whether the upstream's word stands in for absent evidence.
    pub(super) fn vouches_for(&mut self, requirement: Requirement) -> bool {
        let word = self.vouched.requirements.contains(&requirement);
        if let (true, Some(until)) = (word, self.vouched.until) {
            self.expires(until);
            let name = match requirement {
                Requirement::Scan => "scan",
                Requirement::Promotion => "promotion",
            };
            let text = format!("vouched for by {}", self.subject.repository.host());
            self.check(name, CheckOutcome::Met, text);
        }
        word
    }

    pub(super) fn deny(
        &mut self,
        reason: DenialReason,
        detail: impl Into<String>,
        next: impl Into<String>,
    ) {
        let denial = Denial::new(reason, detail, next);
        self.check(reason.code(), CheckOutcome::Failed, denial.detail.clone());
        self.denials.push(denial);
    }

    pub(super) fn check(
        &mut self,
        requirement: &'static str,
        outcome: CheckOutcome,
        text: impl Into<String>,
    ) {
        self.checks.push(Check {
            requirement,
            outcome,
            text: text.into(),
        });
    }

    /// Notes that time alone may change the verdict at `moment`.
    pub(super) fn expires(&mut self, moment: Timestamp) {
        if self.now < moment {
            self.valid_until = Some(self.valid_until.map_or(moment, |until| until.min(moment)));
        }
    }

    pub(super) fn rests_on(&mut self, evidence: String, from: Timestamp) {
        self.rests_on.push(evidence);
        self.oldest = Some(self.oldest.map_or(from, |oldest| oldest.min(from)));
    }

    fn verdict(mut self, exposure: (Exposure, ExposureSource), rulebook: u64) -> Verdict {
        self.denials.sort_by_key(|denial| denial.reason);
        Verdict {
            denials: self.denials,
            checks: self.checks,
            evidence: self.rests_on,
            oldest_evidence: self.oldest,
            valid_until: self.valid_until,
            ..Verdict::blank(self.subject, self.settings.mode, exposure, rulebook)
        }
    }
}

/// `moment + duration`, or the end of time.
pub(super) fn after(moment: Timestamp, duration: SignedDuration) -> Timestamp {
    moment.checked_add(duration).unwrap_or(Timestamp::MAX)
}

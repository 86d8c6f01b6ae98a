//! The one function of judgement, as a walk over what a subject consists of
//! (`docs/judgement.md` has the rules by number).

use jiff::Timestamp;

use super::judgement::Judgement;
use super::{
    CheckOutcome, Denial, DenialReason, Environment, Evidence, Exposure, ExposureSource,
    JudgedFinding, MAX_LIST_CHARS, Mode, ReasonClass, Rulebook, Subject, Verdict,
};
use crate::oci::{Shape, listed};

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
        self.walk(subject, evidence, exposure, now, false).0
    }

    /// The same, with the findings that the verdict turns on, gravest first.
    pub fn judge_in_full(
        &self,
        subject: &Subject,
        evidence: &Evidence,
        exposure: (Exposure, ExposureSource),
        now: Timestamp,
    ) -> (Verdict, Vec<JudgedFinding>) {
        self.walk(subject, evidence, exposure, now, true)
    }

    fn walk(
        &self,
        subject: &Subject,
        evidence: &Evidence,
        exposure: (Exposure, ExposureSource),
        now: Timestamp,
        in_full: bool,
    ) -> (Verdict, Vec<JudgedFinding>) {
        let Some(environment) = self.environment(&subject.environment) else {
            return (self.unknown_environment(subject, exposure), Vec::new());
        };
        let mut judgement = Judgement {
            subject,
            evidence,
            settings: environment.settings(&subject.repository),
            exposure: exposure.0,
            in_full,
            now,
            rulebook: self,
            state: Default::default(),
        };
        let mode = judgement.judge_mode();
        judgement.walk(environment);
        judgement.judge_break_glass();
        let verdict = Verdict {
            media_type: Some(evidence.closure.media_type().interned()),
            ..Verdict::blank(subject, mode, exposure, self.revision())
        };
        let findings = judgement.state.take_findings();
        (judgement.state.into_verdict(verdict), findings)
    }

    fn unknown_environment(
        &self,
        subject: &Subject,
        exposure: (Exposure, ExposureSource),
    ) -> Verdict {
        let denial = Denial::new(
            DenialReason::RegistryNotPermitted,
            format!("no environment is called {}", subject.environment),
            "name one of the configuration",
        );
        Verdict::refused(subject, Mode::Enforce, exposure, self.revision(), denial)
    }
}

impl Judgement<'_> {
    fn walk(&mut self, environment: &Environment) {
        self.judge_place(environment);
        self.judge_revocations();
        self.judge_advisories_on_digests();
        if self.is_platform_image(environment) {
            return;
        }
        let evidence = self.evidence;
        match evidence.closure.shape() {
            Shape::Image(image) => self.judge_alone(image),
            Shape::Index(children) => self.judge_index(children),
        }
        self.judge_age();
        if !evidence.confirmed {
            self.judge_unconfirmed();
        }
    }

    /// What is denied whatever the evidence says: an upstream that the environment does
    /// not permit.
    fn judge_place(&mut self, environment: &Environment) {
        let (subject, settings) = (self.subject, self.settings);
        if *self.evidence.closure.root() != subject.digest {
            let detail = "what was read is not what was asked for";
            self.deny(DenialReason::ManifestRefused, detail, "pull it by digest");
        }
        let host = subject.repository.host();
        if !environment.permits_upstream(&subject.repository, host) {
            let name = &environment.name;
            let only: Vec<&str> = settings
                .upstreams
                .iter()
                .map(|host| host.as_str())
                .collect();
            self.deny(
                DenialReason::RegistryNotPermitted,
                format!("{} is not served to {name}", subject.repository),
                format!("{name} pulls only from {}", listed(&only, MAX_LIST_CHARS)),
            );
        }
    }

    /// Rule 12: a platform image is served without evidence, by digest only.
    fn is_platform_image(&mut self, environment: &Environment) -> bool {
        let listed = std::iter::once(&self.subject.digest)
            .chain(&self.evidence.parents)
            .find_map(|digest| environment.platform_image(digest));
        if let Some(image) = listed {
            self.check("platform-image", CheckOutcome::Met, image.reason.clone());
        }
        listed.is_some()
    }

    /// The ledger could not be asked: what is missing may be there, and what
    /// speaks against it may be gone.
    fn judge_unconfirmed(&mut self) {
        self.state.withdraw(|reason| match reason.class() {
            ReasonClass::Withdrawn | ReasonClass::Structural => false,
            ReasonClass::Evidence | ReasonClass::Harm | ReasonClass::OwnFailure => true,
        });
        self.deny(
            DenialReason::Undecidable,
            "not a policy denial: records unreachable",
            "retried automatically",
        );
    }
}

//! An image of a Pod, judged before any node pulls it: the same resolve and the
//! same verdict as the pull, under what only a cluster knows.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::check::{Asked, Question};
use super::judged::{Ask, Judged};
use super::{Asker, DenialAnswer, Gate, Pull, Refusal, Target};
use crate::oci::{Digest, Reference, printable};
use crate::trust::{
    Denial, DenialReason, Door, Exposure, ExposureSource, Mode, Place, Rulebook, Verdict,
    denial_message,
};

/// What is kept of a name that leads nowhere, in characters.
const NAME_LIMIT: usize = 300;

/// Who asks to run something, and where.
#[derive(Clone, Copy)]
pub struct Admission<'a> {
    /// Its listener stands for the cluster: environment and exposure.
    pub asker: &'a Asker,
    pub place: &'a Place,
    /// The namespace's own mode; `None`: the environment's.
    pub mode: Option<Mode>,
    /// How outside requests reach the Pod, if they do. It only makes stricter.
    pub reached_by: Option<&'a str>,
    /// Whether it is only tried: then nothing is recorded.
    pub dry_run: bool,
    /// Read once, by the door.
    pub now: Timestamp,
    pub started: Instant,
}

/// What came of one image.
#[derive(Clone, Debug)]
pub struct Admitted {
    pub digest: Option<Digest>,
    /// The gravest reason that neither mode nor break-glass lifts.
    pub denial: Option<Denial>,
    /// The recorded denial, with its id; none of a pass or a trial.
    pub answer: Option<Arc<DenialAnswer>>,
    /// Lines worth showing all the same.
    pub warnings: Vec<String>,
    pub mode: Mode,
    /// Revision of the rulebook.
    pub rulebook: u64,
}

impl Admitted {
    pub fn is_allowed(&self) -> bool {
        self.denial.is_none()
    }

    /// The line that says why not, or what would be said in `enforce`.
    pub fn message(&self) -> Option<String> {
        let denial = self.denial.as_ref()?;
        let recorded = self.answer.as_ref().map(|it| it.message().to_owned());
        Some(recorded.unwrap_or_else(|| denial_message(denial, "")))
    }
}

impl<'a> Admission<'a> {
    /// Outside requests make an internal image external, never the reverse.
    fn exposure(&self, rulebook: &Rulebook, target: &Target) -> (Asked, ExposureSource) {
        let own = self.asker.listener.exposure;
        match (rulebook.exposure(&target.repository, own), self.reached_by) {
            ((Exposure::Internal, _), Some(path)) => {
                let path = printable(path, NAME_LIMIT);
                (Asked::Raised, ExposureSource::Cluster(path))
            }
            ((_, source), _) => (Asked::Listener(own), source),
        }
    }

    fn pull(&self, target: &'a Target) -> Pull<'a> {
        Pull {
            asker: self.asker,
            target,
            now: self.now,
            started: self.started,
        }
    }

    /// The namespace's mode replaces the configured one; a mode that was set for
    /// some hours still lets through what it was set for.
    fn mode(&self, configured: Mode, in_force: Mode) -> Mode {
        match self.mode {
            None => in_force,
            Some(own) if in_force != configured => own.min(in_force),
            Some(own) => own,
        }
    }
}

impl Gate {
    /// Judges one image as a pull of it would be judged. Never fails: what cannot
    /// be decided is `undecidable`.
    pub async fn admit(
        &self,
        admission: Admission<'_>,
        target: &Target,
        reference: &Reference,
    ) -> Admitted {
        let rulebook = self.rulebook();
        let pull = admission.pull(target);
        let image = pull.image(reference);
        let Some(environment) = rulebook.environment(&admission.asker.listener.environment) else {
            let denial = homeless();
            return self.refused(admission, Mode::Enforce, &image, denial).await;
        };
        let configured = environment.settings(&target.repository).mode;
        if let Some(denial) = self.limits(pull, environment) {
            return self.refused(admission, configured, &image, denial).await;
        }
        let (exposure, source) = admission.exposure(&rulebook, target);
        let judged = async {
            let resolved = self.resolve(pull, &rulebook, reference).await?;
            let subject = pull.subject(resolved.digest);
            let question = Question {
                exposure,
                ..pull.question(&rulebook, &subject)
            };
            self.verdict(question).await
        };
        match judged.await {
            Ok(verdict) => {
                let mode = admission.mode(configured, verdict.mode());
                let verdict = match mode == verdict.mode() {
                    true => verdict,
                    false => Arc::new(verdict.under(mode)),
                };
                self.judged(admission, target, &image, &verdict, &source)
                    .await
            }
            Err(refusal) => {
                let denial = unresolved(&image, &refusal);
                self.refused(admission, configured, &image, denial).await
            }
        }
    }

    /// The digest that `reference` means now, for who would write it down; `None`
    /// where nobody can say.
    pub async fn pin(
        &self,
        admission: Admission<'_>,
        target: &Target,
        reference: &Reference,
    ) -> Option<Digest> {
        let rulebook = self.rulebook();
        let pull = admission.pull(target);
        let environment = rulebook.environment(&admission.asker.listener.environment)?;
        if self.limits(pull, environment).is_some() {
            return None;
        }
        let resolved = self.resolve(pull, &rulebook, reference).await.ok()?;
        resolved.warning.is_none().then_some(resolved.digest)
    }

    /// A denial of an image before anything of it could be judged.
    pub async fn refuse_image(
        &self,
        admission: Admission<'_>,
        image: &str,
        denial: Denial,
    ) -> Admitted {
        self.refused(admission, self.configured_mode(admission), image, denial)
            .await
    }

    /// The mode that holds for who asks, whatever image it is about.
    pub fn mode_of(&self, admission: Admission<'_>) -> Mode {
        let configured = self.configured_mode(admission);
        admission.mode(configured, self.mode_in_force(admission, configured))
    }

    fn configured_mode(&self, admission: Admission<'_>) -> Mode {
        let rulebook = self.rulebook();
        let environment = rulebook.environment(&admission.asker.listener.environment);
        environment.map_or(Mode::Enforce, |found| found.settings.mode)
    }

    async fn refused(
        &self,
        admission: Admission<'_>,
        configured: Mode,
        image: &str,
        denial: Denial,
    ) -> Admitted {
        let rulebook = self.rulebook().revision();
        let mode = admission.mode(configured, self.mode_in_force(admission, configured));
        let judged = Judged::refused(admission.asker, &denial, rulebook).under(mode);
        let ask = self.ask_to_run(admission, image, None, None);
        let recorded = match (admission.dry_run, judged.denial()) {
            (true, _) => None,
            (false, Some(_)) => self.recorder.denied(&ask, judged, admission.now).await,
            (false, None) => self.recorder.lifted(&ask, judged, admission.now).await,
        };
        let lifted = judged.denial().is_none() && mode == Mode::Warn;
        Admitted {
            digest: None,
            warnings: lifted
                .then(|| denial_message(&denial, ""))
                .into_iter()
                .collect(),
            answer: recorded,
            denial: judged.denial().cloned(),
            mode,
            rulebook,
        }
    }

    /// The mode that somebody set for some hours, else the configured one.
    fn mode_in_force(&self, admission: Admission<'_>, configured: Mode) -> Mode {
        let environment = &admission.asker.listener.environment;
        let set = self.ledger.index().timed_mode(environment);
        set.filter(|set| set.holds(admission.now))
            .map_or(configured, |set| set.mode)
    }

    async fn judged(
        &self,
        admission: Admission<'_>,
        target: &Target,
        image: &str,
        verdict: &Verdict,
        source: &ExposureSource,
    ) -> Admitted {
        let digest = verdict.subject().digest.clone();
        let judged = Judged::by(verdict).exposed_by(source);
        let answer = if admission.dry_run {
            None
        } else {
            let ask = self.ask_to_run(admission, image, Some(target), Some(digest.clone()));
            match verdict.denial() {
                Some(_) => self.recorder.denied(&ask, judged, admission.now).await,
                None => {
                    self.recorder.passed(&ask, verdict, judged, admission.now);
                    None
                }
            }
        };
        Admitted {
            digest: Some(digest),
            denial: verdict.denial().cloned(),
            answer,
            warnings: self.shown_warnings(verdict),
            mode: verdict.mode(),
            rulebook: verdict.rulebook(),
        }
    }

    fn ask_to_run<'a>(
        &self,
        admission: Admission<'a>,
        image: &str,
        target: Option<&'a Target>,
        digest: Option<Digest>,
    ) -> Ask<'a> {
        Ask {
            door: Door::Admission,
            place: Some(admission.place),
            asker: admission.asker,
            image: printable(image, NAME_LIMIT),
            repository: target.map(|target| &target.repository),
            digest,
            started: admission.started,
            ledger_age_s: self.ledger_age(admission.now),
        }
    }
}

fn homeless() -> Denial {
    Denial::new(
        DenialReason::RegistryNotPermitted,
        "the cluster's environment is not configured",
        "run: sekisho check-config",
    )
}

/// Why there is nothing to judge. What is absent has no papers either.
fn unresolved(image: &str, refusal: &Refusal) -> Denial {
    match refusal {
        Refusal::NameUnknown | Refusal::ManifestUnknown | Refusal::BlobUnknown => Denial::new(
            DenialReason::NotScanned,
            format!("{image} is not at its upstream"),
            "push it, then hand in its scan",
        ),
        Refusal::Denied(answer) | Refusal::Undecidable(answer) => answer.denial().clone(),
        Refusal::UpstreamUnavailable { .. } => {
            Denial::undecidable("the upstream cannot answer now")
        }
        Refusal::RangeNotSatisfiable(_) => Denial::undecidable("no answer"),
    }
}

//! An image of a Pod, judged before any node pulls it: the same resolve and the
//! same verdict as the pull, under what only a cluster knows.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::judged::{Ask, Judged};
use super::parts::Shared;
use super::pull::{Asker, Halt, Pull, Target};
use super::question::ExposureInput;
use super::records::{Records, shown_warnings};
use super::refusal::{DenialAnswer, Refusal};
use crate::ledger::Ledger;
use crate::oci::{Digest, printable};
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
    pub(super) fn exposure(
        &self,
        rulebook: &Rulebook,
        target: &Target,
    ) -> (ExposureInput, ExposureSource) {
        let own = self.asker.listener.exposure;
        match (rulebook.exposure(&target.repository, own), self.reached_by) {
            ((Exposure::Internal, _), Some(path)) => {
                let path = printable(path, NAME_LIMIT);
                (ExposureInput::Reached, ExposureSource::Cluster(path))
            }
            ((_, source), _) => (ExposureInput::Listener(own), source),
        }
    }

    pub(super) fn pull(&self, target: &'a Target) -> Pull<'a> {
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

/// Tells a cluster what came of its images, and records it.
pub(super) struct Admissions {
    ledger: Arc<Ledger>,
    records: Arc<Records>,
}

impl Admissions {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            ledger: shared.ledger.clone(),
            records: shared.records.clone(),
        }
    }

    /// The mode that holds for who asks, whatever image it is about.
    pub(super) fn mode(&self, admission: Admission<'_>, rulebook: &Rulebook) -> Mode {
        let configured = configured_mode(admission, rulebook, None);
        admission.mode(configured, self.mode_in_force(admission, configured))
    }

    /// The mode that somebody set for some hours, else the configured one.
    fn mode_in_force(&self, admission: Admission<'_>, configured: Mode) -> Mode {
        let environment = &admission.asker.listener.environment;
        let set = self.ledger.index().timed_mode(environment);
        set.filter(|set| set.holds(admission.now))
            .map_or(configured, |set| set.mode)
    }

    /// A denial of an image of which nothing could be judged, recorded.
    pub(super) async fn refused(
        &self,
        admission: Admission<'_>,
        rulebook: &Rulebook,
        (image, target): (&str, Option<&Target>),
        denial: Denial,
    ) -> Admitted {
        let configured = configured_mode(admission, rulebook, target);
        let rulebook = rulebook.revision();
        let mode = admission.mode(configured, self.mode_in_force(admission, configured));
        let judged = Judged::refused(admission.asker, &denial, rulebook).under(mode);
        let ask = self.ask_to_run(admission, image, None, None);
        let recorded = match (admission.dry_run, judged.denial()) {
            (true, _) => None,
            (false, Some(_)) => {
                self.records
                    .recorder
                    .denied(&ask, judged, admission.now)
                    .await
            }
            (false, None) => {
                self.records
                    .recorder
                    .lifted(&ask, judged, admission.now)
                    .await
            }
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

    /// A verdict, under the mode of the namespace, recorded.
    pub(super) async fn judged(
        &self,
        admission: Admission<'_>,
        rulebook: &Rulebook,
        (image, target): (&str, &Target),
        verdict: &Verdict,
        source: &ExposureSource,
    ) -> Admitted {
        let configured = configured_mode(admission, rulebook, Some(target));
        let mode = admission.mode(configured, verdict.mode());
        if mode != verdict.mode() {
            let verdict = verdict.under(mode);
            return self
                .recorded(admission, (image, target), &verdict, source)
                .await;
        }
        self.recorded(admission, (image, target), verdict, source)
            .await
    }

    async fn recorded(
        &self,
        admission: Admission<'_>,
        (image, target): (&str, &Target),
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
                Some(_) => {
                    self.records
                        .recorder
                        .denied(&ask, judged, admission.now)
                        .await
                }
                None => {
                    self.records
                        .recorder
                        .passed(&ask, verdict, judged, admission.now);
                    None
                }
            }
        };
        Admitted {
            digest: Some(digest),
            denial: verdict.denial().cloned(),
            answer,
            warnings: shown_warnings(verdict),
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
            ledger_age_s: self.records.ledger_age(admission.now),
        }
    }
}

/// What the operator wrote for the image, or for the environment where no
/// repository is known.
fn configured_mode(admission: Admission<'_>, rulebook: &Rulebook, target: Option<&Target>) -> Mode {
    let environment = rulebook.environment(&admission.asker.listener.environment);
    environment.map_or(Mode::Enforce, |environment| match target {
        Some(target) => environment.settings(&target.repository).mode,
        None => environment.settings.mode,
    })
}

/// Why there is nothing to judge. What is absent has no evidence either.
pub(super) fn unjudged(image: &str, halt: Halt) -> Denial {
    let refusal = match halt {
        Halt::NotServed(denial) => return denial,
        Halt::BeyondMemory => return Denial::undecidable("no answer"),
        Halt::Refused(refusal) => refusal,
    };
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

//! Judges an image of a Pod before any node pulls it: resolved and judged as a pull, with
//! the exposure and mode that the cluster knows.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::parts::Shared;
use super::pull::{Client, ExposureInput, Halt, Pull, RequestTarget};
use super::record::{JudgedRequest, Records, RequestRecord, shown_warnings};
use super::refusal::{DenialAnswer, Refusal};
use crate::ledger::Ledger;
use crate::oci::{Digest, printable};
use crate::trust::{
    Denial, DenialReason, Door, Exposure, ExposureSource, Mode, Rulebook, Verdict,
    WorkloadLocation, denial_message,
};

/// The longest unresolvable image name in a record, in characters.
const MAX_NAME_CHARS: usize = 300;

/// Who asks to run something, and where.
#[derive(Clone, Copy)]
pub struct AdmissionContext<'a> {
    /// Its listener stands for the cluster: environment and exposure.
    pub client: &'a Client,
    pub place: &'a WorkloadLocation,
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
pub struct AdmissionOutcome {
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

impl AdmissionOutcome {
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

impl<'a> AdmissionContext<'a> {
    /// Outside requests make an internal image external, never the reverse.
    pub(super) fn exposure(
        &self,
        rulebook: &Rulebook,
        target: &RequestTarget,
    ) -> (ExposureInput, ExposureSource) {
        let own = self.client.listener.exposure;
        match (rulebook.exposure(&target.repository, own), self.reached_by) {
            ((Exposure::Internal, _), Some(path)) => {
                let path = printable(path, MAX_NAME_CHARS);
                (ExposureInput::Reached, ExposureSource::Cluster(path))
            }
            ((_, source), _) => (ExposureInput::Listener(own), source),
        }
    }

    pub(super) fn pull(&self, target: &'a RequestTarget) -> Pull<'a> {
        Pull {
            client: self.client,
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

/// Builds the answers to admission requests, and records them.
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

    /// The mode that holds for a request, whatever its image.
    pub(super) fn mode(&self, admission: AdmissionContext<'_>, rulebook: &Rulebook) -> Mode {
        let configured = configured_mode(admission, rulebook, None);
        admission.mode(configured, self.mode_in_force(admission, configured))
    }

    /// The timed mode that holds, else the configured one.
    fn mode_in_force(&self, admission: AdmissionContext<'_>, configured: Mode) -> Mode {
        let environment = &admission.client.listener.environment;
        let set = self.ledger.index().timed_mode(environment);
        set.filter(|set| set.holds(admission.now))
            .map_or(configured, |set| set.mode)
    }

    /// A denial of an image of which nothing could be judged, recorded.
    pub(super) async fn refused(
        &self,
        admission: AdmissionContext<'_>,
        rulebook: &Rulebook,
        (image, target): (&str, Option<&RequestTarget>),
        denial: Denial,
    ) -> AdmissionOutcome {
        let configured = configured_mode(admission, rulebook, target);
        let rulebook = rulebook.revision();
        let mode = admission.mode(configured, self.mode_in_force(admission, configured));
        let judged = JudgedRequest::refused(admission.client, &denial, rulebook).under(mode);
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
        AdmissionOutcome {
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
        admission: AdmissionContext<'_>,
        rulebook: &Rulebook,
        (image, target): (&str, &RequestTarget),
        verdict: &Verdict,
        source: &ExposureSource,
    ) -> AdmissionOutcome {
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
        admission: AdmissionContext<'_>,
        (image, target): (&str, &RequestTarget),
        verdict: &Verdict,
        source: &ExposureSource,
    ) -> AdmissionOutcome {
        let digest = verdict.subject().digest.clone();
        let judged = JudgedRequest::by(verdict).exposed_by(source);
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
        AdmissionOutcome {
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
        admission: AdmissionContext<'a>,
        image: &str,
        target: Option<&'a RequestTarget>,
        digest: Option<Digest>,
    ) -> RequestRecord<'a> {
        RequestRecord {
            door: Door::Admission,
            place: Some(admission.place),
            client: admission.client,
            image: printable(image, MAX_NAME_CHARS),
            repository: target.map(|target| &target.repository),
            digest,
            started: admission.started,
            ledger_age_s: self.records.ledger_age(admission.now),
        }
    }
}

/// What the operator wrote for the image, or for the environment where no
/// repository is known.
fn configured_mode(
    admission: AdmissionContext<'_>,
    rulebook: &Rulebook,
    target: Option<&RequestTarget>,
) -> Mode {
    let environment = rulebook.environment(&admission.client.listener.environment);
    environment.map_or(Mode::Enforce, |environment| match target {
        Some(target) => environment.settings(&target.repository).mode,
        None => environment.settings.mode,
    })
}

/// The denial for an image that cannot be resolved. One that is absent upstream is
/// `not-scanned`.
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
        Refusal::TagNotPromoted(denial) => (*denial).clone(),
        Refusal::Denied(answer) | Refusal::Undecidable(answer) => answer.denial().clone(),
        Refusal::UpstreamFailed(error) => {
            let detail = format!("not a policy denial: {}", error.summary());
            Denial::new(DenialReason::Undecidable, detail, error.next_step())
        }
        Refusal::Delayed(_) | Refusal::RangeNotSatisfiable(_) => Denial::undecidable("no answer"),
    }
}

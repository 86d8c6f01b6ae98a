//! What a pull leaves in the record: a denial with its answer, or a pass.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::facts::Facts;
use super::judged::{Ask, Judged};
use super::open_denials::DenialKey;
use super::pull::{Asker, Halt, Lane, Pull};
use super::record::Recorder;
use super::refusal::{DenialAnswer, Refusal};
use crate::ledger::Ledger;
use crate::oci::{Digest, Reference, printable};
use crate::trust::{Denial, DenialReason, Door, Mode, Permit, Rulebook, Verdict, denial_message};

/// The longest name kept of something that lies nowhere, in characters.
const NAME_LIMIT: usize = 300;
/// Decisions say how old the ledger's word is from here on, in seconds.
const STALE_AFTER_S: i64 = 5;

/// Hands what was decided to the recorder, in the words of a pull.
pub(super) struct Records {
    pub(super) recorder: Recorder,
    ledger: Arc<Ledger>,
    facts: Arc<Facts>,
}

impl Records {
    pub(super) fn new(recorder: Recorder, ledger: Arc<Ledger>, facts: Arc<Facts>) -> Self {
        Self {
            recorder,
            ledger,
            facts,
        }
    }

    /// The permit that a verdict gives; else its denial, recorded.
    pub(super) async fn permit(
        &self,
        pull: Pull<'_>,
        reference: &Reference,
        verdict: &Verdict,
        lane: Lane,
    ) -> Result<Permit, Halt> {
        if let Some(permit) = verdict.permit(pull.now) {
            return Ok(permit);
        }
        match lane {
            Lane::Memory => Err(self.denied_before(pull, verdict)),
            Lane::Layered => Err(Box::pin(self.denied(pull, reference, verdict)).await.into()),
        }
    }

    /// The answer to a denial that is open already, counted once more.
    fn denied_before(&self, pull: Pull<'_>, verdict: &Verdict) -> Halt {
        let Some(denial) = verdict.denial() else {
            return Halt::BeyondMemory;
        };
        let key = DenialKey::of_image(pull.asker, verdict.subject(), denial.reason);
        match self.recorder.repeated(&key, denial, pull.now) {
            Some(answer) => refusal(answer).into(),
            None => Halt::BeyondMemory,
        }
    }

    async fn denied(&self, pull: Pull<'_>, reference: &Reference, verdict: &Verdict) -> Refusal {
        let ask = self.ask(pull, reference, Some(verdict.subject().digest.clone()));
        self.deny(&ask, Judged::by(verdict), pull.now).await
    }

    /// Records a pass. In memory: only one that stands in the record already, and
    /// without anything to warn of.
    pub(super) fn passed(
        &self,
        pull: Pull<'_>,
        reference: &Reference,
        verdict: &Verdict,
        lane: Lane,
    ) -> Result<(), Halt> {
        if lane == Lane::Memory {
            let recorder = &self.recorder;
            let known =
                !verdict.has_warnings() && recorder.passed_before(pull.asker, verdict, pull.now);
            return known.then_some(()).ok_or(Halt::BeyondMemory);
        }
        let ask = self.ask(pull, reference, Some(verdict.subject().digest.clone()));
        let judged = Judged::by(verdict);
        if self.recorder.passed(&ask, verdict, judged, pull.now) {
            // The subject was served: a fact that later judgement needs.
            self.facts.served(verdict.subject(), pull.now);
        }
        Ok(())
    }

    /// A blob that a denied image holds, recorded under the blob's own name.
    pub(super) async fn deny_blob(
        &self,
        pull: Pull<'_>,
        blob: &Digest,
        verdict: &Verdict,
    ) -> Refusal {
        let ask = self.ask(pull, &Reference::Digest(blob.clone()), Some(blob.clone()));
        self.deny(&ask, Judged::by(verdict), pull.now).await
    }

    /// A denial that needs no evidence, recorded. `image`: as it was asked for.
    pub(super) async fn refuse(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        image: String,
        denial: Denial,
    ) -> Refusal {
        let judged = Judged::refused(pull.asker, &denial, rulebook.revision());
        let ask = self.ask_of(pull, image, None);
        self.deny(&ask, judged, pull.now).await
    }

    /// A denial of an address that names no repository here, recorded.
    pub(super) async fn refuse_address(
        &self,
        asker: &Asker,
        rulebook: &Rulebook,
        name: &str,
        denial: Denial,
        (now, started): (Timestamp, Instant),
    ) -> Refusal {
        let ask = Ask {
            door: Door::Registry,
            asker,
            place: None,
            image: printable(name, NAME_LIMIT),
            repository: None,
            digest: None,
            started,
            ledger_age_s: None,
        };
        let judged = Judged::refused(asker, &denial, rulebook.revision());
        self.deny(&ask, judged, now).await
    }

    async fn deny(&self, ask: &Ask<'_>, judged: Judged<'_>, now: Timestamp) -> Refusal {
        match self.recorder.denied(ask, judged, now).await {
            Some(answer) => refusal(answer),
            // The verdict allows, but its time ran out meanwhile.
            None => Refusal::judged_too_late(),
        }
    }

    fn ask<'a>(&self, pull: Pull<'a>, reference: &Reference, digest: Option<Digest>) -> Ask<'a> {
        self.ask_of(pull, pull.image(reference), digest)
    }

    fn ask_of<'a>(&self, pull: Pull<'a>, image: String, digest: Option<Digest>) -> Ask<'a> {
        Ask {
            door: Door::Registry,
            asker: pull.asker,
            place: None,
            image,
            repository: Some(pull.repository()),
            digest,
            started: pull.started,
            ledger_age_s: self.ledger_age(pull.now),
        }
    }

    /// Age of what is known of the ledger, in seconds, when it is not fresh.
    pub(super) fn ledger_age(&self, now: Timestamp) -> Option<i64> {
        let age = self.ledger.confirmed_age(now).as_secs();
        (age > STALE_AFTER_S).then_some(age)
    }
}

fn refusal(answer: Arc<DenialAnswer>) -> Refusal {
    match answer.denial().reason {
        DenialReason::Undecidable => Refusal::Undecidable(answer),
        _ => Refusal::Denied(answer),
    }
}

/// What `warn` shows of the reasons that it lifts, and what runs out soon.
pub(super) fn shown_warnings(verdict: &Verdict) -> Vec<String> {
    let lifted = verdict
        .lifted()
        .filter(|_| verdict.mode() == Mode::Warn)
        .map(|denial| denial_message(denial, ""));
    let soon = verdict.warnings().map(|text| format!("sekisho: {text}"));
    lifted.chain(soon).collect()
}

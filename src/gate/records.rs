//! Records the outcome of a pull: a denial with its answer, or a pass.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::decision::{JudgedRequest, RequestRecord};
use super::facts::PullFacts;
use super::open_denials::DenialKey;
use super::pull::{Client, Halt, Lane, Pull};
use super::record::Recorder;
use super::refusal::{DenialAnswer, Refusal};
use crate::ledger::Ledger;
use crate::oci::{Digest, Reference, printable};
use crate::trust::{Denial, DenialReason, Door, Mode, Permit, Rulebook, Verdict, denial_message};

/// The longest unresolvable image name in a record, in characters.
const MAX_NAME_CHARS: usize = 300;
/// From this age on, in seconds, decisions record how old the ledger's data are.
const STALE_AFTER_SECONDS: i64 = 5;

/// Passes the outcomes of pulls to the recorder.
pub(super) struct Records {
    pub(super) recorder: Recorder,
    ledger: Arc<Ledger>,
    facts: Arc<PullFacts>,
}

impl Records {
    pub(super) fn new(recorder: Recorder, ledger: Arc<Ledger>, facts: Arc<PullFacts>) -> Self {
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
        let key = DenialKey::of_image(pull.client, verdict.subject(), denial.reason);
        match self.recorder.repeated(&key, denial, pull.now) {
            Some(answer) => refusal(answer).into(),
            None => Halt::BeyondMemory,
        }
    }

    async fn denied(&self, pull: Pull<'_>, reference: &Reference, verdict: &Verdict) -> Refusal {
        let ask = self.ask(pull, reference, Some(verdict.subject().digest.clone()));
        self.deny(&ask, JudgedRequest::by(verdict), pull.now).await
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
                !verdict.has_warnings() && recorder.passed_before(pull.client, verdict, pull.now);
            return known.then_some(()).ok_or(Halt::BeyondMemory);
        }
        let ask = self.ask(pull, reference, Some(verdict.subject().digest.clone()));
        let judged = JudgedRequest::by(verdict);
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
        self.deny(&ask, JudgedRequest::by(verdict), pull.now).await
    }

    /// A denial that needs no evidence, recorded. `image`: as it was asked for.
    pub(super) async fn refuse(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        image: String,
        denial: Denial,
    ) -> Refusal {
        let judged = JudgedRequest::refused(pull.client, &denial, rulebook.revision());
        let ask = self.ask_of(pull, image, None);
        self.deny(&ask, judged, pull.now).await
    }

    /// A denial of an address that names no repository here, recorded.
    pub(super) async fn refuse_address(
        &self,
        client: &Client,
        rulebook: &Rulebook,
        name: &str,
        denial: Denial,
        (now, started): (Timestamp, Instant),
    ) -> Refusal {
        let ask = RequestRecord {
            door: Door::Registry,
            client,
            place: None,
            image: printable(name, MAX_NAME_CHARS),
            repository: None,
            digest: None,
            started,
            ledger_age_s: None,
        };
        let judged = JudgedRequest::refused(client, &denial, rulebook.revision());
        self.deny(&ask, judged, now).await
    }

    async fn deny(
        &self,
        ask: &RequestRecord<'_>,
        judged: JudgedRequest<'_>,
        now: Timestamp,
    ) -> Refusal {
        match self.recorder.denied(ask, judged, now).await {
            Some(answer) => refusal(answer),
            // The verdict allows, but its time ran out meanwhile.
            None => Refusal::judged_too_late(),
        }
    }

    fn ask<'a>(
        &self,
        pull: Pull<'a>,
        reference: &Reference,
        digest: Option<Digest>,
    ) -> RequestRecord<'a> {
        self.ask_of(pull, pull.image(reference), digest)
    }

    fn ask_of<'a>(
        &self,
        pull: Pull<'a>,
        image: String,
        digest: Option<Digest>,
    ) -> RequestRecord<'a> {
        RequestRecord {
            door: Door::Registry,
            client: pull.client,
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
        (age > STALE_AFTER_SECONDS).then_some(age)
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

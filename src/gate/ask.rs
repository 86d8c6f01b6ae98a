//! What one request asks, in the words that judgement and record need.

use std::time::Instant;

use jiff::Timestamp;

use super::check::{Asked, Question};
use super::judged::{Ask, Judged};
use super::{Asker, Gate, Refusal, Target};
use crate::oci::{Digest, Reference, printable};
use crate::trust::{Denial, DenialReason, Door, Rulebook, Subject, Verdict};

/// What one request asks of a target.
#[derive(Clone, Copy)]
pub struct Pull<'a> {
    pub asker: &'a Asker,
    pub target: &'a Target,
    /// Read once, by the door.
    pub now: Timestamp,
    /// When the request came in, for durations.
    pub started: Instant,
}

impl<'a> Pull<'a> {
    pub(super) fn subject(&self, digest: Digest) -> Subject {
        Subject {
            environment: self.asker.listener.environment.clone(),
            repository: self.target.repository.clone(),
            digest,
        }
    }

    pub(super) fn question(&self, rulebook: &'a Rulebook, subject: &'a Subject) -> Question<'a> {
        Question {
            rulebook,
            subject,
            exposure: Asked::Listener(self.asker.listener.exposure),
            now: self.now,
            depth: 0,
        }
    }

    /// The image as it is written: `host/name:tag` or `host/name@digest`.
    pub(super) fn image(&self, reference: &Reference) -> String {
        match reference {
            Reference::Tag(tag) => format!("{}:{tag}", self.target.repository),
            Reference::Digest(digest) => format!("{}@{digest}", self.target.repository),
        }
    }
}

impl Gate {
    pub(super) fn ask<'a>(&self, pull: Pull<'a>, image: &str, digest: Option<Digest>) -> Ask<'a> {
        Ask {
            door: Door::Registry,
            asker: pull.asker,
            place: None,
            image: image.to_owned(),
            repository: Some(&pull.target.repository),
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

    /// A denial of an address that names no repository here, recorded.
    pub async fn refuse_address(
        &self,
        asker: &Asker,
        name: &str,
        denial: Denial,
        now: Timestamp,
        started: Instant,
    ) -> Refusal {
        let rulebook = self.rulebook();
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

    /// Records a denial and says it.
    pub(super) async fn deny(&self, ask: &Ask<'_>, judged: Judged<'_>, now: Timestamp) -> Refusal {
        let undecidable = judged
            .denial()
            .is_none_or(|denial| denial.reason == DenialReason::Undecidable);
        match self.recorder.denied(ask, judged, now).await {
            Some(answer) if undecidable => Refusal::Undecidable(answer),
            Some(answer) => Refusal::Denied(answer),
            // The verdict allows, but its time ran out meanwhile.
            None => Refusal::judged_too_late(),
        }
    }

    /// What `warn` shows of the reasons that it lifts, and what runs out soon.
    pub(super) fn shown_warnings(&self, verdict: &Verdict) -> Vec<String> {
        let lifted = verdict
            .lifted()
            .filter(|_| verdict.mode() == crate::trust::Mode::Warn)
            .map(|denial| crate::trust::denial_message(denial, ""));
        let soon = verdict.warnings().map(|text| format!("sekisho: {text}"));
        lifted.chain(soon).collect()
    }

    /// The subject was served: a fact that later judgement needs.
    pub(super) fn note_pull(&self, verdict: &Verdict, now: Timestamp) {
        self.facts.served(verdict.subject(), now);
    }
}

/// What is kept of a name that leads nowhere, in characters.
const NAME_LIMIT: usize = 300;
/// Decisions say how old the ledger's word is from here on.
const STALE_AFTER_S: i64 = 5;
